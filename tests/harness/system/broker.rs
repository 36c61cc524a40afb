//! A system's queues, past its processes.

use super::TestSystem;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeleteOptions},
};

impl TestSystem {
    /// A connection of the test's own to the broker, and a channel on it.
    ///
    /// # Panics
    /// The broker refuses.
    pub async fn channel(&self) -> (Connection, Channel) {
        let url = &self.settings["PFP_AMQP_URL"];
        let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("the broker");
        let channel = connection.create_channel().await.expect("a channel");
        (connection, channel)
    }

    /// The name of a queue of ours: `jobs` or `dead`.
    #[must_use]
    pub fn queue(&self, name: &str) -> String {
        format!("{}.{name}", self.settings["PFP_QUEUE_PREFIX"])
    }

    /// Deletes the queue, and with it every message: workers and APIs declare it again.
    ///
    /// # Panics
    /// The broker refuses.
    pub async fn delete_queue(&self) {
        let (connection, channel) = self.channel().await;
        let deleted = channel.queue_delete(self.queue("jobs").as_str().into(), QueueDeleteOptions::default());
        deleted.await.expect("a deletion");
        connection.close(200, "done".into()).await.expect("a close");
    }

    /// A message in the queue of those that couldn't be read.
    ///
    /// # Panics
    /// The broker refuses.
    pub async fn set_aside(&self, content: &[u8]) {
        let (connection, channel) = self.channel().await;
        let (name, options) = (self.queue("dead"), BasicPublishOptions::default());
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        let properties = BasicProperties::default();
        let sent = channel.basic_publish("".into(), name.as_str().into(), options, content, properties).await;
        sent.expect("a publish").await.expect("a confirmation");
        connection.close(200, "done".into()).await.expect("a close");
    }

    /// Takes both queues away, at the end.
    pub(super) async fn remove_queues(&self) {
        let (connection, channel) = self.channel().await;
        for name in ["jobs", "dead"] {
            let _ =
                channel.queue_delete(self.queue(name).as_str().into(), QueueDeleteOptions::default()).await;
        }
        let _ = connection.close(200, "done".into()).await;
    }
}
