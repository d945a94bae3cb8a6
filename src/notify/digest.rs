//! The daily digest: numbered, so that one that is missing is missed. Owns its data and its words;
//! when it is due and where its data come from, others know.

use crate::model::state::State;
use crate::model::text::{counted, shorten, shown};
use crate::model::time::{Now, Stamp};
use crate::model::unit::Span;
use crate::notify::contact::Contact;
use crate::notify::gate::line;
use crate::notify::mail::{Mail, MailId};
use crate::notify::page::{Page, Part, Row, Tone};
use crate::notify::single::Room;
use crate::notify::subject::fit;
use crate::notify::text::{BODY_BYTES, Desk, Letterhead, Sheet};
use crate::notify::{mime, words};

/// Things that flap that are named.
const FLAPPING: usize = 10;
/// Forecasts that are told.
const SOON: usize = 20;
/// Columns by which a row is indented.
const INDENT: usize = 16;

/// What a contact is told once a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digest {
    /// Its number: grows by one, never skips, never repeats.
    pub number: u64,
    /// When it was due.
    pub at: Stamp,
    /// When the next one is due.
    pub next: Stamp,
    /// From when on the next one counts as missing.
    pub late_after: Stamp,
    /// What is bad, worst first.
    pub open: Vec<OpenRow>,
    /// What is silenced.
    pub silenced: Vec<SilencedRow>,
    /// What changed since the last digest.
    pub changed: Changes,
    /// Mails that quiet hours kept back, oldest first.
    pub held: Vec<HeldRow>,
    /// What will be bad soon, a line each: `/data full in ~6 d`.
    pub soon: Vec<String>,
    /// How the agent itself does.
    pub agent: AgentNews,
    /// Instances by state.
    pub counts: Counts,
}

/// Something bad.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenRow {
    /// Its state.
    pub state: State,
    /// What a person calls it: `md0`.
    pub title: String,
    /// The fact, short: `degraded, 1 of 2 disks`.
    pub fact: String,
    /// For how long.
    pub lasted: Span,
    /// What else is known of it: `acked (ana)`. May be empty.
    pub remark: String,
}

/// Something that is silenced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SilencedRow {
    /// What is silenced: `fan FAN2`, or the words of the selection.
    pub title: String,
    /// Why, as whoever silenced it said.
    pub reason: String,
    /// When it ends.
    pub ends: Stamp,
}

/// Changes since the last digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Over which time: a day, or since the agent was first started.
    pub over: Span,
    /// Problems that began.
    pub problems: u64,
    /// Problems that ended.
    pub recoveries: u64,
    /// What changed too often, and how many times.
    pub flapping: Vec<(String, u32)>,
}

/// A mail that was kept back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldRow {
    /// When it happened.
    pub at: Stamp,
    /// The subject it would have had.
    pub subject: String,
}

/// The agent's own news.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentNews {
    /// How long it has run.
    pub up: Span,
    /// Runs of checks since the last digest.
    pub checks_run: u64,
    /// How many of them were late.
    pub late: u64,
    /// Mails that wait.
    pub queue: usize,
    /// When it was started last, if that was since the last digest.
    pub restarted: Option<Stamp>,
}

/// Instances by state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Critical.
    pub critical: usize,
    /// Unknown.
    pub unknown: usize,
    /// Warning.
    pub warning: usize,
    /// Good.
    pub ok: usize,
}

/// Composes the digest for one contact.
#[must_use]
pub fn compose_digest(
    head: &Letterhead,
    contact_name: &str,
    contact: &Contact,
    digest: &Digest,
    id: MailId,
    now: Now,
) -> Mail {
    let desk = Desk::new(head, now);
    let sheet = Sheet { desk: &desk, contact_name, contact, id, episode: 0, seq: 1 };
    let mut headers = String::new();
    mime::text_header(&mut headers, "X-Hostwatch-Digest", &digest.number.to_string());
    let lead = format!("DIGEST {} #{}: ", shorten(&desk.host, 16), digest.number);
    let day = format!("- {}", desk.zone.day(digest.at));
    let subject = fit(&lead, "", &digest.counts.to_string(), &day);
    sheet.finish(subject, "DIGEST", &headers, &page(&desk, digest))
}

fn page(desk: &Desk<'_>, digest: &Digest) -> Page {
    let mut room = Room(BODY_BYTES);
    let mut parts = Vec::new();
    let open = digest.open.iter().map(|row| open_row(desk, row));
    parts.push(table("OPEN", open, &mut room));
    if !digest.silenced.is_empty() {
        let rows = digest.silenced.iter().map(|row| silenced_row(desk, digest.at, row));
        parts.push(table("SILENCED", rows, &mut room));
    }
    let changed = Row::new("", changes(&digest.changed));
    parts.push(Part::Table { word: "CHANGED", rows: vec![changed] });
    if !digest.held.is_empty() {
        let row = |row: &HeldRow| Row::new(desk.zone.short(row.at), line(&row.subject));
        parts.push(table("HELD", digest.held.iter().map(row), &mut room));
    }
    if !digest.soon.is_empty() {
        let soon: Vec<String> = digest.soon.iter().take(SOON).map(|text| line(text)).collect();
        let rows = soon.chunks(2).map(|two| Row::new("", two.join("; ")));
        parts.push(table("SOON", rows, &mut room));
    }
    let agent = Row::new("", agent(desk, digest));
    parts.push(Part::Table { word: "AGENT", rows: vec![agent] });
    let next = desk.zone.full(digest.next);
    let late = desk.zone.soon(digest.next, digest.late_after);
    parts.push(Part::Line(format!("Next digest {next}.")));
    parts.push(Part::Line(format!("None by {late} = agent or mail is down.")));
    let counts = &digest.counts;
    Page {
        tone: tone(counts),
        word: "DIGEST",
        fqdn: desk.fqdn.clone(),
        when: desk.zone.day(digest.at),
        title: format!("#{}: {counts}", digest.number),
        sentence: format!(
            "DIGEST #{} of {}, {}: {counts}",
            digest.number,
            desk.fqdn,
            desk.zone.day(digest.at)
        ),
        parts,
        footer: words::footer(desk, &[]),
    }
}

/// The rows as far as there is room; what does not fit is counted.
fn table(word: &'static str, all: impl Iterator<Item = Row>, room: &mut Room) -> Part {
    let mut rows = Vec::new();
    let mut left_out = 0usize;
    for row in all {
        if left_out == 0 && room.takes(row.weight() + INDENT) {
            rows.push(row);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        rows.push(Row::new("", format!("and {left_out} more than fit here: hostwatch status")));
    } else if rows.is_empty() {
        rows.push(Row::new("", "nothing"));
    }
    Part::Table { word, rows }
}

fn open_row(desk: &Desk<'_>, row: &OpenRow) -> Row {
    let tail = format!("{}  {}", row.lasted, line(&row.remark));
    let text = format!("{} {}", shown(&row.title), line(&row.fact));
    let text = if row.title.is_empty() { format!("{}{text}", desk.host) } else { text };
    Row { tail: tail.trim().to_owned(), ..Row::of(row.state, line(&text)) }
}

fn silenced_row(desk: &Desk<'_>, at: Stamp, row: &SilencedRow) -> Row {
    let tail = match at.until(row.ends) {
        Span::ZERO => "ended".to_owned(),
        left => format!("ends in {left}, {}", desk.zone.soon(at, row.ends)),
    };
    let text = format!("{} \"{}\"", shown(&row.title), line(&row.reason));
    Row { tail, ..Row::new("", text) }
}

/// `last 24 h: 3 problems, 2 recoveries, 1 flapping (eno3, 9x)`.
fn changes(changes: &Changes) -> String {
    let count =
        |count: u64, one, many| counted(usize::try_from(count).unwrap_or(usize::MAX), one, many);
    let problems = count(changes.problems, "problem", "problems");
    let recoveries = count(changes.recoveries, "recovery", "recoveries");
    let mut text = format!("last {}: {problems}, {recoveries}", changes.over);
    let flapping = changes.flapping.len();
    if flapping > 0 {
        let named = changes.flapping.iter().take(FLAPPING);
        let named = named.map(|(title, times)| format!("{}, {times}x", shown(title)));
        let mut named = named.collect::<Vec<_>>().join("; ");
        if flapping > FLAPPING {
            named.push_str(&format!("; {} more", flapping - FLAPPING));
        }
        text.push_str(&format!(", {flapping} flapping ({named})"));
    }
    text
}

/// `up 41d; 126,720 checks run, 0 late; mail queue 0`.
fn agent(desk: &Desk<'_>, digest: &Digest) -> String {
    let AgentNews { up, checks_run, late, queue, restarted } = &digest.agent;
    let restarted = restarted
        .map(|at| format!("; restarted {}", desk.zone.soon(digest.at, at)))
        .unwrap_or_default();
    let (run, late) = (thousands(*checks_run), thousands(*late));
    format!("up {up}; {run} checks run, {late} late; mail queue {queue}{restarted}")
}

/// `126,720`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// That of the worst state that anything is in.
fn tone(counts: &Counts) -> Tone {
    let states = [
        (counts.critical, State::Critical),
        (counts.unknown, State::Unknown),
        (counts.warning, State::Warning),
    ];
    let worst = states.iter().find(|(count, _)| *count > 0);
    worst.map_or(State::Ok, |(_, state)| *state).into()
}

impl std::fmt::Display for Counts {
    /// `1 crit, 2 warn, 41 ok`: states that nothing is in are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = [
            (self.critical, "crit"),
            (self.unknown, "unkn"),
            (self.warning, "warn"),
            (self.ok, "ok"),
        ];
        let told = counts.iter().filter(|(count, word)| *count > 0 || *word == "ok");
        let told: Vec<String> = told.map(|(count, word)| format!("{count} {word}")).collect();
        f.write_str(&told.join(", "))
    }
}
