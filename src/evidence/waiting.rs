//! Tasks that wait in the kernel and cannot be interrupted (state D), mostly for a disk or a file
//! server: the load counts them, and no CPU shows them.

use std::collections::BTreeMap;

use super::Pace;
use super::people::{People, status};
use super::processes::{numbers, stat};
use super::told::{Told, row};
use crate::host::Host;
use crate::host::dir;
use crate::host::file::{Shape, read, read_line};
use crate::model::evidence::Row;
use crate::model::limit::{EVIDENCE_LOOK, THREADS};
use crate::model::text::{counted, shown};
use crate::model::unit::Span;
use crate::parse::process::{self, ProcessStat};
use crate::parse::{fields, lines, number};

/// Looks over the time: one that waits for a working disk is seen by chance, one that hangs always.
const LOOKS: u32 = 5;

/// Processes that were seen waiting.
pub(super) struct Waiting {
    seen: BTreeMap<u32, Seen>,
    /// Tasks that the kernel counted as waiting at the last look, and those found then.
    counted: u64,
    found: u64,
}

struct Seen {
    process: ProcessStat,
    looks: u32,
    threads: u32,
    place: String,
}

impl Waiting {
    /// Looks several times over [`EVIDENCE_LOOK`].
    pub(super) fn watch(host: &Host, pace: &mut dyn Pace) -> Self {
        let mut waiting = Self { seen: BTreeMap::new(), counted: 0, found: 0 };
        for _ in 0..LOOKS {
            pace.rest(Span::from_millis(EVIDENCE_LOOK.as_millis() / u64::from(LOOKS)));
            waiting.look(host);
        }
        waiting
    }

    fn look(&mut self, host: &Host) {
        let text = read(host, "proc/stat", Shape::UntilEnd).unwrap_or_default();
        self.counted = blocked(&text).unwrap_or_default();
        self.found = 0;
        let mut room = THREADS;
        for pid in numbers(host) {
            let Some(process) = stat(host, pid) else { continue };
            let mut threads = u32::from(process.state == b'D');
            if process.threads > 1 && room > 0 {
                threads = 0;
                let tasks = format!("proc/{pid}/task");
                for task in dir::names(host, &tasks).unwrap_or_default().iter().take(room) {
                    room -= 1;
                    let text = read(host, &format!("{tasks}/{task}/stat"), Shape::Whole);
                    let state = text.ok().and_then(|text| process::stat(&text));
                    threads += u32::from(state.is_some_and(|task| task.state == b'D'));
                }
            }
            if threads == 0 {
                continue;
            }
            self.found += u64::from(threads);
            let place = read_line(host, &format!("proc/{pid}/wchan")).unwrap_or_default();
            let seen = self.seen.entry(pid).or_insert_with(|| Seen {
                process,
                looks: 0,
                threads,
                place: String::new(),
            });
            seen.looks += 1;
            seen.threads = seen.threads.max(threads);
            if !matches!(place.as_str(), "" | "0") {
                seen.place = place;
            }
        }
    }

    /// Lists them, those that waited longest first.
    pub(super) fn tell(self, host: &Host, told: &mut Told<'_>) {
        let people = People::of(host);
        let mut seen: Vec<Seen> = self.seen.into_values().collect();
        seen.sort_by_key(|seen| std::cmp::Reverse((seen.looks, seen.threads)));
        let rows: Vec<Row> = seen.iter().map(|seen| line(host, &people, seen)).collect();
        let missed = self.counted.saturating_sub(self.found);
        let unseen = if missed > 0 { format!(", {missed} more not seen") } else { String::new() };
        let heading =
            format!("Waiting for a disk or the kernel ({LOOKS} looks in {EVIDENCE_LOOK}{unseen})");
        told.list(heading, rows);
    }
}

fn line(host: &Host, people: &People, seen: &Seen) -> Row {
    let uid = status(host, seen.process.pid).map(|status| status.uid);
    let mut text = people.describe(&seen.process, uid);
    if seen.threads > 1 {
        let threads = usize::try_from(seen.threads).unwrap_or(usize::MAX);
        text.push_str(&format!(", {}", counted(threads, "thread", "threads")));
    }
    if !seen.place.is_empty() {
        text.push_str(&format!(", in {}", shown(&seen.place)));
    }
    row(format!("{}/{LOOKS} looks", seen.looks), text)
}

/// Tasks that wait for disks, from `/proc/stat`.
fn blocked(text: &[u8]) -> Option<u64> {
    let line = lines(text).find_map(|line| line.strip_prefix(b"procs_blocked "))?;
    number(fields(line).next()?)
}
