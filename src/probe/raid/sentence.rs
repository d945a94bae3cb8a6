//! How what a controller's tool says reads: which drive to pull, progress, levels.

use super::report::counted;
use crate::parse::controller::{Controller, Drive, Task};

/// What to pull.
pub(super) fn replace(drive: &Drive, controller: &Controller) -> String {
    let mut text = format!("Drive {}", drive.place);
    if !drive.path.is_empty() {
        text.push_str(&format!(" ({})", drive.path));
    }
    text.push_str(&format!(" is {}:", if drive.state.is_empty() { "bad" } else { &drive.state }));
    let facts = [
        (!drive.model.is_empty()).then(|| drive.model.clone()),
        (!drive.size.is_empty()).then(|| drive.size.clone()),
        (!drive.serial.is_empty()).then(|| format!("serial {}", drive.serial)),
        drive
            .media_errors
            .filter(|count| *count > 0)
            .map(|count| counted(count, "media error", "media errors")),
        Some(format!("on {} {}", controller.name, controller.model)),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    format!("{text} {}", facts.join(", "))
}

/// ` (drives 24:10 Offln, 24:11 Offln)`; nothing for no drive.
pub(super) fn named(drives: &[&Drive]) -> String {
    if drives.is_empty() {
        return String::new();
    }
    let list: Vec<String> =
        drives.iter().map(|drive| format!("{} {}", drive.place, drive.state)).collect();
    let word = if drives.len() == 1 { "drive" } else { "drives" };
    format!(" ({word} {})", list.join(", "))
}

pub(super) fn redundancy_words(left: Option<u64>) -> String {
    match left {
        Some(0) => "no redundancy left".to_owned(),
        Some(left) => {
            format!("survives the loss of {}", counted(left, "more drive", "more drives"))
        }
        None => "redundancy left unknown".to_owned(),
    }
}

pub(super) fn progress(task: Option<&Task>) -> String {
    match task {
        Some(task) => match task.percent {
            Some(percent) => format!("rebuilding, {percent:.0}% done{}", time_left(task)),
            None => format!("rebuilding{}", time_left(task)),
        },
        None => "rebuilding".to_owned(),
    }
}

pub(super) fn time_left(task: &Task) -> String {
    match task.time_left.as_str() {
        "" => String::new(),
        time => format!(", {time} left"),
    }
}

pub(super) fn task_words(task: &Task) -> String {
    let what = task.what.to_lowercase();
    match task.percent {
        Some(percent) => format!("{what}, {percent:.0}% done{}", time_left(task)),
        None => what,
    }
}

pub(super) fn explained(said: String, text: &str) -> String {
    if text.is_empty() { said } else { format!("{said}, {text}") }
}

pub(super) fn unknown(field: &str, word: &str) -> String {
    format!("{field} is `{word}`, a word that the agent does not know")
}

pub(super) fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// `RAID5` for the vendors' `5`, `RAID 5`, `RAID-5`; other words as they are.
pub(super) fn level(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let letters = text.to_ascii_lowercase();
    let raid = letters.starts_with("raid") || letters.starts_with(|c: char| c.is_ascii_digit());
    if raid && !digits.is_empty() {
        let tail = if letters.ends_with("adm)") { " ADM" } else { "" };
        return format!("RAID{digits}{tail}");
    }
    if text.is_empty() { "volume".to_owned() } else { text.to_owned() }
}

/// Drives that may fail, whichever they are, while all are well.
pub(super) fn redundancy(text: &str, width: u64) -> Option<u64> {
    Some(match level(text).as_str() {
        "RAID0" | "JBOD" | "Volume" | "RAID00" => 0,
        // A mirror of three, or of four, survives more.
        "RAID1" if width > 2 && width % 2 == 1 => width - 1,
        "RAID1" | "RAID10" | "RAID5" | "RAID50" | "RAID1E" | "RAID3" => 1,
        "RAID6" | "RAID60" | "RAID1 ADM" | "RAID10 ADM" => 2,
        _ => return None,
    })
}
