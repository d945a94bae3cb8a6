//! Takes out of a text what names one machine or its owner: addresses, serial numbers, UUIDs, host
//! names. The same value always becomes the same other value of the same form. Pure; the key that
//! decides the values is the caller's, so that nobody can find the way back.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher as _};

/// Shortest serial number that is taken for one.
const SERIAL_CHARS: usize = 4;
/// Tries to find a value that is not taken; forms of two characters have few.
const TRIES: u32 = 64;

/// Replaces, and remembers what it replaced.
#[derive(Debug)]
pub struct Scrubber<S> {
    key: S,
    known: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    /// Names and serial numbers that no form tells, longest first.
    literals: Vec<String>,
}

impl<S: BuildHasher> Scrubber<S> {
    /// Nothing known yet.
    pub fn new(key: S) -> Self {
        Self { key, known: BTreeMap::new(), taken: BTreeSet::new(), literals: Vec::new() }
    }

    /// A host's name, which may be short, that is to be replaced wherever it stands alone.
    pub fn learn_name(&mut self, name: &str) {
        let known = self.literals.iter().any(|literal| literal == name);
        let is_name = name.len() > 1
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if is_name && !known && !name.starts_with("localhost") && ipv4(name).is_none() {
            self.literals.push(name.to_owned());
            self.literals.sort_by_key(|literal| std::cmp::Reverse(literal.len()));
        }
    }

    /// A name or serial number that is to be replaced wherever it stands alone.
    pub fn learn(&mut self, value: &str) {
        let value = value.trim();
        let plain = ["localhost", "none", "unknown", "default", "0000"];
        let known = self.literals.iter().any(|literal| literal == value);
        let dull = value.chars().all(|c| matches!(c, '0' | ' ' | '.' | '-'));
        if value.len() < SERIAL_CHARS || plain.contains(&value.to_lowercase().as_str()) || known {
            return;
        }
        if !dull {
            self.literals.push(value.to_owned());
            self.literals.sort_by_key(|literal| std::cmp::Reverse(literal.len()));
        }
    }

    /// Learns what a tool's output calls a serial number or a world-wide name.
    pub fn learn_from(&mut self, text: &str) {
        const KEYS: &[&str] = &["serial", "\"sn\"", "wwn", "wwid", "sn ", "sn="];
        for line in text.lines() {
            let lower = line.to_lowercase();
            let Some((name, value)) = line.split_once([':', '=']) else { continue };
            let name = lower.get(..name.len() + 1).unwrap_or_default();
            if KEYS.iter().any(|key| name.contains(key)) {
                let value = value.trim().trim_matches(['"', ',', ' ']);
                if value.chars().any(|c| c.is_ascii_digit()) {
                    self.learn(value);
                }
            }
        }
    }

    /// The text without what names the machine.
    pub fn scrub(&mut self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        let mut before: Option<char> = None;
        while let Some(first) = rest.chars().next() {
            let starts = before.is_none_or(|c| !c.is_ascii_alphanumeric());
            if let Some((length, new)) = starts.then(|| self.find(rest)).flatten() {
                clean.push_str(&new);
                before = rest.get(..length).and_then(|old| old.chars().next_back());
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            clean.push(first);
            before = Some(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        clean
    }

    /// What stands for a value, the other way round: for paths that were made of scrubbed names.
    #[must_use]
    pub fn restore(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (old, new) in &self.known {
            text = text.replace(new, old);
        }
        text
    }

    /// Something to replace at the very begin of a text: its length, and what comes instead.
    fn find(&mut self, text: &str) -> Option<(usize, String)> {
        let literal = self
            .literals
            .iter()
            .find(|literal| begins(text, literal.len(), |at| at == literal.as_str()));
        if let Some(literal) = literal.cloned() {
            return Some((literal.len(), self.other(&literal, "")));
        }
        for (form, kept) in FORMS {
            if let Some(length) = form(text) {
                let old = text.get(..length)?;
                let new = if is_of_nobody(old) { old.to_owned() } else { self.other(old, kept) };
                return Some((length, new));
            }
        }
        let length = ipv4(text)?;
        let old = text.get(..length)?;
        let special = old.starts_with("127.") || old.starts_with("0.") || old.starts_with("255.");
        let new = if special { old.to_owned() } else { self.address(old) };
        Some((length, new))
    }

    /// An address from the networks that are set aside for tests (RFC 2544).
    fn address(&mut self, old: &str) -> String {
        if let Some(known) = self.known.get(old) {
            return known.clone();
        }
        let number = self.known.len() + 1;
        let new = format!("198.18.{}.{}", (number / 254) % 256, number % 254 + 1);
        self.remember(old, new)
    }

    /// Another value of the same form; `kept` begins it.
    fn other(&mut self, old: &str, kept: &str) -> String {
        if let Some(known) = self.known.get(old) {
            return known.clone();
        }
        // Upper and lower case of one address are one address.
        let folded = old.to_ascii_lowercase();
        let mut new = String::new();
        for round in 0..TRIES {
            new = kept.to_owned();
            for (place, c) in old.chars().enumerate().skip(kept.chars().count()) {
                let mut hasher = self.key.build_hasher();
                hasher.write(folded.as_bytes());
                hasher.write_u32(round);
                hasher.write_usize(place);
                new.push(alike(c, hasher.finish()));
            }
            if !self.taken.contains(&new) && new != old {
                break;
            }
        }
        self.remember(old, new)
    }

    fn remember(&mut self, old: &str, new: String) -> String {
        self.taken.insert(new.clone());
        self.known.insert(old.to_owned(), new.clone());
        new
    }
}

/// A character of the same class: hexadecimal digits stay such.
fn alike(c: char, hash: u64) -> char {
    let pick = |from: &str| {
        let count = from.len().max(1) as u64;
        let index = usize::try_from(hash % count).unwrap_or(0);
        from.chars().nth(index).unwrap_or(c)
    };
    match c {
        '0'..='9' => pick("0123456789"),
        'a'..='f' => pick("abcdef"),
        'A'..='F' => pick("ABCDEF"),
        'g'..='z' => pick("ghijklmnopqrstuvwxyz"),
        'G'..='Z' => pick("GHIJKLMNOPQRSTUVWXYZ"),
        other => other,
    }
}

/// Values that say something by themselves: no partner, everybody, not set.
fn is_of_nobody(value: &str) -> bool {
    let hex: Vec<char> = value.chars().filter(char::is_ascii_hexdigit).collect();
    hex.iter().all(|c| *c == '0') || hex.iter().all(|c| matches!(c, 'f' | 'F'))
}

/// Whether the first `length` bytes stand alone and are right.
fn begins(text: &str, length: usize, right: impl Fn(&str) -> bool) -> bool {
    let alone = text
        .get(length..)
        .is_some_and(|rest| rest.chars().next().is_none_or(|next| !next.is_ascii_alphanumeric()));
    alone && text.get(..length).is_some_and(right)
}

type Form = fn(&str) -> Option<usize>;

/// Forms that tell themselves, and what of them stays.
const FORMS: &[(Form, &str)] = &[
    (|text| groups(text, &[8, 4, 4, 4, 12], '-', hex), ""),
    (|text| groups(text, &[6, 4, 4, 4, 4, 4, 6], '-', alphanumeric), ""),
    (|text| groups(text, &[8, 8, 8, 8], ':', hex), ""),
    (|text| groups(text, &[2; 20], ':', hex), ""),
    (|text| groups(text, &[2; 8], ':', hex), ""),
    (|text| groups(text, &[2; 6], ':', hex), "02"),
    (|text| groups(text, &[2; 6], '-', hex), "02"),
    (|text| groups(text, &[4, 4], '-', upper_hex), ""),
    (|text| groups(text, &[64], '-', alphanumeric), ""),
    (|text| groups(text, &[32], '-', hex), ""),
    (|text| prefixed(text, "0x5", 18), "0x5"),
    (|text| prefixed(text, "naa.", 20), "naa."),
    (|text| prefixed(text, "naa.", 36), "naa."),
    (|text| prefixed(text, "eui.", 20), "eui."),
    (|text| prefixed(text, "eui.", 36), "eui."),
    (ipv6, ""),
];

fn hex(c: u8) -> bool {
    c.is_ascii_hexdigit()
}

fn upper_hex(c: u8) -> bool {
    c.is_ascii_digit() || matches!(c, b'A'..=b'F')
}

fn alphanumeric(c: u8) -> bool {
    c.is_ascii_alphanumeric()
}

/// Groups of characters of these lengths, with a separator between them.
fn groups(text: &str, lengths: &[usize], separator: char, of: fn(u8) -> bool) -> Option<usize> {
    let total = lengths.iter().sum::<usize>() + lengths.len().saturating_sub(1);
    let right = |value: &str| {
        let parts: Vec<&str> = value.split(separator).collect();
        parts.len() == lengths.len()
            && parts.iter().zip(lengths).all(|(part, length)| part.len() == *length)
            && parts.iter().all(|part| part.bytes().all(of))
    };
    // A longer chain of the same kind is something else.
    let goes_on = text.get(total..).is_some_and(|rest| {
        let mut next = rest.chars();
        next.next() == Some(separator) && next.next().is_some_and(|c| c.is_ascii_hexdigit())
    });
    (begins(text, total, right) && !(goes_on && lengths.len() > 1)).then_some(total)
}

fn prefixed(text: &str, prefix: &str, total: usize) -> Option<usize> {
    let right = |value: &str| value.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(hex));
    begins(text, total, right).then_some(total)
}

fn ipv4(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let value = text.get(..end)?.trim_end_matches('.');
    let parts: Vec<&str> = value.split('.').collect();
    let octet = |part: &&str| part.len() <= 3 && part.parse::<u8>().is_ok();
    let right = parts.len() == 4 && parts.iter().all(octet);
    (right && begins(text, value.len(), |_| true)).then_some(value.len())
}

fn ipv6(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_hexdigit() && c != ':').unwrap_or(text.len());
    let value = text.get(..end)?;
    let colons = value.matches(':').count();
    let short = value.contains("::") && value != "::" && value != "::1" && !value.ends_with(":::");
    let right = (colons == 7 || (short && colons >= 2))
        && !value.starts_with(':')
        && value.parse::<std::net::Ipv6Addr>().is_ok();
    (right && begins(text, value.len(), |_| true)).then_some(value.len())
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasherDefault;

    use proptest::prelude::*;

    use super::*;

    type Key = BuildHasherDefault<std::hash::DefaultHasher>;

    fn scrubber() -> Scrubber<Key> {
        Scrubber::new(Key::default())
    }

    #[test]
    fn what_names_a_machine_is_gone_and_the_rest_stays() {
        let mut scrubber = scrubber();
        for name in ["db03.example.net", "db03"] {
            scrubber.learn(name);
        }
        scrubber.learn_from("Serial Number:  WD-WX12345\n\"SN\" : \"S3Z9NB0K\",\nSize: 4096\n");
        let old = "db03 00:1b:21:aa:bb:cc 10.1.2.3:2049 fe80::21b:21ff:feaa:bbcc WD-WX12345 \
                   dm-uuid-1b4e28ba-2fa1-11d2-883f-0016d3cca427 S3Z9NB0K 0x5000c500a1b2c3d4";
        let new = scrubber.scrub(old);
        for gone in ["db03", "1b:21", "10.1.2.3", "feaa", "WX12345", "11d2", "S3Z9", "a1b2c3d4"] {
            assert!(!new.contains(gone), "{gone} in {new}");
        }
        assert_eq!(new.len() + 2, old.len() + 4, "forms are kept, but for one address: {new}");
        assert!(
            new.contains(" 02:") && new.contains(":2049 ") && new.contains("dm-uuid-"),
            "{new}"
        );
        let same = "mydb03x 0000:00:1f.2 00:00:00:00:00:00 ff:ff:ff:ff:ff:ff 127.0.0.1 0.0.0.0 \
                    ::1 12:30:45 4096 1.2.3 md0 : active raid1 sda1[0] [UU]";
        assert_eq!(scrubber.scrub(same), same);
        assert_eq!(scrubber.restore(&new), old);
    }

    proptest! {
        #[test]
        fn the_same_value_becomes_the_same_and_others_stay_apart(
            a in "[0-9a-f]{2}(:[0-9a-f]{2}){5}",
            b in "[0-9a-f]{2}(:[0-9a-f]{2}){5}",
        ) {
            let mut scrubber = scrubber();
            let first = scrubber.scrub(&format!("x {a} y"));
            let second = scrubber.scrub(&format!("x {b} y"));
            prop_assert_eq!(scrubber.scrub(&format!("x {a} y")), first.clone());
            prop_assert_eq!(a == b, first == second);
            prop_assert!(is_of_nobody(&a) || !first.contains(&a));
        }

        #[test]
        fn any_text_is_taken_and_lines_stay_lines(text in "(?s).{0,400}") {
            let mut scrubber = scrubber();
            scrubber.learn("secret-1");
            scrubber.learn_from(&text);
            let clean = scrubber.scrub(&text);
            prop_assert_eq!(clean.lines().count(), text.lines().count());
        }
    }
}
