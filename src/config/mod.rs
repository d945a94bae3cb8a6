//! YAML as written, with places, to the plan as run. Every mistake of every file in one run.
//!
//! ```text
//! load      which files, who may write them
//! yaml      text -> tree with places          units, types   single values
//! tree      trees laid over each other        schema, file   every key, declared once
//! resolve   tree -> plan                      diagnostic     mistakes as a compiler draws them
//! ```

mod address;
mod alive;
mod bmc;
mod checks;
pub mod code;
mod daytime;
pub mod diagnostic;
pub mod file;
pub mod hook;
mod lint;
mod load;
mod mail;
pub mod outlets;
pub mod pins;
pub mod plan;
mod render;
mod resolve;
pub mod routes;
pub mod routing;
mod rules;
pub mod schema;
mod secret;
mod selection;
pub mod source;
pub mod tree;
pub mod types;
pub mod units;
pub mod yaml;

pub use diagnostic::{Diagnostic, Severity};
pub use lint::lint;
pub use load::{DEFAULT_FILE, Loaded, files_of, load, load_files, load_text};
pub use render::Diagnostics;
