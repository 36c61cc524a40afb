//! Clients that drip: headers or bodies, a few bytes a second, and back again as soon as they are cut off or, if they
//! heed it, after `Retry-After`.

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

/// What a client does about `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    Heeds,
    Ignores,
}

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
    pub(crate) async fn start(system: &TestSystem, each: usize, manners: Manners) -> Self {
        let (mut clients, answers, connected) = (JoinSet::new(), Answers::default(), Arc::default());
        for number in 0..each {
            let address = system.apis[0].address.clone();
            let head = head("GET", "/livez", &[("X-Long", &"x".repeat(LENGTH / 1000))]);
            let drip = Drip { at_once: 20, bytes_a_second: 1 };
            let client = Client { address: address.clone(), bytes: head, drip, manners };
            clients.spawn(client.for_ever(Arc::clone(&answers), Arc::clone(&connected)));
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
            let client = Client { address, bytes: body, drip, manners };
            clients.spawn(client.for_ever(Arc::clone(&answers), Arc::clone(&connected)));
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

struct Client {
    address: String,
    bytes: Vec<u8>,
    drip: Drip,
    manners: Manners,
}

impl Client {
    async fn for_ever(self, answers: Answers, connected: Arc<AtomicUsize>) {
        loop {
            let (told, retry_after) =
                self.once(&connected).await.unwrap_or_else(|_| ("reset".to_owned(), None));
            *answers.lock().unwrap_or_else(PoisonError::into_inner).entry(told).or_default() += 1;
            // Clients that were all cut off together come back at different times.
            sleep(SECOND / 2 + Duration::from_millis(u64::from(rand_below(1000)))).await;
            if let (Manners::Heeds, Some(seconds)) = (self.manners, retry_after) {
                sleep(SECOND * seconds).await;
            }
        }
    }

    /// The status of the answer, or how the connection ended; and `Retry-After`.
    async fn once(&self, connected: &AtomicUsize) -> std::io::Result<(String, Option<u32>)> {
        let mut stream = TcpStream::connect(&self.address).await?;
        connected.fetch_add(1, Relaxed);
        let (first, rest) = self.bytes.split_at(self.drip.at_once);
        stream.write_all(first).await?;
        let mut answer = Vec::with_capacity(4096);
        for piece in rest.chunks(self.drip.bytes_a_second) {
            match timeout(SECOND, stream.read_buf(&mut answer)).await {
                Err(_) => stream.write_all(piece).await?,
                Ok(Ok(0)) if answer.is_empty() => return Ok(("closed".to_owned(), None)),
                Ok(Ok(_)) => break,
                Ok(Err(error)) => return Err(error),
            }
        }
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        let retry_after = answer.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse().ok());
        Ok((answer.split(' ').nth(1).unwrap_or("sent whole").to_owned(), retry_after))
    }
}

fn rand_below(limit: u32) -> u32 {
    uuid::Uuid::new_v4().as_fields().0 % limit
}
