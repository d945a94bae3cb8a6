//! The mount table's text, read once for all who need it in a cycle.
//!
//! Owns: which file is the table. The first process' table comes first: the agent's own may be
//! changed by the sandbox it runs in. Must not know: what stands in it.

use std::sync::Arc;

use super::Host;
use super::file::{KeptFile, Shape};
use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::model::unit::Span;

/// How the lines of a table are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `mountinfo`: with ids, device numbers and the options of the file system itself.
    MountInfo,
    /// `mounts`, `mtab`, `fstab`: source, place, type, options.
    Mounts,
}

/// The text of a mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// As the kernel wrote it.
    pub text: Arc<[u8]>,
    /// How to read it.
    pub format: Format,
    /// Where it is from, for messages.
    pub path: &'static str,
}

/// Where the table may be, best first; a capture often holds one of them only.
const FILES: &[(&str, Format)] = &[
    ("proc/1/mountinfo", Format::MountInfo),
    ("proc/self/mountinfo", Format::MountInfo),
    ("proc/1/mounts", Format::Mounts),
    ("proc/self/mounts", Format::Mounts),
    ("proc/mounts", Format::Mounts),
    ("etc/mtab", Format::Mounts),
];

/// The table with its descriptor and age.
#[derive(Debug, Default)]
pub(super) struct MountText {
    file: Option<(KeptFile, Format, &'static str)>,
    last: Option<(Moment, Table)>,
}

impl MountText {
    /// The table; from memory if `fresh` allows it by an age at a time.
    pub(super) fn get(
        &mut self,
        host: &Host,
        fresh: Option<(Moment, Span)>,
    ) -> Result<Table, ProbeError> {
        if let (Some((now, max_age)), Some((taken, table))) = (fresh, &self.last)
            && *taken <= now
            && now.since(*taken) < max_age
        {
            return Ok(table.clone());
        }
        let table = self.read(host)?;
        self.last = fresh.map(|(now, _)| (now, table.clone()));
        Ok(table)
    }

    fn read(&mut self, host: &Host) -> Result<Table, ProbeError> {
        if let Some((file, format, path)) = &mut self.file
            && let Ok(text) = file.read(host)
            && !text.is_empty()
        {
            return Ok(Table { text: text.into(), format: *format, path });
        }
        self.file = None;
        let mut first_error = None;
        for (path, format) in FILES {
            let mut file = KeptFile::new(*path, Shape::UntilEnd);
            match file.read(host) {
                Ok(text) if !text.is_empty() => {
                    let table = Table { text: text.into(), format: *format, path };
                    self.file = Some((file, *format, path));
                    return Ok(table);
                }
                Ok(_) => {}
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error
            .unwrap_or_else(|| ProbeError::Absent("there is no mount table to read".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_reads_the_table_once() {
        let host = Host::live();
        let at = |seconds: u64| Moment(seconds * 1000);
        let minute = Span::from_secs(60);
        let first = host.mount_table(at(100), minute).unwrap();
        let again = host.mount_table(at(130), minute).unwrap();
        assert!(Arc::ptr_eq(&first.text, &again.text), "within its age it is the same copy");
        let later = host.mount_table(at(160), minute).unwrap();
        assert!(!Arc::ptr_eq(&first.text, &later.text), "then it is read anew");
        // A clock that restarts (another agent's timeline) never keeps an old copy alive.
        let earlier = host.mount_table(at(1), minute).unwrap();
        assert!(!Arc::ptr_eq(&later.text, &earlier.text));
    }
}
