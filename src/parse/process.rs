//! `/proc/PID/stat`, `status` and `io` (proc_pid_stat(5), proc_pid_status(5), proc_pid_io(5)).
//!
//! Of names it takes `comm` alone, at most 15 bytes: what a process was called with may hold
//! passwords and is never read. Not through `procfs`: its `stat` fails whole for one negative
//! counter.

use super::{fields, lines, number};

/// Flag of a thread of the kernel (PF_KTHREAD, linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What the kernel says of one process, or of one of its threads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessStat {
    /// Its number.
    pub pid: u32,
    /// Its short name, as the kernel has it.
    pub name: Vec<u8>,
    /// `R` runs or wants to, `D` waits for a disk or the kernel, `S` sleeps, `Z` has ended.
    pub state: u8,
    /// Number of the process that started it.
    pub parent: u32,
    /// Whether it is a thread of the kernel.
    pub is_kernel: bool,
    /// CPU time, its own and the kernel's for it, in ticks of 1/100 s.
    pub ticks: u64,
    /// CPU time of children that have ended and were waited for, and of theirs.
    pub ended_ticks: u64,
    /// Threads.
    pub threads: u64,
    /// When it was started, in ticks since boot: with the number it names one process for ever.
    pub started: u64,
    /// Time it waited for disks, in ticks; 0 where the kernel does not account delays.
    pub disk_ticks: u64,
}

/// Reads `/proc/PID/stat`. A name may hold blanks and brackets: the last bracket ends it.
#[must_use]
pub fn stat(text: &[u8]) -> Option<ProcessStat> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let pid = number(fields(text.get(..open)?).next()?)?;
    let rest: Vec<&[u8]> = fields(lines(text.get(close + 1..)?).next()?).collect();
    // The first of these is field 3 of the manual.
    let field = |place: usize| number(rest.get(place - 3)?);
    let sum = |a: usize, b: usize| field(a)?.checked_add(field(b)?);
    Some(ProcessStat {
        pid: u32::try_from(pid).ok()?,
        name: text.get(open + 1..close)?.to_vec(),
        state: *rest.first()?.first()?,
        parent: u32::try_from(field(4)?).ok()?,
        is_kernel: field(9)? & KERNEL_THREAD != 0,
        ticks: sum(14, 15)?,
        ended_ticks: sum(16, 17).unwrap_or_default(),
        threads: field(20).unwrap_or(1),
        started: field(22)?,
        disk_ticks: field(42).unwrap_or_default(),
    })
}

/// Whose it is and its memory, in bytes; what a kernel or a thread of it lacks is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessStatus {
    /// Number of its effective user.
    pub uid: u32,
    /// In memory, all together.
    pub resident: u64,
    /// Of that its own (Linux 4.5).
    pub own: Option<u64>,
    /// Of that shared memory and tmpfs, which others may count too (Linux 4.5).
    pub shared: u64,
    /// Swapped out.
    pub swapped: u64,
}

/// Reads `/proc/PID/status`.
#[must_use]
pub fn status(text: &[u8]) -> Option<ProcessStatus> {
    let mut status = ProcessStatus::default();
    let mut has_user = false;
    for line in lines(text) {
        let mut parts = fields(line);
        let key = parts.next();
        let first = parts.next().and_then(number);
        let bytes = first.and_then(|kib| kib.checked_mul(1024)).unwrap_or_default();
        match key {
            Some(b"Uid:") => {
                let effective = parts.next().and_then(number);
                status.uid = u32::try_from(effective?).ok()?;
                has_user = true;
            }
            Some(b"VmRSS:") => status.resident = bytes,
            Some(b"RssAnon:") => status.own = Some(bytes),
            Some(b"RssShmem:") => status.shared = bytes,
            Some(b"VmSwap:") => status.swapped = bytes,
            _ => {}
        }
    }
    has_user.then_some(status)
}

/// Bytes that a process made disks move since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessIo {
    /// Read from disks.
    pub read_bytes: u64,
    /// Written to be taken to disks, less what was thrown away before.
    pub write_bytes: u64,
}

/// Reads `/proc/PID/io`.
#[must_use]
pub fn io(text: &[u8]) -> Option<ProcessIo> {
    let (mut read, mut written, mut cancelled) = (None, None, 0);
    for line in lines(text) {
        let mut parts = fields(line);
        let key = parts.next();
        let value = parts.next().and_then(number);
        match key {
            Some(b"read_bytes:") => read = value,
            Some(b"write_bytes:") => written = value,
            Some(b"cancelled_write_bytes:") => cancelled = value.unwrap_or_default(),
            _ => {}
        }
    }
    Some(ProcessIo { read_bytes: read?, write_bytes: written?.saturating_sub(cancelled) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::mutate::any_text;
    use proptest::prelude::*;

    const STAT: &str = "4410 (a) (b c) D 1 4410 4410 0 -1 4194560 9 0 1 0 150 50 7 3 20 0 4 0 8000 \
        1000000 250 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 33 0 0 0 0 0 0 0 0 0 0\n";
    const STATUS: &str = "Name:\tjava\nUmask:\t0022\nState:\tS (sleeping)\nUid:\t1000\t1001\t1000\t\
        1000\nVmRSS:\t  2048 kB\nRssAnon:\t 1024 kB\nRssShmem:\t  512 kB\nVmSwap:\t  256 kB\n";
    const IO: &str = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 9000\n\
        cancelled_write_bytes: 1000\n";

    #[test]
    fn a_name_may_hold_what_separates_fields() {
        let seen = stat(STAT.as_bytes()).unwrap();
        assert_eq!((seen.pid, seen.name.as_slice(), seen.state), (4410, &b"a) (b c"[..], b'D'));
        assert_eq!((seen.parent, seen.is_kernel, seen.threads), (1, false, 4));
        assert_eq!((seen.ticks, seen.ended_ticks, seen.started), (200, 10, 8000));
        assert_eq!(seen.disk_ticks, 33);
        let kernel = STAT.replace("4194560", "69238880");
        assert!(stat(kernel.as_bytes()).unwrap().is_kernel);
        assert_eq!(stat(b"1 (x) S 1\n"), None);
        assert_eq!(stat(b"1 )x( S 1 1 1 1 1 1 1"), None);
    }

    #[test]
    fn memory_is_in_bytes_and_the_effective_user_counts() {
        let seen = status(STATUS.as_bytes()).unwrap();
        assert_eq!((seen.uid, seen.resident, seen.own), (1001, 2 << 20, Some(1 << 20)));
        assert_eq!((seen.shared, seen.swapped), (512 << 10, 256 << 10));
        assert_eq!(status(b"Name:\tx\n"), None);
    }

    #[test]
    fn what_was_thrown_away_was_not_written() {
        let seen = io(IO.as_bytes()).unwrap();
        assert_eq!(seen, ProcessIo { read_bytes: 4096, write_bytes: 8000 });
        assert_eq!(io(b"rchar: 1\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(a in any_text(STAT), b in any_text(STATUS), c in any_text(IO)) {
            let _ = (stat(&a), status(&b), io(&c));
        }
    }
}
