//! Answers of `storcli` and `perccli`: JSON (`J`), or the same as text, as old versions and some
//! controllers print whatever is asked for.
//!
//! Answers to different questions are poured into the same controllers, and each is looked at for
//! everything: versions differ in which of them holds what.

use serde_json::{Map, Value};

use super::controller::{
    CONTROLLERS_MAX, Controller, Task, celsius, is_nothing, leading_number, note, percent,
};
use super::storcli_text;

/// What a tool said so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// The controllers, in the order in which they were named.
    pub controllers: Vec<Controller>,
    /// Why it gave nothing, in its own words.
    pub refusal: Option<String>,
    /// At least one answer was understood.
    pub understood: bool,
}

/// Nesting of an answer: real ones have six levels.
const DEPTH: usize = 12;

impl Answers {
    /// Adds an answer, of whatever question.
    pub fn add(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        // Old versions print a line of text before the JSON.
        let json = text.find('{').and_then(|at| text.get(at..)).and_then(parse);
        let answer = json.unwrap_or_else(|| storcli_text::read(&text));
        for answer in answer.get("Controllers").and_then(Value::as_array).into_iter().flatten() {
            self.add_controller(answer);
        }
    }

    fn add_controller(&mut self, answer: &Value) {
        let status = answer.get("Command Status").unwrap_or(&Value::Null);
        let data = answer.get("Response Data").filter(|data| !is_empty(data));
        let Some(number) = status.get("Controller").and_then(number) else {
            if let Some(count) = data.and_then(|data| data.get("Number of Controllers")) {
                self.understood |= number(count) == Some(0);
            }
            let overview = data.and_then(|data| data.get("System Overview"));
            let mut found = false;
            for row in overview.into_iter().flat_map(rows) {
                found |= self.add_overview(row);
            }
            if found {
                return;
            }
            self.refuse(status);
            return;
        };
        let Some(data) = data else {
            self.refuse(status);
            return;
        };
        self.understood = true;
        let name = format!("c{number}");
        let at = self.controllers.iter().position(|known| known.name == name);
        if at.is_none() && self.controllers.len() >= CONTROLLERS_MAX {
            return;
        }
        let at = at.unwrap_or_else(|| {
            self.controllers.push(Controller { name, ..Controller::default() });
            self.controllers.len() - 1
        });
        if let Some(controller) = self.controllers.get_mut(at) {
            walk(data, DEPTH, &mut |key, value| take(controller, key, value));
            if let Value::Object(fields) = data {
                basics(controller, fields);
            }
            controller.join_groups();
        }
    }

    /// A row of `show`: a controller in a few words.
    fn add_overview(&mut self, row: &Map<String, Value>) -> bool {
        let Some(number) = row.get("Ctl").and_then(number) else { return false };
        self.understood = true;
        let name = format!("c{number}");
        let is_known = self.controllers.iter().any(|known| known.name == name);
        if is_known || self.controllers.len() >= CONTROLLERS_MAX {
            return true;
        }
        let mut one = Controller { name, model: field(row, "Model"), ..Controller::default() };
        note(&mut one.facts, "Health", &field(row, "Hlth"));
        note(&mut one.facts, "Battery", &field(row, "BBU"));
        let bad = row.get("VNOpt").and_then(self::number).is_some_and(|count| count > 0);
        note(&mut one.facts, "Volumes that are not optimal", if bad { "yes" } else { "no" });
        self.controllers.push(one);
        true
    }

    fn refuse(&mut self, status: &Value) {
        let word = |value: &Value, key: &str| {
            Some(text(value.get(key)?)).filter(|text| !is_nothing(text) && text != "Success")
        };
        let detailed = status.get("Detailed Status").and_then(Value::as_array);
        let reason = word(status, "Description")
            .or_else(|| detailed?.iter().find_map(|row| word(row, "ErrMsg")))
            .or_else(|| word(status, "Status"));
        if self.refusal.is_none() {
            self.refusal = reason;
        }
    }
}

fn parse(text: &str) -> Option<Value> {
    // Something may follow the object, such as a second answer or a shell's prompt.
    serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(rows) => rows.is_empty(),
        _ => false,
    }
}

/// A string or number, as text without the blanks around it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "Yes".to_owned(),
        Value::Bool(false) => "No".to_owned(),
        _ => String::new(),
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn walk(value: &Value, depth: usize, take: &mut impl FnMut(&str, &Value)) {
    let Value::Object(fields) = value else {
        // Progress is answered as a bare list.
        take("", value);
        return;
    };
    for (key, value) in fields {
        take(key.trim(), value);
        if depth > 0 && value.is_object() {
            walk(value, depth - 1, take);
        }
    }
}

fn rows(value: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    value.as_array().into_iter().flatten().filter_map(Value::as_object)
}

fn field(row: &Map<String, Value>, key: &str) -> String {
    row.get(key).map(text).unwrap_or_default()
}

/// Sorts one value into its drawer by the key above it and the keys within.
fn take(controller: &mut Controller, key: &str, value: &Value) {
    match (key, value) {
        ("Basics", Value::Object(fields)) => basics(controller, fields),
        ("Status", Value::Object(fields)) => {
            for (key, value) in fields {
                note(&mut controller.facts, key, &text(value));
            }
        }
        ("HwCfg", Value::Object(fields)) => {
            // The processor's own sensor before the board's, in the vendor's two spellings.
            for name in ["Ctrl temperature", "ROC temperature"] {
                let read = fields.iter().find(|(key, _)| key.starts_with(name));
                if let Some(value) = read.and_then(|(_, value)| celsius(&text(value))) {
                    controller.temperature_celsius = Some(value);
                }
            }
        }
        (_, Value::Array(_)) => {
            for row in rows(value) {
                take_row(controller, key, row);
            }
        }
        (_, Value::Object(fields)) => take_fields(controller, key, fields),
        _ => {}
    }
}

fn basics(controller: &mut Controller, fields: &Map<String, Value>) {
    let set = |target: &mut String, keys: &[&str]| {
        if let Some(value) = keys.iter().map(|key| field(fields, key)).find(|v| !is_nothing(v)) {
            *target = value;
        }
    };
    set(&mut controller.model, &["Model", "Product Name"]);
    set(&mut controller.serial, &["Serial Number"]);
    set(&mut controller.address, &["PCI Address"]);
    let status = field(fields, "Controller Status");
    if !status.is_empty() {
        note(&mut controller.facts, "Controller Status", &status);
    }
}

fn take_row(controller: &mut Controller, key: &str, row: &Map<String, Value>) {
    if row.contains_key("DG/VD") {
        return volume(controller, row);
    }
    if row.contains_key("EID:Slt") {
        return drive(controller, key, row);
    }
    if row.contains_key("Progress%") {
        return progress(controller, row);
    }
    let part =
        match key.split('_').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "cachevault" => "cv",
            "bbu" => "bbu",
            // Sections of `/cx/cv show all` and `/cx/bbu show all`.
            "firmware" | "gasgaugestatus" => {
                if controller.parts.iter().any(|part| part.name == "cv") { "cv" } else { "bbu" }
            }
            "enclosure" if row.contains_key("EID") => {
                let name = format!("Enclosure {} Status", field(row, "EID"));
                let state = row.get("State").or_else(|| row.get("Status")).map(text);
                if let Some(state) = state {
                    note(&mut controller.facts, &name, &state);
                }
                return;
            }
            _ => return,
        };
    let Some(part) = controller.part(part) else { return };
    let mut take = |name: &str, value: &str| match name {
        "State" | "Battery State" => note(&mut part.facts, "State", value),
        "Temp" | "Temperature" => {
            part.temperature_celsius = celsius(value).or(part.temperature_celsius);
        }
        "Model" | "Type" | "Device Name" if !is_nothing(value) && part.title.is_empty() => {
            value.clone_into(&mut part.title);
        }
        "Replacement required"
        | "Battery Replacement required"
        | "Battery Pack Missing"
        | "Pack is about to fail & should be replaced"
        | "Remaining Capacity Low"
        | "No space to cache offload"
        | "Learn Cycle Active"
        | "I2C Errors Detected" => note(&mut part.facts, name, value),
        _ => {}
    };
    match (row.get("Property"), row.get("Value")) {
        (Some(name), Some(value)) => take(&text(name), &text(value)),
        _ => {
            for (name, value) in row {
                take(name.trim(), &text(value));
            }
        }
    }
}

fn volume(controller: &mut Controller, row: &Map<String, Value>) {
    let id = field(row, "DG/VD");
    let (group, number) = id.split_once('/').unwrap_or(("", &id));
    let name = format!("v{}", number.trim());
    let Some(volume) = controller.volume(&name) else { return };
    volume.level = field(row, "TYPE");
    volume.state = field(row, "State");
    volume.size = field(row, "Size");
    volume.label = field(row, "Name");
    group.trim().clone_into(&mut volume.group);
    let access = field(row, "Access");
    if !is_nothing(&access) {
        note(&mut volume.facts, "Access", &access);
    }
    note(&mut volume.facts, "Cache", &field(row, "Cache"));
}

/// `252:3`; without an enclosure `:3` is what the tool prints.
fn place(row: &Map<String, Value>) -> String {
    field(row, "EID:Slt").replace(' ', "")
}

fn drive(controller: &mut Controller, key: &str, row: &Map<String, Value>) {
    let place = place(row);
    let number = controller.name.trim_start_matches('c').to_owned();
    // Row keys of a controller's list, of one drive, of one volume's drives.
    let volume = key.strip_prefix("PDs for VD ").map(|number| format!("v{}", number.trim()));
    let Some(drive) = controller.drive(&place) else { return };
    drive.path = match place.split_once(':') {
        Some((enclosure, slot)) if !enclosure.is_empty() => {
            format!("/c{number}/e{enclosure}/s{slot}")
        }
        Some((_, slot)) => format!("/c{number}/s{slot}"),
        None => String::new(),
    };
    let state = drive_state(field(row, "State"), &field(row, "Status"));
    // Of answers that differ, a moment lies between them: the later counts.
    if !state.is_empty() {
        drive.state = state;
    }
    drive.size = field(row, "Size");
    drive.model = field(row, "Model");
    let group = field(row, "DG");
    drive.foreign = group == "F";
    if let Some(volume) = volume
        && !drive.volumes.contains(&volume)
    {
        drive.volumes.push(volume);
    }
    if !is_nothing(&group) && !drive.foreign {
        drive.group = group;
    }
}

/// Tools of the 9600 series say in one column what a drive is for, and in another how it is: of a
/// drive that is not well the second counts.
fn drive_state(state: String, status: &str) -> String {
    match status.to_ascii_lowercase().as_str() {
        "" | "-" | "online" | "good" | "ok" => state,
        "failed" | "offline" | "missing" | "rebuild" => status.to_owned(),
        "bad" => "UBad".to_owned(),
        _ => format!("{state} {status}"),
    }
}

/// A row such as `{"Drive-ID": "/c0/e252/s3", "Progress%": 12, "Status": "In progress", ...}`.
fn progress(controller: &mut Controller, row: &Map<String, Value>) {
    let done = row.get("Progress%").map(text).and_then(|text| percent(&text));
    if done.is_none() {
        return;
    }
    let task = Task {
        what: row.get("Operation").map_or_else(|| "Rebuild".to_owned(), text),
        percent: done,
        time_left: row
            .get("Estimated Time Left")
            .map(text)
            .filter(|text| !is_nothing(text))
            .unwrap_or_default(),
    };
    let path = field(row, "Drive-ID");
    if let Some(drive) = controller.drives.iter_mut().find(|drive| drive.path == path) {
        drive.task = Some(task);
    }
}

/// `/c0/e252/s3` in `Drive /c0/e252/s3 State` as `252:3`.
fn place_of(key: &str) -> Option<(String, &str)> {
    let rest = key.strip_prefix("Drive /c")?;
    let (path, what) = rest.split_once(' ')?;
    let mut parts = path.split('/').skip(1);
    let first = parts.next()?;
    let place = match parts.next() {
        Some(slot) => format!("{}:{}", first.strip_prefix('e')?, slot.strip_prefix('s')?),
        None => format!(":{}", first.strip_prefix('s')?),
    };
    Some((place, what))
}

fn take_fields(controller: &mut Controller, key: &str, fields: &Map<String, Value>) {
    if let Some((place, what)) = place_of(key) {
        let Some(drive) = controller.drives.iter_mut().find(|drive| drive.place == place) else {
            return;
        };
        match what {
            "State" => {
                drive.media_errors = fields.get("Media Error Count").and_then(number);
                drive.temperature_celsius = celsius(&field(fields, "Drive Temperature"));
                let predicted = fields.get("Predictive Failure Count").and_then(number);
                let alert = field(fields, "S.M.A.R.T alert flagged by drive");
                drive.failing = predicted.is_some_and(|count| count > 0) || alert == "Yes";
            }
            "Device attributes" => {
                drive.serial = Some(field(fields, "SN"))
                    .filter(|serial| !is_nothing(serial))
                    .unwrap_or_default();
                let model = field(fields, "Model Number");
                if !is_nothing(&model) {
                    drive.model = model;
                }
            }
            _ => {}
        }
    }
    let volume = key.strip_prefix("VD").and_then(|key| key.strip_suffix(" Properties"));
    if let Some(volume) = volume.filter(|number| number.bytes().all(|b| b.is_ascii_digit())) {
        let Some(volume) = controller.volume(&format!("v{volume}")) else { return };
        let device = field(fields, "OS Drive Name");
        if !is_nothing(&device) {
            volume.device = device;
        }
        let spans = fields.get("Span Depth").and_then(number).unwrap_or(1);
        if let Some(width) = fields.get("Number of Drives Per Span").and_then(number) {
            volume.width = width.saturating_mul(spans);
        }
        let cache = volume.facts.iter().find(|fact| fact.field == "Cache");
        let through = cache.is_some_and(|fact| fact.word.contains("WT"));
        volume.cache_off =
            through && field(fields, "Write Cache(initial setting)").contains("WriteBack");
        volume.task = active(&field(fields, "Active Operations"));
    }
}

/// `Consistency Check (36%)`.
fn active(text: &str) -> Option<Task> {
    if is_nothing(text) {
        return None;
    }
    let (what, rest) = text.split_once('(').unwrap_or((text, ""));
    let percent = leading_number(rest).filter(|value| (0.0..=100.0).contains(value));
    Some(Task { what: what.trim().to_owned(), percent, time_left: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_stands_for_controllers_that_say_no_more() {
        let mut answers = Answers::default();
        answers.add(
            br#"{"Controllers":[{"Command Status":{"Status":"Success","Description":"None"},
"Response Data":{"Number of Controllers":1,"System Overview":[{"Ctl":3,"Model":"X","VNOpt":1,
"BBU":"Opt","Hlth":"NdAtn"}]}}]}"#,
        );
        let words: Vec<&str> =
            answers.controllers[0].facts.iter().map(|fact| fact.word.as_str()).collect();
        assert_eq!(
            (answers.controllers[0].name.as_str(), words),
            ("c3", vec!["NdAtn", "Opt", "yes"])
        );
        assert_eq!(answers.refusal, None);
    }

    #[test]
    fn a_second_column_tells_how_a_drive_is() {
        for (state, status, all) in [
            ("Conf", "Online", "Conf"),
            ("Onln", "", "Onln"),
            ("Conf", "Failed", "Failed"),
            ("UConf", "Bad", "UBad"),
            ("Conf", "New", "Conf New"),
        ] {
            assert_eq!(drive_state(state.to_owned(), status), all);
        }
    }
}
