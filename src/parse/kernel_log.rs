//! One record of the kernel's log as `/dev/kmsg` gives it (Documentation/ABI/testing/dev-kmsg).

use super::number;

/// A line of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelLine {
    /// Number of the record, which grows by one each.
    pub sequence: u64,
    /// When it was written, in milliseconds since boot, of a clock that stands in a suspend.
    pub at_ms: u64,
    /// How bad: 0 emergency, 3 error, 4 warning, 6 information, 7 debugging.
    pub severity: u8,
    /// What it says, without what follows in lines of their own.
    pub text: Vec<u8>,
}

/// Reads a record: `4,512,71058317,-;text`, then lines that begin with a blank. Bytes that are not
/// printable stand as `\x1b` in it.
#[must_use]
pub fn record(bytes: &[u8]) -> Option<KernelLine> {
    let semicolon = bytes.iter().position(|byte| *byte == b';')?;
    let mut head = bytes.get(..semicolon)?.split(|byte| *byte == b',');
    let priority = number(head.next()?)?;
    let sequence = number(head.next()?)?;
    let at_us = number(head.next()?)?;
    let text = bytes.get(semicolon + 1..)?.split(|byte| *byte == b'\n').next()?;
    Some(KernelLine {
        sequence,
        at_ms: at_us / 1000,
        // The upper bits tell who wrote it.
        severity: u8::try_from(priority & 7).ok()?,
        text: text.to_vec(),
    })
}

/// The process that was killed since memory ran out, as `Out of memory: Killed process 811 (java) ...` and
/// `Memory cgroup out of memory: Killed process ...` name it: its number and name.
#[must_use]
pub fn killed_process(text: &[u8]) -> Option<(u64, &[u8])> {
    let mark = b"illed process ";
    let at = text.windows(mark.len()).position(|part| part == mark)?;
    let rest = text.get(at + mark.len()..)?;
    let open = rest.iter().position(|byte| *byte == b'(')?;
    let pid = number(rest.get(..open)?.trim_ascii())?;
    let rest = rest.get(open + 1..)?;
    // No kernel writes a bracket after the one that ends the name.
    let end = rest.iter().rposition(|byte| *byte == b')')?;
    Some((pid, rest.get(..end)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::mutate::any_text;
    use proptest::prelude::*;

    const RECORD: &str = "3,1203,71058317123,-;blk_update_request: I/O error, dev sdb, sector 7; x\n \
        SUBSYSTEM=block\n DEVICE=b8:16\n";
    const KILL: &str = "Out of memory: Killed process 811 (java) total-vm:7kB, anon-rss:5kB, \
        file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:120kB oom_score_adj:0";

    #[test]
    fn a_record_has_one_line_of_text() {
        let line = record(RECORD.as_bytes()).unwrap();
        assert_eq!((line.sequence, line.severity, line.at_ms), (1203, 3, 71_058_317));
        assert_eq!(line.text, b"blk_update_request: I/O error, dev sdb, sector 7; x");
        assert_eq!(record(b"30,5,1,-;user\n").unwrap().severity, 6);
        for odd in ["", ";", "3,1;x", "a,1,1,-;x", " SUBSYSTEM=x"] {
            assert_eq!(record(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn who_was_killed_is_named() {
        assert_eq!(killed_process(KILL.as_bytes()), Some((811, &b"java"[..])));
        let old = b"Killed process 99 (a b), UID 0, total-vm:1kB";
        assert_eq!(killed_process(old), Some((99, &b"a b"[..])));
        assert_eq!(killed_process(b"killed process x (java)"), None);
        assert_eq!(killed_process(b"Killed process 1 (java"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(a in any_text(RECORD), b in any_text(KILL)) {
            let _ = (record(&a), killed_process(&b));
        }
    }
}
