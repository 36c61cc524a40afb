//! The command line: serve, or mint a token for trying and testing.

use crate::{
    config::ApiConfig,
    token::{TokenConfig, mint},
};
use clap::{Parser, Subcommand};
use pfp_shared::{
    config::{ConfigError, Kind, Settings, UsedBy, help},
    shutdown, telemetry,
};
use std::{io::Write, path::PathBuf, time::Duration};

/// Takes profile pictures, tells what became of them, and serves them.
#[derive(Debug, Parser)]
#[command(name = "pfp-api", version, after_help = help(UsedBy::Api))]
pub struct Command {
    /// Reads settings from this file; the environment wins [default: .env in the working directory, if any]
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Prints a token signed with PFP_JWT_SECRET, for trying and testing
    Token {
        /// Whose token it is: the claim sub, 1 to 255 characters
        #[arg(long, value_name = "ID")]
        user: String,
        /// How long it is valid, such as 30s, 10m or 1h
        #[arg(long, default_value = "1h", value_parser = time_to_live)]
        ttl: Duration,
    },
}

impl Command {
    /// Does what the command line says.
    ///
    /// # Errors
    /// The configuration can't be used, or the process must not run on its database or bucket.
    pub fn run(self) -> anyhow::Result<()> {
        let settings = Settings::load(self.env_file.as_deref(), UsedBy::Api)?;
        match self.action {
            Some(Action::Token { user, ttl }) => print_token(&settings, &user, ttl),
            None => serve(&settings),
        }
    }
}

fn serve(settings: &Settings) -> anyhow::Result<()> {
    let config = ApiConfig::from_settings(settings)?;
    let telemetry = telemetry::start(settings, "pfp-api")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async { crate::run(config, shutdown::on_signals()?).await });
    // What still runs has had its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    telemetry.end();
    outcome
}

fn print_token(settings: &Settings, user: &str, ttl: Duration) -> anyhow::Result<()> {
    let token = mint(&TokenConfig::from_settings(settings)?, user, ttl)?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}

fn time_to_live(text: &str) -> Result<Duration, ConfigError> {
    let kind = Kind::Duration(Duration::from_secs(1), Duration::from_secs(10 * 365 * 86_400));
    kind.number(text).map(Duration::from_millis).ok_or_else(|| ConfigError::BadValue {
        name: "--ttl".to_owned(),
        value: text.to_owned(),
        expected: kind.describe(),
    })
}
