//! `hostwatch forward`: proves that an outlet works, and shows how outlets fare.

use std::path::Path;

use serde_json::json;

use super::args::ForwardCommand;
use super::ask;
use super::screen::Screen;
use crate::config;
use crate::daemon::clock::Clock;
use crate::forward::health::Health;
use crate::forward::outlet::{Mark, Proof};
use crate::forward::target::OutletPlan;
use crate::forward::{Site, dialect};
use crate::host::Host;
use crate::model::exit;
use crate::model::limit::{FORWARD_SKEW, OUTLET_TEST};
use crate::model::text::{counted, shown};
use crate::model::time::Stamp;
use crate::model::unit::{Span, Unit};
use crate::notify::when::Zone;

/// The version of the JSON format.
const FORMAT: u32 = 1;

/// Does what was asked about outlets.
#[must_use]
pub fn run(screen: &Screen, asked: &ForwardCommand) -> u8 {
    match asked {
        ForwardCommand::Test { names, config, json } => {
            test(screen, names, config.as_deref(), *json)
        }
        ForwardCommand::Status { json, connect } => status(screen, *json, connect.state.as_deref()),
    }
}

/// What became of one test.
struct Tested {
    name: String,
    /// Each with a word that says what it is about.
    lines: Vec<(&'static str, String)>,
    works: bool,
}

fn test(screen: &Screen, names: &[String], file: Option<&Path>, as_json: bool) -> u8 {
    let loaded = config::load(file, &Host::live().identity());
    let Some(plan) = loaded.plan else {
        screen.err(&loaded.diagnostics.render(screen.color));
        return exit::BAD_CONFIG;
    };
    let outlets =
        plan.forward.as_ref().map(|forward| forward.outlets.as_slice()).unwrap_or_default();
    let known: Vec<&str> = outlets.iter().map(|outlet| outlet.name.as_str()).collect();
    if known.is_empty() {
        screen.err("no outlet is configured; they stand under `forward:` in hostwatch.yaml");
        return exit::USAGE;
    }
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let list = known.join(", ");
        screen.err(&format!("no outlet is called \"{}\"; there are: {list}", shown(unknown)));
        return exit::USAGE;
    }
    let site = Site::of(&plan.host);
    let mut all = Vec::new();
    for outlet in outlets.iter().filter(|outlet| names.is_empty() || names.contains(&outlet.name)) {
        let tested = test_one(outlet, &site);
        if !as_json {
            print(screen, &tested);
        }
        all.push(tested);
    }
    if as_json {
        let outlets: Vec<_> = all
            .iter()
            .map(|tested| {
                let lines = tested.lines.iter().map(|(about, text)| json!({"about": about, "text": text}));
                json!({"name": tested.name, "works": tested.works, "lines": lines.collect::<Vec<_>>()})
            })
            .collect();
        screen.out(&json!({"v": FORMAT, "host": site.fqdn, "outlets": outlets}).to_string());
    }
    if all.iter().all(|tested| tested.works) { exit::DONE } else { exit::FAILED }
}

fn print(screen: &Screen, tested: &Tested) {
    for (about, text) in &tested.lines {
        screen.out(&format!("{:<12} {about:<9}{}", shown(&tested.name), shown(text)));
    }
}

fn test_one(plan: &OutletPlan, site: &Site) -> Tested {
    let mut lines = vec![("outlet", plan.target.to_string())];
    let outcome = dialect::open(plan, site).and_then(|mut outlet| {
        if let Some(theirs) = outlet.clock(OUTLET_TEST) {
            let ours = Clock::new().now().wall;
            let (text, close) = compare(ours, theirs);
            lines.push(("clock", text));
            if !close {
                return Err(
                    "nothing is sent while the clocks differ so much: a receiver may shut out \
                            every other host over one sample from the future"
                        .to_owned(),
                );
            }
        }
        let mark = Mark { at: Clock::new().now().wall, number: number()? };
        lines.push(("sample", format!("hostwatch_forward_test {}", mark.number)));
        outlet.test(&mark, OUTLET_TEST)
    });
    let works = outcome.is_ok();
    lines.push(match outcome {
        Ok(Proof::ReadBack(text)) => ("found", text.trim_start_matches("found ").to_owned()),
        Ok(Proof::Accepted(text)) => ("taken", text),
        Err(why) => ("FAILED", why),
    });
    Tested { name: plan.name.clone(), lines, works }
}

/// A number that no other test has had.
fn number() -> Result<u32, String> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)
        .map_err(|error| format!("the kernel gives no random number: {error}"))?;
    Ok(u32::from_le_bytes(bytes))
}

/// Both clocks in words, and whether they are close enough.
fn compare(ours: Stamp, theirs: Stamp) -> (String, bool) {
    let apart = Span::from_millis(ours.0.abs_diff(theirs.0));
    // A `Date` has whole seconds, and the answer took its time.
    if apart <= Span::from_secs(2) {
        return ("this host's and the receiver's agree".to_owned(), true);
    }
    let way = if ours > theirs { "ahead of" } else { "behind" };
    (format!("this host's is {apart} {way} the receiver's"), apart <= FORWARD_SKEW)
}

fn status(screen: &Screen, as_json: bool, state: Option<&Path>) -> u8 {
    let report = match ask::report(screen, state) {
        Ok(report) => report,
        Err(code) => return code,
    };
    if as_json {
        screen.out(&json!({"v": FORMAT, "outlets": report.outlets}).to_string());
        return exit::DONE;
    }
    if report.outlets.is_empty() {
        screen.out("no outlet is configured, or none has been heard of yet");
    }
    for health in &report.outlets {
        for line in words(health, report.at) {
            screen.out(&line);
        }
    }
    exit::DONE
}

/// One outlet in a line, and a second where something is wrong.
fn words(health: &Health, now: Stamp) -> Vec<String> {
    let numbers = &health.numbers;
    let last = match numbers.last_sent {
        Some(at) => format!("last taken {}", Zone::named("").soon(now, at)),
        None => "nothing taken yet".to_owned(),
    };
    let bytes = Unit::Bytes.show(numbers.waiting_bytes as f64);
    let lost: u64 = numbers.dropped.iter().map(|(_, count)| count).sum();
    let mut line = format!(
        "{:<12} {last}; {} sent, {} waiting ({bytes})",
        shown(&numbers.name),
        numbers.sent,
        numbers.waiting
    );
    if lost > 0 {
        let reasons = numbers.dropped.iter().map(|(reason, count)| format!("{count} {reason}"));
        line.push_str(&format!(", {lost} lost: {}", reasons.collect::<Vec<_>>().join(", ")));
    }
    let trouble = health.trouble.as_ref().map(|trouble| {
        let since = Zone::named("").soon(now, trouble.since);
        format!("{:<12} since {since}: {}", "", shown(&trouble.text))
    });
    std::iter::once(line).chain(trouble).collect()
}

/// How outlets fare, for the end of `status`: only what is wrong.
#[must_use]
pub fn troubles(outlets: &[Health]) -> Vec<String> {
    let troubled = outlets.iter().filter_map(|health| {
        let trouble = health.trouble.as_ref()?;
        let waiting = counted(
            usize::try_from(health.numbers.waiting).unwrap_or(0),
            "parcel waits",
            "parcels wait",
        );
        Some(format!("outlet {}: {}; {waiting}", shown(&health.numbers.name), shown(&trouble.text)))
    });
    troubled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_in_words() {
        let at = |seconds: i64| Stamp(seconds * 1000);
        assert_eq!(compare(at(100), at(101)).0, "this host's and the receiver's agree");
        let (text, close) = compare(at(7320), at(0));
        assert_eq!((text.as_str(), close), ("this host's is 2h2m ahead of the receiver's", false));
        let (text, close) = compare(at(0), at(60));
        assert_eq!((text.as_str(), close), ("this host's is 1m behind the receiver's", true));
    }
}
