//! `/proc/stat` and `/proc/loadavg` (proc_stat(5), proc_loadavg(5)).

use super::{fields, fraction, lines, number};

/// When the machine was started, in seconds of 1970, from `/proc/stat`. With the uptime this is its
/// wall clock: the kernel moves it when the clock is set.
#[must_use]
pub fn boot_time_seconds(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Time of all CPUs since boot, in ticks of 1/100 s. Fields that an old kernel lacks are zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// Programs, guests of virtual machines included.
    pub user: u64,
    /// Programs of low priority.
    pub nice: u64,
    /// The kernel.
    pub system: u64,
    /// Nothing to do.
    pub idle: u64,
    /// Nothing to do while a disk was waited for; may fall, and may hide other work.
    pub iowait: u64,
    /// Interrupts.
    pub irq: u64,
    /// Soft interrupts.
    pub softirq: u64,
    /// Taken by the hypervisor for other guests.
    pub steal: u64,
}

/// Reads the line of all CPUs, which is the first.
#[must_use]
pub fn all_cpus(text: &[u8]) -> Option<CpuTimes> {
    let line = lines(text).find(|line| line.starts_with(b"cpu "))?;
    let mut ticks = fields(line).skip(1).map(|field| number(field).unwrap_or_default());
    let mut times = CpuTimes {
        user: ticks.next()?,
        nice: ticks.next()?,
        system: ticks.next()?,
        idle: ticks.next()?,
        ..CpuTimes::default()
    };
    let mut next = || ticks.next().unwrap_or_default();
    times.iowait = next();
    times.irq = next();
    times.softirq = next();
    times.steal = next();
    Some(times)
}

/// Number of CPUs that have a line in `/proc/stat`: those online.
#[must_use]
pub fn online(text: &[u8]) -> usize {
    lines(text)
        .filter(|line| {
            line.strip_prefix(b"cpu")
                .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
        })
        .count()
}

/// Number of CPUs in a list such as `0-3,8-11`.
#[must_use]
pub fn count_list(list: &str) -> Option<u64> {
    list.trim().split(',').try_fold(0_u64, |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first.as_bytes())?, number(last.as_bytes())?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

/// `/proc/loadavg`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Mean number of tasks that run, want to run or wait for a disk, over 1, 5 and 15 minutes.
    pub means: [f64; 3],
    /// Tasks that run or want to, now.
    pub runnable: u64,
}

/// Reads `0.20 0.18 0.12 1/80 11206`.
#[must_use]
pub fn loadavg(text: &[u8]) -> Option<Load> {
    let mut parts = fields(lines(text).next()?);
    let mut mean = || fraction(parts.next()?).filter(|value| *value >= 0.0);
    let means = [mean()?, mean()?, mean()?];
    let runnable = number(parts.next()?.split(|byte| *byte == b'/').next()?)?;
    Some(Load { means, runnable })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::mutate::any_text;
    use proptest::prelude::*;

    const STAT: &str = "cpu  96005 2578701 53845 3617879 60648 27891 25853 7 3 0\n\
        cpu0 1 2 3 4 5 6 7 8 9 0\ncpu12 1 2 3 4\nintr 12 0\nctxt 8\nprocs_running 2\n";

    #[test]
    fn the_line_of_all_cpus() {
        let times = all_cpus(STAT.as_bytes()).unwrap();
        assert_eq!((times.user, times.idle, times.steal), (96005, 3_617_879, 7));
        assert_eq!(online(STAT.as_bytes()), 2);
        assert_eq!(all_cpus(b"cpu  1 2 3 4\n").unwrap().iowait, 0, "Linux 2.4");
        assert_eq!(all_cpus(b"cpu0 1 2 3 4\n"), None);
    }

    #[test]
    fn lists_and_loads() {
        assert_eq!(count_list("0-3,8-11,15\n"), Some(9));
        assert_eq!(count_list("3-1"), None);
        assert_eq!(count_list(""), None);
        let load = loadavg(b"3.16 3.24 3.43 4/956 27015\n").unwrap();
        assert_eq!((load.means, load.runnable), ([3.16, 3.24, 3.43], 4));
        assert_eq!(loadavg(b"NaN 1 1 1/1 1"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(stat in any_text(STAT), load in any_text("3.16 3.24 3.43 4/956 27015\n")) {
            let _ = (all_cpus(&stat), online(&stat));
            let _ = count_list(&String::from_utf8_lossy(&load));
            if let Some(load) = loadavg(&load) {
                prop_assert!(load.means.iter().all(|mean| mean.is_finite() && *mean >= 0.0));
            }
        }
    }
}
