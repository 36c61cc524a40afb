//! Messages that were set aside, looked at one by one. None is lost by that: what isn't acknowledged goes back when
//! the connection ends, whatever ends it.

use super::{
    BrokerUri, Part, Topology,
    connect::{connect, in_time, refusal},
};
use lapin::{
    Channel, Connection,
    message::Delivery,
    options::{BasicAckOptions, BasicGetOptions},
    protocol::AMQPSoftError,
};
use std::time::Duration;

/// A connection that holds the messages which it has read, until they are dropped or it ends.
pub struct DeadLetters {
    connection: Connection,
    channel: Channel,
    queue: String,
    limit: Duration,
}

impl DeadLetters {
    /// Connects, and declares the queues where they aren't there yet.
    ///
    /// # Errors
    /// The broker doesn't answer in time or refuses.
    pub async fn open(broker: &BrokerUri, topology: &Topology) -> lapin::Result<Self> {
        let connection = connect(broker, "pfp-worker dead").await?;
        let limit = broker.timeout();
        let channel = in_time(limit, async {
            let channel = connection.create_channel().await?;
            match topology.look_at(&channel, Part::Dead).await {
                // A refusal closes the channel.
                Err(error) if refusal(&error) == Some(AMQPSoftError::NOTFOUND) => {
                    topology.declare(&connection).await
                }
                seen => seen.map(|_| channel),
            }
        })
        .await?;
        Ok(Self { connection, channel, queue: topology.dead.clone(), limit })
    }

    /// How many there are that nobody looks at now.
    ///
    /// # Errors
    /// The broker doesn't answer in time.
    pub async fn count(&self) -> lapin::Result<u32> {
        in_time(self.limit, Topology::ready(&self.channel, &self.queue)).await
    }

    /// The next one.
    ///
    /// # Errors
    /// The broker doesn't answer in time.
    pub async fn next(&self) -> lapin::Result<Option<Delivery>> {
        let get = self.channel.basic_get(self.queue.as_str().into(), BasicGetOptions { no_ack: false });
        Ok(in_time(self.limit, get).await?.map(|message| message.delivery))
    }

    /// Drops one for good.
    ///
    /// # Errors
    /// The broker doesn't answer in time.
    pub async fn drop_for_good(&self, letter: &Delivery) -> lapin::Result<()> {
        in_time(self.limit, letter.acker.ack(BasicAckOptions::default())).await.map(|_| ())
    }

    /// Lets go of the others.
    pub async fn close(self) {
        let _ = in_time(Duration::from_secs(1), self.connection.close(200, "done".into())).await;
    }
}
