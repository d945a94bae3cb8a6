//! The command line as typed: one definition for parsing, `--help`, the man page and completions.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use child::ChildCommand;
pub use forward::{ForwardArguments, ForwardCommand};
pub use mail::{MailArguments, MailCommand};
pub use quiet::{Ack, QuietCommand, Silence, SilenceCommand, When};

mod child;
mod forward;
mod mail;
mod quiet;

/// Watches this server's hardware and operating system, and mails a person when something changes.
#[derive(Debug, Parser)]
#[command(
    name = "hostwatch",
    version,
    max_term_width = 100,
    about = "Watches this server and mails a person when something changes",
    long_about = "hostwatch judges this server's filesystems, processors, memory, disks and links \
against checks written in YAML, and mails a person when a check changes its state. It needs no \
configuration file to begin: it finds what there is, and brings limits of its own.",
    after_help = "Examples:
  hostwatch run                       watch this machine in the foreground
  hostwatch check -q                  say what is bad now, and nothing when all is well
  hostwatch status --problems         ask the running agent what is bad
  hostwatch explain filesystem:/data  why it is in its state, and who is told
  hostwatch mail test                 prove that mail arrives

Exit codes: 0 done, 1 failed, 64 wrong usage, 69 no agent runs, 77 no privilege, 78 bad
configuration; check and status: 0 ok, 1 warning, 2 critical, 3 unknown or wrong usage.",
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch this machine in the foreground
    ///
    /// Finds the filesystems, processors, memory, disks and links of this machine, prints what it
    /// watches and each change, and mails through the configured servers, else the local sendmail,
    /// else a Maildir in its state directory. SIGHUP reloads the configuration, SIGTERM stops.
    #[command(after_help = "Examples:
  hostwatch run
  hostwatch run --config ./hostwatch.yaml --state ./state")]
    Run(Run),
    /// Judge now, print, and exit with the worst state
    ///
    /// Works without the agent. A rate (processor, disk, link) is measured over one second. A rule
    /// that needs longer than 5 minutes cannot be judged from one look: it counts as ok, and the
    /// line says so.
    #[command(after_help = "Examples:
  hostwatch check
  hostwatch check -q                      nothing is printed when all is well: for cron
  hostwatch check filesystem:/ --nagios   one line for Nagios, Icinga, NRPE
  hostwatch check --root ./capture --json judge a recorded machine

Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown (critical > unknown > warning).")]
    Check(Check),
    /// Find what there is, write a first configuration, pin what was found
    ///
    /// Writes hostwatch.yaml (host, contacts, mail) and conf.d/10-detected.yaml (what must be there
    /// from now on), each only if it is missing, and says what is bad now. Asks for the mail
    /// address once on a terminal, and nothing elsewhere. A second run changes nothing.
    #[command(after_help = "Examples:
  hostwatch init
  hostwatch init --yes --mail-to ops@example.net --relay mx1.example.net:587
  hostwatch init --dry-run                 print what would be written

Exit codes: 0 written or there already, 1 cannot write, 64 a value is not right, 77 no privilege,
78 the configuration that is there has an error.")]
    Init(Init),
    /// List what can be watched, and what differs from what is pinned
    ///
    /// Works without the agent. Shows each instance with its values now, what is not watched and
    /// why, and what cannot be read.
    #[command(
        after_help = "Examples:
  hostwatch detect
  hostwatch detect --diff                  what is new, missing or another thing since the pins
  hostwatch detect accept disk_io:sdb      pin the new disk, or forget the old one
  hostwatch detect accept --all && hostwatch reload

Exit codes: 0 done, 1 with --diff when something differs, 78 bad configuration.",
        args_conflicts_with_subcommands = false
    )]
    Detect(Detect),
    /// Say what is missing for this machine to be watched well, and what to do
    ///
    /// Looks at the configuration, the state directory, the way out for mail and the running agent,
    /// and at devices that are there and cannot be read: a BMC without its device, or shut to the
    /// agent's user, or not reached over the network; RAID controllers without their tool. Changes
    /// nothing. Run it as root to see everything.
    #[command(after_help = "Examples:
  hostwatch doctor
  hostwatch doctor --json                  {\"v\":1,\"missing\":1,\"findings\":[...]}

Exit codes: 0 nothing is missing, 1 something is.")]
    Doctor(Doctor),
    /// Find every mistake in the configuration
    ///
    /// Reads the files as `run` would, reports all errors and warnings of all files in one run,
    /// and changes nothing.
    #[command(after_help = "Examples:
  hostwatch validate
  hostwatch validate ./hostwatch.yaml ./conf.d/50-mine.yaml
  hostwatch validate --json               one JSON object a mistake, for editors

Exit codes: 0 valid (there may be warnings), 78 not valid.")]
    Validate(Validate),
    /// Ask the running agent for the states
    ///
    /// With --json one object, `{"v":1,"instances":[...],...}`, for scripts: times are RFC 3339 in
    /// UTC, lengths of time are whole milliseconds under names that end in `_ms`, readings carry
    /// their unit in their name (`used_percent`, `free_bytes`). New names may come; none changes
    /// its meaning or goes without a new `v`.
    #[command(after_help = "Examples:
  hostwatch status
  hostwatch status --problems
  hostwatch status --watch
  hostwatch status 'filesystem:*' --json

Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown, 69 no agent runs.")]
    Status(Status),
    /// Say why an instance is in its state, and who is told
    #[command(after_help = "Examples:
  hostwatch explain filesystem:/data
  hostwatch explain filesystem:/data --culprits   what fills it; as root it sees most
  hostwatch explain bandwidth:eno1 --json")]
    Explain(Explain),
    /// Show what a number did: a table, a curve, CSV or JSON
    ///
    /// Of each number that is judged, the agent keeps the least, mean and largest value of each
    /// minute for a month. Works without the agent; a running one is asked for the newest minutes.
    /// Without ID, lists what there is.
    #[command(after_help = super::history::EXAMPLES)]
    History(super::history::Arguments),
    /// What keeps mail back.
    #[command(flatten)]
    Quiet(QuietCommand),
    /// Prove the mail path, look into the outbox
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Mail(MailArguments),
    /// Prove that an outlet works, see how the outlets fare
    Forward(ForwardArguments),
    /// Record what the probes read of this machine, for a bug report or a test
    ///
    /// Reads everything once, notes each file, folder, link and tool that was asked, and copies
    /// those to DIR, which `check --root DIR` judges. Host names, addresses, serial numbers and
    /// UUIDs are replaced, each always by the same other value. Look through it before you send it.
    #[command(after_help = "Examples:
  hostwatch capture ./capture && hostwatch check --root ./capture
  hostwatch capture ./capture && tar czf capture.tar.gz capture
  hostwatch capture --no-scrub ./mine      serial numbers and addresses as they are

Exit codes: 0 done, 1 cannot write, or something stands there already.")]
    Capture(Capture),
    /// Make the running agent read its configuration again
    ///
    /// The new configuration is applied only if it holds no error; otherwise the errors are
    /// printed, the running configuration stays in force, and the exit code is 78.
    #[command(after_help = "Example:
  hostwatch validate && hostwatch reload")]
    Reload(Connect),
    /// Print a completion script for a shell
    #[command(after_help = "Examples:
  hostwatch completions bash > /etc/bash_completion.d/hostwatch
  hostwatch completions zsh > /usr/share/zsh/vendor-completions/_hostwatch")]
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the JSON Schema of the configuration, for editors
    #[command(after_help = "Example:
  hostwatch schema > hostwatch.schema.json")]
    Schema,
    /// The agent's own children.
    #[command(flatten)]
    Child(ChildCommand),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Main configuration file; `conf.d` beside it is read too [default:
    /// /etc/hostwatch/hostwatch.yaml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// State directory [default: /var/lib/hostwatch for root, else ~/.local/state/hostwatch]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Print problems of the agent only, not what is watched and each change
    #[arg(short, long)]
    pub quiet: bool,
    /// Watch the machine whose files stand below DIR instead of this one
    #[arg(long, value_name = "DIR", hide = true)]
    pub root: Option<PathBuf>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Ids to judge, such as `filesystem:/data`; globs are allowed [default: all]
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print one line as a Nagios plugin does, with performance data
    #[arg(long, conflicts_with = "json")]
    pub nagios: bool,
    /// Print problems only, and nothing when all is well
    #[arg(short, long)]
    pub quiet: bool,
    /// Judge the machine recorded below DIR instead of this one
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Main configuration file; `conf.d` beside it is read too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How long to wait for a source that does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub timeout: u64,
}

/// Arguments of `capture`.
#[derive(Debug, Args)]
pub struct Capture {
    /// Where to write; must not exist
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Keep names, addresses, serial numbers and UUIDs as they are
    #[arg(long)]
    pub no_scrub: bool,
    /// How long to wait for a source that does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Ask nothing, not even on a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// Whom to mail; without it, root on this machine
    #[arg(long, value_name = "ADDRESS")]
    pub mail_to: Option<String>,
    /// Mail server; without it, the local sendmail
    #[arg(long, value_name = "HOST:PORT")]
    pub relay: Option<String>,
    /// Sender of mails
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// Where to write [default: /etc/hostwatch]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Look at the machine recorded below DIR instead of this one
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// How long to wait for a source that does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub timeout: u64,
}

/// Arguments of `detect`.
#[derive(Debug, Args)]
pub struct Detect {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print only what differs from what is pinned; exit 1 if anything does
    #[arg(long)]
    pub diff: bool,
    /// Look at the machine recorded below DIR instead of this one
    #[arg(long, value_name = "DIR", global = true)]
    pub root: Option<PathBuf>,
    /// Main configuration file; `conf.d` beside it is read too
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// How long to wait for a source that does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10, global = true)]
    pub timeout: u64,
    /// Change the pins.
    #[command(subcommand)]
    pub command: Option<DetectCommand>,
}

/// The commands below `detect`.
#[derive(Debug, Subcommand)]
pub enum DetectCommand {
    /// Take what is there now as what must be there
    ///
    /// Rewrites `pinned:` in conf.d/10-detected.yaml at once and whole, keeps the file before as
    /// 10-detected.yaml.bak, and touches no other file.
    #[command(after_help = "Example:
  hostwatch detect accept disk_io:sdb && hostwatch reload")]
    Accept {
        /// Ids as `detect --diff` prints them
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// Everything that differs
        #[arg(long)]
        all: bool,
    },
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Look at the machine recorded below DIR instead of this one
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Main configuration file; `conf.d` beside it is read too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How long to wait for a source that does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub timeout: u64,
    /// State directory of the agent, where it was started with `--state`
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// Files to read together [default: /etc/hostwatch/hostwatch.yaml and its conf.d]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON object a mistake
    #[arg(long)]
    pub json: bool,
}

/// How to find the running agent.
#[derive(Debug, Args)]
pub struct Connect {
    /// State directory of the agent, where it was started with `--state`
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Ids to show; globs are allowed [default: all]
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print only what is not ok, and what is on its way there
    #[arg(long)]
    pub problems: bool,
    /// Print again every two seconds, until interrupted
    #[arg(long)]
    pub watch: bool,
    /// How to find the agent.
    #[command(flatten)]
    pub connect: Connect,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The id, such as `filesystem:/data`
    #[arg(value_name = "ID")]
    pub id: String,
    /// Look besides for some seconds who is behind it: processes, files, connections
    #[arg(long)]
    pub culprits: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How to find the agent.
    #[command(flatten)]
    pub connect: Connect,
}

/// Shells with completion scripts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// Fish.
    Fish,
}
