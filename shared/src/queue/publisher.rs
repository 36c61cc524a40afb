//! Publishing with confirms over one supervised connection.

use super::{
    BrokerUri, Topology,
    connect::{connect, in_time},
    trace_headers::with_trace_context,
};
use crate::{dependencies::Health, job::Job, lock::lock};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Channels of the connection, each with one message in flight: with more, a returned message can be credited
/// to the wrong one.
pub const CHANNELS: usize = 16;

/// A broker that is silent for so long is noticed by missing heartbeats.
const SILENT_FOR: Duration = Duration::from_secs(25);

/// Why a message isn't known to be with the broker. It may be all the same.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no connection that has proved itself.
    #[error("not connected to the broker")]
    NotConnected,
    /// All channels are in use.
    #[error("{0} messages wait for their confirmation already")]
    Busy(usize),
    /// No confirmation in time.
    #[error("the broker didn't confirm within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The broker refused it, or returned it because the queue is gone.
    #[error("the broker didn't take the message: {0}")]
    Refused(&'static str),
    /// The connection or channel failed.
    #[error("publishing failed: {0}")]
    Broker(#[from] lapin::Error),
}

#[derive(Debug)]
struct Channels {
    free: Mutex<Vec<Channel>>,
    permits: Semaphore,
    control: Channel,
    /// Told by a publish that failed: of this connection, so that the next one is not taken for it.
    suspect: Notify,
}

/// Publishes jobs. Cheap to clone; [`Publisher::supervise`] has to run for it to work.
#[derive(Clone)]
pub struct Publisher {
    broker: BrokerUri,
    topology: Topology,
    timeout: Duration,
    channels: Arc<watch::Sender<Option<Arc<Channels>>>>,
}

impl Publisher {
    /// A publisher that isn't connected yet. `timeout` bounds a publish, the wait for a channel included.
    #[must_use]
    pub fn new(broker: BrokerUri, topology: Topology, timeout: Duration) -> Self {
        Self { broker, topology, timeout, channels: Arc::new(watch::Sender::new(None)) }
    }

    /// The names that it publishes to.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Publishes a job and waits for the broker's confirmation.
    ///
    /// # Errors
    /// The message isn't known to be with the broker. The job's row finds it a publisher again.
    pub async fn publish(&self, job: &Job, traceparent: Option<&str>) -> Result<(), PublishError> {
        let channels = self.channels.borrow().clone().ok_or(PublishError::NotConnected)?;
        let until = Instant::now() + self.timeout;
        // Half of the time, so that whoever gets a channel has time to use it. Who gets none says nothing of the connection:
        // others are using it.
        let permit = timeout_at(until - self.timeout / 2, channels.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else { return Err(PublishError::Busy(CHANNELS)) };
        let published = timeout_at(until, self.publish_on(&channels, job, traceparent)).await;
        let outcome = published.unwrap_or(Err(PublishError::Timeout(self.timeout)));
        if outcome.is_err() {
            // A channel that failed stays closed, and one that timed out may be blocked: build anew.
            channels.suspect.notify_one();
        }
        outcome
    }

    async fn publish_on(
        &self,
        channels: &Channels,
        job: &Job,
        traceparent: Option<&str>,
    ) -> Result<(), PublishError> {
        let channel = lock(&channels.free).pop().ok_or(PublishError::NotConnected)?;
        let properties = BasicProperties::default()
            // On disk, not only in the broker's memory.
            .with_delivery_mode(2)
            .with_content_type("application/json".into())
            .with_message_id(job.upload_id.to_string().as_str().into());
        let confirmation = channel
            .basic_publish(
                "".into(),
                self.topology.jobs.as_str().into(),
                // Mandatory: a message for a queue that is gone comes back instead of vanishing.
                BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() },
                &job.encode(),
                with_trace_context(properties, traceparent),
            )
            .await?
            .await?;
        match confirmation {
            Confirmation::Ack(None) => {
                lock(&channels.free).push(channel);
                Ok(())
            }
            Confirmation::Ack(Some(_)) => Err(PublishError::Refused("the queue is gone")),
            Confirmation::Nack(_) => Err(PublishError::Refused("negative confirmation")),
            Confirmation::NotRequested => Err(PublishError::Refused("confirmations are off")),
        }
    }

    /// Messages that are ready in the jobs queue and in the dead queue, as far as the broker knows.
    ///
    /// # Errors
    /// The broker doesn't answer, or a queue is gone.
    pub async fn ready(&self) -> Result<(u32, u32), PublishError> {
        self.ask(async |control| {
            let jobs = Topology::ready(control, &self.topology.jobs).await?;
            Ok((jobs, Topology::ready(control, &self.topology.dead).await?))
        })
        .await
    }

    /// Whether nothing is ready in the jobs queue, for certain.
    ///
    /// # Errors
    /// The broker doesn't answer, or the queue is gone.
    pub async fn queue_is_empty(&self) -> Result<bool, PublishError> {
        self.ask(async |control| Topology::is_empty(control, &self.topology.jobs).await).await
    }

    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Channel) -> lapin::Result<T>,
    ) -> Result<T, PublishError> {
        let channels = self.channels.borrow().clone().ok_or(PublishError::NotConnected)?;
        let answer = in_time(self.broker.timeout(), question(&channels.control)).await;
        if answer.is_err() {
            channels.suspect.notify_one();
        }
        Ok(answer?)
    }

    /// Keeps a connection up until told to stop: connects, declares the queues, proves that a message gets
    /// through, and starts over at the first sign of trouble.
    pub async fn supervise(self, name: &str, health: Health, stop: CancellationToken) {
        let mut backoff = self.broker.reconnecting();
        while !stop.is_cancelled() {
            match self.open(name).await {
                Ok((connection, channels)) => {
                    let channels = Arc::new(channels);
                    let trouble = match self.prove(&channels.control).await {
                        Ok(()) => {
                            backoff.reset();
                            self.channels.send_replace(Some(Arc::clone(&channels)));
                            health.up();
                            self.watch(&connection, &channels, &stop).await
                        }
                        Err(error) => Some(error.to_string()),
                    };
                    self.channels.send_replace(None);
                    if let Some(reason) = trouble {
                        health.down(&reason);
                    }
                    self.let_go(&connection, &channels.control, &stop).await;
                }
                Err(error) => health.down(&error.to_string()),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = backoff.wait() => {}
            }
        }
    }

    async fn open(&self, name: &str) -> Result<(Connection, Channels), PublishError> {
        let connection = connect(&self.broker, name).await?;
        let limit = self.broker.timeout();
        let set_up = async {
            let control = self.topology.declare(&connection).await?;
            control.confirm_select(ConfirmSelectOptions::default()).await?;
            let mut free = Vec::with_capacity(CHANNELS);
            for _ in 0..CHANNELS {
                let channel = connection.create_channel().await?;
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                free.push(channel);
            }
            let (free, permits) = (Mutex::new(free), Semaphore::new(CHANNELS));
            Ok(Channels { free, permits, control, suspect: Notify::new() })
        };
        let channels = in_time(limit, set_up).await?;
        Ok((connection, channels))
    }

    /// Proves that messages get through: one that no queue wants is confirmed at once by a broker that takes
    /// messages, and never by one that is blocked by an alarm.
    async fn prove(&self, control: &Channel) -> Result<(), PublishError> {
        let proof = async {
            let key = format!("{}.nobody", self.topology.jobs);
            let options = BasicPublishOptions::default();
            control
                .basic_publish("".into(), key.as_str().into(), options, b"", BasicProperties::default())
                .await?
                .await
        };
        match in_time(self.broker.timeout(), proof).await? {
            Confirmation::Ack(_) => Ok(()),
            _ => Err(PublishError::Refused("the broker doesn't confirm")),
        }
    }

    /// Waits for trouble with the connection; returns what it was, or nothing when told to stop.
    async fn watch(
        &self,
        connection: &Connection,
        channels: &Channels,
        stop: &CancellationToken,
    ) -> Option<String> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return None,
                () = channels.suspect.notified() => return Some("a publish failed".to_owned()),
                () = tokio::time::sleep(self.broker.check_interval()) => {}
            }
            if !connection.status().connected() {
                return Some("the connection was closed".to_owned());
            }
            if let Err(error) = self.prove(&channels.control).await {
                return Some(error.to_string());
            }
        }
    }

    /// Closes a connection once the broker listens to it again, or it is seen to be dead. A connection that is
    /// closed while an alarm blocks it, or while the broker is frozen, isn't closed at all: its thread, socket
    /// and buffers stay until the broker comes back, and with a new one every few seconds they would add up.
    async fn let_go(&self, connection: &Connection, control: &Channel, stop: &CancellationToken) {
        let silent_until = Instant::now() + SILENT_FOR;
        while connection.status().connected() && !stop.is_cancelled() {
            let is_blocked = connection.status().blocked();
            if !is_blocked && (self.is_alive(control).await || Instant::now() > silent_until) {
                break;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
        let _ = in_time(Duration::from_secs(1), connection.close(200, "done".into())).await;
    }

    /// Whether the broker says anything at all, a refusal included.
    async fn is_alive(&self, control: &Channel) -> bool {
        let asked = Topology::ready(control, &self.topology.dead);
        tokio::time::timeout(self.broker.timeout(), asked).await.is_ok()
    }
}
