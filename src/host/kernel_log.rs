//! The kernel's log as it stands: every record of its ring once, without waiting for more.
//!
//! Owns: reading the device to its end, bounded. Must not know: what stands in a record. Needs
//! CAP_SYSLOG where `kernel.dmesg_restrict` is set, and a sandbox may hide it.

use std::io::{self, Read};

use nix::errno::Errno;

use super::Host;
use super::file::{self, Shape, open, refusal};
use crate::model::limit::KERNEL_LOG_RECORDS;
use crate::model::reading::ProbeError;

/// Longest record that the kernel gives (CONSOLE_EXT_LOG_MAX).
const RECORD_BYTES: usize = 8192;

/// Hands every record to `hear`, the oldest first.
///
/// # Errors
/// Absent, denied or failed, naming the device.
pub fn records(host: &Host, hear: &mut dyn FnMut(&[u8])) -> Result<(), ProbeError> {
    if host.is_recorded() {
        // A file has no bounds of records: one a line.
        let text = file::read(host, "dev/kmsg", Shape::UntilEnd)?;
        text.split(|byte| *byte == b'\n').for_each(hear);
        return Ok(());
    }
    let path = host.path("dev/kmsg");
    let mut log = open(&path).map_err(|error| refusal(&path, &error))?;
    let mut record = [0; RECORD_BYTES];
    for _ in 0..KERNEL_LOG_RECORDS {
        match log.read(&mut record) {
            Ok(0) => return Ok(()),
            Ok(length) => hear(record.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What was read next was overwritten meanwhile: the kernel goes on with the oldest.
            Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
            Err(error) => return Err(refusal(&path, &error)),
        }
    }
    Ok(())
}
