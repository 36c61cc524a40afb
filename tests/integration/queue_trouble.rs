//! The broker's ways to lose or repeat messages.

use lapin::{
    BasicProperties, Channel,
    options::{
        BasicGetOptions, BasicNackOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::FieldTable,
};
use pfp_shared::{job::Job, queue::Topology, upload::UploadId};
use pfp_tests::{
    pictures,
    system::Setup,
    wait::{PATIENCE, until},
};

async fn publish(channel: &Channel, queue: &str, body: &[u8]) {
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), queue.into(), options, body, BasicProperties::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn row_09_a_queue_that_is_deleted_under_a_consumer_is_declared_again_and_consumed() {
    let system = Setup::new().start().await;
    let (connection, channel) = system.channel().await;
    channel.queue_delete(system.queue("jobs").as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let upload = system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    connection.close(200, "done".into()).await.unwrap();
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_09_a_message_that_no_queue_takes_is_not_taken_for_sent_and_the_queue_is_declared_again() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    system.publishes().await;
    system.delete_queue().await;
    let location = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    until("the API is told", PATIENCE, async || {
        system.apis[0].log_text().contains("the queue is gone").then_some(())
    })
    .await;
    let unsent = "SELECT count(*) FROM uploads WHERE published_at IS NULL";
    assert_eq!(system.database.count(unsent).await, 1, "its row knows");
    until("the queue is there again", PATIENCE, async || system.jobs_queue()).await;
    assert_eq!(system.jobs_queue().unwrap().0, 0);
    system.start_worker();
    assert_eq!(ada.finished(&location).await["status"], "succeeded");
    system.workers[0].shows("pfp_republished_total{reason=\"unpublished\"} 1").await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_goes_round_a_hundred_times_is_set_aside_and_its_upload_is_done_all_the_same() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    system.publishes().await;
    let location = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    let (connection, channel) = system.channel().await;
    let jobs = system.queue("jobs");
    let mut deliveries = 0;
    until("it is set aside", PATIENCE, async || {
        while let Some(message) = channel.basic_get(jobs.as_str().into(), Default::default()).await.unwrap() {
            deliveries += 1;
            assert!(deliveries <= 101, "it goes round for ever");
            message.nack(BasicNackOptions { requeue: true, ..Default::default() }).await.unwrap();
        }
        let dead = Topology::ready(&channel, &system.queue("dead")).await.unwrap();
        (dead == 1).then_some(())
    })
    .await;
    assert_eq!(deliveries, 101);
    system.start_worker();
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    connection.close(200, "done".into()).await.unwrap();
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_the_queue_is_empty_is_known_for_certain_and_asking_costs_no_message() {
    let mut system = Setup::new().workers(0).start().await;
    let (connection, channel) = system.channel().await;
    let jobs = system.queue("jobs");
    system.publishes().await;
    assert!(
        Topology::is_empty(&channel, &jobs).await.unwrap(),
        "nobody consumes, so it is asked for a message"
    );
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    until("the message is there", PATIENCE, async || {
        (!Topology::is_empty(&channel, &jobs).await.unwrap()).then_some(())
    })
    .await;
    system.start_worker();
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    assert!(Topology::is_empty(&channel, &jobs).await.unwrap(), "somebody consumes");
    connection.close(200, "done".into()).await.unwrap();
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_19_a_message_that_comes_twice_has_one_effect() {
    let system = Setup::new().start().await;
    let (connection, channel) = system.channel().await;
    let ada = system.client("ada");
    let upload = ada.upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    let id: UploadId = upload["id"].as_str().unwrap().parse().unwrap();
    for _ in 0..3 {
        publish(&channel, &system.queue("jobs"), &Job::new(id).encode()).await;
    }
    until("the duplicates were seen", PATIENCE, async || {
        let metrics = system.workers[0].metrics().await;
        metrics.contains("pfp_jobs_total{outcome=\"stale\"} 3").then_some(())
    })
    .await;
    let location = format!("/user/uploads/{}", upload["id"].as_str().unwrap());
    assert_eq!(ada.get(&location).await.json(), upload, "nothing has changed");
    connection.close(200, "done".into()).await.unwrap();
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_22_a_message_that_can_not_be_read_is_set_aside_once_and_one_of_a_later_version_is_done() {
    let mut system = Setup::new().workers(0).start().await;
    let upload = system.client("ada").accepted(pictures::bytes("bench-170kb.jpg")).await;
    let (connection, channel) = system.channel().await;
    channel.queue_purge(system.queue("jobs").as_str().into(), Default::default()).await.unwrap();
    publish(&channel, &system.queue("jobs"), b"not a job").await;
    let id = upload.rsplit('/').next().unwrap();
    let later = format!(r#"{{"version": 99, "upload_id": "{id}", "more": true}}"#);
    publish(&channel, &system.queue("jobs"), later.as_bytes()).await;
    system.start_worker();
    system.ready().await;
    assert_eq!(system.client("ada").finished(&upload).await["status"], "succeeded");
    // What an operator is alerted by.
    system.workers[0].shows(&format!("pfp_queue_messages{{queue=\"{}\"}} 1", system.queue("dead"))).await;
    let dead = until("the message is set aside", PATIENCE, async || {
        channel.basic_get(system.queue("dead").as_str().into(), BasicGetOptions::default()).await.unwrap()
    })
    .await;
    assert_eq!(dead.data, b"not a job");
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let left =
        channel.queue_declare(system.queue("jobs").as_str().into(), passive, FieldTable::default()).await;
    assert_eq!(left.unwrap().message_count(), 0, "it doesn't go round");
    connection.close(200, "done".into()).await.unwrap();
    system.finish().await;
}
