//! `hostwatch explain`: why an instance is in its state, and who is told.

use super::args::Explain;
use super::ask;
use super::culprits;
use super::screen::Screen;
use crate::engine::status::{Instance, Progress, Quieted, Recipient, Report, Way};
use crate::model::exit;
use crate::model::text::shown;
use crate::notify::when::Zone;
use crate::probe::KINDS;

/// Asks and prints.
#[must_use]
pub fn run(screen: &Screen, asked: &Explain) -> u8 {
    let report = match ask::report(screen, asked.connect.state.as_deref()) {
        Ok(report) => report,
        Err(code) => return code,
    };
    let Some(instance) = report.instances.iter().find(|i| i.id.to_string() == asked.id) else {
        screen.err(&not_watched(&asked.id, &report));
        return exit::FAILED;
    };
    if !asked.json {
        print(screen, instance, &report);
    }
    let culprits = asked.culprits.then(|| culprits::look(screen, instance, report.at));
    match (asked.json, &culprits) {
        (true, None) => screen.out(&serde_json::to_string(instance).unwrap_or_default()),
        (true, Some(found)) => screen.out(&culprits::json(instance, found)),
        (false, Some(found)) => culprits::print(screen, found),
        (false, None) => {}
    }
    exit::DONE
}

fn not_watched(id: &str, report: &Report) -> String {
    let nearest = report
        .instances
        .iter()
        .map(|instance| instance.id.to_string())
        .min_by_key(|known| strsim::damerau_levenshtein(known, id));
    match nearest {
        Some(nearest) => format!("`{id}` is not watched; did you mean `{nearest}`?"),
        None => format!("`{id}` is not watched; nothing is"),
    }
}

fn print(screen: &Screen, instance: &Instance, report: &Report) {
    let line = |name: &str, text: &str| {
        if !text.is_empty() {
            screen.out(&format!("  {name:<8}  {}", shown(text)));
        }
    };
    let explanation = &instance.explanation;
    let state = screen.state(instance.state, 0);
    let heading = match instance.windows.iter().find(|progress| progress.way == Way::Entering) {
        Some(next) => format!(", heading for {}", next.level),
        None => String::new(),
    };
    let id = instance.id.to_string();
    screen.out(&format!("{} is {state} for {}{heading}", shown(&id), instance.lasted));
    line("now", &instance.summary);
    for level in &explanation.levels {
        line(level.level.word(), &format!("{}    {}", level.rule, level.place));
    }
    line("", &explanation.clears);
    line("", &explanation.cadence);
    for progress in &instance.windows {
        line("window", &window(progress, report));
    }
    if let Some(changes) = explanation.flapping {
        line("flaps", &format!("{changes} changes within the hour: no mail until it is steady"));
    }
    for (quiet, name) in [(&instance.silence, "silenced"), (&instance.ack, "acked")] {
        if let Some(Quieted { by, until, reason, .. }) = quiet {
            let until = Zone::named("").soon(report.at, *until);
            line(name, &format!("by {by} until {until}: {reason}"));
        }
    }
    for recipient in &explanation.recipients {
        line("mail", &mail(recipient));
    }
    if explanation.recipients.is_empty() {
        line("mail", "nobody is told: neither a route nor `notify` of this check names a contact");
    }
    for advice in &explanation.advice {
        line("advice", advice);
    }
    let spec = KINDS.iter().map(|kind| kind.spec()).find(|spec| spec.name == instance.kind);
    for (name, value) in &instance.readings {
        let metric = spec.and_then(|spec| spec.metrics.iter().find(|m| m.name == name));
        let value = metric.map_or_else(|| value.to_string(), |metric| metric.unit.show(*value));
        line("reading", &format!("{name} = {value}"));
    }
}

/// `bad for 41m of 2h30m, 246 of 246 samples; would be warning at Mon 05:01`.
fn window(progress: &Progress, report: &Report) -> String {
    let Progress { level, held, needs, counted, seen, .. } = progress;
    let (word, end) = match progress.way {
        Way::Entering => ("bad", format!("would be {level} at")),
        Way::Leaving => ("good", "would be over at".to_owned()),
    };
    let mut text = format!("{word} for {held} of {needs}, {counted} of {seen} samples");
    match progress.due {
        Some(due) => {
            let left = report.at.until(due);
            text.push_str(&format!("; {end} {} (in {left})", Zone::named("").short(due)));
        }
        None if progress.way == Way::Entering => {
            text.push_str("; too many were good for it to fire soon");
        }
        None => {}
    }
    text
}

/// `ops (ops@example.net): was told; told again when it gets worse or is over; 2 mails`.
fn mail(recipient: &Recipient) -> String {
    let Recipient { contact, addresses, route, outlook, mails, .. } = recipient;
    let told = match (recipient.told, mails) {
        (None, _) => String::new(),
        (Some(state), 1) => format!("; 1 mail, it said {state}"),
        (Some(state), n) => format!("; {n} mails, the last said {state}"),
    };
    let route = route.as_ref().map(|route| format!("; {route}")).unwrap_or_default();
    format!("{contact} ({}{route}): {outlook}{told}", addresses.join(", "))
}
