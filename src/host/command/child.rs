//! What following a child takes: a thread that waits and reaps, its two outputs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::model::limit::LANE_STACK_BYTES;

/// Room for one read: a quarter of what a pipe holds.
const READ_BYTES: usize = 16 << 10;

/// Programs whose last run survived even SIGKILL (they wait in the kernel for a device): another
/// run would only add to them.
static STUCK: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The programs that are stuck.
pub(super) fn stuck() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    STUCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that waits for the end of a child. It reaps the child only when told to: until then its
/// process group cannot come to name anybody else's processes.
pub(super) struct Waiter {
    child: mpsc::Sender<Child>,
    may_reap: mpsc::Sender<()>,
    status: mpsc::Receiver<io::Result<ExitStatus>>,
}

impl Waiter {
    /// Gives a pipe besides, which reports its end when the child has ended.
    pub(super) fn start(path: PathBuf) -> io::Result<(PipeReader, Self)> {
        let (ended, alive) = io::pipe()?;
        let (child, born) = mpsc::channel::<Child>();
        let (may_reap, reap) = mpsc::channel::<()>();
        let (tell, status) = mpsc::channel();
        let wait = move || {
            let Ok(mut child) = born.recv() else { return };
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(pid), flags) == Err(Errno::EINTR) {}
            drop(alive);
            // Sent or dropped: both allow it.
            let _ = reap.recv();
            let _ = tell.send(child.wait());
            stuck().remove(&path);
        };
        let thread = std::thread::Builder::new().name("command".to_owned());
        thread.stack_size(LANE_STACK_BYTES).spawn(wait)?;
        Ok((ended, Self { child, may_reap, status }))
    }

    pub(super) fn hand_over(&self, child: Child) {
        let _ = self.child.send(child);
    }

    /// The status of a child that has ended.
    pub(super) fn reap(self) -> Option<ExitStatus> {
        drop(self.may_reap);
        self.status.recv().ok()?.ok()
    }
}

/// One of the child's two outputs.
pub(super) struct Stream {
    /// Nothing once its end was seen.
    pub(super) pipe: Option<File>,
    pub(super) text: Vec<u8>,
}

impl Stream {
    pub(super) fn new(pipe: Option<File>) -> Self {
        Self { pipe, text: Vec::new() }
    }

    /// Reads what is there after poll said that something is; says whether that was too much.
    pub(super) fn read(&mut self, bytes_max: usize) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        let mut part = [0; READ_BYTES];
        match pipe.read(&mut part) {
            Ok(count) if count > 0 => {
                self.text.extend_from_slice(part.get(..count).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => self.pipe = None,
        }
        self.text.len() > bytes_max
    }
}
