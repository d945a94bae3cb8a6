//! The content of a mail about many notices: causes first, what follows from each below it,
//! everything named. Pure; text comes in cleaned.

use std::collections::HashMap;

use crate::model::id::Id;
use crate::model::state::State;
use crate::model::text::{counted, shorten};
use crate::notify::notice::{Cause, Notice};
use crate::notify::page::{Item, Page, Part, Tone};
use crate::notify::single::{self, Room, when};
use crate::notify::subject::{SUBJECT, fit};
use crate::notify::text::Desk;
use crate::notify::words;

/// Notices that are told with their summary and rule; more are told in a line each.
const IN_FULL: usize = 20;
/// Notices whose evidence is told: the first are the causes and the worst.
const WITH_EVIDENCE: usize = 3;
/// Causes of causes that are looked for; links that lead in a circle end here too.
const CAUSES: usize = 8;

/// Which part of a mail a notice belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Bad,
    Good,
    News,
}

fn group(n: &Notice) -> Group {
    match n.cause {
        _ if n.is_problem() => Group::Bad,
        Cause::Recovered => Group::Good,
        _ => Group::News,
    }
}

/// Puts what follows from another below it, and the worst first; each with the number of causes
/// above it. Nothing is lost, whatever the links are.
pub(super) fn in_order(mut notices: Vec<Notice>) -> Vec<(usize, Notice)> {
    // Worst first; within one rank in the order of events.
    notices.sort_by_key(|n| std::cmp::Reverse(words::rank(n)));
    if notices.iter().all(|n| n.follows.is_none()) {
        return notices.into_iter().map(|n| (0, n)).collect();
    }
    let mut first: HashMap<&Id, usize> = HashMap::new();
    for (ix, n) in notices.iter().enumerate() {
        first.entry(&n.id).or_insert(ix);
    }
    let cause = |ix: usize| {
        let n = notices.get(ix)?;
        let above = first.get(n.follows.as_ref()?).copied()?;
        let same = notices.get(above).is_some_and(|other| group(other) == group(n));
        (same && above != ix).then_some(above)
    };
    // The way up from each, itself first; a way that does not end is none.
    let ways: Vec<Vec<usize>> = (0..notices.len())
        .map(|ix| {
            let way: Vec<usize> =
                std::iter::successors(Some(ix), |ix| cause(*ix)).take(CAUSES + 1).collect();
            if way.len() > CAUSES { vec![ix] } else { way }
        })
        .collect();
    // A cause is as bad as the worst that follows from it. Notices are in order of rank, so that
    // is the first of its family.
    let mut lead: HashMap<usize, usize> = HashMap::new();
    for (ix, way) in ways.iter().enumerate() {
        for above in way {
            lead.entry(*above).or_insert(ix);
        }
    }
    // Each is sorted by its way from the top, every step of it by the worst of its family.
    let mut keys: Vec<(Vec<(usize, usize)>, usize)> = ways
        .iter()
        .enumerate()
        .map(|(ix, way)| {
            let steps = way.iter().rev();
            (steps.map(|at| (lead.get(at).copied().unwrap_or(*at), *at)).collect(), ix)
        })
        .collect();
    keys.sort();
    let mut left: Vec<Option<Notice>> = notices.into_iter().map(Some).collect();
    let take = |(way, ix): (Vec<(usize, usize)>, usize)| {
        Some((way.len().saturating_sub(1), left.get_mut(ix)?.take()?))
    };
    keys.into_iter().filter_map(take).collect()
}

/// `CRIT db03: 12 problems: /data 92% full, +11 more`.
pub(super) fn subject(desk: &Desk<'_>, tag: &str, notices: &[Notice]) -> String {
    let Some(first) = notices.first() else {
        return format!("INFO {}: nothing to tell", desk.host);
    };
    let count = |what: Group| notices.iter().filter(|n| group(n) == what).count();
    let mut parts = Vec::new();
    for (number, one, many) in [
        (count(Group::Bad), "problem", "problems"),
        (count(Group::Good), "recovered", "recovered"),
        (count(Group::News), "other", "others"),
    ] {
        if number > 0 {
            parts.push(counted(number, one, many));
        }
    }
    let host = shorten(&desk.host, 24);
    let lead = format!("{tag} {host}: {}: ", parts.join(", "));
    let more = format!(", +{} more", notices.len() - 1);
    // The first fact gives way before the count does.
    let whole = format!("{lead}{} {}{more}", first.title, first.fact);
    if whole.chars().count() <= SUBJECT {
        return whole;
    }
    let whole = format!("{lead}{}{more}", first.title);
    if whole.chars().count() <= SUBJECT {
        return whole;
    }
    fit(&lead, &first.title, "", "")
}

/// The content of a mail about many notices, as they are in order.
pub(super) fn page(desk: &Desk<'_>, depths: &[usize], notices: &[Notice], room: &mut Room) -> Page {
    let of = |what: Group| -> Vec<(usize, usize, &Notice)> {
        let all = notices.iter().enumerate();
        all.filter(|(_, n)| group(n) == what)
            .map(|(place, n)| (place, depths.get(place).copied().unwrap_or_default(), n))
            .collect()
    };
    let (bad, good, news) = (of(Group::Bad), of(Group::Good), of(Group::News));
    let worst = bad.iter().fold(State::Ok, |worst, (_, _, n)| worst.worst(n.state));
    let mut facts = Vec::new();
    if !bad.is_empty() {
        let states = [State::Critical, State::Unknown, State::Warning, State::Ok].map(|state| {
            let number = bad.iter().filter(|(_, _, n)| n.state == state).count();
            (number > 0).then(|| format!("{number} {}", state.word()))
        });
        let states = states.into_iter().flatten().collect::<Vec<_>>().join(", ");
        facts.push(format!("{} bad ({states})", bad.len()));
    }
    if !good.is_empty() {
        facts.push(format!("{} recovered", good.len()));
    }
    if !news.is_empty() {
        facts.push(format!("{} other", news.len()));
    }
    let (word, tone) = match (bad.is_empty(), good.is_empty()) {
        (false, _) => (words::long(worst), Tone::from(worst)),
        (true, false) => ("RECOVERED", Tone::Good),
        (true, true) => ("INFO", Tone::News),
    };
    let facts = facts.join(", ");
    let full = notices.len() <= IN_FULL;
    let mut parts = Vec::new();
    // Even the tersest list has an end: what does not fit any more is counted.
    let mut left_out = 0usize;
    for (heading, group) in [("Bad, worst first", bad), ("Recovered", good), ("Other", news)] {
        if group.is_empty() {
            continue;
        }
        parts.push(Part::Heading(heading.to_owned()));
        for (place, depth, n) in group {
            if room.0 == 0 {
                left_out += 1;
                continue;
            }
            let evidence = place < WITH_EVIDENCE;
            let (tag, tone) = (words::tag(n), words::tone(n));
            let (headline, more) =
                if full { block(desk, n, evidence, room) } else { line(desk, n, room) };
            let part = Part::Item(Item { depth, tone, tag, headline, parts: more });
            room.takes(part.weight());
            parts.push(part);
        }
    }
    if left_out > 0 {
        parts.push(Part::Line(format!("and {left_out} more than fit here: hostwatch status")));
    }
    if !full {
        let text = "See why: hostwatch explain CHECK:NAME, as hostwatch status lists them";
        parts.push(Part::Line(text.to_owned()));
    }
    parts.push(single::also(desk, true));
    if notices.iter().any(Notice::is_problem) {
        parts.push(Part::Quiet(words::quieting(&common(depths, notices))));
    }
    Page {
        tone,
        word,
        fqdn: desk.fqdn.clone(),
        when: String::new(),
        title: facts.clone(),
        sentence: format!("{word} on {}: {facts}", desk.fqdn),
        parts,
        footer: words::footer(desk, notices),
    }
}

/// The id to keep quiet: that of the one cause, where all the others follow from it.
fn common(depths: &[usize], notices: &[Notice]) -> String {
    let one = depths.iter().filter(|depth| **depth == 0).count() == 1;
    let first = notices.first().filter(|_| one);
    first.and_then(|n| words::typed(&n.id)).unwrap_or_else(|| "CHECK:NAME".to_owned())
}

fn headline(n: &Notice, name: &str) -> String {
    let tail = match n.cause {
        Cause::Recovered => format!("was {}, lasted {}", n.worst_state.short(), n.lasted),
        _ if n.limit.is_empty() => String::new(),
        _ => format!("limit {}", n.limit),
    };
    let tail = if tail.is_empty() { tail } else { format!(" ({tail})") };
    let fact = match n.cause {
        Cause::Flapping => format!("changes too often ({}x in 1h); {}", n.changes, n.fact),
        Cause::Reminder | Cause::Unsilenced => {
            format!("{}{}, still after {}", n.fact, words::more(n), n.lasted)
        }
        Cause::Acked => format!("acknowledged; {}", n.fact),
        _ if n.is_problem() => format!("{}{}", n.fact, words::more(n)),
        _ => n.fact.clone(),
    };
    format!("{name}: {fact}{tail}")
}

/// One line. By its id, since several checks may be about one thing and nothing else here tells
/// them apart.
fn line(desk: &Desk<'_>, n: &Notice, room: &Room) -> (String, Vec<Part>) {
    let text = format!("{} {}", headline(n, &n.id.to_string()), desk.zone.short(when(n)));
    let mut parts = Vec::new();
    if n.is_problem() {
        single::further(n, room, &mut parts);
    }
    (text, parts)
}

fn block(desk: &Desk<'_>, n: &Notice, evidence: bool, room: &Room) -> (String, Vec<Part>) {
    // A problem names its id in the command below.
    let name = if n.is_problem() { n.title.clone() } else { n.id.to_string() };
    let bare = Notice { evidence: None, ..n.clone() };
    let n = if evidence { n } else { &bare };
    let mut parts = single::what(n);
    if n.is_problem() {
        single::further(n, room, &mut parts);
    }
    let word = if n.is_problem() { "since" } else { "at" };
    parts.push(Part::fact(word, desk.zone.full(when(n))));
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
    single::sections(n, &mut parts);
    single::trend(n, &mut parts);
    if n.is_problem() {
        parts.extend(words::explain(n).map(Part::Command));
        let advice = n.advice.iter().flat_map(|advice| advice.lines());
        parts.extend(advice.map(|line| Part::Line(line.to_owned())));
        let page = n.runbook.clone().filter(|page| !page.is_empty());
        parts.extend(page.map(Part::Link));
    }
    (headline(n, &name), parts)
}
