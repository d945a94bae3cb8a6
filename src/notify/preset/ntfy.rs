//! A push message of ntfy: the text as the body, everything else in header lines.

use crate::model::limit::PUSH_BYTES;
use crate::model::state::State;
use crate::notify::event::Event;
use crate::notify::mime;

use super::{Message, body};

/// Priorities of ntfy are 1 to 5, 3 being the usual one; 5 rings for long and passes "do not
/// disturb". Tags become pictures in front of the title.
fn urgency(state: State) -> (&'static str, &'static str) {
    match state {
        State::Critical => ("5", "rotating_light"),
        State::Unknown => ("4", "question"),
        State::Warning => ("3", "warning"),
        State::Ok => ("2", "white_check_mark"),
    }
}

pub(super) fn message(event: &Event) -> Message {
    let (priority, tags) = urgency(event.state);
    let mut headers = vec![
        ("Title", one_line(&event.subject)),
        ("Priority", priority.to_owned()),
        ("Tags", tags.to_owned()),
    ];
    if let Some(page) = &event.runbook
        && page.bytes().all(|byte| byte.is_ascii_graphic())
    {
        headers.push(("Click", page.clone()));
    }
    Message { headers, content_type: "text/plain; charset=utf-8", body: body(event, PUSH_BYTES) }
}

/// A header value: ASCII as it is, else in encoded words (RFC 2047), which ntfy reads.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    mime::text_header(&mut line, "", text);
    line.trim_start_matches(':').replace("\r\n", "").trim().to_owned()
}
