//! What each level of redundancy survives: pure arithmetic on which members are in sync.

/// How many more members may fail, whichever they are, without loss of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redundancy {
    /// At least this many.
    Left(u64),
    /// More are gone than the level survives.
    Lost,
    /// The level is not known.
    Unknown,
}

impl Redundancy {
    fn from_left(left: Option<u64>) -> Self {
        left.map_or(Self::Lost, Self::Left)
    }
}

/// Redundancy left with the slots of `up` in sync. `copies` are RAID10's, near and far.
pub(super) fn redundancy(level: &str, up: &[bool], copies: (u64, u64)) -> Redundancy {
    let alive = count(up.iter().filter(|up| **up));
    let gone = count(up.iter().filter(|up| !**up));
    match level {
        "raid1" | "multipath" => Redundancy::from_left(alive.checked_sub(1)),
        "raid4" | "raid5" => Redundancy::from_left(1_u64.checked_sub(gone)),
        "raid6" => Redundancy::from_left(2_u64.checked_sub(gone)),
        "raid0" | "linear" => Redundancy::from_left(0_u64.checked_sub(gone)),
        "raid10" => Redundancy::from_left(weakest_window(up, copies).checked_sub(1)),
        _ => Redundancy::Unknown,
    }
}

/// Whether a level is meant to survive the loss of a member.
pub(super) fn is_redundant(level: &str) -> bool {
    !matches!(level, "raid0" | "linear" | "faulty")
}

/// RAID10 puts the copies of a block on members that follow each other; the group of them with
/// the fewest alive decides.
fn weakest_window(up: &[bool], copies: (u64, u64)) -> u64 {
    let disks = up.len().max(1);
    let near = usize::try_from(copies.0).unwrap_or(usize::MAX).clamp(1, disks);
    let width =
        usize::try_from(copies.0.saturating_mul(copies.1)).unwrap_or(usize::MAX).clamp(1, disks);
    // With near copies alone a block begins at a multiple of their number, round and round.
    let step = greatest_divisor(near, disks).max(1);
    (0..disks)
        .step_by(step)
        .map(|start| count(up.iter().cycle().skip(start).take(width).filter(|up| **up)))
        .min()
        .unwrap_or_default()
}

fn greatest_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

fn count<'a>(of: impl Iterator<Item = &'a bool>) -> u64 {
    u64::try_from(of.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(level: &str, map: &str, copies: (u64, u64)) -> Redundancy {
        redundancy(level, &map.chars().map(|c| c == 'U').collect::<Vec<_>>(), copies)
    }

    #[test]
    fn levels_survive_what_they_promise() {
        for (level, map, expected) in [
            ("raid1", "UU", Redundancy::Left(1)),
            ("raid1", "U_", Redundancy::Left(0)),
            ("raid1", "__", Redundancy::Lost),
            ("raid1", "UUU_", Redundancy::Left(2)),
            ("raid5", "UUU", Redundancy::Left(1)),
            ("raid5", "U_U", Redundancy::Left(0)),
            ("raid5", "_U_", Redundancy::Lost),
            ("raid6", "UU__", Redundancy::Left(0)),
            ("raid6", "U___", Redundancy::Lost),
            ("raid0", "UU", Redundancy::Left(0)),
            ("raid0", "U_", Redundancy::Lost),
            ("raid77", "UU", Redundancy::Unknown),
        ] {
            assert_eq!(left(level, map, (1, 1)), expected, "{level} {map}");
        }
    }

    #[test]
    fn raid10_depends_on_which_members_are_gone() {
        let near2 = |map| left("raid10", map, (2, 1));
        assert_eq!(near2("UUUU"), Redundancy::Left(1));
        assert_eq!(near2("U_U_"), Redundancy::Left(0), "one of each pair");
        assert_eq!(near2("__UU"), Redundancy::Lost, "both of a pair");
        assert_eq!(near2("U__U"), Redundancy::Left(0));
        // Of an odd number every two neighbours share blocks.
        assert_eq!(near2("U__"), Redundancy::Lost);
        assert_eq!(left("raid10", "U__U", (1, 2)), Redundancy::Lost, "far copies on neighbours");
        assert_eq!(left("raid10", "UUU_U_", (3, 1)), Redundancy::Left(0));
        assert_eq!(left("raid10", "", (2, 1)), Redundancy::Lost);
    }
}
