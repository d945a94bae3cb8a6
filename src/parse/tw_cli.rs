//! Answers of 3ware's `tw_cli`: `info`, `info c0 unitstatus`, `info c0 drivestatus`. Tables whose
//! first row names the columns above a line of hyphens.

use super::controller::{CONTROLLERS_MAX, Controller, Task, is_nothing, note, percent};

/// Rows of a table as cells by column.
fn rows(text: &str) -> Vec<Vec<(String, String)>> {
    let (mut columns, mut before, mut rows) = (Vec::new(), "", Vec::new());
    for line in text.lines().map(str::trim) {
        if line.len() > 20 && line.bytes().all(|byte| byte == b'-') {
            columns = before.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        } else if line.is_empty() {
            columns.clear();
        } else if !columns.is_empty() {
            rows.push(cells(&columns, line));
        }
        before = line;
    }
    rows
}

/// Sizes of drives are two words, `465.76 GB`.
fn cells(columns: &[String], line: &str) -> Vec<(String, String)> {
    let mut words = line.split_whitespace().peekable();
    let mut row = Vec::new();
    for column in columns {
        let mut cell = words.next().unwrap_or_default().to_owned();
        if let Some(unit) = words.next_if(|word| matches!(*word, "MB" | "GB" | "TB")) {
            cell = format!("{cell} {unit}");
        }
        row.push((column.clone(), cell));
    }
    row
}

fn cell<'a>(row: &'a [(String, String)], column: &str) -> &'a str {
    row.iter().find(|(name, _)| name == column).map_or("", |(_, cell)| cell.as_str())
}

/// Controllers in `info`.
#[must_use]
pub fn controllers(text: &[u8]) -> Vec<Controller> {
    let text = String::from_utf8_lossy(text);
    let controller = |row: Vec<(String, String)>| {
        let name = cell(&row, "Ctl").to_owned();
        if !name.starts_with('c') {
            return None;
        }
        let model = format!("3ware {}", cell(&row, "Model"));
        let mut one = Controller { name, model, ..Controller::default() };
        let battery = cell(&row, "BBU");
        if !is_nothing(battery)
            && let Some(part) = one.part("bbu")
        {
            note(&mut part.facts, "State", battery);
        }
        Some(one)
    };
    rows(&text).into_iter().filter_map(controller).take(CONTROLLERS_MAX).collect()
}

/// Reads `unitstatus`.
pub fn units(one: &mut Controller, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for row in rows(&text) {
        let name = cell(&row, "Unit");
        // `u0-0` is a part of `u0`.
        if !name.starts_with('u') || name.contains('-') || cell(&row, "UnitType") == "SPARE" {
            continue;
        }
        let Some(volume) = one.volume(name) else { continue };
        cell(&row, "UnitType").clone_into(&mut volume.level);
        cell(&row, "Status").clone_into(&mut volume.state);
        volume.size = format!("{} GB", cell(&row, "Size(GB)"));
        let done = [("%RCmpl", "rebuild"), ("%V/I/M", "verify")]
            .iter()
            .find_map(|(column, what)| Some((percent(cell(&row, column))?, *what)));
        volume.task = done.map(|(percent, what)| Task {
            what: what.to_owned(),
            percent: Some(percent),
            time_left: String::new(),
        });
    }
}

/// Reads `drivestatus`.
pub fn drives(one: &mut Controller, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for row in rows(&text) {
        let place = [cell(&row, "Port"), cell(&row, "VPort")].concat();
        let status = cell(&row, "Status");
        if !place.starts_with('p') || status == "NOT-PRESENT" {
            continue;
        }
        let name = one.name.clone();
        let Some(drive) = one.drive(&place) else { continue };
        drive.path = format!("/{name}/{place}");
        status.clone_into(&mut drive.state);
        cell(&row, "Size").clone_into(&mut drive.size);
        cell(&row, "Serial").clone_into(&mut drive.serial);
        let unit = cell(&row, "Unit");
        if !is_nothing(unit) {
            drive.volumes = vec![unit.to_owned()];
        }
    }
}
