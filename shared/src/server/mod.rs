//! HTTP connections within limits: an accept loop of our own, since the usual one has no time-outs and no bound
//! on connections.

mod accept;
mod answer_pace;
mod client_left;
mod connection;
mod quiet;
mod shared_stream;

/// Connections of a listener for health and metrics.
pub const OPERATORS_CONNECTIONS: usize = 64;

pub use accept::{ConnectionLimits, accept, listen};
pub use client_left::ClientLeft;
