//! A whole mail from notices: envelope, headers, and the content of `single`, `list` or `merged`
//! in its parts. Pure: the same notices make the same bytes.

use std::sync::Arc;

use crate::model::id::HostIdentity;
use crate::model::limit::MAIL_BYTES;
use crate::model::state::State;
use crate::model::text::{shown, shown_within};
use crate::model::time::Now;
use crate::notify::contact::{Contact, Style};
use crate::notify::mail::{Form, Mail, MailId};
use crate::notify::notice::Notice;
use crate::notify::page::Page;
use crate::notify::single::{self, Room};
use crate::notify::when::Zone;
use crate::notify::{gate, list, merged, mime, parts, subject, words};

/// Characters of a body before it is listed more tersely: encoded, it stays below [`MAIL_BYTES`].
pub(super) const BODY_BYTES: usize = MAIL_BYTES / 5;
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
    pub(super) fn new(head: &'a Letterhead, now: Now) -> Self {
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
    let ordered = list::in_order(notices.iter().map(gate::clean).collect());
    let (depths, notices): (Vec<usize>, Vec<Notice>) = ordered.into_iter().unzip();
    // The word is that of the worst, which may be what follows from the first.
    let worst = notices.iter().rev().max_by_key(|n| words::rank(n));
    let tag = worst.map_or("INFO", words::tag);
    let mut room = Room(BODY_BYTES);
    let (state_first, page) = match notices.as_slice() {
        [one] => (subject::subject(&desk, one), single::page(&desk, one, &room)),
        many => (list::subject(&desk, tag, many), list::page(&desk, &depths, many, &mut room)),
    };
    let lead = notices.first();
    let one_instance = lead.is_some_and(|n| notices.iter().all(|other| other.id == n.id));
    let subject = match (contact.style, lead) {
        (Style::SameSubject, Some(n)) if one_instance => subject::fixed_subject(&desk, n),
        _ => state_first,
    };
    let (ep, seq) = lead.map_or((0, 1), |n| (n.episode, n.seq));
    let sheet = Sheet { desk: &desk, contact_name, contact, id, episode: ep, seq };
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
    sheet.finish(subject, tag, &headers, &page)
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
    let (subject, page) = merged::page(&desk, mails, &mut Room(BODY_BYTES));
    sheet.finish(subject, merged::TAG, &headers, &page)
}

/// Everything but the words.
pub(super) struct Sheet<'a> {
    pub(super) desk: &'a Desk<'a>,
    pub(super) contact_name: &'a str,
    pub(super) contact: &'a Contact,
    pub(super) id: MailId,
    pub(super) episode: u64,
    pub(super) seq: u32,
}

impl Sheet<'_> {
    pub(super) fn finish(&self, subject: String, tag: &str, extra: &str, page: &Page) -> Mail {
        let Desk { host, now, head, zone, .. } = self.desk;
        let domain = domain(&head.host.fqdn);
        let (name, address) = mime::mailbox(&head.from);
        let from = self.mail_from(address);
        let message_id = self.message_id(&domain);
        let name = match (self.contact.style, name) {
            (Style::SameSubject, _) => Some(format!("{tag} {host}")),
            (Style::StateFirst, name) => name.map(str::to_owned),
        };
        let mut out = String::with_capacity(4096);
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
        out.push_str("MIME-Version: 1.0\r\n");
        let form = parts::Form { html: self.contact.html, chart: self.contact.chart };
        parts::body(&mut out, page, form, &message_id);
        Mail {
            id: self.id,
            contact: self.contact_name.to_owned(),
            form: Form::Mail,
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
