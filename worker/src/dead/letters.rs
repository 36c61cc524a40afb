//! Messages that were set aside. A queue has no order that lasts: a message is named by its content.

use super::{Chosen, Id};
use crate::admin::print;
use pfp_shared::queue::{BrokerUri, DeadLetters, Topology};
use sha2::{Digest, Sha256};
use std::{fmt, process::ExitCode};

/// Names a message by the SHA-256 of its bytes: `message-` and 12 hex digits. Messages with the same bytes are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageId(String);

const BEGINS: &str = "message-";

impl MessageId {
    /// Of a message.
    pub(super) fn of(data: &[u8]) -> Self {
        let digest = Sha256::digest(data);
        Self(digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect())
    }

    /// As it is printed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(BEGINS)?;
        let is_id = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| Self(digits.to_ascii_lowercase()))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGINS}{}", self.0)
    }
}

/// The first bytes of a message, readable on a terminal whatever they are.
pub(super) fn beginning(data: &[u8], most: usize) -> String {
    let shown = data.get(..most.min(data.len())).unwrap_or_default();
    let more = if data.len() > shown.len() { "…" } else { "" };
    format!("\"{}\"{more}", shown.escape_ascii())
}

/// Drops the chosen ones for good.
pub(super) async fn discard(broker: &BrokerUri, prefix: &str, chosen: &Chosen) -> anyhow::Result<ExitCode> {
    if let Some(Id::Upload(id)) = chosen.id {
        anyhow::bail!(
            "{id} is an upload: a failed one stays until it is replayed, or the retention removes it"
        );
    }
    let letters = DeadLetters::open(broker, &Topology::new(prefix)).await?;
    let (count, mut dropped) = (letters.count().await?, 0);
    for _ in 0..count {
        let Some(letter) = letters.next().await? else { break };
        let is_chosen = match &chosen.id {
            Some(Id::Message(id)) => *id == MessageId::of(&letter.data),
            _ => chosen.all,
        };
        if is_chosen {
            letters.drop_for_good(&letter).await?;
            dropped += 1;
        }
    }
    letters.close().await;
    print(&format!("{dropped} messages discarded, {} left", i64::from(count) - dropped));
    let nothing_found = dropped == 0 && !chosen.all;
    Ok(if nothing_found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_by_what_is_printed_of_it() {
        let id = MessageId::of(b"hello");
        assert_eq!(id.to_string(), "message-2cf24dba5fb0");
        assert_eq!(MessageId::parse(&id.to_string()), Some(id));
        assert!(MessageId::parse("message-2cf24dba5fbx").is_none());
    }

    #[test]
    fn a_message_of_any_bytes_is_one_readable_line() {
        assert_eq!(beginning(b"a\n\x1b[1m\xff", 80), r#""a\n\x1b[1m\xff""#);
        assert_eq!(beginning(b"abcdef", 3), "\"abc\"…");
    }
}
