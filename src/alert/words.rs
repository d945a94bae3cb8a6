//! A rule and a fact in words: the one place where limits become text, for mails, `status`,
//! `explain` and `check`. Pure.

use crate::alert::rule::{Clause, Guard, Level, Place, Rule};
use crate::model::kind::KindSpec;
use crate::model::reading::{Bad, Metric, MetricId, Observation, ProbeError};
use crate::model::state::State;
use crate::model::unit::Span;

/// `92% full`: a metric's phrase with a value.
#[must_use]
pub fn fact(metric: &Metric, value: f64) -> String {
    metric.phrase.replace("{}", &metric.unit.show(value))
}

/// The fact that a clause is about, from what was read; empty when it was not read.
#[must_use]
pub fn fact_of(spec: &KindSpec, clause: &Clause, seen: &Observation) -> String {
    match (spec.metric(clause.metric), seen.get(clause.metric)) {
        (Some(metric), Some(value)) => fact(metric, value),
        _ => String::new(),
    }
}

/// The limit of a clause, short: `90%`; empty for a yes/no metric.
#[must_use]
pub fn limit(spec: &KindSpec, clause: &Clause) -> String {
    match clause.bad {
        Bad::Set => String::new(),
        Bad::High | Bad::Low => shown(spec, clause.metric, clause.limit),
    }
}

/// The short fact when nothing can be read.
#[must_use]
pub fn lost(error: &ProbeError) -> &'static str {
    match error {
        ProbeError::Absent(_) => "not there",
        ProbeError::Denied(_) => "reading denied",
        ProbeError::Unsupported(_) => "not supported here",
        ProbeError::Malformed(_) => "answer makes no sense",
        ProbeError::TimedOut(_) => "no answer",
        ProbeError::Failed(_) => "cannot be read",
    }
}

/// `used >= 90% for 2m, 95% of samples`: when a level is entered.
#[must_use]
pub fn level(spec: &KindSpec, level: &Level) -> String {
    let mut clauses: Vec<String> = level.clauses.iter().map(|c| clause(spec, c)).collect();
    clauses.extend(spec.findings.map(str::to_owned));
    let mut text = clauses.join(" or ");
    if level.hold > Span::ZERO {
        text.push_str(&format!(" for {}", level.hold));
        if level.share < 1.0 {
            let share = crate::model::unit::Unit::Percent.show(level.share * 100.0);
            text.push_str(&format!(", {share} of samples"));
        }
    }
    text
}

/// `clears below 87% for 5m`: when a state is left. Of two levels, the one that is left last.
#[must_use]
pub fn clears(spec: &KindSpec, rule: &Rule, state: State) -> String {
    let level = match state {
        State::Critical => rule.crit.as_ref(),
        _ => rule.warn.as_ref().or(rule.crit.as_ref()),
    };
    let Some(level) = level else { return String::new() };
    let several = level.clauses.len() + usize::from(spec.findings.is_some()) > 1;
    let mut parts: Vec<String> = level
        .clauses
        .iter()
        .map(|clause| {
            let key = spec.metric(clause.metric).map_or("?", |metric| metric.key);
            let clear = shown(spec, clause.metric, clause.clear);
            let name = if several { format!("{key} ") } else { String::new() };
            match clause.bad {
                Bad::High => format!("{name}below {clear}"),
                Bad::Low => format!("{name}above {clear}"),
                Bad::Set => format!("when not {key}"),
            }
        })
        .collect();
    parts.extend(spec.findings.map(|_| "when that is over".to_owned()));
    let hold = if rule.recover_for > Span::ZERO {
        format!(" for {}", rule.recover_for)
    } else {
        String::new()
    };
    format!("clears {}{hold}", parts.join(" and "))
}

/// The rule of a state in one line: `crit when used >= 90% for 2m; clears below 87% for 5m`.
#[must_use]
pub fn rule(spec: &KindSpec, rule: &Rule, state: State) -> String {
    let (word, chosen) = match state {
        State::Critical => ("crit", rule.crit.as_ref()),
        State::Unknown => {
            return format!("unknown when nothing was read for {}", rule.unknown_after);
        }
        State::Warning | State::Ok => match &rule.warn {
            Some(level) => ("warn", Some(level)),
            None => ("crit", rule.crit.as_ref()),
        },
    };
    let Some(chosen) = chosen else { return String::new() };
    format!("{word} when {}; {}", level(spec, chosen), clears(spec, rule, state))
}

/// `conf.d/fs.yaml:14`; empty when it stands nowhere.
#[must_use]
pub fn place(place: &Place) -> String {
    if place.file.is_empty() {
        String::new()
    } else if place.line == 0 {
        place.file.to_string()
    } else {
        format!("{}:{}", place.file, place.line)
    }
}

fn clause(spec: &KindSpec, clause: &Clause) -> String {
    let mut text = comparison(spec, clause.metric, clause.bad, clause.limit, false);
    let unless: Vec<String> = clause.unless.iter().map(|g| guard(spec, g)).collect();
    if !unless.is_empty() {
        text.push_str(&format!(" unless {}", unless.join(" or ")));
    }
    text
}

/// A guard spares on the good side of its limit.
fn guard(spec: &KindSpec, guard: &Guard) -> String {
    comparison(spec, guard.metric, guard.bad, guard.limit, true)
}

fn comparison(spec: &KindSpec, metric: MetricId, bad: Bad, limit: f64, good: bool) -> String {
    let key = spec.metric(metric).map_or("?", |metric| metric.key);
    let sign = match (bad, good) {
        (Bad::High, false) => ">=",
        (Bad::High, true) => "<",
        (Bad::Low, false) => "<=",
        (Bad::Low, true) => ">",
        (Bad::Set, false) => return key.to_owned(),
        (Bad::Set, true) => return format!("not {key}"),
    };
    format!("{key} {sign} {}", shown(spec, metric, limit))
}

fn shown(spec: &KindSpec, metric: MetricId, value: f64) -> String {
    spec.metric(metric).map_or_else(String::new, |metric| metric.unit.show(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::unit::Unit;

    const SPEC: KindSpec = KindSpec {
        name: "disk",
        title: "",
        doc: "",
        selectors: &[],
        options: &[],
        metrics: &[
            Metric {
                key: "used",
                name: "used_percent",
                unit: Unit::Percent,
                bad: Bad::High,
                phrase: "{} full",
                doc: "",
            },
            Metric {
                key: "free",
                name: "free_bytes",
                unit: Unit::Bytes,
                bad: Bad::Low,
                phrase: "{} free",
                doc: "",
            },
            Metric {
                key: "read_only",
                name: "read_only",
                unit: Unit::Flag,
                bad: Bad::Set,
                phrase: "read-only",
                doc: "",
            },
        ],
        measures: &[],
        findings: None,
        example: "",
    };

    fn clause(metric: u8, bad: Bad, limit: f64, clear: f64) -> Clause {
        Clause {
            metric: MetricId(metric),
            bad,
            limit,
            clear,
            unless: Vec::new(),
            place: Place::default(),
        }
    }

    #[test]
    fn a_rule_reads_as_a_person_would_say_it() {
        let place = Place { file: "conf.d/fs.yaml".into(), line: 14 };
        let mut used = clause(0, Bad::High, 90.0, 87.0);
        used.unless.push(Guard { metric: MetricId(1), bad: Bad::Low, limit: 500.0 * 1024.0 });
        let rule = Rule {
            warn: Some(Level {
                findings: false,
                clauses: vec![clause(1, Bad::Low, 1024.0, 2048.0), clause(2, Bad::Set, 1.0, 1.0)],
                hold: Span::from_secs(9000),
                share: 0.95,
                place: place.clone(),
            }),
            crit: Some(Level {
                findings: false,
                clauses: vec![used],
                hold: Span::from_secs(120),
                share: 1.0,
                place,
            }),
            every: Span::from_secs(30),
            recover_for: Span::from_secs(300),
            unknown_after: Span::from_secs(900),
        };
        assert_eq!(
            super::rule(&SPEC, &rule, State::Critical),
            "crit when used >= 90% unless free > 500 KiB for 2m; clears below 87% for 5m"
        );
        assert_eq!(
            super::rule(&SPEC, &rule, State::Warning),
            "warn when free <= 1 KiB or read_only for 2h30m, 95% of samples; \
             clears free above 2 KiB and when not read_only for 5m"
        );
        let crit = rule.crit.as_ref().unwrap();
        assert_eq!(level(&SPEC, crit), "used >= 90% unless free > 500 KiB for 2m");
        assert_eq!(super::place(&crit.place), "conf.d/fs.yaml:14");
        assert_eq!(fact(&SPEC.metrics[0], 92.0), "92% full");
    }
}
