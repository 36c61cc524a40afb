//! The harness of the tests: a whole system for each test, of real processes on real servers.
//!
//! `tests/run.sh` starts the servers and says in the environment where they are; [`servers`] reads that. A
//! [`system::TestSystem`] is a database, a queue and a bucket of its own with APIs and workers; it ends with
//! [`system::TestSystem::finish`], which fails the test if anything is left behind. [`client`] is what a
//! client does, [`raw`] one that sends what it likes, [`wait`] how a test waits.
//!
//! [`breakage`] takes servers down, [`chaos_store`] is an object store that misbehaves, [`wire`] a network that
//! freezes; [`load`] uploads meanwhile. [`signing`] makes keys and tokens, [`key_server`] serves a key set, or doesn't.

#![allow(clippy::panic, reason = "a harness fails its test by a panic that says what is wrong")]

pub mod breakage;
pub mod bucket;
pub mod chance;
pub mod chaos_store;
pub mod client;
pub mod database;
pub mod events;
pub mod fault_rows;
pub mod key_server;
pub mod load;
pub mod percentile;
pub mod pictures;
pub mod process;
pub mod raw;
pub mod servers;
pub mod signing;
pub mod system;
pub mod tls_proxy;
pub mod wait;
pub mod wire;

/// What fallible steps of a test return.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
