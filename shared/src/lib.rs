//! What the API and the workers of pfp have in common.
//!
//! # The life of an upload
//!
//! The API *reserves* a row ([`queries::reserve`]), puts the raw bytes under `staging/` ([`storage`]), *accepts*
//! the upload ([`queries::accept`]: from here on it can't be lost) and publishes its [`job`] ([`queue`]). A
//! worker *claims* the row ([`queries::claim`]), makes the picture, puts it, and *promotes* it in one transaction
//! ([`queries::promote`]). Whatever dies in between, a sweeper finds the row and moves it on.
//!
//! # Layout, in reading order
//!
//! - [`upload`]: an upload's id and states; [`failure`]: the catalogue of what a client can be told;
//!   [`picture_format`], [`crop`]: what an upload holds; [`job`]: the message.
//! - [`database`] and [`queries`]: sessions that leave nothing half-done, and every SQL statement.
//! - [`storage`]: the bucket, its keys, and whose it is. [`queue`]: the broker.
//! - [`services`]: the three together; [`dependencies`], [`backoff`], [`shutdown`]: living with outages;
//!   [`memory`]: living within a budget.
//! - [`config`], [`telemetry`], [`trace`], [`metrics`]: running it. [`server`]: the connections of whoever asks.
//! - [`failpoint`]: where tests make it die.

pub mod backoff;
pub mod config;
pub mod crop;
pub mod database;
pub mod dependencies;
pub mod failpoint;
pub mod failure;
pub mod job;
pub mod lock;
pub mod memory;
pub mod metrics;
pub mod picture_format;
pub mod queries;
pub mod queue;
pub mod server;
pub mod services;
pub mod shutdown;
pub mod storage;
pub mod telemetry;
pub mod tls;
pub mod trace;
pub mod upload;
