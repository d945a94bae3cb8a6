//! The words about many notices, or many mails, in one mail: everything is named. Pure.

use std::sync::Arc;

use crate::model::state::State;
use crate::notify::mail::Mail;
use crate::notify::mime;
use crate::notify::notice::{Cause, Notice};
use crate::notify::text::{BODY_BYTES, Desk, is_problem};
use crate::notify::words::{self, fit, wrap};

/// Notices that are told with their summary and rule; more are told in a line each.
const IN_FULL: usize = 20;

/// `CRIT db03: 12 problems: /data 92% full, +11 more`.
pub(super) fn subject(desk: &Desk<'_>, notices: &[Notice]) -> String {
    let Some(first) = notices.first() else {
        return format!("INFO {}: nothing to tell", desk.host);
    };
    let count = |what: &dyn Fn(&Notice) -> bool| notices.iter().filter(|n| what(n)).count();
    let problems = count(&is_problem);
    let recovered = count(&|n| n.cause == Cause::Recovered);
    let other = notices.len() - problems - recovered;
    let mut parts = Vec::new();
    for (number, one, many) in [
        (problems, "problem", "problems"),
        (recovered, "recovered", "recovered"),
        (other, "other", "others"),
    ] {
        if number > 0 {
            parts.push(crate::model::text::counted(number, one, many));
        }
    }
    let host = crate::model::text::shorten(&desk.host, 24);
    let lead = format!("{} {host}: {}: ", words::tag(first), parts.join(", "));
    let more = format!(", +{} more", notices.len() - 1);
    // The first fact gives way before the count does.
    let whole = format!("{lead}{} {}{more}", first.title, first.fact);
    if whole.chars().count() <= words::SUBJECT {
        return whole;
    }
    let whole = format!("{lead}{}{more}", first.title);
    if whole.chars().count() <= words::SUBJECT {
        return whole;
    }
    fit(&lead, &first.title, "", "")
}

/// The body of a mail about many notices, worst first.
pub(super) fn body(desk: &Desk<'_>, notices: &[Notice]) -> String {
    let mut out = String::new();
    let (bad, rest): (Vec<&Notice>, Vec<&Notice>) = notices.iter().partition(|n| is_problem(n));
    let (good, news): (Vec<&Notice>, Vec<&Notice>) =
        rest.into_iter().partition(|n| n.cause == Cause::Recovered);
    let worst = bad.iter().fold(State::Ok, |worst, n| worst.worst(n.state));
    let mut facts = Vec::new();
    if !bad.is_empty() {
        let states = [State::Critical, State::Unknown, State::Warning, State::Ok].map(|state| {
            let number = bad.iter().filter(|n| n.state == state).count();
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
    let word = match (bad.is_empty(), good.is_empty()) {
        (false, _) => worst.word().to_uppercase(),
        (true, false) => "RECOVERED".to_owned(),
        (true, true) => "INFO".to_owned(),
    };
    wrap(&mut out, "", &format!("{word} on {}: {}", desk.fqdn, facts.join(", ")));
    let full = notices.len() <= IN_FULL;
    // Even the tersest list has an end: what does not fit any more is counted.
    let mut left_out = 0usize;
    for (heading, group) in [("Bad, worst first", bad), ("Recovered", good), ("Other", news)] {
        if group.is_empty() {
            continue;
        }
        out.push_str(&format!("\n{heading}\n"));
        for n in group {
            if out.len() > BODY_BYTES {
                left_out += 1;
            } else if full {
                block(desk, n, &mut out);
            } else {
                line(desk, n, &mut out);
            }
        }
    }
    if left_out > 0 {
        let text = format!("and {left_out} more than fit here: hostwatch status");
        wrap(&mut out, "", &text);
    }
    if !full {
        out.push('\n');
        wrap(
            &mut out,
            "",
            "See why:  hostwatch explain CHECK:NAME, as hostwatch status lists them",
        );
    }
    words::also(desk, true, &mut out);
    words::footer(desk, None, &mut out);
    out
}

fn headline(n: &Notice, name: &str) -> (String, String) {
    let lead = format!("{:<4} ", words::tag(n));
    let tail = match n.cause {
        Cause::Recovered => format!("was {}, lasted {}", n.worst_state.short(), n.lasted),
        _ if n.limit.is_empty() => String::new(),
        _ => format!("limit {}", n.limit),
    };
    let tail = if tail.is_empty() { tail } else { format!(" ({tail})") };
    let fact = match n.cause {
        Cause::Flapping => format!("changes too often ({}x in 1h); {}", n.changes, n.fact),
        _ if is_problem(n) => format!("{}{}", n.fact, words::more(n)),
        _ => n.fact.clone(),
    };
    (lead, format!("{name}: {fact}{tail}"))
}

/// One line. By its id, since several checks may be about one thing and nothing else here tells
/// them apart.
fn line(desk: &Desk<'_>, n: &Notice, out: &mut String) {
    let (lead, text) = headline(n, &n.id.to_string());
    wrap(out, &lead, &format!("{text} {}", desk.zone.short(when(n))));
    if is_problem(n) {
        words::further(n, "     also ", out);
    }
}

fn block(desk: &Desk<'_>, n: &Notice, out: &mut String) {
    // A problem names its id in the command below.
    let name = if is_problem(n) { n.title.clone() } else { n.id.to_string() };
    let (lead, text) = headline(n, &name);
    wrap(out, &lead, &text);
    if !n.summary.is_empty() && n.summary != n.fact {
        wrap(out, "     ", &n.summary);
    }
    for detail in &n.detail {
        wrap(out, "     ", detail);
    }
    if is_problem(n) {
        words::further(n, "     also ", out);
    }
    let word = if n.cause == Cause::Recovered { "at" } else { "since" };
    wrap(out, "     ", &format!("{word} {}", desk.zone.full(when(n))));
    for text in [&n.rule, &n.place].into_iter().filter(|text| !text.is_empty()) {
        wrap(out, "     ", text);
    }
    if is_problem(n) {
        if let Some(command) = words::command(n) {
            wrap(out, "     ", &command);
        }
        for line in n.advice.iter().flat_map(|advice| advice.lines()) {
            wrap(out, "     ", line);
        }
        if let Some(page) = n.runbook.as_deref().filter(|page| !page.is_empty()) {
            out.push_str(&format!("     {page}\n"));
        }
    }
}

fn when(n: &Notice) -> crate::model::time::Stamp {
    if is_problem(n) { n.since_wall } else { n.at_wall }
}

/// Subject and body of the mail that takes the place of `mails`.
pub(super) fn digest(desk: &Desk<'_>, mails: &[Arc<Mail>]) -> (String, String) {
    let since = mails.iter().map(|mail| mail.made_wall).min().unwrap_or(desk.now.wall);
    let host = crate::model::text::shorten(&desk.host, 16);
    let subject =
        format!("DIGEST {host}: {} mails held back since {}", mails.len(), desk.zone.short(since));
    let mut out = String::new();
    let text = format!(
        "DIGEST: {} mails of {} could not be sent since {}; here they are, oldest first.",
        mails.len(),
        desk.fqdn,
        desk.zone.full(since)
    );
    wrap(&mut out, "", &text);
    out.push('\n');
    for mail in mails {
        wrap(&mut out, &format!("{}  ", desk.zone.short(mail.made_wall)), &mail.subject);
    }
    // Then what each of them said, as far as there is room.
    let mut silent = 0usize;
    for mail in mails {
        let text = mime::text_of(&mail.bytes);
        let said = text.rsplit_once("\n--\n").map_or(text.as_str(), |(said, _)| said);
        if out.len() + said.len() > BODY_BYTES {
            silent += 1;
            continue;
        }
        out.push_str(&format!("\n== {}\n", desk.zone.full(mail.made_wall)));
        out.push_str(said.trim_end());
        out.push('\n');
    }
    if silent > 0 {
        wrap(&mut out, "", &format!("{silent} of them are only listed above"));
    }
    words::footer(desk, None, &mut out);
    (subject, out)
}
