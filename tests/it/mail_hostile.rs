//! Names as the worst of kernels, filesystems and attackers give them, in every place of a mail
//! where one can stand: none adds a header, a recipient, a tag, or a character that nobody sees.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hostwatch::model::evidence::{Evidence, Row, Section, Trend};
use hostwatch::model::finding::Finding;
use hostwatch::model::id::Id;
use hostwatch::model::state::State;
use hostwatch::notify::contact::{Contact, Style};
use hostwatch::notify::digest::{Digest, HeldRow, OpenRow, SilencedRow, compose_digest};
use hostwatch::notify::mail::{Mail, MailId};
use hostwatch::notify::notice::{Cause, Notice};
use hostwatch::notify::text::{Letterhead, compose, compose_merged};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::mail_page::{ana, daily};
use crate::mail_sample::{failed, head, look, look_inside, notice, now, ops};

const NASTY: [&str; 46] = [
    "\r\nBcc: evil@example.com\r\n",
    "\n.\n",
    "\r\n\r\n",
    "\0",
    "\u{1b}[2J",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "=?utf-8?Q?=0D=0ABcc:_evil@example.com?=",
    "\u{85}",
    "\u{2028}",
    "\u{fffd}",
    "--",
    "\n--\n",
    "\r\n--=_hw-00000000-0-0\r\n",
    "From ",
    "<>",
    ",",
    ";",
    "\"",
    "'",
    "\\",
    "evil@example.com",
    "\u{e9}\u{65e5}\u{1f600}",
    " ",
    "\t",
    "%s",
    "$(reboot)",
    "'; reboot",
    "Subject: x",
    "</td></tr></table><script>alert(1)</script>",
    "<img src=\"http://evil.example/x.png\">",
    "<a href=https://evil.example>",
    "<!-- ",
    "-->",
    "]]>",
    "<![CDATA[",
    "<?x",
    "&lt;b&gt;",
    "&#60;script&#62;",
    "&",
    "\" onmouseover=\"x",
    "' style='display:none",
    "</style><style>*{display:none}",
    "</title>",
    "javascript:x",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(NASTY.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop_oneof![
        8 => prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat()),
        1 => Just("\u{e9}\n".repeat(2048)),
        1 => Just("x".repeat(4096)),
        1 => Just("<b>".repeat(1365)),
    ]
}

/// Everything of a mail that comes from outside.
#[derive(Debug, Clone)]
struct Told {
    cause: Cause,
    state: State,
    texts: Vec<String>,
}

/// Texts of one notice.
const TEXTS: usize = 31;

fn told() -> impl Strategy<Value = Told> {
    let causes = prop::sample::select(vec![
        Cause::Problem,
        Cause::Worse,
        Cause::Another,
        Cause::Better,
        Cause::Lost,
        Cause::Recovered,
        Cause::Flapping,
        Cause::Steady,
        Cause::Closed,
        Cause::Reminder,
        Cause::Acked,
        Cause::Unsilenced,
        Cause::Test,
        Cause::Info,
    ]);
    let states =
        prop::sample::select(vec![State::Ok, State::Warning, State::Critical, State::Unknown]);
    let texts = prop::collection::vec(hostile(), TEXTS);
    (causes, states, texts).prop_map(|(cause, state, texts)| Told { cause, state, texts })
}

impl Told {
    /// A notice with a text in every place there is.
    fn notice(&self) -> Notice {
        let mut texts = self.texts.iter().cloned();
        let mut take = || texts.next().unwrap_or_default();
        let row = |amount, text| Row { amount, text };
        let notice = Notice {
            contact: take(),
            id: Id::new(take(), take()),
            kind: take(),
            title: take(),
            fact: take(),
            limit: take(),
            summary: take(),
            detail: vec![take()],
            news: vec![
                Finding { fact: take(), code: take(), ..failed("252:3") },
                Finding { detail: vec![take()], ..failed(&take()) },
            ],
            rule: take(),
            place: take(),
            worst: Some(take()),
            root: Some(take()),
            advice: Some(take()),
            runbook: Some(take()),
            evidence: Some(Arc::new(Evidence {
                outlook: take(),
                sections: vec![Section {
                    heading: take(),
                    rows: vec![row(take(), take()), row(String::new(), take())],
                }],
                trend: Some(Trend { line: take(), alt: take(), png: take() }),
            })),
            remarks: vec![row(take(), take())],
            follows: Some(Id::new(take(), take())),
            ..notice(self.cause, self.state)
        };
        assert!(texts.next().is_none(), "every text has its place");
        notice
    }

    /// The same, where every text is there, is one line, is no other's, and is none of those that are drawn in
    /// another way: what markup it makes must not depend on what it says.
    fn lined(&self) -> Self {
        let line = |(place, text): (usize, &String)| {
            format!("h{place} {}", text.replace(['\n', '\r'], "<br>"))
        };
        Self { texts: self.texts.iter().enumerate().map(line).collect(), ..self.clone() }
    }

    /// Its harmless twin; with an id that can be typed, or with one that cannot.
    fn tame(&self, typed: bool) -> Self {
        let mut texts: Vec<String> = (0..TEXTS).map(|place| format!("tame{place}")).collect();
        if !typed {
            texts[2] = "back\\slash".to_owned();
        }
        Self { texts, ..self.clone() }
    }
}

fn letterhead(texts: &[String]) -> Letterhead {
    let mut head = head();
    head.host.name = texts[0].clone();
    head.host.fqdn = texts[1].clone();
    head.host.labels = BTreeMap::from([(texts[2].clone(), texts[3].clone())]);
    head.also_bad = vec![(State::Warning, texts[4].clone())];
    head
}

fn digest(texts: &[String]) -> Digest {
    let text = |place: usize| texts[place % texts.len()].clone();
    Digest {
        open: vec![OpenRow {
            title: text(0),
            fact: text(1),
            remark: text(2),
            ..daily().open[0].clone()
        }],
        silenced: vec![SilencedRow {
            title: text(3),
            reason: text(4),
            ..daily().silenced[0].clone()
        }],
        held: vec![HeldRow { subject: text(5), ..daily().held[0].clone() }],
        soon: vec![text(6)],
        changed: hostwatch::notify::digest::Changes {
            flapping: vec![(text(7), 3)],
            ..daily().changed
        },
        ..daily()
    }
}

const HEADERS: [&str; 25] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Importance",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "List-Id",
    "X-Hostwatch-Version",
    "X-Hostwatch-Host",
    "X-Hostwatch-Labels",
    "X-Hostwatch-Check",
    "X-Hostwatch-Instance",
    "X-Hostwatch-Kind",
    "X-Hostwatch-State",
    "X-Hostwatch-Previous",
    "X-Hostwatch-Episode",
    "X-Hostwatch-Seq",
    "X-Hostwatch-Count",
    "X-Hostwatch-Digest",
    "MIME-Version",
    "Content-Type",
];

fn unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

fn cases<S: Strategy>(count: u32, input: &S, test: impl Fn(S::Value)) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(count) };
    TestRunner::new(config)
        .run(input, |value| {
            test(value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_name_can_add_a_header_a_recipient_or_a_control_character() {
    let mails = RefCell::new(Vec::new());
    let input = (
        prop::collection::vec(told(), 1..4),
        prop::collection::vec(hostile(), 8),
        any::<bool>(),
        any::<bool>(),
    );
    cases(100, &input, |(told, s, same, html)| {
        let notices: Vec<Notice> = told.iter().map(Told::notice).collect();
        let head = letterhead(&s);
        let style = if same { Style::SameSubject } else { Style::StateFirst };
        let contact = Contact { style, html, ..ops() };
        let mail = compose(&head, &s[5], &contact, &notices, MailId(5), now());
        let held = [Arc::new(mail.clone())];
        let merged = compose_merged(&head, &s[5], &contact, &held, MailId(6), now());
        let daily = compose_digest(&head, &s[5], &contact, &digest(&s), MailId(7), now());
        for mail in [mail, merged, daily] {
            assert!(mail.subject.chars().count() <= 64, "{}", mail.subject);
            assert!(mail.bytes.is_ascii());
            assert!(!mail.bytes.replace("\r\n", "").contains(|c: char| c.is_control()));
            assert!(mail.bytes.split("\r\n").all(|line| line.len() <= 998));
            assert!(!mail.subject.chars().any(unseen));
            mails.borrow_mut().push(mail.bytes);
        }
    });
    let mails = mails.into_inner();
    let refs: Vec<&str> = mails.iter().map(String::as_str).collect();
    for (raw, seen) in mails.iter().zip(look(&refs)) {
        assert_eq!(seen["defects"], serde_json::json!([]), "{raw}");
        assert_eq!(seen["to"], serde_json::json!(["ana@example.net", "ben@example.net"]), "{raw}");
        assert_eq!(seen["from"][1], "hostwatch@example.net", "{raw}");
        let shape = seen["shape"].as_array().unwrap();
        assert!(matches!(shape.len(), 1 | 3), "{shape:?}: {raw}");
        let mut names = BTreeSet::new();
        for pair in seen["headers"].as_array().unwrap() {
            let name = pair[0].as_str().unwrap();
            let known = HEADERS.contains(&name) || name == "Content-Transfer-Encoding";
            assert!(known, "{name}: {raw}");
            assert!(names.insert(name.to_owned()), "{name} twice: {raw}");
            let value = pair[1].as_str().unwrap();
            assert!(!value.chars().any(unseen), "{name}: {value:?}");
        }
        let body = seen["body"].as_str().unwrap();
        for line in body.lines() {
            let link = line.trim_start_matches(|c: char| c == ' ' || c == '.' || c.is_numeric());
            let link = link.strip_prefix("see").unwrap_or(link).trim().starts_with("http");
            assert!(line.chars().count() <= 72 || link, "{line}");
            assert!(!line.chars().any(unseen), "{line:?}");
        }
        assert_eq!(body.lines().filter(|line| *line == "--").count(), 1, "{body}");
        if let Some(page) = seen["html"]["seen"].as_str() {
            assert!(!page.chars().any(unseen), "{page:?}");
            assert_eq!(seen["html"]["defects"], serde_json::json!([]), "{raw}");
            assert_eq!(seen["html"]["assets"], serde_json::json!([]), "{raw}");
        }
    }
}

/// Mails whose markup is compared: of a notice among others and alone, of a digest, of all merged.
fn drawn(told: &[Told], texts: &[String]) -> Vec<Mail> {
    let head = letterhead(texts);
    let notices: Vec<Notice> = told.iter().map(Told::notice).collect();
    let alone = compose(&head, &texts[5], &ana(), &notices[..1], MailId(5), now());
    let among = compose(&head, &texts[5], &ana(), &notices, MailId(5), now());
    let daily = compose_digest(&head, &texts[5], &ana(), &digest(texts), MailId(7), now());
    vec![alone, among, daily]
}

#[test]
fn no_name_can_add_a_tag_or_an_attribute() {
    let rounds = RefCell::new(Vec::new());
    let input = (prop::collection::vec(told(), 2), prop::collection::vec(hostile(), 8));
    cases(25, &input, |(told, texts)| {
        let lined: Vec<Told> = told.iter().map(Told::lined).collect();
        let texts: Vec<String> = texts.iter().map(|text| format!("h{text}")).collect();
        let tame = vec!["tame".to_owned(); texts.len()];
        let hostile = drawn(&lined, &texts);
        let mut twins: Vec<Vec<Mail>> = Vec::new();
        for (one, other) in [(true, true), (true, false), (false, true), (false, false)] {
            let told = [told[0].tame(one), told[1].tame(other)];
            twins.push(drawn(&told, &tame));
        }
        rounds.borrow_mut().push((hostile, twins));
    });
    let rounds = rounds.into_inner();
    let all: Vec<&str> = rounds
        .iter()
        .flat_map(|(hostile, twins)| hostile.iter().chain(twins.iter().flatten()))
        .map(|mail| mail.bytes.as_str())
        .collect();
    let mut seen = look_inside(&all).into_iter();
    let (mut compared, mut short) = (0, 0);
    for (hostile, twins) in &rounds {
        let found: Vec<_> = seen.by_ref().take(hostile.len() * (1 + twins.len())).collect();
        let (found, tame) = found.split_at(hostile.len());
        for (place, found) in found.iter().enumerate() {
            let raw = &hostile[place].bytes;
            assert_eq!(found["html"]["defects"], serde_json::json!([]), "{raw}");
            assert_eq!(found["html"]["links"], serde_json::json!([]), "{raw}");
            if found["html"]["seen"].as_str().unwrap().contains("its text part has everything") {
                short += 1;
                assert!(found["html"]["tags"].as_array().unwrap().len() < 60, "{raw}");
                continue;
            }
            compared += 1;
            let twins = tame.iter().skip(place).step_by(hostile.len());
            let twins: Vec<_> =
                twins.map(|twin| twin["html"]["tags"].as_array().unwrap()).collect();
            let tags = found["html"]["tags"].as_array().unwrap();
            let alike = |twin: &&&Vec<serde_json::Value>| {
                tags.iter().zip(twin.iter()).take_while(|(one, other)| one == other).count()
            };
            let nearest = twins.iter().max_by_key(alike).unwrap();
            let from = alike(&nearest);
            let next = |tags: &[serde_json::Value]| serde_json::to_string(&tags[from..]).unwrap();
            assert!(*nearest == tags, "{}\n\n{}\n{raw}", next(tags), next(nearest));
        }
    }
    assert!(compared > 2 * short, "{compared} were compared, {short} were cut short");
}
