//! Answers of `ssacli` and its elder names `hpssacli` and `hpacucli`: `ctrl all show config detail`,
//! and the shorter `ctrl all show status` and `ld all show`.

use super::controller::{
    CONTROLLERS_MAX, Controller, Task, celsius, is_nothing, note, pair, percent,
};

/// What the lines at hand belong to.
enum At {
    Controller,
    /// By its letter.
    Array(String),
    /// By its number.
    Volume(String),
    /// By its place, `1I:1:3`.
    Drive(String),
    /// An enclosure or a port, of which nothing is kept.
    Elsewhere,
}

/// Reads an answer into the controllers that it names; says whether it named any.
pub fn read(controllers: &mut Vec<Controller>, text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let (mut current, mut at, mut array) = (None, At::Elsewhere, String::new());
    for raw in text.lines() {
        let line = raw.trim();
        if let Some((model, slot)) = headline(raw) {
            current = Some(controller(controllers, model, slot));
            at = At::Controller;
            array.clear();
            continue;
        }
        let Some(one) = current.and_then(|index: usize| controllers.get_mut(index)) else {
            continue;
        };
        if let Some(name) = line.strip_prefix("Array: ").or_else(|| line.strip_prefix("array ")) {
            let (letter, state) = named(name);
            array = letter;
            if let Some(part) = one.part(&format!("array{array}")) {
                part.title = format!("array {array}");
                if let Some(state) = state {
                    note(&mut part.facts, "Status", &state);
                }
            }
            at = At::Array(array.clone());
        } else if line.to_ascii_lowercase().starts_with("unassigned") || line == "Physical Drives" {
            array.clear();
            at = At::Elsewhere;
        } else if let Some(number) = line.strip_prefix("Logical Drive: ") {
            let name = format!("ld{}", number.trim());
            if let Some(volume) = one.volume(&name) {
                array.clone_into(&mut volume.group);
            }
            at = At::Volume(name);
        } else if line.starts_with("logicaldrive ") {
            short_volume(one, line, &array);
        } else if line.starts_with("physicaldrive ") {
            at = drive(one, line, &array);
        } else if is_other_block(line) {
            at = At::Elsewhere;
        } else if let Some((key, value)) = pair(line) {
            field(one, &at, key, value);
        }
    }
    for one in controllers.iter_mut() {
        one.join_groups();
    }
    current.is_some()
}

/// `Smart Array P410 in Slot 1`, `... in Slot 0 (Embedded)`; the line is not indented.
fn headline(line: &str) -> Option<(&str, &str)> {
    if line.starts_with([' ', '\t', '#']) {
        return None;
    }
    let (model, rest) = line.split_once(" in Slot ")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let slot = rest.get(..end).filter(|slot| !slot.is_empty())?;
    Some((model.trim(), slot))
}

fn controller(controllers: &mut Vec<Controller>, model: &str, slot: &str) -> usize {
    let name = format!("slot{}", slot.to_ascii_lowercase());
    let known = controllers.iter().position(|known| known.name == name);
    // Beyond the bound, the last one takes what follows; no machine comes near.
    let known = known.or_else(|| {
        (controllers.len() >= CONTROLLERS_MAX).then(|| controllers.len().saturating_sub(1))
    });
    known.unwrap_or_else(|| {
        let model = model.to_owned();
        controllers.push(Controller { name, model, ..Controller::default() });
        controllers.len() - 1
    })
}

/// Blocks of enclosures, ports, expanders and sensors.
fn is_other_block(line: &str) -> bool {
    ["Port Name:", "Expander ", "Enclosure SEP", "SEP ", "Sensor ID:"]
        .iter()
        .any(|start| line.starts_with(start))
        || (line.contains(" at Port ") && line.contains(", Box "))
}

/// `B (Failed)` as letter and state; words of the kind of drive are no state.
fn named(text: &str) -> (String, Option<String>) {
    let (name, rest) = text.split_once('(').unwrap_or((text, ""));
    let name = name.split([',', ' ']).next().unwrap_or_default().trim().to_owned();
    let kinds = ["SATA", "SAS", "Solid State", "NVMe", "Unused Space", "SSD", "HDD", "Parallel"];
    let state = rest.trim_end_matches(')').split(',').next().unwrap_or_default().trim();
    let is_state = !state.is_empty() && !kinds.iter().any(|kind| state.starts_with(kind));
    (name, is_state.then(|| state.to_owned()))
}

/// `logicaldrive 1 (558.9 GB, RAID 1, OK)`, `(..., RAID 5, Recovering, 12% complete)`.
fn short_volume(one: &mut Controller, line: &str, array: &str) {
    let Some((head, rest)) = line.split_once('(') else { return };
    let number = head.split_whitespace().nth(1).unwrap_or_default();
    let Some(volume) = one.volume(&format!("ld{number}")) else { return };
    array.clone_into(&mut volume.group);
    let rest = rest.rsplit_once(')').map_or(rest, |(inner, _)| inner);
    let mut cells = rest.split(',').map(str::trim);
    volume.size = cells.next().unwrap_or_default().to_owned();
    volume.level = cells.next().unwrap_or_default().to_owned();
    state(&mut volume.state, &mut volume.task, &cells.collect::<Vec<_>>().join(", "));
}

/// `Recovering, 12% complete` as state and task.
fn state(state: &mut String, task: &mut Option<Task>, text: &str) {
    let (word, rest) = text.split_once(',').unwrap_or((text, ""));
    word.trim().clone_into(state);
    *task = percent(rest).map(|percent| Task {
        what: word.trim().to_owned(),
        percent: Some(percent),
        time_left: String::new(),
    });
}

/// `physicaldrive 2I:1:1 (port 2I:box 1:bay 1, SATA SSD, 960 GB, OK)`, or the place alone as a
/// block's head.
fn drive(one: &mut Controller, line: &str, array: &str) -> At {
    let (head, rest) = line.split_once('(').unwrap_or((line, ""));
    let place = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let Some(drive) = one.drive(&place) else { return At::Elsewhere };
    drive.path = format!("physicaldrive {place}");
    if !array.is_empty() {
        array.clone_into(&mut drive.group);
    }
    let rest = rest.rsplit_once(')').map_or(rest, |(inner, _)| inner);
    let cells: Vec<&str> = rest.split(',').map(str::trim).collect();
    if let [_, _, size, word, ..] = cells.as_slice() {
        (*size).clone_into(&mut drive.size);
        if drive.state.is_empty() {
            (*word).clone_into(&mut drive.state);
        }
        if cells.last() == Some(&"spare") && *word == "OK" {
            drive.state = "OK, spare".to_owned();
        }
    }
    At::Drive(place)
}

fn field(one: &mut Controller, at: &At, key: &str, value: &str) {
    match at {
        At::Controller => match key {
            "Serial Number" => value.clone_into(&mut one.serial),
            "PCI Address (Domain:Bus:Device.Function)" => value.clone_into(&mut one.address),
            "Controller Status" => note(&mut one.facts, key, value),
            "Controller Temperature (C)" => one.temperature_celsius = celsius(value),
            "Cache Status" | "Cache Status Details" | "Battery/Capacitor Status" => {
                if let Some(part) = one.part("cache") {
                    part.title = "write cache".to_owned();
                    note(&mut part.facts, key, value);
                }
            }
            "Capacitor Temperature  (C)"
            | "Capacitor Temperature (C)"
            | "Battery Temperature (C)" => {
                if let Some(part) = one.part("cache") {
                    part.temperature_celsius = celsius(value);
                }
            }
            _ => {}
        },
        At::Array(letter) => {
            if matches!(key, "Status" | "MultiDomain Status")
                && let Some(part) = one.part(&format!("array{letter}"))
            {
                note(&mut part.facts, key, value);
            }
        }
        At::Volume(name) => {
            let Some(volume) = one.volume(name) else { return };
            match key {
                "Size" => value.clone_into(&mut volume.size),
                "Fault Tolerance" => value.clone_into(&mut volume.level),
                "Status" => state(&mut volume.state, &mut volume.task, value),
                "Disk Name" if !is_nothing(value) => value.clone_into(&mut volume.device),
                "Logical Drive Label" => value.clone_into(&mut volume.label),
                "Unrecoverable Media Errors" | "MultiDomain Status" => {
                    note(&mut volume.facts, key, value);
                }
                _ => {}
            }
        }
        At::Drive(place) => {
            let Some(drive) = one.drive(place) else { return };
            match key {
                "Status" => value.clone_into(&mut drive.state),
                "Drive Type" if value.contains("Spare") && drive.state == "OK" => {
                    drive.state = "OK, spare".to_owned();
                }
                "Drive Type" if value.contains("Unassigned") => drive.group.clear(),
                "Serial Number" => value.clone_into(&mut drive.serial),
                "Model" => drive.model = value.split_whitespace().collect::<Vec<_>>().join(" "),
                "Size" => value.clone_into(&mut drive.size),
                "Current Temperature (C)" => drive.temperature_celsius = celsius(value),
                "SSD Smart Trip Wearout" => drive.failing |= value == "True",
                _ => {}
            }
        }
        At::Elsewhere => {}
    }
}
