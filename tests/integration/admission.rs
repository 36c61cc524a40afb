//! What there is of memory and connections is shared: slow clients and busy users leave enough of it to the others.

use futures_util::{StreamExt, future::join_all, stream};
use pfp_shared::storage::{LARGEST_PICTURE, PictureKey};
use pfp_tests::{
    client::Answer,
    database::TestDatabase,
    pictures,
    raw::{Raw, head, upload_head},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);
const MIB: usize = 1 << 20;

async fn reserved(system: &TestSystem, gauge: &str) -> usize {
    let metrics = system.apis[0].metrics().await;
    let name = format!("{gauge}{{kind=\"reserved\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).expect("the gauge").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_drip_hold_half_of_the_memory_at_most_and_nobody_is_refused_for_them() {
    let setup = Setup::new().workers(0).set("PFP_UPLOAD_MEMORY", "16MiB").set("PFP_MIN_UPLOAD_RATE", "0");
    let system = setup.start().await;
    let mut file = pictures::bytes("bench-4mb.jpg");
    file.resize(4 * MIB, 0);
    let length = file.len().to_string();
    let headers = [("Content-Type", "image/jpeg"), ("Content-Length", length.as_str())];
    let mut dripping = Vec::new();
    for number in 0..60 {
        let head = upload_head(&system.client(&format!("drip-{number}")), &headers);
        // Some say nothing, and some send a good beginning first.
        let sent = if number % 2 == 0 { 4 } else { 20_000 };
        dripping.push(Raw::sending(&system.apis[0].address, &[&head[..], &file[..sent]].concat()).await);
    }
    until("all are being received", PATIENCE, async || {
        let sql = "SELECT count(*) FROM uploads WHERE status = 'receiving'";
        (system.database.count(sql).await == 60).then_some(())
    })
    .await;
    let held = reserved(&system, "pfp_upload_memory_bytes").await;
    assert!((8 * MIB..13 * MIB).contains(&held), "two have a place, the others their first bytes: {held}");
    let uploads = stream::iter(0..40).map(|number| system.client(&format!("user-{number}")));
    uploads.for_each(async |client| drop(client.accepted(file.clone()).await)).await;
    drop(dripping);
    until("everything is given back", PATIENCE, async || {
        (reserved(&system, "pfp_upload_memory_bytes").await == 0).then_some(())
    })
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_below_the_slow_rate_needs_one_of_the_places_for_slow_ones() {
    let setup = Setup::new().workers(0).set("PFP_UPLOAD_MEMORY", "8MiB").set("PFP_MIN_UPLOAD_RATE", "0");
    let system = setup.set("PFP_SLOW_UPLOAD_RATE", "32KiB/s").start().await;
    let file = pictures::bytes("bench-4mb.jpg");
    let length = file.len().to_string();
    let headers = [("Content-Type", "image/jpeg"), ("Content-Length", length.as_str())];
    let mut ends = Vec::new();
    for user in ["first", "second"] {
        let mut upload =
            Raw::sending(&system.apis[0].address, &upload_head(&system.client(user), &headers)).await;
        until("it is admitted", PATIENCE, async || {
            (reserved(&system, "pfp_upload_memory_bytes").await > ends.len() * 3 * MIB).then_some(())
        })
        .await;
        // A good beginning, which takes one along that has no place; then a byte at a time.
        upload.send(&file[..100_000]).await;
        ends.push(upload);
    }
    let refused = ends[1].answer().await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "overloaded"));
    assert_eq!(refused.json()["limit"], 32 << 10, "bytes a second");
    assert_ne!(refused.header("retry-after"), "");
    ends[0].send(&file[100_000..]).await;
    assert_eq!(ends[0].answer().await.status, 202, "who has a place may be as slow as it likes");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_a_picture_at_a_crawl_is_cut_off_and_what_it_held_is_given_back() {
    let mut system = Setup::new().workers(0).set("PFP_MIN_ANSWER_RATE", "64KiB/s").start().await;
    system.start_api_with(&[("PFP_MIN_ANSWER_RATE", "1KiB/s")]);
    system.ready().await;
    let key = PictureKey::parse(&format!("{:032x}.jpg", 1)).unwrap();
    system.storage.put_picture(&key, vec![7; usize::try_from(LARGEST_PICTURE).unwrap()]).await.unwrap();
    let crawl = async |api: usize, most: Duration| {
        let mut connection =
            Raw::sending(&system.apis[api].address, &head("GET", &format!("/{key}"), &[])).await;
        let start = Instant::now();
        // 20 KiB a second.
        while connection.take(4 << 10).await > 0 && start.elapsed() < most {
            sleep(SECOND / 5).await;
        }
        (start.elapsed(), connection)
    };
    let cut = async {
        let (_, connection) = crawl(0, SECOND * 12).await;
        until("its memory is given back", PATIENCE, async || {
            (reserved(&system, "pfp_picture_memory_bytes").await == 0).then_some(())
        })
        .await;
        connection
    };
    let (mut cut, (_, mut slow)) = tokio::join!(cut, crawl(1, SECOND * 25));
    while cut.take(1 << 20).await > 0 {}
    assert!(slow.take(1 << 20).await > 0, "above the rate of that API");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_users_flood_leaves_connections_to_others_and_is_not_the_databases_fault() {
    const FLOOD: usize = 60;
    let setup =
        Setup::new().workers(0).set("PFP_DATABASE_CONNECTIONS", "8").set("PFP_DATABASE_WAIT", "300ms");
    let system = setup.set("PFP_DATABASE_CONNECTIONS_PER_USER", "2").start().await;
    let (ada, bob) = (system.client("ada"), system.client("bob"));
    ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    let other = TestDatabase::connect(&system.settings["PFP_DATABASE_URL"]).await;
    other.run("BEGIN; SELECT * FROM users WHERE id = 'ada' FOR UPDATE").await;
    let flood = tokio::spawn(async move {
        let deletes = (0..FLOOD).map(|_| async {
            let asked = Instant::now();
            let request = ada.request("DELETE", "/user/profile-picture");
            (Answer::read(request.send().await.unwrap()).await, asked.elapsed())
        });
        join_all(deletes).await
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'pfp-api' AND wait_event_type = 'Lock'";
    until("they wait for the row", PATIENCE, async || {
        let connections = system.database.count(waiting).await;
        assert!(connections <= 2, "{connections}");
        (connections == 2).then_some(())
    })
    .await;
    while !flood.is_finished() {
        assert_eq!(bob.get("/user/me").await.status, 200);
        assert_eq!(bob.get("/readyz").await.status, 200);
        sleep(SECOND / 20).await;
    }
    other.run("ROLLBACK").await;
    let (mut answers, mut soonest) = (BTreeMap::new(), PATIENCE);
    for (answer, took) in flood.await.unwrap() {
        assert_eq!(answer.status, 503);
        assert_ne!(answer.header("retry-after"), "");
        soonest = soonest.min(took);
        *answers.entry(answer.code()).or_insert(0) += 1;
    }
    assert!(answers["overloaded"] > FLOOD / 2, "{answers:?}");
    assert!((SECOND / 4..SECOND * 19 / 10).contains(&soonest), "not the usual 2 s: {soonest:?}");
    assert!(!system.apis[0].log_text().contains("dependency is down"));
    system.stop().await;
}
