//! Clients that drip: headers or bodies, a few bytes a second, and back again as soon as they are cut off.

use pfp_tests::{
    raw::{head, upload_head},
    system::TestSystem,
    wait::until,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

const LENGTH: usize = 5_000_000;
const SECOND: Duration = Duration::from_secs(1);

/// What the clients were answered, by status.
type Answers = Arc<Mutex<BTreeMap<String, usize>>>;

/// The clients, at work until they are told to stop.
pub(crate) struct Drippers {
    clients: JoinSet<()>,
    answers: Answers,
}

impl Drippers {
    /// So many of each kind. Of those that drip bodies, half are below the least rate, a quarter above it, and a quarter
    /// drip after a good beginning.
    pub(crate) async fn start(system: &TestSystem, each: usize) -> Self {
        let (mut clients, answers, connected) = (JoinSet::new(), Answers::default(), Arc::default());
        for number in 0..each {
            let address = system.apis[0].address.clone();
            let head = head("GET", "/livez", &[("X-Long", &"x".repeat(LENGTH / 1000))]);
            let drip = Drip { at_once: 20, bytes_a_second: 1 };
            clients.spawn(for_ever(
                address.clone(),
                head,
                drip,
                Arc::clone(&answers),
                Arc::clone(&connected),
            ));
            let length = LENGTH.to_string();
            let own = [("Content-Type", "image/jpeg"), ("Content-Length", length.as_str())];
            let mut body = upload_head(&system.client(&format!("dripping-{number}")), &own);
            let start = body.len() + 4;
            body.extend(b"\xFF\xD8\xFF\xE0");
            body.resize(body.len() + 500_000, 0);
            let drip = match number % 4 {
                0 => Drip { at_once: start + 100_000, bytes_a_second: 20 << 10 },
                1 => Drip { at_once: start, bytes_a_second: 20 << 10 },
                _ => Drip { at_once: start, bytes_a_second: 10 },
            };
            clients.spawn(for_ever(address, body, drip, Arc::clone(&answers), Arc::clone(&connected)));
        }
        until("all are connected", 30 * SECOND, async || (connected.load(Relaxed) >= 2 * each).then_some(()))
            .await;
        Self { clients, answers }
    }

    /// Ends all of them, and tells what they were answered.
    pub(crate) async fn stop(mut self) -> BTreeMap<String, usize> {
        self.clients.shutdown().await;
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone, Copy)]
struct Drip {
    at_once: usize,
    bytes_a_second: usize,
}

async fn for_ever(
    address: String,
    bytes: Vec<u8>,
    drip: Drip,
    answers: Answers,
    connected: Arc<AtomicUsize>,
) {
    loop {
        let answer = once(&address, &bytes, drip, &connected).await.unwrap_or_else(|_| "reset".to_owned());
        *answers.lock().unwrap_or_else(PoisonError::into_inner).entry(answer).or_default() += 1;
        // Clients that were all cut off together come back at different times.
        sleep(SECOND / 2 + Duration::from_millis(u64::from(rand_below(1000)))).await;
    }
}

fn rand_below(limit: u32) -> u32 {
    uuid::Uuid::new_v4().as_fields().0 % limit
}

/// The status of the answer, or how the connection ended.
async fn once(address: &str, bytes: &[u8], drip: Drip, connected: &AtomicUsize) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    connected.fetch_add(1, Relaxed);
    let (first, rest) = bytes.split_at(drip.at_once);
    stream.write_all(first).await?;
    let mut answer = Vec::new();
    for piece in rest.chunks(drip.bytes_a_second) {
        match timeout(SECOND, stream.read_buf(&mut answer)).await {
            Err(_) => stream.write_all(piece).await?,
            Ok(Ok(0)) if answer.is_empty() => return Ok("closed".to_owned()),
            Ok(Ok(_)) => break,
            Ok(Err(error)) => return Err(error),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split(' ').nth(1).unwrap_or("sent whole").to_owned())
}
