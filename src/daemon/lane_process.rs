//! The lane process: a child in which every source that may hang has a thread of its own.
//!
//! A thread that waits in the kernel for a dead file server can survive even SIGKILL, and keeps
//! its whole process from ending. So the agent keeps such threads out of its own process: the
//! child holds no lock and no file of the agent's, and can be left behind. Orders go in and
//! answers come out as lines of JSON.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::wire::FoundLine;
use crate::host::Host;
use crate::model::kind::OptionValue;
use crate::model::limit::{LANE_STACK_BYTES, LANES};
use crate::model::reading::{Observation, ProbeError};
use crate::model::time::Moment;
use crate::probe;

/// What the child is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Make a lane for a source.
    Open {
        /// Its number.
        source: u32,
        /// Name of its kind.
        kind: String,
        /// Its name within the kind.
        name: String,
        /// Values of the kind's options, by key.
        options: Vec<(String, OptionValue)>,
    },
    /// Run a source once.
    Read {
        /// Which.
        source: u32,
        /// Number of the run.
        run: u64,
        /// The time, for rates.
        now: Moment,
    },
    /// Give a source back what one of its instances had to remember.
    Recall {
        /// Which.
        source: u32,
        /// Of which instance.
        instance: Arc<str>,
        /// In the probe's own form.
        memo: String,
    },
    /// Ask the devices of a kind for their instances.
    List {
        /// Name of the kind.
        kind: String,
        /// The time, for answers that age.
        now: Moment,
    },
    /// Forget a source.
    Close {
        /// Which.
        source: u32,
    },
}

/// What the child answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To a read.
    Read {
        /// Of which source.
        source: u32,
        /// Of which run.
        run: u64,
        /// What was seen.
        result: Result<Vec<Observation>, ProbeError>,
    },
    /// To the question for instances.
    Listed {
        /// Name of the kind.
        kind: String,
        /// What there is.
        result: Result<Vec<FoundLine>, ProbeError>,
    },
}

/// The agent's end.
#[derive(Debug)]
pub struct LaneProcess {
    orders: ChildStdin,
    /// Dropped without a wait: the child ends by itself when its input does, or hangs alone.
    _child: Child,
}

impl LaneProcess {
    /// Starts the child. `hear` is called with each answer, and with `None` when the child is
    /// gone, on a thread of its own.
    ///
    /// # Errors
    /// When the child or the thread cannot be started.
    pub fn start(
        host: &Host,
        hear: impl Fn(Option<Answer>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("lanes").stdin(Stdio::piped()).stdout(Stdio::piped());
        if host.is_recorded() {
            command.arg(host.path(""));
        }
        let mut child = command.spawn()?;
        let missing = || std::io::Error::other("the child has no pipes");
        let orders = child.stdin.take().ok_or_else(missing)?;
        let answers = child.stdout.take().ok_or_else(missing)?;
        std::thread::Builder::new().name("lanes".to_owned()).stack_size(128 << 10).spawn(
            move || {
                for line in BufReader::new(answers).lines() {
                    let Ok(line) = line else { break };
                    if let Ok(answer) = serde_json::from_str(&line) {
                        hear(Some(answer));
                    }
                }
                hear(None);
            },
        )?;
        Ok(Self { orders, _child: child })
    }

    /// Gives an order. The child's reader never waits for a lane, so this does not block.
    ///
    /// # Errors
    /// When the child is gone.
    pub fn send(&mut self, order: &Order) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(order).map_err(std::io::Error::other)?;
        line.push(b'\n');
        self.orders.write_all(&line)
    }
}

/// The child's whole life: lanes by order, until the input ends.
pub fn serve(root: Option<&Path>) {
    let host = root.map_or_else(Host::live, Host::recorded);
    let out = Arc::new(Mutex::new(std::io::stdout()));
    let listing = Listing::default();
    let mut lanes: HashMap<u32, Sender<Work>> = HashMap::new();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Order::Open { source, kind, name, options }) if lanes.len() < LANES => {
                if let Some(lane) = open(&host, source, &kind, &name, &options, &out) {
                    lanes.insert(source, lane);
                }
            }
            Ok(Order::Read { source, run, now }) => {
                let lane = lanes.get(&source);
                if lane.is_none_or(|lane| lane.send(Work::Read { run, now }).is_err()) {
                    let why = format!("no lane for it; at most {LANES} sources may be slow");
                    say(&out, &Answer::Read { source, run, result: Err(ProbeError::Failed(why)) });
                }
            }
            Ok(Order::Recall { source, instance, memo }) => {
                if let Some(lane) = lanes.get(&source) {
                    let _ = lane.send(Work::Recall { instance, memo });
                }
            }
            Ok(Order::List { kind, now }) => listing.begin(&host, &kind, now, &out),
            Ok(Order::Close { source }) => drop(lanes.remove(&source)),
            Ok(Order::Open { .. }) | Err(_) => {}
        }
    }
    // Lanes that hang are no reason to stay: the process ends with the agent's pipe.
}

fn open(
    host: &Host,
    source: u32,
    kind: &str,
    name: &str,
    options: &[(String, OptionValue)],
    out: &Arc<Mutex<std::io::Stdout>>,
) -> Option<Sender<Work>> {
    let kind = probe::kind(kind)?;
    let options = kind
        .spec()
        .options
        .iter()
        .filter_map(|spec| {
            let (_, value) = options.iter().find(|(key, _)| key == spec.key)?;
            Some((spec.key, value.clone()))
        })
        .collect();
    let mut probe = kind.open(name, &options);
    let (sender, runs) = channel();
    let (host, out) = (host.clone(), Arc::clone(out));
    std::thread::Builder::new()
        .stack_size(LANE_STACK_BYTES)
        .spawn(move || {
            for work in runs {
                match work {
                    Work::Read { run, now } => {
                        let result = probe::run(probe.as_mut(), &host, now);
                        say(&out, &Answer::Read { source, run, result });
                    }
                    Work::Recall { instance, memo } => probe.recall(&instance, &memo),
                }
            }
        })
        .ok()?;
    Some(sender)
}

/// What a lane is told.
enum Work {
    Read { run: u64, now: Moment },
    Recall { instance: Arc<str>, memo: String },
}

/// Kinds whose devices are being asked for their instances: each once at a time.
#[derive(Default, Clone)]
struct Listing(Arc<Mutex<HashSet<&'static str>>>);

impl Listing {
    fn begin(&self, host: &Host, kind: &str, now: Moment, out: &Arc<Mutex<std::io::Stdout>>) {
        let Some(kind) = probe::kind(kind) else { return };
        let name = kind.spec().name;
        if !self.under_way().insert(name) {
            return;
        }
        let (host, out, listing) = (host.clone(), Arc::clone(out), self.clone());
        let thread = std::thread::Builder::new().name("list".to_owned());
        let spawned = thread.stack_size(LANE_STACK_BYTES).spawn(move || {
            let result = probe::inquire(kind, &host, now);
            let result = result.map(|found| found.into_iter().map(FoundLine::from).collect());
            listing.under_way().remove(name);
            say(&out, &Answer::Listed { kind: name.to_owned(), result });
        });
        if spawned.is_err() {
            self.under_way().remove(name);
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<&'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(out: &Mutex<std::io::Stdout>, answer: &Answer) {
    let Ok(mut line) = serde_json::to_vec(answer) else { return };
    line.push(b'\n');
    if let Ok(mut out) = out.lock() {
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}

/// Path of this very program, for children of other rooms.
#[must_use]
pub fn this_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
