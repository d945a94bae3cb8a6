//! What is generated from the tables of the configuration and of the kinds: the JSON Schema for
//! editors, the manual pages of the configuration file, of the kinds with their verdicts, and of the
//! names under which collectors get everything.

mod forward;
mod kinds;
mod manual;
mod page;
mod schema;
pub mod states;

pub use forward::man_forward;
pub use kinds::man_kinds;
pub use manual::man_yaml;
pub use schema::schema;

/// Text of a documentation comment: joined lines, without the indentation.
fn prose(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}
