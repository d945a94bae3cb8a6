//! Files of the spool as they stand in its directory: their names, their heads, and how far each
//! reader is. Pure but for the names.

use serde::{Deserialize, Serialize};

use super::Class;
use super::ring::{Entry, Segment, length};
use crate::store::frame;

/// Opens every file of frames: name, version, end of line.
pub(super) const HEADER: [u8; 16] = *b"hw-spool   0001\n";
/// Bytes of the number before each payload.
pub(super) const NUMBER_BYTES: usize = 8;
/// The file of positions, and its name while it is written.
pub(super) const POSITIONS: &str = "positions";
pub(super) const POSITIONS_NEW: &str = "positions.new";
const ENDING: &str = ".hws";

/// `bulk-00000000000000000017.hws`: the number of its first frame, so that names sort.
pub(super) fn name(class: Class, first: u64) -> String {
    format!("{}-{first:020}{ENDING}", word(class))
}

/// What the name of a file of ours says; names of others, and of later versions, are not ours.
pub(super) fn place(name: &str) -> Option<(Class, u64)> {
    let (word, number) = name.strip_suffix(ENDING)?.split_once('-')?;
    let class = [Class::Bulk, Class::Event].into_iter().find(|class| self::word(*class) == word)?;
    let first = number.parse().ok()?;
    (self::name(class, first) == name).then_some((class, first))
}

fn word(class: Class) -> &'static str {
    match class {
        Class::Bulk => "bulk",
        Class::Event => "event",
    }
}

/// A payload as it stands in a frame.
pub(super) fn numbered(number: u64, payload: &[u8]) -> Vec<u8> {
    frame::encode(&[&number.to_le_bytes()[..], payload].concat())
}

/// The payload without its number, if it is the right one.
pub(super) fn payload_of(number: u64, numbered: &[u8]) -> Option<&[u8]> {
    let (found, payload) = numbered.split_first_chunk::<NUMBER_BYTES>()?;
    (u64::from_le_bytes(*found) == number).then_some(payload)
}

/// The index of a file, and the numbers of frames before which others were damaged. Frames that do
/// not follow `last` are left out: they were written twice. `None` when the file is not ours.
pub(super) fn index(bytes: &[u8], first: u64, last: u64) -> Option<(Segment, Vec<u64>)> {
    if !bytes.starts_with(&HEADER) {
        return None;
    }
    let found = frame::salvage(bytes, HEADER.len());
    let mut segment = Segment {
        first,
        bytes: length(bytes.len()),
        whole: found.good_bytes == bytes.len(),
        entries: Vec::with_capacity(found.payloads.len()),
    };
    let mut damaged = Vec::new();
    let mut last = last;
    for (place, payload) in found.payloads.iter().enumerate() {
        let numbered = bytes.get(payload.clone()).unwrap_or_default();
        let Some(number) = numbered.first_chunk().map(|head| u64::from_le_bytes(*head)) else {
            continue;
        };
        if found.after_damage.contains(&place) {
            damaged.push(number);
        }
        let (from, to) = (u32::try_from(payload.start), u32::try_from(payload.end));
        if let (Ok(from), Ok(to)) = (from, to)
            && number > last
            && number < u64::MAX / 2
        {
            segment.entries.push(Entry { number, from, to });
            last = number;
        }
    }
    Some((segment, damaged))
}

/// How far every reader is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Positions {
    /// The number that the next frame gets.
    pub(super) next: u64,
    pub(super) readers: Vec<Position>,
}

/// How far one reader is: the first numbers that it has not passed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) name: String,
    pub(super) bulk: u64,
    pub(super) events: Option<u64>,
}

impl Positions {
    pub(super) fn encode(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        [&HEADER[..], &frame::encode(&text)].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let found = frame::salvage(bytes.strip_prefix(&HEADER)?, 0);
        let place = found.payloads.first()?.clone();
        let positions: Self =
            serde_json::from_slice(bytes.get(HEADER.len()..)?.get(place)?).ok()?;
        let sane = |number: u64| number < u64::MAX / 2;
        let all = positions.readers.iter().flat_map(|r| [r.bulk, r.events.unwrap_or_default()]);
        (sane(positions.next) && all.into_iter().all(sane)).then_some(positions)
    }
}

/// Everything that bytes amount to, as frames or as positions: for tests of what bytes can do.
#[must_use]
pub fn frames_in(bytes: &[u8]) -> usize {
    let positions = Positions::decode(bytes).map_or(0, |positions| positions.readers.len());
    positions + index(bytes, 0, 0).map_or(0, |(segment, _)| segment.entries.len())
}
