//! What the sweeper finds and moves on. The states are planted, as a process that died would have left them.

use pfp_tests::{
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};

/// An upload whose message waits in the queue.
async fn accepted_without_a_worker(system: &TestSystem) -> String {
    system.publishes().await;
    let location = system.client("ada").accepted(pictures::bytes("bench-170kb.jpg")).await;
    until("its message is there", PATIENCE, async || (system.jobs_queue() == Some((1, 0))).then_some(()))
        .await;
    location
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_message_was_never_sent_is_published_and_done() {
    let mut system = Setup::new().workers(0).start().await;
    let upload = accepted_without_a_worker(&system).await;
    system.delete_queue().await;
    system.database.run("UPDATE uploads SET published_at = NULL").await;
    system.start_worker();
    system.ready().await;
    assert_eq!(system.client("ada").finished(&upload).await["status"], "succeeded");
    republished(&system, "unpublished").await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_message_was_lost_is_published_again() {
    let mut system = Setup::new().workers(0).start().await;
    let upload = accepted_without_a_worker(&system).await;
    system.delete_queue().await;
    system.database.run("UPDATE uploads SET published_at = now()").await;
    system.start_worker();
    system.ready().await;
    assert_eq!(system.client("ada").finished(&upload).await["status"], "succeeded");
    republished(&system, "message_lost").await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_which_nothing_was_claimed_yet_is_not_taken_for_lost_however_old_it_is() {
    let mut system = Setup::new().workers(0).start().await;
    let upload = accepted_without_a_worker(&system).await;
    system
        .database
        .run("UPDATE uploads SET published_at = now() - interval '1 day', run_after = now() - interval '1 day'")
        .await;
    let swept = system.worker_command(&["sweep"]);
    let told = String::from_utf8_lossy(&swept.stdout);
    assert!(told.starts_with("swept: 0 uploads published"), "{told}");
    let told = system.worker_command(&["doctor"]);
    let told = String::from_utf8_lossy(&told.stdout);
    assert!(told.contains("1 messages wait") && !told.contains("message_lost"), "{told}");
    system.start_worker();
    system.ready().await;
    assert_eq!(system.client("ada").finished(&upload).await["status"], "succeeded");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_whose_api_died_goes_and_its_staged_bytes_with_it() {
    let system = Setup::new().start().await;
    system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    let id = uuid::Uuid::now_v7();
    system.storage.put_staged(&format!("staging/{id}"), vec!["half an upload".into()]).await.unwrap();
    system
        .database
        .run(&format!(
            "INSERT INTO uploads (id, user_id, status, lease_until)
             VALUES ('{id}', 'ada', 'receiving', now() - interval '1 second')"
        ))
        .await;
    until("the reservation is gone", PATIENCE, async || {
        (system.database.count("SELECT count(*) FROM uploads WHERE status = 'receiving'").await == 0)
            .then_some(())
    })
    .await;
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 1);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_fell_silent_is_done_by_another_and_the_attempt_stays_counted() {
    taken_from_a_silent_worker(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_fell_silent_and_whose_message_is_gone_is_published_and_done() {
    taken_from_a_silent_worker(false).await;
}

async fn taken_from_a_silent_worker(has_a_message: bool) {
    let mut system = Setup::new().workers(0).start().await;
    let upload = accepted_without_a_worker(&system).await;
    if !has_a_message {
        system.delete_queue().await;
    }
    let dead = system.database.plant_a_lost_lease(1).await;
    let key = pfp_shared::storage::PictureKey::parse(dead).unwrap();
    system.storage.put_picture(&key, b"put before it died".to_vec()).await.unwrap();
    system.start_worker();
    system.ready().await;
    let upload = system.client("ada").finished(&upload).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &2.into()), "{upload}");
    if !has_a_message {
        republished(&system, "lease_lost").await;
    }
    system.quiet().await;
    assert!(!system.objects().await.contains(&dead.to_owned()), "the dead worker's picture is gone");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_attempts_are_used_up_is_failed_and_its_bytes_are_kept() {
    let mut system = Setup::new().workers(0).start().await;
    let upload = accepted_without_a_worker(&system).await;
    system.database.plant_a_lost_lease(5).await;
    system.start_worker();
    system.ready().await;
    let upload = system.client("ada").finished(&upload).await;
    assert_eq!(upload["status"], "failed", "{upload}");
    assert_eq!(upload["failure"]["code"], "attempts_exhausted");
    let worker = &system.workers[0];
    worker.shows("pfp_jobs_total{outcome=\"failed\"} 1").await;
    worker.shows("pfp_upload_latency_seconds_count{outcome=\"failed\"} 1").await;
    let log = system.workers[0].log_text();
    let told = log.lines().find(|line| line.contains("job failed")).expect("a line of its own");
    assert!(told.contains(upload["id"].as_str().unwrap()), "{told}");
    system.workers[0].shows("pfp_uploads{status=\"failed\"} 1").await;
    system.quiet().await;
    assert_eq!(system.objects().await, [format!("staging/{}", upload["id"].as_str().unwrap())]);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_23_staged_bytes_that_are_missing_cost_attempts_and_end_in_failed_with_a_reason() {
    let mut system = Setup::new().workers(0).start().await;
    let upload = accepted_without_a_worker(&system).await;
    let staged = system.objects().await;
    assert!(system.storage.delete(&staged).await.is_empty());
    system.start_worker();
    system.ready().await;
    // As many as by default, by the only worker: 1, 2, 4 and 8 s apart.
    let upload = system.client("ada").finished_within(&upload, PATIENCE * 3).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"failed".into(), &5.into()), "{upload}");
    for (outcome, count) in [("retried", 4), ("failed", 1)] {
        system.workers[0].shows(&format!("pfp_jobs_total{{outcome=\"{outcome}\"}} {count}")).await;
    }
    assert_eq!(upload["failure"]["code"], "storage_error", "nothing is left to be worked on: {upload}");
    let doctor = system.worker_command(&["doctor"]);
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_08_a_backlog_whose_messages_are_all_lost_is_published_by_one_sweep_however_long_it_is() {
    // More than all batches of one round.
    const LOST: u32 = 2_500;
    // One that isn't confirmed in time would be sent twice.
    let system = Setup::new().set("PFP_PUBLISH_TIMEOUT", "30s").workers(0).start().await;
    system.publishes().await;
    let sql = format!(
        "INSERT INTO users (id) VALUES ('ada');
         INSERT INTO uploads (id, user_id, generation, status, content_type, size_bytes, content_sha256,
             published_at, run_after)
         SELECT gen_random_uuid(), 'ada', nextval('picture_generations'), 'queued', 'image/jpeg', 1, '\\x00',
             now() - interval '1 hour', now() - interval '1 hour' FROM generate_series(1, {LOST})"
    );
    system.database.run(&sql).await;
    let sweep = || {
        let swept = system.worker_command(&["sweep"]);
        assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
        String::from_utf8_lossy(&swept.stdout).into_owned()
    };
    let told = sweep();
    assert!(told.contains(&format!("swept: {LOST} uploads published")), "{told}");
    until("every message is there", PATIENCE, async || {
        (system.jobs_queue() == Some((LOST, 0))).then_some(())
    })
    .await;
    let told = sweep();
    assert!(told.contains("swept: 0 uploads published"), "none twice: {told}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_23_staged_bytes_that_are_longer_or_shorter_than_what_was_accepted_end_in_failed_with_a_reason() {
    let mut system = Setup::new().set("PFP_MAX_ATTEMPTS", "1").workers(0).start().await;
    let photo = pictures::bytes("bench-170kb.jpg");
    let (longer, shorter) = ([&photo[..], b"more"].concat(), photo[..photo.len() - 4].to_vec());
    let mut uploads = Vec::new();
    for bytes in [longer, shorter] {
        let upload = system.client("ada").accepted(photo.clone()).await;
        let id = upload.rsplit('/').next().expect("an id");
        system.storage.put_staged(&format!("staging/{id}"), vec![bytes.into()]).await.unwrap();
        uploads.push(upload);
    }
    system.start_worker();
    for upload in &uploads {
        let upload = system.client("ada").finished(upload).await;
        assert_eq!(upload["failure"]["code"], "storage_error", "nothing is left to be worked on: {upload}");
    }
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 2, "they are kept for as long as the rows, to be looked at");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_31_whoever_deletes_rows_by_hand_leaks_nothing() {
    let system = Setup::new().start().await;
    system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    system.client("bob").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(system.objects().await.len(), 2);
    system.database.run("DELETE FROM uploads WHERE user_id = 'ada'").await;
    system.database.run("DELETE FROM users WHERE id = 'bob'").await;
    system.quiet().await;
    assert_eq!(system.objects().await, system.named_objects().await);
    assert_eq!(system.objects().await.len(), 1, "ada still shows a picture");
    system.finish().await;
}

async fn republished(system: &TestSystem, reason: &str) {
    system.workers[0].shows(&format!("pfp_republished_total{{reason=\"{reason}\"}}")).await;
}
