//! A system's past, made by SQL: uploads that were finished within the retention, users who show some of them, and
//! uploads that wait, with their bytes and their messages. The doctor finds nothing amiss in it.

use futures_util::{StreamExt, TryStreamExt, stream};
use lapin::{
    BasicProperties, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use pfp_shared::{
    job::Job,
    queue::Topology,
    storage::{PictureKey, staged_key},
    upload::UploadId,
};
use pfp_tests::{
    database::TestDatabase,
    system::TestSystem,
    wait::{PATIENCE, until},
};
use std::fmt;

/// Rows of one statement.
const BATCH: usize = 100_000;
/// Objects that are put at once.
const PUTS: usize = 64;
/// Messages that wait for their confirmations at once.
const IN_FLIGHT: usize = 1_000;

/// How large a system is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) finished: usize,
    pub(crate) queued: usize,
    pub(crate) users: usize,
    /// Users who show a picture, the first ones; the queued uploads are those of others.
    pub(crate) pictures: usize,
}

impl Sizes {
    pub(crate) const fn empty(users: usize) -> Self {
        Self { finished: 0, queued: 0, users, pictures: 0 }
    }

    /// Five uploads of every user, and one user in ten who shows the last one: the others have taken theirs back, or an
    /// object for each would have to be put.
    pub(crate) fn of(finished: usize, queued: usize) -> Self {
        let pictures = finished / 50;
        Self { finished, queued, users: (finished / 5).max(pictures + queued), pictures }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { finished, queued, users, pictures } = self;
        write!(
            f,
            "{finished} finished uploads and {queued} queued ones of {users} users, {pictures} of whom show a picture"
        )
    }
}

/// What is uploaded: small, so that the picture itself costs little beside the rows, and a hundred thousand of them little
/// room.
pub(crate) fn picture() -> pfp_tests::Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(320, 240, |x, y| {
        image::Rgb([x / 2, y, (x + y) / 4].map(|value| value.to_le_bytes()[0]))
    });
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg)?;
    Ok(bytes.into_inner())
}

/// Fills a system whose worker is off.
pub(crate) async fn fill(system: &TestSystem, sizes: &Sizes, file: &[u8]) -> pfp_tests::Result<()> {
    let database = &system.database;
    database.run("SET synchronous_commit = off").await;
    for from in (0..sizes.users).step_by(BATCH) {
        database.run(&users(sizes, from, (from + BATCH).min(sizes.users))).await;
    }
    for from in (0..sizes.finished).step_by(BATCH) {
        database.run(&finished(sizes, from, (from + BATCH).min(sizes.finished))).await;
    }
    database.run(&shown(&system.settings["PFP_PUBLIC_URL"])).await;
    for from in (0..sizes.queued).step_by(BATCH) {
        database.run(&queued(sizes, from, (from + BATCH).min(sizes.queued), file.len())).await;
    }
    pictures(system, file).await?;
    backlog(system, file).await?;
    // What the server would do by itself some time later, in the middle of a round.
    database.run("VACUUM ANALYZE users, uploads").await;
    TestDatabase::connect(system.servers.value("POSTGRES_ADMIN_URL")).await.run("CHECKPOINT").await;
    Ok(())
}

/// All of them have deleted their picture after their last upload; [`shown`] knows who hasn't.
fn users(sizes: &Sizes, from: usize, to: usize) -> String {
    let finished = sizes.finished;
    format!(
        "INSERT INTO users (id, picture_generation) SELECT 'user-' || n, {finished} + n + 1
            FROM generate_series({from}, {to} - 1) AS n;
        SELECT setval('picture_generations', {finished} + {to})"
    )
}

/// In the order of time, the last 25 days without the last hours; of each user every so many. Half of them have a key,
/// which nobody frees. Of ten uploads six have succeeded, two were superseded, one rejected and one cancelled.
fn finished(sizes: &Sizes, from: usize, to: usize) -> String {
    let Sizes { finished, users, pictures, .. } = sizes;
    format!(
        "INSERT INTO uploads (id, user_id, generation, status, attempts, claims, size_bytes, content_type, content_sha256,
            idempotency_key, picture_key, failure, revision, run_after, published_at, created_at, updated_at, finished_at)
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3)
                || '8' || substr(hash, 4, 15))::uuid,
            'user-' || n % {users}, n + 1, status, (status <> 'cancelled')::int, (status <> 'cancelled')::int,
            100000 + n % 1000000, 'image/jpeg', sha256(convert_to(hash, 'UTF8')),
            CASE WHEN n % 2 = 0 THEN 'key-' || n END,
            CASE WHEN shows THEN 'pictures/' || md5('picture ' || n) || '.jpg' END,
            CASE WHEN status = 'rejected' THEN jsonb_build_object('code', 'picture_corrupt', 'detail', 'The picture ends early.') END,
            4, at, at + interval '10 milliseconds', at, at + interval '1 second', at + interval '1 second'
        FROM generate_series({from}, {to} - 1) AS n
            CROSS JOIN LATERAL (SELECT md5('upload ' || n) AS hash,
                now() - interval '25 days' + (interval '25 days' - interval '3 hours') * (n::float8 / {finished}) AS at,
                n >= {finished} - {users} AND n % {users} < {pictures} AS shows) AS made
            CROSS JOIN LATERAL (SELECT CASE WHEN shows THEN 'succeeded'
                ELSE (ARRAY['succeeded', 'succeeded', 'rejected', 'succeeded', 'superseded', 'succeeded', 'cancelled',
                    'succeeded', 'superseded', 'succeeded'])[(n / {users} + n) % 10 + 1] END AS status) AS ended"
    )
}

fn shown(public_url: &str) -> String {
    format!(
        "UPDATE users SET picture_key = uploads.picture_key, picture_upload_id = uploads.id,
            picture_generation = uploads.generation, profile_picture_url = '{public_url}/' || uploads.picture_key
        FROM uploads WHERE uploads.user_id = users.id AND uploads.picture_key IS NOT NULL"
    )
}

/// Accepted and published an hour ago and more, in the order of their messages, by users from all over the table. The
/// prime lets none of them come twice.
fn queued(sizes: &Sizes, from: usize, to: usize, bytes: usize) -> String {
    let Sizes { queued, users, pictures, .. } = sizes;
    format!(
        "INSERT INTO uploads (id, user_id, generation, status, size_bytes, content_type, content_sha256, revision,
            run_after, published_at, created_at, updated_at)
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3)
                || '8' || substr(hash, 4, 15))::uuid,
            'user-' || {pictures} + n::bigint * 7919 % ({users} - {pictures}), nextval('picture_generations'), 'queued', {bytes}, 'image/jpeg',
            sha256(convert_to(hash, 'UTF8')), 2, at, at + interval '10 milliseconds', at, at
        FROM generate_series({from}, {to} - 1) AS n
            CROSS JOIN LATERAL (SELECT md5('queued ' || n) AS hash,
                now() - interval '2 hours' + interval '1 hour' * (n::float8 / {queued}) AS at) AS made"
    )
}

/// The objects of the pictures that users show.
async fn pictures(system: &TestSystem, file: &[u8]) -> pfp_tests::Result<()> {
    let rows = system.database.rows("SELECT picture_key FROM users WHERE picture_key IS NOT NULL", &[]).await;
    let keys = rows.iter().filter_map(|row| PictureKey::parse(row.get(0)));
    let puts = stream::iter(keys).map(async |key| system.storage.put_picture(&key, file.to_vec()).await);
    Ok(puts.buffer_unordered(PUTS).try_collect().await?)
}

/// The bytes and the messages of the queued uploads.
async fn backlog(system: &TestSystem, file: &[u8]) -> pfp_tests::Result<()> {
    let sql = "SELECT id::text FROM uploads WHERE status = 'queued' ORDER BY published_at, id";
    let rows = system.database.rows(sql, &[]).await;
    let ids = rows.iter().map(|row| row.get::<_, &str>(0).parse::<UploadId>());
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let bytes = bytes::Bytes::copy_from_slice(file);
    let puts = stream::iter(&ids)
        .map(async |id| system.storage.put_staged(&staged_key(*id), vec![bytes.clone()]).await);
    puts.buffer_unordered(PUTS).try_collect::<()>().await?;
    publish(system, &ids).await
}

/// Many at once on one channel, in order: the product has one in flight on each of its channels.
async fn publish(system: &TestSystem, ids: &[UploadId]) -> pfp_tests::Result<()> {
    let (connection, channel) = system.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let queue = system.queue("jobs");
    for ids in ids.chunks(IN_FLIGHT) {
        let mut confirmations = Vec::new();
        for id in ids {
            let properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_content_type("application/json".into())
                .with_message_id(id.to_string().as_str().into());
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let job = Job::new(*id).encode();
            let publish = channel.basic_publish("".into(), queue.as_str().into(), options, &job, properties);
            confirmations.push(publish.await?);
        }
        for confirmation in confirmations {
            let confirmed = confirmation.await?;
            assert!(matches!(confirmed, Confirmation::Ack(None)), "{confirmed:?}");
        }
    }
    Ok(connection.close(200, "done".into()).await?)
}

/// Messages that are ready, once a worker that has ended has given back what it held.
pub(crate) async fn messages(system: &TestSystem, at_least: u32) -> pfp_tests::Result<u32> {
    let (connection, channel) = system.channel().await;
    let queue = system.queue("jobs");
    let mut ready = 0;
    until("the queue is whole again", PATIENCE, async || {
        ready = Topology::ready(&channel, &queue).await.ok()?;
        (ready >= at_least).then_some(())
    })
    .await;
    connection.close(200, "done".into()).await?;
    Ok(ready)
}
