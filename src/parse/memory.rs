//! `/proc/meminfo`, `/proc/vmstat` and ZFS' `arcstats`: names with numbers.

use super::{fields, lines, number};

/// What `/proc/meminfo` says, in bytes; a line that this kernel lacks is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemInfo {
    /// Usable memory.
    pub total: Option<u64>,
    /// Unused.
    pub free: Option<u64>,
    /// The kernel's estimate of what new programs can have without swapping (Linux 3.14).
    pub available: Option<u64>,
    /// Cache of raw block devices.
    pub buffers: Option<u64>,
    /// Page cache, with tmpfs.
    pub cached: Option<u64>,
    /// Page cache of files in recent use.
    pub active_file: Option<u64>,
    /// Page cache of files not in recent use.
    pub inactive_file: Option<u64>,
    /// Kernel caches that give way.
    pub slab_reclaimable: Option<u64>,
    /// Swap space.
    pub swap_total: Option<u64>,
    /// Unused swap space.
    pub swap_free: Option<u64>,
}

/// Reads `/proc/meminfo`. Values are in units of 1024 bytes.
#[must_use]
pub fn meminfo(text: &[u8]) -> MemInfo {
    let mut info = MemInfo::default();
    for line in lines(text) {
        let mut parts = fields(line);
        let slot = match parts.next() {
            Some(b"MemTotal:") => &mut info.total,
            Some(b"MemFree:") => &mut info.free,
            Some(b"MemAvailable:") => &mut info.available,
            Some(b"Buffers:") => &mut info.buffers,
            Some(b"Cached:") => &mut info.cached,
            Some(b"Active(file):") => &mut info.active_file,
            Some(b"Inactive(file):") => &mut info.inactive_file,
            Some(b"SReclaimable:") => &mut info.slab_reclaimable,
            Some(b"SwapTotal:") => &mut info.swap_total,
            Some(b"SwapFree:") => &mut info.swap_free,
            _ => continue,
        };
        if let Some(kib) = parts.next().and_then(number) {
            *slot = kib.checked_mul(1024);
        }
    }
    info
}

impl MemInfo {
    /// What new programs can have without swapping, in bytes: the kernel's own number, or on older
    /// kernels its formula, with the low watermark taken as 5/4 of `min_free_bytes`
    /// (`vm.min_free_kbytes`).
    #[must_use]
    pub fn available_bytes(&self, min_free_bytes: u64) -> Option<u64> {
        if self.available.is_some() {
            return self.available;
        }
        let free = self.free?;
        let low = min_free_bytes.saturating_add(min_free_bytes / 4);
        // Half of a cache, or the watermark if that is less, does not give way.
        let gives_way = |cache: u64| cache.saturating_sub((cache / 2).min(low));
        let files = match (self.active_file, self.inactive_file) {
            (Some(active), Some(inactive)) => active.saturating_add(inactive),
            // Before Linux 2.6.28 the two are not told apart from the rest.
            _ => self.buffers.unwrap_or(0).saturating_add(self.cached.unwrap_or(0)),
        };
        let estimate = free
            .saturating_sub(low)
            .saturating_add(gives_way(files))
            .saturating_add(gives_way(self.slab_reclaimable.unwrap_or(0)));
        Some(estimate.min(self.total.unwrap_or(u64::MAX)))
    }
}

/// What is watched in `/proc/vmstat`, counted since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VmStat {
    /// Pages read back from swap.
    pub swapped_in_pages: Option<u64>,
    /// Pages written to swap.
    pub swapped_out_pages: Option<u64>,
    /// Page faults for which a disk was read.
    pub major_faults: Option<u64>,
    /// Processes killed for want of memory (Linux 4.13).
    pub oom_kills: Option<u64>,
}

/// Reads `/proc/vmstat`.
#[must_use]
pub fn vmstat(text: &[u8]) -> VmStat {
    let mut stat = VmStat::default();
    for line in lines(text) {
        let value = |name: &[u8]| line.strip_prefix(name).and_then(number);
        if let Some(pages) = value(b"pswpin ") {
            stat.swapped_in_pages = Some(pages);
        } else if let Some(pages) = value(b"pswpout ") {
            stat.swapped_out_pages = Some(pages);
        } else if let Some(faults) = value(b"pgmajfault ") {
            stat.major_faults = Some(faults);
        } else if let Some(kills) = value(b"oom_kill ") {
            stat.oom_kills = Some(kills);
        }
    }
    stat
}

/// How many bytes ZFS' cache can give back: its size above the minimum it keeps.
#[must_use]
pub fn arc_reclaimable_bytes(arcstats: &[u8]) -> Option<u64> {
    let value = |name: &[u8]| {
        lines(arcstats).find_map(|line| {
            let mut parts = fields(line);
            (parts.next() == Some(name)).then(|| parts.nth(1).and_then(number)).flatten()
        })
    };
    Some(value(b"size")?.saturating_sub(value(b"c_min")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::mutate::any_text;
    use proptest::prelude::*;

    const MEMINFO: &str = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    500 kB\n\
        Active(file):    200 kB\nInactive(file):  100 kB\nSReclaimable:     40 kB\nSwapTotal:         0 kB\n";

    #[test]
    fn values_are_bytes_and_what_lacks_is_none() {
        let info = meminfo(MEMINFO.as_bytes());
        assert_eq!(info.total, Some(1_024_000));
        assert_eq!(info.available_bytes(0), Some(512_000));
        assert_eq!((info.swap_total, info.swap_free), (Some(0), None));
    }

    #[test]
    fn the_estimate_of_older_kernels() {
        let old = MemInfo { available: None, ..meminfo(MEMINFO.as_bytes()) };
        // low = 10: 100-10 + 300-10 + 40-10 KiB.
        assert_eq!(old.available_bytes(8 * 1024), Some((90 + 290 + 30) * 1024));
        let huge = MemInfo { active_file: Some(u64::MAX), inactive_file: Some(9), ..old };
        assert_eq!(huge.available_bytes(0), huge.total, "never more than there is");
        assert_eq!(MemInfo::default().available_bytes(0), None);
    }

    #[test]
    fn counters_and_the_zfs_cache() {
        let stat = vmstat(b"pswpin 7\npswpout 9\npgmajfault 5\noom_kill 2\noom_kill_x 4\n");
        let expected = VmStat {
            swapped_in_pages: Some(7),
            swapped_out_pages: Some(9),
            major_faults: Some(5),
            oom_kills: Some(2),
        };
        assert_eq!(stat, expected);
        let arc = b"13 1 0x01\nname type data\nc_min 4 100\nsize 4 350\n";
        assert_eq!(arc_reclaimable_bytes(arc), Some(250));
        assert_eq!(arc_reclaimable_bytes(b"size 4 350\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any_text(MEMINFO), kept in any::<u64>()) {
            let info = meminfo(&text);
            let _ = (info.available_bytes(kept), vmstat(&text), arc_reclaimable_bytes(&text));
        }
    }
}
