//! The content of a mail about one notice, in the order of a reader's questions: what, since when,
//! by which rule, why, what next. Pure; text comes in cleaned.

use crate::model::text::shown;
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};
use crate::notify::page::{Page, Part, Row, Step};
use crate::notify::text::Desk;
use crate::notify::words;

/// A mail written this long after the event says so.
const LATE: Span = Span::from_secs(600);
/// Other open problems named in a mail.
const ALSO: usize = 10;

/// Bytes that a mail may still take as text; what does not fit any more is counted, not told.
pub(super) struct Room(pub(super) usize);

impl Room {
    /// Whether there is still room for this; takes it.
    pub(super) fn takes(&mut self, weight: usize) -> bool {
        let fits = weight <= self.0;
        self.0 = self.0.saturating_sub(weight);
        fits
    }
}

/// The content of a mail about one notice.
pub(super) fn page(desk: &Desk<'_>, n: &Notice, room: &Room) -> Page {
    let mut parts = what(n);
    if n.is_problem() {
        further(n, room, &mut parts);
    }
    let said = match n.cause {
        Cause::Flapping => "No more mail about it until it has been steady for a while.",
        Cause::Closed => {
            "Nobody watches it by that rule any more; whether it is good now is not known."
        }
        Cause::Lost => "It cannot be judged now: it may be good or bad.",
        Cause::Unsilenced if words::was_acked(n) => "Its acknowledgement has ended.",
        Cause::Unsilenced => "Its silence has ended.",
        _ => "",
    };
    if !said.is_empty() {
        parts.push(Part::Line(said.to_owned()));
    }
    times(desk, n, &mut parts);
    if let Some(cause) = &n.follows {
        parts.push(Part::fact("cause", format!("follows from {cause}")));
    }
    for remark in &n.remarks {
        parts.push(Part::fact(&*remark.amount, &*remark.text));
    }
    let rule = [&n.rule, &n.place].into_iter().filter(|text| !text.is_empty());
    for (place, text) in rule.enumerate() {
        parts.push(Part::fact(if place == 0 { "rule" } else { "" }, text));
    }
    sections(n, &mut parts);
    let id = words::typed(&n.id);
    if n.is_problem() {
        let steps = steps(n);
        if !steps.is_empty() {
            parts.push(Part::Steps(steps));
        }
    } else if let Some(page) = n.runbook.as_deref().filter(|_| n.cause == Cause::Info) {
        parts.push(Part::Link(page.to_owned()));
    }
    trend(n, &mut parts);
    if n.cause != Cause::Test {
        parts.push(also(desk, n.is_problem()));
    }
    if n.is_problem()
        && let Some(id) = &id
    {
        parts.push(Part::Quiet(words::quieting(id)));
    }
    Page {
        tone: words::tone(n),
        word: words::word(n),
        fqdn: desk.fqdn.clone(),
        when: desk.zone.hour(when(n)),
        title: words::statement(desk, n, if n.title.is_empty() { &desk.fqdn } else { &n.title }),
        sentence: words::sentence(desk, n),
        parts,
        footer: words::footer(desk, std::slice::from_ref(n)),
    }
}

/// The instance in one line, with what follows from its numbers; then what to know of the fact.
pub(super) fn what(n: &Notice) -> Vec<Part> {
    // The fact stands above already.
    let rest = n.summary.strip_prefix(&n.fact).and_then(|rest| rest.strip_prefix(", "));
    let summary = rest.unwrap_or(if n.summary == n.fact { "" } else { &n.summary });
    let outlook = n.evidence.as_deref().map(|e| e.outlook.as_str()).unwrap_or_default();
    let lines = match (summary, outlook) {
        (summary, outlook) if summary.is_empty() || outlook.is_empty() => {
            vec![format!("{summary}{outlook}")]
        }
        (summary, outlook) => vec![format!("{summary}; {outlook}")],
    };
    let lines = lines.into_iter().chain(n.detail.iter().cloned());
    lines.filter(|line| !line.is_empty()).map(Part::Line).collect()
}

/// The facts that are told beside the first, with what to know of them.
/// Takes no room itself, since the item that they are part of does.
pub(super) fn further(n: &Notice, room: &Room, parts: &mut Vec<Part>) {
    let mut room = Room(room.0);
    let mut left_out = 0usize;
    for finding in n.further() {
        let part = Part::fact("also", &*finding.fact);
        if left_out > 0 || !room.takes(part.weight()) {
            left_out += 1;
            continue;
        }
        parts.push(part);
        for detail in &finding.detail {
            let part = Part::fact("", &**detail);
            if room.takes(part.weight()) {
                parts.push(part);
            }
        }
    }
    if left_out > 0 {
        parts.push(Part::fact("also", format!("{left_out} more than fit here")));
    }
}

/// The lists of its evidence.
pub(super) fn sections(n: &Notice, parts: &mut Vec<Part>) {
    for section in n.evidence.iter().flat_map(|evidence| &evidence.sections) {
        let rows = section.rows.iter().map(|row| Row::new(&*row.amount, &*row.text)).collect();
        parts.push(Part::List { heading: section.heading.clone(), rows });
    }
}

/// The curve of its evidence.
pub(super) fn trend(n: &Notice, parts: &mut Vec<Part>) {
    if let Some(trend) = n.evidence.as_deref().and_then(|evidence| evidence.trend.as_ref()) {
        parts.push(Part::Trend {
            line: trend.line.clone(),
            alt: trend.alt.clone(),
            picture: trend.png.clone(),
        });
    }
}

/// The time a notice is about: since when it is bad, or when it was over.
pub(super) fn when(n: &Notice) -> crate::model::time::Stamp {
    if n.is_problem() { n.since_wall } else { n.at_wall }
}

fn times(desk: &Desk<'_>, n: &Notice, parts: &mut Vec<Part>) {
    let late = desk.now.moment.since(n.at);
    match n.cause {
        Cause::Recovered | Cause::Closed => {
            let begin = n.at_wall.minus(n.lasted);
            let range = desk.zone.range(begin, n.at_wall);
            parts.push(Part::fact("down", format!("{range}; {}", n.lasted)));
            let worst = n.worst.as_deref().map(|worst| format!(", {worst}")).unwrap_or_default();
            let before = match n.seq.saturating_sub(1) {
                0 => String::new(),
                1 => "; 1 mail sent before this one".to_owned(),
                many => format!("; {many} mails sent before this one"),
            };
            let worst = format!("{}{worst}{before}", words::long(n.worst_state));
            parts.push(Part::fact("worst", worst));
        }
        Cause::Test | Cause::Acked | Cause::Info => {
            parts.push(Part::fact("time", desk.zone.full(n.at_wall)));
        }
        _ => {
            if n.cause == Cause::Another {
                parts.push(Part::fact("new", desk.zone.full(n.at_wall)));
            }
            parts.push(Part::fact("since", desk.zone.full(n.since_wall)));
            if matches!(n.cause, Cause::Worse | Cause::Better) {
                let before = format!("{}; bad for {} in all", words::long(n.previous), n.lasted);
                parts.push(Part::fact("before", before));
            }
        }
    }
    if late > LATE && !matches!(n.cause, Cause::Reminder | Cause::Unsilenced) {
        let at = desk.zone.full(n.at_wall);
        let text = format!("this happened {at}, {late} before this mail was written");
        parts.push(Part::fact("late", text));
    }
}

/// What to do: the command that says more, the administrator's advice, the page.
pub(super) fn steps(n: &Notice) -> Vec<Step> {
    let explain = words::explain(n).map(|command| Step::Command { why: "see why", command });
    let advice = n.advice.clone().filter(|advice| !advice.trim().is_empty()).map(Step::Advice);
    let page = n.runbook.clone().filter(|page| !page.is_empty()).map(Step::Link);
    explain.into_iter().chain(advice).chain(page).collect()
}

/// What else is bad on this host.
pub(super) fn also(desk: &Desk<'_>, problem: bool) -> Part {
    let what = if problem { "Also bad on this host" } else { "Still open on this host" };
    let others = &desk.head.also_bad;
    // Right after a start nothing has been read yet, and no count says more than "0".
    let fine = match desk.head.ok_count {
        0 => String::new(),
        count => format!(" ({count} OK)"),
    };
    if others.is_empty() {
        return Part::List { heading: format!("{what}: nothing{fine}"), rows: Vec::new() };
    }
    let rows = others.iter().take(ALSO).map(|(state, line)| Row::of(*state, shown(line)));
    let mut rows: Vec<Row> = rows.collect();
    if let Some(more) = others.len().checked_sub(ALSO).filter(|more| *more > 0) {
        rows.push(Row::new("", format!("and {more} more: hostwatch status --problems")));
    }
    Part::List { heading: format!("{what}: {}{fine}", others.len()), rows }
}
