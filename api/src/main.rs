//! The API of pfp. `--help` lists its settings.

use clap::Parser;
use pfp_api::command::Command;
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    match Command::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell it to when standard error is gone.
            let _ = writeln!(std::io::stderr(), "pfp-api: {error}");
            ExitCode::FAILURE
        }
    }
}
