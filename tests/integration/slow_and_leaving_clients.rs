//! Clients that are slow, silent, gone or too many: each has its limit, and none costs the others anything.

use pfp_shared::storage::{LARGEST_PICTURE, PictureKey};
use pfp_tests::{
    client::Client,
    pictures,
    raw::{Raw, head, upload_head},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

async fn uploads(system: &TestSystem, status: &str) -> i64 {
    system.database.rows("SELECT count(*) FROM uploads WHERE status = $1", &[status]).await[0].get(0)
}

fn upload_of(client: &Client, length: usize) -> Vec<u8> {
    upload_head(client, &[("Content-Type", "image/jpeg"), ("Content-Length", &length.to_string())])
}

/// Sends bytes at an even rate until all are sent or nobody takes them any more.
async fn drip(connection: &mut Raw, bytes: &[u8], bytes_a_second: usize) {
    for piece in bytes.chunks(bytes_a_second / 5) {
        sleep(SECOND / 5).await;
        if connection.try_send(piece).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_26_headers_have_to_come_in_time_and_an_idle_connection_is_closed_later() {
    let system =
        Setup::new().workers(0).set("PFP_HEADER_TIMEOUT", "1s").set("PFP_IDLE_TIMEOUT", "3s").start().await;
    let address = &system.apis[0].address;
    let silent = async {
        let mut connection = Raw::open(address).await;
        let start = Instant::now();
        connection.ended().await;
        start.elapsed()
    };
    let dripping = async {
        let mut connection = Raw::open(address).await;
        let start = Instant::now();
        drip(&mut connection, &head("GET", "/livez", &[("X-Long", &"x".repeat(1000))]), 50).await;
        start.elapsed()
    };
    let idle = async {
        let mut connection = Raw::open(address).await;
        for _ in 0..2 {
            connection.send(&head("GET", "/livez", &[])).await;
            assert_eq!(connection.answer().await.status, 200);
            // Longer than headers may take, shorter than a connection may be idle.
            sleep(SECOND * 3 / 2).await;
        }
        let start = Instant::now();
        connection.ended().await;
        start.elapsed() + SECOND * 3 / 2
    };
    let (silent, dripping, idle) = tokio::join!(silent, dripping, idle);
    for (what, took, limit) in
        [("silent", silent, SECOND), ("dripping", dripping, SECOND), ("idle", idle, SECOND * 3)]
    {
        assert!((limit.mul_f64(0.9)..limit + SECOND * 8).contains(&took), "{what}: {took:?}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_26_a_body_that_drips_is_refused_a_slow_one_is_taken_and_others_are_served_meanwhile() {
    let mut system = Setup::new().workers(0).start().await;
    system.start_api_with(&[("PFP_MIN_UPLOAD_RATE", "4KiB/s")]);
    system.ready().await;
    let file = pictures::bytes("bench-170kb.jpg");
    let dripping = async {
        let mut connection =
            Raw::sending(&system.apis[0].address, &upload_of(&system.client("drip"), file.len())).await;
        let start = Instant::now();
        drip(&mut connection, &file[..60_000], 5_000).await;
        let answer = connection.answer().await;
        (answer, start.elapsed())
    };
    let slow = async {
        let (client, size) = (system.client_at(1, "slow"), 100_000);
        let mut connection = Raw::sending(&system.apis[1].address, &upload_of(&client, size)).await;
        drip(&mut connection, &file[..size], 8_000).await;
        connection.answer().await
    };
    let others = async {
        for number in 0..50 {
            let start = Instant::now();
            system.client(&format!("other-{number}")).accepted(file.clone()).await;
            assert!(start.elapsed() < SECOND * 5, "{:?}", start.elapsed());
            sleep(SECOND / 5).await;
        }
    };
    let ((refused, took), accepted, ()) = tokio::join!(dripping, slow, others);
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (408, "request_timeout"));
    let problem = refused.json();
    assert_eq!(problem["limit"], 16 << 10, "bytes a second");
    assert!((2_000..=6_000).contains(&problem["actual"].as_u64().unwrap()), "{problem}");
    assert!((SECOND * 9..SECOND * 20).contains(&took), "looked at over 10 s: {took:?}");
    assert_eq!(accepted.status, 202, "{}", String::from_utf8_lossy(&accepted.bytes));
    assert_eq!((uploads(&system, "queued").await, uploads(&system, "receiving").await), (51, 0));
    assert_eq!(system.objects().await.len(), 51);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_27_a_client_that_hangs_up_within_its_body_leaves_nothing() {
    let system = Setup::new().workers(0).start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    let form = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let headers = [("Content-Type", "multipart/form-data; boundary=b"), ("Transfer-Encoding", "chunked")];
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let mut connections = Vec::new();
    for (user, bytes) in [
        ("head alone", upload_of(&system.client("a"), file.len())),
        ("half the file", [&upload_of(&system.client("b"), file.len())[..], &file[..80_000]].concat()),
        (
            "all but a byte",
            [&upload_of(&system.client("c"), file.len())[..], &file[..file.len() - 1]].concat(),
        ),
        ("half a form", [upload_head(&system.client("d"), &headers), chunk(form), chunk(&file)].concat()),
    ] {
        let connection = Raw::sending(&system.apis[0].address, &bytes).await;
        connections.push((user, connection));
    }
    until("all are being received", PATIENCE, async || {
        (uploads(&system, "receiving").await == 4).then_some(())
    })
    .await;
    connections.clear();
    until("all are gone", PATIENCE, async || {
        (system.database.count("SELECT count(*) FROM uploads").await == 0).then_some(())
    })
    .await;
    assert_eq!(
        system.database.count("SELECT count(*) FROM object_deletions").await,
        0,
        "nothing had been put"
    );
    assert!(system.objects().await.is_empty());
    // Said after its row is gone.
    let told = || system.apis[0].log_text().matches("\"code\":\"upload_incomplete\"").count();
    until("each has said why it ended", PATIENCE, async || (told() >= 4).then_some(())).await;
    assert_eq!(told(), 4, "each is one line");
    let refused = system.apis[0].counted("pfp_uploads_refused_total").await;
    assert_eq!(refused, 4, "counted as refused");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_27_a_client_that_hangs_up_right_after_its_body_has_uploaded() {
    const CLIENTS: i64 = 20;
    let system = Setup::new().start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    for number in 0..CLIENTS {
        let request = upload_of(&system.client(&format!("user-{number}")), file.len());
        drop(Raw::sending(&system.apis[0].address, &[&request[..], &file].concat()).await);
    }
    until("all are done", PATIENCE * 2, async || {
        (uploads(&system, "succeeded").await == CLIENTS).then_some(())
    })
    .await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_waits_and_is_served_when_another_one_goes() {
    let system = Setup::new().workers(0).set("PFP_MAX_CONNECTIONS", "4").start().await;
    let address = &system.apis[0].address;
    let question = head("GET", "/livez", &[]);
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut connection = until("a place", PATIENCE, async || {
            let mut connection = Raw::sending(address, &question).await;
            timeout(SECOND * 2, connection.answer()).await.ok().map(|_| connection)
        })
        .await;
        connection.send(&question).await;
        assert_eq!(connection.answer().await.status, 200);
        idle.push(connection);
    }
    let mut fifth = Raw::sending(address, &question).await;
    assert!(timeout(SECOND, fifth.answer()).await.is_err(), "there is no place for a fifth");
    idle.pop();
    assert_eq!(fifth.answer().await.status, 200, "now there is");
    idle[0].send(&question).await;
    assert_eq!(idle[0].answer().await.status, 200, "the others stay");
    drop((idle, fifth));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_its_answers_does_not_hold_its_place_for_ever() {
    let system =
        Setup::new().workers(0).set("PFP_MAX_CONNECTIONS", "1").set("PFP_IDLE_TIMEOUT", "2s").start().await;
    let address = system.apis[0].address.clone();
    let (took, place) = tokio::sync::oneshot::channel();
    let greedy = tokio::spawn(async move {
        let mut connection = Raw::open(&address).await;
        let question = head("GET", "/openapi.json", &[]);
        connection.send(&question).await;
        connection.answer().await;
        let _ = took.send(());
        // Answers pile up until the connection takes no more, and then the API ends it.
        while connection.try_send(&question.repeat(100)).await.is_ok() {}
    });
    place.await.unwrap();
    let start = Instant::now();
    let mut other = Raw::sending(&system.apis[0].address, &head("GET", "/livez", &[])).await;
    assert_eq!(other.answer().await.status, 200);
    assert!((SECOND * 3 / 2..SECOND * 25).contains(&start.elapsed()), "{:?}", start.elapsed());
    timeout(PATIENCE, greedy).await.expect("its connection is closed").unwrap();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_pictures_slowly_hold_a_piece_each_and_together_no_more_than_the_budget() {
    let setup = Setup::new().workers(0).set("PFP_PICTURE_MEMORY", "1MiB").set("PFP_MEMORY_WAIT", "100ms");
    let system = setup.start().await;
    let key = PictureKey::parse(&format!("{:032x}.jpg", 1)).unwrap();
    let bytes: Vec<_> = (0..LARGEST_PICTURE).map(|at| u8::try_from(at % 251).unwrap()).collect();
    system.storage.put_picture(&key, bytes.clone()).await.unwrap();
    let (path, client) = (format!("/{key}"), system.client("ada"));
    let reserved = async || {
        let metrics = system.apis[0].metrics().await;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("pfp_picture_memory_bytes{kind=\"reserved\"} "));
        line.expect("the gauge").parse::<u64>().unwrap()
    };

    let mut read_nothing = vec![Raw::sending(&system.apis[0].address, &head("GET", &path, &[])).await];
    until("one has all that it may hold", PATIENCE, async || (reserved().await >= 128 << 10).then_some(()))
        .await;
    assert!(reserved().await <= 384 << 10, "a piece that is read, and what is being sent");
    until("the budget is used up", PATIENCE, async || {
        read_nothing.push(Raw::sending(&system.apis[0].address, &head("GET", &path, &[])).await);
        sleep(Duration::from_millis(200)).await;
        // One that is begun may be cut off: the others wait for the same memory.
        let probe = client.request("GET", &path).send().await.unwrap();
        (probe.status() == 503).then_some(())
    })
    .await;
    let refused = client.get(&path).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "overloaded"));
    assert_eq!(refused.header("retry-after"), "1");
    let asked = client.request("HEAD", &path).send().await.unwrap();
    assert_eq!(
        (asked.status().as_u16(), asked.headers()["content-length"].to_str().unwrap()),
        (200, "8388608")
    );

    drop(read_nothing);
    until("the memory is given back", PATIENCE, async || (reserved().await == 0).then_some(())).await;
    assert_eq!(client.get(&path).await.bytes, bytes);
    until("nothing is held", PATIENCE, async || (reserved().await == 0).then_some(())).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_will_send_nothing_more_still_gets_its_answer() {
    let system = Setup::new().workers(0).start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    for number in 0..20 {
        let client = system.client(&format!("user-{number}"));
        // Head, body and end arrive together.
        let small = &file[..5_000];
        let mut upload =
            Raw::sending(&system.apis[0].address, &[&upload_of(&client, small.len()), small].concat()).await;
        upload.send_no_more().await;
        assert_eq!(upload.answer().await.status, 202);
        let mut asked = Raw::sending(&system.apis[0].address, &head("GET", "/livez", &[])).await;
        asked.send_no_more().await;
        assert_eq!(asked.answer().await.status, 200);
    }
    assert_eq!(uploads(&system, "queued").await, 20);
    system.stop().await;
}
