//! Arguments of `mail`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connect;

/// Arguments of `mail`.
#[derive(Debug, Args)]
pub struct MailArguments {
    /// What about mail.
    #[command(subcommand)]
    pub command: MailCommand,
}

/// The commands below `mail`.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Send a test mail to every contact, now, and show what each server says
    ///
    /// Works with and without the running agent, and does not go through the outbox: what you see
    /// is the conversation itself, and below each thing that is wrong what to do about it. A second
    /// mail follows in the thread of the first. Exit code 0 when every mail was accepted, else 1.
    #[command(after_help = "Examples:
  hostwatch mail test
  hostwatch mail test ops --json")]
    Test {
        /// Only this contact
        #[arg(value_name = "CONTACT")]
        contact: Option<String>,
        /// Main configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How to find the agent.
        #[command(flatten)]
        connect: Connect,
    },
    /// Show what waits in the outbox of the running agent, and why
    Queue {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How to find the agent.
        #[command(flatten)]
        connect: Connect,
    },
    /// Try everything that waits, now
    Flush(Connect),
}
