//! A client that sends what it likes: bytes on a connection, whole or in pieces, right or wrong.

use crate::client::{Answer, Client};
use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take that isn't given a time of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// The head of an upload by a client's user, with these further headers.
#[must_use]
pub fn upload_head(client: &Client, headers: &[(&str, &str)]) -> Vec<u8> {
    let token = format!("Bearer {}", client.token());
    let own = [("Authorization", token.as_str())];
    head("POST", "/user/upload-profile-picture", &[&own[..], headers].concat())
}

/// The head of a request.
#[must_use]
pub fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: pfp.test\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

impl Raw {
    /// Connects to an API.
    ///
    /// # Panics
    /// It doesn't listen.
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self { stream, unread: Vec::new() }
    }

    /// Connects and sends.
    ///
    /// # Panics
    /// It doesn't listen, or the connection is closed meanwhile.
    pub async fn sending(address: &str, bytes: &[u8]) -> Self {
        let mut connection = Self::open(address).await;
        connection.send(bytes).await;
        connection
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// The connection is closed meanwhile.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.expect("a connection that takes everything");
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The connection is closed meanwhile.
    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says that nothing more will be sent; answers can still be read.
    pub async fn send_no_more(&mut self) {
        // Where the other side has closed it before, that goes without saying.
        let _ = self.stream.shutdown().await;
    }

    /// The next answer; one with status 100 is an answer too.
    ///
    /// # Panics
    /// None comes in time, or what comes isn't one.
    pub async fn answer(&mut self) -> Answer {
        self.answer_if_any().await.expect("an answer, not the end of the connection")
    }

    /// The next answer, or nothing where the connection ends before one.
    ///
    /// # Panics
    /// Neither comes in time, or what comes isn't an answer, or breaks off.
    pub async fn answer_if_any(&mut self) -> Option<Answer> {
        timeout(PATIENCE, self.read_answer()).await.expect("an answer or an end in time")
    }

    /// Waits until the other side has closed the connection, and returns what it still sent.
    ///
    /// # Panics
    /// It doesn't in time.
    pub async fn ended(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.unread);
        // Closed or reset: it's over.
        let _ = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.expect("an end in time");
        rest
    }

    /// Takes as many bytes as have come, but no more than this: none is the end of the connection.
    ///
    /// # Panics
    /// Neither comes in time.
    pub async fn take(&mut self, most: usize) -> usize {
        let mut buffer = vec![0; most];
        // A reset is an end too.
        timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("bytes or an end in time").unwrap_or(0)
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let end_of_head = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.read_more().await {
                assert!(self.unread.is_empty(), "cut off: {}", String::from_utf8_lossy(&self.unread));
                return None;
            }
        };
        let head: Vec<u8> = self.unread.drain(..end_of_head).collect();
        let (status, headers) = parse_head(&String::from_utf8_lossy(&head));
        let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let length = if status == StatusCode::NOT_MODIFIED { 0 } else { length.unwrap_or(0) };
        while self.unread.len() < length {
            assert!(self.read_more().await, "the answer breaks off");
        }
        let bytes = Bytes::from_iter(self.unread.drain(..length));
        Some(Answer { status, headers, bytes })
    }

    async fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        // A reset is an end too; whether bytes are missing then shows.
        let count = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

fn parse_head(head: &str) -> (StatusCode, HeaderMap) {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = name.parse::<HeaderName>().expect("a header's name");
        headers.append(name, HeaderValue::from_str(value.trim()).expect("a header's value"));
    }
    (status.unwrap_or_else(|| panic!("not an answer: {head}")), headers)
}
