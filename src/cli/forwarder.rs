//! `hostwatch forwarder`: the hidden command that the agent starts where there are outlets. It reads
//! batches and changes from standard input and sends them on.

use std::process::ExitCode;

/// Forwards until the input ends.
#[must_use]
pub fn run() -> ExitCode {
    match crate::daemon::forward_process::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("forwarder: {error}");
            ExitCode::FAILURE
        }
    }
}
