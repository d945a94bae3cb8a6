//! The scribe: a thread that writes the journal, so that a slow or dead disk delays no check.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use super::inbox::{Message, Post};
use crate::engine::event::{Event, WriteId};
use crate::store::journal::{Journal, StoreError};

/// Writes waiting for the disk. The engine holds mail back for each, so more than a few waiting
/// means that the disk hangs; the next is then refused at once.
const WAITING: usize = 64;

/// One thing to write.
#[derive(Debug)]
pub enum Work {
    /// Append a frame.
    Append {
        /// Number of the write.
        id: WriteId,
        /// What to append.
        frame: Vec<u8>,
        /// Whether it must be on the disk before the answer.
        sync: bool,
    },
    /// Replace everything.
    Rewrite {
        /// Number of the write.
        id: WriteId,
        /// The new content.
        frames: Vec<Vec<u8>>,
    },
}

impl Work {
    fn id(&self) -> WriteId {
        match self {
            Self::Append { id, .. } | Self::Rewrite { id, .. } => *id,
        }
    }
}

/// The way to the scribe.
#[derive(Debug)]
pub struct Scribe {
    sender: SyncSender<Work>,
}

impl Scribe {
    /// Starts the thread. Without a journal every append fails until a rewrite can open one.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        directory: PathBuf,
        journal: Option<Journal>,
        post: Post,
    ) -> std::io::Result<Self> {
        let (sender, work) = sync_channel(WAITING);
        let mut desk = Desk { directory, journal };
        std::thread::Builder::new().name("scribe".to_owned()).stack_size(256 << 10).spawn(
            move || {
                for item in work {
                    let id = Work::id(&item);
                    post.send(Message::Event(match desk.write(item) {
                        Ok(()) => Event::Stored(id),
                        Err(reason) => Event::StoreFailed(id, reason),
                    }));
                }
            },
        )?;
        Ok(Self { sender })
    }

    /// Hands over some work; the answer comes through the inbox, or at once if there is no hope.
    #[must_use]
    pub fn hand(&self, work: Work) -> Option<Event> {
        let refused = |work: Work, why: &str| {
            Some(Event::StoreFailed(work.id(), format!("the state directory {why}")))
        };
        match self.sender.try_send(work) {
            Ok(()) => None,
            Err(TrySendError::Full(work)) => refused(work, "does not answer"),
            Err(TrySendError::Disconnected(work)) => refused(work, "has no writer any more"),
        }
    }
}

struct Desk {
    directory: PathBuf,
    journal: Option<Journal>,
}

impl Desk {
    fn write(&mut self, work: Work) -> Result<(), String> {
        match work {
            Work::Append { frame, sync, .. } => match &mut self.journal {
                Some(journal) => journal.append(&frame, sync).map_err(|error| with_cause(&error)),
                None => Err(format!("`{}` could not be opened", self.directory.display())),
            },
            Work::Rewrite { frames, .. } => self.rewrite(&frames).map_err(|e| with_cause(&e)),
        }
    }

    fn rewrite(&mut self, frames: &[Vec<u8>]) -> Result<(), StoreError> {
        if let Some(journal) = &mut self.journal {
            return journal.rewrite(frames);
        }
        let mut journal = Journal::open(&self.directory)?.journal;
        journal.rewrite(frames)?;
        self.journal = Some(journal);
        Ok(())
    }
}

/// The error with its chain of causes, in one line.
pub fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}
