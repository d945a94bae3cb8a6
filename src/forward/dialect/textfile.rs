//! Outlet `textfile`: a file for node_exporter's textfile collector, written beside its name and
//! renamed, so that nobody reads half of it.
//!
//! Only names of hostwatch's own stand in it: node_exporter serves the file together with what it
//! reads itself, and a name that comes from both, with another help or twice, makes it complain and
//! leave out. It never notices that a file is old either (it shows the file's age as
//! `node_textfile_mtime_seconds`), so the file tells its own time, `hostwatch_batch_timestamp_seconds`,
//! and is removed when the outlet is closed in order: what says that all is well while nobody looks is
//! worse than nothing, and rules on absence then work. It is left alone if somebody else wrote it
//! since, the same outlet after a reload for one.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::exposition;
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::series::{Sample, samples};
use crate::model::batch::Batch;
use crate::model::limit::EXPOSITION_BYTES;
use crate::model::unit::Span;

/// The outlet.
#[derive(Debug)]
pub struct Textfile {
    path: PathBuf,
    /// The file that was written last: its device and number.
    written: Option<(u64, u64)>,
}

impl Textfile {
    /// For this file. Writes nothing yet.
    ///
    /// # Errors
    /// The path is none that node_exporter would read.
    pub fn open(path: &str) -> Result<Self, String> {
        let path = PathBuf::from(path);
        let named = path.extension().is_some_and(|extension| extension == "prom");
        if !path.is_absolute() || !named || path.parent().is_none() {
            return Err(format!(
                "{}: give the whole path of a file whose name ends in `.prom`: node_exporter reads \
                 no other",
                path.display()
            ));
        }
        Ok(Self { path, written: None })
    }

    fn put(&mut self, content: &[Sample], beside: &str) -> io::Result<()> {
        let place = put(&self.path, beside, |out| exposition::write(content, out))?;
        self.written = Some(place);
        Ok(())
    }
}

impl Outlet for Textfile {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::Newest, changes: false }
    }

    fn deliver(&mut self, load: Load<'_>, _within: Span) -> Reply {
        let outcome = match load {
            Load::Change(_) => Outcome::Done,
            Load::Batch(batch) => match self.put(&for_the_file(batch), "new") {
                Ok(()) => Outcome::Done,
                Err(error) => refused(&self.path, &error),
            },
        };
        Reply { outcome, clock: None }
    }

    fn test(&mut self, mark: &Mark, _within: Span) -> Result<Proof, String> {
        let shown = self.path.display();
        let fail = |error: io::Error| advice(&self.path, &error);
        let before = read(&self.path).map_err(fail)?;
        let sample = exposition::mark(mark);
        let line = exposition::text(&[sample]);
        let marked = put(&self.path, "test", |out| {
            out.write_all(before.as_deref().unwrap_or_default())?;
            out.write_all(&line)
        })
        .map_err(fail)?;
        let found = read(&self.path).map_err(fail)?.is_some_and(|text| text.ends_with(&line));
        // The agent may have written a newer one in between.
        if place(&self.path).is_ok_and(|now| now == marked) {
            match before {
                Some(before) => put(&self.path, "test", |out| out.write_all(&before)).map(drop),
                None => std::fs::remove_file(&self.path),
            }
            .map_err(fail)?;
        }
        if found {
            Ok(Proof::ReadBack(format!(
                "written to {shown} and read back; node_exporter shows what stands there as long as \
                 its --collector.textfile.directory is the folder of that file"
            )))
        } else {
            Err(format!(
                "{shown} was written, and something else stood in it right after: is it \
                         written by another program, too?"
            ))
        }
    }
}

impl Drop for Textfile {
    fn drop(&mut self) {
        if self.written.is_some_and(|written| place(&self.path).is_ok_and(|now| now == written)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What node_exporter does not name itself.
fn for_the_file(batch: &Batch) -> Vec<Sample> {
    let mut all = samples(batch);
    all.retain(|sample| !sample.name.starts_with("node_"));
    all
}

/// Writes a file beside `path`, renames it, and says which file it is. It needs not be on the disk
/// when the machine loses power: after a start there is a new one.
fn put(
    path: &Path,
    beside: &str,
    content: impl FnOnce(&mut BufWriter<&std::fs::File>) -> io::Result<()>,
) -> io::Result<(u64, u64)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{beside}"));
    // Left by one that was killed. What is made must be new: no link of somebody else's is followed.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = (|| {
        let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&temporary)?;
        let mut out = BufWriter::with_capacity(64 << 10, &file);
        content(&mut out)?;
        out.flush()?;
        drop(out);
        // Whatever the umask took away: node_exporter runs as a user of its own.
        file.set_permissions(Permissions::from_mode(MODE))?;
        let data = file.metadata()?;
        std::fs::rename(&temporary, path)?;
        Ok((data.dev(), data.ino()))
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Everybody may read it.
const MODE: u32 = 0o644;

fn place(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|data| (data.dev(), data.ino()))
}

/// The file's bytes, none where there is no file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match OpenOptions::new().read(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(EXPOSITION_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > EXPOSITION_BYTES {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(Some(bytes))
}

fn refused(path: &Path, error: &io::Error) -> Outcome {
    let why = advice(path, error);
    match error.kind() {
        ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory => Outcome::Hold { why },
        _ => Outcome::Retry { why, after: None, suspect: false },
    }
}

/// What cannot be written, and what to do.
fn advice(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().unwrap_or(path).display();
    let path = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "may not write {path}: let the agent's user write to its folder, `setfacl -m \
             u:hostwatch:rwx {folder}`"
        ),
        ErrorKind::ReadOnlyFilesystem => format!(
            "cannot write {path}, its file system is read-only for the agent: where the service's \
             unit makes it so, `systemctl edit hostwatch` and add `[Service]` and \
             `ReadWritePaths={folder}`"
        ),
        ErrorKind::NotFound | ErrorKind::NotADirectory => format!(
            "cannot write {path}, there is no folder {folder}: create it, or take the one that \
             node_exporter's --collector.textfile.directory names"
        ),
        ErrorKind::IsADirectory => format!("cannot write {path}: it is a folder"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!("cannot write {path}, the disk is full: make room below {folder}")
        }
        _ => format!("cannot write {path}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Stamp;

    const WITHIN: Span = Span::from_secs(5);

    fn batch(at: i64) -> Batch {
        let mut batch = Batch { at: Stamp(at * 1000), ..Batch::default() };
        batch.own.booted = Stamp(1000);
        batch
    }

    fn opened(folder: &Path) -> (Textfile, PathBuf) {
        let path = folder.join("hostwatch.prom");
        (Textfile::open(path.to_str().unwrap()).unwrap(), path)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_newest_batch_stands_in_the_file_for_everybody_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let (mut outlet, path) = opened(folder.path());
        for at in [5, 6] {
            let reply = outlet.deliver(Load::Batch(&batch(at)), WITHIN);
            assert_eq!(reply.outcome, Outcome::Done);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\nhostwatch_batch_timestamp_seconds 6\n"), "{text}");
        assert!(!text.contains("node_"), "{text}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(names(folder.path()), ["hostwatch.prom"]);
        drop(outlet);
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn what_somebody_else_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (mut before, path) = opened(folder.path());
        let (mut after, _) = opened(folder.path());
        before.deliver(Load::Batch(&batch(5)), WITHIN);
        after.deliver(Load::Batch(&batch(6)), WITHIN);
        drop(before);
        assert!(path.exists());
        drop(after);
        assert!(!path.exists());
        // An outlet that wrote nothing removes nothing.
        std::fs::write(&path, "x 1\n").unwrap();
        drop(opened(folder.path()));
        assert!(path.exists());
    }

    #[test]
    fn a_link_that_waits_for_the_temporary_name_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut outlet, path) = opened(folder.path());
        let precious = folder.path().join("precious");
        std::fs::write(&precious, "precious").unwrap();
        let planted = folder.path().join(".hostwatch.prom.new");
        std::os::unix::fs::symlink(&precious, planted).unwrap();
        assert_eq!(outlet.deliver(Load::Batch(&batch(5)), WITHIN).outcome, Outcome::Done);
        assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
        assert!(path.exists());
    }

    #[test]
    fn a_test_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (mut outlet, path) = opened(folder.path());
        let mark = Mark { at: Stamp(0), number: 17 };
        assert!(matches!(outlet.test(&mark, WITHIN), Ok(Proof::ReadBack(_))));
        assert_eq!(names(folder.path()), [""; 0]);
        std::fs::write(&path, "x 1\n").unwrap();
        assert!(matches!(outlet.test(&mark, WITHIN), Ok(Proof::ReadBack(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"x 1\n");
    }

    #[test]
    fn who_cannot_write_is_told_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone/hostwatch.prom");
        let mut outlet = Textfile::open(gone.to_str().unwrap()).unwrap();
        let reply = outlet.deliver(Load::Batch(&batch(5)), WITHIN);
        assert!(matches!(&reply.outcome, Outcome::Hold { why } if why.contains("create it")));
        let advice = |kind: ErrorKind| advice(Path::new("/srv/t/h.prom"), &kind.into());
        assert!(advice(ErrorKind::ReadOnlyFilesystem).contains("`ReadWritePaths=/srv/t`"));
        assert!(advice(ErrorKind::PermissionDenied).contains("setfacl"));
        assert!(advice(ErrorKind::StorageFull).contains("make room"));
        for bad in ["hostwatch.prom", "/srv/hostwatch.txt", "/"] {
            assert!(Textfile::open(bad).is_err(), "{bad}");
        }
    }
}
