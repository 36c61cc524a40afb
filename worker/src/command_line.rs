//! The commands of `pfp-worker`.

use crate::{
    admin,
    config::{WorkerConfig, picture_options},
    dead::{self, DeadCommand},
    doctor::{self, DoctorArgs},
    picture_command::{self, PictureArgs},
    sample_photo,
};
use clap::{Parser, Subcommand};
use pfp_shared::{
    config::{Connections, Settings, UsedBy, help},
    shutdown, telemetry,
};
use std::{path::PathBuf, process::ExitCode};

/// Turns staged uploads into profile pictures.
#[derive(Debug, Parser)]
#[command(name = "pfp-worker", version, about, after_long_help = help(UsedBy::Worker))]
pub struct CommandLine {
    /// A file with settings; `.env` in the working directory when not given.
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the database's schema up to date.
    Migrate,
    /// One full sweep, the listing of the bucket included.
    Sweep {
        /// Go on where suspiciously many objects would be deleted.
        #[arg(long)]
        force: bool,
    },
    /// Compare database, bucket and queue both ways; exit code 1 if anything disagrees.
    Doctor(DoctorArgs),
    /// What the system gave up on: failed uploads, and messages that couldn't be read.
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Run the picture pipeline on files; needs no server.
    Picture(PictureArgs),
    /// Draw a photo to try things with: 12 megapixels, lying on its side as phones store them.
    SamplePhoto {
        /// The JPEG file to write.
        #[arg(short, long)]
        output: PathBuf,
    },
}

impl CommandLine {
    /// Does what it says.
    ///
    /// # Errors
    /// Why it can't.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let settings = Settings::load(self.env_file.as_deref(), UsedBy::Worker)?;
        match self.command {
            Some(Command::Picture(arguments)) => picture_command::run(&arguments, picture_options(&settings)),
            Some(Command::SamplePhoto { output }) => sample_photo::write(&output).map(|()| ExitCode::SUCCESS),
            Some(Command::Doctor(args)) if args.asks_for_kinds() => Ok(doctor::tell_kinds()),
            command => serve(command, &settings),
        }
    }
}

/// What needs servers.
fn serve(command: Option<Command>, settings: &Settings) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let telemetry = telemetry::start(settings, "pfp-worker")?;
    let done = runtime.block_on(async {
        match command {
            Some(Command::Migrate) => admin::migrate(&Connections::from_settings(settings)?).await,
            Some(Command::Sweep { force }) => {
                admin::sweep(WorkerConfig::from_settings(settings)?, force).await
            }
            Some(Command::Doctor(args)) => doctor::doctor(WorkerConfig::from_settings(settings)?, args).await,
            Some(Command::Dead(command)) => dead::run(WorkerConfig::from_settings(settings)?, command).await,
            _ => {
                let config = WorkerConfig::from_settings(settings)?;
                let metrics = pfp_shared::metrics::install()?;
                crate::run(config, metrics, shutdown::on_signals()?).await.map(|()| ExitCode::SUCCESS)
            }
        }
    });
    // A thread that is stuck in a picture must not keep the process from ending.
    runtime.shutdown_background();
    telemetry.end();
    done
}
