//! `/proc/net/dev`: bytes, packets and what was lost of them, a link.

use super::{fields, lines, number};

/// Counters of one link since it came to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets received broken.
    pub rx_errors: u64,
    /// Packets received and dropped by the kernel or missed by the card.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets dropped instead of sent.
    pub tx_dropped: u64,
}

/// Links with their names; the two heading lines, and lines that are none, are left out. There may
/// be no blank after the colon, and a name may hold a colon itself (`eth0:1`).
pub fn net_dev(text: &[u8]) -> impl Iterator<Item = (&str, LinkCounters)> {
    lines(text).filter_map(|line| {
        let colon = line.iter().rposition(|byte| *byte == b':')?;
        let (name, numbers) = line.split_at(colon);
        let name = std::str::from_utf8(name).ok()?.trim();
        let mut words = fields(numbers.get(1..)?);
        let mut next = || words.next().and_then(number);
        let [rx_bytes, rx_packets, rx_errors, rx_dropped] = [next()?, next()?, next()?, next()?];
        // fifo, frame, compressed, multicast
        let mut words = words.skip(4);
        let mut next = || words.next().and_then(number);
        let [tx_bytes, tx_packets, tx_errors, tx_dropped] = [next()?, next()?, next()?, next()?];
        let counters = LinkCounters {
            rx_bytes,
            rx_packets,
            rx_errors,
            rx_dropped,
            tx_bytes,
            tx_packets,
            tx_errors,
            tx_dropped,
        };
        (!name.is_empty()).then_some((name, counters))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::mutate::any_text;
    use proptest::prelude::*;

    const TEXT: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
        enp6s0: 205916976  167307    0    0    0     0          0      2891 10811120   54567    0    0    0     0       0          0\n\
        eth1:123 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n eth0:1: 1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0\n";

    #[test]
    fn headings_are_no_links_and_a_blank_may_lack() {
        let links: Vec<_> = net_dev(TEXT.as_bytes()).collect();
        let bytes: Vec<_> = links.iter().map(|(name, c)| (*name, c.rx_bytes, c.tx_bytes)).collect();
        assert_eq!(
            bytes,
            [("enp6s0", 205_916_976, 10_811_120), ("eth1", 123, 9), ("eth0:1", 1, 2)]
        );
        let each_its_own = LinkCounters {
            rx_bytes: 123,
            rx_packets: 2,
            rx_errors: 3,
            rx_dropped: 4,
            tx_bytes: 9,
            tx_packets: 10,
            tx_errors: 11,
            tx_dropped: 12,
        };
        assert_eq!(links[1].1, each_its_own);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any_text(TEXT)) {
            prop_assert!(net_dev(&text).all(|(name, _)| !name.is_empty()));
        }
    }
}
