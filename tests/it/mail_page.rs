//! Mails as a person on call gets them: text and HTML with a picture, of the nine cases that the
//! product is made for, against golden mails and the verdict of a stranger.

use std::collections::BTreeMap;
use std::sync::Arc;

use hostwatch::model::evidence::{Evidence, Row, Section, Trend};
use hostwatch::model::id::Id;
use hostwatch::model::limit::MAIL_PAGE_BYTES;
use hostwatch::model::state::State;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;
use hostwatch::notify::contact::{Contact, Style};
use hostwatch::notify::digest::{
    AgentNews, Changes, Counts, Digest, HeldRow, OpenRow, SilencedRow, compose_digest,
};
use hostwatch::notify::mail::{Mail, MailId};
use hostwatch::notify::mime::text_of;
use hostwatch::notify::notice::{Cause, Notice};
use hostwatch::notify::text::{compose, compose_merged};

use crate::mail_sample::{EVENT, golden, head, header, look, notice, now, ops, recovery};

/// Somebody who reads mail on a phone.
pub(crate) fn ana() -> Contact {
    Contact { html: true, ..ops() }
}

fn rows(rows: &[(&str, &str)]) -> Vec<Row> {
    let row = |(amount, text): &(&str, &str)| Row {
        amount: (*amount).to_owned(),
        text: (*text).to_owned(),
    };
    rows.iter().map(row).collect()
}

fn section(heading: &str, lines: &[(&str, &str)]) -> Section {
    Section { heading: heading.to_owned(), rows: rows(lines) }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or_default());
        let all = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = (all >> (18 - 6 * place)) & 63;
            let told = place <= three.len();
            text.push(if told { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    text
}

/// A PNG of black and white, as the format's own words have it (stored, not compressed).
fn png(width: u32, height: u32, black: impl Fn(u32, u32) -> bool) -> Vec<u8> {
    let mut raw = Vec::new();
    for y in 0..height {
        raw.push(0);
        for byte in 0..width.div_ceil(8) {
            let bit = |n: u32| u8::from(!black(byte * 8 + n, y)) << (7 - n);
            raw.push((0..8).map(bit).sum());
        }
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in &raw {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let length = u16::try_from(raw.len()).unwrap();
    let mut stored = vec![0x78, 0x01, 0x01];
    stored.extend(length.to_le_bytes());
    stored.extend((!length).to_le_bytes());
    stored.extend(raw);
    stored.extend((b << 16 | a).to_be_bytes());
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([1, 0, 0, 0, 0]);
    for (kind, body) in [(b"IHDR", header), (b"IDAT", stored), (b"IEND", Vec::new())] {
        let named = [kind.as_slice(), &body].concat();
        out.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        out.extend(&named);
        out.extend(crc32fast::hash(&named).to_be_bytes());
    }
    out
}

/// A curve that rises over the last third, with its limit.
fn curve() -> String {
    base64(&png(240, 80, |x, y| {
        let at = if x < 160 { 60 } else { 60 - (x - 160) * 45 / 80 };
        y == at || y == at + 1 || (y == 18 && x % 8 < 4)
    }))
}

fn trend(line: &str, alt: &str) -> Option<Trend> {
    Some(Trend { line: line.to_owned(), alt: alt.to_owned(), png: curve() })
}

/// `/data` fills.
pub(crate) fn filling() -> Notice {
    Notice {
        previous: State::Warning,
        seq: 2,
        root: Some("<hw.782M.1.ops.1.1M81@db03.example.net>".to_owned()),
        lasted: Span::from_secs(17_400),
        advice: Some("A stuck replication slot keeps pg_wal: check it first.".to_owned()),
        runbook: Some("https://wiki.example.net/rb/fs-full?host=db03&part=data".to_owned()),
        reminder: Some(Stamp(EVENT.0 + 14_400_000)),
        evidence: Some(Arc::new(Evidence {
            outlook: "at +14 GiB/h full in about 3 h".to_owned(),
            sections: vec![section(
                "Largest growth in the last 24 h (20 s scan, 96% of files seen)",
                &[
                    ("61 GiB", "/data/pg_wal/, 412 files, newest 03:11, postgres[2114]"),
                    ("18 GiB", "/data/backup/db-20261123.dump"),
                    ("9.2 GiB", "deleted but still open in java[8812]"),
                ],
            )],
            trend: trend(
                "Last 24 h: 76% -> 92%   ..,,--==++##   (peak now)",
                "Used space of /data, 24 h: 76% rising to 92%, limit 90%",
            ),
        })),
        ..notice(Cause::Worse, State::Critical)
    }
}

fn degraded() -> Notice {
    Notice {
        id: Id::new("raid", "md0"),
        kind: "raid".to_owned(),
        title: "md0".to_owned(),
        fact: "degraded, 1 of 2 disks (sdb1 failed)".to_owned(),
        limit: String::new(),
        summary: "raid1, 1.8 TiB, under / and /data; no spare, no resync running".to_owned(),
        detail: vec!["No redundancy left: one more failure loses data.".to_owned()],
        rule: "critical when not optimal; pinned 2026-03-02: 2 disks".to_owned(),
        place: "/etc/hostwatch/conf.d/20-raid.yaml:5".to_owned(),
        advice: Some(
            "Confirm last night's backup before touching disks.\n\
             Light the bay of serial ZC1A77Q2, replace, then mdadm --add."
                .to_owned(),
        ),
        reminder: Some(Stamp(EVENT.0 + 14_400_000)),
        evidence: Some(Arc::new(Evidence {
            sections: vec![
                section(
                    "Failed member sdb1: ST2000NM0008, serial ZC1A77Q2, bay 3 (ata4)",
                    &[("SMART", "84 reallocated, 12 pending; first bad 11 days ago")],
                ),
                section(
                    "Kernel lines",
                    &[("03:11:58", "ata4.00: failed command: WRITE FPDMA QUEUED")],
                ),
            ],
            ..Evidence::default()
        })),
        ..notice(Cause::Problem, State::Critical)
    }
}

fn partnerless() -> Notice {
    Notice {
        id: Id::new("bond", "bond0"),
        kind: "bond".to_owned(),
        title: "bond0".to_owned(),
        fact: "no LACP partner on eno2 (1 of 2 links)".to_owned(),
        limit: String::new(),
        summary: "10 of 20 Gbit/s left".to_owned(),
        detail: vec![
            "Link is up, so the cable is fine: look at the switch's port-channel.".to_owned(),
        ],
        rule: "every member in the active aggregator with a partner".to_owned(),
        place: "/etc/hostwatch/conf.d/31-bond.yaml:4".to_owned(),
        evidence: Some(Arc::new(Evidence {
            sections: vec![
                section(
                    "Members",
                    &[
                        ("eno1", "up 10000/Full, aggregator 1, partner 00:1c:73:aa:10:01"),
                        ("eno2", "up 10000/Full, aggregator 2, no partner: lost"),
                    ],
                ),
                section("Last LLDP neighbour", &[("eno2", "sw-b port Eth1/14 (seen 03:10)")]),
            ],
            ..Evidence::default()
        })),
        ..notice(Cause::Problem, State::Critical)
    }
}

fn stopped() -> Notice {
    Notice {
        id: Id::new("fan", "bmc/FAN3"),
        kind: "fan".to_owned(),
        title: "fan FAN3".to_owned(),
        fact: "0 RPM, stopped".to_owned(),
        limit: "600".to_owned(),
        summary: "0 RPM, stopped, usual 4200; the BMC says nr".to_owned(),
        rule: "crit when below 600 RPM".to_owned(),
        place: "/etc/hostwatch/conf.d/40-fan.yaml:6".to_owned(),
        evidence: Some(Arc::new(Evidence {
            outlook: "at this slope CPU1 reaches 85 C in about 16 min".to_owned(),
            sections: vec![
                section(
                    "Temperatures",
                    &[("71 C", "CPU1 (crit 85, +9 in 10 min)"), ("24 C", "inlet")],
                ),
                section(
                    "Other fans, at maximum",
                    &[("8900", "FAN1"), ("8800", "FAN2"), ("8900", "FAN4"), ("8800", "FAN5")],
                ),
            ],
            trend: trend(
                "Last 24 h: 4200 -> 0 RPM   ==========__   (lowest now)",
                "Speed of fan FAN3, 24 h: 4200 falling to 0 RPM, limit 600",
            ),
        })),
        ..notice(Cause::Problem, State::Critical)
    }
}

fn saturated() -> Notice {
    Notice {
        id: Id::new("bandwidth", "eno1/tx"),
        kind: "bandwidth".to_owned(),
        title: "eno1 TX".to_owned(),
        fact: "97% of 1G for 2h30m".to_owned(),
        limit: "95%".to_owned(),
        summary: "97% of 1G for 2h30m, 1.09 TB out in the window".to_owned(),
        rule: "warn when tx >= 95% of negotiated speed, 95% of samples, for 2h30m".to_owned(),
        place: "/etc/hostwatch/conf.d/33-bandwidth.yaml:9".to_owned(),
        since_wall: Stamp(EVENT.0 - 9_000_000),
        advice: Some("Unplanned? Treat as a possible data leak: find the owner.".to_owned()),
        evidence: Some(Arc::new(Evidence {
            outlook: "usual at this hour: 4% (30-day median)".to_owned(),
            sections: vec![section(
                "Top senders now (sockets seen: 83% of bytes)",
                &[
                    ("64%", "rsync[4410] root -> 203.0.113.7:22, 620 Mbit/s"),
                    ("21%", "nginx[911] www-data -> 198.51.100.0/24 (41 peers)"),
                ],
            )],
            trend: trend(
                "Last 24 h: 4% -> 97%   ______------####   (peak now)",
                "Sent by eno1, 24 h: 4% rising to 97%, limit 95%",
            ),
        })),
        ..notice(Cause::Problem, State::Warning)
    }
}

fn freed() -> Notice {
    Notice {
        seq: 3,
        remarks: rows(&[("acked", "by ana Mon 03:31 for 4h: \"moving the dumps\"")]),
        evidence: Some(Arc::new(Evidence {
            outlook: "117 GiB freed".to_owned(),
            sections: vec![section(
                "Freed since the peak",
                &[("101 GiB", "/data/pg_wal/"), ("16 GiB", "/data/backup/")],
            )],
            trend: trend(
                "Last 24 h: 76% -> 71%   ..,,--==++##,,   (peak 96% at 04:40)",
                "Used space of /data, 24 h: 76% rising to 96%, now 71%, limit 90%",
            ),
        })),
        ..recovery()
    }
}

fn restarted() -> Notice {
    Notice {
        id: Id::new("agent", "self"),
        kind: "agent".to_owned(),
        title: "hostwatch".to_owned(),
        episode: 0,
        fact: "restarted after a crash (12s gap)".to_owned(),
        limit: String::new(),
        summary: "It was killed (SIGKILL, likely out of memory) and is back. Gap 12 s.".to_owned(),
        detail: vec![
            "Nothing was lost: 2 open problems carried over, 1 queued mail sent.".to_owned(),
            "Boot id unchanged; kernel: \"Out of memory: Killed process 811\".".to_owned(),
            "3rd restart in 24 h; at 5 this becomes WARN agent:self.".to_owned(),
        ],
        rule: String::new(),
        place: String::new(),
        ..notice(Cause::Info, State::Ok)
    }
}

fn tested() -> Notice {
    Notice {
        id: Id::new("agent", "mail"),
        kind: "agent".to_owned(),
        title: "mail".to_owned(),
        episode: 0,
        fact: "the mail path works (test 4f1c)".to_owned(),
        limit: String::new(),
        summary: "Sent by root (ana via sudo) at 10:02:11 CET through mx1:587, TLS 1.3, as \
                  MAIL FROM <hostwatch@example.net>, EHLO gw.example.net."
            .to_owned(),
        detail: vec![
            "If this took more than 60 s, look at the relay's queue.".to_owned(),
            "A matching OK mail follows in 5 s: both must land in ONE thread.".to_owned(),
        ],
        rule: String::new(),
        place: String::new(),
        ..notice(Cause::Test, State::Ok)
    }
}

pub(crate) fn daily() -> Digest {
    let open = |state, title: &str, fact: &str, lasted: u64, remark: &str| OpenRow {
        state,
        title: title.to_owned(),
        fact: fact.to_owned(),
        lasted: Span::from_secs(lasted),
        remark: remark.to_owned(),
    };
    Digest {
        number: 127,
        at: Stamp(EVENT.0 + 13_680_000),
        next: Stamp(EVENT.0 + 13_680_000 + 86_400_000),
        late_after: Stamp(EVENT.0 + 13_680_000 + 93_600_000),
        open: vec![
            open(State::Critical, "md0", "degraded, 1 of 2 disks", 352_800, "acked (ana)"),
            open(State::Warning, "nvme0", "94% worn", 950_400, ""),
            open(State::Warning, "eno1 TX", "97% of 1G for 2h30m", 10_800, ""),
        ],
        silenced: vec![SilencedRow {
            title: "fan FAN2".to_owned(),
            reason: "replacement ordered".to_owned(),
            ends: Stamp(EVENT.0 + 13_680_000 + 172_800_000),
        }],
        changed: Changes {
            over: Span::from_secs(86_400),
            problems: 3,
            recoveries: 2,
            flapping: vec![("eno3".to_owned(), 9)],
        },
        held: vec![HeldRow {
            at: EVENT,
            subject: "WARN db03: eno1 TX 97% of 1G for 2h30m (limit 95%)".to_owned(),
        }],
        soon: vec!["/data full in ~6 d".to_owned(), "/var full in ~40 d".to_owned()],
        agent: AgentNews {
            up: Span::from_secs(41 * 86_400),
            checks_run: 126_720,
            late: 0,
            queue: 0,
            restarted: None,
        },
        counts: Counts { critical: 1, unknown: 0, warning: 2, ok: 41 },
    }
}

fn sent(contact: &Contact, notices: &[Notice]) -> Mail {
    compose(&head(), "ops", contact, notices, MailId(77), now())
}

fn digest(contact: &Contact, digest: &Digest) -> Mail {
    compose_digest(&head(), "ops", contact, digest, MailId(77), now())
}

/// A link that is down, with what follows from it, and something of its own beside it.
fn folded() -> Vec<Notice> {
    let link = Notice {
        id: Id::new("nic", "eno2"),
        kind: "nic".to_owned(),
        title: "eno2".to_owned(),
        fact: "no carrier".to_owned(),
        limit: String::new(),
        summary: "no carrier; expected 10000baseT/Full".to_owned(),
        rule: "critical when not as pinned".to_owned(),
        ..notice(Cause::Problem, State::Warning)
    };
    let bond = Notice { follows: Some(link.id.clone()), ..partnerless() };
    let slow = Notice { follows: Some(bond.id.clone()), ..saturated() };
    vec![notice(Cause::Problem, State::Warning), slow, bond, link]
}

/// Every mail of the nine cases, and of what else a person gets, by name.
fn all(contact: &Contact) -> BTreeMap<&'static str, Mail> {
    let one = |notice: Notice| sent(contact, &[notice]);
    let acked = rows(&[("acked", "by ana for 4h: \"moving the dumps\"")]);
    BTreeMap::from([
        ("html-1-filesystem", one(filling())),
        ("html-2-raid", one(degraded())),
        ("html-3-bond", one(partnerless())),
        ("html-4-fan", one(stopped())),
        ("html-5-bandwidth", one(saturated())),
        ("html-6-recovered", one(freed())),
        ("html-7-digest", digest(contact, &daily())),
        ("html-8-restarted", one(restarted())),
        ("html-9-test", one(tested())),
        (
            "html-reminder",
            one(Notice {
                cause: Cause::Reminder,
                lasted: Span::from_secs(14_400),
                reminder: Some(Stamp(EVENT.0 + 43_200_000)),
                ..filling()
            }),
        ),
        ("html-acked", one(Notice { cause: Cause::Acked, remarks: acked.clone(), ..filling() })),
        ("html-unsilenced", one(Notice { cause: Cause::Unsilenced, remarks: acked, ..filling() })),
        (
            "html-held",
            one(Notice {
                remarks: rows(&[("held", "since Mon 23:10 by quiet hours \"nights\"")]),
                ..filling()
            }),
        ),
        ("html-folded", sent(contact, &folded())),
    ])
}

#[test]
fn the_nine_cases_read_as_they_should() {
    for (name, mail) in all(&ana()) {
        golden(name, &mail);
    }
}

/// The lines of a text that state something, without its headline.
fn facts(text: &str) -> Vec<String> {
    let body = text.lines().skip(1).skip_while(|line| line.starts_with("  "));
    body.filter(|line| !line.trim().is_empty() && *line != "--").map(plain).collect()
}

/// Without what only joins things.
fn plain(text: &str) -> String {
    let text = text.replace([';', '\\'], " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> Vec<&str> {
    let bare = |word: &'_ str| !matches!(word, "\u{25a0}" | "\u{b7}" | "--" | "\\");
    let trim = |word| str::trim_matches(word, [':', ';', ',', '.']);
    text.split_whitespace().filter(|word| bare(word)).map(trim).collect()
}

/// What a stranger finds in a mail of text and HTML.
fn judge(name: &str, mail: &Mail, seen: &serde_json::Value) {
    assert_eq!(seen["defects"], serde_json::json!([]), "{name}");
    assert_eq!(seen["html"]["defects"], serde_json::json!([]), "{name}");
    assert!(mail.bytes.len() <= MAIL_PAGE_BYTES, "{name}: {}", mail.bytes.len());
    assert!(mail.bytes.split("\r\n").all(|line| line.len() <= 998), "{name}");
    let text = seen["body"].as_str().unwrap();
    assert_eq!(text, text_of(&mail.bytes), "{name}");
    for line in text.lines() {
        let link = line.contains("https://");
        assert!(line.chars().count() <= 72 || link, "{name}: {line}");
    }
    // The same facts, both ways.
    let page = seen["html"]["seen"].as_str().unwrap();
    let told = plain(page);
    for fact in facts(text) {
        assert!(told.contains(&fact), "{name}: the HTML lacks {fact:?}: {told}");
    }
    let known = words(text);
    for word in words(page) {
        assert!(known.contains(&word), "{name}: the text lacks {word:?}: {text}");
    }
    // The preview is the first sentence, as text and HTML have it.
    let mut first = text.lines();
    let mut sentence = first.next().unwrap().to_owned();
    for more in first.take_while(|line| line.starts_with("  ")) {
        sentence.push(' ');
        sentence.push_str(more.trim());
    }
    assert_eq!(seen["html"]["hidden"], serde_json::json!([sentence, sentence]), "{name}");
    // Nothing from afar, nothing that does something.
    for asset in seen["html"]["assets"].as_array().unwrap() {
        assert!(asset.as_str().unwrap().starts_with("cid:"), "{name}: {asset}");
    }
    for link in seen["html"]["links"].as_array().unwrap() {
        assert!(link.as_str().unwrap().starts_with("https://wiki.example.net/"), "{name}");
    }
    for tag in seen["html"]["tags"].as_array().unwrap() {
        let of = tag[0].as_str().unwrap().trim_start_matches('/');
        assert!(TAGS.contains(&of), "{name}: {tag}");
        let role = tag.as_array().unwrap().iter().any(|at| at == "role=presentation");
        assert!(of != "table" || tag[0] == "/table" || role, "{name}: {tag}");
    }
}

#[test]
fn a_phone_shows_it_in_one_column_and_large_letters() {
    for (name, mail) in all(&ana()) {
        let html = mail.bytes.split("Content-Type: text/html").nth(1).unwrap().replace("=\r\n", "");
        let after = |lead: &'static str| html.split(lead).skip(1);
        let sizes: Vec<u32> = after("font-size:")
            .chain(after("font:"))
            .filter_map(|rest| rest.split_once("px").and_then(|(size, _)| size.parse().ok()))
            .collect();
        // Of a smaller size are the last line and what is drawn with letters, as the picture shows.
        let small = sizes.iter().filter(|size| **size < 16).count();
        let large = sizes.iter().filter(|size| **size >= 16).count();
        assert!(large >= 3 && small <= 4, "{name}: {sizes:?}");
        assert!(sizes.iter().all(|size| *size >= 14), "{name}: {sizes:?}");
        for wanted in ["color-scheme:light dark", "prefers-color-scheme:dark", "max-width:600px"] {
            assert!(html.contains(wanted), "{name}: {wanted}");
        }
        assert!(!html.contains("http:") && !html.contains("url("), "{name}");
        let button = html.contains("min-height:44px");
        assert_eq!(button, html.contains("https://wiki.example.net"), "{name}");
    }
}

const TAGS: [&str; 20] = [
    "html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "b", "span",
    "h1", "h2", "img", "code", "a", "br", "p", "tbody",
];

#[test]
fn text_and_html_state_the_same_facts_to_a_stranger() {
    let all = all(&ana());
    let raw: Vec<&str> = all.values().map(|mail| mail.bytes.as_str()).collect();
    let mut pictures = 0;
    for ((name, mail), seen) in all.iter().zip(look(&raw)) {
        judge(name, mail, &seen);
        let shape = seen["shape"].as_array().unwrap();
        let shape: Vec<&str> = shape.iter().filter_map(|part| part.as_str()).collect();
        if seen["png"].is_null() {
            assert_eq!(shape, ["multipart/alternative", "text/plain", "text/html"], "{name}");
            continue;
        }
        pictures += 1;
        let wanted =
            ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"];
        assert_eq!(shape, wanted, "{name}");
        assert_eq!((&seen["png"]["width"], &seen["png"]["height"]), (&240.into(), &80.into()));
        let cid = seen["html"]["assets"][0].as_str().unwrap().strip_prefix("cid:").unwrap();
        assert_eq!(seen["png"]["cid"], format!("<{cid}>"), "{name}: the picture is found");
        assert_eq!(seen["png"]["disposition"], "inline");
        let alt = seen["html"]["alts"][0].as_str().unwrap();
        assert!(alt.contains("24 h") && alt.contains("limit"), "{name}: {alt}");
    }
    assert!(pictures >= 6, "{pictures}");
}

#[test]
fn a_thread_and_every_retry_hold_with_html_too() {
    let first = sent(&ana(), &[Notice { seq: 1, root: None, ..filling() }]);
    let root = Some(first.message_id.clone());
    let second = sent(&ana(), &[Notice { root, ..freed() }]);
    let seen = look(&[&first.bytes, &second.bytes]);
    assert_eq!(header(&seen[0], "Message-ID"), Some(first.message_id.as_str()));
    assert_eq!(header(&seen[1], "References"), Some(first.message_id.as_str()));
    let again = sent(&ana(), &[Notice { seq: 1, root: None, ..filling() }]);
    assert_eq!(first.bytes, again.bytes, "composing is pure");
    let same = Contact { style: Style::SameSubject, ..ana() };
    let (one, other) = (sent(&same, &[filling()]), sent(&same, &[freed()]));
    assert_eq!(one.subject, other.subject);
}

#[test]
fn people_get_the_parts_they_want() {
    let shape = |contact: Contact| {
        let mail = sent(&contact, &[filling()]);
        let seen = look(&[&mail.bytes]).remove(0);
        (seen["shape"].as_array().unwrap().len(), seen["png"].is_null(), text_of(&mail.bytes))
    };
    let (whole, bare, none) = (
        shape(ana()),
        shape(Contact { chart: false, ..ana() }),
        shape(Contact { html: false, ..ana() }),
    );
    assert_eq!((whole.0, whole.1), (5, false));
    assert_eq!((bare.0, bare.1), (3, true));
    assert_eq!((none.0, none.1), (1, true));
    assert!(whole.2 == bare.2 && bare.2 == none.2, "the text is the same for all");
}

#[test]
fn a_large_mail_loses_its_picture_then_its_html_and_never_its_text() {
    let large = "A".repeat(20_000 - "iVBORw0KGgo=".len());
    let mut evidence = (*filling().evidence.unwrap()).clone();
    evidence.trend.as_mut().unwrap().png = format!("iVBORw0KGgo{large}=");
    let long = |n: usize| {
        let rows = rows(&[("1 GiB", "/data/and/so/on ".repeat(n).as_str()); 8]);
        let section = Section { heading: "Files".to_owned(), rows };
        let mut evidence = evidence.clone();
        evidence.sections = vec![section; 6];
        Notice { evidence: Some(Arc::new(evidence)), ..filling() }
    };
    let looked = |notices: &[Notice]| {
        let mail = sent(&ana(), notices);
        let seen = look(&[&mail.bytes]).remove(0);
        let short = seen["html"]["seen"].as_str().unwrap().contains("its text part has everything");
        (mail, seen["png"].is_null(), short)
    };
    let small = Notice { evidence: Some(Arc::new(evidence.clone())), ..filling() };
    let (mail, dropped, short) = {
        let mail = sent(&ana(), std::slice::from_ref(&small));
        (
            mail.bytes.len(),
            !mail.bytes.contains("image/png"),
            mail.bytes.contains("This mail is long"),
        )
    };
    assert!(mail > 25_000 && mail <= MAIL_PAGE_BYTES && !dropped && !short, "{mail}");
    let (mail, dropped, short) = looked(&[long(6)]);
    assert!(mail.bytes.len() <= MAIL_PAGE_BYTES && dropped && !short, "{}", mail.bytes.len());
    let (mail, dropped, short) = looked(&[long(24)]);
    assert!(dropped && short, "{}", mail.bytes.len());
    assert!(text_of(&mail.bytes).matches("/data/and/so/on").count() > 900, "whole");
    let many: Vec<Notice> = (0..500)
        .map(|n| Notice { id: Id::new("filesystem", format!("/srv/{n}")), ..filling() })
        .collect();
    let (mail, dropped, short) = looked(&many);
    assert!(dropped && short, "{}", mail.bytes.len());
    assert!(text_of(&mail.bytes).contains("/srv/499"));
}

#[test]
fn what_follows_stands_below_its_cause() {
    let text = text_of(&sent(&ana(), &folded()).bytes);
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    let places = [at("WARN eno2:"), at("     CRIT bond0:"), at("          WARN eno1 TX:")];
    assert!(places.is_sorted() && places[2] < at("\nWARN /data:"), "{text}");
    let mail = sent(&ana(), &folded());
    assert!(mail.subject.starts_with("CRIT db03: 4 problems: eno2"), "{}", mail.subject);
    // Links that lead in a circle, or nowhere, lose nobody.
    let follows = |name: &str, of: &str| Notice {
        id: Id::new("nic", name),
        title: name.to_owned(),
        follows: Some(Id::new("nic", of)),
        ..partnerless()
    };
    let circle =
        [follows("a1", "b1"), follows("b1", "a1"), follows("c1", "c1"), follows("d1", "gone")];
    let text = text_of(&sent(&ana(), &circle).bytes);
    for name in ["a1", "b1", "c1", "d1"] {
        assert!(text.contains(&format!("\nCRIT {name}:")), "{name}: {text}");
    }
    let chain: Vec<Notice> =
        (0..60).map(|n| follows(&format!("n{n}"), &format!("n{}", n + 1))).collect();
    let text = text_of(&sent(&ana(), &chain).bytes);
    assert!((0..60).all(|n| text.contains(&format!("nic:n{n}:"))), "{text}");
}

#[test]
fn mails_that_were_held_up_are_merged_with_their_texts() {
    let mails: Vec<Arc<Mail>> = [filling(), degraded()]
        .into_iter()
        .map(|notice| Arc::new(sent(&ana(), &[notice])))
        .collect();
    let merged = compose_merged(&head(), "ops", &ana(), &mails, MailId(79), now());
    assert_eq!(merged.subject, "LATE db03: 2 mails held up since Mon 03:12");
    let text = text_of(&merged.bytes);
    for said in ["61 GiB   /data/pg_wal/", "serial ZC1A77Q2", "CRIT db03: /data 92% full"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let seen = look(&[&merged.bytes]).remove(0);
    judge("merged", &merged, &seen);
}

#[test]
fn only_a_plain_encrypted_address_becomes_a_link() {
    let links = |page: &str| {
        let mail = sent(&ana(), &[Notice { runbook: Some(page.to_owned()), ..degraded() }]);
        let seen = look(&[&mail.bytes]).remove(0);
        seen["html"]["links"].as_array().unwrap().len()
    };
    assert_eq!(links("https://wiki.example.net/rb/fs-full?a=b&c=d#e"), 1);
    for page in [
        "http://wiki.example.net/",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://bank.example@evil.example/",
        "https://a b/",
        "https://evil.example/\"onmouseover=\"x",
        "https://evil.example/<script>",
        "https://\u{202e}example.net/",
        "data:text/html,x",
        "x https://wiki.example.net/",
    ] {
        assert_eq!(links(page), 0, "{page}");
    }
}

#[test]
fn a_digest_counts_names_and_says_when_its_silence_is_an_alarm() {
    let mail = digest(&ana(), &daily());
    assert_eq!(mail.subject, "DIGEST db03 #127: 1 crit, 2 warn, 41 ok - Mon 23 Nov");
    let text = text_of(&mail.bytes);
    let lines = [
        "OPEN     CRIT md0 degraded, 1 of 2 disks",
        "4d2h  acked (ana)",
        "SILENCED fan FAN2 \"replacement ordered\"",
        "CHANGED  last 1d: 3 problems, 2 recoveries, 1 flapping (eno3, 9x)",
        "HELD     Mon 03:12 WARN db03: eno1 TX 97% of 1G for 2h30m (limit 95%)",
        "SOON     /data full in ~6 d; /var full in ~40 d",
        "AGENT    up 41d; 126,720 checks run, 0 late; mail queue 0",
        "None by 09:00 = agent or mail is down.",
    ];
    for line in lines {
        assert!(text.contains(line), "{line}: {text}");
    }
    let quiet = Digest { counts: Counts { ok: 44, ..Counts::default() }, ..Digest::default() };
    let mail = digest(&ana(), &quiet);
    assert!(mail.subject.starts_with("DIGEST db03 #0: 44 ok"), "{}", mail.subject);
    assert!(text_of(&mail.bytes).contains("OPEN     nothing"));
    // Two thousand open problems stay one mail of bounded size that counts what it leaves out.
    let row = OpenRow { title: "/".repeat(200), fact: "x".repeat(400), ..OpenRow::default() };
    let full = Digest { open: vec![row; 2000], ..daily() };
    let mail = digest(&ana(), &full);
    assert!(mail.bytes.len() < 400_000, "{}", mail.bytes.len());
    assert!(text_of(&mail.bytes).contains("more than fit here"));
    assert!(text_of(&mail.bytes).contains("AGENT    up 41d"), "the rest is told all the same");
}
