//! Minting tokens, for trying and testing.

use super::{KeySource, LONGEST_USER_ID, TokenConfig, is_user_id};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a minted token says.
#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// Makes a token for a user.
///
/// # Errors
/// Tokens are checked with public keys, the user's id is too long or empty, or signing failed.
pub fn mint(config: &TokenConfig, user: &str, ttl: Duration) -> anyhow::Result<String> {
    let KeySource::Secrets { current, .. } = &config.keys else {
        anyhow::bail!(
            "a token can only be made with PFP_JWT_SECRET: public keys check tokens, and whoever holds the private one makes them"
        );
    };
    anyhow::ensure!(is_user_id(user), "a user's id has 1 to {LONGEST_USER_ID} characters");
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = Claims {
        sub: user,
        iat: now,
        exp: now + ttl.as_secs(),
        iss: config.issuer.as_deref(),
        aud: config.audience.as_deref(),
    };
    let key = EncodingKey::from_secret(current.expose().as_bytes());
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}
