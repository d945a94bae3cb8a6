//! JSON Schema (draft 2020-12) of the configuration, from the same tables that read it.
//!
//! It is for editors: what it accepts is a superset of what the agent accepts, since a schema
//! cannot compare a warning with a critical limit.

use serde_json::{Map, Value, json};

use super::prose;
use crate::config::file::{Check, Config};
use crate::config::schema::{Field, Section, Shape};
use crate::config::types::NAME_PATTERN;
use crate::config::units;
use crate::model::reading::Metric;
use crate::model::unit::Unit;
use crate::probe::{KINDS, KindSpec, OptionForm};

/// The schema as pretty JSON, with a line end.
#[must_use]
pub fn schema() -> String {
    let mut root = section(Config::SECTION);
    let mut definitions = Map::new();
    let specs: Vec<&KindSpec> = KINDS.iter().map(|kind| kind.spec()).collect();
    for spec in &specs {
        definitions.insert(format!("check-{}", spec.name), body(&[spec], Check::SECTION));
    }
    definitions.insert("check-of-any-kind".to_owned(), body(&specs, Check::SECTION));
    let by_kind: Vec<Value> = specs
        .iter()
        .map(|spec| {
            json!({
                "if": {"properties": {"kind": {"const": spec.name}}},
                "then": {"$ref": format!("#/$defs/check-{}", spec.name)},
            })
        })
        .collect();
    definitions.insert(
        "check".to_owned(),
        json!({
            "if": {"type": "object", "required": ["kind"]},
            "then": {"properties": {"kind": {"enum": kinds()}}, "allOf": by_kind},
            "else": {"$ref": "#/$defs/check-of-any-kind"},
        }),
    );
    if let Some(object) = root.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("hostwatch configuration"));
        object.insert("$defs".to_owned(), Value::Object(definitions));
        let named: Map<String, Value> = specs
            .iter()
            .map(|spec| {
                let value = json!({
                    "description": spec.title,
                    "if": {"type": "object", "required": ["kind"]},
                    "then": {"$ref": "#/$defs/check"},
                    "else": {"$ref": format!("#/$defs/check-{}", spec.name)},
                });
                (spec.name.to_owned(), value)
            })
            .collect();
        if let Some(checks) = object.get_mut("properties").and_then(|p| p.get_mut("checks")) {
            set(checks, "properties", Value::Object(named));
        }
    }
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}

/// Names of all kinds.
fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.spec().name).collect()
}

/// Sets a key of an object.
fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn section(section: &Section) -> Value {
    let mut object = json!({
        "type": "object",
        "properties": properties(section.fields, &[]),
        "additionalProperties": false,
    });
    if !section.one_of.is_empty() {
        let one_of: Vec<_> = section.one_of.iter().map(|key| json!({"required": [key]})).collect();
        set(&mut object, "oneOf", json!(one_of));
    }
    object
}

fn properties(fields: &[Field], specs: &[&KindSpec]) -> Map<String, Value> {
    let mut properties = Map::new();
    for field in fields {
        let shape = (field.shape)();
        let mut value = shape_of(&shape, specs);
        // The kind of a check; what a route takes has a list of them.
        if field.key == "kind" && !matches!(shape, Shape::List(_)) {
            value = json!({"enum": kinds()});
        }
        let mut text = prose(field.doc);
        if let Some(default) = field.default.or(field.otherwise) {
            text.push_str(&format!(" Default: {default}."));
        }
        set(&mut value, "description", json!(text));
        if matches!(shape, Shape::List(_)) {
            properties.insert(format!("{}+", field.key), value.clone());
        }
        properties.insert(field.key.to_owned(), value);
    }
    properties
}

/// A check of one of these kinds.
fn body(specs: &[&KindSpec], section: &Section) -> Value {
    let mut properties = properties(section.fields, specs);
    if let [spec] = specs {
        properties
            .insert("kind".to_owned(), json!({"const": spec.name, "description": spec.title}));
    }
    for spec in specs {
        for option in spec.options {
            let mut value = match option.form {
                OptionForm::Number(unit) => quantity(&[unit], false),
                OptionForm::Text { .. } => json!({"type": ["string", "number"]}),
            };
            set(&mut value, "description", json!(prose(option.doc)));
            properties.insert(option.key.to_owned(), value);
        }
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn shape_of(shape: &Shape, specs: &[&KindSpec]) -> Value {
    match shape {
        Shape::Text { pattern: Some(pattern), .. } => json!({"type": "string", "pattern": pattern}),
        // Without quotes `1` and `true` are texts for us and something else for other readers.
        Shape::Text { pattern: None, .. } => json!({"type": ["string", "number", "boolean"]}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Number(number) => json!({"const": number}),
        Shape::Words(words) => {
            let words: Vec<_> = words
                .iter()
                .map(|(word, doc)| json!({"const": word, "description": prose(doc)}))
                .collect();
            json!({"oneOf": words})
        }
        Shape::List(item) => {
            let item = shape_of(item, specs);
            json!({"anyOf": [item, {"type": "array", "items": item}]})
        }
        Shape::Names(_, item) => json!({
            "type": "object",
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": shape_of(item, specs),
        }),
        Shape::Section(inner) => section(inner),
        Shape::AnyOf(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(|shape| shape_of(shape, specs)).collect();
            json!({"anyOf": shapes})
        }
        Shape::Selectors => selectors(specs),
        Shape::Limits => limits(specs, true),
        Shape::Clears => limits(specs, false),
        Shape::Pins => pins(),
        Shape::Check(_) => json!({"$ref": "#/$defs/check"}),
    }
}

/// Instances by kind; what they may be called and are known by is the machine's.
fn pins() -> Value {
    let fact = json!({"type": ["string", "number", "boolean", "array"]});
    let instance = json!({"type": ["object", "null"], "additionalProperties": fact});
    let instances = json!({"type": ["object", "null"], "additionalProperties": instance});
    let kinds: Map<String, Value> =
        kinds().into_iter().map(|kind| (kind.to_owned(), instances.clone())).collect();
    json!({"type": "object", "additionalProperties": false, "properties": kinds})
}

fn selectors(specs: &[&KindSpec]) -> Value {
    let mut properties = Map::new();
    for selector in specs.iter().flat_map(|spec| spec.selectors) {
        let glob = json!({"type": ["string", "number"]});
        let value = json!({
            "description": prose(selector.doc),
            "anyOf": [glob, {"type": "array", "items": glob}],
        });
        properties.insert(format!("{}+", selector.key), value.clone());
        properties.insert(selector.key.to_owned(), value);
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn limits(specs: &[&KindSpec], level: bool) -> Value {
    let mut properties = Map::new();
    let metrics: Vec<&Metric> = specs.iter().flat_map(|spec| spec.metrics).collect();
    for metric in &metrics {
        let rows: Vec<&&Metric> = metrics.iter().filter(|row| row.key == metric.key).collect();
        let units: Vec<Unit> = rows.iter().map(|row| row.unit).collect();
        let mut docs: Vec<String> = rows.iter().map(|row| prose(row.doc)).collect();
        docs.dedup();
        let mut value = quantity(&units, true);
        set(&mut value, "description", json!(docs.join(" ")));
        properties.insert(metric.key.to_owned(), value);
    }
    if !level {
        return json!({"type": "object", "properties": properties, "additionalProperties": false});
    }
    let guards = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "description": "Limits that must be reached too; otherwise this level is not.",
    });
    properties.insert("unless".to_owned(), guards);
    for field in Check::SECTION.fields.iter().filter(|field| ["for", "share"].contains(&field.key))
    {
        let mut value = shape_of(&(field.shape)(), specs);
        set(
            &mut value,
            "description",
            json!(format!("{} For this level alone.", prose(field.doc))),
        );
        properties.insert(field.key.to_owned(), value);
    }
    let map = json!({"type": "object", "properties": properties, "additionalProperties": false});
    json!({"anyOf": [map, {"const": false}]})
}

/// A value of one of these units; `false` removes a limit.
fn quantity(units: &[Unit], removable: bool) -> Value {
    let mut forms = Vec::new();
    for unit in units {
        let form = match unit {
            Unit::Flag => json!({"type": "boolean"}),
            Unit::Count => json!({"type": "number", "minimum": 0}),
            unit => json!({"type": "string", "pattern": units::pattern(*unit)}),
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    if removable && !units.contains(&Unit::Flag) {
        forms.push(json!({"const": false}));
    }
    json!({"anyOf": forms})
}
