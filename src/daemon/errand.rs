//! Small things that may wait for others and have no place on the way of checks or mail: a sign of
//! life to a web address, a look through the history for what fills up. Owns the thread that has
//! each done by a child, one at a time, and what the child does.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::inbox::{Message, Post};
use super::worker::Worker;
use crate::engine::event::Event;
use crate::evidence::calendar::roughly;
use crate::evidence::slope;
use crate::host::confine::confine;
use crate::host::converse::{Broken, Peer, converse};
use crate::model::limit::{ERRAND_BYTES, ERRAND_DEADLINE, ERRAND_MEMORY_BYTES, ERRANDS};
use crate::model::time::Stamp;
use crate::net::http;
use crate::store::secret::Secret;

/// One errand, as the child is told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Job {
    /// Tell a web address that the agent is alive.
    Beat { url: String, token: Option<String> },
    /// Say which file systems will be full soon.
    Foresee { history: PathBuf, at: Stamp },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Beaten(Result<(), String>),
    Foreseen(Vec<String>),
}

/// An errand as the engine asks for it.
#[derive(Debug)]
pub enum Errand {
    /// A sign of life; the token is read when it is sent.
    Beat {
        /// Where.
        url: String,
        /// Where the token is.
        token: Option<Secret>,
    },
    /// What fills up.
    Foresee {
        /// Directory of the history.
        history: PathBuf,
        /// Now.
        at: Stamp,
    },
}

/// The way to the thread.
#[derive(Debug)]
pub struct Errands {
    worker: Worker<Errand>,
}

impl Errands {
    /// `program` is this very program, for the children.
    #[must_use]
    pub fn new(program: PathBuf, post: Post) -> Self {
        let work = move |errand| post.send(Message::Event(run(&program, errand)));
        Self { worker: Worker::new("errands", ERRANDS, work) }
    }

    /// Hands one over; what came of it comes through the inbox, or at once if too many wait.
    #[must_use]
    pub fn hand(&mut self, errand: Errand) -> Option<Event> {
        let busy = "the one before has not come back".to_owned();
        self.worker.hand(errand).err().map(|errand| match errand {
            Errand::Beat { .. } => Event::Beaten(Err(busy)),
            Errand::Foresee { .. } => Event::Foreseen(Vec::new()),
        })
    }
}

/// Has one errand done.
fn run(program: &Path, errand: Errand) -> Event {
    let job = match errand {
        Errand::Beat { url, token } => match token.map(|token| token.read()).transpose() {
            Ok(token) => Job::Beat { url, token },
            Err(why) => return Event::Beaten(Err(format!("no token: {why}"))),
        },
        Errand::Foresee { history, at } => Job::Foresee { history, at },
    };
    let failed = |why: String| match job {
        Job::Beat { .. } => Event::Beaten(Err(why)),
        Job::Foresee { .. } => Event::Foreseen(Vec::new()),
    };
    let question = match serde_json::to_vec(&job) {
        Ok(question) => question,
        Err(error) => return failed(format!("it cannot be asked for: {error}")),
    };
    let arguments = [OsStr::new("errand")];
    let peer = Peer {
        program,
        arguments: &arguments,
        name: "the child that was sent",
        line_bytes: ERRAND_BYTES,
    };
    let mut outcome = None;
    let end = converse(peer, &question, ERRAND_DEADLINE, &mut |said: Outcome| {
        outcome = Some(said);
        true
    });
    match (outcome, end) {
        (Some(Outcome::Beaten(result)), _) => Event::Beaten(result),
        (Some(Outcome::Foreseen(lines)), _) => Event::Foreseen(lines),
        (None, Err(Broken::Lost(why))) => failed(why),
        (None, _) => failed(format!("no answer within {ERRAND_DEADLINE}")),
    }
}

/// The body of the child: one errand in as JSON, one line of JSON out.
///
/// # Errors
/// The errand cannot be read, or nobody listens any more.
pub fn serve(input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    confine(ERRAND_MEMORY_BYTES, ERRAND_MEMORY_BYTES)?;
    let mut text = Vec::new();
    input.take(ERRAND_BYTES as u64).read_to_end(&mut text)?;
    let outcome = match serde_json::from_slice(&text)? {
        Job::Beat { url, token } => {
            let said = http::ping(&url, token.as_deref(), ERRAND_DEADLINE.to_std());
            Outcome::Beaten(said.map(|_| ()))
        }
        Job::Foresee { history, at } => Outcome::Foreseen(foreseen(&history, at)),
    };
    serde_json::to_writer(&mut *output, &outcome)?;
    output.write_all(b"\n")?;
    output.flush()
}

/// `/data full in about 6 d`, the soonest first.
fn foreseen(history: &Path, at: Stamp) -> Vec<String> {
    let line =
        |minutes: f64, instance: &str| format!("{instance} full in about {}", roughly(minutes));
    let soon = slope::soon(history, at);
    soon.iter().map(|(id, left)| line(left.as_secs_f64() / 60.0, &id.instance)).collect()
}
