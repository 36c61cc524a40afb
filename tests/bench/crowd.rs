//! What a crowd costs: ordinary uploads beside hundreds of clients that drip, and a thousand uploads at once on an API
//! with a small budget of memory. With a number as the first argument that many upload at once, and nothing else is
//! measured.

#[path = "crowd/dripping.rs"]
mod dripping;
#[path = "crowd/sending.rs"]
mod sending;

use dripping::{Drippers, Manners};
use futures_util::future::join_all;
use pfp_tests::{
    percentile::percentile,
    system::{Setup, TestSystem},
};
use sending::{Body, Sent, upload};
use std::{
    collections::BTreeMap,
    io::Write,
    time::{Duration, Instant},
};

/// Clients that drip their headers, and as many that drip their bodies.
const DRIPPERS: usize = 250;
/// Ordinary clients, each of which pauses between two uploads: their answers are measured, not the machine at its limit.
const ORDINARY: usize = 4;
const PAUSE: Duration = Duration::from_millis(40);
/// Rounds of each kind, in turns.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(15);

/// Clients that upload at once, and those whose rate they are held against.
const CROWD: usize = 1_000;
const FEW: usize = 25;
/// Uploads of the few.
const OF_THE_FEW: usize = 200;

#[tokio::main]
async fn main() -> pfp_tests::Result<()> {
    match std::env::args().nth(1).and_then(|count| count.parse().ok()) {
        Some(crowd) => at_once(crowd).await,
        None => {
            slow_clients().await?;
            at_once(CROWD).await
        }
    }
}

async fn slow_clients() -> pfp_tests::Result<()> {
    let system = start().await;
    let body = Body::ordinary();
    let beside = [None, Some(Manners::Heeds), Some(Manners::Ignores)];
    let mut measured: [(Vec<Sent>, BTreeMap<String, usize>); 3] = Default::default();
    for round in 0..=ROUNDS {
        for (manners, (sent, told)) in beside.into_iter().zip(&mut measured) {
            let drippers = match manners {
                Some(manners) => Some(Drippers::start(&system, DRIPPERS, manners).await),
                None => None,
            };
            let among_them = ordinary(&system, &body).await;
            let answers = match drippers {
                Some(drippers) => drippers.stop().await,
                None => BTreeMap::new(),
            };
            // The first round warms up.
            if round > 0 {
                sent.extend(among_them);
                for (answer, count) in answers {
                    *told.entry(answer).or_insert(0) += count;
                }
            }
        }
    }
    let mut out = std::io::stdout();
    writeln!(out, "{} bytes at a time by {ORDINARY} clients, in turns", body.len())?;
    writeln!(out, "| beside | uploads | median ms | 99 % ms | of the quiet 99 % | refused |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
    let floor = percentile_of(&measured[0].0, 99);
    for (manners, (sent, _)) in beside.iter().zip(&measured) {
        let beside = match manners {
            None => "nobody".to_owned(),
            Some(Manners::Heeds) => format!("{} slow clients", 2 * DRIPPERS),
            Some(Manners::Ignores) => format!("{} that ignore Retry-After", 2 * DRIPPERS),
        };
        let most = percentile_of(sent, 99);
        let refused = answers(sent.iter().filter(|sent| sent.status != 202));
        let median = percentile_of(sent, 50);
        let count = sent.len();
        writeln!(out, "| {beside} | {count} | {median:.1} | {most:.1} | {:.2} | {refused} |", most / floor)?;
    }
    let told = measured.each_ref().map(|(_, told)| told);
    writeln!(out, "\nThe slow clients were told: {:?}, and the others {:?}\n", told[1], told[2])?;
    system.stop().await;
    Ok(())
}

/// Ordinary uploads, one after the other by each client, for a round.
async fn ordinary(system: &TestSystem, body: &Body) -> Vec<Sent> {
    let end = Instant::now() + ROUND;
    let clients = (0..ORDINARY).map(|number| {
        let (address, head) =
            (system.apis[0].address.clone(), body.head(&system.client(&format!("ordinary-{number}"))));
        let body = body.clone();
        tokio::spawn(async move {
            let mut sent = Vec::new();
            while Instant::now() < end {
                sent.push(upload(&address, &head, &body, false).await);
                tokio::time::sleep(PAUSE).await;
            }
            sent
        })
    });
    join_all(clients).await.into_iter().flat_map(Result::unwrap_or_default).collect()
}

async fn at_once(crowd: usize) -> pfp_tests::Result<()> {
    let mut system = start().await;
    let body = Body::large();
    let alone = few(&system, &body).await;
    // A process of its own, whose highest memory is the crowd's.
    system.start_api();
    system.ready().await;
    let first = join_all((0..crowd).map(|number| one(&system, number, &body, true))).await;
    let (_, most_at_first) = system.apis[1].memory();
    let started = Instant::now();
    let all = join_all((0..crowd).map(|number| until_accepted(&system, number, &body))).await;
    let together = crowd as f64 / started.elapsed().as_secs_f64();
    let (_, most) = system.apis[1].memory();
    let tries: Vec<_> = all.iter().flatten().cloned().collect();
    let silent = first.iter().chain(&tries).filter(|sent| sent.status == 503 && sent.retry_after.is_none());
    let mut out = std::io::stdout();
    writeln!(out, "{crowd} clients that send {} bytes at 2 MB/s, PFP_UPLOAD_MEMORY=128MiB", body.len())?;
    writeln!(out, "| clients | answers | accepted/s | of {FEW} alone |")?;
    writeln!(out, "| --- | --- | --- | --- |")?;
    writeln!(out, "| {FEW} alone | {OF_THE_FEW} 202 | {alone:.1} | 1 |")?;
    writeln!(out, "| {crowd} at once | {} | - | - |", answers(first.iter()))?;
    writeln!(
        out,
        "| {crowd} at once that come back | {} | {together:.1} | {:.2} |",
        answers(tries.iter()),
        together / alone
    )?;
    writeln!(
        out,
        "\nThe API had {} MiB at most, {} MiB in the first round. 503 without Retry-After: {}. Tries of one client at most: {}.",
        most >> 20,
        most_at_first >> 20,
        silent.count(),
        all.iter().map(Vec::len).max().unwrap_or_default()
    )?;
    system.stop().await;
    Ok(())
}

/// Uploads a second of a few clients alone.
async fn few(system: &TestSystem, body: &Body) -> f64 {
    let started = Instant::now();
    join_all((0..FEW).map(|number| async move {
        for _ in 0..OF_THE_FEW / FEW {
            let head = body.head(&system.client(&format!("few-{number}")));
            let sent = upload(&system.apis[0].address, &head, body, false).await;
            assert_eq!(sent.status, 202, "{sent:?}");
        }
    }))
    .await;
    OF_THE_FEW as f64 / started.elapsed().as_secs_f64()
}

/// One try. A stubborn client sends all of its body before it looks for an answer.
async fn one(system: &TestSystem, number: usize, body: &Body, stubborn: bool) -> Sent {
    let head = body.head(&system.client_at(1, &format!("user-{number}")));
    let (address, body) = (system.apis[1].address.clone(), body.clone());
    let sending = tokio::spawn(async move { upload(&address, &head, &body, stubborn).await });
    sending.await.unwrap_or_else(|_| Sent::broken(Instant::now()))
}

/// Tries until the upload is accepted, each after the time that the answer before named.
async fn until_accepted(system: &TestSystem, number: usize, body: &Body) -> Vec<Sent> {
    let mut tries = Vec::new();
    loop {
        let sent = one(system, number, body, false).await;
        let pause = sent.retry_after.unwrap_or(1);
        let accepted = sent.status == 202;
        tries.push(sent);
        if accepted {
            return tries;
        }
        tokio::time::sleep(Duration::from_secs(pause)).await;
    }
}

async fn start() -> TestSystem {
    Setup::new().set("PFP_LOG", "warn").set("PFP_UPLOAD_MEMORY", "128MiB").workers(0).start().await
}

/// How many were answered how.
fn answers<'a>(sent: impl Iterator<Item = &'a Sent>) -> String {
    let mut answers = BTreeMap::new();
    for sent in sent {
        *answers.entry(sent.what()).or_insert(0) += 1;
    }
    let answers: Vec<_> = answers.into_iter().map(|(what, count)| format!("{count} {what}")).collect();
    if answers.is_empty() { "none".to_owned() } else { answers.join(", ") }
}

/// Of the accepted ones, in ms.
fn percentile_of(sent: &[Sent], percent: usize) -> f64 {
    let accepted = sent.iter().filter(|sent| sent.status == 202);
    let took: Vec<_> = accepted.map(|sent| sent.took.as_secs_f64() * 1e3).collect();
    percentile(&took, percent)
}
