//! Arguments of what keeps mail back: `silence` and `ack`.

use clap::{Args, Subcommand};

use super::Connect;

/// What keeps mail back.
#[derive(Debug, Subcommand)]
pub enum QuietCommand {
    /// Keep mail about some ids back for a while, with a reason
    ///
    /// What is silenced is judged and shown all the same. What becomes bad meanwhile and is still
    /// bad at the end is mailed then; who was mailed of a problem before hears of its recovery.
    /// Every silence is logged with who made it, is shown by `status`, `explain` and in the daily
    /// digest, survives a restart, and lasts at most 30 days. For root and the agent's own user.
    #[command(
        after_help = "Examples:
  hostwatch silence filesystem:/data --for 2h --reason \"moving the database\"
  hostwatch silence 'nic:*' --until 07:00 --reason \"switch is replaced\"
  hostwatch silence list
  hostwatch silence end 3                  by its number, or the id it was made with

Exit codes: 0 done and stored, 1 refused, or it holds and could not be stored, 64 wrong usage,
69 no agent runs, 77 no privilege.",
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true
    )]
    Silence(Silence),
    /// Take on a problem: no reminders of it until it worsens, or for a while
    ///
    /// Those who were mailed of it are told who has taken it on. It ends with the problem, when
    /// that worsens, and after the time; what is still bad then is mailed again.
    #[command(after_help = "Examples:
  hostwatch ack raid:md0 --for 1d --reason \"disk ordered\"
  hostwatch ack raid:md0 --end

Exit codes: 0 done and stored, 1 it is ok or not watched, or it holds and could not be stored,
64 wrong usage, 69 no agent runs, 77 no privilege.")]
    Ack(Ack),
}

/// Until when something is quiet.
#[derive(Debug, Args)]
#[group(id = "when", multiple = false)]
pub struct When {
    /// For so long from now, such as 2h or 1d12h
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<String>,
    /// Until then: 07:00, "tomorrow 07:00", "2026-12-24 12:00" or RFC 3339
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// Arguments of `silence`.
#[derive(Debug, Args)]
pub struct Silence {
    /// An id such as `filesystem:/data`, or a glob of ids
    #[arg(value_name = "ID", required = true, requires_all = ["when", "reason"])]
    pub id: Option<String>,
    /// Until when.
    #[command(flatten)]
    pub when: When,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// List or end.
    #[command(subcommand)]
    pub command: Option<SilenceCommand>,
    /// How to find the agent.
    #[command(flatten)]
    pub connect: Connect,
}

/// The commands below `silence`.
#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// List what is silenced and acknowledged, by whom, until when and why
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How to find the agent.
        #[command(flatten)]
        connect: Connect,
    },
    /// End a silence before its time
    End {
        /// Its number, or the id or glob it was made with
        #[arg(value_name = "ID")]
        id: String,
        /// How to find the agent.
        #[command(flatten)]
        connect: Connect,
    },
}

/// Arguments of `ack`.
#[derive(Debug, Args)]
pub struct Ack {
    /// The id, such as `filesystem:/data`
    #[arg(value_name = "ID")]
    pub id: String,
    /// Until when.
    #[command(flatten)]
    pub when: When,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// End it: reminders go on
    #[arg(long, conflicts_with_all = ["when", "reason"])]
    pub end: bool,
    /// How to find the agent.
    #[command(flatten)]
    pub connect: Connect,
}
