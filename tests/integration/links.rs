//! The links to database, broker and object store as networks make them: reset at any moment, and slow.

use futures_util::future::join_all;
use pfp_shared::{
    dependencies::Dependency,
    job::Job,
    queue::{CHANNELS, PublishError},
    upload::UploadId,
};
use pfp_tests::{
    pictures,
    servers::Servers,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
    wire::Wire,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const PHOTO: &str = "bench-170kb.jpg";

/// A system whose API and worker reach every server over a wire of its own: database, broker, store.
async fn on_wires() -> (TestSystem, [Wire; 3]) {
    let mut system = Setup::new().apis(0).workers(0).prepare().await;
    let (database, database_url) = Wire::in_url(&system.settings["PFP_DATABASE_URL"]).await;
    let (broker, broker_url) = Wire::in_url(Servers::shared().value("RABBITMQ_URL")).await;
    let (store, endpoint) = Wire::in_url(&system.settings["PFP_S3_ENDPOINT"]).await;
    let own = [
        ("PFP_DATABASE_URL", database_url.as_str()),
        ("PFP_AMQP_URL", &broker_url),
        ("PFP_S3_ENDPOINT", &endpoint),
    ];
    system.start_api_with(&own);
    system.start_worker_with(&own);
    system.ready().await;
    (system, [database, broker, store])
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_reset_in_mid_work_cost_no_upload() {
    let (mut system, wires) = on_wires().await;
    for (round, wire) in wires.iter().cycle().take(6).enumerate() {
        let clients: Vec<_> = (0..4).map(|user| system.client(&format!("user-{round}-{user}"))).collect();
        let uploads = clients.iter().map(|client| client.upload(pictures::bytes(PHOTO)));
        // While they are on their way, and once more while they are worked on.
        let (answers, ()) = tokio::join!(join_all(uploads), async {
            until("some have begun", PATIENCE, async || {
                (system.database.count("SELECT count(*) FROM uploads WHERE status <> 'succeeded'").await > 0)
                    .then_some(())
            })
            .await;
            wire.reset();
        });
        wire.reset();
        for (client, answer) in clients.iter().zip(answers) {
            if answer.status == 202 {
                let upload = client.finished(answer.header("location")).await;
                assert_eq!(upload["status"], "succeeded", "{upload}");
                assert!(!client.picture().await.is_empty());
            } else {
                assert_eq!((answer.status.as_u16(), answer.header("retry-after").is_empty()), (503, false));
            }
        }
        system.ready().await;
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_take_long_each_way_make_uploads_slow_and_cost_no_attempt() {
    let (system, wires) = on_wires().await;
    // As between continents; but what works with a database is nearer to it, and asks it a dozen times for an upload.
    for (wire, delay) in wires.iter().zip([20, 100, 100]) {
        wire.delay(Duration::from_millis(delay));
    }
    let clients: Vec<_> = (0..3).map(|user| system.client(&format!("user-{user}"))).collect();
    let uploads = clients.iter().map(async |client| {
        let location = client.accepted(pictures::bytes(PHOTO)).await;
        client.finished(&location).await
    });
    for upload in join_all(uploads).await {
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    system.finish().await;
}

/// More than there are channels for, each of which takes almost half of the time-out: some find none in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_broker_is_not_taken_for_one_that_is_out() {
    let mut system = Setup::new().workers(0).start().await;
    let (wire, url) = Wire::in_url(Servers::shared().value("RABBITMQ_URL")).await;
    let own = [("PFP_AMQP_URL", url.as_str()), ("PFP_PUBLISH_TIMEOUT", "4s"), ("PFP_BROKER_TIMEOUT", "10s")];
    system.settings.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let services = system.services();
    let publisher = &services.publisher;
    let watching = tokio::spawn({
        let services = services.clone();
        async move { services.watch("pfp-tests", CancellationToken::new()).await }
    });
    services.dependencies.wait_for(&[Dependency::Broker]).await;
    wire.delay(Duration::from_millis(800));
    let jobs: Vec<_> = (0..3 * CHANNELS).map(|_| Job::new(UploadId::generate())).collect();
    let published = join_all(jobs.iter().map(|job| publisher.publish(job, None))).await;
    let confirmed = published.iter().filter(|one| one.is_ok()).count();
    let waited = published.iter().filter(|one| matches!(one, Err(PublishError::Busy(_)))).count();
    assert!(confirmed >= CHANNELS && waited > 0 && confirmed + waited == jobs.len(), "{published:?}");
    publisher.publish(&jobs[0], None).await.expect("the connection is used still");
    watching.abort();
    system.stop().await;
}
