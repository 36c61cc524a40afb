//! Database, broker and object store over TLS, by their own schemes, with an authority of our own.

use pfp_tests::{
    pictures,
    servers::Servers,
    system::{Setup, TestSystem},
    tls_proxy::{Authority, Behind},
    wait::{PATIENCE, until},
};

/// A system all of whose connections go through TLS; its servers' certificates are of the authority.
async fn over_tls(authority: &Authority) -> TestSystem {
    let servers = Servers::shared();
    let at = |port: &str| format!("127.0.0.1:{}", servers.value(port));
    let database = authority.in_front_of(at("POSTGRES_PORT"), Behind::Postgres).await;
    let broker = authority.in_front_of(at("RABBITMQ_PORT"), Behind::Tls).await;
    let store = authority.in_front_of(at("MINIO_PORT"), Behind::Tls).await;
    let mut system = Setup::new().prepare().await;
    let file = std::env::temp_dir().join(format!("{}.pem", system.settings["PFP_QUEUE_PREFIX"]));
    authority.write(&file);
    let url = &system.settings["PFP_DATABASE_URL"];
    let url = url.replace(&at("POSTGRES_PORT"), &format!("localhost:{database}"));
    let amqp = system.settings["PFP_AMQP_URL"].replace(&at("RABBITMQ_PORT"), &format!("localhost:{broker}"));
    for (name, value) in [
        ("PFP_DATABASE_URL", format!("{url}?sslmode=require")),
        ("PFP_AMQP_URL", amqp.replace("amqp://", "amqps://")),
        ("PFP_S3_ENDPOINT", format!("https://localhost:{store}")),
        ("PFP_CA_FILE", file.display().to_string()),
    ] {
        system.settings.insert(name.to_owned(), value);
    }
    system
}

fn plain_broker(system: &mut TestSystem) {
    // The harness itself looks at the broker without TLS.
    system.settings.insert("PFP_AMQP_URL".to_owned(), system.servers.value("RABBITMQ_URL").to_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_path_works_over_tls_with_an_authority_of_ones_own() {
    let mut system = over_tls(&Authority::new()).await;
    let migrated = system.worker_command(&["migrate"]);
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    system.start_api();
    system.start_worker();
    system.ready().await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    plain_broker(&mut system);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let mut system = over_tls(&Authority::new()).await;
    system.settings.remove("PFP_CA_FILE");
    let migrated = system.worker_command(&["migrate"]);
    assert!(!migrated.status.success());
    let told = String::from_utf8_lossy(&migrated.stderr).into_owned();
    assert!(told.contains("certificate"), "{told}");
    system.start_worker();
    let health = format!("http://{}/readyz", system.workers[0].address);
    until("the broker is refused too", PATIENCE, async || {
        let answer = reqwest::get(&health).await.ok()?;
        let broker = answer.json::<serde_json::Value>().await.ok()?["broker"].as_str()?.to_owned();
        broker.contains("certificate").then_some(())
    })
    .await;
    plain_broker(&mut system);
    system.stop().await;
}
