//! `schedules` and `routes`: who is told of what, and when. Owns the reading of both sections; which
//! route takes what happens is for the engine to see.

use std::collections::{BTreeMap, BTreeSet};

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, nearest, quoted};
use super::plan::{Glob, Route, Routing};
use super::resolve::{Input, references, unknown_name};
use super::schema::{At, Shape, Value, scalar, section, words};
use super::selection::compile;
use super::tree::Node;
use super::types::{Labels, List, Named, Reference, Text};
use crate::model::limit::ROUTES;
use crate::model::state::State;
use crate::notify::hours::{Hours, Minute};

section! {
    /// Hours of the week, in the host's time zone.
    Schedule as "a schedule" {
        /// On which days they begin.
        "days" => days: List<Day>, else "every day";
        /// When they begin.
        "from" => from: TimeOfDay = "00:00";
        /// When they end; on the next day where that is not later than `from`.
        "to" => to: TimeOfDay = "24:00";
    }
}

section! {
    /// Who is told. The first route whose `when` fits is taken; where none does, the check's
    /// `notify` holds. It is taken when something becomes bad: who was told hears of the rest too,
    /// whatever the routes say by then.
    RouteSection as "a route" {
        /// What must be so; without it the route takes everything.
        "when" => when: When;
        /// Names of contacts to tell; `[]` tells nobody.
        "to" => to: List<Reference>;
        /// Whether mail waits until the hours of `when` are over. It is never dropped, and what
        /// gets worse and goes by another route goes at once.
        "hold" => hold: bool = "false";
    }
}

section! {
    /// What a route takes. All that is given must fit, of each list one entry.
    When as "`when` of a route" {
        /// The states that are told.
        "state" => state: List<StateWord>;
        /// Kinds of check; `agent` for the agent's own faults.
        "kind" => kind: List<Text>;
        /// Globs of checks.
        "check" => check: List<Text>;
        /// Globs of instances.
        "instance" => instance: List<Text>;
        /// Labels of the host, or facts of the instance: `{role: db}`.
        "label" => label: Labels;
        /// Only within these hours.
        "schedule" => schedule: Reference;
        /// Only outside of these hours.
        "not_schedule" => not_schedule: Reference;
    }
}

words! {
    /// A state that is told.
    StateWord = "a state that is told" {
        /// The warning state.
        "warn" => State::Warning;
        /// The warning state.
        "warning" => State::Warning;
        /// The critical state.
        "crit" => State::Critical;
        /// The critical state.
        "critical" => State::Critical;
        /// It cannot be judged.
        "unknown" => State::Unknown;
    } -> State
}

words! {
    /// A day of the week.
    Day = "a day" {
        /// Monday.
        "mon" => 0;
        /// Tuesday.
        "tue" => 1;
        /// Wednesday.
        "wed" => 2;
        /// Thursday.
        "thu" => 3;
        /// Friday.
        "fri" => 4;
        /// Saturday.
        "sat" => 5;
        /// Sunday.
        "sun" => 6;
    } -> usize
}

/// A time of day, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(pub Minute);

impl Value for TimeOfDay {
    fn shape() -> Shape {
        Shape::Text {
            noun: "a time of day",
            pattern: Some("^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$".to_owned()),
            example: "\"22:00\"",
        }
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "a time of day such as \"22:00\"", findings)?;
        let minutes = scalar.text.split_once(':').and_then(|(hour, minute)| {
            let number = |text: &str| {
                let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
                digits.then(|| text.parse::<u16>().ok())?
            };
            let (hour, minute) = (number(hour)?, number(minute)?);
            let known = (hour < 24 && minute < 60) || (hour, minute) == (24, 0);
            known.then_some(hour * 60 + minute)
        });
        if minutes.is_none() {
            findings.push(
                Diagnostic::error(
                    Code::Text,
                    node.spot,
                    format!("`{}` is not a time of day", quoted(&scalar.text)),
                )
                .label("hours and minutes, `00:00` to `24:00`")
                .help("write it as \"22:00\""),
            );
        }
        minutes.map(|minutes| Self(Minute(minutes)))
    }
}

/// The schedules and the routes that use them.
pub(super) fn routing(
    schedules: Option<&At<Named<Schedule>>>,
    routes: Option<&At<List<RouteSection>>>,
    contacts: &BTreeSet<&str>,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Routing {
    let hours: BTreeMap<String, Hours> = schedules
        .iter()
        .flat_map(|at| &at.value.0)
        .map(|(name, schedule)| (name.value.clone(), hours(&schedule.value)))
        .collect();
    let mut list: Vec<Route> = Vec::new();
    let sections: &[At<RouteSection>] = routes.map_or(&[], |at| &at.value);
    if let Some(route) = sections.get(ROUTES) {
        findings.push(
            Diagnostic::error(Code::TooMany, route.spot, "too many routes")
                .label(format!("at most {ROUTES}")),
        );
        return Routing::default();
    }
    for (section, number) in sections.iter().zip(1..) {
        let route = route(section, number, &hours, contacts, input, findings);
        let covering = list.iter().find(|before| before.covers(&route));
        if let Some(before) = covering {
            findings.push(
                Diagnostic::warning(
                    Code::UnreachableRoute,
                    section.spot,
                    format!("route {number} is never taken"),
                )
                .label(format!(
                    "route {} ({}) takes all of it before",
                    before.number,
                    crate::alert::words::place(&before.place)
                ))
                .help("put the narrower route first"),
            );
        }
        list.push(route);
    }
    Routing::new(hours, list)
}

fn hours(section: &Schedule) -> Hours {
    let mut days = [section.days.is_none(); 7];
    for day in section.days.iter().flat_map(|days| &days.value) {
        if let Some(day) = days.get_mut(day.value.0) {
            *day = true;
        }
    }
    let minute = |at: &Option<At<TimeOfDay>>| at.as_ref().map_or(Minute(0), |at| at.value.0);
    Hours { days, from: minute(&section.from), to: minute(&section.to) }
}

fn route(
    section: &At<RouteSection>,
    number: usize,
    hours: &BTreeMap<String, Hours>,
    contacts: &BTreeSet<&str>,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Route {
    let RouteSection { when, to, hold } = &section.value;
    let place = input.sources.place(section.spot);
    let mut route = Route { number, place, ..Route::default() };
    match to {
        Some(names) => route.to = references(&names.value, contacts, input, findings),
        None => findings.push(
            Diagnostic::error(Code::Missing, section.spot, "a route needs `to`")
                .label("who is told?")
                .help("add `to: [ops]`, or `to: []` to tell nobody"),
        ),
    }
    let nothing = When::default();
    if let Some(when) = when
        && when.value == nothing
    {
        findings.push(
            Diagnostic::warning(Code::EmptyWhen, when.spot, "an empty `when` takes everything")
                .label("nothing must be so")
                .help("leave `when` out if that is meant"),
        );
    }
    let when = when.as_ref().map_or(&nothing, |at| &at.value);
    route.states = when.state.iter().flat_map(|list| &list.value).map(|at| at.value.0).collect();
    route.kinds = when
        .kind
        .iter()
        .flat_map(|list| &list.value)
        .inspect(|kind| check_kind(kind, input, findings))
        .map(|kind| kind.value.clone())
        .collect();
    route.checks = globs(when.check.as_ref(), input, findings);
    route.instances = globs(when.instance.as_ref(), input, findings);
    route.labels = when.label.iter().flat_map(|labels| labels.value.0.iter().cloned()).collect();
    route.schedule = schedule(when.schedule.as_ref(), hours, input, findings);
    route.not_schedule = schedule(when.not_schedule.as_ref(), hours, input, findings);
    let Some(hold) = hold.as_ref().filter(|hold| hold.value) else { return route };
    route.hold = true;
    if when.schedule.is_none() && when.not_schedule.is_none() {
        findings.push(
            Diagnostic::error(Code::HoldEnd, hold.spot, "`hold` needs hours that end")
                .label("until when?")
                .help("add `schedule: NAME` or `not_schedule: NAME` to `when`"),
        );
    }
    let endless = route.schedule.as_ref().and_then(|name| hours.get(name));
    if let (Some(name), false) = (&when.schedule, endless.is_none_or(Hours::have_an_end)) {
        findings.push(
            Diagnostic::error(
                Code::HoldEnd,
                name.spot,
                format!("schedule `{}` holds for the whole week", name.value.0),
            )
            .label("mail would be held for ever"),
        );
    }
    route
}

fn check_kind(kind: &At<Text>, input: &Input<'_>, findings: &mut Findings) {
    let names = input.kinds.iter().map(|kind| kind.spec().name).chain(["agent"]);
    let names: Vec<&str> = names.collect();
    if names.contains(&kind.value.as_str()) {
        return;
    }
    let message = format!("unknown kind `{}`", quoted(&kind.value));
    let found = Diagnostic::error(Code::UnknownKind, kind.spot, message).label("no such kind");
    findings.push(match nearest(&kind.value, names.iter().copied()) {
        Some(near) => found.help(format!("did you mean `{near}`?")).fix(kind.spot, near),
        None => found.help(format!("kinds: {}", names.join(", "))),
    });
}

fn globs(list: Option<&At<List<Text>>>, input: &Input<'_>, findings: &mut Findings) -> Vec<Glob> {
    let items = list.iter().flat_map(|list| &list.value);
    items.filter_map(|item| compile(&item.value, item.spot, input.sources, findings)).collect()
}

fn schedule(
    name: Option<&At<Reference>>,
    hours: &BTreeMap<String, Hours>,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let name = name?;
    let written = input
        .merged
        .entry("schedules")
        .is_some_and(|schedules| schedules.value.entry(&name.value.0).is_some());
    if !hours.contains_key(&name.value.0) && input.whole && !written {
        let known: Vec<&str> = hours.keys().map(String::as_str).collect();
        findings.push(unknown_name(name, "schedule", &known));
    }
    Some(name.value.0.clone())
}

#[cfg(test)]
mod tests {
    use super::super::load_text;
    use crate::model::id::HostIdentity;

    fn told(text: &str) -> String {
        let text = format!("contacts: {{ops: {{mail: [ops@example.net]}}}}\n{text}");
        load_text(&[("a.yaml", &text)], &HostIdentity::default()).diagnostics.render(false)
    }

    #[test]
    fn mistakes_are_told_at_their_place() {
        let night = "schedules: {night: {from: \"22:00\", to: \"07:00\"}}\n";
        for (text, code, words) in [
            ("routes: [{to: [obs]}]\n", "E037", "contact `obs` is not defined"),
            ("routes: [{when: {schedule: nigt}, to: [ops]}]\n", "E037", "similar name exists"),
            ("routes: [{when: {kind: [filesytem]}, to: [ops]}]\n", "E032", "mean `filesystem`?"),
            ("routes: [{when: {state: [recovered]}, to: [ops]}]\n", "E024", "expected `warn`"),
            ("routes: [{when: {check: [\"a[\"]}, to: [ops]}]\n", "E025", "is not a glob"),
            ("routes: [{when: {colour: red}, to: [ops]}]\n", "E034", "unknown key `colour`"),
            ("routes: [{when: {state: [warn]}}]\n", "E030", "a route needs `to`"),
            ("routes: [{hold: true, to: [ops]}]\n", "E060", "`hold` needs hours that end"),
            ("routes: [{when: {}, to: [ops]}]\n", "W110", "an empty `when`"),
            ("routes:\n  - {to: [ops]}\n  - {to: []}\n", "W111", "route 2 is never taken"),
            ("schedules: {day: {from: \"7:00\"}}\n", "E025", "is not a time of day"),
            ("schedules: {day: {days: [monday]}}\n", "E024", "did you mean `mon`?"),
        ] {
            let rendered = told(&format!("{night}{text}").replacen(
                if text.starts_with("schedules") { night } else { "\u{0}" },
                "",
                1,
            ));
            assert!(rendered.contains(code) && rendered.contains(words), "{text}: {rendered}");
            assert!(rendered.contains("a.yaml:"), "{rendered}");
        }
        let always =
            "schedules: {all: {}}\nroutes: [{when: {schedule: all}, hold: true, to: [ops]}]";
        assert!(told(always).contains("holds for the whole week"));
    }

    #[test]
    fn routes_are_read_with_their_numbers_and_places() {
        let text = "contacts: {ops: {mail: [o@h]}, boss: {mail: [b@h]}}
schedules: {night: {days: [mon, fri], from: \"22:00\", to: \"07:00\"}}
routes:
  - {when: {state: [crit, unknown], label: {role: db}}, to: [boss, ops]}
  - {when: {state: warn, schedule: night}, hold: true, to: [ops]}
";
        let loaded = load_text(&[("a.yaml", text)], &HostIdentity::default());
        assert_eq!(loaded.diagnostics.render(false), "");
        let routing = loaded.plan.unwrap().routing;
        let [first, second] = routing.routes.as_slice() else { panic!("two routes") };
        assert_eq!((first.number, first.place.line, first.to.len()), (1, 4, 2));
        assert_eq!((second.number, second.place.line, second.hold), (2, 5, true));
        assert_eq!(second.schedule.as_deref(), Some("night"));
        assert!(routing.hours["night"].days[4] && !routing.hours["night"].days[5]);
    }
}
