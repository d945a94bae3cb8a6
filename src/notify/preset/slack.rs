//! A chat message: one text, which Slack, Mattermost and Rocket.Chat take alike.

use serde_json::json;

use crate::model::limit::CHAT_BYTES;
use crate::notify::event::Event;

use super::{JSON, Message, body};

pub(super) fn message(event: &Event) -> Message {
    let text = format!("*{}*\n{}", plain(&event.subject), plain(&body(event, CHAT_BYTES)));
    let body = json!({ "text": text.trim_end() }).to_string();
    Message { headers: Vec::new(), content_type: JSON, body }
}

/// Slack reads `<...>` as links and mentions, and `&` as the begin of an entity. Mattermost and
/// Rocket.Chat call everybody at a bare `@all`: a space of no width keeps a name from doing so.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "@\u{200b}")
}
