//! The queues, and what is only worth knowing.

use super::{Shown, clean, planted, quiet_system};
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use pfp_tests::system::TestSystem;

planted! {
    queue_missing: async |system: &TestSystem, _: &Shown| system.delete_queue().await,
        a_queue_is_there;
    queue_wrong: async |system: &TestSystem, _: &Shown| {
            system.delete_queue().await;
            let (connection, channel) = system.channel().await;
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            for name in ["jobs", "dead"] {
                let name = system.queue(name);
                channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
                channel.queue_declare(name.as_str().into(), options, FieldTable::default()).await.unwrap();
            }
            connection.close(200, "done".into()).await.unwrap();
        },
        a_queue_is_there;
}

async fn a_queue_is_there(system: &TestSystem, _: &Shown) {
    assert!(system.jobs_queue().is_some());
}

/// What is remarked, and is no disagreement.
pub(super) const REMARKS: &[&str] = &["foreign_object", "dead_letter", "failed_upload", "no_worker"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_worth_knowing_is_told_and_left_alone() {
    let (system, _) = quiet_system().await;
    system.storage.put_staged("notes/hello.txt", vec!["somebody's".into()]).await.unwrap();
    let (connection, channel) = system.channel().await;
    let (name, options) = (system.queue("dead"), BasicPublishOptions::default());
    let junk = BasicProperties::default();
    channel.basic_publish("".into(), name.as_str().into(), options, b"junk", junk).await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
    system
        .database
        .run(
            "UPDATE uploads SET status = 'processing', claim_token = gen_random_uuid(), lease_until = now()
                 WHERE user_id = 'carl';
             UPDATE uploads SET status = 'failed', claim_token = NULL, lease_until = NULL, finished_at = now(),
                 failure = '{\"code\": \"attempts_exhausted\", \"detail\": \"\"}' WHERE user_id = 'carl'",
        )
        .await;
    for arguments in [&[][..], &["--repair"]] {
        let (ended_well, found) = super::doctor(&system, arguments);
        let kinds: Vec<_> = found.into_keys().collect();
        assert_eq!(
            (ended_well, kinds),
            (true, vec!["dead_letter".into(), "failed_upload".into(), "foreign_object".into()])
        );
    }
    let told = system.worker_command(&["doctor"]);
    let told = String::from_utf8_lossy(&told.stdout);
    assert_eq!(told.lines().filter(|line| line.starts_with("remark: ")).count(), REMARKS.len(), "{told}");
    assert_eq!(system.storage.size_of("notes/hello.txt").await.unwrap(), 10);
    assert_eq!(clean(&system).len(), 3);
    system.stop().await;
}
