//! What the journal's frames say, and how they are read back. Frames are JSON with a version and a
//! type; a type this release does not know is kept as it is, so that a newer one finds it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::id::Id;
use crate::model::time::{Moment, Stamp};
use crate::notify::mail::{Form, Mail, MailId};
use crate::notify::notice::Notice;
use crate::notify::outbox::Settled;

use super::digest::Ledger;
use super::holding::Hold;
use super::kept::Kept;
use super::quiet::Records;

/// Version of the format.
const VERSION: u32 = 1;

/// Begin of every frame.
#[derive(Debug, Deserialize)]
struct Head {
    v: u32,
    t: String,
}

/// One frame as written.
#[derive(Debug, Serialize)]
struct Frame<'a, T> {
    v: u32,
    t: &'static str,
    at: Moment,
    wall: Stamp,
    #[serde(flatten)]
    body: &'a T,
}

/// Clocks of a frame.
#[derive(Debug, Deserialize)]
struct Clocks {
    at: Moment,
    wall: Stamp,
}

/// Both clocks of the latest frame that has them, so that the timeline can be continued.
#[must_use]
pub fn last_clocks(frames: &[Vec<u8>]) -> Option<(Moment, Stamp)> {
    let clocks = |frame: &Vec<u8>| serde_json::from_slice::<Clocks>(frame).ok();
    frames.iter().rev().find_map(clocks).map(|clocks| (clocks.at, clocks.wall))
}

/// Transitions, windows, and what is owed because of them: one transaction.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Turn {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kept: Vec<Kept>,
    /// Nothing is to be remembered of these any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<Id>,
    /// Notices by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) owed: Vec<(u64, Notice)>,
    /// Notices that later ones replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) dropped: Vec<u64>,
    /// What digests go by, by contact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) digests: BTreeMap<String, Ledger>,
    /// Which of the notices are kept back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) held: Vec<(u64, Hold)>,
}

impl Turn {
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
            && self.gone.is_empty()
            && self.owed.is_empty()
            && self.dropped.is_empty()
            && self.digests.is_empty()
    }
}

/// A mail in place of the notices it tells, or of the mails it merges.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Posted {
    pub(super) mail: Mail,
    /// Events for hooks that tell the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) also: Vec<Mail>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tells: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) merges: Vec<MailId>,
    /// Recipients that need no attempt any more (in a rewritten journal).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) settled: Vec<String>,
    /// Of a digest: whose, and its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<(String, Ledger)>,
}

/// Recipients that have it, or never will.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ends {
    pub(super) settled: Vec<Settled>,
}

/// Numbers that are not to be used again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbers {
    #[serde(default)]
    pub(super) mail: u64,
    #[serde(default)]
    pub(super) episode: u64,
    #[serde(default)]
    pub(super) notice: u64,
}

/// Writes a frame.
pub(super) fn frame<T: Serialize>(
    kind: &'static str,
    at: Moment,
    wall: Stamp,
    body: &T,
) -> Vec<u8> {
    let frame = Frame { v: VERSION, t: kind, at, wall, body };
    // Plain data with string keys always serialises.
    serde_json::to_vec(&frame).unwrap_or_default()
}

pub(super) const TURN: &str = "turn";
pub(super) const POSTED: &str = "mail";
pub(super) const ENDS: &str = "settled";
pub(super) const QUIET: &str = "quiet";
pub(super) const START: &str = "start";
pub(super) const STOP: &str = "stop";
pub(super) const NUMBERS: &str = "numbers";

/// What a journal comes to.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) kept: BTreeMap<Id, Kept>,
    pub(super) owed: BTreeMap<u64, Notice>,
    pub(super) held: BTreeMap<u64, Hold>,
    pub(super) quiet: Records,
    pub(super) mails: BTreeMap<MailId, (Arc<Mail>, Vec<String>)>,
    pub(super) next: Numbers,
    pub(super) digests: BTreeMap<String, Ledger>,
    /// Frames of a later release.
    pub(super) foreign: Vec<Vec<u8>>,
    /// Frames that make no sense.
    pub(super) unreadable: usize,
    /// The agent ran before, and its last frame is no `stop`.
    pub(super) unclean: bool,
    /// Time of the last frame.
    pub(super) last: Moment,
    /// Size of all frames.
    pub(super) bytes: u64,
}

impl Replay {
    /// Reads frames, oldest first.
    pub(super) fn read(frames: Vec<Vec<u8>>) -> Self {
        let mut replay = Self::default();
        for frame in frames {
            replay.bytes += u64::try_from(frame.len()).unwrap_or(u64::MAX);
            let Ok(head) = serde_json::from_slice::<Head>(&frame) else {
                replay.unreadable += 1;
                continue;
            };
            if head.v != VERSION || !replay.known(&head.t, &frame) {
                replay.foreign.push(frame);
            }
        }
        replay
    }

    /// Takes in one frame; false if its type is not known.
    fn known(&mut self, kind: &str, frame: &[u8]) -> bool {
        let understood = match kind {
            TURN => serde_json::from_slice(frame).map(|turn| self.turn(turn)),
            POSTED => serde_json::from_slice(frame).map(|posted| self.posted(posted)),
            ENDS => serde_json::from_slice::<Ends>(frame).map(|ends| self.ends(ends)),
            NUMBERS => serde_json::from_slice::<Numbers>(frame).map(|next| {
                self.next.mail = self.next.mail.max(next.mail);
                self.next.episode = self.next.episode.max(next.episode);
                self.next.notice = self.next.notice.max(next.notice);
            }),
            QUIET => serde_json::from_slice(frame).map(|records| self.quiet.lay_over(records)),
            START | STOP => Ok(()),
            _ => return false,
        };
        match understood {
            Ok(()) => {
                self.unclean = kind != STOP;
                if let Ok(clocks) = serde_json::from_slice::<Clocks>(frame) {
                    self.last = self.last.max(clocks.at);
                }
            }
            Err(_) => self.unreadable += 1,
        }
        true
    }

    fn turn(&mut self, turn: Turn) {
        for kept in turn.kept {
            let episode = kept.episode.as_ref().map_or(0, |episode| episode.number);
            self.next.episode = self.next.episode.max(episode + 1);
            self.kept.insert(kept.id.clone(), kept);
        }
        self.digests.extend(turn.digests);
        for id in turn.gone {
            self.kept.remove(&id);
        }
        for (number, notice) in turn.owed {
            self.next.notice = self.next.notice.max(number + 1);
            self.next.episode = self.next.episode.max(notice.episode + 1);
            self.owed.insert(number, notice);
            self.held.remove(&number);
        }
        self.held.extend(turn.held);
        for number in turn.dropped {
            self.owed.remove(&number);
        }
    }

    fn posted(&mut self, posted: Posted) {
        let mail = Arc::new(posted.mail);
        self.next.mail = self.next.mail.max(mail.id.0 + 1);
        let is_mail = mail.form == Form::Mail;
        for event in posted.also {
            self.next.mail = self.next.mail.max(event.id.0 + 1);
            self.mails.insert(event.id, (Arc::new(event), Vec::new()));
        }
        for number in posted.tells {
            let Some(notice) = self.owed.remove(&number) else { continue };
            if let Some(kept) = self.kept.get_mut(&notice.id)
                && kept.episode.as_ref().is_some_and(|e| e.number == notice.episode)
                && let Some((_, told)) =
                    kept.told.iter_mut().find(|(name, _)| *name == notice.contact)
            {
                told.mails = told.mails.max(notice.seq);
                if is_mail {
                    told.root.get_or_insert_with(|| mail.message_id.clone());
                }
            }
        }
        self.digests.extend(posted.digest);
        for id in posted.merges {
            self.mails.remove(&id);
        }
        self.mails.insert(mail.id, (mail, posted.settled));
    }

    fn ends(&mut self, ends: Ends) {
        for end in ends.settled {
            if let Some((mail, settled)) = self.mails.get_mut(&end.mail) {
                settled.push(end.recipient);
                if mail.recipients.iter().all(|r| settled.contains(r)) {
                    self.mails.remove(&end.mail);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_frames_are_kept_and_broken_ones_counted() {
        let stop = frame(STOP, Moment(7), Stamp(0), &Numbers::default());
        let foreign = br#"{"v":1,"t":"silence","until":9}"#.to_vec();
        let later = br#"{"v":2,"t":"turn","kept":7}"#.to_vec();
        let frames = vec![foreign.clone(), b"nonsense".to_vec(), later.clone(), stop.clone()];
        let replay = Replay::read(frames);
        assert_eq!(replay.foreign, [foreign, later]);
        assert_eq!((replay.unreadable, replay.unclean), (1, false));
        assert_eq!(replay.last, Moment(7));
        let start = frame(START, Moment(8), Stamp(0), &Numbers::default());
        assert!(Replay::read(vec![stop, start]).unclean);
        assert!(!Replay::read(Vec::new()).unclean, "the first start is no crash");
    }
}
