//! `/proc/net/dev`: bytes and packets a link.

use super::{fields, lines, number};

/// Counters of one link since it came to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

/// Links with their names; the two heading lines, and lines that are none, are left out. There may
/// be no blank after the colon, and a name may hold a colon itself (`eth0:1`).
pub fn net_dev(text: &[u8]) -> impl Iterator<Item = (&str, LinkCounters)> {
    lines(text).filter_map(|line| {
        let colon = line.iter().rposition(|byte| *byte == b':')?;
        let (name, numbers) = line.split_at(colon);
        let name = std::str::from_utf8(name).ok()?.trim();
        let mut numbers = fields(numbers.get(1..)?);
        let rx_bytes = number(numbers.next()?)?;
        let tx_bytes = number(numbers.nth(7)?)?;
        (!name.is_empty()).then_some((name, LinkCounters { rx_bytes, tx_bytes }))
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
        let link = |rx_bytes, tx_bytes| LinkCounters { rx_bytes, tx_bytes };
        assert_eq!(
            links,
            [
                ("enp6s0", link(205_916_976, 10_811_120)),
                ("eth1", link(123, 9)),
                ("eth0:1", link(1, 2))
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any_text(TEXT)) {
            prop_assert!(net_dev(&text).all(|(name, _)| !name.is_empty()));
        }
    }
}
