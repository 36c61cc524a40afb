//! What tokens are checked with. Exactly one source of keys is configured, and it decides which algorithms there
//! are.

use pfp_shared::config::{ConfigError, Secret, Settings};
use std::{path::PathBuf, time::Duration};
use url::{Host, Url};

/// A key shorter than the hash's output weakens HS256 (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;

const SECRET: &str = "PFP_JWT_SECRET";
const PREVIOUS: &str = "PFP_JWT_SECRET_PREVIOUS";
const PUBLIC_KEY: &str = "PFP_JWT_PUBLIC_KEY";
const KEY_SET: &str = "PFP_JWT_JWKS_URL";

/// How tokens are checked.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    pub(crate) keys: KeySource,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) leeway: Duration,
}

/// Where the keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// Secrets: HS256.
    Secrets {
        /// What tokens are signed with.
        current: Secret,
        /// The one before, while it is being rotated.
        previous: Option<Secret>,
    },
    /// A PEM file of public keys.
    File(PathBuf),
    /// A key set of public keys.
    KeySet(KeySetSource),
}

/// A key set at a URL.
#[derive(Debug, Clone)]
pub struct KeySetSource {
    /// Its address: `https`, or `http` on this machine.
    pub url: Url,
    /// How old the set gets before it is fetched again.
    pub max_age: Duration,
    /// How much longer its keys are used while it can't be fetched.
    pub max_stale: Duration,
    /// The least time between two fetches because of tokens.
    pub cooldown: Duration,
    /// The longest that a fetch may take.
    pub timeout: Duration,
}

impl TokenConfig {
    /// Reads it.
    ///
    /// # Errors
    /// There is no source of keys or more than one, a secret is too short, or the URL isn't safe to ask.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            keys: key_source(settings)?,
            issuer: settings.text("PFP_JWT_ISSUER").map(str::to_owned),
            audience: settings.text("PFP_JWT_AUDIENCE").map(str::to_owned),
            leeway: settings.duration("PFP_JWT_LEEWAY"),
        })
    }
}

/// A mistake in any of them must not fall back to another one.
fn key_source(settings: &Settings) -> Result<KeySource, ConfigError> {
    let current = long_enough(settings, SECRET)?;
    let previous = long_enough(settings, PREVIOUS)?;
    if current.is_none() && previous.is_some() {
        return Err(ConfigError::Missing {
            name: SECRET.to_owned(),
            help: format!("{PREVIOUS} is only the one before it"),
        });
    }
    match (current, settings.text(PUBLIC_KEY), settings.text(KEY_SET)) {
        (Some(current), None, None) => Ok(KeySource::Secrets { current, previous }),
        (None, Some(path), None) => Ok(KeySource::File(PathBuf::from(path))),
        (None, None, Some(url)) => Ok(KeySource::KeySet(key_set(settings, url)?)),
        (None, None, None) => Err(ConfigError::Missing {
            name: format!("one of {SECRET}, {PUBLIC_KEY} and {KEY_SET}"),
            help: "what tokens are checked with".to_owned(),
        }),
        (secret, file, url) => {
            let set = [(SECRET, secret.is_some()), (PUBLIC_KEY, file.is_some()), (KEY_SET, url.is_some())];
            let names: Vec<_> = set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect();
            Err(ConfigError::Contradiction {
                names: names.join(" and "),
                help: "tokens are checked with exactly one of them".to_owned(),
            })
        }
    }
}

fn long_enough(settings: &Settings, name: &str) -> Result<Option<Secret>, ConfigError> {
    let secret = settings.secret(name);
    if secret.as_ref().is_some_and(|secret| secret.expose().len() < SHORTEST_SECRET) {
        return Err(ConfigError::BadValue {
            name: name.to_owned(),
            value: "[secret]".to_owned(),
            expected: format!("{SHORTEST_SECRET} bytes or more"),
        });
    }
    Ok(secret)
}

fn key_set(settings: &Settings, text: &str) -> Result<KeySetSource, ConfigError> {
    let bad = |expected: &str| ConfigError::BadValue {
        name: KEY_SET.to_owned(),
        value: "[secret]".to_owned(),
        expected: expected.to_owned(),
    };
    let url = Url::parse(text).map_err(|_| bad("a URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("a URL without user and password"));
    }
    // Who can change the set on its way can sign as any user.
    if url.scheme() != "https" && !is_this_machine(&url) {
        return Err(bad("a URL starting with https://, or with http:// and a host of this machine"));
    }
    Ok(KeySetSource {
        url,
        max_age: settings.duration("PFP_JWT_JWKS_MAX_AGE"),
        max_stale: settings.duration("PFP_JWT_JWKS_MAX_STALE"),
        cooldown: settings.duration("PFP_JWT_JWKS_COOLDOWN"),
        timeout: settings.duration("PFP_JWT_JWKS_TIMEOUT"),
    })
}

/// Whether a URL names this machine.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfp_shared::config::UsedBy;

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    fn read(values: &[(&str, &str)]) -> Result<KeySource, String> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = Settings::from_values(values, UsedBy::Api).map_err(|error| error.to_string())?;
        TokenConfig::from_settings(&settings).map(|config| config.keys).map_err(|error| error.to_string())
    }

    #[test]
    fn exactly_one_source_of_keys_is_required() {
        assert!(matches!(read(&[(SECRET, LONG)]), Ok(KeySource::Secrets { previous: None, .. })));
        assert!(matches!(read(&[(PUBLIC_KEY, "keys.pem")]), Ok(KeySource::File(_))));
        assert!(matches!(read(&[(KEY_SET, "https://id.test/jwks")]), Ok(KeySource::KeySet(_))));
        let told = read(&[]).unwrap_err();
        assert!(told.starts_with("one of PFP_JWT_SECRET, PFP_JWT_PUBLIC_KEY and PFP_JWT_JWKS_URL"), "{told}");
        for (both, names) in [
            ([(SECRET, LONG), (PUBLIC_KEY, "k")], "PFP_JWT_SECRET and PFP_JWT_PUBLIC_KEY"),
            ([(SECRET, LONG), (KEY_SET, "https://h/")], "PFP_JWT_SECRET and PFP_JWT_JWKS_URL"),
            ([(PUBLIC_KEY, "k"), (KEY_SET, "https://h/")], "PFP_JWT_PUBLIC_KEY and PFP_JWT_JWKS_URL"),
        ] {
            let told = read(&both).unwrap_err();
            assert_eq!(
                told,
                format!("{names} are set together: tokens are checked with exactly one of them")
            );
        }
        let told = read(&[(PUBLIC_KEY, "k"), (PREVIOUS, LONG)]).unwrap_err();
        assert!(told.starts_with("PFP_JWT_SECRET is required"), "{told}");
    }

    #[test]
    fn a_key_set_comes_by_https_or_from_this_machine() {
        for url in ["https://id.test/k", "http://127.0.0.1:1/k", "http://[::1]/k", "http://localhost:8080/"] {
            assert!(read(&[(KEY_SET, url)]).is_ok(), "{url}");
        }
        for url in [
            "http://id.test/k",
            "http://10.0.0.1/k",
            "http://localhost.id.test/k",
            "http://127.0.0.1.id.test/k",
            "http://127.0.0.1@id.test/k",
            "https://u:hunter2@id.test/k",
            "ftp://localhost/k",
        ] {
            let told = read(&[(KEY_SET, url)]).unwrap_err();
            assert!(told.starts_with("PFP_JWT_JWKS_URL=[secret] can't be used"), "{told}");
        }
    }
}
