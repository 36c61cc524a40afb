//! `pfp-worker`: see [`pfp_worker`].

use clap::Parser;
use pfp_worker::command_line::CommandLine;
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    match CommandLine::parse().run() {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to tell that standard error is gone.
            let _ = writeln!(std::io::stderr(), "pfp-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}
