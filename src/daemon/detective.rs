//! The detective: a thread that has one question for evidence at a time answered by a child, and
//! ends the child at the deadline. What was said until then counts.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::inbox::{Message, Post};
use super::worker::Worker;
use crate::engine::event::Event;
use crate::evidence::Inquiry;
use crate::evidence::child::Answer;
use crate::host::Host;
use crate::host::converse::{Peer, converse};
use crate::host::timer::Stopwatch;
use crate::model::evidence::Evidence;
use crate::model::limit::{EVIDENCE_LINE_BYTES, INQUIRIES, INQUIRY_DEADLINE};
use crate::model::unit::Span;

/// Less time than this is not worth a child: no two looks at a process fit into it.
const WORTH: Span = Span::from_secs(3);

/// The way to the detective.
#[derive(Debug)]
pub struct Detective {
    worker: Worker<(Box<Inquiry>, Stopwatch)>,
}

impl Detective {
    /// `program` is this very program, for the child that gathers.
    #[must_use]
    pub fn new(program: PathBuf, host: &Host, post: Post) -> Self {
        let root = host.is_recorded().then(|| host.path(""));
        let work = move |(inquiry, asked): (Box<Inquiry>, Stopwatch)| {
            let number = inquiry.number;
            // Those who waited for others have what is left: their mail does not wait.
            let waited = asked.elapsed().as_millis();
            let left = Span::from_millis(INQUIRY_DEADLINE.as_millis().saturating_sub(waited));
            if left >= WORTH {
                ask(&program, root.as_deref(), &inquiry, left, &mut |evidence| {
                    let event = Event::Gathered { number, evidence, done: false };
                    post.send(Message::Event(event));
                });
            }
            post.send(Message::Event(ended(number)));
        };
        Self { worker: Worker::new("detective", INQUIRIES, work) }
    }

    /// Hands over a question; answers come through the inbox, or the end of it at once if too many
    /// wait.
    #[must_use]
    pub fn hand(&mut self, inquiry: Box<Inquiry>) -> Option<Event> {
        let number = inquiry.number;
        self.worker.hand((inquiry, Stopwatch::start())).err().map(|_| ended(number))
    }
}

/// Nothing more comes; what was said before stays.
fn ended(number: u64) -> Event {
    Event::Gathered { number, evidence: Evidence::default(), done: true }
}

fn ask(
    program: &Path,
    root: Option<&Path>,
    inquiry: &Inquiry,
    within: Span,
    say: &mut dyn FnMut(Evidence),
) {
    let Ok(question) = serde_json::to_vec(inquiry) else { return };
    let within_ms = within.as_millis().to_string();
    let fixed = [OsStr::new("gather"), OsStr::new(&within_ms)];
    let arguments: Vec<&OsStr> = fixed.into_iter().chain(root.map(Path::as_os_str)).collect();
    let peer = Peer {
        program,
        arguments: &arguments,
        name: "the child that gathers",
        line_bytes: EVIDENCE_LINE_BYTES,
    };
    // A child that is late or breaks costs the rest of its answer and nothing else.
    let _ = converse(peer, &question, within, &mut |answer: Answer| {
        if answer.number == inquiry.number {
            say(answer.evidence);
        }
        answer.done
    });
}
