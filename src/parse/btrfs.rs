//! What `btrfs filesystem show` and `btrfs device stats` print, and the kernel's error counters of
//! a device. Owns: the text alone.

use super::{fields, lines, number};

/// Devices of all file systems that are looked at.
const DEVICES: usize = 16_384;

/// Errors that a device has counted since its counters were last reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Errors {
    /// Writes that failed: what stands on the device is old.
    pub write: u64,
    /// Reads that failed.
    pub read: u64,
    /// Flushes that failed.
    pub flush: u64,
    /// Blocks whose checksum was wrong.
    pub corruption: u64,
    /// Blocks that an old write left behind.
    pub generation: u64,
}

impl Errors {
    fn slot(&mut self, name: &[u8]) -> Option<&mut u64> {
        Some(match name {
            b"write_errs" | b"write_io_errs" => &mut self.write,
            b"read_errs" | b"read_io_errs" => &mut self.read,
            b"flush_errs" | b"flush_io_errs" => &mut self.flush,
            b"corruption_errs" => &mut self.corruption,
            b"generation_errs" => &mut self.generation,
            _ => return None,
        })
    }

    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        [self.write, self.read, self.flush, self.corruption, self.generation]
            .iter()
            .fold(0, |sum, count| u64::saturating_add(sum, *count))
    }
}

/// `devinfo/1/error_stats` of sysfs: a name and a number a line. None if it says nothing known.
#[must_use]
pub fn error_stats(text: &[u8]) -> Option<Errors> {
    let mut errors = Errors::default();
    let mut any = false;
    for line in lines(text) {
        let mut words = fields(line);
        let (Some(name), Some(value)) = (words.next(), words.next().and_then(number)) else {
            continue;
        };
        if let Some(slot) = errors.slot(name) {
            *slot = value;
            any = true;
        }
    }
    any.then_some(errors)
}

/// `[/dev/sda1].write_io_errs   0`, a line a counter: devices with their errors, in order.
#[must_use]
pub fn device_stats(text: &[u8]) -> Vec<(String, Errors)> {
    let mut devices: Vec<(String, Errors)> = Vec::new();
    for line in lines(text) {
        let mut words = fields(line);
        let (Some(key), Some(value)) = (words.next(), words.next().and_then(number)) else {
            continue;
        };
        let Some(end) = key.windows(2).rposition(|pair| pair == b"].") else { continue };
        let device = key.get(1..end).unwrap_or_default();
        let device = String::from_utf8_lossy(device).into_owned();
        let known = devices.iter().position(|(name, _)| *name == device);
        let at = known.unwrap_or_else(|| {
            devices.push((device, Errors::default()));
            devices.len() - 1
        });
        let name = key.get(end + 2..).unwrap_or_default();
        if let Some((_, errors)) = devices.get_mut(at)
            && let Some(slot) = errors.slot(name)
        {
            *slot = value;
        }
        if devices.len() >= DEVICES {
            break;
        }
    }
    devices
}

/// One file system as `btrfs filesystem show` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Empty if it has none.
    pub label: String,
    /// In its usual form.
    pub uuid: String,
    /// Devices that belong to it.
    pub total: u64,
    /// Those that are listed: id, path, whether it is missing.
    pub devices: Vec<(String, String, bool)>,
    /// Whether the tool says that some are missing, without saying which.
    pub some_missing: bool,
}

/// Takes the listing apart.
#[must_use]
pub fn show(text: &[u8]) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for line in String::from_utf8_lossy(text).lines().take(DEVICES) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Label:") {
            let (label, uuid) = rest.split_once("uuid:").unwrap_or((rest, ""));
            let label = label.trim();
            let quoted = label.strip_prefix('\'').and_then(|label| label.strip_suffix('\''));
            all.push(Shown {
                label: quoted.unwrap_or_default().to_owned(),
                uuid: uuid.trim().to_owned(),
                ..Shown::default()
            });
            continue;
        }
        let Some(here) = all.last_mut() else { continue };
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(rest) = line.strip_prefix("Total devices") {
            let count = rest.split_whitespace().next().and_then(|count| count.parse().ok());
            here.total = count.unwrap_or_default();
        } else if let ["devid", id, ..] = words.as_slice() {
            // A word of its own; a path may have the same letters.
            let missing = words.iter().any(|word| {
                let word = word.trim_matches(['*', '<', '>']);
                word.eq_ignore_ascii_case("missing")
            });
            let path = words.iter().skip_while(|word| **word != "path").nth(1).copied();
            let seen = line.split("last seen as ").nth(1).map(|seen| seen.trim_end_matches(')'));
            let path = path.filter(|path| path.starts_with('/')).or(seen).unwrap_or_default();
            here.devices.push(((*id).to_owned(), path.to_owned(), missing));
        } else if line.starts_with('*') && line.contains("missing") {
            // `warning, device 3 is missing` stands above the file system that it speaks of.
            here.some_missing = true;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::mutate::any_text;

    const SHOW: &str = "Label: 'a b'  uuid: 4a85a40b-9b79-4bde-8e52-c65a550a176b\n\tTotal devices 3 \
FS bytes used 128.00KiB\n\tdevid    1 size 5.00GiB used 1.26GiB path /dev/loop0\n\tdevid    2 size 0 \
used 0 ***MISSING*** (last seen as /dev/loop1)\n\tdevid    3 size 0 used 0 path  MISSING\n\n\
Label: none  uuid: u\n\tTotal devices 6 FS bytes used 1TiB\n\t*** Some devices missing\n";

    const STATS: &str = "[/dev/sda1].write_io_errs   1\n[/dev/sda1].corruption_errs   304\n\
[/dev/mapper/x].generation_errs 7\n[devid:3].flush_io_errs 2\n";

    #[test]
    fn the_listing_tells_what_is_missing() {
        let all = show(SHOW.as_bytes());
        assert_eq!((all[0].label.as_str(), all[0].total), ("a b", 3));
        let missing: Vec<bool> = all[0].devices.iter().map(|device| device.2).collect();
        assert_eq!(missing, [false, true, true]);
        assert_eq!(all[0].devices[1].1, "/dev/loop1");
        assert!(all[1].some_missing && all[1].label.is_empty());
    }

    #[test]
    fn a_warning_belongs_to_the_next_file_system_and_a_path_is_no_state() {
        let text = "Label: 'root'  uuid: a\n\tTotal devices 1 FS bytes used 1GiB\n\tdevid    1 size \
1GiB used 1GiB path /dev/mapper/missing-link\n\nwarning, device 3 is missing\nLabel: 'store'  uuid: \
b\n\tTotal devices 2 FS bytes used 1GiB\n\tdevid 1 size 1GiB used 1GiB path /dev/sdb\n\tdevid 2 \
size 1GiB used 1GiB path <missing disk>\n";
        let all = show(text.as_bytes());
        assert!(!all[0].some_missing && !all[0].devices[0].2);
        assert!(all[1].devices[1].2);
    }

    #[test]
    fn counters_are_read_in_both_forms() {
        let stats = device_stats(STATS.as_bytes());
        assert_eq!(stats.len(), 3);
        assert_eq!((stats[0].1.write, stats[0].1.corruption), (1, 304));
        assert_eq!((stats[2].0.as_str(), stats[2].1.total()), ("devid:3", 2));
        let kernel = error_stats(b"write_errs 4\nread_errs 0\nflush_errs 0\nnew_errs 9\n").unwrap();
        assert_eq!((kernel.write, kernel.total()), (4, 4));
        assert_eq!(error_stats(b"invalid\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any_text(SHOW), stats in any_text(STATS)) {
            let _ = show(&text);
            let _ = device_stats(&stats);
            let _ = error_stats(&stats);
        }
    }
}
