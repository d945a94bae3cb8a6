//! `zpool status`: the old text, and the JSON of OpenZFS 2.3 and later.
//!
//! Owns: both forms as one structure. Must not know: which state is bad.

use serde_json::Value;

/// Rows of one pool's table that are looked at: the largest pools have some thousand disks.
const ROWS: usize = 16_384;

/// One pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pool {
    /// `tank`.
    pub name: String,
    /// `ONLINE`, `DEGRADED`, `SUSPENDED`.
    pub state: String,
    /// What zpool has to say about it, in one line.
    pub status: Option<String>,
    /// What zpool advises, in one line.
    pub action: Option<String>,
    /// The last or running scrub or resilver.
    pub scan: Option<Scan>,
    /// The tree as rows, parents before their children.
    pub vdevs: Vec<Vdev>,
    /// What is said of data errors, if not that there are none.
    pub errors: Option<String>,
}

/// A scrub or resilver.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scan {
    /// Whether it rebuilds, rather than checks.
    pub resilver: bool,
    /// Whether it runs now.
    pub running: bool,
    /// Done.
    pub percent: Option<f64>,
    /// `0h4m`, as zpool says it.
    pub left: Option<String>,
    /// Errors that it could not repair.
    pub errors: u64,
}

/// One row of the tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vdev {
    /// `mirror-0`, `sda`.
    pub name: String,
    /// 0 for the pool itself, spares and the like; 1 for what it is made of.
    pub depth: usize,
    /// `` (data), `logs`, `cache`, `spares`, `special`, `dedup`.
    pub section: String,
    /// `ONLINE`, `FAULTED`, `AVAIL`.
    pub state: String,
    /// Read, write and checksum errors.
    pub errors: [u64; 3],
    /// `cannot open`, `was sdb1`.
    pub note: String,
}

/// Takes the output apart, whichever form it has.
#[must_use]
pub fn status(output: &[u8]) -> Vec<Pool> {
    if output.trim_ascii_start().first() == Some(&b'{') {
        return serde_json::from_slice(output).map(|value| json(&value)).unwrap_or_default();
    }
    text(&String::from_utf8_lossy(output))
}

/// `12`, `1.2K`, `3M`: a number as zpool shortens it. Rounded, which is enough to be not zero.
#[must_use]
pub fn short_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let value: f64 = digits.parse().ok()?;
    let power = match unit.chars().next() {
        None | Some('B') => 0,
        Some('K') => 1,
        Some('M') => 2,
        Some('G') => 3,
        Some('T') => 4,
        Some('P') => 5,
        Some('E') => 6,
        Some(_) => return None,
    };
    Some(value * 1024_f64.powi(power)).filter(|value| value.is_finite())
}

fn errors_number(text: &str) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float casts saturate, and the text holds no sign"
    )]
    short_number(text).map(|value| value as u64)
}

const KEYS: &[&str] = &[
    "pool",
    "id",
    "state",
    "status",
    "action",
    "see",
    "scan",
    "scrub",
    "config",
    "errors",
    "remove",
    "checkpoint",
    "comment",
    "dedup",
];

/// `  pool: tank`: a key and what follows; continuation lines and table rows are none.
fn keyed(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.trim_start().split_once(':')?;
    KEYS.contains(&key).then_some((key, rest.trim()))
}

fn text(output: &str) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    let mut key = "";
    let mut table = Table::default();
    let mut errors = String::new();
    let mut scan = String::new();
    let finish = |pool: Option<&mut Pool>, scan: &mut String, errors: &mut String| {
        let Some(pool) = pool else { return };
        pool.scan = scan_text(&std::mem::take(scan));
        pool.errors = Some(std::mem::take(errors).trim().to_owned())
            .filter(|text| !text.is_empty() && !text.starts_with("No known data errors"));
    };
    for line in output.lines() {
        let (rest, first) = match keyed(line) {
            Some((found, rest)) => {
                key = found;
                if key == "pool" {
                    finish(pools.last_mut(), &mut scan, &mut errors);
                    table = Table::default();
                    pools.push(Pool { name: rest.to_owned(), ..Pool::default() });
                }
                (rest, true)
            }
            None => (line.trim(), false),
        };
        let Some(pool) = pools.last_mut() else { continue };
        if rest.is_empty() {
            continue;
        }
        match key {
            "state" if first => pool.state = rest.to_owned(),
            "status" => append(pool.status.get_or_insert_default(), rest),
            "action" => append(pool.action.get_or_insert_default(), rest),
            "scan" | "scrub" => append(&mut scan, rest),
            "errors" => append(&mut errors, rest),
            "config" if !first && pool.vdevs.len() < ROWS => {
                pool.vdevs.extend(table.row(line));
            }
            _ => {}
        }
    }
    finish(pools.last_mut(), &mut scan, &mut errors);
    pools
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

/// Where in the table a row stands.
#[derive(Debug, Default)]
struct Table {
    left: Option<usize>,
    section: String,
}

impl Table {
    fn row(&mut self, line: &str) -> Option<Vdev> {
        let indent: usize = line
            .chars()
            .take_while(|c| c.is_whitespace())
            .map(|c| if c == '\t' { 8 } else { 1 })
            .sum();
        let line = line.trim();
        // A pool's name may hold single spaces; columns are at least two apart.
        let (name, rest) = line.split_once("  ").unwrap_or((line, ""));
        let mut words = rest.split_whitespace();
        if name == "NAME" && rest.contains("STATE") {
            self.left = Some(indent);
            return None;
        }
        let depth = indent.saturating_sub(self.left?) / 2;
        let Some(state) = words.next() else {
            // `logs`, `spares`: what follows is of that kind.
            if depth == 0 {
                self.section = name.trim_end_matches(':').to_owned();
                return None;
            }
            let name = name.to_owned();
            let section = self.section.clone();
            return Some(Vdev { name, depth, section, ..Vdev::default() });
        };
        let rest: Vec<&str> = words.collect();
        let numbers: Vec<u64> = rest.iter().map_while(|word| errors_number(word)).take(3).collect();
        let (errors, note) = match numbers.as_slice() {
            [read, write, checksum] => {
                ([*read, *write, *checksum], rest.get(3..).unwrap_or_default().join(" "))
            }
            _ => ([0; 3], rest.join(" ")),
        };
        let section = self.section.clone();
        Some(Vdev { name: name.to_owned(), depth, section, state: state.to_owned(), errors, note })
    }
}

/// `resilver in progress since ... 75.44% done, 0h4m to go`.
fn scan_text(text: &str) -> Option<Scan> {
    if text.is_empty() {
        return None;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let before = |at: usize| at.checked_sub(1).and_then(|at| words.get(at)).copied();
    let mut scan = Scan {
        resilver: text.starts_with("resilver"),
        running: text.contains("in progress"),
        ..Scan::default()
    };
    for (at, word) in words.iter().enumerate() {
        match *word {
            "done" | "done," => {
                scan.percent = before(at)
                    .and_then(|percent| percent.strip_suffix('%')?.parse().ok())
                    .filter(|percent: &f64| percent.is_finite());
            }
            "errors" => {
                scan.errors = before(at).and_then(errors_number).unwrap_or_default();
            }
            "go" if before(at) == Some("to") => {
                let start = words
                    .get(..at)
                    .unwrap_or_default()
                    .iter()
                    .rposition(|word| word.ends_with(','))
                    .map_or(0, |comma| comma + 1);
                scan.left = words
                    .get(start..at.saturating_sub(1))
                    .map(|left| left.join(" "))
                    .filter(|left| !left.is_empty() && left.len() < 40);
            }
            _ => {}
        }
    }
    Some(scan)
}

fn json(value: &Value) -> Vec<Pool> {
    let Some(pools) = value.get("pools").and_then(Value::as_object) else { return Vec::new() };
    pools.iter().map(|(name, pool)| json_pool(name, pool)).collect()
}

fn json_text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn json_pool(name: &str, value: &Value) -> Pool {
    let mut pool = Pool {
        name: json_text(value, "name").unwrap_or_else(|| name.to_owned()),
        state: json_text(value, "state").unwrap_or_default(),
        status: json_text(value, "status").filter(|text| !text.is_empty()),
        action: json_text(value, "action").filter(|text| !text.is_empty()),
        scan: value.get("scan_stats").map(json_scan),
        vdevs: Vec::new(),
        errors: json_text(value, "error_count")
            .filter(|count| errors_number(count) != Some(0))
            .map(|count| format!("{count} data errors")),
    };
    for (key, section) in [
        ("vdevs", ""),
        ("dedup", "dedup"),
        ("special", "special"),
        ("logs", "logs"),
        ("l2cache", "cache"),
        ("spares", "spares"),
    ] {
        let depth = usize::from(!matches!(section, "" | "spares" | "cache"));
        json_vdevs(value.get(key), section, depth, &mut pool.vdevs);
    }
    pool
}

fn json_vdevs(value: Option<&Value>, section: &str, depth: usize, into: &mut Vec<Vdev>) {
    let Some(vdevs) = value.and_then(Value::as_object) else { return };
    for (name, vdev) in vdevs {
        if into.len() >= ROWS {
            return;
        }
        let count = |key| json_text(vdev, key).and_then(|n| errors_number(&n)).unwrap_or_default();
        into.push(Vdev {
            name: json_text(vdev, "name").unwrap_or_else(|| name.clone()),
            depth,
            section: section.to_owned(),
            state: json_text(vdev, "state").unwrap_or_default(),
            errors: [count("read_errors"), count("write_errors"), count("checksum_errors")],
            note: ["not_present", "was", "removed", "aux", "message"]
                .iter()
                .find_map(|key| json_text(vdev, key))
                .unwrap_or_default(),
        });
        json_vdevs(vdev.get("vdevs"), section, depth + 1, into);
    }
}

fn json_scan(value: &Value) -> Scan {
    let amount = |key| json_text(value, key).and_then(|text| short_number(&text));
    let done = amount("issued").or_else(|| amount("examined"));
    let percent = match (done, amount("to_examine")) {
        (Some(done), Some(all)) if all > 0.0 => Some((done / all * 100.0).min(100.0)),
        _ => None,
    };
    let running = json_text(value, "state").as_deref() == Some("SCANNING");
    Scan {
        resilver: json_text(value, "function").as_deref() == Some("RESILVER"),
        running,
        percent: percent.filter(|_| running),
        left: None,
        errors: json_text(value, "errors").and_then(|n| errors_number(&n)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::mutate::any_text;

    const TEXT: &str = "  pool: my tank\n state: DEGRADED\nstatus: One or more devices is \
currently being resilvered.\n\tThe pool will continue to function.\naction: Wait.\n  scan: \
resilver in progress since Mon Mar 20 14:04:56 2023\n\t773M scanned out of 1.00G at 875K/s, 0h4m \
to go\n\t0 repaired, 75.44% done\nconfig:\n\n\tNAME          STATE     READ WRITE CKSUM\n\tmy tank       \
DEGRADED     0     0     0\n\t  raidz2-0    DEGRADED     0     0     0\n\t    sda       ONLINE       \
0     0  1.2K  (resilvering)\n\t    replacing-1  DEGRADED     0     0     0\n\t      old     \
UNAVAIL      0     0     0  was /dev/sdb1\n\tlogs\n\t  nvme0n1   ONLINE       0     0     0\n\tspares\n\t  \
sdf       AVAIL   \n\nerrors: 2 data errors, use '-v' for a list\n\n  pool: b\n state: ONLINE\n\
scan: scrub repaired 0B in 00:00:01 with 3 errors on Sun\nconfig:\n\tNAME  STATE\n\
errors: No known data errors\n";

    const JSON: &str = r#"{"output_version":{"command":"zpool status"},"pools":{"tank":{
"name":"tank","state":"DEGRADED","status":"One or\nmore.","error_count":"2","scan_stats":{
"function":"RESILVER","state":"SCANNING","to_examine":"2.0G","issued":"1G","errors":"0"},
"vdevs":{"tank":{"name":"tank","state":"DEGRADED","vdevs":{"mirror-0":{"name":"mirror-0",
"state":"DEGRADED","vdevs":{"sda":{"name":"sda","state":"FAULTED","read_errors":"6",
"write_errors":0,"checksum_errors":"1.5K"}}}}}},"logs":{"nvme0":{"name":"nvme0",
"state":"ONLINE"}},"spares":{"sdf":{"name":"sdf","state":"AVAIL"}}}}}"#;

    #[test]
    fn the_text_is_read_with_its_tree() {
        let pools = status(TEXT.as_bytes());
        assert_eq!(pools.len(), 2);
        let pool = &pools[0];
        assert_eq!((pool.name.as_str(), pool.state.as_str()), ("my tank", "DEGRADED"));
        assert!(
            pool.status
                .as_ref()
                .unwrap()
                .ends_with("resilvered. The pool will continue to function.")
        );
        let scan = pool.scan.as_ref().unwrap();
        assert!(scan.resilver && scan.running);
        assert_eq!((scan.percent, scan.left.as_deref()), (Some(75.44), Some("0h4m")));
        let rows: Vec<_> =
            pool.vdevs.iter().map(|v| (v.name.as_str(), v.depth, v.section.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("my tank", 0, ""),
                ("raidz2-0", 1, ""),
                ("sda", 2, ""),
                ("replacing-1", 2, ""),
                ("old", 3, ""),
                ("nvme0n1", 1, "logs"),
                ("sdf", 1, "spares"),
            ]
        );
        assert_eq!(pool.vdevs[2].errors, [0, 0, 1228]);
        assert_eq!(pool.vdevs[4].note, "was /dev/sdb1");
        assert_eq!(pool.vdevs[6].state, "AVAIL");
        assert!(pool.errors.as_ref().unwrap().starts_with("2 data errors"));
        assert_eq!(pools[1].scan.as_ref().unwrap().errors, 3);
        assert_eq!(pools[1].errors, None);
    }

    #[test]
    fn the_json_is_read_as_the_text_is() {
        let pools = status(JSON.as_bytes());
        let pool = &pools[0];
        assert_eq!(pool.status.as_deref(), Some("One or more."));
        assert_eq!(pool.errors.as_deref(), Some("2 data errors"));
        let rows: Vec<_> =
            pool.vdevs.iter().map(|v| (v.name.as_str(), v.depth, v.section.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("tank", 0, ""),
                ("mirror-0", 1, ""),
                ("sda", 2, ""),
                ("nvme0", 1, "logs"),
                ("sdf", 0, "spares")
            ]
        );
        assert_eq!(pool.vdevs[2].errors, [6, 0, 1536]);
        assert_eq!(pool.scan.as_ref().unwrap().percent, Some(50.0));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any_text(TEXT), json in any_text(JSON)) {
            let _ = status(&text);
            let _ = status(&json);
        }
    }
}
