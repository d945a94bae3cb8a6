//! `hostwatch gather`: the hidden command that the agent starts for each change that is told. It
//! reads one question from standard input and prints what is behind the change, part by part.
//!
//! Knows no engine and no configuration: everything it needs is in the question.

use std::path::Path;
use std::process::ExitCode;

use crate::host::Host;
use crate::model::unit::Span;

/// Answers one question about this machine, or about one recorded below `root`, in so many
/// milliseconds.
#[must_use]
pub fn run(within_ms: u64, root: Option<&Path>) -> ExitCode {
    let host = root.map_or_else(Host::live, Host::recorded);
    let within = Span::from_millis(within_ms);
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    match crate::evidence::child::serve(&host, within, &mut input, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("gathering: {error}");
            ExitCode::FAILURE
        }
    }
}
