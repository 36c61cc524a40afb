//! Configuration: one table of every setting, read from the environment and an env file.
//!
//! [`SETTINGS`] is that table: name, default, unit, range and meaning. `--help`, the README's table, the
//! checks of values and the names that an env file may hold all come from it.

mod catalogue;
mod connections;
mod env_file;
mod kind;
mod settings;

pub use catalogue::{SETTINGS, Setting, UsedBy, help};
pub use connections::{Connections, StorageLocation};
pub use kind::Kind;
pub use settings::{ConfigError, Secret, Settings};
