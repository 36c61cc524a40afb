//! The loop: one supervised connection, a bounded number of messages, each handed to a task.

use crate::{delivery::handle_delivery, worker::Worker};
use futures_util::StreamExt;
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use pfp_shared::{
    dependencies::Dependency,
    queue::{BrokerUri, Topology, connect, in_time},
};
use std::{sync::Arc, time::Duration};

/// Our name among the queue's consumers; the broker keeps it apart by channel.
const CONSUMER_TAG: &str = "pfp-worker";

/// Consumes until told to stop. Whatever ends a consumer (a lost connection, a closed channel, a queue that was
/// deleted, a stream that just ends) builds everything anew.
pub async fn consume(worker: Arc<Worker>, broker: BrokerUri) {
    let mut backoff = broker.reconnecting();
    while !worker.stop.is_cancelled() {
        match open(&worker, &broker).await {
            Ok((connection, channel, consumer)) => {
                tracing::info!(queue = worker.services.publisher.topology().jobs, "consuming");
                backoff.reset();
                let ended = pump(&worker, &broker, &connection, &channel, consumer).await;
                if !worker.stop.is_cancelled() {
                    tracing::warn!(reason = ended, "the consumer ended and is built anew");
                    close(&connection).await;
                }
                // When stopping, the connection stays open for the acknowledgements of running jobs.
                if worker.stop.is_cancelled() {
                    worker.jobs.wait().await;
                    close(&connection).await;
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "no consumer yet"),
        }
        tokio::select! {
            () = worker.stop.cancelled() => {}
            () = backoff.wait() => {}
        }
    }
}

async fn close(connection: &Connection) {
    // Bounded: on a blocked connection this waits as everything does.
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.close(200, "done".into())).await;
}

async fn open(worker: &Worker, broker: &BrokerUri) -> lapin::Result<(Connection, Channel, Consumer)> {
    let connection = connect(broker, "pfp-worker consumer").await?;
    let topology = worker.services.publisher.topology();
    let set_up = async {
        let channel = topology.declare(&connection).await?;
        // Always set: without it the broker sends everything at once.
        let prefetch = u16::try_from(worker.config.slots()).unwrap_or(u16::MAX);
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let (tag, options) = (CONSUMER_TAG.into(), BasicConsumeOptions::default());
        let consumer =
            channel.basic_consume(topology.jobs.as_str().into(), tag, options, FieldTable::default()).await?;
        Ok((channel, consumer))
    };
    let (channel, consumer) = in_time(broker.timeout(), set_up).await?;
    Ok((connection, channel, consumer))
}

/// Hands messages to jobs until something ends it; returns what.
async fn pump(
    worker: &Arc<Worker>,
    broker: &BrokerUri,
    connection: &Connection,
    channel: &Channel,
    mut consumer: Consumer,
) -> &'static str {
    // A consumer of a queue that was deleted isn't told in every case.
    let mut probe = tokio::time::interval(broker.check_interval());
    probe.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = worker.stop.cancelled() => {
                let cancel = channel.basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default());
                let _ = in_time(broker.timeout(), cancel).await;
                return "stopping";
            }
            message = consumer.next() => match message {
                Some(Ok(delivery)) => start(worker, delivery).await,
                Some(Err(_)) => return "the consumer failed",
                None => return "the consumer's stream ended",
            },
            _ = probe.tick() => {
                let queue = &worker.services.publisher.topology().jobs;
                let seen = in_time(broker.timeout(), Topology::ready(channel, queue)).await;
                if seen.is_err() || !connection.status().connected() {
                    return "the queue or the connection is gone";
                }
            }
        }
    }
}

/// Starts a job once what it needs is up. Until then its message waits with us, and the broker, at its
/// prefetch limit, sends the others elsewhere.
async fn start(worker: &Arc<Worker>, delivery: Delivery) {
    tokio::select! {
        () = worker.services.dependencies.wait_for(&[Dependency::Database, Dependency::Storage]) => {}
        () = worker.stop.cancelled() => return,
    }
    worker.jobs.spawn(handle_delivery(Arc::clone(worker), delivery));
}
