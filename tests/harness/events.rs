//! A reader of server-sent events.

use crate::{
    client::{Answer, Client},
    wait::PATIENCE,
};
use futures_util::{Stream, StreamExt};
use serde_json::Value;
use std::pin::Pin;
use tokio::time::timeout;

/// An event.
#[derive(Debug)]
pub struct Event {
    /// Its `event:`.
    pub name: String,
    /// Its `id:`.
    pub id: String,
    /// Its `data:`.
    pub data: Value,
}

/// The events of an upload.
pub struct Events {
    /// The answer that they come in, without its body.
    pub answer: Answer,
    bytes: Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    unread: String,
}

impl Events {
    /// Asks for the events of an upload.
    ///
    /// # Panics
    /// They are refused.
    pub async fn of(client: &Client, location: &str) -> Self {
        let response = client.request("GET", &format!("{location}/events")).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = Answer { status, headers, bytes: bytes::Bytes::new() };
        Self { answer, bytes: Box::pin(response.bytes_stream()), unread: String::new() }
    }

    /// The next event; `None`: they have ended.
    ///
    /// # Panics
    /// Neither comes in time, or an event isn't one of an upload.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if !block.lines().all(|line| line.starts_with(':')) {
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                    line.trim_start_matches(' ').to_owned()
                };
                let data = serde_json::from_str(&field("data:")).expect("an upload");
                return Some(Event { name: field("event:"), id: field("id:"), data });
            }
        }
    }

    /// Waits for a comment.
    ///
    /// # Panics
    /// None comes in time, or an event does.
    pub async fn comment(&mut self) {
        let block = self.block().await.expect("a comment");
        assert!(block.lines().all(|line| line.starts_with(':')), "{block}");
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                return Some(block);
            }
            let bytes = timeout(PATIENCE, self.bytes.next()).await.expect("something in time")?;
            self.unread.push_str(std::str::from_utf8(&bytes.ok()?).expect("text"));
        }
    }
}
