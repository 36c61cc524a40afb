//! Who asks: a Bearer token, HS256, whose claim `sub` is the user's id.

use crate::{
    error::ApiError,
    state::AppState,
    token::{LONGEST_USER_ID, TokenConfig, is_user_id},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind};
use pfp_shared::failure::{Failure, FailureCode};
use serde::Deserialize;

/// A longer token is refused unread.
const LONGEST_TOKEN: usize = 8 << 10;

/// What is read of a token, after its claims were checked.
#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    sub: String,
}

/// Checks tokens. The keys and the algorithm are fixed: nothing in a token chooses them.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
}

impl TokenVerifier {
    /// A verifier for these settings.
    #[must_use]
    pub fn new(config: &TokenConfig) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
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
        let secrets = std::iter::once(&config.secret).chain(&config.previous);
        let keys = secrets.map(|secret| DecodingKey::from_secret(secret.expose().as_bytes())).collect();
        Self { keys, validation }
    }

    /// The user that a request's token names.
    ///
    /// # Errors
    /// `token_missing`, `token_invalid` or `token_expired`.
    pub fn user(&self, headers: &HeaderMap) -> Result<String, Failure> {
        let token = bearer(headers)?;
        if token.len() > LONGEST_TOKEN {
            let length = token.len();
            let failure =
                invalid(format!("The token has {length} bytes; at most {LONGEST_TOKEN} are taken."));
            return Err(failure.limit(LONGEST_TOKEN).actual(length));
        }
        let mut refusal = invalid("The token can't be read.".to_owned());
        for key in &self.keys {
            match jsonwebtoken::decode::<Subject>(token, key, &self.validation) {
                Ok(decoded) if is_user_id(&decoded.claims.sub) => return Ok(decoded.claims.sub),
                Ok(_) => {
                    return Err(invalid(format!("The claim sub has 1 to {LONGEST_USER_ID} characters.")));
                }
                // Signed by another key: perhaps by the one before.
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {
                    refusal = invalid("The token isn't signed by a known key.".to_owned());
                }
                Err(error) => return Err(refused(error.kind())),
            }
        }
        Err(refusal)
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let missing = || {
        Failure::new(
            FailureCode::TokenMissing,
            "The request needs the header `Authorization: Bearer <token>`.",
        )
    };
    let value = headers.get(AUTHORIZATION).ok_or_else(missing)?;
    let value = value.to_str().map_err(|_| invalid("The token can't be read.".to_owned()))?;
    let (scheme, token) = value.trim().split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}

fn refused(error: &ErrorKind) -> Failure {
    match error {
        ErrorKind::ExpiredSignature => {
            Failure::new(FailureCode::TokenExpired, "The token has expired. Get a new one.")
        }
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            invalid(format!("The token has no usable claim {claim}."))
        }
        ErrorKind::ImmatureSignature => invalid("The token isn't valid yet (nbf).".to_owned()),
        ErrorKind::InvalidIssuer => {
            invalid("The token's issuer (iss) isn't the one that is trusted.".to_owned())
        }
        ErrorKind::InvalidAudience => invalid("The token isn't for this service (aud).".to_owned()),
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            invalid("The token's algorithm (alg) has to be HS256.".to_owned())
        }
        _ => invalid("The token can't be read.".to_owned()),
    }
}

fn invalid(detail: String) -> Failure {
    Failure::new(FailureCode::TokenInvalid, detail)
}

/// The user that the request's token names; taking it refuses requests without a valid token.
#[derive(Debug, Clone)]
pub struct AuthenticatedUser {
    /// The claim `sub`.
    pub id: String,
}

impl FromRequestParts<AppState> for AuthenticatedUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self { id: state.tokens.user(&parts.headers)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::mint;
    use jsonwebtoken::{EncodingKey, Header};
    use pfp_shared::config::Secret;
    use serde_json::{Value, json};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const PREVIOUS: &str = "fedcba9876543210fedcba9876543210";

    fn config() -> TokenConfig {
        TokenConfig {
            secret: Secret::new(SECRET),
            previous: Some(Secret::new(PREVIOUS)),
            issuer: None,
            audience: None,
            leeway: Duration::from_secs(10),
        }
    }

    fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn ask(config: &TokenConfig, header: &str) -> Result<String, FailureCode> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, header.parse().unwrap())]);
        TokenVerifier::new(config).user(&headers).map_err(|failure| failure.code)
    }

    fn ask_with(claims: &Value) -> Result<String, FailureCode> {
        ask(&config(), &format!("Bearer {}", signed(claims, Algorithm::HS256, SECRET)))
    }

    #[test]
    fn a_minted_token_names_its_user_also_under_the_secret_before() {
        let token = mint(&config(), "björn", Duration::from_secs(60)).unwrap();
        assert_eq!(ask(&config(), &format!("bearer  {token}")), Ok("björn".to_owned()));
        let old = signed(&json!({"sub": "u", "exp": now() + 60}), Algorithm::HS256, PREVIOUS);
        assert_eq!(ask(&config(), &format!("Bearer {old}")), Ok("u".to_owned()));
        assert!(mint(&config(), "", Duration::from_secs(60)).is_err());
    }

    #[test]
    fn a_request_without_a_bearer_token_is_told_so() {
        assert_eq!(
            TokenVerifier::new(&config()).user(&HeaderMap::new()).unwrap_err().code,
            FailureCode::TokenMissing
        );
        for header in ["Basic dTpw", "Bearer", "", "x"] {
            assert_eq!(ask(&config(), header), Err(FailureCode::TokenMissing), "{header}");
        }
    }

    #[test]
    fn only_hs256_by_a_known_key_is_taken() {
        let claims = json!({"sub": "u", "exp": now() + 60});
        for token in [
            signed(&claims, Algorithm::HS384, SECRET),
            signed(&claims, Algorithm::HS256, "another secret of thirty-two byte"),
            // {"alg":"none"} and {"sub":"u","exp":9999999999}
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1IiwiZXhwIjo5OTk5OTk5OTk5fQ.".to_owned(),
            "a.b.c".to_owned(),
            "x".repeat(LONGEST_TOKEN + 1),
        ] {
            assert_eq!(ask(&config(), &format!("Bearer {token}")), Err(FailureCode::TokenInvalid), "{token}");
        }
    }

    #[test]
    fn exp_and_sub_are_required_and_times_have_a_leeway() {
        assert_eq!(ask_with(&json!({"sub": "u"})), Err(FailureCode::TokenInvalid));
        assert_eq!(ask_with(&json!({"exp": now() + 60})), Err(FailureCode::TokenInvalid));
        assert_eq!(ask_with(&json!({"sub": 7, "exp": now() + 60})), Err(FailureCode::TokenInvalid));
        assert_eq!(ask_with(&json!({"sub": "u", "exp": now() - 5})), Ok("u".to_owned()));
        assert_eq!(ask_with(&json!({"sub": "u", "exp": now() - 15})), Err(FailureCode::TokenExpired));
        assert_eq!(ask_with(&json!({"sub": "u", "exp": 0})), Err(FailureCode::TokenExpired));
        assert_eq!(ask_with(&json!({"sub": "u", "exp": now() + 60, "nbf": now() + 5})), Ok("u".to_owned()));
        let early = json!({"sub": "u", "exp": now() + 600, "nbf": now() + 60});
        assert_eq!(ask_with(&early), Err(FailureCode::TokenInvalid));
    }

    #[test]
    fn a_sub_has_1_to_255_characters_and_no_nul() {
        let ask = |sub: &str| ask_with(&json!({"sub": sub, "exp": now() + 60}));
        assert!(ask(&"é".repeat(255)).is_ok());
        for sub in ["", "a\0b", &"é".repeat(256)] {
            assert_eq!(ask(sub), Err(FailureCode::TokenInvalid));
        }
    }

    #[test]
    fn issuer_and_audience_are_required_once_they_are_configured() {
        let strict = TokenConfig { issuer: Some("i".into()), audience: Some("a".into()), ..config() };
        let ask_strictly =
            |claims: Value| ask(&strict, &format!("Bearer {}", signed(&claims, Algorithm::HS256, SECRET)));
        assert!(ask_strictly(json!({"sub": "u", "exp": now() + 60, "iss": "i", "aud": ["a", "b"]})).is_ok());
        assert!(ask_strictly(json!({"sub": "u", "exp": now() + 60, "iss": "i"})).is_err());
        assert!(ask_strictly(json!({"sub": "u", "exp": now() + 60, "aud": "a"})).is_err());
        assert!(ask_strictly(json!({"sub": "u", "exp": now() + 60, "iss": "x", "aud": "a"})).is_err());
        let minted = mint(&strict, "u", Duration::from_secs(60)).unwrap();
        assert!(ask(&strict, &format!("Bearer {minted}")).is_ok());
        assert!(ask_with(&json!({"sub": "u", "exp": now() + 60, "iss": "x", "aud": "y"})).is_ok());
    }
}
