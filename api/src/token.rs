//! Tokens: what they are signed with, and minting them for trying and testing.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pfp_shared::config::{ConfigError, Secret, Settings};
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A key shorter than the hash's output weakens HS256 (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;

/// The longest user id, in characters.
pub(crate) const LONGEST_USER_ID: usize = 255;

/// How tokens are checked.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    pub(crate) secret: Secret,
    pub(crate) previous: Option<Secret>,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) leeway: Duration,
}

impl TokenConfig {
    /// Reads it.
    ///
    /// # Errors
    /// There is no secret, or one is too short.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        settings.required("PFP_JWT_SECRET")?;
        let secret = long_enough(settings, "PFP_JWT_SECRET")?;
        Ok(Self {
            secret: secret.unwrap_or_else(|| Secret::new("")),
            previous: long_enough(settings, "PFP_JWT_SECRET_PREVIOUS")?,
            issuer: settings.text("PFP_JWT_ISSUER").map(str::to_owned),
            audience: settings.text("PFP_JWT_AUDIENCE").map(str::to_owned),
            leeway: settings.duration("PFP_JWT_LEEWAY"),
        })
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
/// The user's id is too long or empty, or signing failed.
pub fn mint(config: &TokenConfig, user: &str, ttl: Duration) -> anyhow::Result<String> {
    anyhow::ensure!(is_user_id(user), "a user's id has 1 to {LONGEST_USER_ID} characters");
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = Claims {
        sub: user,
        iat: now,
        exp: now + ttl.as_secs(),
        iss: config.issuer.as_deref(),
        aud: config.audience.as_deref(),
    };
    let key = EncodingKey::from_secret(config.secret.expose().as_bytes());
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}

/// Postgres' text can't hold a NUL.
pub(crate) fn is_user_id(id: &str) -> bool {
    (1..=LONGEST_USER_ID).contains(&id.chars().count()) && !id.contains('\0')
}
