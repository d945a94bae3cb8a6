//! What `run` prints at start: what is watched, how it stands, and where mail goes.

use super::console::Console;
use crate::engine::status::Report;
use crate::model::text::shown;

/// Prints the table of what is watched.
pub fn print(console: &Console, report: &Report, wanted: bool) {
    if !wanted {
        return;
    }
    let count = report.instances.len();
    console.out(format!(
        "hostwatch {} on {}: watching {count} {}",
        env!("CARGO_PKG_VERSION"),
        shown(&report.host),
        if count == 1 { "thing" } else { "things" }
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
