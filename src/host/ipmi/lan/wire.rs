//! One datagram out, its answer back: the socket, sending again, the deadline, and the count of
//! what was dropped. Must not know what the packets say.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::host::timer::Timer;
use crate::model::limit::{IPMI_LAN_DATAGRAM_BYTES, IPMI_LAN_TRY};
use crate::model::reading::ProbeError;

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// Not a packet of this protocol, or cut off.
    Garbled,
    /// Of another session or step, or the answer to an earlier question.
    Foreign,
    /// Without the right code, or not encrypted where it must be.
    Unproven,
    /// Seen before.
    Replayed,
}

/// How many packets were dropped, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops {
    /// Not a packet of this protocol, or cut off.
    pub garbled: u64,
    /// Of another session or step, or the answer to an earlier question.
    pub foreign: u64,
    /// Without the right code, or not encrypted where it must be.
    pub unproven: u64,
    /// Seen before.
    pub replayed: u64,
}

impl Drops {
    fn count(&mut self, why: Dropped) {
        let counter = match why {
            Dropped::Garbled => &mut self.garbled,
            Dropped::Foreign => &mut self.foreign,
            Dropped::Unproven => &mut self.unproven,
            Dropped::Replayed => &mut self.replayed,
        };
        *counter = counter.saturating_add(1);
    }

    pub(super) fn add(&mut self, other: Self) {
        self.garbled = self.garbled.saturating_add(other.garbled);
        self.foreign = self.foreign.saturating_add(other.foreign);
        self.unproven = self.unproven.saturating_add(other.unproven);
        self.replayed = self.replayed.saturating_add(other.replayed);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.garbled
            .saturating_add(self.foreign)
            .saturating_add(self.unproven)
            .saturating_add(self.replayed)
    }
}

/// Why an exchange brought nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing came after all tries.
    Silent,
    /// The two sides do not agree on how far the opening of the session has come.
    Astray,
    /// The whole question's time is over.
    TimeUp,
    /// The BMC refuses the cipher suite.
    Suite,
    /// What a person must know.
    Told(ProbeError),
}

/// A socket that talks to one address.
#[derive(Debug)]
pub(super) struct Wire {
    socket: UdpSocket,
    drops: Drops,
}

impl Wire {
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        // The family of the peer: `[::]` does not bind where IPv6 is off.
        let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(own)?;
        socket.connect(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, drops: Drops::default() })
    }

    pub(super) fn drops(&self) -> Drops {
        self.drops
    }

    /// Sends once, without waiting for anything.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        match self.socket.send(packet) {
            // An earlier packet's: the BMC may be starting.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            other => other.map(drop),
        }
    }

    /// Sends what `make` makes until `take` takes an answer, each time with twice the patience. What
    /// it does not take is counted and makes the wait no longer.
    pub(super) fn exchange<T>(
        &mut self,
        deadline: &Timer,
        tries: usize,
        mut make: impl FnMut() -> Result<Vec<u8>, ProbeError>,
        mut take: impl FnMut(&[u8]) -> Result<T, Dropped>,
    ) -> Result<T, Fault> {
        let mut patience = IPMI_LAN_TRY;
        for _ in 0..tries {
            let packet = make().map_err(Fault::Told)?;
            self.send(&packet).map_err(|error| broken(&error))?;
            let again = Timer::start(patience).map_err(|error| broken(&error))?;
            while let Some(datagram) = self.receive(deadline, &again)? {
                match take(&datagram) {
                    Ok(answer) => return Ok(answer),
                    Err(why) => self.drops.count(why),
                }
            }
            patience = patience.times(2);
        }
        Err(Fault::Silent)
    }

    /// The next datagram; none when it is time to send again.
    fn receive(&self, deadline: &Timer, again: &Timer) -> Result<Option<Vec<u8>>, Fault> {
        loop {
            let mut wait = [
                PollFd::new(deadline.as_fd(), PollFlags::POLLIN),
                PollFd::new(again.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut wait, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(broken(&error.into())),
                Ok(_) => {}
            }
            let [over, again, _] = wait.map(|one| one.any().unwrap_or(false));
            // The timers first, so that a flood of packets holds nobody up.
            if over {
                return Err(Fault::TimeUp);
            }
            if again {
                return Ok(None);
            }
            let mut datagram = vec![0; IPMI_LAN_DATAGRAM_BYTES];
            match self.socket.recv(&mut datagram) {
                Ok(length) => {
                    datagram.truncate(length);
                    return Ok(Some(datagram));
                }
                // Nobody listens there now, or anybody could have said so: the timers decide.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionRefused
                            | io::ErrorKind::WouldBlock
                            | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(broken(&error)),
            }
        }
    }
}

fn broken(error: &io::Error) -> Fault {
    Fault::Told(ProbeError::Failed(format!("the network to the BMC: {error}")))
}
