//! The words that every mail is put together from: states, statements, commands, numbers of
//! events. Pure; text comes in cleaned.

use crate::model::id::Id;
use crate::model::state::State;
use crate::model::text::shown;
use crate::notify::notice::{Cause, Notice};
use crate::notify::page::Tone;
use crate::notify::plain::WIDTH;
use crate::notify::text::Desk;

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
        Cause::Reminder | Cause::Unsilenced => still(n.state),
        Cause::Problem | Cause::Worse | Cause::Another | Cause::Better | Cause::Lost => {
            long(n.state)
        }
    }
}

/// How good or bad that is.
pub(super) fn tone(n: &Notice) -> Tone {
    match n.cause {
        Cause::Recovered => Tone::Good,
        Cause::Closed | Cause::Info | Cause::Acked | Cause::Test => Tone::News,
        Cause::Problem
        | Cause::Worse
        | Cause::Another
        | Cause::Better
        | Cause::Lost
        | Cause::Reminder
        | Cause::Unsilenced
        | Cause::Flapping
        | Cause::Steady => n.state.into(),
    }
}

/// A state, where it begins a body.
pub(super) fn long(state: State) -> &'static str {
    match state {
        State::Ok => "OK",
        State::Warning => "WARNING",
        State::Critical => "CRITICAL",
        State::Unknown => "UNKNOWN",
    }
}

/// The same of what was told before.
fn still(state: State) -> &'static str {
    match state {
        State::Ok => "OK",
        State::Warning => "STILL WARNING",
        State::Critical => "STILL CRITICAL",
        State::Unknown => "STILL UNKNOWN",
    }
}

/// Order in a mail: problems by state, then what flaps, then recoveries, then news.
pub(super) fn rank(n: &Notice) -> u8 {
    match n.cause {
        Cause::Recovered => 2,
        Cause::Closed => 1,
        Cause::Info | Cause::Acked | Cause::Test => 0,
        _ if n.is_problem() => 10 + n.state.rank(),
        _ => 3,
    }
}

/// `, +2 more`: how many facts are told beside the first.
pub(super) fn more(n: &Notice) -> String {
    match n.further().count() {
        0 => String::new(),
        others => format!(", +{others} more"),
    }
}

/// Whether it was an acknowledgement that kept it quiet, as its remarks say.
pub(super) fn was_acked(n: &Notice) -> bool {
    n.remarks.iter().any(|remark| remark.amount.starts_with("ack"))
}

/// The fact as a sentence, what a phone shows as preview.
pub(super) fn sentence(desk: &Desk<'_>, n: &Notice) -> String {
    let (fqdn, title) = (desk.fqdn.as_str(), n.title.as_str());
    let on = if title.is_empty() { fqdn.to_owned() } else { format!("{title} on {fqdn}") };
    format!("{}: {}", word(n), statement(desk, n, &on))
}

/// What is said, of what `on` names.
pub(super) fn statement(desk: &Desk<'_>, n: &Notice, on: &str) -> String {
    match n.cause {
        Cause::Test if matches!(n.fact.as_str(), "" | "the mail path works") => {
            format!("the mail path of {} works", desk.fqdn)
        }
        Cause::Test => format!("{}: {}", desk.fqdn, n.fact),
        Cause::Flapping => format!(
            "{on} changed state {} times within the hour; now {}: {}",
            n.changes,
            long(n.state),
            n.fact
        ),
        Cause::Steady => {
            format!("{on} has stopped changing and is {}: {}", long(n.state), n.fact)
        }
        Cause::Recovered | Cause::Closed | Cause::Acked | Cause::Info => {
            format!("{on}: {}", n.fact)
        }
        Cause::Reminder | Cause::Unsilenced => {
            format!("{on} after {}: {}{} {}", n.lasted, n.fact, more(n), limit(n))
        }
        Cause::Problem | Cause::Worse | Cause::Another | Cause::Better | Cause::Lost => {
            format!("{on}: {}{} {}", n.fact, more(n), limit(n))
        }
    }
    .trim_end_matches([' ', ':'])
    .to_owned()
}

/// `(limit 90%)`.
pub(super) fn limit(n: &Notice) -> String {
    if n.limit.is_empty() { String::new() } else { format!("(limit {})", n.limit) }
}

/// An id as a word of a command that can be typed; `None` where the name was not shown as it is,
/// or is too long for a line.
pub(super) fn typed(id: &Id) -> Option<String> {
    let id = id.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    let odd = id.contains('\\') || id.contains("...") || shown(&id) != id;
    let word = if id.chars().all(plain) {
        id
    } else if odd {
        return None;
    } else {
        format!("'{}'", id.replace('\'', "'\"'\"'"))
    };
    let length = "hostwatch explain ".len() + word.chars().count();
    (length <= WIDTH - 15 && !word.starts_with('-')).then_some(word)
}

/// `hostwatch explain ID`.
pub(super) fn explain(n: &Notice) -> Option<String> {
    typed(&n.id).map(|word| format!("hostwatch explain {word}"))
}

/// The command that keeps it quiet for a while.
pub(super) fn quieting(word: &str) -> String {
    format!("hostwatch ack {word} --for 4h --reason \"...\"")
}

/// The last line of a mail: which event, which mail of it, when the next one comes, who wrote it.
pub(super) fn footer(desk: &Desk<'_>, notices: &[Notice]) -> String {
    let event = match notices {
        [n] if n.episode > 0 => format!("event {} mail {}; ", event(n.episode), n.seq),
        _ => String::new(),
    };
    let next = notices.iter().filter(|n| n.is_problem()).filter_map(|n| n.reminder).min();
    let next = next.filter(|at| *at > desk.now.wall).map_or_else(String::new, |at| {
        format!("next reminder {}; ", desk.zone.soon(desk.now.wall, at))
    });
    format!("{event}{next}hostwatch {} on {}", env!("CARGO_PKG_VERSION"), desk.host)
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
