//! A time of day as written: `"07:00"`. Pure.

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, quoted};
use super::schema::{Shape, Value, scalar};
use super::tree::Node;
use crate::model::daytime::DayTime;

impl Value for DayTime {
    fn shape() -> Shape {
        Shape::Text {
            noun: "a time of day",
            pattern: Some("^([01][0-9]|2[0-3]):[0-5][0-9]$".to_owned()),
            example: "\"07:00\"",
        }
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "a time of day such as \"07:00\"", findings)?;
        let time = Self::parse(&scalar.text);
        if time.is_none() {
            findings.push(
                Diagnostic::error(
                    Code::Text,
                    node.spot,
                    format!("`{}` is no time of day", quoted(&scalar.text)),
                )
                .label("two digits, a colon, two digits: \"00:00\" to \"23:59\""),
            );
        }
        time
    }
}
