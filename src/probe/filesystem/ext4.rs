//! The errors that ext4 counts, in sysfs (`Documentation/ABI/testing/sysfs-fs-ext4`). Owns what was
//! seen of them before; knows nothing of limits.

use super::OPTIONS_AGE;
use crate::host::file::read_line;
use crate::host::space::DeviceNumber;
use crate::host::{Host, dir};
use crate::model::time::Moment;

/// Where the kernel refuses a write because the journal was stopped (`fs/ext4/ext4_jbd2.c`).
const REFUSED_IN: &str = "ext4_journal_check_start";
/// Its own number for EROFS (`fs/ext4/ext4.h`), noted by whoever had wanted to write.
const REFUSED_WITH: &str = "8";

/// What was seen of one mount's errors.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// The mount's number: another one has a fresh journal.
    mount: Option<(u64, u64)>,
    looked: Option<Moment>,
    count: Option<u64>,
    stopped: bool,
}

impl Errors {
    /// Whether writes were refused since this mount is watched.
    ///
    /// Kernels from about 6.12, and older ones that took the change over (6.1 of Debian 12), stop a
    /// journal after an error without any sign in the mount table: until 6.15 gave it the option
    /// `emergency_ro`, the file system is shown as writable and refuses every write.
    pub(super) fn refuse_writes(
        &mut self,
        host: &Host,
        device: DeviceNumber,
        mount: Option<(u64, u64)>,
        now: Moment,
    ) -> bool {
        if self.mount != mount {
            *self = Self { mount, ..Self::default() };
        }
        if self.looked.is_some_and(|at| now.since(at) < OPTIONS_AGE) {
            return self.stopped;
        }
        self.looked = Some(now);
        let Some(count) = counted(host, device) else { return false };
        let grown = self.count.replace(count).is_some_and(|before| count > before);
        if count == 0 {
            self.stopped = false;
        } else if grown {
            let last = |file, word| line(host, device, file).as_deref() == Some(word);
            self.stopped |= last("last_error_func", REFUSED_IN);
            self.stopped |= last("last_error_errcode", REFUSED_WITH);
        }
        self.stopped
    }
}

/// Errors since the file system was last checked; none where it is no ext4.
pub(super) fn counted(host: &Host, device: DeviceNumber) -> Option<u64> {
    line(host, device, "errors_count")?.parse().ok()
}

fn line(host: &Host, (major, minor): DeviceNumber, file: &str) -> Option<String> {
    let name = dir::link_name(host, &format!("sys/dev/block/{major}:{minor}"))?;
    read_line(host, &format!("sys/fs/ext4/{name}/{file}")).ok()
}
