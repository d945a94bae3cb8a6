//! Bytes of packets: RMCP, the RMCP+ session header, the IPMB message within. Pure: no keys, no
//! sockets, no state. Sections are of IPMI 2.0 revision 1.1.

/// RMCP: version, reserved, "no acknowledge", class IPMI (section 13.1.3).
const RMCP: [u8; 4] = [0x06, 0x00, 0xff, 0x07];
/// Authentication type that marks the RMCP+ header (section 13.6).
const RMCP_PLUS: u8 = 0x06;
/// RMCP and session header: what stands before the payload.
const HEADER_BYTES: usize = 16;
/// What the authentication code covers begins after RMCP's own header.
pub(super) const RMCP_BYTES: usize = RMCP.len();
/// Bits of the payload type's byte.
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;
const TYPE: u8 = 0x3f;
/// Last byte before the authentication code (section 13.28.4).
const NEXT_HEADER: u8 = 0x07;
const INTEGRITY_PAD: u8 = 0xff;
/// The authentication code covers a multiple of so many bytes.
const ALIGNMENT: usize = 4;
/// Slave address of the BMC and of remote software (section 5.5).
const BMC: u8 = 0x20;
const SOFTWARE: u8 = 0x81;
/// Bytes of a response's frame: two addresses, function, sequence, command, two checksums; and the
/// completion code.
const RESPONSE_BYTES_MIN: usize = 8;

/// What a packet carries (section 13.27.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    Ipmi,
    OpenRequest,
    OpenResponse,
    Rakp1,
    Rakp2,
    Rakp3,
    Rakp4,
}

impl Payload {
    const ALL: [(Self, u8); 7] = [
        (Self::Ipmi, 0x00),
        (Self::OpenRequest, 0x10),
        (Self::OpenResponse, 0x11),
        (Self::Rakp1, 0x12),
        (Self::Rakp2, 0x13),
        (Self::Rakp3, 0x14),
        (Self::Rakp4, 0x15),
    ];

    fn number(self) -> u8 {
        Self::ALL.iter().find(|(payload, _)| *payload == self).map_or(0, |(_, number)| *number)
    }

    fn of(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == number).map(|(payload, _)| *payload)
    }
}

/// A packet taken apart; nothing in it is believed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) payload: Payload,
    pub(super) encrypted: bool,
    pub(super) session: u32,
    pub(super) sequence: u32,
    pub(super) body: &'a [u8],
    /// Of a packet with an authentication code: what it covers, and the code.
    pub(super) sealed: Option<(&'a [u8], &'a [u8])>,
}

fn header(payload: u8, session: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut bytes = RMCP.to_vec();
    bytes.extend([RMCP_PLUS, payload]);
    bytes.extend(session.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(body);
    bytes
}

/// A packet outside of any session, as those are that open one.
pub(super) fn plain(payload: Payload, body: &[u8]) -> Vec<u8> {
    header(payload.number(), 0, 0, body)
}

/// A packet of a session: `body` is encrypted already, `code` makes the authentication code.
pub(super) fn sealed(
    session: u32,
    sequence: u32,
    body: &[u8],
    code: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let payload = Payload::Ipmi.number() | ENCRYPTED | AUTHENTICATED;
    let mut bytes = header(payload, session, sequence, body);
    // The pad makes everything from the session header to the next header's byte whole words.
    let bare = bytes.len() - RMCP_BYTES + 2;
    let pad = bare.next_multiple_of(ALIGNMENT) - bare;
    bytes.extend(std::iter::repeat_n(INTEGRITY_PAD, pad));
    bytes.extend([u8::try_from(pad).unwrap_or(0), NEXT_HEADER]);
    let code = code(bytes.get(RMCP_BYTES..).unwrap_or_default());
    bytes.extend(code);
    bytes
}

/// Takes a datagram apart; `code_bytes` is the length of the session's authentication codes. None
/// for anything that is not exactly an RMCP+ packet of a payload that this agent reads.
pub(super) fn decode(datagram: &[u8], code_bytes: usize) -> Option<Packet<'_>> {
    let (header, rest) = datagram.split_first_chunk::<HEADER_BYTES>()?;
    let [v, _, _, class, auth, kind, i0, i1, i2, i3, s0, s1, s2, s3, l0, l1] = *header;
    if v != RMCP[0] || class != RMCP[3] || auth != RMCP_PLUS {
        return None;
    }
    let payload = Payload::of(kind & TYPE)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let (body, trailer) = rest.split_at_checked(length)?;
    let sealed = if kind & AUTHENTICATED == 0 {
        // Some BMCs pad short packets at their end, as 13.6 allows for old network chips.
        None
    } else {
        Some(trailed(datagram, trailer, code_bytes)?)
    };
    Some(Packet {
        payload,
        encrypted: kind & ENCRYPTED != 0,
        session: u32::from_le_bytes([i0, i1, i2, i3]),
        sequence: u32::from_le_bytes([s0, s1, s2, s3]),
        body,
        sealed,
    })
}

/// What the authentication code covers, and the code.
fn trailed<'a>(
    datagram: &'a [u8],
    trailer: &'a [u8],
    code_bytes: usize,
) -> Option<(&'a [u8], &'a [u8])> {
    let (rest, code) = trailer.split_at_checked(trailer.len().checked_sub(code_bytes)?)?;
    let (pad, [pad_length, next_header]) = rest.split_last_chunk::<2>()?;
    if usize::from(*pad_length) != pad.len() || *next_header != NEXT_HEADER {
        return None;
    }
    let covered = datagram.get(RMCP_BYTES..datagram.len().checked_sub(code_bytes)?)?;
    Some((covered, code))
}

/// Two's complement of the sum (section 13.8).
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

/// A question to the BMC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question<'a> {
    pub(super) netfn: u8,
    pub(super) command: u8,
    pub(super) lun: u8,
    /// 6 bits, by which its answer is known.
    pub(super) number: u8,
    pub(super) data: &'a [u8],
}

impl Question<'_> {
    /// The message (section 13.8).
    pub(super) fn encode(&self) -> Vec<u8> {
        let head = [BMC, (self.netfn << 2) | (self.lun & 3)];
        let mut tail = vec![SOFTWARE, self.number << 2, self.command];
        tail.extend(self.data);
        let sum = checksum(&tail);
        [&head[..], &[checksum(&head)], &tail, &[sum]].concat()
    }

    /// Completion code and data, if the message answers this question.
    pub(super) fn answered_by<'a>(&self, message: &'a [u8]) -> Option<&'a [u8]> {
        if message.len() < RESPONSE_BYTES_MIN {
            return None;
        }
        let (head, tail) = message.split_at_checked(3)?;
        let (body, sum) = tail.split_at_checked(tail.len().checked_sub(1)?)?;
        // The sum over a part with its checksum is zero.
        if checksum(head) != 0 || checksum(body) != *sum.first()? {
            return None;
        }
        let [to, netfn, _] = *head else { return None };
        let ([from, number, command], data) = body.split_first_chunk::<3>()?;
        let own = to == SOFTWARE
            && netfn >> 2 == self.netfn | 1
            && *from == BMC
            && *number == (self.number << 2) | (self.lun & 3)
            && *command == self.command;
        own.then_some(data)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEVICE_ID: Question<'_> = Question { netfn: 6, command: 1, lun: 0, number: 9, data: &[] };

    fn code(covered: &[u8]) -> Vec<u8> {
        vec![checksum(covered); 12]
    }

    fn response(netfn: u8, number: u8, command: u8, data: &[u8]) -> Vec<u8> {
        let head = [SOFTWARE, netfn << 2];
        let tail = [&[BMC, number << 2, command], data].concat();
        [&head[..], &[checksum(&head)], &tail, &[checksum(&tail)]].concat()
    }

    #[test]
    fn a_question_is_framed_as_the_specification_shows() {
        // Get Device ID: 20 18 c8 | 81 24 01 5a.
        assert_eq!(DEVICE_ID.encode(), [0x20, 0x18, 0xc8, 0x81, 0x24, 0x01, 0x5a]);
    }

    #[test]
    fn only_its_own_answer_is_taken() {
        let good = response(7, 9, 1, &[0, 0x20]);
        assert_eq!(DEVICE_ID.answered_by(&good), Some(&[0, 0x20][..]));
        for other in [
            response(7, 8, 1, &[0]),
            response(6, 9, 1, &[0]),
            response(7, 9, 2, &[0]),
            response(7, 9, 1, &[]),
            Vec::new(),
        ] {
            assert_eq!(DEVICE_ID.answered_by(&other), None, "{other:02x?}");
        }
        for place in 0..good.len() {
            let mut bent = good.clone();
            bent[place] ^= 0x10;
            assert_eq!(DEVICE_ID.answered_by(&bent), None, "byte {place}");
            assert_eq!(DEVICE_ID.answered_by(&good[..place]), None);
        }
    }

    #[test]
    fn a_sealed_packet_covers_whole_words_and_is_taken_apart_again() {
        for length in 0..40 {
            let body = vec![0xff; length];
            let bytes = sealed(7, 8, &body, code);
            let packet = decode(&bytes, 12).unwrap();
            assert_eq!((packet.session, packet.sequence, packet.body), (7, 8, &body[..]));
            assert!(packet.encrypted);
            let (covered, seal) = packet.sealed.unwrap();
            assert_eq!(covered.len() % 4, 0);
            assert_eq!(seal, code(covered));
            assert_eq!(decode(&bytes, 16), None);
            assert_eq!(decode(&bytes[..bytes.len() - 1], 12), None);
        }
    }

    #[test]
    fn a_plain_packet_is_neither_sealed_nor_encrypted() {
        let bytes = plain(Payload::Rakp2, b"body");
        let packet = decode(&bytes, 12).unwrap();
        assert_eq!((packet.payload, packet.body), (Payload::Rakp2, &b"body"[..]));
        assert!(packet.sealed.is_none() && !packet.encrypted);
        // Presence pong (class 6), IPMI 1.5, a payload of somebody else's.
        for (place, value) in [(3, 0x06), (4, 0x02), (5, 0x20)] {
            let mut other = bytes.clone();
            other[place] = value;
            assert_eq!(decode(&other, 12), None);
        }
    }

    proptest! {
        #[test]
        fn no_datagram_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            kind in any::<u8>(),
            length in 0..100_u8,
        ) {
            let _ = DEVICE_ID.answered_by(&bytes);
            let _ = decode(&bytes, 12);
            let mut started = RMCP.to_vec();
            started.extend([RMCP_PLUS, kind, 1, 2, 3, 4, 5, 6, 7, 8, length, 0]);
            started.extend(&bytes);
            let _ = decode(&started, 16);
        }
    }
}
