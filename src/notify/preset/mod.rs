//! What each kind of service is posted: from an event to header lines and a body. Pure; one file a
//! service, each written after that service's own description of its interface.

use crate::model::text::shown_within;
use crate::notify::event::Event;
use crate::notify::hook::Preset;

mod ntfy;
mod pagerduty;
mod slack;

/// Type of a body in JSON.
const JSON: &str = "application/json";

/// What is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Header lines beside those of every request; their values are visible ASCII and spaces.
    pub(super) headers: Vec<(&'static str, String)>,
    /// Type of the body.
    pub(super) content_type: &'static str,
    /// The body.
    pub(super) body: String,
}

/// The message of an event, `bytes` being the event as it is queued. `None` where the service has
/// no place for such an event.
pub(super) fn message(
    preset: Preset,
    event: &Event,
    bytes: &str,
    key: Option<&str>,
) -> Option<Message> {
    match preset {
        Preset::Json => {
            Some(Message { headers: Vec::new(), content_type: JSON, body: bytes.to_owned() })
        }
        Preset::Ntfy => Some(ntfy::message(event)),
        Preset::Slack => Some(slack::message(event)),
        Preset::Pagerduty => pagerduty::message(event, key.unwrap_or_default()),
    }
}

/// What a person reads below the subject: facts, what is behind them, what to do.
fn body(event: &Event, bytes_max: usize) -> String {
    let mut lines: Vec<&str> = vec![&event.summary];
    lines.extend(event.detail.iter().map(String::as_str));
    lines.extend(event.evidence.iter().map(String::as_str));
    lines.extend(event.advice.iter().flat_map(|advice| advice.lines()));
    lines.extend(event.runbook.as_deref());
    let mut text = String::new();
    for line in lines {
        // What comes first matters most: the rest is dropped by the line.
        let line = shown_within(line, 500);
        if text.len() + line.len() + 1 > bytes_max {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::evidence::{Evidence, Row, Section, Trend};
    use crate::model::id::{HostIdentity, Id};
    use crate::model::limit::{CHAT_BYTES, PUSH_BYTES};
    use crate::model::state::State;
    use crate::model::time::{Moment, Now, Stamp};
    use crate::model::unit::Span;
    use crate::notify::event::{Figures, compose};
    use crate::notify::mail::MailId;
    use crate::notify::notice::{Cause, Notice};
    use crate::notify::text::Letterhead;

    /// Names with everything that could break out of a header, a JSON text or a chat's markup.
    fn hostile() -> impl Strategy<Value = String> {
        let nasty = prop::sample::select(vec![
            "\r\nX-Injected: 1",
            "\0",
            "\u{202e}",
            "\u{2028}",
            "\"",
            "\\",
            "}",
            "<!channel>",
            "@all",
            "&lt;",
            "=?utf-8?Q?a?=",
            "\u{1b}[2J",
            "\u{e4}",
            "\u{1f600}",
            "\t",
            " ",
            "a",
            "\u{7f}",
        ]);
        prop_oneof![
            8 => prop::collection::vec(nasty, 0..12).prop_map(|parts| parts.concat()),
            2 => any::<String>(),
            1 => Just("n".repeat(4096)),
        ]
    }

    fn cause() -> impl Strategy<Value = (Cause, State)> {
        prop::sample::select(vec![
            (Cause::Problem, State::Critical),
            (Cause::Lost, State::Unknown),
            (Cause::Worse, State::Warning),
            (Cause::Recovered, State::Ok),
            (Cause::Acked, State::Critical),
            (Cause::Steady, State::Ok),
            (Cause::Info, State::Ok),
        ])
    }

    /// The event of a notice in which every text is one of these.
    fn event(s: &[String], cause: Cause, state: State) -> (Event, String) {
        let text = |place: usize| s.get(place % s.len()).cloned().unwrap_or_default();
        let row = Row { amount: text(1), text: text(2) };
        let evidence = Evidence {
            outlook: text(3),
            sections: vec![Section { heading: text(4), rows: vec![row.clone(); 3] }],
            trend: Some(Trend { line: text(5), alt: text(6), png: String::new() }),
        };
        let notice = Notice {
            contact: text(0),
            id: Id::new(text(1), text(2)),
            kind: text(3),
            title: text(4),
            cause,
            state,
            previous: State::Ok,
            episode: 7,
            seq: 1,
            root: None,
            at: Moment(0),
            at_wall: Stamp(i64::MAX),
            since_wall: Stamp(0),
            lasted: Span::ZERO,
            fact: text(5),
            limit: text(6),
            summary: text(7),
            detail: vec![text(0), text(1)],
            news: Vec::new(),
            rule: text(2),
            place: text(3),
            worst: None,
            worst_state: state,
            changes: 0,
            advice: Some(text(4)),
            runbook: Some(text(5)),
            evidence: Some(Arc::new(evidence)),
            remarks: vec![Row { amount: "acked".to_owned(), text: text(6) }],
            reminder: None,
            follows: None,
        };
        let head = Letterhead {
            host: HostIdentity {
                name: text(0),
                fqdn: text(1),
                timezone: "UTC".to_owned(),
                labels: BTreeMap::from([(text(2), text(3))]),
            },
            from: String::new(),
            envelope_from: None,
            also_bad: Vec::new(),
            ok_count: 0,
        };
        let figures = Figures {
            value: BTreeMap::from([("a".to_owned(), f64::INFINITY), ("b".to_owned(), 0.1)]),
            limit: BTreeMap::new(),
        };
        let now = Now { moment: Moment(0), wall: Stamp(0) };
        let mail = compose(&head, "webhook:x".to_owned(), &notice, figures, MailId(1), now);
        let event = serde_json::from_str(&mail.bytes).unwrap();
        (event, mail.bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

        #[test]
        fn no_name_breaks_out_of_a_message(
            s in prop::collection::vec(hostile(), 8),
            (cause, state) in cause(),
        ) {
            let (event, bytes) = event(&s, cause, state);
            prop_assert!(!bytes.contains(|c: char| c.is_control()), "one line: {bytes}");
            for preset in [Preset::Json, Preset::Ntfy, Preset::Slack, Preset::Pagerduty] {
                let Some(message) = message(preset, &event, &bytes, Some("key")) else {
                    prop_assert!(preset == Preset::Pagerduty && cause == Cause::Info);
                    continue;
                };
                for (name, value) in &message.headers {
                    let visible = |c: char| c == ' ' || c.is_ascii_graphic();
                    prop_assert!(value.chars().all(visible), "{name}: {value:?}");
                    prop_assert!(value.len() < 3000, "{name}: {}", value.len());
                }
                if preset == Preset::Ntfy {
                    prop_assert!(message.body.len() <= PUSH_BYTES);
                    let raw = |c: char| c.is_control() && c != '\n';
                    prop_assert!(!message.body.contains(raw), "{:?}", message.body);
                    continue;
                }
                let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
                if preset == Preset::Slack {
                    prop_assert_eq!(body.as_object().map(serde_json::Map::len), Some(1));
                    let text = body["text"].as_str().unwrap_or_default();
                    prop_assert!(!text.contains(['<', '>']) && !text.contains("@a"), "{}", text);
                    prop_assert!(text.len() <= 6 * CHAT_BYTES);
                }
                if preset == Preset::Pagerduty {
                    prop_assert_eq!(&body["routing_key"], "key");
                    prop_assert!(body["payload"]["summary"].as_str().is_some_and(|t| !t.is_empty()));
                }
            }
        }
    }

    #[test]
    fn a_pagers_alert_begins_and_ends_with_the_event() {
        let names = vec!["db03".to_owned()];
        let action = |cause, state| {
            let (event, bytes) = event(&names, cause, state);
            let message = message(Preset::Pagerduty, &event, &bytes, Some("k"))?;
            let body: serde_json::Value = serde_json::from_str(&message.body).ok()?;
            assert_eq!(body["dedup_key"], "db03/0007");
            body["event_action"].as_str().map(str::to_owned)
        };
        let trigger = Some("trigger".to_owned());
        assert_eq!(action(Cause::Problem, State::Critical), trigger);
        assert_eq!(action(Cause::Lost, State::Unknown), trigger);
        assert_eq!(action(Cause::Acked, State::Critical), Some("acknowledge".to_owned()));
        assert_eq!(action(Cause::Recovered, State::Ok), Some("resolve".to_owned()));
        assert_eq!(action(Cause::Steady, State::Ok), Some("resolve".to_owned()));
        assert_eq!(action(Cause::Closed, State::Critical), Some("resolve".to_owned()));
        assert_eq!(action(Cause::Info, State::Ok), None);
    }
}
