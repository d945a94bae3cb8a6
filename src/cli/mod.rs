//! The command line: one file a command. Parses, asks, prints; decides nothing.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::host::Host;
use crate::model::exit;
use args::{Arguments, ChildCommand, Command, QuietCommand};
use screen::Screen;

pub mod ack;
pub mod args;
pub mod ask;
pub mod capture;
pub mod check;
pub mod completions;
mod culprits;
pub mod deliver;
pub mod descend;
pub mod detect;
pub mod doctor;
pub mod errand;
pub mod explain;
pub mod forward;
pub mod forwarder;
pub mod gather;
pub mod history;
pub mod init;
mod inventory;
pub mod mail;
pub mod man;
mod pinfile;
mod plot;
pub mod reference;
pub mod reload;
pub mod run;
pub mod screen;
pub mod silence;
pub mod status;
pub mod validate;

/// Runs the command that the arguments ask for.
#[must_use]
pub fn main() -> ExitCode {
    let screen = Screen::new();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(refuse(&error)),
    };
    ExitCode::from(match arguments.command {
        Command::Run(asked) => run::run(&screen, &asked),
        Command::Check(asked) => check::run(&screen, &asked),
        Command::Capture(asked) => capture::run(&screen, &asked),
        Command::Init(asked) => init::run(&screen, &asked),
        Command::Detect(asked) => detect::run(&screen, &asked),
        Command::Doctor(asked) => doctor::run(&screen, &asked),
        Command::Validate(asked) => validate(&screen, &asked),
        Command::Status(asked) => status::run(&screen, &asked),
        Command::Explain(asked) => explain::run(&screen, &asked),
        Command::History(asked) => history::run(&screen, &asked),
        Command::Quiet(QuietCommand::Silence(asked)) => silence::run(&screen, &asked),
        Command::Quiet(QuietCommand::Ack(asked)) => ack::run(&screen, &asked),
        Command::Mail(asked) => mail::run(&screen, &asked.command),
        Command::Forward(asked) => forward::run(&screen, &asked.command),
        Command::Reload(asked) => reload::run(&screen, &asked),
        Command::Completions { shell } => completions::run(&screen, shell),
        Command::Schema => {
            screen.out(&reference::schema());
            exit::DONE
        }
        Command::Child(child) => return run_child(&screen, child),
    })
}

/// The body of a child of the agent's own.
fn run_child(screen: &Screen, child: ChildCommand) -> ExitCode {
    match child {
        ChildCommand::Lanes { root, cache } => {
            crate::daemon::lane_process::serve(root.as_deref(), cache.as_deref());
            ExitCode::SUCCESS
        }
        ChildCommand::Deliver => deliver::run(),
        ChildCommand::Forwarder => forwarder::run(),
        ChildCommand::Errand => errand::run(),
        ChildCommand::Gather { within_ms, root } => gather::run(within_ms, root.as_deref()),
        ChildCommand::Become { user, argv } => ExitCode::from(descend::run(screen, &user, &argv)),
    }
}

fn validate(screen: &Screen, asked: &args::Validate) -> u8 {
    let host = Host::live();
    let request =
        validate::Request { files: asked.files.clone(), json: asked.json, color: screen.color };
    match validate::run(&request, &host.identity(), Some(&host), &mut std::io::stdout()) {
        Ok(code) => code,
        Err(error) => {
            screen.err(&format!("cannot print: {error}"));
            exit::FAILED
        }
    }
}

/// Prints what clap has to say. Its own exit code for a mistake, 2, would look critical to whoever
/// called `check` or `status`.
fn refuse(error: &clap::Error) -> u8 {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => exit::DONE,
        _ => match std::env::args().nth(1).as_deref() {
            Some("check" | "status") => exit::UNKNOWN,
            _ => exit::USAGE,
        },
    }
}
