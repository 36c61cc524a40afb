//! The broker: our queues, a publisher that supervises its own connection, and what a consumer needs.
//!
//! The database row is the job; a message only saves workers from polling for it. So everything here may fail
//! at any time: what isn't published, or was lost, is found by its row and published again.

mod connect;
mod dead_letters;
mod inspect;
mod publisher;
mod topology;
mod trace_headers;

pub use connect::{BrokerConfigError, BrokerUri, connect, in_time};
pub use dead_letters::DeadLetters;
pub use inspect::{QueueTrouble, Queues, inspect, nothing_is_ready, rebuild};
pub use publisher::{CHANNELS, PublishError, Publisher};
pub use topology::{Part, Topology};
pub use trace_headers::trace_context;
