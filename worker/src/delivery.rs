//! One message: read it, run its job within a span and a panic boundary, acknowledge it or set it aside.

use crate::{process_picture::process_picture, settle::give_back, unanswered::Unanswered, worker::Worker};
use futures_util::FutureExt;
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicRejectOptions},
};
use pfp_shared::{
    backoff::Backoff, failpoint::Failpoint, job::Job, queue::trace_context, trace::TraceParent,
    upload::UploadId,
};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tracing::Instrument;

/// Claims of one job that a database which is up may refuse before the job is left to a sweeper: it may be for this one
/// alone.
const MOST_REFUSALS: u32 = 4;

/// Handles a message. It is acknowledged whatever became of its job, never requeued: the row knows what is to be
/// done, and when. Only what can't be read is set aside.
pub async fn handle_delivery(worker: Arc<Worker>, delivery: Delivery) {
    match Job::decode(&delivery.data) {
        Ok(job) => {
            let parent = trace_context(&delivery.properties).and_then(|header| TraceParent::parse(&header));
            let parent = parent.unwrap_or_else(TraceParent::generate);
            let span = tracing::info_span!("job", upload_id = %job.upload_id, trace_id = parent.trace_id());
            parent.adopt(&span);
            Failpoint::JobReceived.reached();
            if run(&worker, job.upload_id).instrument(span.clone()).await {
                Failpoint::JobSettled.reached();
                acknowledge(&worker, &delivery).instrument(span).await;
            }
        }
        Err(error) => {
            tracing::error!(%error, bytes = delivery.data.len(), "a message can't be read and is set aside");
            let reject = delivery.acker.reject(BasicRejectOptions { requeue: false });
            let _ = tokio::time::timeout(worker.config.connections.broker_timeout, reject).await;
        }
    }
}

/// Runs a job. While the database is out the message waits here: acknowledged, the job would have to wait for a
/// sweep to notice. False: the worker stops, and the broker hands the message to another one.
async fn run(worker: &Worker, id: UploadId) -> bool {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let mut unanswered = Unanswered::default();
    let mut refusals = 0;
    loop {
        // A panic must not take the message's slot with it.
        match AssertUnwindSafe(process_picture(worker, id, &mut unanswered)).catch_unwind().await {
            Ok(Ok(Some(_))) => return true,
            Ok(Ok(None)) => break,
            // What is out is told where it is watched.
            Ok(Err(error)) if error.is_unavailable() => {
                tracing::debug!(%error, "the job can't be claimed now")
            }
            Ok(Err(error)) if error.is_refusal() && refusals < MOST_REFUSALS => {
                tracing::error!(%error, "the job can't be claimed now");
                refusals += 1;
            }
            // Its message is sent again by a sweeper, and makes room for others.
            Ok(Err(error)) => {
                tracing::error!(%error, "the job can't be claimed");
                give_back(worker, id, unanswered.tokens()).await;
                return true;
            }
            Err(_) => {
                metrics::counter!("pfp_panics_total").increment(1);
                tracing::error!("the job panicked; its lease will run out");
                return true;
            }
        }
        tokio::select! {
            () = backoff.wait() => {}
            () = worker.stop.cancelled() => break,
        }
    }
    give_back(worker, id, unanswered.tokens()).await;
    false
}

async fn acknowledge(worker: &Worker, delivery: &Delivery) {
    let ack = delivery.acker.ack(BasicAckOptions::default());
    // An acknowledgement that doesn't arrive costs a second delivery, which finds nothing to do.
    match tokio::time::timeout(worker.config.connections.broker_timeout, ack).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "not acknowledged"),
        Err(_) => tracing::debug!("not acknowledged in time"),
    }
}
