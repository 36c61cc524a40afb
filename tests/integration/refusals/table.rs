//! Every way to be refused that one request is enough for.

use super::case::{Case, TYPES, UPLOAD, bearer, file, part};
use pfp_shared::failure::FailureCode::{self, *};
use pfp_tests::{pictures, system::SECRET};
use serde_json::json;

const MOST: usize = 5 << 20;
const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0 as good as a picture for the API";

pub(super) fn cases() -> Vec<Case> {
    [forms(), declared(), crops(), sizes(), tokens(), addresses(), made_pictures()]
        .into_iter()
        .flatten()
        .collect()
}

fn forms() -> Vec<Case> {
    let form = Case::form;
    let ended = [file(JPEG), b"--b0undary--\r\n".to_vec()].concat();
    let head = "--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n";
    let with_type = |boundary: &str| {
        let content_type = format!("multipart/form-data{boundary}");
        Case::raw(MultipartMalformed, &content_type, &content_type, ended.clone())
    };
    vec![
        form(FileMissing, "no part", &[]),
        form(
            FileMissing,
            "other parts alone",
            &[part("name=\"crop\"", r#"{"x":0,"y":0,"width":1,"height":1}"#)],
        ),
        form(FileMissing, "another name", &[part("name=\"picture\"; filename=\"a.jpg\"", JPEG)]),
        form(FileMissing, "no file name", &[part("name=\"file\"", JPEG)]),
        form(FileMissing, "an empty file name", &[part("name=\"file\"; filename=\"\"", "")]),
        form(FileEmpty, "a file without bytes", &[file("")]),
        Case::raw(FileEmpty, "no bytes", "image/jpeg", ""),
        Case::raw(FileEmpty, "no bytes in chunks", "image/jpeg", "").in_chunks(),
        form(FileRepeated, "two files", &[file(JPEG), file(JPEG)]),
        form(FileRepeated, "another one at the end", &[file(JPEG), part("name=\"a\"", "b"), file("x")]),
        with_type(""),
        with_type("; boundary="),
        with_type(&format!("; boundary={}", "b".repeat(71))),
        with_type("; boundary=another").counted(),
        Case::form_of(MultipartMalformed, "nothing at all", ""),
        Case::form_of(MultipartMalformed, "no boundary in it", JPEG),
        Case::form_of(MultipartMalformed, "no closing boundary", file(JPEG)),
        Case::form_of(MultipartMalformed, "cut off within the closing boundary", &ended[..ended.len() - 8]),
        Case::form_of(MultipartMalformed, "cut off within a part's headers", head),
        Case::form_of(
            MultipartMalformed,
            "a header without a colon",
            format!("{head}x y\r\n\r\n\r\n--b0undary--"),
        ),
        Case::form_of(MultipartMalformed, "endless headers", format!("{head}X: {}", "y".repeat(MOST))),
    ]
}

fn declared() -> Vec<Case> {
    let raw = |content_type: &str| Case::raw(InvalidFormat, content_type, content_type, JPEG);
    let typed = |content_type: &str| {
        let disposition = format!("name=\"file\"; filename=\"a\"\r\nContent-Type: {content_type}");
        Case::form(InvalidFormat, content_type, &[part(&disposition, JPEG)])
    };
    let mut cases = vec![
        raw("image/heif").facts(json!({"allowed": TYPES, "detected": "heic"})),
        raw("image/svg+xml; charset=utf-8").facts(json!({"allowed": TYPES, "detected": "svg"})),
        raw("image/x-unheard-of").facts(json!({"allowed": TYPES})),
        typed("image/webp").facts(json!({"allowed": TYPES, "detected": "webp"})),
        typed("text/plain").facts(json!({"allowed": TYPES, "detected": "text"})),
        typed("application/pdf").facts(json!({"allowed": TYPES, "detected": "pdf"})),
    ];
    let allowed = ["multipart/form-data", TYPES[0], TYPES[1], TYPES[2], "application/octet-stream"];
    for other in ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed"] {
        let content_type = format!("{other}; boundary=b");
        let case = Case::raw(UnsupportedMediaType, other, &content_type, JPEG);
        cases.push(case.facts(json!({"allowed": allowed, "actual": other})));
    }
    for unreadable in ["", "\u{e9}"] {
        let case = Case::raw(UnsupportedMediaType, "no readable type", unreadable, JPEG);
        cases.push(case.facts(json!({"allowed": allowed})));
    }
    let twice = Case::raw(UnsupportedMediaType, "two types", "image/jpeg", JPEG);
    cases.push(twice.header("content-type", "image/png").facts(json!({"limit": 1, "actual": 2})));
    let long = "k".repeat(256);
    for key in [long.as_str(), "", "a key", "schl\u{fc}ssel"] {
        let case = Case::raw(IdempotencyKeyInvalid, key, "image/jpeg", JPEG).header("idempotency-key", key);
        cases.push(case.facts(json!({"limit": 255, "actual": key.len()})));
    }
    let twice = Case::raw(IdempotencyKeyInvalid, "two keys", "image/jpeg", JPEG);
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b");
    cases.push(twice.facts(json!({"limit": 1, "actual": 2})));
    cases
}

fn crops() -> Vec<Case> {
    let mut cases = Vec::new();
    for crop in ["", "1,2,3", "1,2,3,4,5", "a,2,3,4", "-1,0,5,5", "0,0,0,5", "0,0,NaN,5", "0,0,5,inf"] {
        let case = Case::raw(CropInvalid, crop, "image/jpeg", JPEG);
        cases.push(case.query(&format!("crop={crop}")));
    }
    let long = format!(r#"{{"x":0,"y":0,"width":1,"height":1,"more":"{}"}}"#, "m".repeat(2000));
    for crop in [
        "",
        "1,2,3,4",
        "[]",
        r#"{"x":0,"y":0,"width":1}"#,
        r#"{"x":"0","y":0,"width":1,"height":1}"#,
        r#"{"x":-1,"y":0,"width":1,"height":1}"#,
        r#"{"x":0,"y":0,"width":1,"height":0}"#,
    ] {
        cases.push(Case::form(CropInvalid, crop, &[file(JPEG), part("name=\"crop\"", crop)]));
    }
    let parts = [part("name=\"crop\"", &long), file(JPEG)];
    let facts = json!({"limit": 1024, "actual": "any"});
    cases.push(Case::form(CropInvalid, "a long one", &parts).facts(facts));
    let good = part("name=\"crop\"", r#"{"x":0,"y":0,"width":1,"height":1}"#);
    cases.push(Case::form(CropInvalid, "two", &[good.clone(), good, file(JPEG)]));
    let twice = Case::raw(QueryInvalid, "two crops", "image/jpeg", JPEG);
    cases.push(twice.query("crop=0,0,5,5&crop=0,0,5,5"));
    cases
}

fn sizes() -> Vec<Case> {
    let large = [JPEG, &vec![7; MOST + 1 - JPEG.len()]].concat();
    let facts = |actual: usize| json!({"limit": MOST, "actual": actual});
    let (name, over) = ("name=\"file\"; filename=\"a\"", vec![0; 100 << 10]);
    vec![
        Case::raw(FileTooLarge, "a byte", "image/jpeg", large.clone()).facts(facts(MOST + 1)),
        Case::raw(FileTooLarge, "more than a form may have", "image/jpeg", [&large[..], &over].concat())
            .facts(facts(MOST + 1 + over.len())),
        Case::raw(FileTooLarge, "in chunks", "image/jpeg", large.clone())
            .in_chunks()
            .facts(json!({"limit": MOST, "actual": "any"})),
        Case::form(FileTooLarge, "a byte", &[part(name, &large)])
            .facts(json!({"limit": MOST, "actual": "any"})),
        Case::form(
            FileTooLarge,
            "a part that nobody asked for",
            &[file(JPEG), part("name=\"x\"", [&large[..], &over].concat())],
        )
        .in_chunks()
        .facts(json!({"limit": MOST, "actual": "any"})),
        Case::form(FileTooLarge, "a body", &[file([&large[..], &over].concat())])
            .unread()
            .facts(json!({"limit": MOST, "actual": "any"})),
    ]
}

fn tokens() -> Vec<Case> {
    let upload = |code: FailureCode, value: &str| {
        Case::raw(code, "a picture", "image/jpeg", JPEG).authorization(value)
    };
    let me = |code: FailureCode, value: &str| Case::to(code, "GET", "/user/me").authorization(value);
    let status = |code: FailureCode, value: &str| {
        Case::to(code, "GET", &format!("/user/uploads/{}", uuid::Uuid::now_v7())).authorization(value)
    };
    let (expired, forged) = (bearer(-60, SECRET), bearer(60, "another secret, of thirty-two bytes"));
    let long = format!("Bearer {}", "x".repeat(9000));
    vec![
        upload(TokenMissing, ""),
        upload(TokenMissing, "Basic dTpw"),
        upload(TokenMissing, "Bearer"),
        me(TokenMissing, ""),
        status(TokenMissing, ""),
        upload(TokenInvalid, "Bearer x"),
        upload(TokenInvalid, &forged),
        upload(TokenInvalid, &long).facts(json!({"limit": 8192, "actual": 9000})),
        Case::to(TokenInvalid, "GET", "/user/me").header("authorization", forged.as_str()),
        me(TokenInvalid, &forged),
        status(TokenInvalid, &forged),
        upload(TokenExpired, &expired),
        me(TokenExpired, &expired),
        status(TokenExpired, &expired),
    ]
}

fn addresses() -> Vec<Case> {
    let id = uuid::Uuid::now_v7();
    let status = format!("/user/uploads/{id}");
    let mut cases = Vec::new();
    for target in [&status, "/user/uploads/1", "/user/uploads/%00", "/user/uploads/%FF"] {
        cases.push(Case::to(UploadNotFound, "GET", target));
    }
    let name = "0123456789abcdef0123456789abcdef";
    for picture in [&format!("{name}.jpg"), &format!("{name}.webp"), name, "a", "%2e%2e%2fstaging", "%FF"] {
        cases.push(Case::to(PictureNotFound, "GET", &format!("/pictures/{picture}")));
    }
    for target in ["/nowhere", "/user", "/problems/none", "/problems/%FF", "/pictures/a/b", "/user/me/", "//"]
    {
        cases.push(Case::to(NotFound, "GET", target));
    }
    for (method, target, allow) in [
        ("GET", UPLOAD, "POST"),
        ("PUT", UPLOAD, "POST"),
        ("POST", "/user/me", "GET,HEAD,DELETE"),
        ("PUT", status.as_str(), "GET,HEAD,DELETE"),
        ("POST", "/pictures/a", "GET,HEAD"),
        ("BREW", "/user/me", "GET,HEAD,DELETE"),
    ] {
        cases.push(Case::to(MethodNotAllowed, method, target).allow(allow));
    }
    for wait in ["31", "-1", "", "ten", "1.5", "%FF"] {
        let told = if wait == "%FF" { "\u{fffd}" } else { wait };
        let facts = json!({"limit": 30, "actual": told, "allowed": "0 to 30"});
        cases.push(Case::to(QueryInvalid, "GET", &format!("{status}?wait={wait}")).facts(facts));
    }
    cases.push(Case::to(QueryInvalid, "GET", &format!("{status}?wait=1&wait=1")));
    cases
}

/// What our script made to be refused, each as a body and as a form's part.
fn made_pictures() -> Vec<Case> {
    let made = pictures::manifest().into_iter().filter(|picture| picture.api);
    made.flat_map(|picture| {
        let code = FailureCode::from_name(&picture.expect).unwrap();
        let bytes = pictures::bytes(&picture.file);
        let facts = match &picture.detected {
            Some(detected) => json!({"allowed": TYPES, "detected": detected}),
            None if code == FileTooLarge => json!({"limit": MOST, "actual": "any"}),
            None => json!({}),
        };
        let raw = Case::raw(code, &picture.file, "application/octet-stream", bytes.clone());
        let raw = if code == InvalidFormat { raw.counted() } else { raw };
        [raw.facts(facts.clone()), Case::form(code, &picture.file, &[file(&bytes)]).facts(facts)]
    })
    .collect()
}
