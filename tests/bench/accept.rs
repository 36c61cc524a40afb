//! What accepting an upload costs: uploads a second and processor time of the API, beside the same bytes put
//! straight to the object store by the same load generator, in turns within one run.

use futures_util::{StreamExt, stream};
use pfp_tests::{
    client::Client,
    percentile::median,
    pictures,
    process::Process,
    system::{Setup, TestSystem},
};
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Requests at once.
const AT_ONCE: usize = 16;
/// Rounds of each kind, in turns, after one that isn't counted.
const ROUNDS: usize = 5;
/// Bytes sent in a round.
const ROUND_BYTES: usize = 400 << 20;

#[derive(Default)]
struct Measured {
    per_second: Vec<f64>,
    cpu_ms: Vec<f64>,
    store_cpu_ms: Vec<f64>,
}

#[tokio::main]
async fn main() -> pfp_tests::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{AT_ONCE} requests at once, median of {ROUNDS} rounds in turns")?;
    writeln!(
        out,
        "| bytes | to | uploads/s | ratio | API ms CPU | store ms CPU |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for file in ["bench-4mb.jpg", "bench-170kb.jpg"] {
        let bytes = pictures::bytes(file);
        let system = Setup::new().set("PFP_LOG", "warn").workers(0).start().await;
        let (api, store) = measure(&system, &bytes).await?;
        let (through, straight) = (median(&api.per_second), median(&store.per_second));
        writeln!(
            out,
            "| {} | API | {through:.0} | {:.2} | {:.2} | {:.2} |",
            bytes.len(),
            through / straight,
            median(&api.cpu_ms),
            median(&api.store_cpu_ms)
        )?;
        writeln!(
            out,
            "| {} | store | {straight:.0} | 1 | - | {:.2} |",
            bytes.len(),
            median(&store.store_cpu_ms)
        )?;
        system.stop().await;
    }
    Ok(())
}

async fn measure(system: &TestSystem, bytes: &[u8]) -> pfp_tests::Result<(Measured, Measured)> {
    let count = (ROUND_BYTES / bytes.len()).clamp(AT_ONCE, 1_000);
    let client = system.client("bench");
    let (mut api, mut store) = (Measured::default(), Measured::default());
    for round in 0..=ROUNDS {
        let through = one_round(system, count, |_| upload(&client, bytes)).await;
        let urls = system.put_urls(count).await?;
        let http = reqwest::Client::new();
        let straight = one_round(system, count, |number| put(&http, urls[number].clone(), bytes)).await;
        if round > 0 {
            api.add(through);
            store.add(straight);
        }
    }
    Ok((api, store))
}

/// Uploads a second, and processor milliseconds of API and store for each.
async fn one_round<F: Future<Output = ()>>(
    system: &TestSystem,
    count: usize,
    send: impl Fn(usize) -> F,
) -> (f64, f64, f64) {
    let store: u32 = system.servers.value("MINIO_PID").parse().unwrap_or_default();
    let before = (Process::cpu_of(system.apis[0].pid()), Process::cpu_of(store));
    let started = Instant::now();
    stream::iter(0..count).map(&send).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    let took = started.elapsed();
    let each = |after: Duration, before: Duration| (after - before).as_secs_f64() * 1e3 / count as f64;
    let after = (Process::cpu_of(system.apis[0].pid()), Process::cpu_of(store));
    (count as f64 / took.as_secs_f64(), each(after.0, before.0), each(after.1, before.1))
}

async fn upload(client: &Client, bytes: &[u8]) {
    let answer = client.upload(bytes).await;
    assert_eq!(answer.status, 202);
}

async fn put(http: &reqwest::Client, url: String, bytes: &[u8]) {
    let answer = http.put(url).body(bytes.to_vec()).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
}

impl Measured {
    fn add(&mut self, (per_second, cpu_ms, store_cpu_ms): (f64, f64, f64)) {
        self.per_second.push(per_second);
        self.cpu_ms.push(cpu_ms);
        self.store_cpu_ms.push(store_cpu_ms);
    }
}
