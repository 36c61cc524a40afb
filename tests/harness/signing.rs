//! Keys as an issuer of tokens has them, and tokens signed with them, well-formed or not.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto::sign, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData};
use serde_json::{Value, json};

/// Base64 for URLs, without padding.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = |three: &[u8]| {
        let bits =
            three.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        let digit = move |at: usize| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]);
        (0..=three.len()).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(digits).collect()
}

/// A token of any header and claims, as they are written.
///
/// # Panics
/// The key isn't for the algorithm.
#[must_use]
pub fn written(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", base64(header.as_bytes()), base64(claims.as_bytes()));
    let signature = sign(message.as_bytes(), key, algorithm).expect("a signature");
    format!("{message}.{signature}")
}

/// A private key that signs tokens.
#[derive(Debug)]
pub struct Signer {
    /// The pair of keys.
    pub pair: KeyPair,
    /// Its algorithm's name.
    pub alg: &'static str,
    /// Its id in a key set.
    pub kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    /// A new key of this id, for `RS256`, `ES256` or `EdDSA`.
    ///
    /// # Panics
    /// It is for another algorithm.
    #[must_use]
    pub fn new(alg: &'static str, kid: &str) -> Self {
        type Read = fn(&[u8]) -> jsonwebtoken::errors::Result<EncodingKey>;
        let (kind, algorithm, read) = match alg {
            "RS256" => (&PKCS_RSA_SHA256, Algorithm::RS256, EncodingKey::from_rsa_pem as Read),
            "ES256" => (&PKCS_ECDSA_P256_SHA256, Algorithm::ES256, EncodingKey::from_ec_pem as Read),
            "EdDSA" => (&PKCS_ED25519, Algorithm::EdDSA, EncodingKey::from_ed_pem as Read),
            other => panic!("no key is made for {other}"),
        };
        let pair = KeyPair::generate_for(kind).expect("a key");
        let key = read(pair.serialize_pem().as_bytes()).expect("a key");
        Self { pair, alg, kid: kid.to_owned(), algorithm, key }
    }

    /// The public key as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.pair.public_key_pem()
    }

    /// The public key as DER.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    /// The public key as a key set has it.
    ///
    /// # Panics
    /// The library doesn't know it.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let raw = self.pair.public_key_raw();
        let key = match self.algorithm {
            Algorithm::RS256 => DecodingKey::from_rsa_der(raw),
            Algorithm::ES256 => DecodingKey::from_ec_der(raw),
            _ => DecodingKey::from_ed_der(raw),
        };
        let key = Jwk::from_decoding_key(&key, Some(self.algorithm));
        let mut jwk = serde_json::to_value(key.expect("a key of a set")).expect("JSON");
        jwk["kid"] = self.kid.as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// A token with these claims that names its key.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"typ": "JWT", "alg": self.alg, "kid": self.kid}), claims)
    }

    /// A token with a header of its own.
    #[must_use]
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        written(&header.to_string(), &claims.to_string(), &self.key, self.algorithm)
    }
}
