//! The kinds of requests that no client would send, each made from a seed.

use super::damage::damage;
use pfp_tests::{chance::Chance, pictures, raw::head};

const UPLOAD: &str = "/user/upload-profile-picture";

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
pub(super) fn damaged_form(chance: &mut Chance, authorization: &str) -> Vec<u8> {
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
pub(super) fn odd_headers(chance: &mut Chance, authorization: &str) -> Vec<u8> {
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
pub(super) fn odd_target(chance: &mut Chance, authorization: &str) -> Vec<u8> {
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
pub(super) fn no_request(chance: &mut Chance, authorization: &str) -> Vec<u8> {
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
