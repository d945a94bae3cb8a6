//! The journal's file format: a header, then frames, each with marker, length and checksum. The spool's
//! files are made of the same frames.
//!
//! Pure: bytes in, frames out. Tells the tail that a crash leaves from damage that no crash makes.

use std::ops::Range;

use crate::model::limit::JOURNAL_FRAME_BYTES;

/// Opens every journal: name, version, end of line.
pub const HEADER: [u8; 16] = *b"hw-journal 0001\n";
/// Opens every frame. With it, frames behind a damaged one are found again.
const MARKER: [u8; 4] = *b"\xf6HWf";
/// Marker, payload length, checksum; numbers are little-endian.
const FRAME_HEAD_BYTES: usize = 12;
/// Work spent on finding frames behind a bad one, as a multiple of the file's size: a file made of
/// markers must not cost its size squared.
const SEARCH_EFFORT: usize = 4;

/// What a journal's bytes amount to.
#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    /// The whole frames before the first bad byte.
    pub frames: Vec<Vec<u8>>,
    /// Bytes up to there.
    pub good_bytes: usize,
    /// What comes after.
    pub end: End,
}

/// What follows the last whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing.
    Whole,
    /// An unfinished frame: the normal trace of a crash.
    Torn,
    /// A bad frame with whole ones behind it: no crash of ours does that.
    Damaged,
    /// The file does not open as a journal of this version does.
    Foreign,
}

/// One frame as it stands in the file.
#[must_use]
pub fn encode(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::with_capacity(FRAME_HEAD_BYTES + payload.len());
    bytes.extend_from_slice(&MARKER);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&checksum(length, payload).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Reads a whole journal.
#[must_use]
pub fn scan(bytes: &[u8]) -> Scan {
    if bytes.get(..HEADER.len()) != Some(&HEADER) {
        // A journal is born by rename with its header in it; an empty file was made by others.
        let end = if bytes.is_empty() { End::Torn } else { End::Foreign };
        return Scan { frames: Vec::new(), good_bytes: 0, end };
    }
    let mut frames = Vec::new();
    let mut at = HEADER.len();
    while let Some(payload) = frame_at(bytes, at) {
        at += FRAME_HEAD_BYTES + payload.len();
        frames.push(payload.to_vec());
    }
    let end = if at == bytes.len() {
        End::Whole
    } else if any_frame_after(bytes, at) {
        End::Damaged
    } else {
        End::Torn
    };
    Scan { frames, good_bytes: at, end }
}

/// Every whole frame of a file, those behind damage too.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Salvage {
    /// Where the payloads stand, in the order of the file.
    pub payloads: Vec<Range<usize>>,
    /// Numbers of those that come right after something that is no frame.
    pub after_damage: Vec<usize>,
    /// Bytes up to the end of the last whole frame.
    pub good_bytes: usize,
}

/// Reads the frames behind a header of `from` bytes, and goes on behind what is none.
#[must_use]
pub fn salvage(bytes: &[u8], from: usize) -> Salvage {
    let mut found = Salvage { good_bytes: from, ..Salvage::default() };
    let mut effort = bytes.len().saturating_mul(SEARCH_EFFORT);
    let mut at = from;
    loop {
        while let Some(payload) = frame_at(bytes, at) {
            if at != found.good_bytes {
                found.after_damage.push(found.payloads.len());
            }
            let start = at + FRAME_HEAD_BYTES;
            at = start + payload.len();
            found.payloads.push(start..at);
            found.good_bytes = at;
        }
        let Some(left) = next_marker(bytes, &mut at, effort) else { return found };
        effort = left;
    }
}

/// The payload of the frame whose payload should stand there, if it is whole.
#[must_use]
pub fn payload_at(bytes: &[u8], payload: Range<usize>) -> Option<&[u8]> {
    let found = frame_at(bytes, payload.start.checked_sub(FRAME_HEAD_BYTES)?)?;
    (found.len() == payload.len()).then_some(found)
}

/// How many bytes a frame takes in the file.
#[must_use]
pub fn length_of(payload: &[u8]) -> usize {
    FRAME_HEAD_BYTES + payload.len()
}

/// The checksum covers the length too, so that a run of zeros is no frame.
fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

fn frame_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?.strip_prefix(&MARKER)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let payload_bytes = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if payload_bytes > JOURNAL_FRAME_BYTES {
        return None;
    }
    let payload = rest.get(..payload_bytes)?;
    (checksum(*length, payload) == u32::from_le_bytes(*sum)).then_some(payload)
}

fn any_frame_after(bytes: &[u8], bad: usize) -> bool {
    let mut effort = bytes.len().saturating_mul(SEARCH_EFFORT);
    let mut at = bad;
    while marker_after(bytes, &mut at) {
        let Some(left) = effort.checked_sub(claim(bytes, at)) else {
            // Made to be slow, so not made by us: keep it for a person.
            return true;
        };
        effort = left;
        if frame_at(bytes, at).is_some() {
            return true;
        }
    }
    false
}

/// Goes on to the next marker behind `at`; says what is left of the effort after reading what the
/// frame there claims to be. `None` when there is none, or no effort left.
fn next_marker(bytes: &[u8], at: &mut usize, effort: usize) -> Option<usize> {
    if marker_after(bytes, at) { effort.checked_sub(claim(bytes, *at)) } else { None }
}

fn marker_after(bytes: &[u8], at: &mut usize) -> bool {
    let from = at.saturating_add(1);
    let rest = bytes.get(from..).filter(|rest| rest.len() >= FRAME_HEAD_BYTES);
    let step = rest.and_then(|rest| rest.windows(MARKER.len()).position(|four| four == MARKER));
    *at = from + step.unwrap_or_default();
    step.is_some()
}

/// How many bytes must be read to judge the frame there.
fn claim(bytes: &[u8], at: usize) -> usize {
    let claimed = bytes
        .get(at + MARKER.len()..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map_or(0, |length| u32::from_le_bytes(*length));
    usize::try_from(claimed).unwrap_or(usize::MAX).min(bytes.len().saturating_sub(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for payload in payloads {
            bytes.extend(encode(payload));
        }
        bytes
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let scan = scan(&journal(&[b"one", b"", b"three"]));
        assert_eq!(scan.frames, [b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        assert_eq!(scan.end, End::Whole);
    }

    #[test]
    fn every_cut_is_a_torn_tail_that_keeps_the_frames_before_it() {
        let whole = journal(&[b"first", b"second"]);
        let first_end = journal(&[b"first"]).len();
        for cut in HEADER.len()..whole.len() {
            let scan = scan(&whole[..cut]);
            let expected = usize::from(cut >= first_end);
            assert_eq!(scan.frames.len(), expected, "cut at {cut}");
            let at_a_border = cut == HEADER.len() || cut == first_end;
            assert_eq!(scan.end, if at_a_border { End::Whole } else { End::Torn });
        }
    }

    #[test]
    fn a_tail_of_zeros_is_no_frame() {
        let mut bytes = journal(&[b"first"]);
        let good = bytes.len();
        bytes.extend([0; 600]);
        let scan = scan(&bytes);
        assert_eq!((scan.frames.len(), scan.good_bytes, scan.end), (1, good, End::Torn));
    }

    #[test]
    fn any_flipped_bit_before_the_last_frame_is_damage() {
        let whole = journal(&[b"first", b"second", b"third"]);
        let first_end = journal(&[b"first"]).len();
        let second_end = journal(&[b"first", b"second"]).len();
        for bit in first_end * 8..second_end * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let scan = scan(&bytes);
            assert_eq!((scan.frames.len(), scan.end), (1, End::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn what_stands_behind_damage_is_salvaged() {
        let whole = journal(&[b"first", b"second", b"third"]);
        let (first, second) = (journal(&[b"first"]).len(), journal(&[b"first", b"second"]).len());
        let texts = |bytes: &[u8]| -> (Vec<String>, Vec<usize>) {
            let found = salvage(bytes, HEADER.len());
            let text = |place: &Range<usize>| {
                assert_eq!(payload_at(bytes, place.clone()).unwrap(), &bytes[place.clone()]);
                String::from_utf8(bytes[place.clone()].to_vec()).unwrap()
            };
            (found.payloads.iter().map(text).collect(), found.after_damage)
        };
        assert_eq!(texts(&whole).0, ["first", "second", "third"]);
        for bit in first * 8..second * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(texts(&bytes).0, ["first", "third"], "bit {bit}");
            assert_eq!(texts(&bytes).1, [1], "bit {bit}");
        }
        for cut in second..whole.len() {
            let found = salvage(&whole[..cut], HEADER.len());
            assert_eq!((found.payloads.len(), found.good_bytes), (2, second));
            assert!(found.after_damage.is_empty());
        }
    }

    #[test]
    fn another_header_is_foreign() {
        assert_eq!(scan(b"hw-journal 0002\n").end, End::Foreign);
        assert_eq!(scan(b"hw-").end, End::Foreign);
        assert_eq!(scan(b"").end, End::Torn);
    }

    #[test]
    fn a_file_of_markers_does_not_cost_its_square() {
        let mut bytes = HEADER.to_vec();
        while bytes.len() < 2 << 20 {
            bytes.extend(MARKER);
            bytes.extend((1_u32 << 20).to_le_bytes());
        }
        // Hundreds of thousands of claims of 1 MiB each: hours if each were checked.
        assert_eq!(scan(&bytes).end, End::Damaged);
        assert!(salvage(&bytes, HEADER.len()).payloads.is_empty());
    }
}
