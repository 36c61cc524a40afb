//! The check with public keys: a key's algorithm is its own, whatever a token says.

use super::*;
use crate::token::KeySetSource;
use jsonwebtoken::jwk::Jwk;
use pfp_shared::config::{Settings, UsedBy};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm,
    SigningKey,
};

struct Signer {
    pair: KeyPair,
    key: EncodingKey,
    algorithm: Algorithm,
}

impl Signer {
    fn new(kind: &'static SignatureAlgorithm) -> Self {
        let pair = KeyPair::generate_for(kind).unwrap();
        let pem = pair.serialize_pem();
        let (key, algorithm) = if kind == &PKCS_RSA_SHA256 {
            (EncodingKey::from_rsa_pem(pem.as_bytes()), Algorithm::RS256)
        } else if kind == &PKCS_ED25519 {
            (EncodingKey::from_ed_pem(pem.as_bytes()), Algorithm::EdDSA)
        } else {
            (EncodingKey::from_ec_pem(pem.as_bytes()), Algorithm::ES256)
        };
        Self { pair, key: key.unwrap(), algorithm }
    }

    fn info(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    fn verification_key(&self) -> VerificationKey {
        VerificationKey::from_info(&self.info()).unwrap()
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        written(&header.to_string(), &claims.to_string(), &self.key, self.algorithm)
    }
}

fn signers() -> [Signer; 3] {
    [&PKCS_RSA_SHA256, &PKCS_ECDSA_P256_SHA256, &PKCS_ED25519].map(Signer::new)
}

fn of(keys: &[&Signer]) -> TokenVerifier {
    let keys = keys.iter().map(|signer| signer.verification_key()).collect();
    TokenVerifier::with_keys(&config(), Keys::Fixed(keys))
}

async fn code(verifier: &TokenVerifier, token: &str) -> Result<String, FailureCode> {
    told(verifier, token).await.map_err(|failure| failure.code)
}

fn connections() -> Connections {
    let values = [
        ("PFP_DATABASE_URL", "postgres://u:p@127.0.0.1/db"),
        ("PFP_AMQP_URL", "amqp://127.0.0.1"),
        ("PFP_STORAGE_URL", "file:///tmp"),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Connections::from_settings(&Settings::from_values(values, UsedBy::Api).unwrap()).unwrap()
}

fn claims() -> Value {
    json!({"sub": "u", "exp": now() + 60})
}

fn header(signer: &Signer) -> Value {
    json!({ "alg": signer.verification_key().algorithm_name() })
}

#[tokio::test]
async fn each_kind_of_key_checks_its_own_algorithm_and_several_keys_are_for_rotation() {
    let (all, others) = (signers(), signers());
    let every = of(&all.iter().chain(&others).collect::<Vec<_>>());
    for signer in all.iter().chain(&others) {
        let token = signer.token(&header(signer), &claims());
        assert_eq!(code(&every, &token).await, Ok("u".to_owned()));
        assert_eq!(code(&of(&[signer]), &token).await, Ok("u".to_owned()));
    }
    for (signer, other) in all.iter().zip(&others) {
        let told = told(&of(&[other]), &signer.token(&header(signer), &claims())).await.unwrap_err();
        assert_eq!(told.detail, "The token isn't signed by a known key.");
    }
    let [rsa, p256, _] = &all;
    let told = told(&of(&[p256]), &rsa.token(&header(rsa), &claims())).await.unwrap_err();
    assert_eq!((told.code, told.allowed), (FailureCode::TokenInvalid, Some(json!(["ES256"]))));
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    for signer in signers() {
        let verifier = of(&[&signer]);
        let pem = signer.pair.public_key_pem();
        let raw = signer.pair.public_key_raw().to_vec();
        let secrets =
            [pem.clone().into_bytes(), pem.trim_end().as_bytes().to_vec(), signer.info(), raw, Vec::new()];
        for secret in secrets {
            let key = EncodingKey::from_secret(&secret);
            for (alg, hash) in [
                ("HS256", Algorithm::HS256),
                ("HS384", Algorithm::HS384),
                ("HS512", Algorithm::HS512),
                (signer.verification_key().algorithm_name(), Algorithm::HS256),
                ("none", Algorithm::HS256),
                ("None", Algorithm::HS256),
            ] {
                let header = json!({ "alg": alg }).to_string();
                let token = written(&header, &claims().to_string(), &key, hash);
                assert_eq!(code(&verifier, &token).await, Err(FailureCode::TokenInvalid), "{alg}");
            }
        }
    }
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_never_looked_at() {
    let [known, stranger] = [(); 2].map(|()| Signer::new(&PKCS_RSA_SHA256));
    let jwk = serde_json::to_value(Jwk::from_encoding_key(&stranger.key, Algorithm::RS256).unwrap()).unwrap();
    let verifier = of(&[&known]);
    for embedded in [
        json!({ "alg": "RS256", "jwk": jwk }),
        json!({"alg": "RS256", "jku": "http://127.0.0.1:1/keys"}),
        json!({"alg": "RS256", "x5u": "http://127.0.0.1:1/chain"}),
        json!({"alg": "RS256", "x5c": ["MIIB"], "x5t": "abc"}),
    ] {
        let forged = stranger.token(&embedded, &claims());
        assert_eq!(code(&verifier, &forged).await, Err(FailureCode::TokenInvalid), "{embedded}");
        // Some issuers tell where their keys are: that is no reason to refuse what they have signed.
        assert_eq!(code(&verifier, &known.token(&embedded, &claims())).await, Ok("u".to_owned()));
    }
}

#[tokio::test]
async fn a_signature_has_the_form_of_the_standard() {
    let signer = Signer::new(&PKCS_ECDSA_P256_SHA256);
    let verifier = of(&[&signer]);
    let message = format!(
        "{}.{}",
        base64(header(&signer).to_string().as_bytes()),
        base64(claims().to_string().as_bytes())
    );
    let der = SigningKey::sign(&signer.pair, message.as_bytes()).unwrap();
    for bad in [der, vec![0; 64], vec![0xFF; 64], Vec::new()] {
        let token = format!("{message}.{}", base64(&bad));
        assert_eq!(code(&verifier, &token).await, Err(FailureCode::TokenInvalid), "{bad:?}");
    }
    let good = sign(message.as_bytes(), &signer.key, Algorithm::ES256).unwrap();
    assert_eq!(code(&verifier, &format!("{message}.{good}")).await, Ok("u".to_owned()));
}

#[tokio::test]
async fn without_keys_nothing_is_said_of_a_token() {
    let source = KeySetSource {
        url: "https://id.test/keys".parse().unwrap(),
        max_age: Duration::from_secs(600),
        max_stale: Duration::ZERO,
        cooldown: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
    };
    let signer = Signer::new(&PKCS_ED25519);
    let config = TokenConfig { keys: KeySource::KeySet(source), ..config() };
    let verifier = TokenVerifier::new(&config, &connections()).unwrap();
    let token = signer.token(&json!({"alg": "EdDSA", "kid": "a"}), &claims());
    assert_eq!(code(&verifier, &token).await, Err(FailureCode::TokenKeysUnavailable));
    assert_eq!(code(&verifier, "x").await, Err(FailureCode::TokenInvalid));
}
