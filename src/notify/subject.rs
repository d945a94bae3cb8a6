//! The subject of a mail about one notice: state, host, object and fact at one glance. Pure; text
//! comes in cleaned.

use crate::model::text::shorten;
use crate::notify::notice::{Cause, Notice};
use crate::notify::text::Desk;
use crate::notify::words;

/// Characters of a subject that phones and pagers show.
pub(super) const SUBJECT: usize = 60;
/// Characters of a fact that still say something.
const FACT_MIN: usize = 12;

/// `CRIT db03: /data 92% full (limit 90%)`.
pub(super) fn subject(desk: &Desk<'_>, n: &Notice) -> String {
    let lead = format!("{} {}: ", words::tag(n), shorten(&desk.host, 24));
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
        Cause::Acked => (n.title.clone(), format!("acknowledged; {}", n.fact), String::new()),
        _ => (n.title.clone(), counted(&lead, n), words::limit(n)),
    };
    fit(&lead, &title, &fact, &tail)
}

/// The fact of a subject; what is told beside it is counted, and how long it has been told is said:
/// the fact gives way to both.
fn counted(lead: &str, n: &Notice) -> String {
    let more = format!("{}{}", words::more(n), still(n));
    let taken = [lead, &n.title, " ", &more].iter().map(|part| part.chars().count()).sum();
    let room = SUBJECT.saturating_sub(taken);
    let length = n.fact.chars().count();
    if more.is_empty() || length <= room || room < FACT_MIN {
        return format!("{}{more}", n.fact);
    }
    let cut: String = n.fact.chars().take(room - 3).collect();
    format!("{}...{more}", cut.trim_end())
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

/// `, still bad after 4h`: what tells a mail from the first about the same.
fn still(n: &Notice) -> String {
    match n.cause {
        Cause::Reminder => format!(", still after {}", n.lasted),
        Cause::Unsilenced if words::was_acked(n) => ", ack ended".to_owned(),
        Cause::Unsilenced => ", silence ended".to_owned(),
        _ => String::new(),
    }
}

/// `db03: /data`: the same for every mail about one instance.
pub(super) fn fixed_subject(desk: &Desk<'_>, n: &Notice) -> String {
    let subject = format!("{}: {}", shorten(&desk.host, 24), n.title);
    shorten(subject.trim_end_matches([':', ' ']), SUBJECT)
}

/// `(was CRIT 96%, lasted 2h14m)`.
fn was(n: &Notice) -> String {
    let worst = n.worst.as_deref().map(|worst| format!(" {worst}")).unwrap_or_default();
    format!("(was {}{worst}, lasted {})", n.worst_state.short(), n.lasted)
}
