//! `hostwatch deliver`: the hidden command that the agent starts for each delivery. It reads one
//! job from standard input, speaks to mail servers, and prints what became of each recipient.
//!
//! Knows no engine and no configuration: everything it needs is in the job.

use std::process::ExitCode;

use crate::daemon::lane_process::this_program;

/// Runs one delivery.
#[must_use]
pub fn run() -> ExitCode {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    match crate::notify::deliver::serve(&this_program(), &mut input, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("delivery: {error}");
            ExitCode::FAILURE
        }
    }
}
