//! What waiting clients cost: many of them on one API process, half by long poll and half by events, and how long after
//! its upload's end each is told.

use futures_util::{StreamExt, future::join_all, stream};
use pfp_tests::{
    client::Client,
    events::Events,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;
use std::{io::Write, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Clients that wait at once.
const WAITERS: usize = 2_000;

#[tokio::main]
async fn main() -> pfp_tests::Result<()> {
    let mut system = Setup::new().set("PFP_LOG", "warn").workers(0).start().await;
    let file = small_picture()?;
    let uploads = stream::iter(0..WAITERS).map(|number| upload(&system, number, &file));
    let uploads: Vec<_> = uploads.buffer_unordered(16).collect().await;
    let (before, _) = system.apis[0].memory();
    let waiters = uploads.into_iter().enumerate().map(|(number, (client, location))| {
        tokio::spawn(async move {
            let told = if number % 2 == 0 {
                poll(&client, &location).await
            } else {
                follow(&client, &location).await
            };
            delay(&told)
        })
    });
    let waiters: Vec<_> = waiters.collect();
    // All of them are there when the process has a connection for each.
    let api = system.apis[0].pid();
    until("all clients wait", PATIENCE, async || (connections(api) >= WAITERS).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (waiting, _) = system.apis[0].memory();
    let of_database = database_connections(&system).await;
    system.start_worker();
    let mut delays = join_all(waiters).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    delays.sort_by(f64::total_cmp);
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100] * 1e3;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| waiting | median ms | 99 % ms | longest ms | API MB | more MB than idle | database connections |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
    writeln!(
        out,
        "| {WAITERS} | {:.0} | {:.0} | {:.0} | {} | {} | {of_database} |",
        at(50),
        at(99),
        at(100),
        waiting / 1_000_000,
        waiting.saturating_sub(before) / 1_000_000
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

async fn upload(system: &TestSystem, number: usize, file: &[u8]) -> (Client, String) {
    let client = system.client(&format!("user-{number}"));
    let location = client.accepted(file).await;
    (client, location)
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

/// Seconds since the upload's end; database and clients have one clock here.
fn delay(upload: &Value) -> f64 {
    let finished = upload["finished_at"].as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    (OffsetDateTime::now_utc() - finished.expect("a time")).as_seconds_f64()
}

/// Open sockets of a process.
fn connections(pid: u32) -> usize {
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
