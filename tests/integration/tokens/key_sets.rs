//! Tokens that are checked with a key set, whose server changes its keys, or doesn't answer.

use super::{ask, told};
use futures_util::{StreamExt, stream};
use jsonwebtoken::{Algorithm, EncodingKey};
use pfp_tests::{
    client::now,
    key_server::{KeyServer, Reply},
    signing::{Signer, written},
    system::{Setup, TestSystem},
    tls_proxy::{Authority, Behind},
    wait::{PATIENCE, until},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A system that isn't told a secret, and an API of it that checks tokens with a key set.
async fn with_set(url: &str, own: &[(&str, &str)]) -> TestSystem {
    let mut system = Setup::new().set("PFP_JWT_SECRET", "").workers(0).prepare().await;
    system.start_api_with(&[&[("PFP_JWT_JWKS_URL", url), ("PFP_JWT_JWKS_TIMEOUT", "1s")], own].concat());
    system
}

fn claims() -> Value {
    json!({"sub": "ada", "exp": now() + 600})
}

/// What `/readyz` says: its status, its word, and the word on the key set.
async fn readiness(system: &TestSystem) -> Option<(u16, String, String)> {
    let answer = reqwest::get(format!("http://{}/readyz", system.apis[0].address)).await.ok()?;
    let status = answer.status().as_u16();
    let health: Value = answer.json().await.ok()?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some((status, word(&health["status"]), word(&health["dependencies"]["token_keys"])))
}

async fn until_ready_is(system: &TestSystem, expected: (u16, &str, &str)) {
    let (status, word, keys) = expected;
    until(&format!("/readyz says {expected:?}"), PATIENCE, async || {
        (readiness(system).await? == (status, word.to_owned(), keys.to_owned())).then_some(())
    })
    .await;
}

fn lines(system: &TestSystem, words: &str) -> usize {
    system.apis[0].log_text().lines().filter(|line| line.contains(words)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_set_sign_by_their_own_algorithm_and_name() {
    let signers = [("RS256", "r"), ("ES256", "e"), ("EdDSA", "o")].map(|(alg, kid)| Signer::new(alg, kid));
    let server = KeyServer::start(&[]).await;
    let mut keys: Vec<_> = signers.iter().map(Signer::jwk).collect();
    keys.push(json!({"kty": "oct", "kid": "s", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}));
    keys.push(json!({"kty": "EC", "crv": "P-521", "kid": "p"}));
    let set = json!({ "keys": keys }).to_string();
    server.reply(Reply::Body(set.clone()));
    let mut system = with_set(&server.url, &[]).await;
    system.ready().await;
    until_ready_is(&system, (200, "ready", "up")).await;
    for signer in &signers {
        assert_eq!(told(&system, 0, &signer.token(&claims())).await, "ada", "{}", signer.alg);
        let nameless = signer.token_with(&json!({ "alg": signer.alg }), &claims());
        assert_eq!(told(&system, 0, &nameless).await, "ada", "every key of its algorithm is tried");
        for kid in ["r", "e", "o", "s", "p", "x", "", "../r", "R"].iter().filter(|kid| **kid != signer.kid) {
            let misnamed = signer.token_with(&json!({"alg": signer.alg, "kid": kid}), &claims());
            assert_eq!(told(&system, 0, &misnamed).await, "token_invalid", "{} as {kid}", signer.alg);
        }
        let stranger = Signer::new(signer.alg, &signer.kid);
        for header in [
            json!({"alg": signer.alg, "kid": signer.kid}),
            json!({ "alg": signer.alg }),
            json!({"alg": signer.alg, "kid": signer.kid, "jwk": stranger.jwk()}),
            json!({"alg": signer.alg, "kid": "x", "jwk": stranger.jwk(), "jku": server.url}),
        ] {
            let forged = stranger.token_with(&header, &claims());
            assert_eq!(told(&system, 0, &forged).await, "token_invalid", "{header}");
        }
        for secret in
            [set.as_bytes(), signer.jwk().to_string().as_bytes(), signer.pem().as_bytes(), &signer.der()]
        {
            let header = json!({"alg": "HS256", "kid": signer.kid}).to_string();
            let key = EncodingKey::from_secret(secret);
            let forged = written(&header, &claims().to_string(), &key, Algorithm::HS256);
            assert_eq!(told(&system, 0, &forged).await, "token_invalid", "a public key is no secret");
        }
    }
    let key = EncodingKey::from_secret(b"secret-secret-secret-secret");
    for kid in [json!("s"), Value::Null] {
        let header = json!({"alg": "HS256", "kid": kid}).to_string();
        let forged = written(&header, &claims().to_string(), &key, Algorithm::HS256);
        assert_eq!(told(&system, 0, &forged).await, "token_invalid", "a secret that is public is none");
    }
    assert_eq!(lines(&system, "are left out"), 1, "what is left out is logged once");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_works_at_its_first_use_and_a_flood_of_unknown_ones_costs_one_fetch() {
    let [old, new, next] = ["1", "2", "3"].map(|kid| Signer::new("ES256", kid));
    let server = KeyServer::start(&[&old]).await;
    let mut system = with_set(&server.url, &[("PFP_JWT_JWKS_COOLDOWN", "3s")]).await;
    system.ready().await;
    assert_eq!((told(&system, 0, &old.token(&claims())).await.as_str(), server.asked()), ("ada", 1));
    server.serve(&[&old, &new]);
    let first = stream::iter(0..20).map(|_| {
        let (system, token) = (&system, new.token(&claims()));
        async move { told(system, 0, &token).await }
    });
    let first: Vec<_> = first.buffer_unordered(20).collect().await;
    assert!(first.iter().all(|told| told == "ada"), "{first:?}");
    assert_eq!(server.asked(), 2, "whoever comes meanwhile waits for the same fetch");

    server.serve(&[&next]);
    let begun = Instant::now();
    let flood = stream::iter(0..300).map(|number| {
        let forged = new.token_with(&json!({"alg": "ES256", "kid": format!("x{number}")}), &claims());
        let system = &system;
        async move { told(system, 0, &forged).await }
    });
    let flood: Vec<_> = flood.buffer_unordered(30).collect().await;
    assert!(flood.iter().all(|told| told == "token_invalid"), "{flood:?}");
    let most = 2 + 1 + usize::try_from(begun.elapsed().as_secs() / 3).unwrap();
    assert!(server.asked() <= most, "{} fetches", server.asked());
    until("the cool-down is over, and the next key works", PATIENCE, async || {
        (told(&system, 0, &next.token(&claims())).await == "ada").then_some(())
    })
    .await;
    assert_eq!(told(&system, 0, &old.token(&claims())).await, "token_invalid", "it was taken away");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_go_on_working_whatever_the_server_does() {
    let [old, new] = ["1", "2"].map(|kid| Signer::new("RS256", kid));
    let server = KeyServer::start(&[&old]).await;
    let own = [("PFP_JWT_JWKS_MAX_AGE", "1s"), ("PFP_JWT_JWKS_COOLDOWN", "100ms")];
    let mut system = with_set(&server.url, &own).await;
    system.ready().await;
    let elsewhere = KeyServer::start(&[&new]).await;
    let huge = format!("{}{}", json!({"keys": [new.jwk()]}), " ".repeat(300 << 10));
    for reply in [
        Reply::Status(500),
        Reply::Silence,
        Reply::Redirect(elsewhere.url.clone()),
        Reply::Body(huge),
        Reply::Body("<html>".to_owned()),
        Reply::Body(json!({"keys": []}).to_string()),
        Reply::Body(json!({ "keys": vec![new.jwk(); 65] }).to_string()),
    ] {
        let warned = lines(&system, "are still used");
        server.reply(reply.clone());
        until_ready_is(&system, (200, "degraded", "down")).await;
        let asked = server.asked();
        until("it is asked again and again", PATIENCE, async || (server.asked() >= asked + 2).then_some(()))
            .await;
        assert_eq!(told(&system, 0, &old.token(&claims())).await, "ada", "{reply:?}");
        let answer = ask(&system, 0, &format!("Bearer {}", new.token(&claims()))).await;
        assert_eq!(answer.code(), "token_keys_unavailable", "{reply:?}: nobody can tell");
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
        assert_eq!(lines(&system, "are still used"), warned + 1, "one line for an outage");
        server.serve(&[&old]);
        until_ready_is(&system, (200, "ready", "up")).await;
        assert_eq!(told(&system, 0, &new.token(&claims())).await, "token_invalid", "now it can be told");
    }
    assert_eq!(elsewhere.asked(), 0, "no redirect is followed");
    let metrics = system.apis[0].metrics().await;
    for name in [
        r#"pfp_token_key_fetches_total{outcome="succeeded"} "#,
        r#"pfp_token_key_fetches_total{outcome="failed"} "#,
        r#"pfp_dependency_up{dependency="token_keys"} 1"#,
        "pfp_token_keys_age_seconds ",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "no {name} in:\n{metrics}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_fetched_again_when_it_gets_old_and_not_trusted_for_ever() {
    let [old, new] = ["1", "2"].map(|kid| Signer::new("EdDSA", kid));
    let server = KeyServer::start(&[&old]).await;
    let own =
        [("PFP_JWT_JWKS_MAX_AGE", "1s"), ("PFP_JWT_JWKS_MAX_STALE", "2s"), ("PFP_JWT_JWKS_COOLDOWN", "1h")];
    let mut system = with_set(&server.url, &own).await;
    system.start_api_with(&[("PFP_JWT_JWKS_URL", &server.url)]);
    system.ready().await;
    server.serve(&[&new]);
    until("the old key is forgotten unasked", PATIENCE, async || {
        (told(&system, 0, &old.token(&claims())).await == "token_invalid").then_some(())
    })
    .await;
    assert_eq!(told(&system, 0, &new.token(&claims())).await, "ada");
    assert_eq!(told(&system, 1, &old.token(&claims())).await, "ada", "ten minutes aren't over");
    server.reply(Reply::Status(503));
    until_ready_is(&system, (200, "degraded", "down")).await;
    let out = Instant::now();
    assert_eq!(told(&system, 0, &new.token(&claims())).await, "ada");
    until_ready_is(&system, (503, "unavailable", "down")).await;
    assert!(out.elapsed() < Duration::from_secs(10), "{:?}", out.elapsed());
    assert_eq!(told(&system, 0, &new.token(&claims())).await, "token_keys_unavailable");
    assert_eq!(told(&system, 1, &old.token(&claims())).await, "ada", "by default a day");
    until("it is told", PATIENCE, async || (lines(&system, "no token can be checked") == 1).then_some(()))
        .await;
    server.serve(&[&new]);
    until_ready_is(&system, (200, "ready", "up")).await;
    assert_eq!(told(&system, 0, &new.token(&claims())).await, "ada");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_has_no_key_yet_isnt_ready_and_says_so() {
    let signer = Signer::new("ES256", "1");
    let server = KeyServer::start(&[&signer]).await;
    server.reply(Reply::Silence);
    let mut system = with_set(&server.url, &[("PFP_JWT_JWKS_TIMEOUT", "500ms")]).await;
    until("it is asked", PATIENCE, async || (server.asked() >= 1).then_some(())).await;
    let asked = Instant::now();
    until("it is asked again after the time-out", PATIENCE, async || (server.asked() >= 2).then_some(()))
        .await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    until_ready_is(&system, (503, "unavailable", "down")).await;
    let answer = ask(&system, 0, &format!("Bearer {}", signer.token(&claims()))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "token_keys_unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(ask(&system, 0, "").await.code(), "token_missing");
    assert_eq!(told(&system, 0, "x").await, "token_invalid");
    assert_eq!(lines(&system, "no token can be checked"), 1);
    server.serve(&[&signer]);
    system.ready().await;
    assert_eq!(told(&system, 0, &signer.token(&claims())).await, "ada");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_comes_by_tls_of_an_authority_that_is_known() {
    let signer = Signer::new("ES256", "1");
    let server = KeyServer::start(&[&signer]).await;
    let (authority, other) = (Authority::new(), Authority::new());
    let plain = server.url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let port = authority.in_front_of(plain, Behind::Tls).await;
    let url = format!("https://localhost:{port}/.well-known/jwks.json");
    let file = |authority: &Authority| {
        let path = std::env::temp_dir().join(format!("{}.pem", uuid::Uuid::new_v4()));
        authority.write(&path);
        path
    };
    let (known, unknown) = (file(&authority), file(&other));
    let mut system = with_set(&url, &[("PFP_CA_FILE", known.to_str().unwrap())]).await;
    system.ready().await;
    assert_eq!(told(&system, 0, &signer.token(&claims())).await, "ada");
    let asked = server.asked();
    system.start_api_with(&[("PFP_JWT_JWKS_URL", &url), ("PFP_CA_FILE", unknown.to_str().unwrap())]);
    until("the certificate is refused", PATIENCE, async || {
        system.apis[1].log_text().contains("certificate").then_some(())
    })
    .await;
    assert_eq!(told(&system, 1, &signer.token(&claims())).await, "token_keys_unavailable");
    assert_eq!(server.asked(), asked);
    for path in [known, unknown] {
        std::fs::remove_file(path).unwrap();
    }
    system.stop().await;
}
