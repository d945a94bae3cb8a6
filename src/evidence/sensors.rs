//! The other sensors now: temperatures and fans of the whole machine, as the kernel's drivers give
//! them (Documentation/hwmon/sysfs-interface). One that is hot alone has another cause than all
//! being hot with a fan standing.

use super::Inquiry;
use super::told::{Told, row};
use crate::host::Host;
use crate::host::dir;
use crate::host::file::read_line;
use crate::model::evidence::Row;
use crate::model::limit::EVIDENCE_ROWS;
use crate::model::text::shown;
use crate::model::unit::Unit;

/// Chips that are read; a storage server has one for each disk.
const CHIPS: usize = 256;
/// Below and above these no sensor of a running server tells the truth, in degrees Celsius.
const PLAUSIBLE_CELSIUS: std::ops::Range<f64> = 1.0..130.0;

pub(super) fn gather(inquiry: &Inquiry, host: &Host, told: &mut Told<'_>) {
    let fact = |name: &str| {
        // Of two facts of a name the second is the label, which is the more exact.
        let found = inquiry.facts.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.trim_start_matches('/')).unwrap_or_default()
    };
    let own = (fact("device"), fact("channel"));
    let (mut hot, mut fans) = (Vec::new(), Vec::new());
    for name in dir::names(host, "sys/class/hwmon").unwrap_or_default().iter().take(CHIPS) {
        let folder = dir::folder(host, &format!("sys/class/hwmon/{name}"));
        let chip = read_line(host, &format!("{folder}/name")).unwrap_or_default();
        let here = dir::link_path(host, &format!("{folder}/device")).unwrap_or_default();
        for file in dir::names(host, &folder).unwrap_or_default() {
            let Some(id) = file.strip_suffix("_input") else { continue };
            if !own.0.is_empty() && here.ends_with(own.0) && id == own.1 {
                continue;
            }
            let value = |what: &str| -> Option<f64> {
                read_line(host, &format!("{folder}/{id}_{what}")).ok()?.parse().ok()
            };
            let label = read_line(host, &format!("{folder}/{id}_label")).unwrap_or_default();
            let label = if label.is_empty() { id.to_owned() } else { label };
            let text = format!("{} {}", shown(&chip), shown(&label));
            if id.starts_with("temp")
                && let Some(celsius) = value("input").map(|thousandths| thousandths / 1000.0)
                && PLAUSIBLE_CELSIUS.contains(&celsius)
            {
                let limit = value("crit").or_else(|| value("max")).map(|limit| limit / 1000.0);
                let limit = limit.filter(|limit| PLAUSIBLE_CELSIUS.contains(limit));
                let limit = limit.map(|l| format!(" (limit {})", Unit::Celsius.show(l)));
                let text = format!("{text}{}", limit.unwrap_or_default());
                hot.push((celsius, row(Unit::Celsius.show(celsius), text)));
            } else if id.starts_with("fan")
                && let Some(turns) = value("input").filter(|turns| *turns > 0.0)
            {
                fans.push((turns, row(Unit::Rpm.show(turns), text)));
            }
        }
    }
    told.list("Other temperatures now, the hottest first".to_owned(), ordered(hot, true));
    told.list("Other fans that turn now, the slowest first".to_owned(), ordered(fans, false));
}

fn ordered(mut found: Vec<(f64, Row)>, falling: bool) -> Vec<Row> {
    found.sort_by(|a, b| if falling { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) });
    found.into_iter().map(|(_, row)| row).take(EVIDENCE_ROWS - 2).collect()
}
