//! The words about one notice: subject, sentence, body. Pure; text comes in cleaned.

use crate::model::state::State;
use crate::model::text::{shorten, shown};
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};
use crate::notify::text::{BODY_BYTES, Desk, is_problem};

/// Characters of a subject that phones and pagers show.
pub(super) const SUBJECT: usize = 60;
/// Columns of a body.
pub(super) const WIDTH: usize = 72;
/// Characters of a fact that still say something.
const FACT_MIN: usize = 12;
/// A mail written this long after the event says so.
const LATE: Span = Span::from_secs(600);
/// Other open problems named in a mail.
const ALSO: usize = 10;

/// The word a subject begins with.
pub(super) fn tag(n: &Notice) -> &'static str {
    match n.cause {
        Cause::Recovered => State::Ok.short(),
        Cause::Flapping => "FLAP",
        Cause::Closed | Cause::Info | Cause::Acked => "INFO",
        Cause::Test => "TEST",
        Cause::Problem
        | Cause::Worse
        | Cause::Another
        | Cause::Better
        | Cause::Lost
        | Cause::Reminder
        | Cause::Unsilenced
        | Cause::Steady => n.state.short(),
    }
}

/// The word a body begins with.
pub(super) fn word(n: &Notice) -> &'static str {
    match n.cause {
        Cause::Recovered => "RECOVERED",
        Cause::Flapping => "FLAPPING",
        Cause::Steady => "STEADY",
        Cause::Closed => "CLOSED",
        Cause::Info => "INFO",
        Cause::Acked => "ACKNOWLEDGED",
        Cause::Test => "TEST",
        Cause::Problem
        | Cause::Worse
        | Cause::Another
        | Cause::Better
        | Cause::Reminder
        | Cause::Unsilenced
        | Cause::Lost => long(n.state),
    }
}

fn long(state: State) -> &'static str {
    match state {
        State::Ok => "OK",
        State::Warning => "WARNING",
        State::Critical => "CRITICAL",
        State::Unknown => "UNKNOWN",
    }
}

/// Order in a mail: problems by state, then what flaps, then recoveries, then news.
pub(super) fn rank(n: &Notice) -> u8 {
    match n.cause {
        Cause::Recovered => 2,
        Cause::Closed => 1,
        Cause::Info | Cause::Acked | Cause::Test => 0,
        _ if is_problem(n) => 10 + n.state.rank(),
        _ => 3,
    }
}

/// `CRIT db03: /data 92% full (limit 90%)`.
pub(super) fn subject(desk: &Desk<'_>, n: &Notice) -> String {
    let lead = format!("{} {}: ", tag(n), shorten(&desk.host, 24));
    let (title, fact, tail) = match n.cause {
        Cause::Test => {
            let fact = if n.fact.is_empty() { "the mail path works" } else { n.fact.as_str() };
            (String::new(), fact.to_owned(), String::new())
        }
        Cause::Flapping => {
            (n.title.clone(), format!("changes too often ({}x in 1h)", n.changes), String::new())
        }
        Cause::Recovered => (n.title.clone(), n.fact.clone(), was(n)),
        Cause::Steady => (n.title.clone(), n.fact.clone(), "(steady again)".to_owned()),
        Cause::Closed => {
            (n.title.clone(), n.fact.clone(), format!("(was {})", n.worst_state.short()))
        }
        _ => (n.title.clone(), counted(&lead, n), limit(n)),
    };
    fit(&lead, &title, &fact, &tail)
}

/// The fact of a subject; what is told beside it is counted, and the fact gives way to the count.
fn counted(lead: &str, n: &Notice) -> String {
    let more = more(n);
    let taken = [lead, &n.title, " ", &more].iter().map(|part| part.chars().count()).sum();
    let room = SUBJECT.saturating_sub(taken);
    let length = n.fact.chars().count();
    if more.is_empty() || length <= room || room < FACT_MIN {
        return format!("{}{more}", n.fact);
    }
    let cut: String = n.fact.chars().take(room - 3).collect();
    format!("{}...{more}", cut.trim_end())
}

/// `, +2 more`: how many facts are told beside the first.
pub(super) fn more(n: &Notice) -> String {
    match n.further().count() {
        0 => String::new(),
        others => format!(", +{others} more"),
    }
}

/// The facts that are told beside the first, each after `lead`, with what to know of them.
pub(super) fn further(n: &Notice, lead: &str, out: &mut String) {
    let indent = " ".repeat(lead.chars().count());
    let mut left_out = 0usize;
    for finding in n.further() {
        if out.len() > BODY_BYTES {
            left_out += 1;
            continue;
        }
        wrap(out, lead, &finding.fact);
        for detail in &finding.detail {
            wrap(out, &indent, detail);
        }
    }
    if left_out > 0 {
        wrap(out, lead, &format!("{left_out} more than fit here"));
    }
}

/// Leaves out the tail, then cuts the title in its middle, then the fact at its end, until a
/// subject fits.
pub(super) fn fit(lead: &str, title: &str, fact: &str, tail: &str) -> String {
    let join = |title: &str, fact: &str, tail: &str| {
        let parts: Vec<&str> = [title, fact, tail].into_iter().filter(|p| !p.is_empty()).collect();
        format!("{lead}{}", parts.join(" "))
    };
    let length = |text: &str| text.chars().count();
    for tail in [tail, ""] {
        let whole = join(title, fact, tail);
        if length(&whole) <= SUBJECT {
            return whole;
        }
    }
    let room = SUBJECT.saturating_sub(length(lead) + 1);
    let title = shorten(title, room.saturating_sub(length(fact)).max(room / 2));
    let left = room.saturating_sub(length(&title));
    let fact = if length(fact) > left && left > 3 {
        let cut: String = fact.chars().take(left - 3).collect();
        format!("{}...", cut.trim_end())
    } else {
        fact.chars().take(left).collect()
    };
    join(&title, &fact, "")
}

/// `db03: /data`: the same for every mail about one instance.
pub(super) fn fixed_subject(desk: &Desk<'_>, n: &Notice) -> String {
    let subject = format!("{}: {}", shorten(&desk.host, 24), n.title);
    shorten(subject.trim_end_matches([':', ' ']), SUBJECT)
}

fn limit(n: &Notice) -> String {
    if n.limit.is_empty() { String::new() } else { format!("(limit {})", n.limit) }
}

/// `(was CRIT 96%, lasted 2h14m)`.
fn was(n: &Notice) -> String {
    let worst = n.worst.as_deref().map(|worst| format!(" {worst}")).unwrap_or_default();
    format!("(was {}{worst}, lasted {})", n.worst_state.short(), n.lasted)
}

/// The fact as a sentence, what a phone shows as preview.
pub(super) fn sentence(desk: &Desk<'_>, n: &Notice) -> String {
    let (word, fqdn, title) = (word(n), desk.fqdn.as_str(), n.title.as_str());
    let on = if title.is_empty() { fqdn.to_owned() } else { format!("{title} on {fqdn}") };
    match n.cause {
        Cause::Test => format!("{word}: the mail path of {fqdn} works"),
        Cause::Flapping => format!(
            "{word}: {on} changed state {} times within the hour; now {}: {}",
            n.changes,
            long(n.state),
            n.fact
        ),
        Cause::Steady => {
            format!("{word}: {on} has stopped changing and is {}: {}", long(n.state), n.fact)
        }
        Cause::Recovered | Cause::Closed | Cause::Acked | Cause::Info => {
            format!("{word}: {on}: {}", n.fact)
        }
        Cause::Problem
        | Cause::Worse
        | Cause::Another
        | Cause::Better
        | Cause::Reminder
        | Cause::Unsilenced
        | Cause::Lost => {
            format!("{word}: {on}: {}{} {}", n.fact, more(n), limit(n))
        }
    }
    .trim_end_matches([' ', ':'])
    .to_owned()
}

/// The body of a mail about one notice.
pub(super) fn body(desk: &Desk<'_>, n: &Notice) -> String {
    let mut out = String::new();
    wrap(&mut out, "", &sentence(desk, n));
    if !n.summary.is_empty() && n.summary != n.fact {
        wrap(&mut out, "", &n.summary);
    }
    for detail in &n.detail {
        wrap(&mut out, "", detail);
    }
    if is_problem(n) {
        further(n, "also   ", &mut out);
    }
    match n.cause {
        Cause::Flapping => {
            wrap(&mut out, "", "No more mail about it until it has been steady for a while.");
        }
        Cause::Closed => wrap(
            &mut out,
            "",
            "Nobody watches it by that rule any more; whether it is good now is not known.",
        ),
        Cause::Lost => wrap(&mut out, "", "It cannot be judged now: it may be good or bad."),
        _ => {}
    }
    times(desk, n, &mut out);
    if !n.rule.is_empty() {
        wrap(&mut out, "rule   ", &n.rule);
    }
    if !n.place.is_empty() {
        wrap(&mut out, if n.rule.is_empty() { "rule   " } else { "       " }, &n.place);
    }
    if is_problem(n) {
        next(n, &mut out);
    } else if let Some(page) = n.runbook.as_deref().filter(|_| n.cause == Cause::Info) {
        out.push_str(&format!("see    {page}\n"));
    }
    if n.cause != Cause::Test {
        also(desk, is_problem(n), &mut out);
    }
    footer(desk, Some(n), &mut out);
    out
}

fn times(desk: &Desk<'_>, n: &Notice, out: &mut String) {
    let late = desk.now.moment.since(n.at);
    match n.cause {
        Cause::Recovered | Cause::Closed => {
            let begin = n.at_wall.minus(n.lasted);
            wrap(out, "down   ", &format!("{}; {}", desk.zone.range(begin, n.at_wall), n.lasted));
            let worst = n.worst.as_deref().map(|worst| format!(", {worst}")).unwrap_or_default();
            let before = match n.seq.saturating_sub(1) {
                0 => String::new(),
                1 => "; 1 mail sent before this one".to_owned(),
                many => format!("; {many} mails sent before this one"),
            };
            wrap(out, "worst  ", &format!("{}{worst}{before}", long(n.worst_state)));
        }
        Cause::Test | Cause::Acked | Cause::Info => {
            wrap(out, "time   ", &desk.zone.full(n.at_wall))
        }
        _ => {
            if n.cause == Cause::Another {
                wrap(out, "new    ", &desk.zone.full(n.at_wall));
            }
            wrap(out, "since  ", &desk.zone.full(n.since_wall));
            if matches!(n.cause, Cause::Worse | Cause::Better) {
                let before = format!("{}; bad for {} in all", long(n.previous), n.lasted);
                wrap(out, "before ", &before);
            }
        }
    }
    if late > LATE {
        let text = format!(
            "this happened {}, {late} before this mail was written",
            desk.zone.full(n.at_wall)
        );
        wrap(out, "late   ", &text);
    }
}

/// What to do: the command that says more, the administrator's advice, the page.
fn next(n: &Notice, out: &mut String) {
    let mut steps: Vec<String> = Vec::new();
    if let Some(command) = command(n) {
        steps.push(format!("see why:  {command}"));
    }
    steps.extend(n.advice.as_deref().filter(|advice| !advice.trim().is_empty()).map(str::to_owned));
    steps.extend(n.runbook.clone().filter(|page| !page.is_empty()));
    if steps.is_empty() {
        return;
    }
    out.push_str("\nNext\n");
    for (number, step) in (1..).zip(steps) {
        let lead = format!("  {number}. ");
        if Some(&step) == n.runbook.as_ref() {
            // A link that is cut is no link.
            out.push_str(&format!("{lead}{step}\n"));
            continue;
        }
        let mut lines = step.lines().filter(|line| !line.trim().is_empty());
        wrap(out, &lead, lines.next().unwrap_or_default());
        for line in lines {
            wrap(out, "     ", line);
        }
    }
}

/// `hostwatch explain ID` as it can be typed; `None` where the name was not shown as it is, or the
/// line would be cut.
pub(super) fn command(n: &Notice) -> Option<String> {
    let id = n.id.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    let odd = id.contains('\\') || id.contains("...") || shown(&id) != id;
    let word = if id.chars().all(plain) {
        id
    } else if odd {
        return None;
    } else {
        format!("'{}'", id.replace('\'', "'\"'\"'"))
    };
    let command = format!("hostwatch explain {word}");
    (command.chars().count() <= WIDTH - 15 && !word.starts_with('-')).then_some(command)
}

pub(super) fn also(desk: &Desk<'_>, problem: bool, out: &mut String) {
    let what = if problem { "Also bad on this host" } else { "Still open on this host" };
    let others = &desk.head.also_bad;
    // Right after a start nothing has been read yet, and no count says more than "0".
    let fine = match desk.head.ok_count {
        0 => String::new(),
        count => format!(" ({count} OK)"),
    };
    out.push('\n');
    if others.is_empty() {
        wrap(out, "", &format!("{what}: nothing{fine}"));
        return;
    }
    wrap(out, "", &format!("{what}: {}{fine}", others.len()));
    for (state, line) in others.iter().take(ALSO) {
        wrap(out, &format!("  {:<4} ", state.short()), &shown(line));
    }
    if let Some(more) = others.len().checked_sub(ALSO).filter(|more| *more > 0) {
        wrap(out, "  ", &format!("and {more} more: hostwatch status --problems"));
    }
}

pub(super) fn footer(desk: &Desk<'_>, n: Option<&Notice>, out: &mut String) {
    let event = match n {
        Some(n) if n.episode > 0 => format!("event {} mail {}; ", event(n.episode), n.seq),
        _ => String::new(),
    };
    out.push_str("--\n");
    wrap(out, "", &format!("{event}hostwatch {} on {}", env!("CARGO_PKG_VERSION"), desk.host));
}

/// Number of an episode as people say it: `7K2M`.
pub(super) fn event(episode: u64) -> String {
    format!("{:0>4}", base32(episode))
}

/// Crockford's base 32: no letter that reads as a digit.
pub(super) fn base32(mut number: u64) -> String {
    const DIGITS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H',
        'J', 'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
    ];
    let mut text = Vec::new();
    loop {
        let digit = usize::try_from(number % 32).unwrap_or_default();
        text.push(DIGITS.get(digit).copied().unwrap_or('0'));
        number /= 32;
        if number == 0 {
            break;
        }
    }
    text.iter().rev().collect()
}

/// Appends `text` in lines of at most [`WIDTH`] columns, the first after `lead`, the others
/// indented as far, so that no text from outside begins a line of its own.
pub(super) fn wrap(out: &mut String, lead: &str, text: &str) {
    // A line of two hyphens begins the footer, and a reader's program may fold all after it.
    let lead = if lead.is_empty() && text.trim() == "--" { " " } else { lead };
    let indent = if lead.is_empty() { 2 } else { lead.chars().count() };
    out.push_str(lead);
    let mut column = lead.chars().count();
    let mut fresh = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut rest: Vec<char> = word.chars().collect();
        loop {
            let gap = usize::from(!fresh);
            if column + gap + rest.len() <= WIDTH {
                if !fresh {
                    out.push(' ');
                }
                out.extend(rest.iter());
                column += gap + rest.len();
                fresh = false;
                break;
            }
            if fresh {
                // A word longer than a line is cut, since nothing else can be done.
                let cut = rest.split_off(WIDTH.saturating_sub(column).min(rest.len()));
                out.extend(rest.iter());
                rest = cut;
            }
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
            fresh = true;
        }
    }
    out.push('\n');
}
