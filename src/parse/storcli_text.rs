//! `storcli` and `perccli` as text, brought into the shape of their JSON.
//!
//! Sections open with `NAME :` above a line of equal signs; they hold `key = value` lines, and
//! tables between lines of hyphens whose first row names the columns.

use serde_json::{Map, Value};

/// The answer as `{"Controllers": [...]}`; an unknown text gives no controllers.
pub(super) fn read(text: &str) -> Value {
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.line(line.trim_end());
    }
    reader.end_controller();
    let mut answer = Map::new();
    answer.insert("Controllers".to_owned(), Value::Array(reader.controllers));
    Value::Object(answer)
}

#[derive(Default)]
struct Reader {
    controllers: Vec<Value>,
    status: Map<String, Value>,
    data: Map<String, Value>,
    /// Name of the section, once its underline was seen.
    section: Option<String>,
    /// A line that may be a section's name.
    heading: Option<String>,
    /// Lines of hyphens seen of the table.
    rules: u8,
    columns: Vec<String>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let bare = line.trim();
        if bare.len() > 1 && bare.bytes().all(|byte| byte == b'=') {
            if let Some(heading) = self.heading.take() {
                self.section = Some(heading);
                self.rules = 0;
            }
            return;
        }
        self.heading = None;
        if bare.len() > 8 && bare.bytes().all(|byte| byte == b'-') {
            self.rules = (self.rules + 1) % 3;
            if self.rules == 1 {
                self.columns.clear();
            }
            return;
        }
        if bare.is_empty() {
            return;
        }
        if self.rules == 1 {
            self.columns = bare.split_whitespace().map(str::to_owned).collect();
            return;
        }
        if self.rules == 2 {
            return self.row(bare);
        }
        if let Some(name) = bare.strip_suffix(':') {
            self.heading = Some(name.trim().to_owned());
            return;
        }
        if let Some((key, value)) = bare.split_once(" =") {
            self.field(key.trim(), value.trim());
        }
    }

    fn field(&mut self, key: &str, value: &str) {
        let top = self.section.is_none();
        let next = key == "CLI Version"
            || (key == "Controller" && self.section.as_deref() != Some("Basics"));
        if next && !top {
            self.end_controller();
        }
        let value = Value::String(value.to_owned());
        match &self.section {
            None => {
                let known =
                    ["CLI Version", "Operating system", "Controller", "Status", "Description"];
                let target = if known.contains(&key) { &mut self.status } else { &mut self.data };
                target.insert(key.to_owned(), value);
            }
            Some(section) => {
                let fields = self
                    .data
                    .entry(section.clone())
                    .or_insert_with(|| Value::Object(Map::new()))
                    .as_object_mut();
                if let Some(fields) = fields {
                    fields.insert(key.to_owned(), value);
                }
            }
        }
    }

    fn row(&mut self, line: &str) {
        let Some(row) = cells(&self.columns, line) else { return };
        let (target, name) = match self.section.as_deref() {
            Some("Detailed Status") => (&mut self.status, "Detailed Status"),
            Some(name) => (&mut self.data, name),
            None => return,
        };
        let rows = target.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
        // Some sections hold fields and then a table.
        if rows.is_object() {
            *rows = Value::Array(Vec::new());
        }
        if let Value::Array(rows) = rows {
            rows.push(Value::Object(row));
        }
    }

    fn end_controller(&mut self) {
        let (status, data) = (std::mem::take(&mut self.status), std::mem::take(&mut self.data));
        self.section = None;
        self.rules = 0;
        if status.is_empty() && data.is_empty() {
            return;
        }
        let mut controller = Map::new();
        controller.insert("Command Status".to_owned(), Value::Object(status));
        controller.insert("Response Data".to_owned(), Value::Object(data));
        self.controllers.push(Value::Object(controller));
    }
}

/// Cells of a row by the names of the columns. Sizes have a blank before their unit, models and
/// names may have several.
fn cells(columns: &[String], line: &str) -> Option<Map<String, Value>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut row = Map::new();
    let mut next = 0;
    for (column, name) in columns.iter().enumerate() {
        let left = columns.len() - column - 1;
        let first = *words.get(next).unwrap_or(&"");
        let count = match name.as_str() {
            "Size" if words.get(next + 1).is_some_and(|word| is_unit(word)) => 2,
            // What later columns do not need; a size among them would need one more.
            "Model" | "Name" | "ProdID" | "ErrMsg" => {
                words.len().saturating_sub(next).saturating_sub(left).max(1)
            }
            _ => 1,
        };
        let cell = words.get(next..(next + count).min(words.len())).unwrap_or_default().join(" ");
        next += count;
        if column == 0 && first.is_empty() {
            return None;
        }
        row.insert(name.clone(), Value::String(cell));
    }
    (!row.is_empty()).then_some(row)
}

fn is_unit(word: &str) -> bool {
    matches!(word, "B" | "KB" | "MB" | "GB" | "TB" | "PB" | "KiB" | "MiB" | "GiB" | "TiB" | "PiB")
}
