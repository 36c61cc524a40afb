//! A raised limit: files larger than a part are staged part by part, in little memory, and leave no parts behind.

use bytes::Bytes;
use futures_util::{future::join_all, stream};
use pfp_tests::{
    bucket::unfinished_parts,
    client::{Answer, Client},
    pictures,
    raw::{Raw, upload_head},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use reqwest::{
    Body,
    multipart::{Form, Part},
};
use sha2::{Digest, Sha256};
use std::{iter::repeat_n, time::Duration};

const MIB: usize = 1 << 20;
const MOST: usize = 60 * MIB;

/// A photo with comments in front of it, of exactly this size.
fn jpeg_of(size: usize) -> Bytes {
    const SEGMENT: usize = 65_535;
    let photo = pictures::bytes("bench-170kb.jpg");
    let (start, rest) = photo.split_at(2);
    let mut jpeg = start.to_vec();
    let mut left = size - photo.len();
    while left > 0 {
        // What is left after this one is none, or enough for another one.
        let length = if left > SEGMENT + 2 { SEGMENT.min(left - 2 - 4) } else { left - 2 };
        jpeg.extend_from_slice(&[0xFF, 0xFE]);
        jpeg.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        jpeg.extend(
            (0_u32..)
                .map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0] & 0x7F)
                .take(length - 2),
        );
        left -= length + 2;
    }
    jpeg.extend_from_slice(rest);
    assert_eq!(jpeg.len(), size);
    jpeg.into()
}

fn setup() -> Setup {
    Setup::new()
        .workers(0)
        .set("PFP_MAX_FILE_SIZE", "60MiB")
        .set("PFP_UPLOAD_MEMORY", "16MiB")
        .set("PFP_MEMORY_WAIT", "60s")
}

async fn send(client: &Client, body: impl Into<Body>) -> Answer {
    let request = client.request("POST", "/user/upload-profile-picture").header("content-type", "image/jpeg");
    Answer::read(request.body(body).send().await.unwrap()).await
}

/// The bytes in pieces, without a length.
fn in_chunks(bytes: &Bytes) -> Body {
    let pieces: Vec<_> =
        bytes.chunks(77_777).map(|piece| Ok::<_, std::io::Error>(bytes.slice_ref(piece))).collect();
    Body::wrap_stream(stream::iter(pieces))
}

/// The key of the only upload that is being received.
async fn staged_key(system: &TestSystem) -> String {
    until("it is being received", PATIENCE, async || {
        let rows = system
            .database
            .rows("SELECT 'staging/' || id FROM uploads WHERE status = 'receiving'", &[])
            .await;
        (rows.len() == 1).then(|| rows[0].get(0))
    })
    .await
}

async fn is_staged(system: &TestSystem, answer: &Answer, file: &Bytes) {
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.bytes));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let sql = "SELECT content_sha256 FROM uploads WHERE id::text = $1 AND size_bytes::text = $2";
    let hash: Vec<u8> = system.database.rows(sql, &[&id, &file.len().to_string()]).await[0].get(0);
    assert_eq!(hash, Sha256::digest(file).to_vec(), "the hash of all bytes");
    let staged = system.storage.get(&format!("staging/{id}"), MOST as u64).await.unwrap();
    assert!(staged == file, "{} of {} bytes are staged, or others", staged.len(), file.len());
    assert_eq!(
        unfinished_parts(&system.settings, &format!("staging/{id}")).await,
        0,
        "made one of its parts"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_mebibytes_are_staged_part_by_part_in_little_memory_and_become_a_picture() {
    let mut system = setup().start().await;
    let ada = system.client("ada");
    is_staged(&system, &send(&ada, jpeg_of(MIB)).await, &jpeg_of(MIB)).await;
    let (before, _) = system.apis[0].memory();

    let file = jpeg_of(MOST);
    let (declared, length) = (("Content-Type", "application/octet-stream"), MOST.to_string());
    let head = upload_head(&ada, &[declared, ("Content-Length", &length)]);
    let mut slowly = Raw::sending(&system.apis[0].address, &head).await;
    slowly.send(&file[..30 * MIB]).await;
    let key = staged_key(&system).await;
    until("parts are staged before the rest has come", PATIENCE, async || {
        (unfinished_parts(&system.settings, &key).await == 1).then_some(())
    })
    .await;
    slowly.send(&file[30 * MIB..]).await;
    is_staged(&system, &slowly.answer().await, &file).await;

    let form = Form::new().part("file", Part::stream(in_chunks(&file)).file_name("large.jpg"));
    is_staged(&system, &ada.upload_form(form).await, &file).await;
    let smaller = jpeg_of(20 * MIB);
    let many = repeat_n(&smaller, 8).map(|file| send(&ada, file.clone()));
    for answer in join_all(many).await {
        is_staged(&system, &answer, &smaller).await;
    }
    let (_, highest) = system.apis[0].memory();
    let held = highest.saturating_sub(before) / MIB as u64;
    assert!(held <= 50, "{held} MiB were held, with a budget of 16 MiB");

    system.start_worker();
    system.ready().await;
    system.quiet().await;
    assert_eq!(
        system
            .database
            .count("SELECT count(*) FROM uploads WHERE status <> 'succeeded' AND status <> 'superseded'")
            .await,
        0
    );
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_finds_no_memory_is_told_to_come_back() {
    let setup = setup().set("PFP_UPLOAD_MEMORY", "10MiB").set("PFP_MEMORY_WAIT", "100ms");
    let system = setup.start().await;
    let (ada, bob) = (system.client("ada"), system.client("bob"));
    let length = MOST.to_string();
    let head = upload_head(&ada, &[("Content-Type", "image/jpeg"), ("Content-Length", &length)]);
    let holds_all = Raw::sending(&system.apis[0].address, &head).await;
    staged_key(&system).await;
    let reserved = |metrics: &str| metrics.contains("pfp_upload_memory_bytes{kind=\"reserved\"} 10485760");
    until("all memory is taken", PATIENCE, async || reserved(&system.apis[0].metrics().await).then_some(()))
        .await;
    for file in [jpeg_of(MIB), jpeg_of(20 * MIB)] {
        let refused = send(&bob, file).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "overloaded"));
        assert_eq!(refused.header("retry-after"), "1");
    }
    let nobody = system.client("eve").url("/user/upload-profile-picture");
    let unknown = reqwest::Client::new().post(nobody).body(jpeg_of(MIB)).send().await.unwrap();
    assert_eq!(unknown.status(), 401, "who has no token is told so first, and waits for no memory");
    assert_eq!(
        system.database.count("SELECT count(*) FROM uploads").await,
        1,
        "what was refused isn't recorded"
    );
    drop(holds_all);
    let accepted = until("the memory is given back", PATIENCE, async || {
        let answer = send(&bob, jpeg_of(MIB)).await;
        (answer.status == 202).then_some(answer)
    })
    .await;
    is_staged(&system, &accepted, &jpeg_of(MIB)).await;
    assert!(!reserved(&system.apis[0].metrics().await));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_beyond_the_limit_is_refused_and_no_part_is_left() {
    let mut system = setup().start().await;
    let ada = system.client("ada");
    let file = jpeg_of(MOST + 1);
    let declared = send(&ada, file.clone()).await;
    assert_eq!(declared.json()["actual"], MOST + 1);
    let form = Form::new().part("file", Part::stream(in_chunks(&file)).file_name("large.jpg"));
    for refused in [declared, send(&ada, in_chunks(&file)).await, ada.upload_form(form).await] {
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "file_too_large"));
        assert_eq!(refused.json()["limit"], MOST);
    }
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 0);
    let listed = system.database.rows("SELECT object_key FROM object_deletions", &[]).await;
    assert_eq!(listed.len(), 2, "those of which parts were put");
    for key in listed.iter().map(|row| row.get::<_, String>(0)) {
        until("its parts are taken back", PATIENCE, async || {
            (unfinished_parts(&system.settings, &key).await == 0).then_some(())
        })
        .await;
    }
    assert!(system.objects().await.is_empty());
    system.start_worker();
    system.ready().await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_that_breaks_off_leaves_no_parts() {
    let system = setup().workers(1).start().await;
    let ada = system.client("ada");
    let length = MOST.to_string();
    let head = upload_head(&ada, &[("Content-Type", "image/jpeg"), ("Content-Length", &length)]);
    let mut breaks_off = Raw::sending(&system.apis[0].address, &head).await;
    breaks_off.send(&jpeg_of(MOST)[..20 * MIB]).await;
    let key = staged_key(&system).await;
    until("parts are staged", PATIENCE, async || {
        (unfinished_parts(&system.settings, &key).await == 1).then_some(())
    })
    .await;
    drop(breaks_off);
    until("they are taken back", Duration::from_secs(60), async || {
        (unfinished_parts(&system.settings, &key).await == 0).then_some(())
    })
    .await;
    system.quiet().await;
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 0);
    system.finish().await;
}
