//! Commands that the agent starts itself: each is the body of a child. Hidden, and no contract.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;

/// The agent's own children.
#[derive(Debug, Subcommand)]
pub enum ChildCommand {
    /// Read sources that may hang: the agent's own child
    #[command(hide = true)]
    Lanes {
        /// Root of a recorded machine.
        root: Option<PathBuf>,
        /// Where what is slow to ask for is kept.
        #[arg(long)]
        cache: Option<PathBuf>,
    },
    /// Deliver one mail: the agent's own child
    #[command(hide = true)]
    Deliver,
    /// Forward metrics and changes: the agent's own child
    #[command(hide = true)]
    Forwarder,
    /// Do a small thing that may wait for others: the agent's own child
    #[command(hide = true)]
    Errand,
    /// Gather what is behind one change: the agent's own child
    #[command(hide = true)]
    Gather {
        /// Milliseconds until the agent stops it.
        within_ms: u64,
        /// Root of a recorded machine.
        root: Option<PathBuf>,
    },
    /// Become the program of a hook: a child of the agent's own child
    #[command(hide = true)]
    Become {
        /// The user, or `-`.
        user: String,
        /// Program and arguments.
        #[arg(last = true, required = true)]
        argv: Vec<OsString>,
    },
}
