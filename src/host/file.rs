//! Bounded reads of small kernel files, once or again and again through a kept descriptor.
//!
//! Owns: how a file of /proc or /sys is read whole, and which errors mean absent, denied, failed.
//! Must not know: what stands in the files.
//!
//! Reading by hand rather than through `procfs`: a kept descriptor costs an eighth of opening and
//! parsing each time, and an error keeps its cause and path.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::Host;
use crate::model::limit::HOST_FILE_BYTES;
use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::model::unit::Span;

/// Room for a first read: most kernel files fit, so that one call reads them.
const FIRST_READ_BYTES: usize = 8 << 10;
/// What a kept file may grow, beyond a quarter, before its next read takes two calls.
const ROOM_TO_GROW_BYTES: usize = 64;
/// The kernel hands out record files a page at a time and ends a read where the next record does
/// not fit: a read that leaves room for the longest record in the smallest page was the last.
const SMALLEST_PAGE_BYTES: usize = 4096;

/// How the kernel hands out a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All at once (`stat`, `meminfo`, a sysfs attribute): a short read is the whole file.
    Whole,
    /// In records of at most so many bytes, a page at a time (`diskstats`, `net/dev`, `vmstat`).
    Records(usize),
    /// In records of any length (`mountinfo`), or an ordinary file: until the end is seen.
    UntilEnd,
}

/// Says what an error means for a reading, naming the path.
#[must_use]
pub fn refusal(path: &Path, error: &io::Error) -> ProbeError {
    let path = path.display();
    let code = error.raw_os_error().map(Errno::from_raw);
    match code {
        Some(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO | Errno::ESTALE | Errno::ENOTDIR) => {
            ProbeError::Absent(format!("`{path}` is not there"))
        }
        Some(Errno::EACCES | Errno::EPERM) => {
            ProbeError::Denied(format!("the agent may not read `{path}`: {error}"))
        }
        Some(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL) => {
            ProbeError::Unsupported(format!("the kernel does not offer `{path}`: {error}"))
        }
        Some(Errno::ETIMEDOUT) => ProbeError::TimedOut(format!("no answer from `{path}`")),
        _ => ProbeError::Failed(format!("cannot read `{path}`: {error}")),
    }
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    // A fifo in a recording, or a device that waits for carrier, must not block the agent.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    std::fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// Reads into `buffer` until the end as `shape` tells it; gives the length.
fn fill(file: &File, buffer: &mut Vec<u8>, shape: Shape) -> io::Result<usize> {
    if buffer.is_empty() {
        buffer.resize(FIRST_READ_BYTES, 0);
    }
    let mut length = 0;
    loop {
        let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) else {
            if buffer.len() >= HOST_FILE_BYTES {
                return Err(io::Error::other(format!("more than {HOST_FILE_BYTES} bytes")));
            }
            buffer.resize((buffer.len() * 2).min(HOST_FILE_BYTES), 0);
            if shape == Shape::Whole {
                // The file was cut at the buffer's end: what follows belongs to another moment.
                length = 0;
            }
            continue;
        };
        let offset = u64::try_from(length).unwrap_or(u64::MAX);
        let room_bytes = room.len();
        let count = match file.read_at(room, offset) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        length += count;
        let done = count == 0
            || match shape {
                Shape::Whole => count < room_bytes,
                Shape::Records(longest) => {
                    count < room_bytes
                        && length == count
                        && count.saturating_add(longest) <= SMALLEST_PAGE_BYTES
                }
                Shape::UntilEnd => false,
            };
        if done {
            return Ok(length);
        }
    }
}

/// Reads a whole file once.
///
/// # Errors
/// Absent, denied or failed, naming the path.
pub fn read(host: &Host, path: &str, shape: Shape) -> Result<Vec<u8>, ProbeError> {
    let path = host.path(path);
    let mut buffer = Vec::new();
    let length = open(&path)
        .and_then(|file| fill(&file, &mut buffer, shape))
        .map_err(|error| refusal(&path, &error))?;
    buffer.truncate(length);
    Ok(buffer)
}

/// Reads a one-line attribute of sysfs or procfs, without the newline; not UTF-8 is replaced.
///
/// # Errors
/// Absent, denied or failed, naming the path.
pub fn read_line(host: &Host, path: &str) -> Result<String, ProbeError> {
    let bytes = read(host, path, Shape::Whole)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// A file that is read every cycle: the descriptor and the buffer stay.
#[derive(Debug)]
pub struct KeptFile {
    path: String,
    shape: Shape,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl KeptFile {
    /// Names the file; nothing is opened yet.
    #[must_use]
    pub fn new(path: impl Into<String>, shape: Shape) -> Self {
        Self { path: path.into(), shape, file: None, buffer: Vec::new() }
    }

    /// Its content now, in one system call where the kernel allows.
    ///
    /// # Errors
    /// Absent, denied or failed, naming the path.
    pub fn read(&mut self, host: &Host) -> Result<&[u8], ProbeError> {
        let shape = self.shape;
        let length = self.attempt(host, |file, buffer| fill(file, buffer, shape))?;
        Ok(self.buffer.get(..length).unwrap_or_default())
    }

    /// The first `bytes` of its content now, for files of which the first lines say enough.
    ///
    /// # Errors
    /// Absent, denied or failed, naming the path.
    pub fn read_start(&mut self, host: &Host, bytes: usize) -> Result<&[u8], ProbeError> {
        let length = self.attempt(host, |file, buffer| {
            buffer.resize(bytes.min(HOST_FILE_BYTES), 0);
            file.read_at(buffer, 0)
        })?;
        Ok(self.buffer.get(..length).unwrap_or_default())
    }

    /// Runs `read` on the kept descriptor; if that belongs to something that is gone, once more
    /// on a new one.
    fn attempt(
        &mut self,
        host: &Host,
        read: impl Fn(&File, &mut Vec<u8>) -> io::Result<usize>,
    ) -> Result<usize, ProbeError> {
        if let Some(file) = &self.file {
            match read(file, &mut self.buffer) {
                // An empty answer is what an unplugged device's attribute gives on some kernels.
                Ok(length) if length > 0 => return Ok(length),
                Ok(_) => self.file = None,
                Err(error) => {
                    self.file = None;
                    let gone = [Errno::ENODEV, Errno::ESTALE, Errno::ENXIO, Errno::ENOENT];
                    if !gone.iter().any(|code| error.raw_os_error() == Some(*code as i32)) {
                        return Err(refusal(&host.path(&self.path), &error));
                    }
                }
            }
        }
        let path = host.path(&self.path);
        let outcome = open(&path).and_then(|file| {
            let length = read(&file, &mut self.buffer)?;
            Ok((file, length))
        });
        let (file, length) = outcome.map_err(|error| refusal(&path, &error))?;
        // These files hardly grow, and a dozen first reads' room would be a quarter of the agent's
        // heap. What does grow gets more room again.
        self.buffer.truncate(length + length / 4 + ROOM_TO_GROW_BYTES);
        self.buffer.shrink_to_fit();
        // Files of a recording are ordinary ones, which are replaced, not rewritten in place.
        self.file = (!host.is_recorded()).then_some(file);
        Ok(length)
    }
}

/// A file that this kernel may not have: asked for again only now and then.
#[derive(Debug)]
pub struct OptionalFile {
    file: KeptFile,
    retry: Option<Moment>,
}

/// How long a file that was not there is not asked for: a module may be loaded later.
const RETRY_ABSENT: Span = Span::from_secs(600);

impl OptionalFile {
    /// Names the file; nothing is opened yet.
    #[must_use]
    pub fn new(path: impl Into<String>, shape: Shape) -> Self {
        Self { file: KeptFile::new(path, shape), retry: None }
    }

    /// Its content now; `None` if it cannot be read.
    pub fn read(&mut self, host: &Host, now: Moment) -> Option<&[u8]> {
        if self.retry.is_some_and(|retry| now < retry) {
            return None;
        }
        match self.file.read(host) {
            Ok(text) => {
                self.retry = None;
                Some(text)
            }
            Err(_) => {
                self.retry = Some(now + RETRY_ABSENT);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), name, bytes);
        let host = Host::recorded(dir.path());
        (dir, host)
    }

    #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
    fn put(root: &Path, name: &str, bytes: &[u8]) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_long_file_is_read_whole_in_every_shape() {
        let text: Vec<u8> = (0..100_000_u32).map(|n| b"0123456789\n"[n as usize % 11]).collect();
        let (_dir, host) = recorded("proc/long", &text);
        for shape in [Shape::Whole, Shape::Records(64), Shape::UntilEnd] {
            assert_eq!(read(&host, "proc/long", shape).unwrap(), text);
            let mut kept = KeptFile::new("proc/long", shape);
            assert_eq!(kept.read(&host).unwrap(), text);
            assert_eq!(kept.read(&host).unwrap(), text);
        }
    }

    #[test]
    fn a_kept_file_holds_little_and_grows_with_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grows");
        let (small, large) = (vec![b's'; 30], vec![b'l'; 20_000]);
        for shape in [Shape::Whole, Shape::Records(64), Shape::UntilEnd] {
            put(dir.path(), "grows", &small);
            let mut kept = KeptFile::new(path.to_str().unwrap(), shape);
            assert_eq!(kept.read(&Host::live()).unwrap(), small);
            assert!(kept.buffer.capacity() < 200, "{} bytes", kept.buffer.capacity());
            // The same file through the same descriptor, up to and beyond every edge of the room.
            for length in (31..150).chain([20_000, 30]) {
                put(dir.path(), "grows", &large[..length]);
                assert_eq!(kept.read(&Host::live()).unwrap(), &large[..length], "{shape:?}");
            }
        }
    }

    #[test]
    fn absent_is_not_denied_and_names_the_path() {
        let (dir, host) = recorded("proc/stat", b"cpu");
        let error = read(&host, "proc/nothing", Shape::Whole).unwrap_err();
        assert_eq!(error.word(), "absent");
        assert!(error.to_string().contains("proc/nothing"));
        let error = read(&host, "proc", Shape::Whole).unwrap_err();
        assert_eq!(error.word(), "failed", "a directory is not a file: {error}");
        drop(dir);
        assert_eq!(read(&host, "proc/stat", Shape::Whole).unwrap_err().word(), "absent");
    }

    #[test]
    fn more_than_the_bound_is_an_error_not_a_cut() {
        let (_dir, host) = recorded("proc/huge", &vec![b'x'; HOST_FILE_BYTES + 1]);
        assert_eq!(read(&host, "proc/huge", Shape::Whole).unwrap_err().word(), "failed");
    }

    #[test]
    fn a_kept_file_sees_new_content_and_reopens_what_was_emptied() {
        let (dir, host) = recorded("sys/value", b"1\n");
        let mut kept = KeptFile::new("sys/value", Shape::Whole);
        assert_eq!(kept.read(&host).unwrap(), b"1\n");
        put(dir.path(), "sys/value", b"22\n");
        assert_eq!(kept.read(&host).unwrap(), b"22\n");
        // Unplug and plug: the old file ends empty, a new one stands in its place.
        put(dir.path(), "sys/value", b"");
        std::fs::remove_file(dir.path().join("sys/value")).unwrap();
        assert_eq!(kept.read(&host).unwrap_err().word(), "absent");
        put(dir.path(), "sys/value", b"3\n");
        assert_eq!(kept.read(&host).unwrap(), b"3\n");
        assert_eq!(kept.read_start(&host, 1).unwrap(), b"3");
    }
}
