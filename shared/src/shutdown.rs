//! The end of a process: a first signal is soft, a second one hard.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code after a second signal, as a shell shows a process that a signal ended.
const FORCED: i32 = 130;

/// A token that is cancelled by the first SIGTERM or SIGINT. The second one ends the process at once, which
/// loses nothing: that is what the leases and the sweeper are for.
///
/// # Errors
/// The signals can't be listened to.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for round in 0.. {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if round > 0 {
                tracing::warn!(signal = name, "second signal: ending at once");
                std::process::exit(FORCED);
            }
            tracing::info!(signal = name, "stopping: no new work, running work may end");
            token.cancel();
        }
    });
    Ok(stop)
}
