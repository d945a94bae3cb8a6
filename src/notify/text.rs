//! A whole mail from notices: envelope, headers, and the words of `words` and `list`. Pure.
//!
//! Every notice is cleaned once, here, before any of it is used; what comes after this gate can
//! hold no control character and no line end.

use std::sync::Arc;

use crate::model::finding::Finding;
use crate::model::id::{HostIdentity, Id};
use crate::model::limit::MAIL_BYTES;
use crate::model::state::State;
use crate::model::text::{shown, shown_within};
use crate::model::time::Now;
use crate::notify::contact::{Contact, Style};
use crate::notify::mail::{Mail, MailId};
use crate::notify::notice::{Cause, Notice};
use crate::notify::when::Zone;
use crate::notify::{list, mime, words};

/// Characters of a body before it is listed more tersely: encoded, it stays below [`MAIL_BYTES`].
pub(super) const BODY_BYTES: usize = MAIL_BYTES / 5;
/// Lines of detail of one notice: what to pull and what it means, not a log.
const DETAIL_LINES: usize = 20;
/// Lines of detail of each fact that is told beside the first.
const FURTHER_LINES: usize = 3;
/// Threads named in one mail's `References`.
const REFERENCES: usize = 50;

/// What every mail of this host shares.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// Who this host is.
    pub host: HostIdentity,
    /// Header and default envelope sender: `Name <address>` or an address.
    pub from: String,
    /// Envelope sender where it differs.
    pub envelope_from: Option<String>,
    /// Other problems open on this host now, a line each, and the count of instances that are ok.
    pub also_bad: Vec<(State, String)>,
    /// Instances that are ok.
    pub ok_count: usize,
}

/// What the words of a mail are made from, cleaned.
pub(super) struct Desk<'a> {
    pub(super) host: String,
    pub(super) fqdn: String,
    pub(super) zone: Zone,
    pub(super) head: &'a Letterhead,
    pub(super) now: Now,
}

impl<'a> Desk<'a> {
    fn new(head: &'a Letterhead, now: Now) -> Self {
        Self {
            host: shown_within(&head.host.name, 64).into_owned(),
            fqdn: shown(&head.host.fqdn).into_owned(),
            zone: Zone::named(&head.host.timezone),
            head,
            now,
        }
    }
}

/// Composes one mail for one contact from one or many notices (at least one).
#[must_use]
pub fn compose(
    head: &Letterhead,
    contact_name: &str,
    contact: &Contact,
    notices: &[Notice],
    id: MailId,
    now: Now,
) -> Mail {
    let desk = Desk::new(head, now);
    let mut notices: Vec<Notice> = notices.iter().map(clean).collect();
    // Worst first; within one rank in the order of events.
    notices.sort_by_key(|n| std::cmp::Reverse(words::rank(n)));
    let (state_first, body) = match notices.as_slice() {
        [one] => (words::subject(&desk, one), words::body(&desk, one)),
        many => (list::subject(&desk, many), list::body(&desk, many)),
    };
    let lead = notices.first();
    let one_instance = lead.is_some_and(|n| notices.iter().all(|other| other.id == n.id));
    let subject = match (contact.style, lead) {
        (Style::SameSubject, Some(n)) if one_instance => words::fixed_subject(&desk, n),
        _ => state_first,
    };
    let (ep, seq) = lead.map_or((0, 1), |n| (n.episode, n.seq));
    let sheet = Sheet { desk: &desk, contact_name, contact, id, episode: ep, seq };
    let tag = lead.map_or("INFO", words::tag);
    let mut headers = String::new();
    let roots: Vec<&str> = roots(&notices);
    if !roots.is_empty() {
        mime::token_header(&mut headers, "In-Reply-To", &roots);
        mime::token_header(&mut headers, "References", &roots);
    }
    if notices.iter().any(|n| words::tag(n) == State::Critical.short()) {
        headers.push_str("Importance: high\r\n");
    }
    if let [n] = notices.as_slice() {
        mime::text_header(&mut headers, "X-Hostwatch-Check", &n.id.check);
        mime::text_header(&mut headers, "X-Hostwatch-Instance", &n.id.instance);
        mime::text_header(&mut headers, "X-Hostwatch-Kind", &n.kind);
        mime::text_header(&mut headers, "X-Hostwatch-State", n.state.word());
        mime::text_header(&mut headers, "X-Hostwatch-Previous", n.previous.word());
        mime::text_header(&mut headers, "X-Hostwatch-Episode", &words::event(n.episode));
        mime::text_header(&mut headers, "X-Hostwatch-Seq", &n.seq.to_string());
    } else {
        mime::text_header(&mut headers, "X-Hostwatch-Count", &notices.len().to_string());
        let worst = notices.iter().fold(State::Ok, |worst, n| worst.worst(n.state));
        mime::text_header(&mut headers, "X-Hostwatch-State", worst.word());
    }
    sheet.finish(subject, tag, &headers, &body)
}

/// Composes one mail that takes the place of many that could not be sent: it lists every one of
/// them, oldest first, with all it said.
#[must_use]
pub fn compose_merged(
    head: &Letterhead,
    contact_name: &str,
    contact: &Contact,
    mails: &[Arc<Mail>],
    id: MailId,
    now: Now,
) -> Mail {
    let desk = Desk::new(head, now);
    let sheet = Sheet { desk: &desk, contact_name, contact, id, episode: 0, seq: 1 };
    let mut headers = String::new();
    mime::text_header(&mut headers, "X-Hostwatch-Count", &mails.len().to_string());
    let (subject, body) = list::digest(&desk, mails);
    sheet.finish(subject, "DIGEST", &headers, &body)
}

/// Everything but the words.
struct Sheet<'a> {
    desk: &'a Desk<'a>,
    contact_name: &'a str,
    contact: &'a Contact,
    id: MailId,
    episode: u64,
    seq: u32,
}

impl Sheet<'_> {
    fn finish(&self, subject: String, tag: &str, extra: &str, body: &str) -> Mail {
        let Desk { host, now, head, zone, .. } = self.desk;
        let domain = domain(&head.host.fqdn);
        let (name, address) = mime::mailbox(&head.from);
        let from = self.mail_from(address);
        let message_id = self.message_id(&domain);
        let name = match (self.contact.style, name) {
            (Style::SameSubject, _) => Some(format!("{tag} {host}")),
            (Style::StateFirst, name) => name.map(str::to_owned),
        };
        let mut out = String::with_capacity(body.len() + body.len() / 8 + 1024);
        let sender = if mime::is_address(address) { address } else { from.as_str() };
        match name {
            Some(name) => {
                let phrase = mime::phrase(&name);
                mime::token_header(&mut out, "From", &[&phrase, &format!("<{sender}>")]);
            }
            None => mime::token_header(&mut out, "From", &[sender]),
        }
        let mut to: Vec<String> = self
            .contact
            .mail
            .iter()
            .filter(|r| mime::is_address(r))
            .map(|r| format!("{r},"))
            .collect();
        if let Some(last) = to.last_mut() {
            last.pop();
        } else {
            to.push("undisclosed-recipients:;".to_owned());
        }
        mime::token_header(&mut out, "To", &to.iter().map(String::as_str).collect::<Vec<_>>());
        mime::text_header(&mut out, "Subject", &subject);
        mime::token_header(&mut out, "Date", &[&zone.header(now.wall)]);
        mime::token_header(&mut out, "Message-ID", &[&message_id]);
        // RFC 3834; out-of-office answers are of no use, but bounces must come back.
        out.push_str("Auto-Submitted: auto-generated\r\n");
        out.push_str("X-Auto-Response-Suppress: OOF, AutoReply\r\n");
        mime::token_header(&mut out, "List-Id", &[&list_id(host, &domain)]);
        mime::text_header(&mut out, "X-Hostwatch-Version", env!("CARGO_PKG_VERSION"));
        mime::text_header(&mut out, "X-Hostwatch-Host", &head.host.fqdn);
        if !head.host.labels.is_empty() {
            let labels = head.host.labels.iter().map(|(key, value)| format!("{key}={value}"));
            let labels = labels.collect::<Vec<_>>().join(", ");
            mime::text_header(&mut out, "X-Hostwatch-Labels", &labels);
        }
        out.push_str(extra);
        out.push_str("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
        let body = body.replace('\n', "\r\n");
        if mime::is_seven_bit(&body) {
            out.push_str("Content-Transfer-Encoding: 7bit\r\n\r\n");
            out.push_str(&body);
        } else {
            out.push_str("Content-Transfer-Encoding: quoted-printable\r\n\r\n");
            out.push_str(&mime::quoted_printable(&body));
        }
        Mail {
            id: self.id,
            contact: self.contact_name.to_owned(),
            message_id,
            subject,
            from,
            recipients: self.contact.mail.clone(),
            bytes: out,
            made: now.moment,
            made_wall: now.wall,
        }
    }

    /// Envelope sender: where bounces go. Made up only where the configuration has none that can
    /// be used.
    fn mail_from(&self, header: &str) -> String {
        let head = self.desk.head;
        let wanted = head.envelope_from.as_deref().map_or(header, |text| mime::mailbox(text).1);
        match wanted {
            address if mime::is_address(address) => address.to_owned(),
            _ => format!("hostwatch@{}", domain(&head.host.fqdn)),
        }
    }

    /// `<hw.EPISODE.SEQ.CONTACT.MAIL.TIME@fqdn>`. The mail's number and time keep it unique even
    /// when a state directory is lost and numbers start again: a server that remembers an old
    /// Message-ID would drop the new mail.
    fn message_id(&self, domain: &str) -> String {
        let group: String = self
            .contact_name
            .chars()
            .take(40)
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let group = if group.is_empty() { "-".to_owned() } else { group };
        let time = u64::try_from(self.desk.now.wall.0).unwrap_or_default();
        format!(
            "<hw.{}.{}.{group}.{}.{}@{domain}>",
            words::event(self.episode),
            self.seq,
            words::base32(self.id.0),
            words::base32(time)
        )
    }
}

/// The host's full name as a domain: what no domain may hold is left out.
fn domain(fqdn: &str) -> String {
    let name: String = fqdn
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        .take(200)
        .collect();
    let name = name.trim_matches('.');
    if name.is_empty() || name.contains("..") { "localhost".to_owned() } else { name.to_owned() }
}

/// `<db03.hostwatch.example.net>`.
fn list_id(host: &str, domain: &str) -> String {
    let label: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let label = if label.is_empty() { "localhost".to_owned() } else { label };
    let parent = domain.split_once('.').map_or("localhost", |(_, parent)| parent);
    format!("<{label}.hostwatch.{parent}>")
}

/// Message-IDs of the threads that these notices continue, each once.
fn roots(notices: &[Notice]) -> Vec<&str> {
    let is_id = |id: &str| {
        id.len() > 2
            && id.len() <= 400
            && id.starts_with('<')
            && id.ends_with('>')
            && id.chars().all(|c| c.is_ascii_graphic())
    };
    let mut roots = Vec::new();
    for root in notices.iter().filter_map(|n| n.root.as_deref()).filter(|id| is_id(id)) {
        if !roots.contains(&root) && roots.len() < REFERENCES {
            roots.push(root);
        }
    }
    roots
}

/// The gate: every text of a notice, fit to be shown.
fn clean(notice: &Notice) -> Notice {
    let line = |text: &str| shown_within(text.trim(), 400).into_owned();
    // Advice is written by the administrator and may have lines.
    let lines = |text: &str| {
        text.lines()
            .take(40)
            .map(|l| shown_within(l.trim_end(), 400).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let news = |finding: &Finding| Finding {
        fact: shown(finding.fact.trim()).into_owned(),
        detail: finding.detail.iter().take(FURTHER_LINES).map(|text| line(text)).collect(),
        ..finding.clone()
    };
    Notice {
        id: Id::new(&*shown(&notice.id.check), &*shown(&notice.id.instance)),
        kind: shown(&notice.kind).into_owned(),
        title: shown(&notice.title).into_owned(),
        fact: shown(notice.fact.trim()).into_owned(),
        limit: shown(notice.limit.trim()).into_owned(),
        summary: line(&notice.summary),
        detail: notice.detail.iter().take(DETAIL_LINES).map(|text| line(text)).collect(),
        news: notice.news.iter().map(news).collect(),
        rule: line(&notice.rule),
        place: line(&notice.place),
        worst: notice.worst.as_deref().map(|worst| shown(worst).into_owned()),
        advice: notice.advice.as_deref().map(lines),
        runbook: notice.runbook.as_deref().map(|page| shown_within(page.trim(), 500).into_owned()),
        contact: shown(&notice.contact).into_owned(),
        // Only whether the id survives unchanged matters from here on, see `words::command`.
        ..notice.clone()
    }
}

/// Whether a notice is about something bad that is going on.
pub(super) fn is_problem(notice: &Notice) -> bool {
    match notice.cause {
        Cause::Problem
        | Cause::Worse
        | Cause::Another
        | Cause::Better
        | Cause::Lost
        | Cause::Reminder
        | Cause::Unsilenced
        | Cause::Flapping => true,
        Cause::Steady => notice.state != State::Ok,
        Cause::Recovered | Cause::Closed | Cause::Acked | Cause::Test | Cause::Info => false,
    }
}
