//! The sizes, from the command line.

/// What was asked for; by default what the product promises.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Finished uploads of the full system.
    pub(crate) finished: usize,
    /// Queued ones.
    pub(crate) queued: usize,
    /// Rounds of each system, after one that isn't counted.
    pub(crate) rounds: usize,
    /// Uploads that are accepted in a round, and jobs that are done.
    pub(crate) uploads: usize,
}

impl Options {
    /// Reads them.
    pub(crate) fn of(mut arguments: impl Iterator<Item = String>) -> pfp_tests::Result<Self> {
        let mut options = Self { finished: 1_000_000, queued: 100_000, rounds: 19, uploads: 1_000 };
        while let Some(name) = arguments.next() {
            let option = match name.as_str() {
                "--finished" => &mut options.finished,
                "--queued" => &mut options.queued,
                "--rounds" => &mut options.rounds,
                "--uploads" => &mut options.uploads,
                _ => return Err(format!("{name} is none of --finished --queued --rounds --uploads").into()),
            };
            let value = arguments.next().ok_or_else(|| format!("{name} takes a number"))?;
            *option = value.parse().map_err(|_| format!("{name} takes a number, not {value}"))?;
        }
        // Each round takes them from the head of the backlog before its own have come there.
        if options.queued < options.uploads {
            return Err("--queued is at least --uploads".into());
        }
        if options.rounds == 0 {
            return Err("--rounds is at least 1".into());
        }
        Ok(options)
    }
}
