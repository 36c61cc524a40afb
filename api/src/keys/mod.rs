//! The keys that tokens are checked with.
//!
//! An algorithm follows from a key ([`verification_key`]), never from a token. The keys are fixed from the start
//! (secrets, or the public keys of a [`pem_file`]), or those of a key set at a URL: [`fetch`] gets it,
//! [`key_set`] reads it, [`cache`] keeps it and decides when it is fetched.

mod cache;
mod fetch;
mod key_set;
mod pem_file;
mod verification_key;

pub(crate) use cache::TOKEN_KEYS;
pub use cache::{KeyCache, Lifetimes};
pub use verification_key::VerificationKey;

use self::fetch::Fetcher;
use crate::token::KeySource;
use jsonwebtoken::{Algorithm, Header};
use pfp_shared::{config::Connections, tls};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Why there are no keys to check tokens with.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file of public keys can't be used.
    #[error("PFP_JWT_PUBLIC_KEY={path} can't be used: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The key set can't be asked for at all.
    #[error("PFP_JWT_JWKS_URL can't be used: {0}")]
    Client(String),
    /// The certificate authorities can't be read.
    #[error(transparent)]
    Tls(#[from] tls::TlsConfigError),
}

/// Why no key fits a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    /// No key is for the token's algorithm, or the one that it names is for another.
    Algorithm,
    /// The token names a key that isn't known.
    UnknownId,
    /// The keys can't be had at the moment, so that nothing can be said of the token.
    Unavailable,
}

/// What is known of a key set's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceState {
    /// The last fetch succeeded.
    pub is_up: bool,
    /// There are keys to check tokens with.
    pub has_keys: bool,
}

/// The keys. Cheap to clone.
#[derive(Clone)]
pub enum Keys {
    /// Known from the start.
    Fixed(Arc<[VerificationKey]>),
    /// Those of a key set, which may change.
    KeySet(KeyCache, Arc<Fetcher>),
}

impl Keys {
    /// The keys of a source. A key set isn't asked for yet.
    ///
    /// # Errors
    /// The file holds something else than public keys that can be used, or no TLS client can be made.
    pub fn new(source: &KeySource, connections: &Connections) -> Result<Self, KeysError> {
        match source {
            KeySource::Secrets { current, previous } => {
                let secrets = std::iter::once(current).chain(previous);
                let keys =
                    secrets.map(|secret| VerificationKey::from_secret(secret.expose().as_bytes())).collect();
                Ok(Self::Fixed(keys))
            }
            KeySource::File(path) => pem_file::read(path).map(|keys| Self::Fixed(keys.into())),
            KeySource::KeySet(source) => {
                let fetcher = Fetcher::new(source, tls::client_config(connections)?)?;
                Ok(Self::KeySet(KeyCache::new(Lifetimes::of(source)), Arc::new(fetcher)))
            }
        }
    }

    /// The keys that a token with this header may be signed with. Keys of a file or secrets have no ids: there
    /// the token's is ignored.
    ///
    /// # Errors
    /// None fits.
    pub async fn find(&self, header: &Header) -> Result<Vec<VerificationKey>, NoKey> {
        match self {
            Self::Fixed(keys) => for_algorithm(keys.iter(), header.alg),
            Self::KeySet(cache, _) => cache.find(header).await,
        }
    }

    /// The algorithms of the keys that are known now, for a person to read.
    #[must_use]
    pub fn algorithms(&self) -> Vec<&'static str> {
        let keys = match self {
            Self::Fixed(keys) => Arc::clone(keys),
            Self::KeySet(cache, _) => cache.keys(),
        };
        let mut names: Vec<_> = keys.iter().map(VerificationKey::algorithm_name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Keeps a key set fresh until told to stop.
    pub async fn keep(&self, stop: &CancellationToken) {
        if let Self::KeySet(cache, fetcher) = self {
            cache.keep(|| fetcher.fetch(), stop).await;
        }
    }

    /// What is known of the source, where it may be out.
    #[must_use]
    pub fn source_state(&self) -> Option<SourceState> {
        match self {
            Self::Fixed(_) => None,
            Self::KeySet(cache, _) => Some(cache.state()),
        }
    }

    /// Sets the gauge of the key set's age.
    pub fn show(&self) {
        if let Self::KeySet(cache, _) = self
            && let Some(age) = cache.age()
        {
            metrics::gauge!("pfp_token_keys_age_seconds").set(age.as_secs_f64());
        }
    }
}

/// Those of the keys that are for an algorithm.
fn for_algorithm<'a>(
    keys: impl Iterator<Item = &'a VerificationKey>,
    algorithm: Algorithm,
) -> Result<Vec<VerificationKey>, NoKey> {
    let fitting: Vec<_> = keys.filter(|key| key.algorithm == algorithm).cloned().collect();
    if fitting.is_empty() { Err(NoKey::Algorithm) } else { Ok(fitting) }
}
