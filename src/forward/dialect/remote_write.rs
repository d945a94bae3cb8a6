//! Prometheus remote write 1.0: batches for Prometheus, VictoriaMetrics, Mimir, Thanos and others.
//!
//! Owns what their answers say of samples: a batch that is too large or holds one bad sample is
//! taken apart. Must not know: what the samples mean, or why a batch comes again.

use std::collections::BTreeSet;

use crate::forward::Site;
use crate::forward::dialect::readback::{self, Asked};
use crate::forward::dialect::web::{Dialect, Endpoint, Token, clock_of};
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::series;
use crate::forward::target::Web;
use crate::model::batch::Batch;
use crate::model::limit::FORWARD_SPLITS;
use crate::model::text::counted;
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::http::Answer;

use request::{Common, Labels, STALE, Series, named, packed};

mod request;

const DIALECT: Dialect = Dialect {
    token: Token::Bearer,
    final_500: false,
    not_found: "nothing takes remote write there: is the path of the address right, and does Prometheus \
                run with `--web.enable-remote-write-receiver`?",
};

/// All of these are required.
const HEADERS: [(&str, &str); 3] = [
    ("Content-Encoding", "snappy"),
    ("Content-Type", "application/x-protobuf"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

/// Where the receivers take remote write; what stands before it, their queries stand below too.
const PATHS: [&str; 4] = ["/api/v1/write", "/api/v1/push", "/api/v1/receive", "/api/prom/push"];

/// A receiver of remote write.
#[derive(Debug)]
pub struct RemoteWrite {
    endpoint: Endpoint,
    common: Common,
    /// Series of the newest batch that was delivered, and its time: those that are missing in the
    /// next one have ended.
    before: (Stamp, BTreeSet<Labels>),
    /// A batch that may have been taken, since an answer to it was lost.
    unanswered: Option<Stamp>,
    /// How many series the receiver takes at once, as far as it is known.
    series_max: usize,
}

impl RemoteWrite {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(web: &Web, site: &Site) -> Self {
        Self {
            endpoint: Endpoint::new(web, DIALECT),
            common: Common::of(site),
            before: (Stamp(i64::MIN), BTreeSet::new()),
            unanswered: None,
            series_max: usize::MAX,
        }
    }

    fn batch(&mut self, batch: &Batch, deadline: Deadline) -> Reply {
        let mut all: Vec<Series> =
            series::samples(batch).iter().map(|sample| self.common.series(sample)).collect();
        let now: BTreeSet<Labels> = all.iter().map(|series| series.labels.clone()).collect();
        // A batch from before, which was passed over and is tried once more, ends nothing.
        let is_next = batch.at > self.before.0;
        let ended = self.before.1.difference(&now).filter(|_| is_next).cloned();
        all.extend(ended.map(|labels| Series { labels, bits: STALE }));
        let reply = self.write(&all, batch.at, deadline);
        match reply.outcome {
            Outcome::Done | Outcome::Dropped { .. } => {
                if is_next {
                    self.before = (batch.at, now);
                }
                self.unanswered = None;
            }
            Outcome::Retry { .. } => self.unanswered = Some(batch.at),
            Outcome::Hold { .. } => {}
        }
        reply
    }

    /// Writes all series, in parts if it must be. Whoever is interrupted begins anew: the same
    /// sample is taken twice without harm.
    fn write(&mut self, all: &[Series], at: Stamp, deadline: Deadline) -> Reply {
        let is_repeated = self.unanswered == Some(at);
        let mut clock = None;
        let mut losses = Losses::default();
        let mut parts: Vec<&[Series]> = all.chunks(self.series_max).rev().collect();
        let (mut splits, mut refused) = (0, 0);
        // A single bad sample is reached by so many refusals in a row, or a few more where it has
        // bad neighbours. Beyond that all of them are bad.
        let refused_max = usize::BITS - all.len().leading_zeros() + 3;
        while let Some(part) = parts.pop() {
            let answer = match self.post(part, at, deadline) {
                Ok(answer) => answer,
                Err(outcome) => return Reply { outcome: interrupted(outcome, splits > 0), clock },
            };
            clock = clock_of(&answer).or(clock);
            let refusal = Refusal::of(&answer);
            let is_there = is_repeated && refusal == Some(Refusal::There);
            let may_split = part.len() > 1 && splits < FORWARD_SPLITS && refused < refused_max;
            refused = if answer.is_good() { 0 } else { refused + 1 };
            match (refusal, self.endpoint.outcome(&answer, part.len())) {
                (_, Outcome::Done) => {}
                (Some(Refusal::TooLarge | Refusal::Sample | Refusal::There), _) if may_split => {
                    splits += 1;
                    let (first, second) = part.split_at(part.len() / 2);
                    if refusal == Some(Refusal::TooLarge) {
                        self.series_max = self.series_max.min(second.len());
                    }
                    parts.extend([second, first]);
                }
                _ if is_there => {}
                (Some(_), _) => losses.add(part, &self.endpoint.name(), &answer),
                (None, Outcome::Dropped { .. }) => {
                    losses.add(part, &self.endpoint.name(), &answer);
                }
                (None, outcome) => {
                    return Reply { outcome: interrupted(outcome, splits > 0), clock };
                }
            }
            if refused > refused_max {
                // Nothing is small enough for it: that is nothing to remember.
                self.series_max = usize::MAX;
                let rest = parts.drain(..).filter(|_| !is_there);
                rest.for_each(|part| losses.add(part, &self.endpoint.name(), &answer));
            }
        }
        Reply { outcome: losses.outcome(), clock }
    }

    fn post(&mut self, part: &[Series], at: Stamp, deadline: Deadline) -> Result<Answer, Outcome> {
        let body = packed(part, at).map_err(|why| Outcome::Dropped { lost: part.len(), why })?;
        let url = self.endpoint.url().to_owned();
        self.endpoint.post(&url, &HEADERS, &body, deadline)
    }
}

impl Outlet for RemoteWrite {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::All, changes: false }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        match load {
            Load::Batch(batch) => self.batch(batch, Deadline::within(within.to_std())),
            Load::Change(_) => Reply { outcome: Outcome::Done, clock: None },
        }
    }

    fn clock(&mut self, within: Span) -> Option<Stamp> {
        self.endpoint.clock(Deadline::within(within.to_std()))
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let deadline = Deadline::within(within.to_std());
        let sample = self.common.series(&request::mark(mark.number));
        match self.write(&[sample], mark.at, deadline).outcome {
            Outcome::Done => {}
            Outcome::Dropped { why, .. } | Outcome::Retry { why, .. } | Outcome::Hold { why } => {
                return Err(why);
            }
        }
        let bases = readback::bases(self.endpoint.url(), &PATHS);
        let selector = format!("hostwatch_forward_test{{mark=\"{}\"}}", mark.number);
        let asked = Asked { selector: &selector, mark };
        readback::look(&mut self.endpoint, &bases, &asked, deadline)
    }
}

/// What an answer says of the samples that it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Too many at once.
    TooLarge,
    /// One of them, and with some receivers therefore all. Which one is not told.
    Sample,
    /// The same, and so it is if the very sample is there already.
    There,
    /// All of them, by the time that they share.
    Time,
}

impl Refusal {
    /// By the words of the receivers: Prometheus, and Mimir with its `err-mimir-...` names. Those
    /// about old samples come with status 500 too (Prometheus 2.42 with an out-of-order window).
    fn of(answer: &Answer) -> Option<Self> {
        let text = answer.text.to_ascii_lowercase().replace('-', " ");
        let has = |words: &[&str]| words.iter().any(|words| text.contains(words));
        match answer.status {
            413 => Some(Self::TooLarge),
            // Thanos says nothing but this of samples that are there or come too late.
            409 => Some(Self::There),
            400 | 422 | 500 if has(&["out of order", "duplicate"]) => Some(Self::There),
            400 | 422 | 500 if has(&["too old"]) => Some(Self::Sample),
            400 | 422 | 500 if has(&["out of bounds", "too far in"]) => Some(Self::Time),
            400 if has(&["too big", "too large"]) => Some(Self::TooLarge),
            _ => None,
        }
    }
}

/// What was refused for good.
#[derive(Debug, Default)]
struct Losses {
    lost: usize,
    why: String,
}

impl Losses {
    fn add(&mut self, part: &[Series], name: &str, answer: &Answer) {
        self.lost += part.len();
        if !self.why.is_empty() {
            return;
        }
        self.why = format!("{name}: {}", answer.words());
        if let [one] = part {
            self.why.push_str(&format!(" ({})", named(&one.labels)));
        }
    }

    fn outcome(self) -> Outcome {
        match self.lost {
            0 => Outcome::Done,
            lost => Outcome::Dropped {
                lost,
                why: format!("{}; {} lost", self.why, counted(lost, "sample", "samples")),
            },
        }
    }
}

/// An attempt that ended amid the parts: the receiver may fail over what is in this load.
fn interrupted(outcome: Outcome, in_parts: bool) -> Outcome {
    match outcome {
        Outcome::Retry { why, after, .. } if in_parts => {
            Outcome::Retry { why, after, suspect: true }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_say_of_samples_what_is_wrong_in_words() {
        let of = |status, text: &str| {
            Refusal::of(&Answer { status, text: text.to_owned(), ..Answer::default() })
        };
        for (status, text, wanted) in [
            (400, "out of order sample\n", Some(Refusal::There)),
            (400, "duplicate sample for timestamp", Some(Refusal::There)),
            (400, "failed pushing: err-mimir-sample-out-of-order", Some(Refusal::There)),
            (409, "conflict", Some(Refusal::There)),
            (500, "too old sample", Some(Refusal::Sample)),
            (400, "err-mimir-sample-timestamp-too-old", Some(Refusal::Sample)),
            (400, "out of bounds", Some(Refusal::Time)),
            (400, "too far in the future", Some(Refusal::Time)),
            (413, "", Some(Refusal::TooLarge)),
            (400, "too big unpacked request", Some(Refusal::TooLarge)),
            (400, "snappy: corrupt input", None),
            (500, "disk full", None),
            (204, "", None),
        ] {
            assert_eq!(of(status, text), wanted, "{status} {text}");
        }
    }
}
