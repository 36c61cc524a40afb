//! Tests of the check, with secrets; `public_keys` has those with public keys.

mod public_keys;

use super::*;
use crate::token::{KeySource, mint};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use pfp_shared::config::Secret;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PREVIOUS: &str = "fedcba9876543210fedcba9876543210";

fn config() -> TokenConfig {
    TokenConfig {
        keys: KeySource::Secrets { current: Secret::new(SECRET), previous: Some(Secret::new(PREVIOUS)) },
        issuer: None,
        audience: None,
        leeway: Duration::from_secs(10),
    }
}

fn verifier(config: &TokenConfig) -> TokenVerifier {
    let keys = [SECRET, PREVIOUS].map(|secret| VerificationKey::from_secret(secret.as_bytes()));
    TokenVerifier::with_keys(config, Keys::Fixed(keys.into()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

/// Base64 for URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = |three: &[u8]| {
        let bits =
            three.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        let digit = move |at: usize| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]);
        (0..=three.len()).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(digits).collect()
}

/// A token of any text, signed all the same.
fn written(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", base64(header.as_bytes()), base64(claims.as_bytes()));
    let signature = sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

async fn told(verifier: &TokenVerifier, token: &str) -> Result<String, Failure> {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
    verifier.user(&headers).await
}

async fn ask(token: &str) -> Result<String, FailureCode> {
    told(&verifier(&config()), token).await.map_err(|failure| failure.code)
}

async fn ask_with(claims: &Value) -> Result<String, FailureCode> {
    ask(&signed(claims, Algorithm::HS256, SECRET)).await
}

#[tokio::test]
async fn a_minted_token_names_its_user_also_under_the_secret_before() {
    let token = mint(&config(), "björn", Duration::from_secs(60)).unwrap();
    assert_eq!(ask(&token).await, Ok("björn".to_owned()));
    let old = signed(&json!({"sub": "u", "exp": now() + 60}), Algorithm::HS256, PREVIOUS);
    assert_eq!(ask(&old).await, Ok("u".to_owned()));
    assert!(mint(&config(), "", Duration::from_secs(60)).is_err());
    let public = TokenConfig { keys: KeySource::File("keys.pem".into()), ..config() };
    let error = mint(&public, "u", Duration::from_secs(60)).unwrap_err().to_string();
    assert!(error.starts_with("a token can only be made with PFP_JWT_SECRET"), "{error}");
}

#[tokio::test]
async fn a_request_without_a_bearer_token_is_told_so() {
    let verifier = verifier(&config());
    assert_eq!(verifier.user(&HeaderMap::new()).await.unwrap_err().code, FailureCode::TokenMissing);
    for header in ["Basic dTpw", "Bearer", "", "x"] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, header.parse().unwrap())]);
        assert_eq!(verifier.user(&headers).await.unwrap_err().code, FailureCode::TokenMissing, "{header}");
    }
}

#[tokio::test]
async fn only_hs256_by_a_known_key_is_taken() {
    let claims = json!({"sub": "u", "exp": now() + 60});
    for token in [
        signed(&claims, Algorithm::HS384, SECRET),
        signed(&claims, Algorithm::HS256, "another secret of thirty-two byte"),
        // {"alg":"none"} and {"sub":"u","exp":9999999999}
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1IiwiZXhwIjo5OTk5OTk5OTk5fQ.".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(LONGEST_TOKEN + 1),
    ] {
        assert_eq!(ask(&token).await, Err(FailureCode::TokenInvalid), "{token}");
    }
    let other = signed(&claims, Algorithm::HS384, SECRET);
    let failure = told(&verifier(&config()), &other).await.unwrap_err();
    assert!(failure.detail.ends_with("; allowed are HS256."), "{}", failure.detail);
    assert_eq!(failure.allowed, Some(json!(["HS256"])));
}

#[tokio::test]
async fn what_is_said_twice_demanded_or_left_over_is_refused() {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let (header, later) = (r#"{"alg":"HS256"}"#, now() + 60);
    let claims = format!(r#"{{"sub":"u","exp":{later}}}"#);
    let good = written(header, &claims, &key, Algorithm::HS256);
    assert_eq!(ask(&good).await, Ok("u".to_owned()));
    for claims in [
        format!(r#"{{"sub":"u","sub":"v","exp":{later}}}"#),
        format!(r#"{{"sub":"u","exp":1,"exp":{later}}}"#),
        format!(r#"{{"sub":"u","iss":"a","iss":"a","exp":{later}}}"#),
        format!(r#"{{"sub":"u","nbf":1,"nbf":1,"exp":{later}}}"#),
        format!("{claims} {{}}"),
        format!("[{claims}]"),
    ] {
        let token = written(header, &claims, &key, Algorithm::HS256);
        assert_eq!(ask(&token).await, Err(FailureCode::TokenInvalid), "{claims}");
    }
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":"exp"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"nOnE"}"#,
    ] {
        let token = written(header, &claims, &key, Algorithm::HS256);
        assert_eq!(ask(&token).await, Err(FailureCode::TokenInvalid), "{header}");
    }
    for token in [
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{good}A"),
        format!("{good}="),
        format!("{good} x"),
        good.replacen('.', "..", 1),
        good.replacen('.', ". ", 1),
        good[..good.len() - 1].to_owned(),
    ] {
        assert_eq!(ask(&token).await, Err(FailureCode::TokenInvalid), "{token}");
    }
}

#[tokio::test]
async fn exp_and_sub_are_required_and_times_have_a_leeway() {
    for claims in [
        json!({"sub": "u"}),
        json!({"exp": now() + 60}),
        json!({"sub": 7, "exp": now() + 60}),
        json!({"sub": null, "exp": now() + 60}),
        json!({"sub": "u", "exp": (now() + 60).to_string()}),
        json!({"sub": "u", "exp": -1}),
        json!({"sub": "u", "exp": 1e300}),
        json!({"sub": "u", "exp": now() + 600, "nbf": now() + 60}),
        json!({"sub": "u", "exp": now() + 600, "nbf": "soon"}),
    ] {
        assert_eq!(ask_with(&claims).await, Err(FailureCode::TokenInvalid), "{claims}");
    }
    for claims in [
        json!({"sub": "u", "exp": now() - 5}),
        json!({"sub": "u", "exp": now() + 60, "nbf": now() + 5}),
        json!({"sub": "u", "exp": now() as f64 + 60.5}),
    ] {
        assert_eq!(ask_with(&claims).await, Ok("u".to_owned()), "{claims}");
    }
    assert_eq!(ask_with(&json!({"sub": "u", "exp": now() - 15})).await, Err(FailureCode::TokenExpired));
    assert_eq!(ask_with(&json!({"sub": "u", "exp": 0})).await, Err(FailureCode::TokenExpired));
}

#[tokio::test]
async fn a_sub_has_1_to_255_characters_and_no_nul() {
    let ask = async |sub: &str| ask_with(&json!({"sub": sub, "exp": now() + 60})).await;
    assert!(ask(&"é".repeat(255)).await.is_ok());
    for sub in ["", "a\0b", &"é".repeat(256)] {
        assert_eq!(ask(sub).await, Err(FailureCode::TokenInvalid));
    }
}

#[tokio::test]
async fn issuer_and_audience_are_required_once_they_are_configured() {
    let config = TokenConfig { issuer: Some("i".into()), audience: Some("a".into()), ..config() };
    let strict = verifier(&config);
    let ask = async |iss: Value, aud: Value| {
        let claims = json!({"sub": "u", "exp": now() + 60, "iss": iss, "aud": aud});
        told(&strict, &signed(&claims, Algorithm::HS256, SECRET)).await.is_ok()
    };
    assert!(ask("i".into(), json!(["a", "b"])).await);
    assert!(ask("i".into(), "a".into()).await);
    for (iss, aud) in [
        (json!("i"), Value::Null),
        (json!("i"), json!("b")),
        (json!("i"), json!([])),
        (json!("i"), json!({"a": "a"})),
        (Value::Null, json!("a")),
        (json!("I"), json!("a")),
        (json!(["i"]), json!("a")),
        (json!(["i", "x"]), json!("a")),
    ] {
        assert!(!ask(iss.clone(), aud.clone()).await, "{iss} {aud}");
    }
    let minted = mint(&config, "u", Duration::from_secs(60)).unwrap();
    assert!(told(&strict, &minted).await.is_ok());
    assert!(ask_with(&json!({"sub": "u", "exp": now() + 60, "iss": ["x"], "aud": "y"})).await.is_ok());
}
