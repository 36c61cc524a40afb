//! `pfp-worker`: see [`pfp_worker`].

use clap::Parser;
use pfp_worker::command_line::CommandLine;
use std::{io::Write, process::ExitCode};

/// Counts what is allocated, for the `peak_bytes` of `pfp-worker picture`.
#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

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
