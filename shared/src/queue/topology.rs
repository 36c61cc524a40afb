//! Our exchanges and queues, with a reason beside every flag.

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
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

    /// Declares everything; declaring again what is there changes nothing.
    ///
    /// # Errors
    /// The channel failed, or a queue of the name exists with other flags.
    pub async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        // Durable: there after a restart of the broker.
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        // Fanout: whatever routing key a dead letter had, it goes to the one dead queue.
        channel
            .exchange_declare(
                self.dead_exchange.as_str().into(),
                ExchangeKind::Fanout,
                durable,
                FieldTable::default(),
            )
            .await?;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.dead.as_str().into(), durable, quorum()).await?;
        channel
            .queue_bind(
                self.dead.as_str().into(),
                self.dead_exchange.as_str().into(),
                "".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let mut arguments = quorum();
        arguments.insert(
            "x-dead-letter-exchange".into(),
            AMQPValue::LongString(self.dead_exchange.as_str().into()),
        );
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        channel.queue_declare(self.jobs.as_str().into(), durable, arguments).await?;
        Ok(())
    }

    /// Messages that are ready in a queue.
    ///
    /// # Errors
    /// The channel failed, or there is no such queue (which closes the channel).
    pub async fn ready(channel: &Channel, queue: &str) -> lapin::Result<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        Ok(channel.queue_declare(queue.into(), passive, FieldTable::default()).await?.message_count())
    }
}

/// Quorum queues are replicated and on disk, and count deliveries, which classic queues don't.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}
