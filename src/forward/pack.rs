//! A parcel as it lies in the spool: JSON, packed by snappy's block format. Pure.

use crate::model::batch::Parcel;
use crate::model::limit::SPOOL_UNPACKED_BYTES;

/// A parcel, packed. Empty if it cannot be said in JSON, which no parcel of ours is.
#[must_use]
pub fn pack(parcel: &Parcel) -> Vec<u8> {
    let text = serde_json::to_vec(parcel).unwrap_or_default();
    snap::raw::Encoder::new().compress_vec(&text).unwrap_or_default()
}

/// What was packed; `None` for anything else, and for what claims to be too large to be ours.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Option<Parcel> {
    if !is_plausible(bytes) {
        return None;
    }
    let text = snap::raw::Decoder::new().decompress_vec(bytes).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The length stands at the front, and its memory is taken before a byte is unpacked. A copy takes two
/// bytes at least and yields 64 at most (snappy's format description, section 2.2).
fn is_plausible(bytes: &[u8]) -> bool {
    snap::raw::decompress_len(bytes)
        .is_ok_and(|claimed| claimed <= SPOOL_UNPACKED_BYTES && claimed / 32 <= bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::Batch;

    #[test]
    fn a_lying_length_takes_no_memory() {
        // 48 MiB and 4 GiB as variable-length numbers, and nothing behind them.
        for lie in [&b"\x80\x80\x80\x18\0a"[..], b"\xff\xff\xff\xff\x0f\0a"] {
            assert!(!is_plausible(lie) && unpack(lie).is_none());
        }
        // As much as the format allows, and too much of it.
        for (bytes, plausible) in [(1 << 20, true), (SPOOL_UNPACKED_BYTES + 1, false)] {
            let packed = snap::raw::Encoder::new().compress_vec(&vec![b'a'; bytes]).unwrap();
            assert_eq!(is_plausible(&packed), plausible, "{bytes} bytes in {}", packed.len());
        }
        let packed = pack(&Parcel::Batch(Batch::default()));
        assert_eq!(unpack(&packed), Some(Parcel::Batch(Batch::default())));
        assert!(unpack(&packed[..packed.len() - 1]).is_none());
    }
}
