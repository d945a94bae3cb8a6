//! Puts the agent together: configuration, state directory, threads, engine; then runs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::clock::Clock;
use super::console::Console;
use super::courier::Courier;
use super::detective::Detective;
use super::dispatcher::{Dispatcher, Loader};
use super::errand::Errands;
use super::forwarder::Forwarder;
use super::historian::Historian;
use super::inbox::Inbox;
use super::lane::Lanes;
use super::lane_process::this_program;
use super::scribe::{Scribe, with_cause};
use super::signals::Signals;
use super::supervisor::Supervisor;
use super::{control, local_mta, paths, reach, way_out};
use crate::config;
use crate::config::plan::Plan;
use crate::engine::{Engine, Start, record};
use crate::host::{Host, memory};
use crate::model::exit;
use crate::model::id::HostIdentity;
use crate::store::journal::Journal;
use crate::store::lock::{LockError, StateLock};

/// What `run` was asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Main configuration file.
    pub config: Option<PathBuf>,
    /// State directory.
    pub state: Option<PathBuf>,
    /// Print problems of the agent only.
    pub quiet: bool,
    /// Root of the machine to watch, if it is not this one.
    pub root: Option<PathBuf>,
}

/// Why the agent did not start: an exit code and a sentence.
#[derive(Debug)]
pub struct Refusal {
    /// Exit code.
    pub code: u8,
    /// For people.
    pub text: String,
}

/// Runs the agent until it is asked to stop.
///
/// # Errors
/// When it cannot start: a bad configuration, a second agent on the state directory, no threads.
pub fn run(options: &Options) -> Result<(), Refusal> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: &dyn std::error::Error| Refusal {
            code: exit::FAILED,
            text: format!("cannot {what}: {}", with_cause(error)),
        }
    };
    memory::share_one_heap();
    let console = Console::start().map_err(|e| failed("start a thread")(&e))?;
    let host = options.root.as_deref().map_or_else(Host::live, Host::recorded);
    let identity = host.identity();
    let directory = paths::state_directory(options.state.as_deref());
    let no_rights = local_mta::gains_no_rights(Path::new("/"), "self") == Some(true);
    let plan = load(options.config.as_deref(), &identity, &directory, no_rights)
        .map_err(|text| Refusal { code: exit::BAD_CONFIG, text })?;
    let host = host.reaching(reach::access(&plan.bmc)).keeping(paths::cache(&directory));

    let opened = open_store(&directory)?;
    let last = record::last_clocks(&opened.start.frames);
    let clock = if opened.start.store_error.is_none() {
        Clock::resume(&directory, last)
    } else {
        Clock::new()
    };

    let (post, inbox) = Inbox::open().map_err(|e| failed("open an event descriptor")(&e))?;
    let signals = Signals::listen().map_err(|e| failed("listen for signals")(&e))?;
    let scribe = Scribe::start(directory.clone(), opened.journal, post.clone())
        .map_err(|e| failed("start a thread")(&e))?;
    let historian = Historian::new(paths::history(&directory));
    let courier = Courier::new(&this_program(), &post);
    let detective = Detective::new(this_program(), &host, post.clone());
    let forwarder = Forwarder::new(paths::spool(&directory), post.clone());
    let errands = Errands::new(this_program(), post.clone());
    let socket = paths::listening_socket(options.state.as_deref());
    let socket = match control::listen(&socket, post.clone()) {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::error!(
                "`hostwatch status` will not work: cannot listen on `{}`: {error}",
                socket.display()
            );
            None
        }
    };

    let mut first = Vec::new();
    let start = Start { booted: clock.booted(), ..opened.start };
    let engine = Engine::new(plan, start, clock.now(), &mut first);
    let config_file = options.config.clone();
    let loader: Arc<Loader> =
        Arc::new(Box::new(move || load(config_file.as_deref(), &identity, &directory, no_rights)));
    let dispatcher = Dispatcher {
        lanes: Lanes::new(host.clone(), clock, post.clone()),
        host,
        clock,
        engine,
        inbox,
        post,
        scribe,
        historian,
        courier,
        forwarder,
        detective,
        errands,
        signals,
        supervisor: Supervisor::from_environment(),
        console,
        prints_changes: !options.quiet,
        loader,
        socket,
        reload_waiting: Vec::new(),
        orders: super::dispatcher::Orders::default(),
    };
    dispatcher.run(first);
    drop(opened.lock);
    Ok(())
}

/// Loads the configuration; mistakes come back as text, warnings go to the log.
pub(super) fn load(
    file: Option<&Path>,
    identity: &HostIdentity,
    state_directory: &Path,
    gains_no_rights: bool,
) -> Result<Plan, String> {
    let loaded = config::load(file, identity);
    match loaded.plan {
        Some(mut plan) => {
            let warnings = loaded.diagnostics.render(false);
            if !warnings.is_empty() {
                tracing::warn!("{warnings}");
            }
            plan.mail.via = way_out::find(&plan.mail, state_directory, gains_no_rights);
            Ok(plan)
        }
        None => Err(loaded.diagnostics.render(false)),
    }
}

struct OpenedStore {
    start: Start,
    journal: Option<Journal>,
    lock: Option<StateLock>,
}

/// Opens the state directory. What stands in the way of storing is no reason not to watch: the
/// agent then runs from memory and reports that. Only a second agent is refused.
fn open_store(directory: &Path) -> Result<OpenedStore, Refusal> {
    let from_memory = |why: String| {
        tracing::error!("state cannot be kept, watching from memory: {why}");
        let start = Start { store_error: Some(why), ..Start::default() };
        Ok(OpenedStore { start, journal: None, lock: None })
    };
    let lock = match StateLock::acquire(directory) {
        Ok(lock) => lock,
        Err(error @ LockError::Held { .. }) => {
            return Err(Refusal { code: exit::FAILED, text: with_cause(&error) });
        }
        Err(error) => return from_memory(with_cause(&error)),
    };
    match Journal::open(directory) {
        Ok(opened) => {
            let start =
                Start { frames: opened.frames, store_note: opened.note, ..Start::default() };
            Ok(OpenedStore { start, journal: Some(opened.journal), lock: Some(lock) })
        }
        Err(error) => from_memory(with_cause(&error)),
    }
}
