//! What waiting clients cost: many of them on one API process, half by long poll and half by events, and how long after
//! its upload's end each is told. The floor is a bare connection that listens to the database's notifications.

use futures_util::{StreamExt, future::join_all, stream};
use pfp_tests::{
    client::Client,
    events::Events,
    percentile::percentile,
    system::{Setup, TestSystem},
    wait::until,
};
use serde_json::Value;
use std::{
    collections::HashMap,
    future::poll_fn,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_postgres::{AsyncMessage, NoTls};

/// Clients that wait at once.
const WAITERS: usize = 2_000;

/// How long all of them may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// When each upload was last notified of.
type Heard = Arc<Mutex<HashMap<String, OffsetDateTime>>>;

#[tokio::main]
async fn main() -> pfp_tests::Result<()> {
    let mut system = Setup::new().set("PFP_LOG", "warn").workers(0).start().await;
    let file = small_picture()?;
    let uploads = stream::iter(0..WAITERS).map(|number| upload(&system, number, &file));
    let uploads: Vec<_> = uploads.buffer_unordered(16).collect().await;
    // Whoever has uploaded has gone.
    let api = system.apis[0].pid();
    until("the connections of the uploads are closed", PATIENCE, async || (sockets(api) < 100).then_some(()))
        .await;
    let (before, _) = system.apis[0].memory();
    let waiters: Vec<_> = uploads
        .into_iter()
        .enumerate()
        .map(|(number, (user, location))| {
            let client = system.client(&user);
            tokio::spawn(async move {
                let told = if number % 2 == 0 {
                    poll(&client, &location).await
                } else {
                    follow(&client, &location).await
                };
                (id_of(&told), delay(&told, OffsetDateTime::now_utc()), told)
            })
        })
        .collect();
    let line = format!("pfp_waiting_clients {WAITERS}");
    until("all clients wait", PATIENCE, async || {
        system.apis[0].metrics().await.contains(&line).then_some(())
    })
    .await;
    let (waiting, _) = system.apis[0].memory();
    let of_database = database_connections(&system).await;
    let heard = listen(&system).await?;
    system.start_worker();
    let told = join_all(waiters).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let floor = told.iter().filter_map(|(id, _, upload)| Some(delay(upload, *heard.get(id)?)));
    let floor: Vec<_> = floor.collect();
    let clients: Vec<_> = told.iter().map(|(_, delay, _)| *delay).collect();
    let mut out = std::io::stdout();
    writeln!(out, "| told | median ms | 99 % ms | longest ms | of the floor's median |")?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for (who, delays) in [(format!("{WAITERS} clients"), &clients), ("a bare listener".to_owned(), &floor)] {
        let [median, most, longest] = [50, 99, 100].map(|percent| percentile(delays, percent));
        writeln!(
            out,
            "| {who} | {median:.1} | {most:.1} | {longest:.1} | {:.1} |",
            median / percentile(&floor, 50)
        )?;
    }
    let more = waiting.saturating_sub(before);
    writeln!(
        out,
        "\nThe API has {} MB with all of them waiting, {} MB more than with none: {} kB each; and {of_database} connections to the database.",
        waiting / 1_000_000,
        more / 1_000_000,
        more / 1_000 / WAITERS as u64
    )?;
    system.stop().await;
    Ok(())
}

fn small_picture() -> pfp_tests::Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(64, 64, |x, y| {
        image::Rgb([(x * 4).to_le_bytes()[0], (y * 4).to_le_bytes()[0], 128])
    });
    picture.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

async fn upload(system: &TestSystem, number: usize, file: &[u8]) -> (String, String) {
    let client = system.client(&format!("user-{number}"));
    let location = client.accepted(file).await;
    (client.user, location)
}

async fn poll(client: &Client, location: &str) -> Value {
    loop {
        let upload = client.get(&format!("{location}?wait=30")).await.json();
        if upload["finished_at"].is_string() {
            return upload;
        }
    }
}

async fn follow(client: &Client, location: &str) -> Value {
    let mut events = Events::of(client, location).await;
    loop {
        let upload = events.next().await.expect("a final state").data;
        if upload["finished_at"].is_string() {
            return upload;
        }
    }
}

/// Hears the database's notifications as the API does.
async fn listen(system: &TestSystem) -> pfp_tests::Result<Heard> {
    let (client, mut connection) =
        tokio_postgres::connect(&system.settings["PFP_DATABASE_URL"], NoTls).await?;
    let heard = Heard::default();
    let noting = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message {
                let mut heard = noting.lock().unwrap_or_else(PoisonError::into_inner);
                heard.insert(notification.payload().to_owned(), OffsetDateTime::now_utc());
            }
        }
    });
    client.batch_execute("LISTEN pfp_upload_changed").await?;
    // The connection ends with its client.
    tokio::spawn(async move {
        let _client = client;
        std::future::pending::<()>().await;
    });
    Ok(heard)
}

fn id_of(upload: &Value) -> String {
    upload["id"].as_str().unwrap_or_default().to_owned()
}

/// Milliseconds from the upload's end; database and clients have one clock here.
fn delay(upload: &Value, told: OffsetDateTime) -> f64 {
    let finished = upload["finished_at"].as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    (told - finished.expect("a time")).as_seconds_f64() * 1e3
}

/// Open sockets of a process.
fn sockets(pid: u32) -> usize {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").flatten();
    open.filter(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    })
    .count()
}

async fn database_connections(system: &TestSystem) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pfp-api'";
    system.database.count(sql).await
}
