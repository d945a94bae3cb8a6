//! The BMC of this machine, through the kernel's device file.
//!
//! Owns: which file, the deadline of a question, opening it again after an error. Must not know:
//! what is asked.
//!
//! `ipmi_rs::File` does the system calls. It numbers its questions, and takes an answer with
//! another number for an error: after a time-out the late answer would spoil the next question, so
//! that a file is used no more after any error.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use ipmi_rs::connection::{IpmiConnection, Request as Wired, Response};
use nix::errno::Errno;

use super::{Answer, Door, Request, ask_over};
use crate::host::Host;
use crate::host::file::refusal;
use crate::model::limit::{IPMI_DEVICE_PATIENCE, IPMI_INTERRUPTIONS};
use crate::model::reading::ProbeError;

/// Names that distributions have given the device of the first BMC.
const NAMES: &[&str] = &["dev/ipmi0", "dev/ipmi/0", "dev/ipmidev/0"];

/// The device.
pub(super) struct Device<C = ipmi_rs::File> {
    path: PathBuf,
    /// None before the first question and after an error.
    open: Option<C>,
    opener: fn(&Path) -> io::Result<C>,
}

impl<C> fmt::Debug for Device<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.path.display())
    }
}

impl Device {
    /// Finds the device and opens it, so that a missing module or right shows at once.
    pub(super) fn open(host: &Host) -> Result<Self, ProbeError> {
        let paths: Vec<PathBuf> = NAMES.iter().map(|name| host.path(name)).collect();
        let path = paths.iter().find(|path| path.symlink_metadata().is_ok()).ok_or_else(absent)?;
        let opener = |path: &Path| {
            // Opening anything else might wait for ever, or ask a disk what a BMC is asked.
            if !path.metadata()?.file_type().is_char_device() {
                return Err(io::Error::from(Errno::ENOTTY));
            }
            ipmi_rs::File::new(path, IPMI_DEVICE_PATIENCE.to_std())
        };
        let mut device = Self { path: path.clone(), open: None, opener };
        device.opened()?;
        Ok(device)
    }
}

impl<C: IpmiConnection<SendError = io::Error, RecvError = io::Error>> Device<C> {
    fn opened(&mut self) -> Result<&mut C, ProbeError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => (self.opener)(&self.path).map_err(|error| self.refused(&error))?,
        };
        Ok(self.open.insert(open))
    }

    fn refused(&self, error: &io::Error) -> ProbeError {
        let path = self.path.display();
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) => absent(),
            Some(Errno::EACCES | Errno::EPERM) => ProbeError::Denied(format!(
                "the agent may not open `{path}`: {error} (the rule in \
                 /usr/lib/udev/rules.d/60-hostwatch-ipmi.rules gives it to the group hostwatch: \
                 `udevadm trigger {path}` applies it)"
            )),
            Some(Errno::EAGAIN | Errno::ETIMEDOUT) => ProbeError::TimedOut(format!(
                "no answer from the BMC through `{path}` within {IPMI_DEVICE_PATIENCE}"
            )),
            Some(Errno::ENOTTY) => {
                ProbeError::Unsupported(format!("`{path}` is not the device of a BMC"))
            }
            _ => refusal(&self.path, error),
        }
    }
}

fn absent() -> ProbeError {
    ProbeError::Absent(
        "no BMC: there is no /dev/ipmi0. If this machine has one, load the modules: modprobe -a \
         ipmi_si ipmi_devintf"
            .to_owned(),
    )
}

impl<C: IpmiConnection<SendError = io::Error, RecvError = io::Error>> IpmiConnection for Device<C> {
    type SendError = ProbeError;
    type RecvError = ProbeError;
    type Error = ProbeError;

    fn send(&mut self, request: &mut Wired) -> Result<(), ProbeError> {
        let sent = self.opened()?.send(request);
        sent.map_err(|error| self.given_up(&error))
    }

    fn recv(&mut self) -> Result<Response, ProbeError> {
        let mut interruptions = 0;
        loop {
            match self.opened()?.recv() {
                Ok(response) => return Ok(response),
                // A signal ended the wait, not the question.
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted
                        && interruptions < IPMI_INTERRUPTIONS =>
                {
                    interruptions += 1;
                }
                Err(error) => return Err(self.given_up(&error)),
            }
        }
    }

    fn send_recv(&mut self, request: &mut Wired) -> Result<Response, ProbeError> {
        self.send(request)?;
        self.recv()
    }
}

impl<C: IpmiConnection<SendError = io::Error, RecvError = io::Error>> Device<C> {
    fn given_up(&mut self, error: &io::Error) -> ProbeError {
        self.open = None;
        self.refused(error)
    }
}

impl<C> Door for Device<C>
where
    C: IpmiConnection<SendError = io::Error, RecvError = io::Error> + Send,
{
    fn ask(&mut self, request: &Request) -> Result<Answer, ProbeError> {
        let answer = ask_over(self, request);
        // An answer to another question: whatever else is under way would be the next one's.
        if matches!(answer, Err(ProbeError::Malformed(_))) {
            self.open = None;
        }
        answer
    }
}

#[cfg(test)]
mod tests;
