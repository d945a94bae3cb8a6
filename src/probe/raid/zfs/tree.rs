//! The tree of a pool: which rows are disks, which groups they form, what each group survives.

use crate::parse::zpool::{Pool, Vdev};

/// The members of the pool itself that hold data: mirrors, raidz groups, single disks.
pub(super) fn tops(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    pool.vdevs
        .iter()
        .filter(|vdev| vdev.depth == 1 && matches!(vdev.section.as_str(), "" | "special" | "dedup"))
}

/// Rows below another row.
pub(super) fn children<'a>(pool: &'a Pool, parent: &'a Vdev) -> impl Iterator<Item = &'a Vdev> {
    pool.vdevs
        .iter()
        .skip_while(move |vdev| !std::ptr::eq(*vdev, parent))
        .skip(1)
        .take_while(move |vdev| vdev.depth > parent.depth)
        .filter(move |vdev| vdev.depth == parent.depth + 1)
}

pub(super) fn is_leaf(pool: &Pool, vdev: &Vdev) -> bool {
    children(pool, vdev).next().is_none()
}

pub(super) fn leaves(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    pool.vdevs.iter().filter(|vdev| {
        (vdev.depth > 0 || matches!(vdev.section.as_str(), "spares" | "cache"))
            && is_leaf(pool, vdev)
    })
}

pub(super) fn is_good(state: &str) -> bool {
    matches!(state, "ONLINE" | "AVAIL" | "INUSE" | "")
}

/// Disks of the pool itself that do not work as they should.
pub(super) fn bad_disks(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    leaves(pool).filter(|vdev| !is_good(&vdev.state) && !is_aside(vdev))
}

/// What holds no data of its own.
pub(super) fn is_aside(vdev: &Vdev) -> bool {
    matches!(vdev.section.as_str(), "spares" | "cache")
}

/// `sdb UNAVAIL, cannot open`.
pub(super) fn named(vdev: &Vdev) -> String {
    match vdev.note.as_str() {
        "" => format!("{} {}", vdev.name, vdev.state),
        note => format!("{} {}, {note}", vdev.name, vdev.state),
    }
}

/// How many more disks may fail, whichever they are; none if the tree is not known.
pub(super) fn redundancy(pool: &Pool) -> Option<u64> {
    tops(pool)
        .map(|top| {
            let all = children(pool, top).count();
            let bad = children(pool, top).filter(|vdev| vdev.state != "ONLINE").count();
            let parity = match top.name.split('-').next().unwrap_or_default() {
                "mirror" => all.saturating_sub(1),
                name if name.starts_with("raidz") || name.starts_with("draid") => name
                    .trim_start_matches("draid")
                    .trim_start_matches("raidz")
                    .chars()
                    .next()
                    .and_then(|digit| digit.to_digit(10))
                    .map_or(1, |parity| usize::try_from(parity).unwrap_or(1)),
                _ => 0,
            };
            u64::try_from(parity.saturating_sub(bad)).unwrap_or_default()
        })
        .min()
}
