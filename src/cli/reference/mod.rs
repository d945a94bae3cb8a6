//! What is generated from the tables of the configuration and of the kinds: the JSON Schema for
//! editors, the manual page of the configuration file, and that of the kinds with their verdicts.

mod kinds;
mod manual;
mod page;
mod schema;
pub mod states;

pub use kinds::man_kinds;
pub use manual::man_yaml;
pub use schema::schema;

/// Text of a documentation comment: joined lines, without the indentation.
fn prose(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}
