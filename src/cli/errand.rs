//! `hostwatch errand`: the hidden command that the agent starts for a small thing that may wait for
//! others. It reads what to do from standard input and prints what came of it.

use std::process::ExitCode;

/// Does one errand.
#[must_use]
pub fn run() -> ExitCode {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    match crate::daemon::errand::serve(&mut input, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("errand: {error}");
            ExitCode::FAILURE
        }
    }
}
