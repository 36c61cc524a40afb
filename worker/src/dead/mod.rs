//! `pfp-worker dead`: what the system gave up on. Failed uploads, whose bytes are kept, and messages that couldn't be
//! read and were set aside.

mod letters;
mod replay;
mod show;

use crate::{admin::with_worker, config::WorkerConfig};
use clap::{Args, Subcommand};
use letters::MessageId;
use pfp_shared::{dependencies::Dependency, queue::BrokerUri, upload::UploadId};
use std::{process::ExitCode, str::FromStr};

/// The name of our connections.
const APPLICATION: &str = "pfp-worker dead";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum DeadCommand {
    /// Failed uploads, newest first, and messages that couldn't be read.
    List(ListArgs),
    /// Everything that is known of one of them.
    Show {
        /// An upload's id, or a message's as `list` tells it.
        id: Id,
    },
    /// Queue failed uploads again, with all their attempts; send messages again that can be read.
    Replay(Chosen),
    /// Drop messages that couldn't be read, for good. Uploads aren't dropped: the retention removes them.
    Discard(Chosen),
}

/// What is listed.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The most uploads, and the most messages.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Go on after this upload.
    #[arg(long, value_name = "ID")]
    after: Option<UploadId>,
    /// Lines of JSON.
    #[arg(long)]
    json: bool,
}

/// One of them, or all.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Chosen {
    /// An upload's id, or a message's as `list` tells it.
    id: Option<Id>,
    /// Every one.
    #[arg(long)]
    all: bool,
}

/// What an id names.
#[derive(Debug, Clone)]
pub enum Id {
    /// A failed upload.
    Upload(UploadId),
    /// A message.
    Message(MessageId),
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let message = MessageId::parse(text).map(Self::Message);
        let id = message.or_else(|| text.parse().ok().map(Self::Upload));
        id.ok_or_else(|| "neither an upload's id nor a message's".to_owned())
    }
}

/// Does it.
///
/// # Errors
/// Something that is needed is out.
pub async fn run(config: WorkerConfig, command: DeadCommand) -> anyhow::Result<ExitCode> {
    let broker = BrokerUri::new(&config.connections)?;
    let stores = [Dependency::Database, Dependency::Storage];
    match command {
        DeadCommand::List(args) => {
            let only = [Dependency::Database];
            with_worker(config, APPLICATION, &only, async |worker| show::list(worker, &broker, &args).await)
                .await
        }
        DeadCommand::Show { id: Id::Upload(id) } => {
            with_worker(config, APPLICATION, &stores, async |worker| show::upload(worker, id).await).await
        }
        DeadCommand::Show { id: Id::Message(id) } => {
            show::message(&broker, &config.connections.queue_prefix, &id).await
        }
        DeadCommand::Replay(chosen) => {
            let all = &Dependency::ALL;
            with_worker(config, APPLICATION, all, async |worker| {
                replay::replay(worker, &broker, &chosen).await
            })
            .await
        }
        DeadCommand::Discard(chosen) => {
            letters::discard(&broker, &config.connections.queue_prefix, &chosen).await
        }
    }
}
