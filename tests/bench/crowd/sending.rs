//! A client that costs little: a socket, and a body that all share.

use bytes::Bytes;
use pfp_tests::{client::Client, pictures, raw::upload_head};
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{MissedTickBehavior, interval},
};

/// A body is sent in so many pieces a second.
const PIECES: u32 = 10;

/// What is uploaded, and how fast it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    bytes: Bytes,
    /// Bytes a second; none: as fast as they are taken.
    rate: Option<usize>,
}

/// How an upload was answered.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// 0: not at all.
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) retry_after: Option<u64>,
    pub(crate) took: Duration,
}

impl Body {
    /// As phones send it.
    pub(crate) fn ordinary() -> Self {
        Self { bytes: pictures::bytes("bench-170kb.jpg").into(), rate: None }
    }

    /// 5 MB at 2 MB/s.
    pub(crate) fn large() -> Self {
        let mut bytes = pictures::bytes("bench-4mb.jpg");
        bytes.resize(5_000_000, 0);
        Self { bytes: bytes.into(), rate: Some(2_000_000) }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The head of its upload.
    pub(crate) fn head(&self, client: &Client) -> Vec<u8> {
        let length = self.bytes.len().to_string();
        let own =
            [("Content-Type", "image/jpeg"), ("Content-Length", length.as_str()), ("Connection", "close")];
        upload_head(client, &own)
    }

    async fn send(&self, socket: &mut OwnedWriteHalf) -> io::Result<()> {
        let Some(rate) = self.rate else { return socket.write_all(&self.bytes).await };
        let mut ticks = interval(Duration::from_secs(1) / PIECES);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for piece in self.bytes.chunks(rate / PIECES as usize) {
            ticks.tick().await;
            socket.write_all(piece).await?;
        }
        Ok(())
    }
}

impl Sent {
    /// The connection ended without an answer.
    pub(crate) fn broken(started: Instant) -> Self {
        Self { status: 0, code: String::new(), retry_after: None, took: started.elapsed() }
    }

    /// The status, and the code of a problem.
    pub(crate) fn what(&self) -> String {
        match self.status {
            0 => "reset".to_owned(),
            status => format!("{status} {}", self.code).trim_end().to_owned(),
        }
    }
}

/// Uploads on a connection of its own. A stubborn client looks for the answer when all is sent; others stop sending when
/// it comes.
pub(crate) async fn upload(address: &str, head: &[u8], body: &Body, stubborn: bool) -> Sent {
    let started = Instant::now();
    exchange(address, head, body, stubborn).await.unwrap_or_else(|_| Sent::broken(started))
}

async fn exchange(address: &str, head: &[u8], body: &Body, stubborn: bool) -> io::Result<Sent> {
    let started = Instant::now();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut answer, mut socket) = stream.into_split();
    let mut text = Vec::new();
    socket.write_all(head).await?;
    if stubborn {
        body.send(&mut socket).await?;
        read_answer(&mut answer, &mut text).await?;
    } else {
        tokio::select! {
            read = read_answer(&mut answer, &mut text) => read?,
            sent = body.send(&mut socket) => {
                // What can't be sent any more may have been answered.
                if sent.is_err() && text.is_empty() {
                    sent?;
                }
                read_answer(&mut answer, &mut text).await?;
            }
        }
    }
    parse(&String::from_utf8_lossy(&text), started.elapsed()).ok_or(io::ErrorKind::InvalidData.into())
}

/// To the end of the connection, or of the body that the head tells of.
async fn read_answer(socket: &mut OwnedReadHalf, text: &mut Vec<u8>) -> io::Result<()> {
    while !is_whole(&String::from_utf8_lossy(text)) {
        if socket.read_buf(text).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn is_whole(text: &str) -> bool {
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0) <= body.len()
    })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

fn parse(text: &str, took: Duration) -> Option<Sent> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let code = body.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let retry_after = header(head, "retry-after").and_then(|seconds| seconds.parse().ok());
    Some(Sent { status, code: code.to_owned(), retry_after, took })
}
