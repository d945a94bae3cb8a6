//! Signals as bytes in a pipe that the dispatcher polls.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The signals that mean something to the agent.
#[derive(Debug)]
pub struct Signals {
    pipe: UnixStream,
    reload: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

/// What the signals since the last look asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// SIGHUP.
    pub reload: bool,
    /// SIGTERM or SIGINT.
    pub stop: bool,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the kernel gives no pipe or no handler.
    pub fn listen() -> std::io::Result<Self> {
        let (pipe, end) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        let reload = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(AtomicBool::new(false));
        for (signal, flag) in [(SIGHUP, &reload), (SIGTERM, &stop), (SIGINT, &stop)] {
            // The flag first: whoever is woken by the byte must find it set.
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, end.try_clone()?)?;
        }
        Ok(Self { pipe, reload, stop })
    }

    /// What was asked for since the last call.
    pub fn take(&mut self) -> Asked {
        let mut bytes = [0; 64];
        while matches!(self.pipe.read(&mut bytes), Ok(n) if n > 0) {}
        Asked {
            reload: self.reload.swap(false, Ordering::Relaxed),
            stop: self.stop.swap(false, Ordering::Relaxed),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
