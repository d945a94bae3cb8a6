//! How a technology says what it found: one shape of instance and observation for all of them.

use std::sync::Arc;

use super::NOT_OPTIMAL;
use crate::model::finding::Finding;
use crate::model::reading::{MetricId, Observation, Reading};
use crate::model::state::State;
use crate::model::text::shown;
use crate::probe::{Found, Lane};

/// An instance of a technology; `level` may be empty where it is not known at survey.
pub(super) fn found(
    instance: &str,
    title: String,
    source: &str,
    technology: &'static str,
    level: &str,
) -> Found {
    let facts = || {
        let mut facts = vec![("technology", technology.to_owned())];
        if !level.is_empty() {
            facts.push(("level", level.to_owned()));
        }
        facts
    };
    let mut attributes = facts();
    attributes.push(("name", instance.to_owned()));
    Found {
        instance: instance.into(),
        title,
        source: source.into(),
        lane: Lane::Own,
        attributes,
        labels: facts(),
        behind: None,
        upon: Vec::new(),
        by_default: true,
    }
}

/// What is said of one instance, collected while its state is looked at.
#[derive(Debug)]
pub(super) struct Report {
    instance: Arc<str>,
    readings: Vec<Reading>,
    measures: Vec<Reading>,
    findings: Vec<Finding>,
}

impl Report {
    /// Nothing said yet.
    pub(super) fn new(instance: &str) -> Self {
        Self {
            instance: instance.into(),
            readings: Vec::new(),
            measures: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Adds a fact. It should read well after the instance's name.
    pub(super) fn say(&mut self, state: State, code: &str, fact: String, detail: Vec<String>) {
        let detail = detail.iter().map(|line| shown(line).into_owned()).collect();
        let fact = shown(&fact).into_owned();
        self.findings.push(Finding {
            state,
            code: code.to_owned(),
            key: String::new(),
            fact,
            detail,
        });
    }

    /// Tells the fact that was said last from others of its code: one more lost disk is news,
    /// although the array was critical before.
    pub(super) fn distinguish(&mut self, key: String) {
        if let Some(finding) = self.findings.last_mut() {
            finding.key = key;
        }
    }

    /// Adds a value.
    pub(super) fn measure(&mut self, metric: MetricId, value: f64) {
        self.readings.push(Reading { metric, value });
    }

    /// Brings what is for collectors alone.
    pub(super) fn bring(&mut self, measures: Vec<Reading>) {
        self.measures = measures;
    }

    /// Adds a number of things.
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53 members, errors, sectors")]
    pub(super) fn count(&mut self, metric: MetricId, count: u64) {
        self.measure(metric, count as f64);
    }

    /// Worst state said so far.
    pub(super) fn worst(&self) -> State {
        self.findings.iter().fold(State::Ok, |worst, finding| worst.worst(finding.state))
    }

    /// Whether anything was said.
    pub(super) fn has_said(&self) -> bool {
        !self.findings.is_empty()
    }

    /// The observation. Its summary is `what` (`raid1, 2 disks`) and every fact, worst first.
    pub(super) fn finish(mut self, what: &str) -> Observation {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.state.rank()));
        let bad = self.worst() != State::Ok;
        self.readings.insert(0, Reading { metric: NOT_OPTIMAL, value: f64::from(u8::from(bad)) });
        let facts: Vec<&str> = self.findings.iter().map(|finding| finding.fact.as_str()).collect();
        let summary = match (bad, facts.is_empty()) {
            (false, true) => format!("{what}, optimal"),
            (false, false) => format!("{what}, optimal; {}", facts.join("; ")),
            (true, _) => format!("{what}; {}", facts.join("; ")),
        };
        Observation {
            instance: self.instance,
            readings: self.readings,
            measures: self.measures,
            summary: shown(&summary).into_owned(),
            findings: self.findings,
            ..Observation::default()
        }
    }
}

/// `1 disk`, `2 disks`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
