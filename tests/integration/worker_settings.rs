//! The settings of a worker that only show in a running one.

use pfp_shared::storage::PictureKey;
use pfp_tests::{
    pictures,
    system::Setup,
    wait::{PATIENCE, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_lists_the_bucket_by_itself_every_listing_interval() {
    let system = Setup::new().set("PFP_LISTING_INTERVAL", "1s").start().await;
    let finished = "SELECT count(*) FROM pfp_installation WHERE listing_finished_at IS NOT NULL";
    until("the first listing", PATIENCE, async || (system.database.count(finished).await == 1).then_some(()))
        .await;
    let orphan = PictureKey::parse("0123456789abcdef0123456789abcdef.png").unwrap();
    system.storage.put_picture(&orphan, b"nobody's".to_vec()).await.unwrap();
    until("the orphan is gone", PATIENCE, async || system.objects().await.is_empty().then_some(())).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_keeps_within_its_database_connections() {
    let system = Setup::new().set("PFP_DATABASE_CONNECTIONS", "3").start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    let uploads = (0..30).map(|number| {
        let (client, file) = (system.client(&format!("user-{number}")), file.clone());
        async move { client.upload_and_wait(file).await["status"] == "succeeded" }
    });
    let all_good = futures_util::future::join_all(uploads).await.into_iter().all(|good| good);
    assert!(all_good);
    for application in ["pfp-api", "pfp-worker"] {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{application}'"
        );
        let connections = system.database.count(&sql).await;
        assert!((1..=3).contains(&connections), "{application}: {connections}");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_holds_at_most_twice_its_concurrency_of_jobs() {
    let mut system = Setup::new().workers(0).start().await;
    let file = pictures::bytes("bench-4mb.jpg");
    let uploads = (0..24).map(|number| {
        let (client, file) = (system.client(&format!("user-{number}")), file.clone());
        async move { (client.accepted(file).await, client) }
    });
    let uploads = futures_util::future::join_all(uploads).await;
    system.start_worker_with(&[("PFP_WORKER_CONCURRENCY", "1")]);
    system.ready().await;
    let mut most = 0;
    until("all are done", PATIENCE * 2, async || {
        let processing = "SELECT count(*) FROM uploads WHERE status = 'processing'";
        most = most.max(system.database.count(processing).await);
        let unfinished = "SELECT count(*) FROM uploads WHERE finished_at IS NULL";
        (system.database.count(unfinished).await == 0).then_some(())
    })
    .await;
    assert!((1..=2).contains(&most), "{most} at once");
    for (location, client) in &uploads {
        assert_eq!(client.finished(location).await["status"], "succeeded");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_a_stopping_worker_waits_for_its_jobs_no_longer_than_the_grace_period() {
    let mut system = Setup::new().set("PFP_SHUTDOWN_GRACE", "100ms").workers(1).start().await;
    let file = pictures::bytes("bench-4mb.jpg");
    let clients: Vec<_> = (0..10).map(|number| system.client(&format!("user-{number}"))).collect();
    let locations =
        futures_util::future::join_all(clients.iter().map(|client| client.accepted(file.clone()))).await;
    let asked = std::time::Instant::now();
    assert!(system.workers[0].terminate().await.success());
    assert!(asked.elapsed() < std::time::Duration::from_secs(5), "{:?}", asked.elapsed());
    system.start_worker();
    for (client, location) in clients.iter().zip(&locations) {
        assert_eq!(client.finished(location).await["status"], "succeeded");
    }
    system.finish().await;
}
