//! Runs `tests/scenarios/*.scenario`: what happens, in virtual time, and exactly which transitions
//! and mails come of it. The format is described in `tests/scenarios/README.md`.

use std::fmt::Write as _;
use std::path::PathBuf;

use hostwatch::alert::rule::Place;
use hostwatch::config::plan::{Check, DigestPlan, HeartbeatPlan, Pin, Plan};
use hostwatch::engine::event::Event;
use hostwatch::engine::order::Order;
use hostwatch::model::daytime::DayTime;
use hostwatch::model::state::State;
use hostwatch::model::unit::Span;
use hostwatch::notify::contact::Contact;

use crate::quiet_plan;
use crate::sim::{self, Device, Gives, Service, Sim};

#[test]
fn every_scenario_goes_as_written() {
    let mut failures = String::new();
    let mut count = 0;
    for path in files() {
        count += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let (given, expected) = text.split_once("\n--\n").unwrap_or((&text, ""));
        let got = run(given).join("\n");
        if std::env::var_os("HOSTWATCH_WRITE_SCENARIOS").is_some() {
            std::fs::write(&path, format!("{given}\n--\n{got}\n")).unwrap();
        } else if got.trim() != expected.trim() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            writeln!(failures, "== {name}: got\n{got}\n== expected\n{}\n", expected.trim())
                .unwrap();
        }
    }
    assert!(count >= 25, "only {count} scenarios");
    assert!(failures.is_empty(), "{failures}");
}

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "scenario"))
        .collect();
    files.sort();
    files
}

/// Plays one scenario; returns what came of it, a line each.
fn run(text: &str) -> Vec<String> {
    let mut plan = sim::plan(Vec::new());
    let mut sim: Option<Sim> = None;
    let mut actions = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match word {
            "check" => plan.checks.push(parse_check(rest).into()),
            "contact" => {
                let mail = vec![format!("{rest}@example.net")];
                plan.contacts.insert(rest.into(), Contact { mail, ..Contact::default() });
            }
            "pin" => pin(&mut plan, rest),
            "digest" => {
                let at = DayTime::parse(rest).expect("digest HH:MM");
                plan.mail.digest = Some(DigestPlan { at, to: vec!["ops".to_owned()] });
            }
            "zone" => plan.host.timezone = rest.to_owned(),
            "heartbeat" => {
                let url = "https://collector.example.net/hb/db03".to_owned();
                let heartbeat = HeartbeatPlan { url, every: span(rest), token: None };
                plan.mail.heartbeat = Some(heartbeat);
            }
            "schedule" => quiet_plan::schedule(&mut plan, rest),
            "route" => quiet_plan::route(&mut plan, rest),
            "group" => plan.mail.group_wait = span(rest),
            _ => actions.push((span(word).as_millis(), rest.trim().to_owned())),
        }
    }
    for (at, action) in actions {
        let sim = sim.get_or_insert_with(|| Sim::new(plan.clone()));
        // The world of time zero is there before the agent starts.
        if at > 0 && sim.engine.is_none() && sim.time == 0 {
            sim.start();
        }
        sim.run_until(at.max(sim.time));
        act(sim, &action);
    }
    outcome(&sim.expect("a scenario has an end"))
}

fn act(sim: &mut Sim, action: &str) {
    let words: Vec<&str> = action.split_whitespace().collect();
    match words.as_slice() {
        ["end"] => {}
        ["kill", down] => {
            sim.kill();
            sim.time += span(down).as_millis();
            sim.start();
        }
        ["stop", down] => {
            sim.stop();
            sim.time += span(down).as_millis();
            sim.start();
        }
        ["restarts", every, "until", end] => {
            let (every, end) = (span(every).as_millis(), span(end).as_millis());
            while sim.time + every < end {
                let next = sim.time + every;
                sim.run_until(next);
                sim.stop();
                sim.time += 3000;
                sim.start();
            }
        }
        ["suspend", time] => sim.suspend(span(time).as_millis()),
        ["clock", step] => {
            let ms = i64::try_from(span(&step[1..]).as_millis()).unwrap();
            sim.offset += if step.starts_with('-') { -ms } else { ms };
        }
        ["mail", how] => sim.mail = service(how),
        ["store", how] => sim.set_store(service(how)),
        ["refuse", name] => sim.refused = vec![format!("{name}@example.net")],
        ["collector", how] => sim.collector = service(how),
        ["silence", "end", what] => {
            sim.order(Order::EndSilence { what: (*what).to_owned() });
        }
        ["silence", what, until, reason @ ..] => sim.order(Order::Silence {
            what: (*what).to_owned(),
            until: quiet_plan::until(until),
            reason: reason.join(" "),
        }),
        ["ack", "end", id] => sim.order(Order::EndAck { id: (*id).to_owned() }),
        ["ack", id, until, reason @ ..] => sim.order(Order::Ack {
            id: (*id).to_owned(),
            until: quiet_plan::until(until),
            reason: reason.join(" "),
        }),
        ["routes", "none"] => {
            let mut plan = sim.plan.clone();
            plan.routing = hostwatch::config::plan::Routing::default();
            plan.checks = plan.checks.iter().map(|check| (**check).clone().into()).collect();
            sim.reload(plan);
        }
        ["explain", id] => {
            let report = sim.report();
            let instance = report.instances.iter().find(|i| i.id.to_string() == *id).unwrap();
            for one in &instance.explanation.recipients {
                let route = one.route.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
                let line = format!("explain {}{route}: {}", one.contact, one.outlook);
                sim.log.push((sim.time, line));
            }
        }
        ["flush"] => sim.event(Event::Flush),
        ["changed"] => sim.event(Event::Changed { kind: "disk" }),
        ["reload", "refused"] => {
            sim.event(Event::ReloadRefused("disk.yaml:3: unknown key".to_owned()));
        }
        ["reload"] => {
            let plan = sim.plan.clone();
            sim.reload(plan);
        }
        ["reload", "without", contact] => {
            let mut plan = sim.plan.clone();
            plan.contacts.remove(*contact);
            sim.reload(plan);
        }
        ["reload", rest @ ..] => {
            let check = parse_check(&rest.join(" "));
            let mut plan: Plan = sim.plan.clone();
            plan.checks.retain(|old| old.name != check.name);
            plan.checks.push(check.into());
            plan.checks.sort_by(|a, b| a.name.cmp(&b.name));
            sim.reload(plan);
        }
        ["pin", rest @ ..] => {
            let mut plan = sim.plan.clone();
            pin(&mut plan, &rest.join(" "));
            sim.reload(plan);
        }
        ["unpin", name] => {
            let mut plan = sim.plan.clone();
            plan.pinned.get_mut("disk").unwrap().remove(*name);
            sim.reload(plan);
        }
        [name, "serial", serial] => {
            sim.world.get_mut(*name).unwrap().serial = (*serial).to_owned();
        }
        ["remove", check] => {
            let mut plan = sim.plan.clone();
            plan.checks.retain(|old| *old.name != **check);
            sim.reload(plan);
        }
        ["device", how] => sim.set_device(match *how {
            "none" => Device::None,
            "answers" => Device::Answers,
            "silent" => Device::Silent,
            "fails" => Device::Fails,
            other => panic!("no way of a device: {other}"),
        }),
        [name, "finds", "nothing"] => sim.world.get_mut(*name).unwrap().findings.clear(),
        [name, "finds", state, key, text @ ..] => {
            let state = match *state {
                "warning" => State::Warning,
                "critical" => State::Critical,
                other => panic!("a finding is a warning or critical, not {other}"),
            };
            sim.find(name, state, if *key == "-" { "" } else { key }, &text.join(" "));
        }
        [name, "memo", memo] => {
            sim.world.get_mut(*name).unwrap().memo = Some((*memo).to_owned());
        }
        [name, "upon", others @ ..] => {
            let others = others.iter().map(|other| (*other).to_owned()).collect();
            sim.world.get_mut(*name).unwrap().upon = others;
        }
        [name, "behind", other] => {
            sim.world.get_mut(*name).unwrap().behind = Some((*other).to_owned());
        }
        [name, "gone"] => {
            sim.world.remove(*name);
        }
        [name, "own", "lane"] => sim.set_own(name, Gives::Value(10.0)),
        [name, "error"] => sim.set(name, Gives::Error("input/output error")),
        [name, "absent"] => sim.set(name, Gives::Absent),
        [name, "blank"] => sim.set(name, Gives::Blank),
        [name, "hang"] => sim.set(name, Gives::Hang),
        [name, "=", value] => sim.set(name, Gives::Value(value.parse().unwrap())),
        [name, "=", values @ ..] => {
            let values = values.iter().map(|value| value.parse().unwrap()).collect();
            sim.set(name, Gives::Pattern(values, 0));
        }
        other => panic!("not understood: {other:?}"),
    }
}

/// `a`, or `a SERIAL`.
fn pin(plan: &mut Plan, text: &str) {
    let (name, serial) = text.split_once(' ').unwrap_or((text, ""));
    let mut facts = std::collections::BTreeMap::from([("name".to_owned(), vec![name.to_owned()])]);
    if !serial.is_empty() {
        facts.insert("serial".to_owned(), vec![serial.to_owned()]);
    }
    let place = Place { file: "conf.d/10-detected.yaml".into(), line: 4 };
    plan.pinned.entry("disk").or_default().insert(name.into(), Pin { facts, place });
}

fn service(word: &str) -> Service {
    match word {
        "up" => Service::Up,
        "down" => Service::Down,
        "hangs" => Service::Hangs,
        other => panic!("a service is up, down or hangs, not {other}"),
    }
}

/// `disk: crit 90 clear 87 for 2m share 95 every 10s`.
fn parse_check(text: &str) -> Check {
    let (name, rest) = text.split_once(':').expect("check NAME: ...");
    let mut check = sim::check(name.trim());
    check.rule.crit = None;
    let mut words = rest.split_whitespace();
    let mut level = None;
    while let Some(word) = words.next() {
        if word == "improvement" {
            check.notify_improvement = true;
            continue;
        }
        let value = words.next().expect("a value for every word");
        let number = || value.parse::<f64>().unwrap();
        let current = match level {
            Some("warn") => check.rule.warn.as_mut(),
            _ => check.rule.crit.as_mut(),
        };
        match (word, current) {
            ("warn", _) => {
                check.rule.warn = Some(sim::level(number(), number(), 0, 1.0));
                level = Some("warn");
            }
            ("crit", _) => {
                check.rule.crit = Some(sim::level(number(), number(), 0, 1.0));
                level = Some("crit");
            }
            ("clear", Some(level)) => level.clauses[0].clear = number(),
            ("for", Some(level)) => level.hold = span(value),
            ("share", Some(level)) => level.share = number() / 100.0,
            ("every", _) => check.rule.every = span(value),
            ("recover", _) => check.rule.recover_for = span(value),
            ("unknown", _) => check.rule.unknown_after = span(value),
            ("remind", _) => check.remind = value.split(',').map(span).collect(),
            ("tell", _) => check.notify = value.split(',').map(str::to_owned).collect(),
            ("only", _) => {
                let glob = hostwatch::config::plan::Glob::new(value, check.place.clone()).unwrap();
                check.selection.select = vec![("name", vec![glob])];
            }
            (other, _) => panic!("not understood: {other}"),
        }
    }
    check
}

/// `2h30m`, `90s`, `0s`.
fn span(text: &str) -> Span {
    let (mut ms, mut number) = (0, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            'd' => sim::DAY,
            'h' => sim::HOUR,
            'm' => sim::MINUTE,
            's' => sim::SECOND,
            other => panic!("no unit of time: {other} in {text}"),
        };
        ms += number.parse::<u64>().unwrap_or_else(|_| panic!("no time: {text}")) * unit;
        number.clear();
    }
    assert!(number.is_empty(), "a time without a unit: {text}");
    Span::from_millis(ms)
}

/// All parts of a time, unlike a person's two.
fn exact(ms: u64) -> String {
    let mut text = String::new();
    let mut rest = ms / sim::SECOND;
    for (seconds, unit) in [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")] {
        if rest / seconds > 0 {
            write!(text, "{}{unit}", rest / seconds).unwrap();
        }
        rest %= seconds;
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Transitions and mails in the order of time.
fn outcome(sim: &Sim) -> Vec<String> {
    let mut lines: Vec<(u64, u8, String)> = Vec::new();
    for (at, line) in &sim.log {
        lines.push((*at, 0, line.clone()));
    }
    for taken in &sim.taken {
        let mut tells: Vec<String> = taken
            .tells
            .iter()
            .map(|n| {
                let follows = n.follows.as_ref().map(|id| format!(" follows {id}"));
                let follows = follows.unwrap_or_default();
                let remarks: String =
                    n.remarks.iter().map(|row| format!(" [{} {}]", row.amount, row.text)).collect();
                let further: String = n.further().map(|f| format!(" + {}", f.fact)).collect();
                let tail = format!("{follows}{remarks}");
                format!("{:?} {} {} ({}{further}){tail}", n.cause, n.id, n.state, n.fact)
                    .to_lowercase()
            })
            .collect();
        tells.sort();
        let text = if tells.is_empty() { taken.subject.clone() } else { tells.join("; ") };
        lines.push((taken.at, 1, format!("mail {}: {text}", taken.contact)));
    }
    for (at, instance, memo) in &sim.recalls {
        lines.push((*at, 0, format!("given back to {instance}: {memo}")));
    }
    lines.sort_by_key(|(at, rank, _)| (*at, *rank));
    lines.into_iter().map(|(at, _, text)| format!("{:<9} {text}", exact(at))).collect()
}
