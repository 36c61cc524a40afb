//! The check of a token: signed by a known key, in time, by and for whom it has to be.

use super::{LONGEST_USER_ID, TokenConfig, is_user_id};
use crate::keys::{Keys, KeysError, NoKey, VerificationKey};
use http::{HeaderMap, header::AUTHORIZATION};
use jsonwebtoken::{Header, Validation, errors::ErrorKind};
use pfp_shared::{
    config::Connections,
    failure::{Failure, FailureCode},
};
use serde::Deserialize;
use serde_json::Value;

/// A longer token is refused unread.
const LONGEST_TOKEN: usize = 8 << 10;

/// What is read of a token, after its claims were checked.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: String,
    #[serde(default)]
    iss: Value,
}

/// Checks tokens. The keys, and with them the algorithms, are configured: nothing in a token chooses them, and
/// keys that it carries or points to (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: Keys,
    issuer: Option<String>,
    /// But for the algorithm, which is the key's.
    validation: Validation,
}

impl TokenVerifier {
    /// A verifier for these settings.
    ///
    /// # Errors
    /// The keys can't be read.
    pub fn new(config: &TokenConfig, connections: &Connections) -> Result<Self, KeysError> {
        Ok(Self::with_keys(config, Keys::new(&config.keys, connections)?))
    }

    fn with_keys(config: &TokenConfig, keys: Keys) -> Self {
        let mut validation = Validation::default();
        let mut required = vec!["exp", "sub"];
        validation.leeway = config.leeway.as_secs();
        validation.validate_nbf = true;
        if let Some(issuer) = &config.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.validate_aud = config.audience.is_some();
        if let Some(audience) = &config.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Self { keys, issuer: config.issuer.clone(), validation }
    }

    /// What tokens are checked with.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The user that a request's token names. Waits only where the token names a key that isn't known yet.
    ///
    /// # Errors
    /// `token_missing`, `token_invalid`, `token_expired`, or `token_keys_unavailable`.
    pub async fn user(&self, headers: &HeaderMap) -> Result<String, Failure> {
        let token = bearer(headers)?;
        if token.len() > LONGEST_TOKEN {
            let length = token.len();
            let failure =
                invalid(format!("The token has {length} bytes; at most {LONGEST_TOKEN} are taken."));
            return Err(failure.limit(LONGEST_TOKEN).actual(length));
        }
        let header = self.header(token)?;
        let keys = self.keys.find(&header).await.map_err(|reason| self.no_key(reason))?;
        let mut refusal = ErrorKind::InvalidSignature;
        for key in &keys {
            match self.claims(token, key) {
                Ok(claims) => return self.user_of(claims),
                // Signed by another key: perhaps by the one before.
                Err(error @ ErrorKind::InvalidSignature) => refusal = error,
                Err(error) => return Err(self.refused(&error)),
            }
        }
        Err(self.refused(&refusal))
    }

    fn header(&self, token: &str) -> Result<Header, Failure> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
            // An algorithm that the library doesn't know, such as `none`, looks the same.
            ErrorKind::Json(_) => {
                self.algorithm("The token's header can't be read, or its algorithm (alg) isn't known")
            }
            kind => self.refused(kind),
        })?;
        // RFC 7515, 4.1.11: what is marked as critical has to be understood, and no extension is.
        if header.crit.is_some() {
            return Err(invalid("The token demands an extension (crit); none is supported.".to_owned()));
        }
        Ok(header)
    }

    fn claims(&self, token: &str, key: &VerificationKey) -> Result<Claims, ErrorKind> {
        let mut validation = self.validation.clone();
        validation.algorithms = vec![key.algorithm];
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.key, &validation);
        decoded.map(|data| data.claims).map_err(|error| error.into_kind())
    }

    fn user_of(&self, claims: Claims) -> Result<String, Failure> {
        // The library also takes a list of issuers, one of which is ours.
        if self.issuer.as_ref().is_some_and(|issuer| claims.iss != **issuer) {
            return Err(self.refused(&ErrorKind::InvalidIssuer));
        }
        if !is_user_id(&claims.sub) {
            return Err(invalid(format!("The claim sub has 1 to {LONGEST_USER_ID} characters.")));
        }
        Ok(claims.sub)
    }

    fn no_key(&self, reason: NoKey) -> Failure {
        match reason {
            NoKey::Algorithm => self.refused(&ErrorKind::InvalidAlgorithm),
            NoKey::UnknownId => invalid("The token names a key (kid) that isn't known.".to_owned()),
            NoKey::Unavailable => Failure::new(
                FailureCode::TokenKeysUnavailable,
                "The keys that tokens are checked with can't be had at the moment. Try again in a second.",
            ),
        }
    }

    fn refused(&self, error: &ErrorKind) -> Failure {
        match error {
            ErrorKind::ExpiredSignature => {
                Failure::new(FailureCode::TokenExpired, "The token has expired. Get a new one.")
            }
            ErrorKind::InvalidSignature => invalid("The token isn't signed by a known key.".to_owned()),
            ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
                invalid(format!("The token has no usable claim {claim}."))
            }
            ErrorKind::ImmatureSignature => invalid("The token isn't valid yet (nbf).".to_owned()),
            ErrorKind::InvalidIssuer => {
                invalid("The token's issuer (iss) isn't the one that is trusted.".to_owned())
            }
            ErrorKind::InvalidAudience => invalid("The token isn't for this service (aud).".to_owned()),
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
                self.algorithm("The token's algorithm (alg) isn't that of a key that it may be signed with")
            }
            _ => invalid("The token can't be read.".to_owned()),
        }
    }

    /// Names the algorithms that there are keys for.
    fn algorithm(&self, what: &str) -> Failure {
        let allowed = self.keys.algorithms();
        // A key set may not be known yet.
        if allowed.is_empty() {
            return invalid(format!("{what}."));
        }
        invalid(format!("{what}; allowed are {}.", allowed.join(", "))).allowed(allowed)
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let missing = || {
        Failure::new(
            FailureCode::TokenMissing,
            "The request needs the header `Authorization: Bearer <token>`.",
        )
    };
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(missing)?;
    // Whoever reads another one than a proxy in front of us takes the request for another user's.
    if values.next().is_some() {
        return Err(invalid("The request has more than one header Authorization.".to_owned()));
    }
    let value = value.to_str().map_err(|_| invalid("The token can't be read.".to_owned()))?;
    let (scheme, token) = value.trim().split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}

fn invalid(detail: String) -> Failure {
    Failure::new(FailureCode::TokenInvalid, detail)
}

#[cfg(test)]
mod tests;
