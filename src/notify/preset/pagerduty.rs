//! An event of PagerDuty's events API, version 2, which other pagers take too. One event of ours is
//! one alert there, from the problem to its recovery.

use serde_json::json;

use crate::model::state::State;
use crate::model::text::shown_within;
use crate::notify::event::Event;
use crate::notify::notice::Cause;

use super::{JSON, Message};

/// Characters that the interface takes of a summary.
const SUMMARY_CHARS: usize = 1024;

/// `None` for news of the agent itself: an alert that nothing would ever end.
pub(super) fn message(event: &Event, key: &str) -> Option<Message> {
    let action = match (event.cause, event.state) {
        (Cause::Info, _) => return None,
        (Cause::Acked, _) => "acknowledge",
        (Cause::Test, _) => "trigger",
        (Cause::Recovered | Cause::Closed, _) | (_, State::Ok) => "resolve",
        _ => "trigger",
    };
    let severity = match event.state {
        State::Critical => "critical",
        State::Unknown => "error",
        State::Warning => "warning",
        State::Ok => "info",
    };
    let mut body = json!({
        "routing_key": key,
        "event_action": action,
        // Names of events begin anew on every host.
        "dedup_key": format!("{}/{}", event.host, event.event),
        "payload": {
            "summary": shown_within(&event.subject, SUMMARY_CHARS),
            "source": event.host,
            "severity": severity,
            "timestamp": event.at,
            "component": event.title,
            "group": event.kind,
            "class": event.check,
            "custom_details": event,
        },
    });
    if let (Some(page), Some(map)) = (&event.runbook, body.as_object_mut()) {
        map.insert("links".to_owned(), json!([{ "href": page, "text": "Runbook" }]));
    }
    Some(Message { headers: Vec::new(), content_type: JSON, body: body.to_string() })
}
