//! Every legal way to send a file: what is staged is what was sent, byte by byte.

use pfp_tests::{
    client::{Answer, Client},
    pictures,
    raw::{Raw, upload_head},
    system::{Setup, TestSystem},
};
use serde_json::{Value, json};

const UPLOAD: &str = "/user/upload-profile-picture";
const CROP: &str = r#"{"x":1.4,"y":-0.3,"width":99.5,"height":2e2,"rotate":0,"scaleX":1}"#;

/// A file in one of the forms, as a request's further header lines and its body.
struct Sent {
    about: &'static str,
    query: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    file: Vec<u8>,
    content_type: &'static str,
    crop: Value,
}

fn part(disposition: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("--b-1\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
    [head.as_bytes(), content.as_ref(), b"\r\n"].concat()
}

fn form(about: &'static str, content_type: &str, parts: &[Vec<u8>]) -> Sent {
    let body = [parts.concat(), b"--b-1--\r\n".to_vec()].concat();
    Sent { body, headers: vec![("Content-Type", content_type.to_owned())], ..raw(about, "", "small.jpg") }
}

fn raw(about: &'static str, declared: &str, file: &str) -> Sent {
    let file = if file == "small.jpg" { pictures::bytes("bench-170kb.jpg") } else { pictures::bytes(file) };
    let content_type = match file[0] {
        0xFF => "image/jpeg",
        0x89 => "image/png",
        _ => "image/gif",
    };
    let headers = vec![("Content-Type", declared.to_owned())];
    Sent { about, query: "", headers, body: file.clone(), file, content_type, crop: Value::Null }
}

fn with_query(sent: Sent, query: &'static str, crop: Value) -> Sent {
    Sent { query, crop, ..sent }
}

fn everything() -> Vec<Sent> {
    let jpeg = pictures::bytes("bench-170kb.jpg");
    let (plain, typed) =
        ("name=\"file\"; filename=\"me.jpg\"", "name=\"file\"; filename=\"me\"\r\nContent-Type: ");
    let file = || part(plain, &jpeg);
    let typed = |declared: &str| part(&format!("{typed}{declared}"), &jpeg);
    let (crop, other) = (|| part("name=\"crop\"", CROP), || part("name=\"theme\"", "dark"));
    let simple = "multipart/form-data; boundary=b-1";
    let rectangle = json!({"x": 1, "y": 0, "width": 100, "height": 200});
    let cropped = |sent: Sent| Sent { crop: rectangle.clone(), ..sent };
    vec![
        form("one part", simple, &[file()]),
        form("a quoted boundary", "multipart/form-data; boundary=\"b-1\"", &[file()]),
        form("a type in capitals", "Multipart/Form-Data; charset=utf-8; Boundary=b-1", &[file()]),
        form("a preamble", simple, &[b"This is a form.\r\n".to_vec(), file()]),
        form(
            "parts that nobody asked for",
            simple,
            &[other(), file(), other(), part("name=\"x\"; filename=\"y\"", "")],
        ),
        form("a part without a type's sense", simple, &[typed("application/octet-stream")]),
        form("another allowed type", simple, &[typed("image/gif")]),
        form("an old name of the type", simple, &[typed("image/jpg")]),
        form(
            "a name in UTF-8",
            simple,
            &[part("name=\"file\"; filename=\"Bj\u{f6}rn \u{1f642}.jpg\"", &jpeg)],
        ),
        form("an encoded name", simple, &[part("name=\"file\"; filename*=UTF-8''Bj%C3%B6rn.jpg", &jpeg)]),
        form("a name like a path", simple, &[part("name=\"file\"; filename=\"../../etc/passwd\"", &jpeg)]),
        form("a name of another type", simple, &[part("name=\"file\"; filename=\"me.webp\"", &jpeg)]),
        form("a name's name in capitals", simple, &[part("name=\"file\"; FILENAME=\"me.jpg\"", &jpeg)]),
        form(
            "a name in Latin-1",
            simple,
            &[[
                &b"--b-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"caf\xe9.jpg\"\r\n\r\n"
                    [..],
                &jpeg,
                b"\r\n",
            ]
            .concat()],
        ),
        form(
            "headers in small letters",
            simple,
            &[[
                &b"--b-1\r\ncontent-disposition: form-data; name=file; filename=a\r\n\r\n"[..],
                &jpeg,
                b"\r\n",
            ]
            .concat()],
        ),
        cropped(form("the crop behind the file", simple, &[file(), crop()])),
        cropped(form("the crop before the file", simple, &[crop(), other(), file()])),
        cropped(with_query(
            form("a part before the query", simple, &[crop(), file()]),
            "crop=5,5,5,5",
            Value::Null,
        )),
        with_query(
            form("a form with its crop in the query", simple, &[file()]),
            "crop=5,6,7,8",
            json!({"x": 5, "y": 6, "width": 7, "height": 8}),
        ),
        raw("a JPEG", "image/jpeg", "small.jpg"),
        raw("a JPEG by its old name", "image/jpg", "small.jpg"),
        raw("a JPEG as a PNG", "image/png", "small.jpg"),
        raw("a JPEG as bytes", "application/octet-stream", "small.jpg"),
        raw("any picture", "image/*", "small.jpg"),
        raw("a PNG", "IMAGE/PNG; a=b", "png-artwork-rgba.png"),
        raw("a GIF as a JPEG", "image/jpeg", "gif-still.gif"),
        with_query(
            raw("bytes with a crop", "image/jpeg", "small.jpg"),
            "a=b&crop=1.4,%20-0.3%2C99.5,200&c",
            rectangle,
        ),
    ]
}

impl Sent {
    fn head(&self, client: &Client, more: &[(&str, &str)]) -> Vec<u8> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let head = String::from_utf8(upload_head(client, &[&headers[..], more].concat())).unwrap();
        head.replace(&format!("{UPLOAD} "), &format!("{UPLOAD}?{} ", self.query)).into_bytes()
    }
}

/// Sees that an upload is accepted, and that row and staged object are what was sent.
async fn accepted(system: &TestSystem, sent: &Sent, answer: &Answer) {
    let about = sent.about;
    assert_eq!(answer.status, 202, "{about}: {}", String::from_utf8_lossy(&answer.bytes));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let sql = "SELECT content_type, size_bytes, encode(content_sha256, 'hex') = encode(sha256($2::text::bytea), 'hex'), crop
        FROM uploads WHERE id::text = $1";
    let hex: String = sent.file.iter().map(|byte| format!("{byte:02x}")).collect();
    let row = &system.database.rows(sql, &[&id, &format!("\\x{hex}")]).await[0];
    assert_eq!(row.get::<_, String>(0), sent.content_type, "{about}");
    assert_eq!(row.get::<_, i64>(1), i64::try_from(sent.file.len()).unwrap(), "{about}");
    assert!(row.get::<_, bool>(2), "{about}: the hash");
    assert_eq!(row.get::<_, Option<Value>>(3).unwrap_or_default(), sent.crop, "{about}");
    let staged = system.storage.get(&format!("staging/{id}"), 10 << 20).await.unwrap();
    assert!(staged == sent.file, "{about}: {} of {} bytes are staged", staged.len(), sent.file.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_legal_form_of_a_file_is_taken_whole_with_its_crop() {
    let mut system = Setup::new().workers(0).start().await;
    for (number, sent) in everything().iter().enumerate() {
        let client = system.client(&format!("user-{number}"));
        let length = sent.body.len().to_string();
        let head = sent.head(&client, &[("Content-Length", &length)]);
        let answer =
            Raw::sending(&system.apis[0].address, &[head, sent.body.clone()].concat()).await.answer().await;
        accepted(&system, sent, &answer).await;
    }
    system.start_worker();
    system.ready().await;
    system.quiet().await;
    let unmade = system.database.count("SELECT count(*) FROM uploads WHERE status <> 'succeeded'").await;
    assert_eq!(unmade, 0, "workers find what they were sent");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_asking_first_one_connection_and_an_old_protocol_are_taken() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let mut connection = Raw::open(&system.apis[0].address).await;
    let (whole, as_form) = (&everything()[17], &everything()[4]);
    for sent in [whole, as_form] {
        connection.send(&sent.head(&ada, &[("Transfer-Encoding", "chunked")])).await;
        for piece in sent.body.chunks(33_333) {
            connection.send(format!("{:x};extension=1\r\n", piece.len()).as_bytes()).await;
            connection.send(&[piece, b"\r\n"].concat()).await;
        }
        connection.send(b"0\r\nTrailer: of no use\r\n\r\n").await;
        accepted(&system, sent, &connection.answer().await).await;

        let length = sent.body.len().to_string();
        let head = sent.head(&ada, &[("Content-Length", &length), ("Expect", "100-Continue")]);
        connection.send(&head).await;
        assert_eq!(connection.answer().await.status, 100, "asked to go on");
        connection.send(&sent.body).await;
        accepted(&system, sent, &connection.answer().await).await;

        let head = String::from_utf8(sent.head(&ada, &[("Content-Length", &length)])).unwrap();
        let head = head.replace("HTTP/1.1", "HTTP/1.0").replace("Host: pfp.test\r\n", "");
        let mut old = Raw::sending(&system.apis[0].address, head.as_bytes()).await;
        old.send(&sent.body).await;
        accepted(&system, sent, &old.answer().await).await;
        old.ended().await;
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_sent_at_once_on_one_connection_are_both_answered() {
    let system = Setup::new().workers(0).start().await;
    let sent = &everything()[0];
    let length = sent.body.len().to_string();
    let one = [sent.head(&system.client("ada"), &[("Content-Length", &length)]), sent.body.clone()].concat();
    let mut connection = Raw::sending(&system.apis[0].address, &[&one[..], &one].concat()).await;
    for _ in 0..2 {
        accepted(&system, sent, &connection.answer().await).await;
    }
    system.stop().await;
}
