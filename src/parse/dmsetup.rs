//! `dmsetup status` and the JSON of `lvs`: volumes of the device mapper, one line or object each.
//!
//! Owns: the text alone. Targets with redundancy, thin pools, caches and snapshots are taken apart.

use serde_json::Value;

use super::{fields, lines, number};

/// Volumes that are looked at: storage with snapshots has some thousand.
const VOLUMES: usize = 65_536;

/// One line of `dmsetup status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name of the device: `vg-lv`, with `--` for a dash of either part.
    pub device: String,
    /// What it says.
    pub status: Status,
}

/// What a target says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// dm-raid.
    Raid {
        /// `raid1`, `raid5_ls`, `raid6_zr`.
        level: String,
        /// A letter a member: `A` in sync, `a` alive, `D` dead, `-` none.
        health: String,
        /// Done and all, in sectors.
        sync: Option<(u64, u64)>,
        /// `idle`, `resync`, `recover`; none before Linux 3.9.
        action: Option<String>,
        /// Sectors that differed in the last check.
        mismatches: u64,
        /// `A`, `D` or `-` for a write journal.
        journal: Option<String>,
    },
    /// The old mirror.
    Mirror {
        /// A letter a leg: `A` alive, anything else is an error.
        health: String,
        /// Done and all, in regions.
        sync: Option<(u64, u64)>,
    },
    /// A thin pool.
    ThinPool {
        /// Used and all blocks of metadata.
        metadata: (u64, u64),
        /// Used and all blocks of data.
        data: (u64, u64),
        /// `rw`, `ro`, `out_of_data_space`, `needs_check`, `queue_if_no_space`, ...
        words: Vec<String>,
    },
    /// A snapshot of the old kind, or one that is being merged.
    Snapshot {
        /// Used and all sectors of what holds the differences.
        used: Option<(u64, u64)>,
        /// `Invalid`, `Overflow`, `Merge failed` instead of that.
        word: String,
    },
    /// A cache before a slower volume.
    Cache {
        /// Its features, policy, mode of its metadata.
        words: Vec<String>,
    },
    /// `Fail` or `Error`: it serves nothing.
    Failed {
        /// `raid`, `thin-pool`.
        target: String,
    },
}

/// Takes `dmsetup status` apart; lines of other targets are left out.
#[must_use]
pub fn status(text: &[u8]) -> Vec<Target> {
    lines(text).filter_map(line).take(VOLUMES).collect()
}

fn line(line: &[u8]) -> Option<Target> {
    let mut words = fields(line);
    let device = words.next()?.strip_suffix(b":")?;
    number(words.next()?)?;
    number(words.next()?)?;
    let target = words.next()?;
    let rest: Vec<String> =
        words.map(|word| String::from_utf8_lossy(word).into_owned()).take(4096).collect();
    let status = match target {
        b"raid" | b"mirror" | b"thin-pool" | b"thin" | b"cache"
            if matches!(rest.first().map(String::as_str), Some("Fail" | "Error")) =>
        {
            Status::Failed { target: String::from_utf8_lossy(target).into_owned() }
        }
        b"raid" => Status::Raid {
            level: rest.first()?.clone(),
            health: rest.get(2)?.clone(),
            sync: rest.get(3).and_then(|text| ratio(text)),
            action: rest.get(4).cloned(),
            mismatches: rest.get(5).and_then(|text| text.parse().ok()).unwrap_or_default(),
            journal: rest.get(7).cloned(),
        },
        b"mirror" => {
            let legs: usize = rest.first()?.parse().ok()?;
            Status::Mirror {
                sync: rest.get(legs.checked_add(1)?).and_then(|text| ratio(text)),
                health: rest.get(legs.checked_add(3)?)?.clone(),
            }
        }
        b"thin-pool" => Status::ThinPool {
            metadata: ratio(rest.get(1)?)?,
            data: ratio(rest.get(2)?)?,
            words: rest.get(4..).unwrap_or_default().to_vec(),
        },
        b"snapshot" | b"snapshot-merge" => {
            let used = rest.first().and_then(|text| ratio(text));
            let word = if used.is_some() { String::new() } else { rest.join(" ") };
            Status::Snapshot { used, word }
        }
        // Before these stand eleven counters.
        b"cache" => Status::Cache { words: rest.get(11..)?.to_vec() },
        _ => return None,
    };
    Some(Target { device: String::from_utf8_lossy(device).into_owned(), status })
}

fn ratio(text: &str) -> Option<(u64, u64)> {
    let (done, all) = text.split_once('/')?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

/// Volume group and volume of a device's name: `vg/lv`; any other name as it is. A layer within
/// the volume (`-tpool`) is left out.
#[must_use]
pub fn volume(device: &str) -> String {
    let mut parts = vec![String::new()];
    let mut letters = device.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '-' && letters.next_if_eq(&'-').is_none() {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    match parts.as_slice() {
        [group, volume, ..] if !group.is_empty() && !volume.is_empty() => {
            format!("{group}/{volume}")
        }
        _ => device.to_owned(),
    }
}

/// One volume as `lvs` describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Volume {
    /// `vg/lv`.
    pub name: String,
    /// Ten letters; the first is the type, the ninth the health.
    pub attributes: String,
    /// `raid1`, `thin-pool`; empty where it was not asked for.
    pub segment: String,
    /// Synchronised.
    pub sync_percent: Option<f64>,
    /// Used data space of a pool.
    pub data_percent: Option<f64>,
    /// Used metadata space of a pool.
    pub metadata_percent: Option<f64>,
    /// `idle`, `recover`; empty where it was not asked for.
    pub action: String,
}

/// Takes the JSON of `lvs --reportformat json` apart.
#[must_use]
pub fn lvs(text: &[u8]) -> Vec<Volume> {
    let Ok(value) = serde_json::from_slice::<Value>(text) else { return Vec::new() };
    let reports = value.get("report").and_then(Value::as_array);
    reports
        .into_iter()
        .flatten()
        .filter_map(|report| report.get("lv")?.as_array())
        .flatten()
        .take(VOLUMES)
        .filter_map(volume_json)
        .collect()
}

fn volume_json(value: &Value) -> Option<Volume> {
    let text = |key: &str| match value.get(key) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let percent = |key: &str| text(key).parse().ok().filter(|value: &f64| value.is_finite());
    // Volumes that are hidden from a person stand in brackets.
    let name = text("lv_name").trim_matches(['[', ']']).to_owned();
    (!name.is_empty()).then(|| Volume {
        name: format!("{}/{name}", text("vg_name")),
        attributes: text("lv_attr"),
        segment: text("segtype"),
        sync_percent: percent("sync_percent").or_else(|| percent("copy_percent")),
        data_percent: percent("data_percent"),
        metadata_percent: percent("metadata_percent"),
        action: text("raid_sync_action"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::mutate::any_text;

    const SAMPLE: &str = "vg-lv--a: 0 65536 raid raid5_ls 3 AaD 100/65536 recover 8 0 -\n\
old: 0 65536 raid raid1 2 AA 5/5\nm: 0 8 mirror 2 254:1 254:2 730/2048 1 AD 3 disk 254:6 A\n\
vg-tp-tpool: 0 100 thin-pool 19 8886/552960 629535/838960 - rw no_discard_passdown \
queue_if_no_space - 1024\nvg-dead-tpool: 0 1 thin-pool Fail\nvg-root: 0 9 linear\n\
vg-s: 0 8 snapshot 16/64 8\nvg-i: 0 8 snapshot Invalid\nvg-c: 0 8 cache 8 72/4096 128 1/8192 5 6 7 8 9 \
10 0 1 writeback 2 migration_threshold 2048 smq 0 rw -\nvg-t: 0 8 thin 5 6\nvg-u: 0 8 thin Fail\n";

    const JSON: &str = r#"{"report":[{"lv":[{"vg_name":"vg","lv_name":"[tp_tmeta]",
"lv_attr":"ewi-aor-p-","segtype":"raid1","copy_percent":"25.00","data_percent":"",
"metadata_percent":"19.25","raid_sync_action":"recover"}]}]}"#;

    #[test]
    fn every_target_is_read() {
        let targets = status(SAMPLE.as_bytes());
        assert_eq!(targets.len(), 9);
        let Status::Raid { level, health, sync, action, mismatches, journal } = &targets[0].status
        else {
            panic!("{:?}", targets[0])
        };
        assert_eq!((level.as_str(), health.as_str()), ("raid5_ls", "AaD"));
        assert_eq!(
            (*sync, action.as_deref(), *mismatches),
            (Some((100, 65_536)), Some("recover"), 8)
        );
        assert_eq!(journal.as_deref(), Some("-"));
        assert!(matches!(&targets[1].status, Status::Raid { action: None, .. }));
        assert_eq!(
            targets[2].status,
            Status::Mirror { health: "AD".to_owned(), sync: Some((730, 2048)) }
        );
        assert!(matches!(&targets[3].status, Status::ThinPool { metadata: (8886, 552_960), .. }));
        assert_eq!(targets[4].status, Status::Failed { target: "thin-pool".to_owned() });
        assert_eq!(
            targets[5].status,
            Status::Snapshot { used: Some((16, 64)), word: String::new() }
        );
        assert_eq!(targets[6].status, Status::Snapshot { used: None, word: "Invalid".to_owned() });
        let Status::Cache { words } = &targets[7].status else { panic!("{:?}", targets[7]) };
        assert_eq!(words.last().map(String::as_str), Some("-"));
        assert_eq!(targets[8].status, Status::Failed { target: "thin".to_owned() });
    }

    #[test]
    fn names_are_told_apart_at_a_single_dash() {
        for (device, name) in [
            ("vg-lv", "vg/lv"),
            ("my--vg-a--b", "my-vg/a-b"),
            ("x22v0-tp_ssd-tpool", "x22v0/tp_ssd"),
            ("isw_abc_Volume0", "isw_abc_Volume0"),
            ("a--b", "a--b"),
            ("vg-x---y", "vg/x-"),
        ] {
            assert_eq!(volume(device), name, "{device}");
        }
    }

    #[test]
    fn volumes_of_lvs_are_read() {
        let volumes = lvs(JSON.as_bytes());
        assert_eq!(
            (volumes[0].name.as_str(), volumes[0].sync_percent),
            ("vg/tp_tmeta", Some(25.0))
        );
        assert_eq!(volumes[0].data_percent, None);
        assert_eq!(lvs(b"[]"), []);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any_text(SAMPLE), json in any_text(JSON)) {
            for target in status(&text) {
                let _ = volume(&target.device);
            }
            let _ = lvs(&json);
        }
    }
}
