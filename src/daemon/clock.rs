//! The clock: the only place that asks the system for the time.
//!
//! The agent's timeline follows `CLOCK_BOOTTIME`, which counts suspend and knows no steps
//! (clock_gettime(2)). A file in the state directory remembers the offset between the two within
//! one boot; across a reboot the timeline goes on by the wall clock's difference, the only one
//! there is.

use std::path::Path;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::model::time::{Moment, Now, Stamp};

/// Name of the file in the state directory.
const FILE: &str = "timeline";

/// Where the kernel says which boot this is (a random UUID a boot, random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    boot_id: String,
    /// Timeline minus boot time, in milliseconds.
    offset_ms: i64,
}

/// Both clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    offset_ms: i64,
}

impl Clock {
    /// A timeline that begins with this boot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Continues the timeline of a state directory. `last` is the newest moment that its journal
    /// speaks of, with the wall clock's time of it.
    #[must_use]
    pub fn resume(directory: &Path, last: Option<(Moment, Stamp)>) -> Self {
        let boot_id = read(Path::new(BOOT_ID));
        let mark = serde_json::from_str::<Mark>(&read(&directory.join(FILE))).ok();
        let offset_ms = offset(&boot_id, mark.as_ref(), last, boot_millis(), wall_millis());
        let clock = Self { offset_ms };
        if mark.is_none_or(|mark| mark.boot_id != boot_id || mark.offset_ms != offset_ms) {
            clock.remember(directory, boot_id);
        }
        clock
    }

    /// When this system started, on the timeline.
    #[must_use]
    pub fn booted(self) -> Moment {
        Moment(self.offset_ms.max(0).unsigned_abs())
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(self) -> Now {
        let moment = boot_millis().saturating_add(self.offset_ms).max(0);
        Now { moment: Moment(moment.unsigned_abs()), wall: Stamp(wall_millis()) }
    }

    /// A timeline mark that cannot be written costs the next start its exact place on the
    /// timeline, no more; the journal reports the same directory's trouble.
    fn remember(self, directory: &Path, boot_id: String) {
        let mark = Mark { boot_id, offset_ms: self.offset_ms };
        // Renamed so that it is never half there; not synced, since after a power cut the boot is
        // another one and the file of no use.
        let written = directory.join(format!("{FILE}.new"));
        let text = serde_json::to_vec(&mark).map_err(std::io::Error::other);
        let kept = text
            .and_then(|text| std::fs::write(&written, text))
            .and_then(|()| std::fs::rename(&written, directory.join(FILE)));
        if let Err(error) = kept {
            tracing::warn!("cannot remember the timeline in `{}`: {error}", directory.display());
        }
    }
}

/// The offset that continues the timeline.
fn offset(
    boot_id: &str,
    mark: Option<&Mark>,
    last: Option<(Moment, Stamp)>,
    boot_ms: i64,
    wall_ms: i64,
) -> i64 {
    let last_ms = last.map(|(moment, _)| i64::try_from(moment.0).unwrap_or(i64::MAX / 2));
    let resumed = match (mark, last) {
        (Some(mark), _) if !boot_id.is_empty() && mark.boot_id == boot_id => {
            boot_ms.saturating_add(mark.offset_ms)
        }
        // Another boot: a wall clock that went backwards gives no time at all rather than less.
        (_, Some((_, wall))) => {
            last_ms.unwrap_or_default().saturating_add(wall_ms.saturating_sub(wall.0).max(0))
        }
        _ => boot_ms,
    };
    // Time on the timeline never goes back, whatever the marks say.
    resumed.max(last_ms.unwrap_or(0)).saturating_sub(boot_ms)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn boot_millis() -> i64 {
    millis(ClockId::CLOCK_BOOTTIME)
}

fn wall_millis() -> i64 {
    millis(ClockId::CLOCK_REALTIME)
}

/// Both clocks exist on every Linux since 2.6.39, so the error is unreachable and read as zero.
fn millis(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| {
        time.tv_sec().saturating_mul(1000).saturating_add(time.tv_nsec() / 1_000_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(boot: &str, offset_ms: i64) -> Mark {
        Mark { boot_id: boot.to_owned(), offset_ms }
    }

    #[test]
    fn one_boot_is_one_timeline_whatever_the_wall_clock_says() {
        let last = Some((Moment(5_000), Stamp(1_000_000)));
        assert_eq!(offset("a", Some(&mark("a", 700)), last, 9_000, 5), 700);
    }

    #[test]
    fn a_reboot_goes_on_by_the_wall_clock() {
        let last = Some((Moment(50_000), Stamp(1_000_000)));
        // 90 s passed on the wall; the new boot is 20 s old.
        let offset_ms = offset("b", Some(&mark("a", 700)), last, 20_000, 1_090_000);
        assert_eq!(20_000 + offset_ms, 140_000);
    }

    #[test]
    fn a_wall_clock_set_back_over_a_reboot_does_not_turn_time_back() {
        let last = Some((Moment(50_000), Stamp(1_000_000)));
        let offset_ms = offset("b", None, last, 3_000, 10);
        assert_eq!(3_000 + offset_ms, 50_000);
    }

    #[test]
    fn a_first_start_begins_with_the_boot() {
        assert_eq!(offset("a", None, None, 3_000, 10), 0);
    }
}
