//! Bodies that break off or are too large: refused with their code, and nothing is kept.

use futures_util::stream;
use pfp_tests::{
    client::Answer,
    pictures,
    system::{Setup, TestSystem},
};
use reqwest::Body;

const UPLOAD: &str = "/user/upload-profile-picture";

async fn send(system: &TestSystem, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = system.client("ada").request("POST", UPLOAD).header("content-type", content_type);
    Answer::read(request.body(body).send().await.unwrap()).await
}

/// A body whose length isn't declared.
fn in_chunks(bytes: Vec<u8>) -> Body {
    let chunks: Vec<_> =
        bytes.chunks(64 << 10).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    Body::wrap_stream(stream::iter(chunks))
}

/// The form of a file, without its end.
fn unclosed_form(file: &[u8]) -> Vec<u8> {
    let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n";
    [head.as_bytes(), file].concat()
}

async fn nothing_is_kept(system: TestSystem) {
    system.quiet().await;
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 0);
    assert_eq!(system.objects().await, Vec::<String>::new());
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_28_a_form_without_its_end_is_refused_and_nothing_of_it_is_kept() {
    let system = Setup::new().start().await;
    let form = unclosed_form(&pictures::bytes("bench-170kb.jpg"));
    for body in [Body::from(form.clone()), in_chunks(form)] {
        let answer = send(&system, "multipart/form-data; boundary=b", body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "multipart_malformed"));
    }
    nothing_is_kept(system).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_29_a_file_over_the_limit_is_refused_with_and_without_a_declared_length() {
    let system = Setup::new().set("PFP_MAX_FILE_SIZE", "150KiB").start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    let form = [unclosed_form(&file), b"\r\n--b--\r\n".to_vec()].concat();
    let cases = [
        ("image/jpeg", Body::from(file.clone())),
        ("image/jpeg", in_chunks(file)),
        ("multipart/form-data; boundary=b", Body::from(form.clone())),
        ("multipart/form-data; boundary=b", in_chunks(form)),
    ];
    for (content_type, body) in cases {
        let answer = send(&system, content_type, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "file_too_large"),
            "{content_type}"
        );
        assert_eq!(answer.json()["limit"], 150 << 10);
    }
    nothing_is_kept(system).await;
}
