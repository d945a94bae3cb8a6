//! A BMC over the network: RMCP+, the authenticated and encrypted sessions of IPMI 2.0.
//!
//! Owns: finding the address, keeping one session open, opening it again when it is lost. Must not
//! know: what is asked in it.
//!
//! It implements `ipmi-rs`'s `IpmiConnection` instead of using its `Rmcp`, which (0.6, measured
//! against `ipmi_sim`) asks for an administrator's privilege always, so that a user's account is
//! refused; speaks cipher suite 3 alone, while newer BMCs are shipped with nothing but 17; insists
//! on an ASF ping, which firewalls drop; binds `[::]`, which fails where IPv6 is off; and sends
//! nothing twice, though UDP loses packets.
//!
//! Not done: controllers behind the BMC (their sensors are not read over LAN: it would take Send
//! Message, which is not on the allow-list), a BMC key (`K_g`) besides the user's password, IPMI
//! 1.5 sessions.

use std::net::{SocketAddr, ToSocketAddrs};

use ipmi_rs::connection::{
    IpmiConnection, Message, Request as Wired, RequestTargetAddress, Response,
};

use super::access::{Lan, Suite};
use super::allow::SET_PRIVILEGE;
use super::{Answer, Door, RESPONSE, Request, ask_over};
use crate::host::timer::Timer;
use crate::model::limit::{
    IPMI_LAN_ADDRESSES, IPMI_LAN_FRESH_TRIES, IPMI_LAN_OPENINGS, IPMI_LAN_PATIENCE, IPMI_LAN_TRIES,
};
use crate::model::reading::ProbeError;
use session::{Asked, Session};
use wire::{Fault, Wire};

pub use wire::Drops;

mod crypto;
mod handshake;
mod packet;
mod session;
mod status;
mod window;
mod wire;

/// Longest user name and password (IPMI 2.0 sections 22.28 and 22.30).
const USER_BYTES: usize = 16;
const PASSWORD_BYTES: usize = 20;
/// Refusals of Set Session Privilege Level (section 22.18), and of lack of privilege in general.
const PRIVILEGE_REFUSED: [u8; 4] = [0x80, 0x81, 0x82, 0xd4];

/// A BMC on the network. Its session is opened by the first question and kept until it is dropped.
#[derive(Debug)]
pub struct Client {
    lan: Lan,
    /// The suite that worked, where none is configured.
    suite: Option<Suite>,
    open: Option<Open>,
    asked: Option<Asked>,
    /// Of connections that are closed.
    drops: Drops,
}

#[derive(Debug)]
struct Open {
    wire: Wire,
    session: Session,
}

impl Client {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// Unsupported for a user or password that is longer than a BMC can hold.
    pub fn new(lan: Lan) -> Result<Self, ProbeError> {
        let longest = [
            ("user", lan.user.len(), USER_BYTES),
            ("password", lan.password.0.len(), PASSWORD_BYTES),
        ];
        for (what, bytes, most) in longest {
            if bytes > most {
                return Err(ProbeError::Unsupported(format!(
                    "`{what}` for the BMC at {lan} has {bytes} bytes: IPMI knows no more than {most}"
                )));
            }
        }
        Ok(Self { lan, suite: None, open: None, asked: None, drops: Drops::default() })
    }

    /// Packets that came and were not taken, since the start.
    #[must_use]
    pub fn drops(&self) -> Drops {
        let mut drops = self.drops;
        if let Some(open) = &self.open {
            drops.add(open.wire.drops());
        }
        drops
    }

    /// The suite of the open session or, without one, the one that worked last.
    #[must_use]
    pub fn suite(&self) -> Option<Suite> {
        self.suite
    }

    fn answer(&mut self, asked: &Asked) -> Result<Vec<u8>, Fault> {
        let deadline = Timer::start(IPMI_LAN_PATIENCE).map_err(|error| {
            Fault::Told(ProbeError::Failed(format!("no timer for the BMC: {error}")))
        })?;
        if self.open.as_ref().is_some_and(|open| open.session.is_stale()) {
            self.close();
        }
        if let Some(Open { wire, session }) = &mut self.open {
            match session.ask(wire, asked, &deadline, IPMI_LAN_TRIES) {
                // The BMC may have been restarted and know the session no more.
                Err(Fault::Silent) => self.close(),
                other => return other,
            }
        }
        let mut open = self.opened(&deadline)?;
        let answer = open.session.ask(&mut open.wire, asked, &deadline, IPMI_LAN_FRESH_TRIES);
        self.open = Some(open);
        answer
    }

    fn close(&mut self) {
        if let Some(Open { wire, mut session }) = self.open.take() {
            session.close(&wire);
            self.drops.add(wire.drops());
        }
    }

    /// A new session at the first address that gives one.
    fn opened(&mut self, deadline: &Timer) -> Result<Open, Fault> {
        let mut last = Fault::Silent;
        for address in self.addresses()? {
            let mut wire = match Wire::connect(address) {
                Ok(wire) => wire,
                Err(error) => {
                    let text = format!("no way to the BMC at {}: {error}", self.lan);
                    last = Fault::Told(ProbeError::Failed(text));
                    continue;
                }
            };
            match self.session(&mut wire, deadline) {
                Ok(session) => return Ok(Open { wire, session }),
                Err(fault) => {
                    self.drops.add(wire.drops());
                    last = fault;
                }
            }
            // Another address of a BMC that has answered would say the same.
            if !matches!(last, Fault::Silent | Fault::Told(ProbeError::Failed(_))) {
                break;
            }
        }
        Err(last)
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, Fault> {
        let Lan { host, port, .. } = &self.lan;
        match (host.as_str(), *port).to_socket_addrs() {
            Ok(found) => Ok(found.take(IPMI_LAN_ADDRESSES).collect()),
            Err(error) => Err(Fault::Told(ProbeError::Failed(format!(
                "the name of the BMC, `{host}`, leads to no address: {error}"
            )))),
        }
    }

    /// A session with the configured suite, the one that worked, or else the better one that the
    /// BMC takes. What a BMC says of its suites is not asked for: some do not answer that.
    fn session(&mut self, wire: &mut Wire, deadline: &Timer) -> Result<Session, Fault> {
        let suites = match self.lan.suite.or(self.suite) {
            Some(suite) => vec![suite],
            None => vec![Suite::Sha256, Suite::Sha1],
        };
        for suite in suites {
            match self.session_with(wire, suite, deadline) {
                Err(Fault::Suite) => self.suite = None,
                Ok(session) => {
                    self.suite = Some(suite);
                    return Ok(session);
                }
                other => return other,
            }
        }
        Err(Fault::Suite)
    }

    fn session_with(
        &self,
        wire: &mut Wire,
        suite: Suite,
        deadline: &Timer,
    ) -> Result<Session, Fault> {
        for _ in 0..IPMI_LAN_OPENINGS {
            let mut session = match handshake::open(wire, &self.lan, suite, deadline) {
                Err(Fault::Astray) => continue,
                other => other?,
            };
            let asked = Asked {
                netfn: SET_PRIVILEGE.netfn,
                command: SET_PRIVILEGE.command,
                lun: 0,
                data: vec![self.lan.privilege.level()],
            };
            let code = match session.ask(wire, &asked, deadline, IPMI_LAN_TRIES) {
                Err(Fault::Silent) => continue,
                other => other?.first().copied(),
            };
            return match code {
                Some(0) => Ok(session),
                refused => {
                    session.close(wire);
                    Err(Fault::Told(self.privilege_refused(refused)))
                }
            };
        }
        Err(Fault::Astray)
    }

    fn privilege_refused(&self, code: Option<u8>) -> ProbeError {
        match code {
            Some(code) if PRIVILEGE_REFUSED.contains(&code) => {
                ProbeError::Denied(status::too_high(&self.lan))
            }
            code => ProbeError::Failed(format!(
                "the BMC at {} opened a session and refused the privilege `{}` with {code:02x?}",
                self.lan, self.lan.privilege
            )),
        }
    }

    fn told(&self, fault: Fault) -> ProbeError {
        let lan = &self.lan;
        match fault {
            Fault::Told(error) => error,
            Fault::Suite => {
                let asked = match lan.suite.map(u8::from) {
                    Some(suite) => format!("cipher suite {suite}"),
                    None => "cipher suites 17 and 3".to_owned(),
                };
                ProbeError::Unsupported(format!(
                    "the BMC at {lan} refuses {asked} for the privilege `{}`: allow one of 17 and 3 \
                     there",
                    lan.privilege
                ))
            }
            Fault::Silent | Fault::Astray | Fault::TimeUp => {
                let dropped = match self.drops().all() {
                    0 => String::new(),
                    count => format!("; {count} packets that were no answer were dropped"),
                };
                ProbeError::TimedOut(format!(
                    "no answer from the BMC at {lan} (is it reachable on its UDP port, and IPMI over \
                     LAN enabled there?{dropped})"
                ))
            }
        }
    }
}

impl IpmiConnection for Client {
    type SendError = ProbeError;
    type RecvError = ProbeError;
    type Error = ProbeError;

    /// Keeps the question: it is sent, and sent again, while its answer is waited for.
    fn send(&mut self, request: &mut Wired) -> Result<(), ProbeError> {
        let RequestTargetAddress::Bmc(lun) = request.target() else {
            return Err(ProbeError::Unsupported(
                "sensors of controllers behind the BMC are not read over LAN".to_owned(),
            ));
        };
        self.asked = Some(Asked {
            netfn: request.netfn_raw(),
            command: request.cmd(),
            lun: lun.value(),
            data: request.data().to_vec(),
        });
        Ok(())
    }

    fn recv(&mut self) -> Result<Response, ProbeError> {
        let asked = self.asked.take().ok_or_else(|| {
            ProbeError::Failed("an answer from the BMC without a question".to_owned())
        })?;
        let answer = self.answer(&asked).map_err(|fault| {
            // The next question starts afresh.
            let error = self.told(fault);
            self.close();
            error
        })?;
        let message = Message::new_raw(asked.netfn | RESPONSE, asked.command, answer);
        Response::new(message, 0).ok_or_else(|| {
            ProbeError::Malformed("an answer of the BMC without a completion code".to_owned())
        })
    }

    fn send_recv(&mut self, request: &mut Wired) -> Result<Response, ProbeError> {
        self.send(request)?;
        self.recv()
    }
}

impl Door for Client {
    fn ask(&mut self, request: &Request) -> Result<Answer, ProbeError> {
        ask_over(self, request)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}
