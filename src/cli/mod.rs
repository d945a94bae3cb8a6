//! The command line: one file a command.

use std::process::ExitCode;

pub mod deliver;
pub mod reference;
pub mod validate;

/// Runs the command that the arguments ask for.
#[must_use]
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|arg| arg == "deliver") {
        return deliver::run();
    }
    ExitCode::SUCCESS
}
