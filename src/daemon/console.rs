//! What the agent prints while it runs. A thread does the writing, so that a terminal on hold or a
//! stuck journal stops no check; lines that find the queue full are counted and said later.

use std::io::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span;

/// Lines waiting for a terminal or the journal.
const WAITING: usize = 1000;

/// The console of this process, once started.
static CONSOLE: OnceLock<Console> = OnceLock::new();

/// Where lines go.
#[derive(Debug, Clone)]
pub struct Console {
    sender: Sender<Line>,
    counts: Arc<Counts>,
    /// Whether standard error leads to the system journal: lines then begin with a priority
    /// (sd-daemon(3)) and carry no time.
    journal: bool,
}

/// Lines that wait, at most [`WAITING`], and lines that found no room. A bounded channel would
/// take the room for all of them at once, and keep it.
#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

#[derive(Debug)]
enum Line {
    Out(String),
    Err(String),
    Flush(SyncSender<()>),
}

impl Console {
    /// Starts the writing thread and makes it the target of `tracing` events. The first caller in
    /// a process decides.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start() -> std::io::Result<&'static Self> {
        if let Some(console) = CONSOLE.get() {
            return Ok(console);
        }
        let (sender, lines) = channel();
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        std::thread::Builder::new()
            .name("console".to_owned())
            .stack_size(128 << 10)
            .spawn(move || write_lines(&lines, &counted))?;
        let journal = std::env::var_os("JOURNAL_STREAM").is_some();
        let console = CONSOLE.get_or_init(|| Self { sender, counts, journal });
        let _ = tracing::subscriber::set_global_default(ToConsole);
        Ok(console)
    }

    /// Whether lines go to the system journal, which knows the time of each.
    #[must_use]
    pub fn is_journal(&self) -> bool {
        self.journal
    }

    /// A line for standard output.
    pub fn out(&self, line: String) {
        self.put(Line::Out(line));
    }

    /// Waits until everything said so far is written, for at most a second.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        self.put(Line::Flush(done));
        let _ = wait.recv_timeout(std::time::Duration::from_secs(1));
    }

    fn put(&self, line: Line) {
        let Counts { waiting, lost } = &*self.counts;
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING || self.sender.send(line).is_err() {
            waiting.fetch_sub(1, Ordering::Relaxed);
            lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_lines(lines: &Receiver<Line>, counts: &Counts) {
    for line in lines {
        counts.waiting.fetch_sub(1, Ordering::Relaxed);
        let missing = counts.lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let _ = writeln!(std::io::stderr(), "{missing} lines were lost: output was blocked");
        }
        // Nobody reads any more: there is nothing left to do about it here.
        let _ = match line {
            Line::Out(text) => writeln!(std::io::stdout(), "{text}"),
            Line::Err(text) => writeln!(std::io::stderr(), "{text}"),
            Line::Flush(done) => done.try_send(()).map_err(std::io::Error::other),
        };
    }
}

/// Turns `tracing` events into lines. Nothing here opens spans, so they are not kept: the registry
/// that would keep them takes 32 KiB.
struct ToConsole;

impl tracing::Subscriber for ToConsole {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO && metadata.target().starts_with("hostwatch")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let Some(console) = CONSOLE.get() else { return };
        let mut message = Message(String::new());
        event.record(&mut message);
        let priority = match *event.metadata().level() {
            tracing::Level::ERROR => "<3>",
            tracing::Level::WARN => "<4>",
            _ => "<6>",
        };
        let text = message.0;
        console.put(Line::Err(if console.journal { format!("{priority}{text}") } else { text }));
    }
}

/// Collects the message of an event; a field without that name is appended as `name=value`.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0.insert_str(0, &format!("{value:?}"));
        } else {
            self.0.push_str(&format!(" {}={value:?}", field.name()));
        }
    }
}
