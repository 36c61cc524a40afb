//! Hundreds of requests that no client would send, from a seed: none is answered with a fault of ours, takes the
//! API down, or leaves anything behind.

mod damage;

use damage::damage;
use futures_util::{StreamExt, stream};
use pfp_tests::{
    chance::Chance,
    pictures,
    raw::{Raw, head},
    servers::rounds,
    system::Setup,
};
use std::collections::BTreeMap;

const UPLOAD: &str = "/user/upload-profile-picture";
const OF_EACH_KIND: u64 = 120;

/// A form as a client would send it.
fn form(file: &[u8]) -> Vec<u8> {
    let mut body = b"--b0undary\r\nContent-Disposition: form-data; name=\"crop\"\r\n\r\n".to_vec();
    body.extend(br#"{"x":1.5,"y":0,"width":100,"height":100}"#);
    body.extend(b"\r\n--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"me.jpg\"\r\n");
    body.extend(b"Content-Type: image/jpeg\r\n\r\n");
    body.extend(file);
    body.extend(b"\r\n--b0undary--\r\n");
    body
}

/// An upload whose form was damaged, or whose length isn't what it says.
fn damaged_form(chance: &mut Chance, authorization: &str) -> Vec<u8> {
    let mut file = pictures::bytes("bench-170kb.jpg");
    file.truncate(3000);
    let mut body = form(&file);
    damage(chance, &mut body);
    let length = match chance.below(8) {
        0 => body.len() / 2,
        1 => body.len() * 2,
        2 => 0,
        _ => body.len(),
    };
    let boundary =
        chance.one_of(&["b0undary", "\"b0undary\"", "b0undar", "--b0undary", "", "\u{e9}", "b\tc"]);
    let boundary = if chance.below(3) > 0 { "b0undary" } else { boundary };
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let length = length.to_string();
    let framing = if chance.below(4) == 0 {
        body = if chance.below(2) == 0 {
            [format!("{length:x<8}\r\n").as_bytes(), &body].concat()
        } else {
            body
        };
        ("Transfer-Encoding", "chunked")
    } else {
        ("Content-Length", length.as_str())
    };
    let headers = [("Authorization", authorization), ("Content-Type", &content_type), framing];
    [head("POST", UPLOAD, &headers), body].concat()
}

/// A request whose headers are odd, contradict each other, are too long or too many.
fn odd_headers(chance: &mut Chance, authorization: &str) -> Vec<u8> {
    const NAMES: [&str; 14] = [
        "Content-Length",
        "Transfer-Encoding",
        "Content-Type",
        "Idempotency-Key",
        "X-Request-Id",
        "Expect",
        "Host",
        "traceparent",
        "If-None-Match",
        "Authorization",
        "Connection",
        "Upgrade",
        "Prefer",
        "Content-Encoding",
    ];
    const VALUES: [&str; 22] = [
        "",
        "0",
        "-1",
        "18446744073709551616",
        "5, 5",
        "0x10",
        "+5",
        "chunked",
        "chunked, chunked",
        "gzip, chunked",
        "identity",
        "100-continue",
        "200-ok",
        "image/jpeg",
        "multipart/form-data; boundary=\"",
        "close, upgrade",
        "h2c",
        "00-00000000000000000000000000000000-0000000000000000-00",
        "*",
        "W/\"",
        "Bearer \u{0}",
        "\u{1f642}",
    ];
    let method = chance.one_of(&["POST", "GET", "OPTIONS"]);
    let mut request =
        format!("{method} {UPLOAD} HTTP/1.1\r\nHost: h\r\nAuthorization: {authorization}\r\n").into_bytes();
    for _ in 0..=chance.below(4) {
        let name = chance.one_of(&NAMES);
        let value = match chance.below(6) {
            0 => chance.bytes(40),
            1 => vec![b'v'; chance.below(200_000)],
            _ => chance.one_of(&VALUES).as_bytes().to_vec(),
        };
        let lines = if chance.below(12) == 0 { 300 } else { 1 };
        for _ in 0..lines {
            request.extend(name.as_bytes());
            request.extend(chance.one_of(&[&b": "[..], b":", b" : ", b"", b":\r\n ", b"\0: "]));
            request.extend(&value[..value.len().min(200_000 / lines)]);
            request.extend(b"\r\n");
        }
    }
    request.extend(b"\r\n");
    request.extend(chance.bytes(2000));
    request
}

/// A request for an address that is odd.
fn odd_target(chance: &mut Chance, authorization: &str) -> Vec<u8> {
    const METHODS: [&str; 9] = ["GET", "GET", "GET", "POST", "PUT", "DELETE", "TRACE", "get", "X-\u{e9}"];
    const STARTS: [&str; 12] = [
        "/user/uploads/",
        "/pictures/",
        "/problems/",
        "/user/me",
        UPLOAD,
        "/",
        "*",
        "http://h/user/me",
        "//",
        "",
        "/pictures/0123456789abcdef0123456789abcdef.jpg",
        "/user/uploads/01890a5d-ac96-774b-bcce-b302099a8057",
    ];
    const PIECES: [&str; 22] = [
        "%00",
        "%2e%2e%2f",
        "../",
        "%FF",
        "%",
        "%zz",
        "%C3%28",
        "?wait=",
        "?crop=",
        "&crop=1,2,3,4",
        "1e999",
        "-0",
        "%0d%0aX: y",
        ";",
        "\u{1f642}",
        "a",
        "#",
        "+",
        "'",
        "\"",
        "{",
        "\\",
    ];
    let mut target = chance.one_of(&STARTS).to_string();
    for _ in 0..chance.below(6) {
        target.push_str(chance.one_of(&PIECES));
    }
    if chance.below(10) == 0 {
        target.push_str(&"a".repeat(chance.below(300_000)));
    }
    let method = chance.one_of(&METHODS);
    let version = chance.one_of(&[
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/2.0",
        "HTTP/9.9",
        "HTTPS/1.1",
        "",
    ]);
    let headers = format!(
        "Host: h\r\nAuthorization: {authorization}\r\nContent-Type: image/png\r\nContent-Length: 3\r\n"
    );
    format!("{method} {target} {version}\r\n{headers}\r\nabc").into_bytes()
}

/// What isn't a request at all, or only begins like one.
fn no_request(chance: &mut Chance, authorization: &str) -> Vec<u8> {
    match chance.below(5) {
        0 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        1 => [b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", &chance.bytes(500)[..]].concat(),
        2 => chance.bytes(3000),
        3 => b"\r\n".repeat(chance.below(5000)),
        _ => {
            let mut request =
                head("POST", UPLOAD, &[("Authorization", authorization), ("Content-Length", "9")]);
            damage(chance, &mut request);
            request
        }
    }
}

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
