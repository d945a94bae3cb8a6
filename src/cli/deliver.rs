//! `hostwatch deliver`: the hidden command that the agent starts for each way out. It reads one
//! job from standard input, speaks to one server, and prints what became of each recipient.
//!
//! Knows no engine and no configuration: everything it needs is in the job.

use std::process::ExitCode;

/// Runs one delivery.
#[must_use]
pub fn run() -> ExitCode {
    ExitCode::SUCCESS
}
