//! A look at our queues as they are, before anybody declares them, and their repair.

use super::{
    BrokerUri, Topology,
    connect::{connect, in_time, refusal},
    topology::Part,
};
use lapin::{
    Connection,
    options::{ExchangeDeleteOptions, QueueDeleteOptions},
    protocol::AMQPSoftError,
};
use std::time::Duration;

/// What is wrong with a queue or exchange of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueTrouble {
    /// There is none of this name.
    Missing(Part),
    /// It has other flags or arguments than ours, and the broker's word on it.
    Wrong(Part, String),
    /// It is there, and says nothing: it has no leader.
    Silent(Part),
}

impl QueueTrouble {
    /// Which one.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self {
            Self::Missing(part) | Self::Wrong(part, _) | Self::Silent(part) => *part,
        }
    }
}

/// Our queues as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queues {
    /// What is wrong with them.
    pub troubles: Vec<QueueTrouble>,
    /// Messages that wait for a worker.
    pub ready: u32,
    /// Messages that couldn't be read.
    pub dead: u32,
    /// Workers that consume.
    pub consumers: u32,
}

/// Looks at the queues: what is there is declared once more, which the broker refuses if it has other arguments, and
/// what isn't there isn't declared. A binding that was lost comes back by that; the protocol has no word to ask for it.
///
/// # Errors
/// The broker doesn't answer in time or refuses the connection.
pub async fn inspect(broker: &BrokerUri, topology: &Topology) -> lapin::Result<Queues> {
    let limit = broker.timeout();
    // What is silent takes all of its own limit.
    over_a_connection(broker, limit * 2, async |connection| look(connection, topology, limit).await).await
}

/// Whether nothing waits for a worker, for certain. In a queue that isn't there nothing does.
///
/// # Errors
/// The broker doesn't answer in time or refuses the connection.
pub async fn nothing_is_ready(broker: &BrokerUri, topology: &Topology) -> lapin::Result<bool> {
    let is_empty = over_a_connection(broker, broker.timeout(), async |connection| {
        Topology::is_empty(&connection.create_channel().await?, &topology.jobs).await
    });
    match is_empty.await {
        Err(error) if refusal(&error) == Some(AMQPSoftError::NOTFOUND) => Ok(true),
        answer => answer,
    }
}

/// A queue that says nothing within `limit` is silent.
async fn look(connection: &Connection, topology: &Topology, limit: Duration) -> lapin::Result<Queues> {
    let mut queues = Queues::default();
    for part in Part::ALL {
        // A refusal closes the channel: each question has its own.
        let channel = connection.create_channel().await?;
        match topology.look_at(&channel, part).await {
            Ok(Some(queue)) if part == Part::Jobs => {
                (queues.ready, queues.consumers) = (queue.message_count(), queue.consumer_count());
                let channel = connection.create_channel().await?;
                let answer = tokio::time::timeout(limit, Topology::is_empty(&channel, &topology.jobs)).await;
                match answer {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) if refusal(&error).is_some() => return Err(error),
                    _ => {
                        queues.troubles.push(QueueTrouble::Silent(part));
                        continue;
                    }
                }
            }
            Ok(Some(queue)) => queues.dead = queue.message_count(),
            Ok(None) => {}
            Err(error) if refusal(&error) == Some(AMQPSoftError::NOTFOUND) => {
                queues.troubles.push(QueueTrouble::Missing(part));
                continue;
            }
            Err(error) => return Err(error),
        }
        match topology.declare_part(&channel, part).await {
            Ok(()) => {}
            Err(error) if refusal(&error) == Some(AMQPSoftError::PRECONDITIONFAILED) => {
                queues.troubles.push(QueueTrouble::Wrong(part, error.to_string()));
            }
            // The dead queue can't be bound to an exchange that is missing, which is told already.
            Err(error) if refusal(&error) == Some(AMQPSoftError::NOTFOUND) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(queues)
}

/// Declares what is missing, and anew what has wrong arguments, messages included: the rows know what is to be done.
/// Messages that couldn't be read are kept in no row: a queue that holds some is left alone.
///
/// # Errors
/// The broker doesn't answer in time or refuses.
pub async fn rebuild(broker: &BrokerUri, topology: &Topology, queues: &Queues) -> lapin::Result<()> {
    over_a_connection(broker, broker.timeout(), async |connection| {
        for trouble in &queues.troubles {
            let QueueTrouble::Wrong(part, _) = trouble else { continue };
            let channel = connection.create_channel().await?;
            let name = topology.name(*part);
            match part {
                Part::DeadExchange => {
                    channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await?;
                }
                // Asked once more: one that has come since is kept as well.
                Part::Dead if Topology::ready(&channel, name).await? > 0 => {}
                Part::Dead | Part::Jobs => {
                    channel.queue_delete(name.into(), QueueDeleteOptions::default()).await?;
                }
            }
        }
        topology.declare(connection).await.map(|_| ())
    })
    .await
}

/// A connection for this work alone, which may take so long.
async fn over_a_connection<T>(
    broker: &BrokerUri,
    limit: Duration,
    work: impl AsyncFnOnce(&Connection) -> lapin::Result<T>,
) -> lapin::Result<T> {
    let connection = connect(broker, "pfp-worker doctor").await?;
    let done = in_time(limit, work(&connection)).await;
    let _ = in_time(Duration::from_secs(1), connection.close(200, "done".into())).await;
    done
}
