//! Questions to the running kernel over netlink, without any privilege.
//!
//! Owns: sending a request and gathering the whole answer, bounded in bytes and time. Must not
//! know: what stands in the messages. By hand rather than through `ethtool` or `rtnetlink`: those
//! bring 30 crates or a runtime, and `ethtool` drops the set of modes that a link supports. A
//! recorded machine is never asked: its kernel is not this one.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::Host;
use crate::model::limit::{NETLINK_ANSWER_BYTES, NETLINK_PATIENCE, NETLINK_TRIES};
use crate::model::reading::ProbeError;

/// Which part of the kernel is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Links, addresses: `NETLINK_ROUTE`.
    Route,
    /// Families with names, such as `ethtool`: `NETLINK_GENERIC`.
    Generic,
    /// Sockets of the machine: `NETLINK_SOCK_DIAG`.
    Sockets,
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    /// Type of the message.
    pub kind: u16,
    /// Whether all objects are listed rather than one asked.
    pub dump: bool,
    /// What follows the message's header.
    pub body: &'a [u8],
}

/// One message of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its type.
    pub kind: u16,
    /// What follows its header.
    pub body: Vec<u8>,
}

/// Bytes of `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// The kernel puts no more into one datagram of a dump.
const DATAGRAM_BYTES: usize = 64 << 10;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Asks and gathers the answer.
///
/// # Errors
/// Unsupported where the kernel does not know the question or the machine is a recording; denied
/// where a sandbox forbids netlink; timed out; failed.
pub fn ask(host: &Host, family: Family, request: &Request<'_>) -> Result<Vec<Message>, ProbeError> {
    if host.is_recorded() {
        return Err(ProbeError::Unsupported("a recording holds no netlink answers".to_owned()));
    }
    let socket = open(family).map_err(refused)?;
    let mut sequence = 0;
    loop {
        sequence += 1;
        match attempt(&socket, request, sequence)? {
            // The list changed while it was read: what was gathered may lack or repeat something.
            Answer::Torn if sequence < NETLINK_TRIES => {}
            Answer::Torn => {
                return Err(ProbeError::Failed(
                    "the kernel's list of links changed each time it was read".to_owned(),
                ));
            }
            Answer::Whole(messages) => return Ok(messages),
        }
    }
}

enum Answer {
    Whole(Vec<Message>),
    Torn,
}

fn open(family: Family) -> nix::Result<OwnedFd> {
    let protocol = match family {
        Family::Route => SockProtocol::NetlinkRoute,
        Family::Generic => SockProtocol::NetlinkGeneric,
        Family::Sockets => SockProtocol::NetlinkSockDiag,
    };
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    let patience = i64::try_from(NETLINK_PATIENCE.as_millis()).unwrap_or(i64::MAX);
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(patience))?;
    Ok(socket)
}

fn attempt(socket: &OwnedFd, request: &Request<'_>, sequence: u32) -> Result<Answer, ProbeError> {
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &encode(request, sequence), &kernel, MsgFlags::empty())
        .map_err(refused)?;
    let mut gathered = Gathering::new(sequence);
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut bytes = 0_usize;
    loop {
        let length = match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_TRUNC) {
            Ok(length) => length,
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(refused(error)),
        };
        bytes = bytes.saturating_add(length);
        if bytes > NETLINK_ANSWER_BYTES {
            return Err(ProbeError::Failed(format!(
                "the kernel's answer is longer than {NETLINK_ANSWER_BYTES} bytes"
            )));
        }
        let datagram = buffer.get(..length).ok_or_else(|| {
            ProbeError::Malformed(format!("a netlink datagram of {length} bytes"))
        })?;
        if gathered.add(datagram)? || (!request.dump && !gathered.messages.is_empty()) {
            return Ok(if gathered.torn { Answer::Torn } else { Answer::Whole(gathered.messages) });
        }
    }
}

fn encode(request: &Request<'_>, sequence: u32) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + request.body.len()).unwrap_or(u32::MAX);
    let flags = NLM_F_REQUEST | if request.dump { NLM_F_DUMP } else { 0 };
    let mut bytes = Vec::with_capacity(HEADER_BYTES + request.body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(request.kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(request.body);
    bytes
}

/// The messages of an answer as datagrams bring them.
struct Gathering {
    sequence: u32,
    messages: Vec<Message>,
    torn: bool,
}

impl Gathering {
    fn new(sequence: u32) -> Self {
        Self { sequence, messages: Vec::new(), torn: false }
    }

    /// Takes one datagram apart; true when the answer is complete.
    fn add(&mut self, datagram: &[u8]) -> Result<bool, ProbeError> {
        let mut rest = datagram;
        while let Some((header, _)) = rest.split_first_chunk::<HEADER_BYTES>() {
            let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
            let length =
                usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
            let Some(body) = rest.get(HEADER_BYTES..length) else {
                return Err(ProbeError::Malformed("a netlink message that is cut off".to_owned()));
            };
            let kind = u16::from_ne_bytes([k0, k1]);
            let own = u32::from_ne_bytes([s0, s1, s2, s3]) == self.sequence;
            if own {
                self.torn |= u16::from_ne_bytes([f0, f1]) & NLM_F_DUMP_INTR != 0;
                match kind {
                    NLMSG_NOOP => {}
                    NLMSG_DONE | NLMSG_ERROR => {
                        return match error_of(body) {
                            0 => Ok(true),
                            code => Err(refused(Errno::from_raw(code.saturating_neg()))),
                        };
                    }
                    _ => self.messages.push(Message { kind, body: body.to_vec() }),
                }
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(false)
    }
}

/// The kernel's negative error number, 0 for none.
fn error_of(body: &[u8]) -> i32 {
    body.first_chunk::<4>().map_or(0, |code| i32::from_ne_bytes(*code).min(0))
}

fn refused(error: Errno) -> ProbeError {
    match error {
        Errno::EAGAIN => ProbeError::TimedOut("no answer from the kernel over netlink".to_owned()),
        Errno::EPERM | Errno::EACCES => ProbeError::Denied(format!(
            "the agent may not ask the kernel over netlink: {error} (its unit must allow AF_NETLINK)"
        )),
        Errno::EAFNOSUPPORT
        | Errno::EPROTONOSUPPORT
        | Errno::EOPNOTSUPP
        | Errno::ENOENT
        | Errno::EINVAL => ProbeError::Unsupported(format!(
            "the kernel does not answer this over netlink: {error}"
        )),
        Errno::ENODEV => ProbeError::Absent(format!("the link is gone: {error}")),
        _ => ProbeError::Failed(format!("asking the kernel over netlink: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = encode(&Request { kind, dump: false, body }, sequence);
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn an_answer_ends_with_done_and_skips_what_is_not_its_own() {
        let mut gathered = Gathering::new(7);
        let mut datagram = message(16, 0, 7, b"abc");
        datagram.extend(message(16, 0, 6, b"of an older question"));
        datagram.extend(message(NLMSG_NOOP, 0, 7, b""));
        datagram.extend(message(17, 0, 7, b""));
        assert_eq!(gathered.add(&datagram), Ok(false));
        assert_eq!(gathered.add(&message(NLMSG_DONE, 0, 7, &0_i32.to_ne_bytes())), Ok(true));
        let bodies: Vec<_> = gathered.messages.iter().map(|m| (m.kind, &m.body[..])).collect();
        assert_eq!(bodies, [(16, &b"abc"[..]), (17, b"")]);
        assert!(!gathered.torn);
    }

    #[test]
    fn a_torn_list_and_a_refusal_are_told_apart() {
        let mut gathered = Gathering::new(1);
        gathered.add(&message(16, NLM_F_DUMP_INTR, 1, b"")).unwrap();
        assert!(gathered.torn);
        let refusal = |code: Errno| {
            let body = (-(code as i32)).to_ne_bytes();
            Gathering::new(1).add(&message(NLMSG_ERROR, 0, 1, &body)).unwrap_err().word()
        };
        assert_eq!(refusal(Errno::EPERM), "denied");
        assert_eq!(refusal(Errno::EOPNOTSUPP), "unsupported");
        assert_eq!(refusal(Errno::ENODEV), "absent");
        assert_eq!(refusal(Errno::ENOMEM), "failed");
        let lying = message(16, 0, 1, b"12345678");
        assert_eq!(Gathering::new(1).add(&lying[..20]).unwrap_err().word(), "malformed");
    }

    #[test]
    fn the_running_kernel_lists_its_links_and_a_recording_does_not() {
        // RTM_GETLINK over all families.
        let request = Request { kind: 18, dump: true, body: &[0; 16] };
        let links = ask(&Host::live(), Family::Route, &request).unwrap();
        assert!(links.iter().any(|link| link.body.windows(3).any(|part| part == b"lo\0")));
        let host = Host::recorded(std::path::Path::new("/"));
        assert_eq!(ask(&host, Family::Route, &request).unwrap_err().word(), "unsupported");
    }

    proptest! {
        #[test]
        fn no_datagram_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            length in 0..64_u32,
        ) {
            let _ = Gathering::new(0).add(&bytes);
            let mut started = length.to_ne_bytes().to_vec();
            started.extend(&bytes);
            let _ = Gathering::new(0).add(&started);
        }
    }
}
