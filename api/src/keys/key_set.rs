//! A key set (JWKS, RFC 7517), read into the keys that can check tokens.

use super::VerificationKey;
use jsonwebtoken::{DecodingKey, DecodingKeyKind};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// The most keys of a set: a token that names none is checked with every one that fits.
const MOST_KEYS: usize = 64;

/// What a set holds.
#[derive(Debug)]
pub struct KeySet {
    /// The keys that can check tokens: at least one.
    pub keys: Vec<VerificationKey>,
    /// What was left out, and why.
    pub ignored: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// A key as a set has it (RFC 7518, section 6, and RFC 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
    d: Option<IgnoredAny>,
}

/// Reads a set. A key that can't be used is left out: the set may be for others too.
///
/// # Errors
/// It isn't a key set, holds too many keys, or none that can be used.
pub(super) fn parse(bytes: &[u8]) -> Result<KeySet, String> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|_| "what it answers isn't a key set".to_owned())?;
    let count = document.keys.len();
    if count > MOST_KEYS {
        return Err(format!("the set holds {count} keys; at most {MOST_KEYS} are taken"));
    }
    let (mut keys, mut ignored) = (Vec::new(), Vec::new());
    for (index, value) in document.keys.into_iter().enumerate() {
        match key(value) {
            Ok(key) => keys.push(key),
            Err((id, reason)) => ignored.push(format!("key {} ({id:?}) {reason}", index + 1)),
        }
    }
    if keys.is_empty() {
        return Err(format!("the set holds no key that can be used: {}", ignored.join("; ")));
    }
    Ok(KeySet { keys, ignored })
}

/// The error has the key's id beside what is wrong with it.
fn key(value: Value) -> Result<VerificationKey, (String, String)> {
    let id = value["kid"].as_str().unwrap_or_default().chars().take(64).collect();
    let read = || {
        let jwk: Jwk = serde_json::from_value(value).map_err(|_| "isn't well-formed".to_owned())?;
        check_purpose(&jwk)?;
        let mut key = material(&jwk)?;
        // A key is for one algorithm only; one that says another isn't for our tokens.
        if jwk.alg.as_deref().is_some_and(|alg| alg != key.algorithm_name()) {
            return Err(format!("is for another algorithm than {}", key.algorithm_name()));
        }
        key.id = jwk.kid.map(Into::into);
        Ok(key)
    };
    read().map_err(|reason: String| (id, reason))
}

fn check_purpose(jwk: &Jwk) -> Result<(), String> {
    let verifies = |operations: &Vec<String>| operations.iter().any(|operation| operation == "verify");
    if jwk.kty == "oct" {
        return Err("is a secret, and a set is public".to_owned());
    }
    if jwk.d.is_some() {
        return Err("is a private key: whoever reads the set can sign with it".to_owned());
    }
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig")
        || jwk.key_ops.as_ref().is_some_and(|operations| !verifies(operations))
    {
        return Err("isn't for signatures".to_owned());
    }
    Ok(())
}

fn material(jwk: &Jwk) -> Result<VerificationKey, String> {
    let unreadable = |_| "isn't well-formed".to_owned();
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let numbers = DecodingKey::from_rsa_components(&jwk.n, &jwk.e).map_err(unreadable)?;
            let DecodingKeyKind::RsaModulusExponent { n, e } = numbers.kind() else {
                return Err("isn't well-formed".to_owned());
            };
            VerificationKey::from_rsa_numbers(n, e)
        }
        // Each coordinate has 32 bytes, which are 43 digits.
        ("EC", Some("P-256")) if jwk.x.len() == 43 && jwk.y.len() == 43 => {
            let point = DecodingKey::from_ec_components(&jwk.x, &jwk.y).map_err(unreadable)?;
            VerificationKey::from_p256(point.try_get_as_bytes().map_err(unreadable)?)
        }
        ("OKP", Some("Ed25519")) => {
            let point = DecodingKey::from_ed_components(&jwk.x).map_err(unreadable)?;
            VerificationKey::from_ed25519(point.try_get_as_bytes().map_err(unreadable)?)
        }
        _ => Err("isn't of RSA, P-256 or Ed25519".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk as Written};
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};
    use serde_json::json;

    /// RFC 8037, appendix A.2.
    const ED25519: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn rsa() -> Value {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        serde_json::to_value(Written::from_encoding_key(&key, Algorithm::RS256).unwrap()).unwrap()
    }

    fn elliptic(algorithm: Algorithm) -> Value {
        let kind =
            if algorithm == Algorithm::ES256 { &PKCS_ECDSA_P256_SHA256 } else { &PKCS_ECDSA_P384_SHA384 };
        let pair = KeyPair::generate_for(kind).unwrap();
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        serde_json::to_value(Written::from_encoding_key(&key, algorithm).unwrap()).unwrap()
    }

    fn ed25519() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519})
    }

    /// A key with some members of its own; null takes one away.
    fn with(mut key: Value, own: &Value) -> Value {
        for (name, value) in own.as_object().unwrap() {
            key[name] = value.clone();
        }
        key.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        key
    }

    fn read(keys: &[Value]) -> Result<KeySet, String> {
        parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn keys_of_the_three_kinds_are_taken_with_their_ids() {
        let set = read(&[
            with(rsa(), &json!({"kid": "r", "use": "sig", "x5c": ["MII"], "n2": 7})),
            with(elliptic(Algorithm::ES256), &json!({"kid": "e", "alg": null, "key_ops": ["verify"]})),
            with(ed25519(), &json!({"alg": "EdDSA"})),
        ]);
        let set = set.unwrap();
        let told: Vec<_> = set.keys.iter().map(|key| (key.id.as_deref(), key.algorithm_name())).collect();
        assert_eq!(told, [(Some("r"), "RS256"), (Some("e"), "ES256"), (None, "EdDSA")]);
        assert!(set.ignored.is_empty(), "{:?}", set.ignored);
    }

    #[test]
    fn keys_for_something_else_are_left_out_and_named() {
        let odd = [
            (json!({"kty": "oct", "k": "c2VjcmV0", "kid": "o"}), "is a secret"),
            (with(ed25519(), &json!({"d": "AAAA"})), "is a private key"),
            (with(ed25519(), &json!({"use": "enc"})), "isn't for signatures"),
            (with(ed25519(), &json!({"key_ops": ["sign"]})), "isn't for signatures"),
            (with(rsa(), &json!({"alg": "RS512"})), "is for another algorithm than RS256"),
            (with(rsa(), &json!({"alg": "HS256"})), "is for another algorithm than RS256"),
            (with(rsa(), &json!({"alg": "none"})), "is for another algorithm than RS256"),
            (with(rsa(), &json!({"n": "AQAB"})), "is an RSA key of 17 bits"),
            (with(rsa(), &json!({"n": "!"})), "isn't well-formed"),
            (with(rsa(), &json!({"n": null})), "isn't a well-formed public key"),
            (with(rsa(), &json!({"kid": 7})), "isn't well-formed"),
            (with(ed25519(), &json!({"crv": "Ed448"})), "isn't of RSA"),
            (with(ed25519(), &json!({"crv": "X25519"})), "isn't of RSA"),
            (with(ed25519(), &json!({"x": "AAAA"})), "isn't a well-formed public key"),
            (elliptic(Algorithm::ES384), "isn't of RSA"),
            (
                with(elliptic(Algorithm::ES256), &json!({"x": "A".repeat(43)})),
                "isn't a well-formed public key",
            ),
            (with(elliptic(Algorithm::ES256), &json!({"y": ""})), "isn't of RSA"),
            (json!("key"), "isn't well-formed"),
            (json!({"kid": "x"}), "isn't well-formed"),
        ];
        for (key, reason) in &odd {
            let told = read(std::slice::from_ref(key)).unwrap_err();
            assert!(told.starts_with("the set holds no key that can be used: key 1 ("), "{told}");
            assert!(told.contains(reason), "{key}: {told}");
        }
        let mut keys: Vec<_> = odd.into_iter().map(|(key, _)| key).collect();
        keys.push(ed25519());
        let set = read(&keys).unwrap();
        assert_eq!((set.keys.len(), set.ignored.len()), (1, keys.len() - 1));
        assert_eq!(set.ignored[0], r#"key 1 ("o") is a secret, and a set is public"#);
    }

    #[test]
    fn what_isnt_a_set_or_is_too_large_a_one_is_refused() {
        for garbage in ["", "<html>", "[]", "{}", r#"{"keys": {}}"#, r#"{"keys": [}"#, "\u{0}"] {
            assert_eq!(
                parse(garbage.as_bytes()).unwrap_err(),
                "what it answers isn't a key set",
                "{garbage}"
            );
        }
        assert!(read(&[]).unwrap_err().starts_with("the set holds no key"));
        let told = read(&vec![ed25519(); 65]).unwrap_err();
        assert_eq!(told, "the set holds 65 keys; at most 64 are taken");
    }
}
