//! Arguments of `forward`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connect;

/// Arguments of `forward`.
#[derive(Debug, Args)]
pub struct ForwardArguments {
    /// What about outlets.
    #[command(subcommand)]
    pub command: ForwardCommand,
}

/// The commands below `forward`.
#[derive(Debug, Subcommand)]
pub enum ForwardCommand {
    /// Send one marked sample now, and look whether it arrived
    ///
    /// Works with and without the running agent, and does not go through the spool. Compares the
    /// clocks, sends the sample, and where the receiver can be asked, reads it back: a receiver may
    /// say yes and keep nothing.
    #[command(after_help = "Examples:
  hostwatch forward test                  every outlet
  hostwatch forward test vm

Exit codes: 0 every sample was found, or taken where nobody can be asked; 1 one was not; 64 no such
outlet; 78 bad configuration.")]
    Test {
        /// Names of outlets [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Main configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show how the outlets of the running agent fare: what waits, what was lost, and why
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How to find the agent.
        #[command(flatten)]
        connect: Connect,
    },
}
