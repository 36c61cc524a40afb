//! Our exchanges and queues, with a reason beside every flag.

use super::connect::refusal;
use lapin::{
    Channel, Connection, ExchangeKind, Queue,
    options::{
        BasicGetOptions, BasicNackOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    protocol::AMQPSoftError,
    types::{AMQPValue, FieldTable},
};

/// Deliveries of one message before the broker sets it aside. Attempts are counted in the database; this is
/// only a net, far above `PFP_MAX_ATTEMPTS`, against a message that loops for another reason. What falls into
/// it is found again by its row.
const DELIVERY_LIMIT: i32 = 100;

/// The names of our exchanges and queues.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The queue that workers consume. Messages go to it by the default exchange, which every queue is bound
    /// to by its name, so that a queue that was declared can be published to.
    pub jobs: String,
    /// Takes what the jobs queue sets aside.
    pub dead_exchange: String,
    /// Keeps what was set aside: messages that can't be read.
    pub dead: String,
}

impl Topology {
    /// The names under a prefix.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            jobs: format!("{prefix}.jobs"),
            dead_exchange: format!("{prefix}.dead"),
            dead: format!("{prefix}.dead"),
        }
    }

    /// Declares everything, and returns a channel; declaring again what is there changes nothing.
    ///
    /// A dead queue with other flags than ours does no harm to jobs: work goes on, and the doctor tells.
    ///
    /// # Errors
    /// The connection failed, or the jobs queue or the exchange is there with other flags.
    pub async fn declare(&self, connection: &Connection) -> lapin::Result<Channel> {
        let mut channel = connection.create_channel().await?;
        for part in Part::ALL {
            match self.declare_part(&channel, part).await {
                Err(error)
                    if part == Part::Dead && refusal(&error) == Some(AMQPSoftError::PRECONDITIONFAILED) =>
                {
                    tracing::warn!(%error, "the dead queue isn't as ours: see `pfp-worker doctor`");
                    // A refusal closes the channel.
                    channel = connection.create_channel().await?;
                    self.bind_dead(&channel).await?;
                }
                declared => declared?,
            }
        }
        Ok(channel)
    }

    /// Declares one part, and for the dead queue that it takes what the exchange is given.
    ///
    /// # Errors
    /// The channel failed, or something of the name is there with other flags.
    pub async fn declare_part(&self, channel: &Channel, part: Part) -> lapin::Result<()> {
        let name = self.name(part);
        // Durable: there after a restart of the broker.
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        match part {
            Part::DeadExchange => {
                let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
                // Fanout: whatever routing key a dead letter had, it goes to the one dead queue.
                channel
                    .exchange_declare(name.into(), ExchangeKind::Fanout, durable, FieldTable::default())
                    .await?;
            }
            Part::Dead => {
                channel.queue_declare(name.into(), durable, quorum()).await?;
                self.bind_dead(channel).await?;
            }
            Part::Jobs => {
                let mut arguments = quorum();
                let exchange = AMQPValue::LongString(self.dead_exchange.as_str().into());
                arguments.insert("x-dead-letter-exchange".into(), exchange);
                arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
                channel.queue_declare(name.into(), durable, arguments).await?;
            }
        }
        Ok(())
    }

    async fn bind_dead(&self, channel: &Channel) -> lapin::Result<()> {
        let (queue, exchange) = (self.dead.as_str().into(), self.dead_exchange.as_str().into());
        channel
            .queue_bind(queue, exchange, "".into(), QueueBindOptions::default(), FieldTable::default())
            .await
    }

    /// The name of a part.
    #[must_use]
    pub fn name(&self, part: Part) -> &str {
        match part {
            Part::DeadExchange => &self.dead_exchange,
            Part::Dead => &self.dead,
            Part::Jobs => &self.jobs,
        }
    }

    /// A queue as it is; nothing for the exchange.
    ///
    /// # Errors
    /// The channel failed, or there is none of this name (which closes the channel).
    pub async fn look_at(&self, channel: &Channel, part: Part) -> lapin::Result<Option<Queue>> {
        let name = self.name(part);
        if part == Part::DeadExchange {
            let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            let fanout = ExchangeKind::Fanout;
            channel.exchange_declare(name.into(), fanout, passive, FieldTable::default()).await?;
            return Ok(None);
        }
        see(channel, name).await.map(Some)
    }

    /// Messages that are ready in a queue.
    ///
    /// # Errors
    /// The channel failed, or there is no such queue (which closes the channel).
    pub async fn ready(channel: &Channel, queue: &str) -> lapin::Result<u32> {
        Ok(see(channel, queue).await?.message_count())
    }

    /// Whether a queue has nothing ready, for certain: [`Topology::ready`] says 0 too where the broker didn't get to know
    /// it. A quorum queue whose leader doesn't answer the broker within 250 ms is said to have no messages and no consumers;
    /// one that is said to have none of both is asked for a message, which is given back.
    ///
    /// # Errors
    /// The channel failed, or there is no such queue (which closes the channel).
    pub async fn is_empty(channel: &Channel, queue: &str) -> lapin::Result<bool> {
        let seen = see(channel, queue).await?;
        if seen.message_count() > 0 || seen.consumer_count() > 0 {
            return Ok(seen.message_count() == 0);
        }
        let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? else {
            return Ok(true);
        };
        message.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await?;
        Ok(false)
    }
}

/// What we declare, in this order: each names the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The exchange that takes what the jobs queue sets aside.
    DeadExchange,
    /// The queue that keeps it.
    Dead,
    /// The queue of jobs.
    Jobs,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DeadExchange, Self::Dead, Self::Jobs];
}

/// A queue as it is; none is declared.
async fn see(channel: &Channel, queue: &str) -> lapin::Result<Queue> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), passive, FieldTable::default()).await
}

/// Quorum queues are replicated and on disk, and count deliveries, which classic queues don't.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}
