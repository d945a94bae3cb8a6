//! Text of the kernel in, struct out. Pure: no file, no clock. A parser used by one kind alone may
//! live in that kind's file.
//!
//! By hand rather than through `procfs`: its mount table is not unescaped and is lost whole for one
//! name that is not UTF-8, as a `diskstats` is for one negative counter, a `net/dev` for one missing
//! space, a pressure file for a missing `full` line. Here one odd line costs that line.

pub mod account;
pub mod aliases;
pub mod arcconf;
pub mod bonding;
pub mod btrfs;
pub mod controller;
pub mod cpu;
pub mod disk;
pub mod dmsetup;
pub mod hwmon;
pub mod ipmi;
pub mod ircu;
pub mod kernel_log;
pub mod link;
pub mod linkmode;
pub mod mdstat;
pub mod megacli;
pub mod memory;
pub mod mount;
pub mod net;
pub mod netlink;
pub mod pressure;
pub mod process;
pub mod scrub;
pub mod sockets;
pub mod ssacli;
pub mod storcli;
mod storcli_text;
pub mod tw_cli;
pub mod x509;
pub mod zpool;

/// Fields of a line of kernel text.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty())
}

/// Lines of kernel text, without empty ones.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// A counter: digits alone. A negative or otherwise odd number is none.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A decimal fraction such as `0.25`; not NaN, not infinite.
pub fn fraction(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
pub(crate) mod mutate {
    //! Bytes for property tests: real text with a few bytes changed, removed or doubled.

    use proptest::prelude::*;

    pub(crate) fn any_text(sample: &'static str) -> impl Strategy<Value = Vec<u8>> {
        let edits =
            proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..12);
        let mutated = edits.prop_map(move |edits| {
            let mut text = sample.as_bytes().to_vec();
            for (place, byte, what) in edits {
                if text.is_empty() {
                    break;
                }
                let place = place.index(text.len());
                match what {
                    0 => text[place] = byte,
                    1 => drop(text.remove(place)),
                    2 => text.insert(place, byte),
                    _ => text.truncate(place),
                }
            }
            text
        });
        prop_oneof![mutated, proptest::collection::vec(any::<u8>(), 0..400)]
    }
}
