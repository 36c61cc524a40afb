//! Forms as clients send them, well and badly.

use super::{super::Pace, *};
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use pfp_shared::picture_format::PictureFormat;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const GIF: &str = "GIF89a, a picture as far as its first bytes go";

fn rules(max_size: u64) -> FileRules {
    FileRules { allowed: PictureFormat::ALL.to_vec(), max_size, declared_length: None }
}

fn declared(form: Form) -> Declared {
    Declared { form, length: None, crop: None, idempotency_key: None }
}

fn multipart() -> Declared {
    declared(Form::Multipart { boundary: "B".to_owned() })
}

fn part(headers: &str, content: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; {headers}\r\n\r\n{content}\r\n")
}

fn file(content: &str) -> String {
    part("name=\"file\"; filename=\"me.gif\"\r\nContent-Type: image/gif", content)
}

async fn read(declared: &Declared, body: Body, rules: &FileRules) -> Result<Received, Failure> {
    let pace = Pace { idle: Duration::from_secs(30), min_rate: 0 };
    let body = PacedBody::new(body, pace, CancellationToken::new());
    receive(declared, body, rules, &mut Destination::Nowhere).await.map_err(|error| error.failure)
}

async fn read_form(form: &str) -> Result<Received, Failure> {
    read(&multipart(), Body::from(form.to_owned()), &rules(1000)).await
}

async fn code_of(form: &str) -> FailureCode {
    read_form(form).await.unwrap_err().code
}

#[tokio::test]
async fn the_parts_may_come_in_any_order_and_others_are_ignored() {
    let crop = part("name=\"crop\"", r#"{"x":1,"y":2,"width":3,"height":4.4,"rotate":0}"#);
    let other = part("name=\"other\"; filename=\"x\"", "anything");
    for form in [
        format!("{}{crop}{other}--B--\r\n", file(GIF)),
        format!("preamble\r\n{other}{crop}{}--B--", file(GIF)),
    ] {
        let received = read_form(&form).await.unwrap();
        assert_eq!(received.crop, Some(Crop { x: 1, y: 2, width: 3, height: 4 }));
        assert_eq!(received.file.size, GIF.len() as u64);
        assert_eq!(received.file.format, PictureFormat::Gif);
    }
}

#[tokio::test]
async fn a_form_is_read_the_same_in_pieces_of_any_size() {
    let form = format!("{}{}--B--\r\n", part("name=\"other\"", "--B\r --B-\r\n-"), file(GIF));
    for size in [1, 2, 7, 64] {
        let pieces: Vec<_> = form
            .as_bytes()
            .chunks(size)
            .map(|piece| Ok::<_, axum::Error>(Bytes::copy_from_slice(piece)))
            .collect();
        let body = Body::from_stream(stream::iter(pieces));
        assert_eq!(read(&multipart(), body, &rules(1000)).await.unwrap().file.size, GIF.len() as u64);
    }
}

#[tokio::test]
async fn a_form_without_exactly_one_named_file_is_refused() {
    let nameless = part("name=\"file\"", GIF);
    let unchosen = part("name=\"file\"; filename=\"\"\r\nContent-Type: application/octet-stream", "");
    assert_eq!(code_of("--B--\r\n").await, FailureCode::FileMissing);
    assert_eq!(
        code_of(&format!("{}--B--", part("name=\"files\"; filename=\"a\"", GIF))).await,
        FailureCode::FileMissing
    );
    assert_eq!(code_of(&format!("{nameless}--B--")).await, FailureCode::FileMissing);
    assert_eq!(code_of(&format!("{unchosen}--B--")).await, FailureCode::FileMissing);
    assert_eq!(code_of(&format!("{}{}--B--", file(GIF), file(GIF))).await, FailureCode::FileRepeated);
    assert_eq!(code_of(&format!("{}--B--", file(""))).await, FailureCode::FileEmpty);
    let encoded = part("name=\"file\"; filename*=UTF-8''%C3%A9.gif", GIF);
    assert!(read_form(&format!("{encoded}--B--")).await.is_ok());
}

#[tokio::test]
async fn a_file_declared_as_what_is_not_taken_is_refused_before_its_content() {
    for (declared, detected) in [("image/webp", "webp"), ("text/plain", "text"), ("image/svg+xml", "svg")] {
        let form = format!(
            "--B\r\nContent-Disposition: form-data; name=file; filename=x\r\nContent-Type: {declared}\r\n\r\n"
        );
        let pieces = stream::iter([Ok::<_, axum::Error>(Bytes::from(form))]).chain(stream::pending());
        let failure = read(&multipart(), Body::from_stream(pieces), &rules(1000)).await.unwrap_err();
        assert_eq!((failure.code, failure.detected.as_deref()), (FailureCode::InvalidFormat, Some(detected)));
    }
}

#[tokio::test]
async fn a_declared_type_that_is_merely_wrong_or_missing_is_ignored() {
    for header in [
        "",
        "\r\nContent-Type: image/png",
        "\r\nContent-Type: application/octet-stream",
        "\r\nContent-Type: ",
    ] {
        let form = format!("{}--B--", part(&format!("name=\"file\"; filename=\"x\"{header}"), GIF));
        assert_eq!(read_form(&form).await.unwrap().file.format, PictureFormat::Gif, "{header}");
    }
}

#[tokio::test]
async fn content_decides_and_is_named() {
    let failure = read_form(&format!("{}--B--", file("%PDF-1.7"))).await.unwrap_err();
    assert_eq!((failure.code, failure.detected.as_deref()), (FailureCode::InvalidFormat, Some("pdf")));
}

#[tokio::test]
async fn a_form_that_ends_early_or_is_none_is_malformed() {
    let headless = "--B\r\nContent-Disposition form-data\r\n\r\nx\r\n--B--";
    for form in [
        "",
        "hello",
        "--B",
        "--B\r\n",
        "--C\r\n\r\n--C--",
        headless,
        &file(GIF),
        "--B\r\nContent-Disposition: x",
    ] {
        assert_eq!(code_of(form).await, FailureCode::MultipartMalformed, "{form}");
    }
}

#[tokio::test]
async fn a_crop_that_is_none_is_refused_also_after_the_file() {
    let long = format!("{{\"x\":1,{}", " ".repeat(LONGEST_CROP));
    for json in ["", "1,2,3,4", r#"{"x":1}"#, &long, "\u{0}"] {
        let form = format!("{}{}--B--", file(GIF), part("name=\"crop\"", json));
        assert_eq!(code_of(&form).await, FailureCode::CropInvalid, "{json}");
    }
    let crop = part("name=\"crop\"", r#"{"x":1,"y":2,"width":3,"height":4}"#);
    assert_eq!(code_of(&format!("{crop}{crop}{}--B--", file(GIF))).await, FailureCode::CropInvalid);
}

#[tokio::test]
async fn a_file_of_the_limit_is_taken_and_one_more_byte_is_not() {
    let limit = GIF.len() as u64;
    let form = format!("{}--B--", file(GIF));
    assert!(read(&multipart(), Body::from(form.clone()), &rules(limit)).await.is_ok());
    let failure = read(&multipart(), Body::from(form), &rules(limit - 1)).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::FileTooLarge);
    assert_eq!(failure.limit, Some((limit - 1).into()));
}

#[tokio::test]
async fn parts_that_nobody_asked_for_are_bounded_and_told_the_files_limit() {
    let other = part("name=\"other\"", &"x".repeat((64 << 10) + 1000));
    let failure = read_form(&format!("{other}{}--B--", file(GIF))).await.unwrap_err();
    assert_eq!((failure.code, failure.limit), (FailureCode::FileTooLarge, Some(1000.into())));
}

#[tokio::test]
async fn headers_without_an_end_cost_no_more_than_their_limit() {
    let endless = |start: &'static str| {
        let pieces = stream::iter((0..1_000_000).map(move |index| {
            Ok::<_, axum::Error>(Bytes::from_static(if index == 0 { start.as_bytes() } else { &[b'x'; 100] }))
        }));
        // As from a connection: after each piece nothing is there yet.
        Body::from_stream(pieces.then(|piece| async {
            tokio::task::yield_now().await;
            piece
        }))
    };
    let rules = rules(100 << 20);
    for start in ["--B\r\nContent-Disposition: ", "preamble"] {
        let failure = read(&multipart(), endless(start), &rules).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::MultipartMalformed);
    }
}

#[tokio::test]
async fn a_connection_that_ends_within_a_form_is_told_from_a_form_without_an_end() {
    for sent in [file(GIF), format!("{}--B--", file(GIF)), "--B\r\nConte".to_owned()] {
        let pieces = stream::iter([Ok(Bytes::from(sent)), Err(axum::Error::new(std::fmt::Error))]);
        let failure = read(&multipart(), Body::from_stream(pieces), &rules(1000)).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::UploadIncomplete);
    }
}

#[tokio::test]
async fn a_raw_body_is_the_file_and_its_crop_is_the_querys() {
    let crop = Some(Crop { x: 0, y: 0, width: 1, height: 1 });
    let raw = Declared { crop, ..declared(Form::Raw) };
    let received = read(&raw, Body::from(GIF), &rules(1000)).await.unwrap();
    assert_eq!((received.file.size, received.crop), (GIF.len() as u64, crop));
    assert_eq!(read(&raw, Body::empty(), &rules(1000)).await.unwrap_err().code, FailureCode::FileEmpty);
}
