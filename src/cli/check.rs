//! `hostwatch check`: judges this machine, or a recorded one, now and without the agent.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::args::Check;
use super::inventory;
use super::screen::Screen;
use super::status::Ids;
use crate::alert::judge::judge_once;
use crate::config;
use crate::config::plan::{self, Plan};
use crate::daemon::once::{Reader, Seen};
use crate::host::Host;
use crate::model::exit;
use crate::model::id::Id;
use crate::model::state::State;
use crate::model::unit::{Span, Unit};
use crate::probe::{Found, KINDS, Kind, KindSpec};

/// The version of the JSON format.
const FORMAT: u32 = 1;

/// The whole answer.
#[derive(Debug, Serialize)]
struct Answer {
    v: u32,
    host: String,
    results: Vec<Verdict>,
}

/// The verdict on one instance.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    id: String,
    check: Arc<str>,
    kind: &'static str,
    instance: Arc<str>,
    pub(super) state: State,
    pub(super) summary: String,
    pub(super) readings: BTreeMap<&'static str, f64>,
    labels: BTreeMap<&'static str, String>,
    #[serde(skip)]
    spec: &'static KindSpec,
    #[serde(skip)]
    limits: BTreeMap<&'static str, (Option<f64>, Option<f64>)>,
}

/// Judges and prints.
#[must_use]
pub fn run(screen: &Screen, asked: &Check) -> u8 {
    let ids = match Ids::new(&asked.ids) {
        Ok(ids) => ids,
        Err(error) => {
            screen.err(&error);
            return exit::UNKNOWN;
        }
    };
    let host = match &asked.root {
        Some(root) if !root.is_dir() => {
            screen.err(&format!("`{}` is not a directory", root.display()));
            return exit::UNKNOWN;
        }
        Some(root) => Host::recorded(root),
        // This run has a deadline, and no other to wait for.
        None => Host::live().waiting(),
    };
    let identity = host.identity();
    let loaded = match (&asked.config, &asked.root) {
        // A recorded machine is judged with the built-in checks unless told otherwise.
        (None, Some(_)) => config::load_files(&[], &identity),
        (file, _) => config::load(file.as_deref().map(Path::new), &identity),
    };
    let Some(plan) = loaded.plan else {
        screen.err(&loaded.diagnostics.render(screen.color));
        return exit::BAD_CONFIG;
    };
    let host = inventory::reaching(host, &plan);
    let mut results = judge_all(&host, &plan, &ids, Span::from_secs(asked.timeout));
    results.sort_by(|a, b| a.id.cmp(&b.id));
    if results.is_empty() && !asked.ids.is_empty() {
        screen.err(&format!("nothing here is checked under {}", asked.ids.join(", ")));
        return exit::UNKNOWN;
    }
    let worst = results.iter().fold(State::Ok, |worst, result| worst.worst(result.state));
    if asked.json {
        let answer = Answer { v: FORMAT, host: identity.fqdn, results };
        screen.out(&serde_json::to_string(&answer).unwrap_or_default());
    } else if asked.nagios {
        screen.out(&nagios(&results, worst));
    } else {
        let rows: Vec<(State, Vec<String>)> = results
            .iter()
            .filter(|result| !asked.quiet || result.state != State::Ok)
            .map(|result| (result.state, vec![result.id.clone(), result.summary.clone()]))
            .collect();
        if !rows.is_empty() {
            screen.table(&["STATE", "ID", "INFORMATION"], &rows);
        }
    }
    worst.exit_code()
}

fn judge_all(host: &Host, plan: &Plan, ids: &Ids, timeout: Span) -> Vec<Verdict> {
    let mut results = Vec::new();
    let mut reader = Reader::new(host.clone(), timeout);
    let mut watched: Vec<(Arc<plan::Check>, Found)> = Vec::new();
    let asked = |kind: &&dyn Kind| {
        let mut checks =
            plan.checks.iter().filter(|check| check.kind.spec().name == kind.spec().name);
        checks.any(|check| ids.may_take(&check.name))
    };
    for listed in reader.list(KINDS.iter().copied().filter(asked)) {
        let name = listed.kind.spec().name;
        match listed.found {
            Ok(found) => {
                let pairs = plan.assign(name, &found);
                watched.extend(
                    pairs
                        .into_iter()
                        .map(|(check, found)| (Arc::clone(check), found.clone()))
                        .filter(|(check, found)| {
                            ids.take(&format!("{}:{}", check.name, found.instance))
                        }),
                );
            }
            // A recording may hold one file only: what it lacks is no fault of the machine.
            Err(_) if host.is_recorded() => {}
            Err(error) => results.extend(
                plan.checks.iter().filter(|check| check.kind.spec().name == name).map(|check| {
                    let mut verdict = verdict_of(check, &Arc::from("*"), State::Unknown);
                    verdict.summary = error.to_string();
                    verdict
                }),
            ),
        }
    }
    for (check, found) in &watched {
        reader.want(check, found);
    }
    reader.read();
    results.extend(watched.iter().map(|(check, found)| judge(&reader, check, found)));
    results
}

pub(super) fn judge(reader: &Reader, check: &Arc<plan::Check>, found: &Found) -> Verdict {
    let spec = check.kind.spec();
    let mut verdict = verdict_of(check, &found.instance, State::Unknown);
    verdict.labels = found.labels.iter().cloned().collect();
    match reader.seen(check, found) {
        Seen::Observation(observation) => {
            let (state, summary) = judge_once(&check.rule, spec, observation);
            verdict.state = state;
            verdict.summary = summary;
            verdict.readings = observation
                .readings
                .iter()
                .filter_map(|reading| Some((spec.metric(reading.metric)?.name, reading.value)))
                .collect();
            verdict.limits = limits(check, spec);
        }
        Seen::Error(error) => verdict.summary = error.to_string(),
        Seen::Nothing => verdict.summary = "was not there when it was read".to_owned(),
    }
    verdict
}

fn verdict_of(check: &plan::Check, instance: &Arc<str>, state: State) -> Verdict {
    let spec = check.kind.spec();
    Verdict {
        id: Id::new(Arc::clone(&check.name), Arc::clone(instance)).to_string(),
        check: Arc::clone(&check.name),
        kind: spec.name,
        instance: Arc::clone(instance),
        state,
        summary: String::new(),
        readings: BTreeMap::new(),
        labels: BTreeMap::new(),
        spec,
        limits: BTreeMap::new(),
    }
}

/// Warning and critical limit of each metric that has one.
fn limits(
    check: &plan::Check,
    spec: &KindSpec,
) -> BTreeMap<&'static str, (Option<f64>, Option<f64>)> {
    let mut limits: BTreeMap<&'static str, (Option<f64>, Option<f64>)> = BTreeMap::new();
    for (level, critical) in [(&check.rule.warn, false), (&check.rule.crit, true)] {
        for clause in level.iter().flat_map(|level| &level.clauses) {
            let Some(metric) = spec.metric(clause.metric) else { continue };
            let entry = limits.entry(metric.name).or_default();
            if critical {
                entry.1 = Some(clause.limit);
            } else {
                entry.0 = Some(clause.limit);
            }
        }
    }
    limits
}

/// One line as the monitoring plugins' guidelines have it: service, state, text, performance data.
fn nagios(results: &[Verdict], worst: State) -> String {
    let word = worst.word().to_uppercase();
    let (service, text) = match results {
        [one] => (one.kind.to_uppercase(), format!("{} {}", one.instance, one.summary)),
        _ => {
            let bad: Vec<String> = results
                .iter()
                .filter(|result| result.state != State::Ok)
                .map(|result| format!("{} {}", result.id, result.summary))
                .collect();
            let text = match bad.as_slice() {
                [] => format!("{} checks are ok", results.len()),
                bad => format!("{} of {} bad: {}", bad.len(), results.len(), bad.join("; ")),
            };
            ("HOSTWATCH".to_owned(), text)
        }
    };
    let perfdata: Vec<String> = results.iter().flat_map(performance_data).collect();
    // A pipe would begin the performance data, a line break the long text.
    let text = crate::model::text::shown(&text).replace('|', "/");
    format!("{service} {word} - {text} | {}", perfdata.join(" ")).trim_end_matches(" | ").to_owned()
}

fn performance_data(result: &Verdict) -> Vec<String> {
    let one = |(name, value): (&&'static str, &f64)| {
        let unit = result.spec.metrics.iter().find(|m| m.name == *name).map(|m| m.unit);
        let symbol = match unit {
            Some(Unit::Percent) => "%",
            Some(Unit::Bytes) => "B",
            Some(Unit::Seconds) => "s",
            _ => "",
        };
        let (warn, crit) = result.limits.get(name).copied().unwrap_or_default();
        let limit = |limit: Option<f64>| limit.map_or_else(String::new, |l| l.to_string());
        // A quote within a label is written twice.
        let label = format!("{} {name}", result.instance).replace('\'', "''").replace('=', "_");
        format!("'{label}'={value}{symbol};{};{}", limit(warn), limit(crit))
    };
    result.readings.iter().map(one).collect()
}
