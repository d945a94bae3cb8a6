//! Schedules, routes and ends of quiet as tests write them, and what the plan makes of them.

use hostwatch::alert::rule::Place;
use hostwatch::config::plan::{Glob, Plan, Route, Routing};
use hostwatch::engine::order::Until;
use hostwatch::model::state::State;
use hostwatch::model::unit::Span;
use hostwatch::notify::hours::{Hours, Minute};

/// `night mon,tue 22:00 07:00`; `all` for every day.
pub(crate) fn schedule(plan: &mut Plan, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, on, from, to] = words.as_slice() else { panic!("NAME DAYS FROM TO: {text}") };
    let mut days = [*on == "all"; 7];
    for (day, name) in days.iter_mut().zip(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]) {
        *day |= on.split(',').any(|word| word == name);
    }
    let hours = Hours { days, from: minute(from), to: minute(to) };
    plan.routing.hours.insert((*name).to_owned(), hours);
}

fn minute(text: &str) -> Minute {
    let (hour, minute) = text.split_once(':').unwrap();
    Minute(hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap())
}

/// `state warn,crit check GLOB instance GLOB schedule NAME not NAME to ops,boss hold`.
pub(crate) fn route(plan: &mut Plan, text: &str) {
    let number = plan.routing.routes.len() + 1;
    let line = u32::try_from(number).unwrap() + 10;
    let place = Place { file: "hostwatch.yaml".into(), line };
    let mut route = Route { number, place, ..Route::default() };
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word == "hold" {
            route.hold = true;
            continue;
        }
        let value = words.next().unwrap();
        let glob = || vec![Glob::new(value, Place::default()).unwrap()];
        match word {
            "state" => route.states = value.split(',').map(state).collect(),
            "check" => route.checks = glob(),
            "instance" => route.instances = glob(),
            "schedule" => route.schedule = Some(value.to_owned()),
            "not" => route.not_schedule = Some(value.to_owned()),
            "to" if value == "-" => route.to = Vec::new(),
            "to" => route.to = value.split(',').map(str::to_owned).collect(),
            other => panic!("not understood: {other}"),
        }
    }
    let Routing { hours, mut routes, .. } = std::mem::take(&mut plan.routing);
    routes.push(route);
    plan.routing = Routing::new(hours, routes);
}

fn state(word: &str) -> State {
    match word {
        "warn" => State::Warning,
        "crit" => State::Critical,
        "unknown" => State::Unknown,
        other => panic!("no state: {other}"),
    }
}

/// `2h`, or a time.
pub(crate) fn until(text: &str) -> Until {
    let unit = match text.chars().last() {
        Some('d') => 86_400,
        Some('h') => 3600,
        Some('m') => 60,
        _ => return Until::At(text.to_owned()),
    };
    Until::For(Span::from_secs(text[..text.len() - 1].parse::<u64>().unwrap() * unit))
}
