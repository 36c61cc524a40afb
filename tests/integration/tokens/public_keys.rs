//! Tokens that are checked with a file of public keys.

use super::{ISSUER, ask, told};
use jsonwebtoken::{Algorithm, EncodingKey};
use pfp_tests::{
    client::now,
    process::run,
    signing::{Signer, base64, written},
    system::{SECRET, Setup, TestSystem},
};
use rcgen::SigningKey;
use serde_json::{Value, json};
use std::{path::PathBuf, process::Output};

/// A public key of 1024 bits, whose private one nobody has kept.
const SHORT_RSA: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD6vvjVtwXtUBJtigG/3bkYlXo+
CHclPck8sWsa6ubDQ8k0taByu4ehVoF8jyli0mWfiYwPBbpcCeS7MSbFWl36CBKU
r0Sw9DeTTP6jCnfNTV030tlZCTucCa1PY/QJrujfcqdm7fbGHagUF4PkBAtodY15
2giGKYHfiuufm+j9ywIDAQAB
-----END PUBLIC KEY-----
";

/// A file of this test's own.
fn file(system: &TestSystem, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("{}.pem", system.settings["PFP_QUEUE_PREFIX"]));
    std::fs::write(&path, text).unwrap();
    path
}

/// A system that isn't told a secret, and an API of it that checks tokens with these keys.
async fn with_keys(text: &str, own: &[(&str, &str)]) -> TestSystem {
    let mut system = Setup::new().set("PFP_JWT_SECRET", "").workers(0).prepare().await;
    let path = file(&system, text);
    system.start_api_with(&[&[("PFP_JWT_PUBLIC_KEY", path.to_str().unwrap())], own].concat());
    system.ready().await;
    std::fs::remove_file(path).unwrap();
    system
}

fn claims() -> Value {
    json!({"sub": "ada", "exp": now() + 600})
}

fn header(signer: &Signer) -> Value {
    json!({ "alg": signer.alg })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_a_file_signs_by_its_own_algorithm() {
    let signers = ["RS256", "ES256", "EdDSA", "RS256"].map(|alg| Signer::new(alg, "1"));
    let text: String = signers.iter().map(|signer| format!("# a key\n{}", signer.pem())).collect();
    let system = with_keys(&text, &[]).await;
    for signer in &signers {
        assert_eq!(
            told(&system, 0, &signer.token(&claims())).await,
            "ada",
            "{}: ids don't count",
            signer.alg
        );
        assert_eq!(told(&system, 0, &signer.token_with(&header(signer), &claims())).await, "ada");
        let stranger = Signer::new(signer.alg, "1");
        assert_eq!(told(&system, 0, &stranger.token(&claims())).await, "token_invalid", "{}", signer.alg);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_chooses_its_algorithm_or_its_key() {
    let [rsa, p256, stranger] = ["RS256", "ES256", "RS256"].map(|alg| Signer::new(alg, "1"));
    let system = with_keys(&p256.pem(), &[]).await;
    let by_secret = |secret: &[u8], alg: &str, hash: Algorithm| {
        let header = json!({ "alg": alg }).to_string();
        written(&header, &claims().to_string(), &EncodingKey::from_secret(secret), hash)
    };
    let mut forged = vec![("another kind of key", rsa.token(&claims()))];
    for secret in [p256.pem().as_bytes(), p256.pem().trim_end().as_bytes(), &p256.der(), SECRET.as_bytes()] {
        forged.push(("the public key as a secret", by_secret(secret, "HS256", Algorithm::HS256)));
        forged.push(("and a longer hash", by_secret(secret, "HS512", Algorithm::HS512)));
        forged.push(("and the key's own algorithm", by_secret(secret, "ES256", Algorithm::HS256)));
    }
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": none }).to_string();
        let message = format!("{}.{}", base64(header.as_bytes()), base64(claims().to_string().as_bytes()));
        forged.push(("no signature", format!("{message}.")));
        forged.push(("no algorithm", p256.token_with(&json!({ "alg": none }), &claims())));
    }
    for embedded in [
        json!({"alg": "RS256", "jwk": stranger.jwk()}),
        json!({"alg": "RS256", "jku": "http://127.0.0.1:1/keys", "kid": "1"}),
        json!({"alg": "RS256", "x5u": "http://127.0.0.1:1/chain"}),
        json!({"alg": "RS256", "x5c": [base64(&stranger.der())]}),
        json!({"alg": "ES256", "jwk": stranger.jwk()}),
    ] {
        forged.push(("a key of its own", stranger.token_with(&embedded, &claims())));
    }
    forged.push(("an extension", p256.token_with(&json!({"alg": "ES256", "crit": ["exp"]}), &claims())));
    let good = p256.token_with(&header(&p256), &claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let der = SigningKey::sign(&p256.pair, message.as_bytes()).unwrap();
    forged.push(("a signature in DER", format!("{message}.{}", base64(&der))));
    forged.push(("a dot too many", format!("{good}.")));
    forged.push(("another dot too many", good.replacen('.', "..", 1)));
    forged.push(("something behind it", format!("{good}A")));
    for (about, token) in &forged {
        assert_eq!(told(&system, 0, token).await, "token_invalid", "{about}: {token}");
    }
    assert_eq!(told(&system, 0, &good).await, "ada");
    let answer = ask(&system, 0, &format!("Bearer {}", rsa.token(&claims()))).await;
    assert_eq!(answer.json()["allowed"], json!(["ES256"]));
    assert!(answer.json()["detail"].as_str().unwrap().ends_with("; allowed are ES256."));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_checked_as_with_a_secret() {
    let signer = Signer::new("EdDSA", "1");
    let system = with_keys(&signer.pem(), &[("PFP_JWT_ISSUER", ISSUER), ("PFP_JWT_AUDIENCE", "pfp")]).await;
    let good = json!({"sub": "ada", "exp": now() + 600, "iss": ISSUER, "aud": "pfp"});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    for (claims, expected) in [
        (good.clone(), "ada"),
        (with("aud", json!(["pfp", "other"])), "ada"),
        (with("iss", "https://other.test".into()), "token_invalid"),
        (with("iss", json!([ISSUER])), "token_invalid"),
        (with("iss", Value::Null), "token_invalid"),
        (with("aud", "other".into()), "token_invalid"),
        (with("aud", Value::Null), "token_invalid"),
        (with("exp", (now() - 60).into()), "token_expired"),
        (with("exp", "tomorrow".into()), "token_invalid"),
        (with("exp", Value::Null), "token_invalid"),
        (with("nbf", (now() + 60).into()), "token_invalid"),
        (with("sub", 7.into()), "token_invalid"),
        (with("sub", Value::Null), "token_invalid"),
        (with("more", "x".repeat(8 << 10).into()), "token_invalid"),
    ] {
        assert_eq!(told(&system, 0, &signer.token(&claims)).await, expected, "{claims:.200}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_is_refused_without_one_usable_source_of_keys() {
    let system = Setup::new().set("PFP_JWT_SECRET", "").workers(0).prepare().await;
    let signer = Signer::new("ES256", "1");
    let started = |own: &[(&str, &str)], arguments: &[&str]| -> Output {
        let mut settings = system.settings.clone();
        settings.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        run("pfp-api", arguments, &settings)
    };
    let refused = |own: &[(&str, &str)], arguments: &[&str]| {
        let output = started(own, arguments);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{own:?}: {words}");
        words
    };
    let path = file(&system, &signer.pem());
    let path = path.to_str().unwrap();
    let (key, url) = (("PFP_JWT_PUBLIC_KEY", path), ("PFP_JWT_JWKS_URL", "https://id.test/keys"));
    let secret = ("PFP_JWT_SECRET", SECRET);
    for (own, expected) in [
        (&[][..], "one of PFP_JWT_SECRET, PFP_JWT_PUBLIC_KEY and PFP_JWT_JWKS_URL is required"),
        (&[secret, key], "PFP_JWT_SECRET and PFP_JWT_PUBLIC_KEY are set together"),
        (&[secret, url], "PFP_JWT_SECRET and PFP_JWT_JWKS_URL are set together"),
        (&[key, url], "PFP_JWT_PUBLIC_KEY and PFP_JWT_JWKS_URL are set together"),
        (&[secret, key, url], "PFP_JWT_SECRET and PFP_JWT_PUBLIC_KEY and PFP_JWT_JWKS_URL are set together"),
        (&[key, ("PFP_JWT_SECRET_PREVIOUS", SECRET)], "PFP_JWT_SECRET is required"),
        (&[("PFP_JWT_JWKS_URL", "http://id.test/keys")], "PFP_JWT_JWKS_URL=[secret] can't be used"),
        (&[("PFP_JWT_JWKS_URL", "https://u:p@id.test/keys")], "PFP_JWT_JWKS_URL=[secret] can't be used"),
        (&[url, ("PFP_CA_FILE", "/nowhere.pem")], "PFP_CA_FILE=/nowhere.pem can't be read"),
        (&[("PFP_JWT_PUBLIC_KEY", "/nowhere.pem")], "PFP_JWT_PUBLIC_KEY=/nowhere.pem can't be used"),
    ] {
        let words = refused(own, &[]);
        assert!(words.contains(expected), "{own:?}: {words}");
    }
    // Whoever could mint with it could sign as anybody.
    for own in [key, url] {
        let words = refused(&[own], &["token", "--user", "ada"]);
        assert!(words.contains("a token can only be made with PFP_JWT_SECRET"), "{words}");
    }
    let private = signer.pair.serialize_pem();
    for (text, expected) in [
        (private.clone(), "its key 1 is a private key"),
        (format!("{}{private}", signer.pem()), "its key 2 is a private key"),
        (SHORT_RSA.to_owned(), "its key 1 is an RSA key of 1024 bits: 2048 to 8192 are taken"),
        (signer.pem().replace("PUBLIC KEY", "CERTIFICATE"), "its key 1 is a certificate"),
        (signer.pem().replace("MFkw", "MFkx"), "its key 1 isn't a well-formed public key"),
        ("keys".to_owned(), "it holds no public key in PEM form"),
        (signer.pem().repeat(17), "it holds 17 keys; at most 16 are taken"),
    ] {
        std::fs::write(path, text).unwrap();
        let words = refused(&[key], &[]);
        assert!(words.contains(&format!("PFP_JWT_PUBLIC_KEY={path} can't be used: {expected}")), "{words}");
        assert!(!words.contains(private.lines().nth(1).unwrap()), "the private key is shown");
    }
    std::fs::remove_file(path).unwrap();
    system.stop().await;
}
