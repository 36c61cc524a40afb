//! Hundreds of requests that no client would send, from a seed: none is answered with a fault of ours, takes the
//! API down, or leaves anything behind.

mod damage;
mod requests;

use futures_util::{StreamExt, stream};
use pfp_tests::{
    chance::Chance,
    pictures,
    raw::{Raw, head},
    servers::rounds,
    system::Setup,
};
use requests::{damaged_form, no_request, odd_headers, odd_target};
use std::collections::BTreeMap;

const OF_EACH_KIND: u64 = 120;

/// The statuses of all answers that came on a connection.
fn statuses(told: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(told);
    let starts = text.match_indices("HTTP/1.").map(|(at, _)| &text[at..]);
    starts.filter_map(|line| line.get(9..12)?.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_requests_that_no_client_would_send_cost_nothing() {
    // What never becomes a whole request is ended by these.
    let setup = Setup::new().set("PFP_HEADER_TIMEOUT", "1s").set("PFP_IDLE_TIMEOUT", "1s");
    let mut system = setup.start().await;
    let eve = system.client("eve");
    // Each kind has a user of its own: some of them delete what is theirs.
    let users =
        ["eve", "eve-1", "eve-2", "eve-3"].map(|user| format!("Bearer {}", system.client(user).token()));
    let kinds = [damaged_form, odd_headers, odd_target, no_request];
    let requests = (0..OF_EACH_KIND * rounds() as u64)
        .flat_map(|seed| kinds.iter().enumerate().map(move |(kind, make)| (seed, kind, make)));
    let answers = stream::iter(requests).map(|(seed, kind, make)| {
        let request = make(&mut Chance::new(seed << 8 | kind as u64), &users[kind]);
        let address = &system.apis[0].address;
        async move {
            let mut connection = Raw::open(address).await;
            // The API may well close the connection before it has taken everything.
            let _ = connection.try_send(&request).await;
            (seed, kind, statuses(&connection.ended().await), request)
        }
    });
    let answers: Vec<_> = answers.buffer_unordered(48).collect().await;
    let mut counts = BTreeMap::new();
    for (seed, kind, statuses, request) in &answers {
        for status in statuses {
            let shown = String::from_utf8_lossy(&request[..request.len().min(2000)]);
            assert!((100..500).contains(status), "{status} for kind {kind}, seed {seed}: {shown}");
            *counts.entry((*kind, *status)).or_insert(0_i64) += 1;
        }
    }
    let of_status = |wanted: u16| {
        counts.iter().filter(|((_, status), _)| *status == wanted).map(|(_, count)| count).sum::<i64>()
    };
    assert!(of_status(400) > 100 && of_status(404) > 5 && of_status(405) > 5, "{counts:?}");

    let api = &mut system.apis[0];
    assert!(api.is_running() && api.counted("pfp_panics_total").await == 0);
    let errors: Vec<_> =
        api.log_text().lines().filter(|line| line.contains("\"ERROR\"")).map(str::to_owned).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let metrics = api.metrics().await;
    // It wasn't ready at first, and said so.
    let own = |line: &&str| line.contains("status=\"5") && !line.contains("/readyz");
    assert_eq!(metrics.lines().find(own), None);
    let series = metrics.lines().filter(|line| line.starts_with("pfp_http_requests_total{")).count();
    assert!(series < 100, "what is asked for makes no series of its own: {series}");
    assert_eq!(
        eve.upload_and_wait(pictures::bytes("bench-170kb.jpg")).await["status"],
        "succeeded",
        "it still serves"
    );
    let rows = system.database.count("SELECT count(*) FROM uploads").await;
    assert_eq!(rows, of_status(202) + 1, "rows are those of uploads that were accepted");
    let users = system.database.count("SELECT count(*) FROM users").await;
    assert!((1..=4).contains(&users), "{users}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_or_has_too_many_headers_gets_a_bare_answer_and_no_further_one() {
    let system = Setup::new().workers(0).start().await;
    let names: Vec<_> = (0..150).map(|number| format!("X-Number-{number}")).collect();
    let with_headers = |count: usize| {
        let headers: Vec<_> = names[..count].iter().map(|name| (name.as_str(), "1")).collect();
        head("GET", "/livez", &headers)
    };
    // Beyond what is read at once after the last look that found too little.
    let long = "x".repeat(300 << 10);
    for (request, expected) in [
        // The host's header is one of the hundred.
        (with_headers(99), 200),
        (with_headers(100), 431),
        (head("GET", "/livez", &[("X-Long", &long)]), 431),
        (head("GET", &format!("/livez?{}", &long[..70_000]), &[]), 414),
        (b"hello\r\n\r\n".to_vec(), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a client of TLS\r\n\r\n".to_vec(), 400),
    ] {
        let mut connection = Raw::open(&system.apis[0].address).await;
        // It may be closed before all is sent.
        let _ = connection.try_send(&request).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, expected, "{}", String::from_utf8_lossy(&request[..60]));
        if expected != 200 {
            assert!(connection.ended().await.is_empty());
        }
    }
    system.stop().await;
}
