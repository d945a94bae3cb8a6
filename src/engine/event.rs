//! What can happen to the engine, and what it asks for: its only inputs and outputs.

use std::sync::Arc;

use crate::config::plan::{ForwardPlan, Plan};
use crate::evidence::Inquiry;
use crate::forward::Site;
use crate::forward::health::Health;
use crate::model::batch::Parcel;
use crate::model::evidence::Evidence;
use crate::model::history::Minute;
use crate::model::reading::{ProbeError, Sample};
use crate::model::time::Moment;
use crate::notify::mail::Mail;
use crate::notify::outbox::DeliveryReport;
use crate::notify::relay::Relay;
use crate::probe::{Found, Kind, Lane, Options};
use crate::store::secret::Secret;

use super::order::{Answer, Asked};

/// Number of a source in the running plan; never reused while the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// Number of a write to the journal; grows by one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// An input.
#[derive(Debug)]
pub enum Event {
    /// Time has passed: do what is due.
    Wake,
    /// The instances of a kind, as asked for by [`Effect::Survey`].
    Surveyed {
        /// Name of the kind.
        kind: &'static str,
        /// What there is.
        result: Result<Vec<Found>, ProbeError>,
        /// Devices are being asked too: [`Event::Inquired`] follows, if they answer.
        asking: bool,
    },
    /// Instances of a kind that only a device could list.
    Inquired {
        /// Name of the kind.
        kind: &'static str,
        /// What there is.
        result: Result<Vec<Found>, ProbeError>,
    },
    /// The kernel says that the mount table or the list of links changed: survey soon.
    Changed {
        /// Name of the kind.
        kind: &'static str,
    },
    /// A run came back.
    Sampled {
        /// Of which source.
        source: SourceId,
        /// The run's number; an answer to a run that was given up is recognised by it.
        run: u64,
        /// What it brought.
        sample: Sample,
    },
    /// A write to the journal is on disk.
    Stored(WriteId),
    /// A write to the journal failed; the reason is for people.
    StoreFailed(WriteId, String),
    /// What became of a delivery.
    Delivery(DeliveryReport),
    /// An answer to [`Effect::Inquire`], or a part of one.
    Gathered {
        /// Number of the question.
        number: u64,
        /// All that is known so far.
        evidence: Evidence,
        /// Whether nothing more comes.
        done: bool,
    },
    /// How the outlets fare.
    Forwarded(Vec<Health>),
    /// What became of [`Effect::Beat`]; the reason is for people.
    Beaten(Result<(), String>),
    /// What will be bad soon if it goes on as it does, a line each: `/data full in ~6 d`. Stands in
    /// the next digests.
    Foreseen(Vec<String>),
    /// A new configuration that has been validated.
    Reload(Box<Plan>),
    /// A reload was refused; the errors, rendered, are for a person.
    ReloadRefused(String),
    /// A person ordered quiet, or its end; answered by [`Effect::Answer`].
    Order(Box<Asked>),
    /// `mail flush`: try everything now.
    Flush,
    /// The agent is stopping: hand out what must be kept.
    Stop,
}

/// An output: what the daemon must do.
#[derive(Debug)]
pub enum Effect {
    /// Find the instances of a kind, now and inline; where a device must be asked for more of
    /// them, have it asked in a lane.
    Survey(&'static dyn Kind),
    /// Open a source, so that later reads can name it.
    Open {
        /// Its number.
        source: SourceId,
        /// Its kind.
        kind: &'static dyn Kind,
        /// Its name within the kind.
        name: Arc<str>,
        /// Values of the check's options; two checks share a source only if these are equal.
        options: Options,
        /// Where it is read.
        lane: Lane,
    },
    /// Give a source back what one of its instances had to remember.
    Recall {
        /// Which.
        source: SourceId,
        /// Of which instance.
        instance: Arc<str>,
        /// In the probe's own form.
        memo: String,
    },
    /// Forget a source; a lane that hangs in it is left to itself.
    Close(SourceId),
    /// Run a source once and answer with [`Event::Sampled`].
    Read {
        /// Which.
        source: SourceId,
        /// Number of the run.
        run: u64,
    },
    /// Append one frame to the journal and answer with `Stored` or `StoreFailed`. One frame is one
    /// transaction: after a crash it is there whole or not at all.
    Append {
        /// Number of the write.
        id: WriteId,
        /// A serialised record.
        frame: Vec<u8>,
        /// Whether mail waits for it (fdatasync) or it may reach the disk when it likes.
        sync: bool,
    },
    /// Replace the whole journal by these frames, atomically, and answer likewise.
    Rewrite {
        /// Number of the write.
        id: WriteId,
        /// Serialised records.
        frames: Vec<Vec<u8>>,
    },
    /// Deliver a mail to some of its recipients and answer with [`Event::Delivery`].
    Deliver {
        /// The mail.
        mail: Arc<Mail>,
        /// To whom, this time.
        recipients: Vec<String>,
        /// Ways out, in order.
        relays: Vec<Relay>,
    },
    /// Give a sign of life and answer with [`Event::Beaten`].
    Beat {
        /// Where.
        url: String,
        /// Where the bearer token is that is sent along.
        token: Option<Secret>,
    },
    /// Look through the history for what will be bad soon, and answer with [`Event::Foreseen`].
    Foresee,
    /// Find out what is behind a change and answer with [`Event::Gathered`], once or more often; no
    /// check and no mail of another change waits for it.
    Inquire(Box<Inquiry>),
    /// From now on the forwarder serves these outlets; with none there is no forwarder.
    Outlets(Option<Box<(Site, ForwardPlan)>>),
    /// Hand this to the forwarder; nothing is answered at once, see [`Event::Forwarded`].
    Forward(Box<Parcel>),
    /// Keep the minutes that have ended since the last time; nothing is answered.
    Remember(Vec<Minute>),
    /// Answer an order; what it changed is on the disk, or the answer says that it is not.
    Answer {
        /// The order's number.
        ticket: u64,
        /// What became of it.
        answer: Answer,
    },
    /// One line for the log: a transition, a refusal, a trouble. Never more than one a change.
    Log {
        /// How important.
        level: tracing::Level,
        /// The line.
        line: String,
    },
}

/// When the engine wants to be woken next, if nothing else happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextWake {
    /// At this moment.
    At(Moment),
    /// Only by an event.
    Never,
}
