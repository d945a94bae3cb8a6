//! An open session: its numbers and keys, one question at a time through it, its end.

use super::super::allow::CLOSE_SESSION;
use super::crypto::Keys;
use super::handshake::random;
use super::packet::{Payload, Question, decode, sealed};
use super::window::Window;
use super::wire::{Dropped, Fault, Wire};
use crate::host::timer::Timer;
use crate::model::limit::IPMI_SESSION_IDLE;
use crate::model::reading::ProbeError;

/// What is asked within the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) netfn: u8,
    pub(super) command: u8,
    pub(super) lun: u8,
    pub(super) data: Vec<u8>,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    keys: Keys,
    console: u32,
    bmc: u32,
    /// Number of the last packet sent; they begin with 1 (IPMI 2.0 section 6.12.8).
    sent: u32,
    seen: Window,
    /// Number of the last question, 6 bits of it.
    question: u8,
    /// Over when the BMC may have ended the session for want of use.
    idle: Timer,
}

impl Session {
    pub(super) fn new(keys: Keys, console: u32, bmc: u32) -> Result<Self, ProbeError> {
        let idle = Timer::start(IPMI_SESSION_IDLE)
            .map_err(|error| ProbeError::Failed(format!("no timer: {error}")))?;
        Ok(Self { keys, console, bmc, sent: 0, seen: Window::default(), question: 0, idle })
    }

    /// Whether the BMC may have ended it.
    pub(super) fn is_stale(&self) -> bool {
        self.idle.is_over()
    }

    /// Asks; gives completion code and data.
    pub(super) fn ask(
        &mut self,
        wire: &mut Wire,
        asked: &Asked,
        deadline: &Timer,
        tries: usize,
    ) -> Result<Vec<u8>, Fault> {
        self.question = self.question.wrapping_add(1) & 0x3f;
        let Self { keys, console, bmc, sent, seen, question, .. } = self;
        let question = asked.question(*question);
        // Sent again, a packet has a number of its own, and the question's stays: an answer to
        // either is an answer.
        let make = || packet(keys, *bmc, sent, &question).map_err(told);
        let take = |datagram: &[u8]| {
            let message = opened(keys, *console, seen, datagram)?;
            question.answered_by(&message).map(<[u8]>::to_vec).ok_or(Dropped::Foreign)
        };
        let answer = wire.exchange(deadline, tries, make, take)?;
        // Without its timer the session is found dead, if it is, by the next question.
        let _ = self.idle.again(IPMI_SESSION_IDLE);
        Ok(answer)
    }

    /// Tells the BMC that the session is over, and waits for nothing: where this is lost, the BMC
    /// ends the session by itself after a minute.
    pub(super) fn close(&mut self, wire: &Wire) {
        self.question = self.question.wrapping_add(1) & 0x3f;
        let asked = Asked {
            netfn: CLOSE_SESSION.netfn,
            command: CLOSE_SESSION.command,
            lun: 0,
            data: self.bmc.to_le_bytes().to_vec(),
        };
        let question = asked.question(self.question);
        if let Ok(packet) = packet(&self.keys, self.bmc, &mut self.sent, &question) {
            let _ = wire.send(&packet);
        }
    }
}

impl Asked {
    fn question(&self, number: u8) -> Question<'_> {
        let Self { netfn, command, lun, data } = self;
        Question { netfn: *netfn, command: *command, lun: *lun, number, data }
    }
}

fn told(fault: Fault) -> ProbeError {
    match fault {
        Fault::Told(error) => error,
        other => ProbeError::Failed(format!("no packet could be made: {other:?}")),
    }
}

/// The next packet of the session.
fn packet(
    keys: &Keys,
    bmc: u32,
    sent: &mut u32,
    question: &Question<'_>,
) -> Result<Vec<u8>, Fault> {
    // Zero is for packets outside of a session.
    *sent = sent.checked_add(1).unwrap_or(1);
    let body = keys.encrypt(&question.encode(), random()?);
    Ok(sealed(bmc, *sent, &body, |covered| keys.code(covered)))
}

/// The message within a packet of the session: proven first, then new, then decrypted.
fn opened(
    keys: &Keys,
    console: u32,
    seen: &mut Window,
    datagram: &[u8],
) -> Result<Vec<u8>, Dropped> {
    let packet = decode(datagram, keys.code_bytes()).ok_or(Dropped::Garbled)?;
    if packet.session != console || packet.payload != Payload::Ipmi {
        return Err(Dropped::Foreign);
    }
    let proven = packet.sealed.is_some_and(|(covered, code)| keys.is(covered, code));
    if !proven || !packet.encrypted {
        return Err(Dropped::Unproven);
    }
    if !seen.takes(packet.sequence) {
        return Err(Dropped::Replayed);
    }
    keys.decrypt(packet.body).ok_or(Dropped::Garbled)
}
