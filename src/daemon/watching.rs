//! What `run` prints at start: what is watched, how it stands, and where mail goes.

use super::console::Console;
use crate::engine::status::Report;
use crate::model::text::{counted, shown};

/// Prints the table of what is watched.
pub fn print(console: &Console, report: &Report, wanted: bool) {
    if !wanted {
        return;
    }
    console.out(format!(
        "hostwatch {} on {}: watching {}",
        env!("CARGO_PKG_VERSION"),
        shown(&report.host),
        counted(report.instances.len(), "thing", "things")
    ));
    let widest = report.instances.iter().map(|i| shown(&i.id.to_string()).chars().count()).max();
    let width = widest.unwrap_or(0).min(40);
    for instance in &report.instances {
        console.out(format!(
            "  {:<8}  {:<width$}  {}",
            instance.state,
            shown(&instance.id.to_string()),
            shown(&instance.summary)
        ));
    }
    console.out(format!("mail goes through {}", report.mail.via.join(", then ")));
}
