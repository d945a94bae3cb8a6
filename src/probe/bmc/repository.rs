//! The list of sensors as a BMC keeps it (sensor data records, IPMI 2.0 section 33): read whole and
//! in parts, under a reservation that it may cancel at any time, with a place to go on from.
//! Owns the walk; what a record says is `parse::ipmi::sdr`'s.

use std::collections::BTreeSet;

use super::question::{Asker, NO_SUCH_COMMAND, RESERVATION_LOST, Refusal, TOO_LONG};
use crate::model::limit::IPMI_RECORDS;
use crate::parse::ipmi::sdr::HEADER_BYTES;

/// Number that asks for the first record, and number after the last.
const FIRST: u16 = 0;
const END: u16 = 0xffff;
/// Length that asks for all of a record.
const WHOLE: u8 = 0xff;
/// Length of a record's header.
const HEADER: u8 = 5;
/// Lengths that are tried where a BMC cannot give a whole record; 16 is what the specification has
/// every one give.
const PARTS: &[u8] = &[64, 32, 16, 8];
/// The completion code of errors that have no name.
const UNSPECIFIED: u8 = 0xff;
/// Reservations for one record: another program that walks the same list cancels ours.
const RESERVATIONS: u32 = 10;

/// Which of the two lists a controller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// The repository of the whole machine.
    Repository,
    /// The controller's own, where there is no repository (section 35.3).
    Device,
}

impl List {
    /// Network function, command that reads, command that reserves.
    fn commands(self) -> (u8, u8, u8) {
        match self {
            Self::Repository => (0x0a, 0x23, 0x22),
            Self::Device => (0x04, 0x21, 0x22),
        }
    }
}

/// A walk through a list: what was read, and where it goes on.
#[derive(Debug)]
pub(super) struct Walk {
    list: List,
    next: u16,
    seen: BTreeSet<u16>,
    reservation: Option<[u8; 2]>,
    /// Bytes asked for at once.
    length: u8,
    records: Vec<Vec<u8>>,
}

impl Walk {
    pub(super) fn new(list: List) -> Self {
        Self {
            list,
            next: FIRST,
            seen: BTreeSet::new(),
            reservation: None,
            length: WHOLE,
            records: Vec::new(),
        }
    }

    /// Goes on to the end. After an error it can be called again and goes on where it was. A record
    /// of which nothing comes but the number of the next is passed over.
    ///
    /// # Errors
    /// When the BMC is lost, or cannot give a record in any way.
    pub(super) fn go_on(&mut self, asker: &mut Asker) -> Result<(), Refusal> {
        while self.next != END && self.seen.len() < IPMI_RECORDS {
            let (next, record) = self.record(asker, self.next)?;
            // A list that leads back to itself ends there.
            if !self.seen.insert(self.next) {
                break;
            }
            self.records.extend(record);
            self.next = next;
        }
        Ok(())
    }

    /// What was read so far, one record after the other.
    pub(super) fn blob(&self) -> Vec<u8> {
        self.records.concat()
    }

    /// How many records were read.
    pub(super) fn count(&self) -> usize {
        self.records.len()
    }

    /// One record and the number of the next.
    fn record(
        &mut self,
        asker: &mut Asker,
        number: u16,
    ) -> Result<(u16, Option<Vec<u8>>), Refusal> {
        let mut reservations = 0;
        loop {
            match self.parts(asker, number) {
                Err(Refusal::Code(RESERVATION_LOST)) if reservations < RESERVATIONS => {
                    reservations += 1;
                    self.reservation = None;
                }
                Err(Refusal::Code(code)) if TOO_LONG.contains(&code) => {
                    let shorter = PARTS.iter().copied().find(|length| *length < self.length);
                    self.length = shorter.ok_or(Refusal::Code(code))?;
                }
                other => return other,
            }
        }
    }

    fn parts(&mut self, asker: &mut Asker, number: u16) -> Result<(u16, Option<Vec<u8>>), Refusal> {
        let mut record: Vec<u8> = Vec::new();
        let mut whole = usize::from(u8::MAX);
        let mut next = END;
        while record.len() < whole {
            let missing = u8::try_from(whole - record.len()).unwrap_or(u8::MAX);
            // In parts, the header comes first: some BMCs refuse to be asked for more than there is.
            let length = match self.length {
                WHOLE => WHOLE,
                _ if record.is_empty() => HEADER,
                part => part.min(missing),
            };
            let offset = u8::try_from(record.len()).unwrap_or(u8::MAX);
            let answer = self.part(asker, number, offset, length)?;
            let (after, part) = answer.split_first_chunk::<2>().ok_or_else(short)?;
            if record.is_empty() {
                next = u16::from_le_bytes(*after);
            }
            // Nothing more comes: what there is must do.
            if part.is_empty() {
                break;
            }
            record.extend(part);
            if let Some(body) = record.get(HEADER_BYTES - 1) {
                whole = HEADER_BYTES + usize::from(*body);
            }
            // It gave what it can at once, and no error.
            if self.length == WHOLE && record.len() < whole {
                self.length = PARTS.first().copied().unwrap_or(WHOLE);
            }
        }
        if record.len() < HEADER_BYTES {
            return Ok((next, None));
        }
        record.truncate(whole);
        // One that ends before it says so is put right, so that the next one is found.
        let body = u8::try_from(record.len() - HEADER_BYTES).unwrap_or(u8::MAX);
        if let Some(length) = record.get_mut(HEADER_BYTES - 1) {
            *length = body;
        }
        Ok((next, Some(record)))
    }

    fn part(
        &mut self,
        asker: &mut Asker,
        number: u16,
        offset: u8,
        length: u8,
    ) -> Result<Vec<u8>, Refusal> {
        let (netfn, read, reserve) = self.list.commands();
        // Whole records need no reservation, and some BMCs have none to give.
        let reservation = match self.reservation {
            _ if length == WHOLE => [0; 2],
            Some(reservation) => reservation,
            None => match asker.ask(netfn, reserve, &[]) {
                Ok(answer) => *answer.first_chunk::<2>().ok_or_else(short)?,
                Err(Refusal::Code(code)) if NO_SUCH_COMMAND.contains(&code) => [0; 2],
                Err(refusal) => return Err(refusal),
            },
        };
        if length != WHOLE {
            self.reservation = Some(reservation);
        }
        let [low, high] = number.to_le_bytes();
        let [first, second] = reservation;
        asker.ask(netfn, read, &[first, second, low, high, offset, length])
    }
}

/// An answer without even the number of the next record: as good as a refusal without a reason.
fn short() -> Refusal {
    Refusal::Code(UNSPECIFIED)
}
