//! Answers of `megacli`: blocks of `Key : value` lines below `Adapter 0` and `Adapter #0`.

use super::controller::{
    CONTROLLERS_MAX, Controller, Task, celsius, leading_number, note, pair, percent,
};

/// The controller of a number; made if it is new.
fn adapter<'a>(controllers: &'a mut Vec<Controller>, number: &str) -> Option<&'a mut Controller> {
    let name = format!("a{number}");
    let at = controllers.iter().position(|known| known.name == name);
    if at.is_none() && controllers.len() >= CONTROLLERS_MAX {
        return None;
    }
    let at = at.unwrap_or_else(|| {
        controllers.push(Controller { name, ..Controller::default() });
        controllers.len() - 1
    });
    controllers.get_mut(at)
}

/// The number in `Adapter 0 -- Virtual Drive Information:`, `Adapter #0`, `BBU status for Adapter:
/// 0`.
fn number(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("dapter")?;
    let rest = rest.trim_start_matches([' ', '#', ':', '-']);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end).filter(|digits| !digits.is_empty())
}

fn is_heading(line: &str) -> bool {
    line.starts_with("Adapter ") || line.starts_with("BBU status for Adapter")
}

/// Reads `-ldinfo`; says whether it was such an answer.
pub fn volumes(controllers: &mut Vec<Controller>, text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let (mut current, mut name) = (None, String::new());
    let mut default_cache = String::new();
    for line in text.lines().map(str::trim) {
        if is_heading(line) && line.contains("Virtual Drive") {
            current = number(line).map(str::to_owned);
            if let Some(number) = &current {
                adapter(controllers, number);
            }
            continue;
        }
        let Some(controller) = current.as_deref().and_then(|n| adapter(controllers, n)) else {
            continue;
        };
        let Some((key, value)) = pair(line) else { continue };
        if key == "Virtual Drive" || key == "CacheCade Virtual Drive" {
            let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
            name = format!("ld{}", value.get(..end).unwrap_or_default());
            default_cache.clear();
        }
        if name.is_empty() {
            continue;
        }
        let Some(volume) = controller.volume(&name) else { continue };
        match key {
            "Name" => value.clone_into(&mut volume.label),
            "RAID Level" => volume.level = level(value),
            "Size" => value.clone_into(&mut volume.size),
            "State" => value.clone_into(&mut volume.state),
            "Number Of Drives" | "Number Of Drives per span" => {
                volume.width = value.parse().unwrap_or(0);
            }
            "Span Depth" => {
                let spans: u64 = value.parse().unwrap_or(1);
                if spans > 1 {
                    volume.level = match volume.level.as_str() {
                        "RAID1" => "RAID10".to_owned(),
                        "RAID5" => "RAID50".to_owned(),
                        "RAID6" => "RAID60".to_owned(),
                        other => other.to_owned(),
                    };
                    volume.width = volume.width.saturating_mul(spans);
                }
            }
            "Default Cache Policy" => value.clone_into(&mut default_cache),
            "Current Cache Policy" => {
                volume.cache_off =
                    default_cache.contains("WriteBack") && value.contains("WriteThrough");
            }
            "Access Policy" | "Current Access Policy" => note(&mut volume.facts, "Access", value),
            "Check Consistency" | "Background Initialization" | "Reconstruction" => {
                // `Check Consistency : Completed 12%, Taken 3 min.`
                let percent = value.split_once(' ').and_then(|(_, rest)| percent(rest));
                volume.task =
                    Some(Task { what: key.to_owned(), percent, time_left: String::new() });
            }
            _ => {}
        }
    }
    current.is_some()
}

/// `Primary-5, Secondary-0, RAID Level Qualifier-3` as `RAID5`; with a secondary level, spans of
/// mirrors.
fn level(text: &str) -> String {
    let of = |word: &str| {
        let rest = text.split_once(word)?.1;
        rest.chars().next().filter(char::is_ascii_digit)
    };
    match (of("Primary-"), of("Secondary-")) {
        (Some(first), Some('0') | None) => format!("RAID{first}"),
        (Some(first), Some(_)) => format!("RAID{first}0"),
        (None, _) => text.to_owned(),
    }
}

/// Reads `-pdlist`; says whether it was such an answer.
pub fn drives(controllers: &mut Vec<Controller>, text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let (mut current, mut enclosure, mut place) = (None, String::new(), String::new());
    for line in text.lines().map(str::trim) {
        if is_heading(line) {
            current = number(line).map(str::to_owned);
            place.clear();
            continue;
        }
        let Some((key, value)) = pair(line) else { continue };
        match key {
            "Enclosure Device ID" => {
                enclosure = if value == "N/A" { String::new() } else { value.to_owned() };
                place.clear();
                continue;
            }
            "Slot Number" => place = format!("{enclosure}:{value}"),
            _ => {}
        }
        let Some(controller) = current.as_deref().and_then(|n| adapter(controllers, n)) else {
            continue;
        };
        if place.is_empty() {
            continue;
        }
        let Some(drive) = controller.drive(&place) else { continue };
        match key {
            "Slot Number" => drive.path = format!("-physdrv [{place}]"),
            // `Online, Spun Up`: the second word is no state.
            "Firmware state" => {
                drive.state = value.split(',').next().unwrap_or_default().trim().to_owned();
            }
            "Media Error Count" => drive.media_errors = value.parse().ok(),
            "Predictive Failure Count" => {
                drive.failing |= value.parse::<u64>().is_ok_and(|count| count > 0);
            }
            "Drive has flagged a S.M.A.R.T alert" => drive.failing |= value == "Yes",
            "Foreign State" => drive.foreign = value == "Foreign",
            "Coerced Size" => {
                drive.size = value.split('[').next().unwrap_or_default().trim().to_owned();
            }
            // Serial number, model and firmware in fields of fixed width, by the drive's own order.
            "Inquiry Data" => {
                drive.model = value.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            "Drive Temperature" => drive.temperature_celsius = celsius(value),
            _ => {}
        }
    }
    current.is_some()
}

/// Reads `-adpbbucmd`.
pub fn battery(controllers: &mut Vec<Controller>, text: &[u8]) {
    const FIELDS: &[&str] = &[
        "Voltage",
        "Temperature",
        "Learn Cycle Active",
        "Learn Cycle Status",
        "I2c Errors Detected",
        "Battery Pack Missing",
        "Battery Replacement required",
        "Pack is about to fail & should be replaced",
        "Remaining Capacity Low",
    ];
    let text = String::from_utf8_lossy(text);
    let (mut current, mut firmware) = (None, false);
    for line in text.lines().map(str::trim) {
        if is_heading(line) && line.starts_with("BBU") {
            current = number(line).map(str::to_owned);
            firmware = false;
            continue;
        }
        let Some((key, value)) = pair(line) else { continue };
        let Some(controller) = current.as_deref().and_then(|n| adapter(controllers, n)) else {
            continue;
        };
        // The same names stand for a number above and for a word below this line.
        firmware |= key == "BBU Firmware Status";
        let Some(part) = controller.part("bbu") else { continue };
        match key {
            "BatteryType" => part.title = format!("battery {value}"),
            "Temperature" if !firmware => part.temperature_celsius = celsius(value),
            "Battery State" | "Battery state" => note(&mut part.facts, "State", value),
            "Relative State of Charge" => {
                if let Some(charge) = leading_number(value) {
                    part.title = format!("{}, {charge:.0}% charged", part.title);
                }
            }
            _ if firmware && FIELDS.contains(&key) => note(&mut part.facts, key, value),
            _ => {}
        }
    }
}
