//! Who may ask: tokens that are taken, and all those that aren't.

mod key_sets;
mod public_keys;

use jsonwebtoken::{Algorithm, EncodingKey};
use pfp_tests::{
    client::{Answer, now, sign},
    pictures,
    process::run,
    signing::{base64, written},
    system::{SECRET, Setup, TestSystem},
};
use serde_json::{Value, json};

const PREVIOUS: &str = "the-secret-before-that-no-log-may-show-either";
const ISSUER: &str = "https://login.pfp.test";

/// A token with any header over any claims, signed by HMAC.
fn token(header: &Value, claims: &Value, hash: Algorithm, secret: &str) -> String {
    written(&header.to_string(), &claims.to_string(), &EncodingKey::from_secret(secret.as_bytes()), hash)
}

async fn ask(system: &TestSystem, api: usize, authorization: &str) -> Answer {
    let url = format!("http://{}/user/me", system.apis[api].address);
    let request = reqwest::Client::new().get(url).header("authorization", authorization);
    Answer::read(request.send().await.unwrap()).await
}

/// What a token is told: its user, or the code that it is refused with.
async fn told(system: &TestSystem, api: usize, token: &str) -> String {
    let answer = ask(system, api, &format!("Bearer {token}")).await;
    match answer.status.as_u16() {
        200 => answer.json()["id"].as_str().unwrap().to_owned(),
        401 | 503 => answer.code(),
        status => panic!("{status}: {}", String::from_utf8_lossy(&answer.bytes)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minted_token_works_for_an_upload_until_its_time_is_up() {
    let mut system = Setup::new().set("PFP_JWT_LEEWAY", "0s").start().await;
    system.start_api_with(&[("PFP_JWT_ISSUER", ISSUER), ("PFP_JWT_AUDIENCE", "pfp")]);
    system.ready().await;
    let mint = |user: &str, more: &[&str], own: &[(&str, &str)]| {
        let mut settings = system.settings.clone();
        settings.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        run("pfp-api", &[&["token", "--user", user], more].concat(), &settings)
    };
    let printed = |output: std::process::Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "nothing but the token, for a shell to take");
        text.trim().to_owned()
    };
    let minted = printed(mint("Björn O'Neill", &[], &[]));
    let file = pictures::bytes("bench-170kb.jpg");
    let url = format!("http://{}/user/upload-profile-picture", system.apis[0].address);
    let upload =
        reqwest::Client::new().post(url).bearer_auth(&minted).header("content-type", "image/jpeg").body(file);
    assert_eq!(upload.send().await.unwrap().status(), 202);
    assert_eq!(told(&system, 0, &minted).await, "Björn O'Neill");
    assert_eq!(told(&system, 1, &minted).await, "token_invalid", "it names no issuer");
    let strict =
        printed(mint("ada", &["--ttl", "10m"], &[("PFP_JWT_ISSUER", ISSUER), ("PFP_JWT_AUDIENCE", "pfp")]));
    assert_eq!(told(&system, 1, &strict).await, "ada");

    let brief = printed(mint("ada", &["--ttl", "1s"], &[]));
    pfp_tests::wait::until("it expires", pfp_tests::wait::PATIENCE, async || {
        (told(&system, 0, &brief).await == "token_expired").then_some(())
    })
    .await;
    for (user, more) in
        [("", &[][..]), (&"x".repeat(256), &[]), ("ada", &["--ttl", "soon"]), ("ada", &["--ttl", "0s"])]
    {
        let output = mint(user, more, &[]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{user} {more:?}");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_hs256_by_a_known_secret_is_taken() {
    let mut system = Setup::new().workers(0).start().await;
    system.start_api_with(&[("PFP_JWT_SECRET_PREVIOUS", PREVIOUS)]);
    system.ready().await;
    let claims = json!({"sub": "ada", "exp": now() + 600});
    let header = |alg: &str| json!({"typ": "JWT", "alg": alg});
    let own = |alg: &str, hash| token(&header(alg), &claims, hash, SECRET);
    let good = own("HS256", Algorithm::HS256);
    assert_eq!(told(&system, 0, &good).await, "ada", "ours is as good as a library's");
    let (message, _) = good.rsplit_once('.').unwrap();
    let unsigned = format!("{}.{}.", base64(br#"{"alg":"none"}"#), base64(claims.to_string().as_bytes()));
    let elsewhere = json!({"alg": "HS256", "jku": "http://127.0.0.1:1/keys", "kid": "../../dev/null", "x5u": "http://127.0.0.1:1/"});
    let critical = json!({"alg": "HS256", "crit": ["exp"], "b64": false});
    for (about, bad) in [
        ("no algorithm", unsigned),
        (
            "none in capitals",
            format!("{}.{}.", base64(br#"{"alg":"NONE"}"#), base64(claims.to_string().as_bytes())),
        ),
        ("its signature taken off", format!("{message}.")),
        ("another signature", format!("{message}.{}", base64(&[7; 32]))),
        ("a longer hash", own("HS512", Algorithm::HS512)),
        ("another hash than it says", own("HS512", Algorithm::HS256)),
        ("the secret as an RSA key", own("RS256", Algorithm::HS256)),
        ("the secret as a curve's key", own("ES256", Algorithm::HS256)),
        ("an unknown algorithm", own("HS1", Algorithm::HS256)),
        ("a header that isn't one", token(&json!("HS256"), &claims, Algorithm::HS256, SECRET)),
        ("claims that aren't", token(&header("HS256"), &json!([1, 2]), Algorithm::HS256, SECRET)),
        ("another secret", sign(&claims, "another secret, of thirty-two bytes")),
        ("an empty secret", sign(&claims, "")),
        ("a secret that was retired", sign(&claims, PREVIOUS)),
        ("two tokens", format!("{good} {good}")),
        ("dots", "..".to_owned()),
        ("a dot too many", format!("{good}.")),
        ("a part too many", format!("{good}.e30")),
        ("padding", format!("{good}=")),
        (
            "more than 8 KiB",
            sign(&json!({"sub": "ada", "exp": now() + 600, "more": "x".repeat(8 << 10)}), SECRET),
        ),
    ] {
        assert_eq!(told(&system, 0, &bad).await, "token_invalid", "{about}: {bad}");
    }
    // A header that names keys elsewhere changes nothing: it is the secret that counts.
    let named = told(&system, 0, &token(&elsewhere, &claims, Algorithm::HS256, SECRET)).await;
    assert!(["ada", "token_invalid"].contains(&named.as_str()), "{named}");
    let forged = token(&elsewhere, &claims, Algorithm::HS256, "another secret, of thirty-two bytes");
    assert_eq!(told(&system, 0, &forged).await, "token_invalid");
    let demanding = token(&critical, &claims, Algorithm::HS256, SECRET);
    assert_eq!(told(&system, 0, &demanding).await, "token_invalid", "no extension is supported");
    let twice = format!(r#"{{"sub":"ada","exp":{0},"sub":"eve"}}"#, now() + 600);
    let twice =
        written(r#"{"alg":"HS256"}"#, &twice, &EncodingKey::from_secret(SECRET.as_bytes()), Algorithm::HS256);
    assert_eq!(told(&system, 0, &twice).await, "token_invalid", "a claim is said once");
    let answer = ask(&system, 0, &format!("Bearer {}", own("HS512", Algorithm::HS512))).await;
    assert_eq!(answer.json()["allowed"], json!(["HS256"]), "it tells what is taken");
    assert_eq!(told(&system, 1, &sign(&claims, PREVIOUS)).await, "ada", "while secrets are rotated");
    assert_eq!(told(&system, 1, &good).await, "ada");
    for nothing in ["Bearer", "Basic dTpw", "", "bearer", "Token abc"] {
        assert_eq!(ask(&system, 0, nothing).await.code(), "token_missing", "{nothing}");
    }
    assert_eq!(ask(&system, 0, &format!("bEARER  {good}")).await.status, 200, "schemes have no case");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_required_and_checked() {
    let mut system = Setup::new().workers(0).start().await;
    system.start_api_with(&[("PFP_JWT_ISSUER", ISSUER), ("PFP_JWT_AUDIENCE", "pfp")]);
    system.ready().await;
    let later = now() + 600;
    let (long, most) = ("é".repeat(256), "é".repeat(255));
    for (claims, expected) in [
        (json!({"sub": most, "exp": later}), most.as_str()),
        (json!({"sub": "ada", "exp": later, "iss": "anyone", "aud": "anything", "nbf": now() - 5}), "ada"),
        (json!({"sub": "ada", "exp": now() - 3}), "ada"),
        (json!({"sub": "ada", "exp": now() - 60}), "token_expired"),
        (json!({"sub": "ada", "exp": 0}), "token_expired"),
        (json!({"sub": "ada"}), "token_invalid"),
        (json!({"sub": "ada", "exp": "soon"}), "token_invalid"),
        (json!({"sub": "ada", "exp": null}), "token_invalid"),
        (json!({"sub": "ada", "exp": later, "nbf": later}), "token_invalid"),
        (json!({"exp": later}), "token_invalid"),
        (json!({"sub": "", "exp": later}), "token_invalid"),
        (json!({"sub": null, "exp": later}), "token_invalid"),
        (json!({"sub": 7, "exp": later}), "token_invalid"),
        (json!({"sub": ["ada"], "exp": later}), "token_invalid"),
        (json!({"sub": long, "exp": later}), "token_invalid"),
        (json!({"sub": "a\u{0}b", "exp": later}), "token_invalid"),
    ] {
        assert_eq!(told(&system, 0, &sign(&claims, SECRET)).await, expected, "{claims:.200}");
    }
    let strict =
        |iss: Value, aud: Value| sign(&json!({"sub": "ada", "exp": later, "iss": iss, "aud": aud}), SECRET);
    for (token, expected) in [
        (strict(ISSUER.into(), "pfp".into()), "ada"),
        (strict(ISSUER.into(), json!(["other", "pfp"])), "ada"),
        (strict("someone".into(), "pfp".into()), "token_invalid"),
        (strict(ISSUER.into(), "other".into()), "token_invalid"),
        (strict(Value::Null, "pfp".into()), "token_invalid"),
        (strict(json!([ISSUER, "someone"]), "pfp".into()), "token_invalid"),
        (strict(ISSUER.into(), Value::Null), "token_invalid"),
        (strict(ISSUER.into(), json!([])), "token_invalid"),
        (sign(&json!({"sub": "ada", "exp": later, "iss": ISSUER}), SECRET), "token_invalid"),
        (sign(&json!({"sub": "ada", "exp": later, "aud": "pfp"}), SECRET), "token_invalid"),
    ] {
        assert_eq!(told(&system, 1, &token).await, expected, "{token}");
    }
    system.stop().await;
}
