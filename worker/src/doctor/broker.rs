//! The queues, looked at before anybody of ours declares them.

use super::{catalogue::Kind, findings::Findings};
use pfp_shared::queue::{BrokerUri, Part, QueueTrouble, Queues, Topology, inspect};
use std::time::Duration;
use tokio::time::Instant;

/// Workers declare a queue that was deleted after their next check of it, and take so long for that.
const DECLARING: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);

/// The queues as they are, once workers had the time to declare what is missing.
pub(super) async fn look(broker: &BrokerUri, topology: &Topology) -> anyhow::Result<Queues> {
    let end = Instant::now() + broker.check_interval() + DECLARING;
    loop {
        let queues = inspect(broker, topology).await?;
        if queues.troubles.is_empty() || Instant::now() > end {
            return Ok(queues);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tells what is wrong with them.
pub(super) fn tell(findings: &mut Findings, topology: &Topology, queues: &Queues) {
    for trouble in &queues.troubles {
        let name = topology.name(trouble.part());
        match trouble {
            QueueTrouble::Missing(_) => findings.found(Kind::QueueMissing, name, "the broker has none"),
            QueueTrouble::Wrong(Part::Dead, reason) if queues.dead > 0 => {
                let detail = format!("it is kept for its {} messages: {reason}", queues.dead);
                findings.found(Kind::QueueWrong, name, &detail)
            }
            QueueTrouble::Wrong(_, reason) => findings.found(Kind::QueueWrong, name, reason),
            QueueTrouble::Silent(_) => findings.found(
                Kind::QueueSilent,
                name,
                "the broker has it, and asked for a message it says nothing",
            ),
        };
    }
    if queues.dead > 0 {
        let detail = format!("{} messages", queues.dead);
        findings.found(Kind::DeadLetter, &topology.dead, &detail);
    }
    if queues.consumers == 0 {
        findings.found(Kind::NoWorker, &topology.jobs, &format!("{} messages wait", queues.ready));
    }
}
