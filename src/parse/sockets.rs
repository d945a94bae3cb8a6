//! TCP connections with their counters as the kernel lists them over netlink (sock_diag(7),
//! linux/inet_diag.h, `struct tcp_info` in linux/tcp.h).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::netlink::attribute;

/// Type of request and answer: SOCK_DIAG_BY_FAMILY.
pub const MESSAGE: u16 = 20;
/// Address family of IPv4.
pub const IPV4: u8 = 2;
/// Address family of IPv6.
pub const IPV6: u8 = 10;

const TCP: u8 = 6;
/// INET_DIAG_INFO: the attribute with `struct tcp_info`, and, less one, the bit that asks for it.
const INFO: u16 = 2;
/// All states of a connection but waiting for its late packets (6), closed (7) and listening (10).
const STATES: u32 = 0xffe & !(1 << 6 | 1 << 7 | 1 << 10);
/// `struct inet_diag_msg`.
const MESSAGE_BYTES: usize = 72;
/// Where `tcpi_bytes_acked` stands in `struct tcp_info` (Linux 4.1), then `tcpi_bytes_received`.
const ACKED_AT: usize = 120;

/// The body of a request for all TCP connections of one address family.
#[must_use]
pub fn request(family: u8) -> Vec<u8> {
    let mut body = vec![family, TCP, 1 << (INFO - 1), 0];
    body.extend(STATES.to_ne_bytes());
    // No address, port or interface is asked for.
    body.resize(8 + 48, 0);
    body
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Index of the interface that it is bound to; 0 for none.
    pub interface: u32,
    /// Names it for its life.
    pub cookie: u64,
    /// Number of its user.
    pub uid: u32,
    /// Inode of the socket, as links of `/proc/PID/fd` name it; 0 if no process holds it.
    pub inode: u32,
    /// Bytes sent that the other end has acknowledged, and bytes received; none on kernels before
    /// 4.1.
    pub counted: Option<Counted>,
}

/// Bytes of a connection since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Sent and acknowledged.
    pub sent: u64,
    /// Received.
    pub received: u64,
}

/// Reads one message of the answer.
#[must_use]
pub fn connection(message: &[u8]) -> Option<Connection> {
    let (head, attributes) = message.split_at_checked(MESSAGE_BYTES)?;
    let at = |from: usize| Some(u32::from_ne_bytes(*head.get(from..)?.first_chunk()?));
    let port = |from: usize| Some(u16::from_be_bytes(*head.get(from..)?.first_chunk()?));
    let family = *head.first()?;
    let address = |from: usize| match family {
        IPV4 => Some(IpAddr::V4(Ipv4Addr::from(*head.get(from..)?.first_chunk::<4>()?))),
        IPV6 => {
            let address = Ipv6Addr::from(*head.get(from..)?.first_chunk::<16>()?);
            // A socket of both families that speaks IPv4.
            Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
        }
        _ => None,
    };
    let info = attribute(attributes, INFO);
    let counter = |from: usize| Some(u64::from_ne_bytes(*info?.get(from..)?.first_chunk()?));
    let counted = || Some(Counted { sent: counter(ACKED_AT)?, received: counter(ACKED_AT + 8)? });
    Some(Connection {
        local: SocketAddr::new(address(8)?, port(4)?),
        remote: SocketAddr::new(address(24)?, port(6)?),
        interface: at(40)?,
        cookie: u64::from(at(44)?) | u64::from(at(48)?) << 32,
        uid: at(64)?,
        inode: at(68)?,
        counted: counted(),
    })
}

/// Type of request for the addresses of all links: RTM_GETADDR.
pub const ADDRESSES: u16 = 22;
/// `struct ifaddrmsg`.
const ADDRESS_BYTES: usize = 8;
/// IFA_ADDRESS, and IFA_LOCAL, which a link between two ends has besides (linux/if_addr.h).
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;

/// One address of a link: the link's index and the address.
#[must_use]
pub fn address(message: &[u8]) -> Option<(u32, IpAddr)> {
    let (head, attributes) = message.split_at_checked(ADDRESS_BYTES)?;
    let index = u32::from_ne_bytes(*head.get(4..)?.first_chunk()?);
    let bytes = attribute(attributes, LOCAL).or_else(|| attribute(attributes, ADDRESS))?;
    let address = match *head.first()? {
        IPV4 => IpAddr::V4(Ipv4Addr::from(*bytes.first_chunk::<4>()?)),
        IPV6 => IpAddr::V6(Ipv6Addr::from(*bytes.first_chunk::<16>()?)),
        _ => return None,
    };
    Some((index, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::netlink::encode;
    use proptest::prelude::*;

    /// 192.0.2.9:50000 to 203.0.113.7:22, with its counters.
    fn message() -> Vec<u8> {
        let mut bytes = vec![IPV4, 1, 0, 0];
        bytes.extend(50_000_u16.to_be_bytes());
        bytes.extend(22_u16.to_be_bytes());
        for address in [[192, 0, 2, 9], [203, 0, 113, 7]] {
            bytes.extend(address);
            bytes.extend([0; 12]);
        }
        for word in [3_u32, 1, 2, 0, 0, 0, 1000, 4711] {
            bytes.extend(word.to_ne_bytes());
        }
        assert_eq!(bytes.len(), MESSAGE_BYTES);
        let mut info = vec![0; ACKED_AT];
        info.extend(7_000_u64.to_ne_bytes());
        info.extend(9_u64.to_ne_bytes());
        bytes.extend(encode(INFO, &info));
        bytes
    }

    #[test]
    fn both_ends_and_counters_are_read() {
        let seen = connection(&message()).unwrap();
        assert_eq!(seen.local, "192.0.2.9:50000".parse().unwrap());
        assert_eq!(seen.remote, "203.0.113.7:22".parse().unwrap());
        assert_eq!((seen.interface, seen.uid, seen.inode), (3, 1000, 4711));
        assert_eq!(seen.cookie, 1 | 2 << 32);
        assert_eq!(seen.counted, Some(Counted { sent: 7_000, received: 9 }));
        // An older kernel's shorter tcp_info.
        let mut short = message();
        short.truncate(MESSAGE_BYTES);
        short.extend(encode(INFO, &[0; 104]));
        assert_eq!(connection(&short).unwrap().counted, None);
        assert_eq!(request(IPV6).len(), 56);
    }

    #[test]
    fn the_own_end_of_a_link_is_its_address() {
        let mut bytes = vec![IPV4, 24, 0, 0];
        bytes.extend(3_u32.to_ne_bytes());
        bytes.extend(encode(ADDRESS, &[192, 0, 2, 1]));
        assert_eq!(address(&bytes), Some((3, "192.0.2.1".parse().unwrap())));
        bytes.extend(encode(LOCAL, &[192, 0, 2, 9]));
        assert_eq!(address(&bytes), Some((3, "192.0.2.9".parse().unwrap())));
        assert_eq!(address(&bytes[..9]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), family in 0..12_u8) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = family;
            }
            let _ = (connection(&bytes), address(&bytes));
        }
    }
}
