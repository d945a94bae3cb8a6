//! Delivers an event to a web address: which request, and what the answer means for the event.

use crate::model::limit::WEBHOOK_DEADLINE;
use crate::model::text::shown;
use crate::net::clock::Deadline;
use crate::net::http::{Answer, Method, Request, send};
use crate::net::route::origin;
use crate::notify::event::Event;
use crate::notify::hook::Webhook;
use crate::notify::mail::Mail;
use crate::notify::outbox::Fate;
use crate::notify::preset;
use crate::store::secret::Secret;

/// The request does not fit what stands at this address, or never will: bad syntax, no such place,
/// no such place any more, too large, not understood.
const REFUSALS: [u16; 5] = [400, 404, 410, 413, 422];

/// Posts the event; what becomes of it.
pub(super) fn deliver(webhook: &Webhook, mail: &Mail, deadline: Deadline) -> Fate {
    let name = shown(origin(&webhook.url)).into_owned();
    let event: Event = match serde_json::from_str(&mail.bytes) {
        Ok(event) => event,
        Err(error) => return Fate::Refused(format!("this is no event: {error}")),
    };
    let key = match literal(webhook.key.as_ref()) {
        Ok(key) => key,
        Err(why) => return Fate::Deferred(format!("{name}: {why}")),
    };
    let Some(message) = preset::message(webhook.preset, &event, &mail.bytes, key) else {
        return Fate::Accepted(format!("{name}: not sent, a pager has no place for news"));
    };
    let mut headers = vec![
        ("Content-Type", message.content_type.to_owned()),
        ("Idempotency-Key", format!("{}@{}", event.id, ascii(&event.host))),
    ];
    headers.extend(message.headers);
    headers.extend(webhook.headers.iter().map(|(key, value)| (key.as_str(), value.clone())));
    match literal(webhook.token.as_ref()) {
        Ok(Some(token)) => headers.push(("Authorization", format!("Bearer {token}"))),
        Ok(None) => {}
        Err(why) => return Fate::Deferred(format!("{name}: {why}")),
    }
    let request = Request {
        url: &webhook.url,
        method: Method::Post,
        headers,
        body: Some(message.body.as_bytes()),
        text_bytes: None,
    };
    match send(&request, &webhook.route, deadline.at_most(WEBHOOK_DEADLINE.to_std())) {
        Ok(answer) => judge(&name, &answer),
        Err(why) => Fate::Deferred(why),
    }
}

fn judge(name: &str, answer: &Answer) -> Fate {
    let words = format!("{name}: {}", answer.words());
    match (answer.status, answer.wait) {
        (200..=299, _) => Fate::Accepted(words),
        (status, _) if REFUSALS.contains(&status) => Fate::Refused(words),
        (401 | 403 | 407, _) => Fate::Deferred(format!("{words}; is the token right?")),
        (300..=399, _) => {
            let to = answer.location.as_deref().unwrap_or("nowhere");
            Fate::Deferred(format!(
                "{words}; it redirects to {to}, and no redirect is followed: write the right \
                 address into `url`"
            ))
        }
        (_, Some(wait)) => Fate::Delayed(words, wait),
        _ => Fate::Deferred(words),
    }
}

/// The agent has read every secret before it hands out the job.
fn literal(secret: Option<&Secret>) -> Result<Option<&str>, String> {
    match secret {
        None => Ok(None),
        Some(Secret::Literal(text)) => Ok(Some(text)),
        Some(_) => Err("its secret was not read".to_owned()),
    }
}

fn ascii(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::unit::Span;

    #[test]
    fn every_status_has_one_meaning() {
        let fate = |status, wait| {
            let text = "why\nso".to_owned();
            judge("x", &Answer { status, wait, text, ..Answer::default() })
        };
        for status in [200, 201, 202, 204] {
            assert!(matches!(fate(status, None), Fate::Accepted(_)), "{status}");
        }
        for status in REFUSALS {
            assert_eq!(fate(status, None), Fate::Refused(format!("x: {status} why so")));
        }
        for status in [301, 308, 401, 403, 405, 408, 409, 415, 429, 500, 502, 503, 504, 999] {
            assert!(matches!(fate(status, None), Fate::Deferred(_)), "{status}");
        }
        let minute = Some(Span::from_secs(60));
        assert_eq!(
            fate(429, minute),
            Fate::Delayed("x: 429 why so".to_owned(), Span::from_secs(60))
        );
        assert!(matches!(fate(503, minute), Fate::Delayed(..)));
        assert!(matches!(fate(404, minute), Fate::Refused(_)));
    }
}
