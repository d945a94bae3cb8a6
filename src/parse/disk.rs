//! `/proc/diskstats` (the kernel's Documentation/admin-guide/iostats): 14 columns, 18 since Linux
//! 4.18, 20 since 5.5; partitions of kernels before 2.6.25 have 7.

use super::{fields, lines, number};

/// Counters of one block device since boot. Times are milliseconds that wrap at 32 bits on every
/// kernel; the others wrap at 32 bits on 32-bit kernels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Major and minor number.
    pub device: (u64, u64),
    /// Reads completed.
    pub reads: u64,
    /// Sectors of 512 bytes read.
    pub read_sectors: u64,
    /// Time that reads took together.
    pub read_ms: u64,
    /// Writes completed.
    pub writes: u64,
    /// Sectors of 512 bytes written.
    pub written_sectors: u64,
    /// Time that writes took together.
    pub write_ms: u64,
    /// Time with something to do.
    pub busy_ms: u64,
    /// Time that requests were under way together: for the mean queue.
    pub queue_ms: u64,
}

impl DiskCounters {
    /// Whether nothing was ever asked of it.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.reads == 0 && self.writes == 0
    }
}

/// Devices with their names; a line that is none, or with a counter that is no count, is left out.
pub fn diskstats(text: &[u8]) -> impl Iterator<Item = (&str, DiskCounters)> {
    lines(text).filter_map(line)
}

fn line(line: &[u8]) -> Option<(&str, DiskCounters)> {
    let mut parts = fields(line);
    let device = (number(parts.next()?)?, number(parts.next()?)?);
    let name = std::str::from_utf8(parts.next()?).ok()?;
    let mut next = || parts.next().and_then(number);
    let reads = next()?;
    let _merged = next()?;
    let read_sectors = next()?;
    let read_ms = next()?;
    let writes = next()?;
    let _merged = next()?;
    let written_sectors = next()?;
    let write_ms = next()?;
    // The number under way fell below zero on some kernels; it is not used.
    parts.next()?;
    let mut next = || parts.next().and_then(number);
    let busy_ms = next()?;
    let queue_ms = next()?;
    let counters = DiskCounters {
        device,
        reads,
        read_sectors,
        read_ms,
        writes,
        written_sectors,
        write_ms,
        busy_ms,
        queue_ms,
    };
    Some((name, counters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::mutate::any_text;
    use proptest::prelude::*;

    const TEXT: &str = "   8       0 sda 49601 2822 3195498 623970 12180 9784 821088 117109 0 32862 714408 0 0 0 0\n\
        254 0 vda 4 1 9 2 6 3 8 5 -1 7 10\n 259 1 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n";

    #[test]
    fn all_widths_and_a_queue_below_zero() {
        let disks: Vec<_> = diskstats(TEXT.as_bytes()).collect();
        let names: Vec<_> = disks.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["sda", "vda", "nvme0n1"]);
        let vda = disks[1].1;
        assert_eq!((vda.read_ms, vda.write_ms, vda.busy_ms, vda.queue_ms), (2, 5, 7, 10));
    }

    #[test]
    fn one_odd_line_costs_that_line() {
        let text = b"8 0 sda 1 1 -5 1 1 1 1 1 1 1 1\nx\n8 1 sda1 1 2 3 4\n8 16 sdb 1 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(diskstats(text).map(|(name, _)| name).collect::<Vec<_>>(), ["sdb"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any_text(TEXT)) {
            prop_assert!(diskstats(&text).count() <= text.len());
        }
    }
}
