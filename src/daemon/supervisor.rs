//! What the service manager is told: ready, alive, reloading, stopping (sd_notify(3)).
//!
//! A datagram to the socket named in `NOTIFY_SOCKET`; nothing at all where there is none.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::model::time::Moment;
use crate::model::unit::Span;

/// The line to the service manager.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    watchdog: Option<Span>,
    fed: Moment,
}

impl Supervisor {
    /// Reads the environment that the service manager gave.
    #[must_use]
    pub fn from_environment() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(|name| {
            match name.as_bytes().strip_prefix(b"@") {
                Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name).ok(),
                None => SocketAddr::from_pathname(&name).ok(),
            }
        });
        let socket = address.and_then(|address| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect_addr(&address).ok()?;
            // A service manager that does not read must not stop the checks.
            socket.set_nonblocking(true).ok()?;
            Some(socket)
        });
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let mine = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        // Fed twice an interval, as sd_watchdog_enabled(3) asks.
        let watchdog = number("WATCHDOG_USEC")
            .filter(|microseconds| mine && *microseconds > 0)
            .map(|microseconds| Span::from_millis(microseconds / 2000));
        Self { socket, watchdog, fed: Moment::default() }
    }

    /// The agent watches.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The agent ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    /// Called once a round of the dispatcher, when everything due has been handed out: feeds the
    /// watchdog if its time has come.
    pub fn alive(&mut self, now: Moment) {
        if let Some(interval) = self.watchdog
            && now.since(self.fed) >= interval
        {
            self.tell("WATCHDOG=1");
            self.fed = now;
        }
    }

    /// When the watchdog wants to be fed.
    #[must_use]
    pub fn next_feeding(&self) -> Option<Moment> {
        self.watchdog.map(|interval| self.fed + interval)
    }

    fn tell(&self, text: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(text.as_bytes());
        }
    }
}
