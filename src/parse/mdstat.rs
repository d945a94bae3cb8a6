//! `/proc/mdstat`: one array a paragraph.
//!
//! Owns: the text alone. It shows failed and spare members, slots in use and progress, and says
//! `active` of arrays that lost their data; what that means is not decided here. One odd line
//! costs that line, not the arrays after it.

use super::{fields, fraction, lines, number};

/// Members of one array that are looked at; the format has room for 384.
const MEMBERS: usize = 4096;

/// One array.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Array {
    /// `md0`, `md127`, `md_d0`, `md_data`.
    pub name: String,
    /// `active`, `inactive`, `broken`.
    pub activity: String,
    /// `read-only` or `auto-read-only`.
    pub read_only: Option<String>,
    /// `raid1`, `linear`; none if the array does not run.
    pub personality: Option<String>,
    /// In the kernel's order, which is not that of the slots.
    pub members: Vec<Member>,
    /// Size.
    pub size_kib: Option<u64>,
    /// `1.2`, `external:imsm`, `non-persistent`; none for version 0.90.
    pub metadata: Option<String>,
    /// Places of the array, and how many have a member in sync: `[3/2]`.
    pub slots: Option<(u64, u64)>,
    /// For each slot whether it is in sync: `[U_U]`.
    pub map: Vec<bool>,
    /// RAID10: copies of each block beside each other, and far apart.
    pub copies: (u64, u64),
    /// What is going on.
    pub sync: Option<Sync>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `sda1`.
    pub device: String,
    /// Letters in brackets: `F`ailed, `S`pare, `W`rite-mostly, `J`ournal, `R`eplacement.
    pub flags: Vec<char>,
}

impl Member {
    /// Whether a letter stands behind its name.
    #[must_use]
    pub fn is(&self, flag: char) -> bool {
        self.flags.contains(&flag)
    }
}

/// A running or waiting synchronisation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sync {
    /// `recovery`, `resync`, `reshape`, `check`.
    pub action: String,
    /// `DELAYED`, `PENDING`, `REMOTE` if it does not run here and now.
    pub waiting: Option<String>,
    /// Done.
    pub percent: Option<f64>,
    /// Position, in KiB of a member.
    pub done_kib: Option<u64>,
    /// The kernel's estimate.
    pub left_minutes: Option<f64>,
    /// The kernel's average.
    pub kib_per_second: Option<u64>,
}

/// Takes the file apart.
#[must_use]
pub fn mdstat(text: &[u8]) -> Vec<Array> {
    let mut arrays: Vec<Array> = Vec::new();
    let mut inside = false;
    for line in lines(text) {
        let indented = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        if !indented {
            let array = heading(line);
            inside = array.is_some();
            arrays.extend(array);
        } else if inside && let Some(array) = arrays.last_mut() {
            detail(line, array);
        }
    }
    arrays
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// `md0 : active (auto-read-only) raid1 sdb1[1](F) sda1[0]`.
fn heading(line: &[u8]) -> Option<Array> {
    let mut words = fields(line);
    let name = words.next()?;
    if words.next()? != b":" || name == b"Personalities" {
        return None;
    }
    let mut array = Array { name: text(name), copies: (1, 1), ..Array::default() };
    array.activity = text(words.next().unwrap_or_default());
    for word in words.take(MEMBERS) {
        if let Some(member) = member(word) {
            array.members.push(member);
        } else if let Some(inner) = word.strip_prefix(b"(").and_then(|word| word.strip_suffix(b")"))
        {
            array.read_only = Some(text(inner));
        } else if array.personality.is_none() && array.members.is_empty() {
            array.personality = Some(text(word));
        }
    }
    Some(array)
}

/// `sdb1[1](F)`: the number is an id, not the slot.
fn member(word: &[u8]) -> Option<Member> {
    let open = word.iter().position(|byte| *byte == b'[')?;
    let (device, rest) = word.split_at_checked(open)?;
    let close = rest.iter().position(|byte| *byte == b']')?;
    if device.is_empty() || !rest.get(1..close)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let flags = rest.get(close + 1..)?.iter().filter(|byte| byte.is_ascii_alphabetic());
    Some(Member { device: text(device), flags: flags.map(|byte| char::from(*byte)).collect() })
}

/// The lines below a heading.
fn detail(line: &[u8], array: &mut Array) {
    let words: Vec<&[u8]> = fields(line).take(MEMBERS).collect();
    if words.first() == Some(&&b"bitmap:"[..]) {
        return;
    }
    if line.contains(&b'%') {
        array.sync = progress(&words).or_else(|| array.sync.take());
        return;
    }
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| words.get(before)).copied();
        match *word {
            b"blocks" => array.size_kib = before.and_then(number),
            b"near-copies" => array.copies.0 = before.and_then(number).unwrap_or(1),
            b"far-copies" | b"offset-copies" => {
                array.copies.1 = before.and_then(number).unwrap_or(1);
            }
            _ if before == Some(b"super") => array.metadata = Some(text(word)),
            _ => bracket_or_waiting(word, array),
        }
    }
}

fn bracket_or_waiting(word: &[u8], array: &mut Array) {
    if let Some(inner) = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")) {
        if let Some(slash) = inner.iter().position(|byte| *byte == b'/') {
            let (all, up) = inner.split_at_checked(slash).unwrap_or_default();
            if let (Some(all), Some(up)) = (number(all), up.get(1..).and_then(number)) {
                array.slots = Some((all, up));
            }
        } else if !inner.is_empty() && inner.iter().all(|byte| matches!(byte, b'U' | b'_')) {
            array.map = inner.iter().map(|byte| *byte == b'U').collect();
        }
    } else if let Some(equals) = word.iter().position(|byte| *byte == b'=') {
        let (action, waiting) = word.split_at_checked(equals).unwrap_or_default();
        let waiting = waiting.get(1..).unwrap_or_default();
        if waiting.first().is_some_and(u8::is_ascii_uppercase)
            && waiting.iter().all(u8::is_ascii_uppercase)
        {
            array.sync = Some(Sync {
                action: text(action),
                waiting: Some(text(waiting)),
                ..Sync::default()
            });
        }
    }
}

/// `[=>....]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec`.
fn progress(words: &[&[u8]]) -> Option<Sync> {
    let mut sync = Sync::default();
    for word in words {
        if let Some(minutes) = word.strip_prefix(b"finish=") {
            sync.left_minutes = fraction(minutes.strip_suffix(b"min").unwrap_or(minutes));
        } else if let Some(speed) = word.strip_prefix(b"speed=") {
            sync.kib_per_second = number(speed.strip_suffix(b"K/sec").unwrap_or(speed));
        } else if let Some(percent) = word.strip_suffix(b"%") {
            // From 100% on the equals sign touches the number.
            sync.percent = fraction(percent.strip_prefix(b"=").unwrap_or(percent));
        } else if let Some(inner) = word.strip_prefix(b"(") {
            let done = inner.split(|byte| *byte == b'/').next().unwrap_or_default();
            sync.done_kib = number(done);
        } else if word.first().is_some_and(u8::is_ascii_alphabetic) && sync.action.is_empty() {
            sync.action = text(word.strip_suffix(b"=").unwrap_or(word));
        }
    }
    (!sync.action.is_empty()).then_some(sync)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::mutate::any_text;

    const SAMPLE: &str = "Personalities : [raid6] [raid5] [raid4] [raid1] [raid10]\n\
md4 : inactive raid1 sda3[0](F) sdb3[1](S)\n      4883648 blocks [2/2] [UU]\n      \n\
md6 : active raid1 sdb2[2](F) sdc[1](W)(S) sda2[0]\n      195310144 blocks [2/1] [U_]\n      \
[=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min \
speed=259783K/sec\n      \n\
md2 : active (auto-read-only) raid10 cciss/c0d0p1[0] sdb[1]\n      67067904 blocks super 1.2 \
512K chunks 2 near-copies [2/2] [UU]\n      \tresync=PENDING\n      bitmap: 0/1 pages [0KB], \
65536KB chunk\n\n\
md_d0 : broken raid0 sde[0]\n      10 blocks super 1.2 512k chunks\n      \n\
md127 : inactive sda[1](S)\n      5288 blocks super external:imsm\n       \n\
unused devices: <none>\n";

    #[test]
    fn every_part_of_a_paragraph_is_read() {
        let arrays = mdstat(SAMPLE.as_bytes());
        let names: Vec<&str> = arrays.iter().map(|array| array.name.as_str()).collect();
        assert_eq!(names, ["md4", "md6", "md2", "md_d0", "md127"]);
        assert_eq!(arrays[0].activity, "inactive");
        assert_eq!(arrays[0].personality.as_deref(), Some("raid1"));
        let rebuilt = &arrays[1];
        assert_eq!((rebuilt.slots, &*rebuilt.map), (Some((2, 1)), &[true, false][..]));
        assert!(rebuilt.members[0].is('F') && rebuilt.members[1].is('W'));
        let sync = rebuilt.sync.as_ref().unwrap();
        assert_eq!((sync.action.as_str(), sync.percent), ("recovery", Some(8.5)));
        assert_eq!((sync.left_minutes, sync.kib_per_second), (Some(17.0), Some(259_783)));
        assert_eq!(sync.done_kib, Some(16_775_552));
        let waits = &arrays[2];
        assert_eq!(waits.read_only.as_deref(), Some("auto-read-only"));
        assert_eq!(waits.members[0].device, "cciss/c0d0p1");
        assert_eq!(waits.copies, (2, 1));
        assert_eq!(waits.sync.as_ref().unwrap().waiting.as_deref(), Some("PENDING"));
        assert_eq!((arrays[3].activity.as_str(), arrays[3].slots), ("broken", None));
        assert_eq!(arrays[4].metadata.as_deref(), Some("external:imsm"));
        assert_eq!((arrays[4].personality.as_ref(), arrays[4].size_kib), (None, Some(5288)));
    }

    #[test]
    fn the_end_of_a_rebuild_touches_the_equals_sign() {
        let text =
            b"md0 : active raid1 sda[0]\n [====]  check =100.0% (5/5) finish=0.0min speed=1K/sec\n";
        assert_eq!(mdstat(text)[0].sync.as_ref().unwrap().percent, Some(100.0));
    }

    #[test]
    fn an_odd_paragraph_costs_only_itself() {
        let text =
            b"md0 :\n   ??? [x/y] []\nmd1 : active raid1 sda[0] sdb[z] sdc[1](\n [2/2] [UU]\n";
        let arrays = mdstat(text);
        assert_eq!(arrays.len(), 2);
        assert_eq!((arrays[1].slots, arrays[1].members.len()), (Some((2, 2)), 2));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any_text(SAMPLE)) {
            let _ = mdstat(&text);
        }
    }
}
