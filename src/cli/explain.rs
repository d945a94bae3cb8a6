//! `hostwatch explain`: why an instance is in its state, and who is told.

use super::args::Explain;
use super::ask;
use super::screen::Screen;
use crate::engine::status::{Instance, Report};
use crate::model::exit;
use crate::model::text::shown;

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
    if asked.json {
        screen.out(&serde_json::to_string(instance).unwrap_or_default());
    } else {
        print(screen, instance);
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

fn print(screen: &Screen, instance: &Instance) {
    let line = |name: &str, text: &str| {
        screen.out(&format!("  {name:<7}  {}", shown(text)));
    };
    let state = screen.state(instance.state, 0);
    screen.out(&format!("{} is {state} for {}", shown(&instance.id.to_string()), instance.lasted));
    line("now", &instance.summary);
    for (rule, place) in &instance.explanation.levels {
        line("rule", &format!("{rule}    {place}"));
    }
    line("", &instance.explanation.clears);
    line("", &instance.explanation.cadence);
    for progress in &instance.windows {
        line(
            "window",
            &format!(
                "{}: bad for {} of {}, {} of {} samples",
                progress.level, progress.held, progress.needs, progress.bad, progress.seen
            ),
        );
    }
    if let Some(changes) = instance.explanation.flapping {
        line("flaps", &format!("{changes} changes within the hour: no mail until it is steady"));
    }
    for told in &instance.explanation.told {
        line("mail", told);
    }
    for told in &instance.explanation.told_last {
        line("told", told);
    }
    for advice in &instance.explanation.advice {
        line("advice", advice);
    }
    for (name, value) in &instance.readings {
        line("read", &format!("{name} = {value}"));
    }
}
