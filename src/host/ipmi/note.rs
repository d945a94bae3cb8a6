//! A door that notes what passes through it, for a capture.

use std::sync::{Arc, Mutex, PoisonError};

use super::answers::Answers;
use super::{Answer, Door, Request};
use crate::model::reading::ProbeError;

/// What passed through a [`Recording`]; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Answers>>);

impl Notes {
    /// The pairs so far; their text is the recording's `answers.txt`.
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A door with [`Notes`].
#[derive(Debug)]
pub struct Recording {
    door: Box<dyn Door>,
    notes: Notes,
}

impl Recording {
    /// The same door; every answer is noted.
    #[must_use]
    pub fn new(door: Box<dyn Door>, notes: Notes) -> Self {
        Self { door, notes }
    }
}

impl Door for Recording {
    fn ask(&mut self, request: &Request) -> Result<Answer, ProbeError> {
        let answer = self.door.ask(request)?;
        let mut notes = self.notes.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.keep(request, &answer);
        Ok(answer)
    }
}
