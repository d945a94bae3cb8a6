//! What a link and, for a bond, its members counted as errors, and what the kernel wrote about them.

use super::told::{Told, row};
use super::{Inquiry, Pace, kernel};
use crate::host::Host;
use crate::host::dir;
use crate::host::file::read_line;
use crate::model::evidence::Row;
use crate::model::limit::{EVIDENCE_LOOK, EVIDENCE_ROWS};
use crate::parse::number;

/// Counters of `/sys/class/net/X/statistics` that mean a fault when they grow. The sums of others
/// (`rx_errors`, `tx_errors`) come last, and only where no part of them is counted.
const COUNTERS: &[(&str, &str)] = &[
    ("rx_crc_errors", "frames with a wrong checksum (cable, plug, the other port)"),
    ("rx_frame_errors", "frames with a broken alignment"),
    ("rx_length_errors", "frames of a wrong length (often the MTU)"),
    ("rx_missed_errors", "frames missed since the host was too slow"),
    ("rx_fifo_errors", "frames lost in the card's queue"),
    ("rx_over_errors", "frames that did not fit"),
    ("tx_carrier_errors", "frames lost since the carrier was gone"),
    ("tx_aborted_errors", "frames given up"),
    ("tx_window_errors", "late collisions (duplex mismatch)"),
    ("tx_fifo_errors", "frames lost on the way out"),
    ("collisions", "collisions (duplex mismatch)"),
    ("rx_errors", "frames with an error"),
    ("tx_errors", "frames not sent"),
];

pub(super) fn gather(inquiry: &Inquiry, host: &Host, pace: &mut dyn Pace, told: &mut Told<'_>) {
    let own = inquiry.id.instance.to_string();
    if own.contains('/') || own.starts_with('.') {
        return;
    }
    let mut names = vec![own.clone()];
    let folder = dir::folder(host, &format!("sys/class/net/{own}"));
    let below = dir::names(host, &folder).unwrap_or_default();
    names.extend(below.iter().filter_map(|name| name.strip_prefix("lower_")).map(str::to_owned));
    let remark = kernel::tell(inquiry, host, &names, told);
    let before: Vec<Vec<u64>> = names.iter().map(|name| counters(host, name)).collect();
    pace.rest(EVIDENCE_LOOK);
    let mut rows: Vec<(u64, Row)> = Vec::new();
    for (name, before) in names.iter().zip(&before) {
        let now = counters(host, name);
        let parts = now.iter().take(COUNTERS.len() - 2).any(|count| *count > 0);
        for (place, (count, (key, meaning))) in now.iter().zip(COUNTERS).enumerate() {
            if *count == 0 || (parts && matches!(*key, "rx_errors" | "tx_errors")) {
                continue;
            }
            let grown = count.saturating_sub(before.get(place).copied().unwrap_or_default());
            let growing =
                if grown > 0 { format!(", +{grown} in {EVIDENCE_LOOK}") } else { String::new() };
            rows.push((grown, row(count.to_string(), format!("{name}: {meaning}{growing}"))));
        }
    }
    // What grows now comes first.
    rows.sort_by_key(|(grown, _)| std::cmp::Reverse(*grown));
    let rows = rows.into_iter().map(|(_, row)| row).take(EVIDENCE_ROWS).collect();
    told.list("Errors counted since the links were set up".to_owned(), rows);
    if let Some(remark) = remark {
        told.remark(remark);
    }
}

fn counters(host: &Host, name: &str) -> Vec<u64> {
    let folder = dir::folder(host, &format!("sys/class/net/{name}"));
    let read = |key: &str| {
        let line = read_line(host, &format!("{folder}/statistics/{key}")).ok()?;
        number(line.as_bytes())
    };
    COUNTERS.iter().map(|(key, _)| read(key).unwrap_or_default()).collect()
}
