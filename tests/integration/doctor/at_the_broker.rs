//! The queues, and what is only worth knowing.

use super::{Shown, clean, photo, planted, quiet_system};
use lapin::{
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use pfp_tests::system::TestSystem;

planted! {
    queue_missing: async |system: &TestSystem, _: &Shown| system.delete_queue().await,
        a_queue_is_there;
    queue_wrong: async |system: &TestSystem, _: &Shown| {
            another_kind(system, &["jobs", "dead"]).await;
        },
        a_queue_is_there;
}

/// Makes queues anew as classic ones.
async fn another_kind(system: &TestSystem, names: &[&str]) {
    let (connection, channel) = system.channel().await;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    for name in names {
        let name = system.queue(name);
        channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        channel.queue_declare(name.as_str().into(), durable, FieldTable::default()).await.unwrap();
    }
    connection.close(200, "done".into()).await.unwrap();
}

async fn a_queue_is_there(system: &TestSystem, _: &Shown) {
    assert!(system.jobs_queue().is_some());
}

/// What is remarked, and is no disagreement.
pub(super) const REMARKS: &[&str] = &["foreign_object", "dead_letter", "failed_upload", "no_worker"];

/// What is told, and can't be mended from here.
pub(super) const LEFT_TO_OTHERS: &[&str] = &["queue_silent"];

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_says_nothing_is_told_and_left_to_the_broker() {
    let (mut system, _) = quiet_system().await;
    // Whoever asks it waits for so long.
    system.settings.insert("PFP_BROKER_TIMEOUT".to_owned(), "2s".to_owned());
    system.settings.insert("PFP_CHECK_INTERVAL".to_owned(), "500ms".to_owned());
    // As without a leader: whatever the process that keeps the queue is asked, nobody answers.
    let process = format!("'%2F_{}'", system.queue("jobs"));
    let tell = |what: &str| system.servers.rabbitmqctl(&["eval", &format!("sys:{what}({process}).")]);
    tell("suspend");
    let found = [&[][..], &["--repair"]].map(|arguments| super::doctor(&system, arguments));
    tell("resume");
    assert_eq!(
        found.map(|(ended_well, found)| (ended_well, found.into_keys().collect::<Vec<_>>())),
        [(false, vec!["queue_silent".to_owned()]), (false, vec!["queue_silent".to_owned()])]
    );
    assert_eq!(clean(&system).len(), 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_queue_of_another_kind_that_holds_a_message_stops_no_job_and_is_mended_once_it_is_empty() {
    let (mut system, _) = quiet_system().await;
    another_kind(&system, &["dead"]).await;
    system.set_aside(b"junk").await;

    let (ended_well, found) = super::doctor(&system, &["--repair"]);
    let found: Vec<_> = found.into_keys().collect();
    assert_eq!((ended_well, found), (false, vec!["dead_letter".to_owned(), "queue_wrong".to_owned()]));
    let listed = system.worker_command(&["dead", "list"]);
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("message-"));
    system.start_worker();
    system.workers[1].ready().await;
    let upload = system.client("dora").upload_and_wait(photo()).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");

    assert!(system.worker_command(&["dead", "discard", "--all"]).status.success());
    let (ended_well, found) = super::doctor(&system, &["--repair"]);
    assert!(ended_well, "{found:?}");
    assert_eq!(clean(&system).len(), 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_worth_knowing_is_told_and_left_alone() {
    let (system, _) = quiet_system().await;
    system.storage.put_staged("notes/hello.txt", vec!["somebody's".into()]).await.unwrap();
    system.set_aside(b"junk").await;
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
