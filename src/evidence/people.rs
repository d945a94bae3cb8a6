//! Who a process belongs to and what it is called: its short name as the kernel has it, its number,
//! its user. What it was started with is never read: it may hold passwords.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::model::text::shown_bytes;
use crate::parse::account::Account;
use crate::parse::process::{self, ProcessStat, ProcessStatus};

/// Names of users, from the machine's own list.
pub(super) struct People {
    passwd: String,
    known: RefCell<HashMap<u32, String>>,
}

impl People {
    pub(super) fn of(host: &Host) -> Self {
        let passwd = read(host, "etc/passwd", Shape::UntilEnd).unwrap_or_default();
        let passwd = String::from_utf8_lossy(&passwd).into_owned();
        Self { passwd, known: RefCell::default() }
    }

    /// `root`, or `user 4711` where the list lacks it: it may be kept on a server.
    pub(super) fn name(&self, uid: u32) -> String {
        let mut known = self.known.borrow_mut();
        let name = known.entry(uid).or_insert_with(|| {
            let name = Account::numbered(uid, &self.passwd, "").name;
            if name == uid.to_string() { format!("user {name}") } else { name }
        });
        name.clone()
    }

    /// `rsync[4410] root`, `kswapd0[61]` for the kernel's own.
    pub(super) fn describe(&self, process: &ProcessStat, uid: Option<u32>) -> String {
        let name = shown_bytes(&process.name);
        match uid {
            Some(uid) if !process.is_kernel => {
                format!("{name}[{}] {}", process.pid, self.name(uid))
            }
            _ => format!("{name}[{}]", process.pid),
        }
    }
}

/// What `/proc/PID/status` says; none for a process that has ended.
pub(super) fn status(host: &Host, pid: u32) -> Option<ProcessStatus> {
    process::status(&read(host, &format!("proc/{pid}/status"), Shape::Whole).ok()?)
}
