//! `hostwatch explain --culprits`: who is behind the value now, found out by the command itself with
//! the rights of who asks. Root sees what the agent's own user may not.

use super::screen::Screen;
use crate::engine::status::Instance;
use crate::evidence::{Inquiry, RealTime, gather};
use crate::host::Host;
use crate::model::evidence::Evidence;
use crate::model::limit::INQUIRY_DEADLINE;
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::time::Stamp;

/// Looks for some seconds, as if the instance had just become bad.
pub(super) fn look(screen: &Screen, instance: &Instance, now: Stamp) -> Evidence {
    let title = instance.labels.get("title").cloned();
    let inquiry = Inquiry {
        id: instance.id.clone(),
        kind: instance.kind.clone(),
        title: title.unwrap_or_else(|| instance.id.instance.to_string()),
        state: State::Warning.worst(instance.state),
        facts: instance.labels.clone().into_iter().collect(),
        readings: instance.readings.clone().into_iter().collect(),
        at: now,
        since: instance.since,
        lasted: instance.lasted,
        ..Inquiry::default()
    };
    screen.err("looking for some seconds ...");
    let mut found = Evidence::default();
    let mut time = RealTime::start(INQUIRY_DEADLINE);
    gather(&inquiry, &Host::live(), &mut time, &mut |evidence| found = evidence);
    found
}

/// Prints what was found.
pub(super) fn print(screen: &Screen, found: &Evidence) {
    if found.sections.is_empty() {
        screen.out("  nothing was found behind it");
    }
    for section in &found.sections {
        screen.out(&format!("  {}", shown(&section.heading)));
        for row in &section.rows {
            screen.out(&format!("    {:<12}  {}", shown(&row.amount), shown(&row.text)));
        }
    }
}

/// The instance as `explain --json` prints it, with what was found as `culprits`.
pub(super) fn json(instance: &Instance, found: &Evidence) -> String {
    let mut value = serde_json::to_value(instance).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("culprits".to_owned(), serde_json::to_value(found).unwrap_or_default());
    }
    value.to_string()
}
