//! YAML as written, with places, to the plan as run. Every mistake of every file in one run.

pub mod plan;
