//! `warn`, `crit` and `clear` of one check to its rule.
//!
//! Owns: which metric a key and a unit mean, where a state is left again, and what cannot hold
//! together (a warning beyond the critical limit, a clear on the wrong side, a hold shorter than
//! the cadence). Pure.

use super::checks::dedup;
use super::code::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::file::Check;
use super::resolve::Input;
use super::schema::{At, map, mistake, no_value, read_entry, scalar, unknown_key, wrong_shape};
use super::source::Spot;
use super::tree::{Data, Entry, Node};
use super::types::Share;
use super::units;
use crate::alert::rule::{Clause, Guard, Level};
use crate::model::reading::{Bad, Metric, MetricId};
use crate::model::unit::{Span, Unit};
use crate::probe::KindSpec;

/// Percentage points between a limit and its default clear.
const CLEAR_POINTS: f64 = 3.0;
/// Share of the limit between it and its default clear, for all other gauges.
const CLEAR_SHARE: f64 = 0.03;

/// Keys of a level that are no metrics.
const LEVEL_KEYS: &[&str] = &["for", "share", "unless"];

/// What the limits of a check are read against.
pub(super) struct Context<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) spec: &'static KindSpec,
    pub(super) check: &'a Check,
    pub(super) default_hold: Option<&'a At<Span>>,
    pub(super) every: At<Span>,
}

/// A limit with its places.
#[derive(Clone, Copy)]
struct Limit {
    metric: MetricId,
    row: &'static Metric,
    value: f64,
    spot: Spot,
}

/// A level as read.
struct Draft {
    limits: Vec<Limit>,
    guards: Vec<Guard>,
    hold: Span,
    share: f64,
    spot: Spot,
}

/// Whether `value` is at or beyond `limit` on the bad side.
fn reached(bad: Bad, value: f64, limit: f64) -> bool {
    match bad {
        Bad::High | Bad::Set => value >= limit,
        Bad::Low => value <= limit,
    }
}

/// Where a state is left when nothing is said.
///
/// The band never takes more than half of the room that the limit leaves, so that it can be left
/// at all: with `errors: 2%` it is 1%, not below zero.
#[must_use]
fn default_clear(row: &Metric, limit: f64) -> f64 {
    let band = match row.unit {
        Unit::Count | Unit::Flag => return limit,
        Unit::Percent => {
            let room = if row.bad == Bad::Low { (100.0 - limit).max(0.0) } else { limit };
            CLEAR_POINTS.min(room / 2.0)
        }
        _ => limit.abs() * CLEAR_SHARE,
    };
    match row.bad {
        Bad::High => limit - band,
        Bad::Low => limit + band,
        Bad::Set => limit,
    }
}

/// Reads every limit of one file's part of a check for its mistakes alone; what the parts amount
/// to together is judged by [`Context::levels`].
pub(super) fn proofread(
    input: &Input<'_>,
    spec: &'static KindSpec,
    part: &Check,
    findings: &mut Findings,
) {
    let every = At { value: Span::ZERO, spot: Spot::NOWHERE };
    let context = Context { input, spec, check: part, default_hold: None, every };
    let levels = [&part.warn, &part.crit].into_iter().flatten().map(|level| &level.value.0);
    for entry in levels.flat_map(Node::entries) {
        match entry.key.as_str() {
            "for" => drop(read_entry::<Span>(entry, findings)),
            "share" => drop(read_entry::<Share>(entry, findings)),
            "unless" => drop(context.guards(entry, findings)),
            _ => drop(context.limit(entry, LEVEL_KEYS, findings)),
        }
    }
    for entry in part.clear.iter().flat_map(|clear| clear.value.0.entries()) {
        let _ = context.limit(entry, &[], findings);
    }
}

impl Context<'_> {
    /// Both levels, with everything wrong about them told.
    pub(super) fn levels(&self, findings: &mut Findings) -> (Option<Level>, Option<Level>) {
        let warn = self.level("warn", self.check.warn.as_ref(), findings);
        let crit = self.level("crit", self.check.crit.as_ref(), findings);
        self.compare(warn.as_ref(), crit.as_ref(), findings);
        let clears = self.clears(warn.as_ref(), crit.as_ref(), findings);
        let finish = |draft: Draft| Level {
            findings: self.spec.findings.is_some(),
            clauses: draft
                .limits
                .iter()
                .map(|limit| Clause {
                    metric: limit.metric,
                    bad: limit.row.bad,
                    limit: limit.value,
                    clear: clears
                        .iter()
                        .find(|clear| {
                            clear.metric == limit.metric
                                && !reached(limit.row.bad, clear.value, limit.value)
                        })
                        .map_or_else(|| default_clear(limit.row, limit.value), |c| c.value),
                    unless: draft.guards.clone(),
                    place: self.input.sources.place(limit.spot),
                })
                .collect(),
            hold: draft.hold,
            share: draft.share,
            place: self.input.sources.place(draft.spot),
        };
        (warn.map(finish), crit.map(finish))
    }

    /// One level: as written, or for a kind with findings the one that is about them alone.
    fn level(
        &self,
        name: &str,
        written: Option<&At<super::types::Limits>>,
        findings: &mut Findings,
    ) -> Option<Draft> {
        if let Some(at) = written {
            return self.draft(name, at, findings);
        }
        self.spec.findings?;
        Some(Draft {
            limits: Vec::new(),
            guards: Vec::new(),
            hold: self.hold(self.check.hold.as_ref(), findings),
            share: self.check.share.as_ref().map_or(1.0, |at| at.value.0),
            spot: Spot::NOWHERE,
        })
    }

    fn draft(
        &self,
        name: &str,
        level: &At<super::types::Limits>,
        findings: &mut Findings,
    ) -> Option<Draft> {
        let node = &level.value.0;
        if let Data::Scalar(scalar) = &node.data
            && scalar.text == "false"
        {
            return None;
        }
        let entries = map(node, "a map of limits such as {used: 90%}", findings)?;
        let mut draft = Draft {
            limits: Vec::new(),
            guards: Vec::new(),
            hold: Span::ZERO,
            share: self.check.share.as_ref().map_or(1.0, |at| at.value.0),
            spot: entries.first().map_or(node.spot, |entry| entry.key_spot),
        };
        let mut hold = self.check.hold.clone();
        let mut metrics = 0;
        for entry in entries {
            match entry.key.as_str() {
                "for" => hold = read_entry::<Span>(entry, findings).or(hold),
                "share" => {
                    if let Some(share) = read_entry::<Share>(entry, findings) {
                        draft.share = share.value.0;
                    }
                }
                "unless" => draft.guards = self.guards(entry, findings),
                _ => {
                    metrics += 1;
                    draft.limits.extend(self.limit(entry, LEVEL_KEYS, findings));
                }
            }
        }
        draft.hold = self.hold(hold.as_ref(), findings);
        if metrics == 0 && self.spec.findings.is_none() {
            findings.push(
                Diagnostic::error(Code::NoLimit, draft.spot, format!("`{name}` has no limit"))
                    .label("no metric here")
                    .help(format!("add one of: {}", self.metric_keys().join(", "))),
            );
        }
        let about_findings = self.spec.findings.is_some();
        (about_findings || !draft.limits.is_empty()).then_some(draft)
    }

    /// How long a level must hold. What is written for the check must be at least one interval;
    /// what is inherited is raised to it.
    fn hold(&self, own: Option<&At<Span>>, findings: &mut Findings) -> Span {
        let every = self.every.value;
        let Some(own) = own else {
            let inherited = self.default_hold.map_or(Span::ZERO, |at| at.value);
            return if inherited == Span::ZERO { inherited } else { inherited.max(every) };
        };
        if own.value == Span::ZERO || own.value >= every {
            return own.value;
        }
        if self.input.is_admin(own.spot) {
            let mut error = Diagnostic::error(
                Code::ForShort,
                own.spot,
                format!("`for` is shorter than `every` ({every})"),
            )
            .label(format!("`0s`, or at least {every}"))
            .help("`0s` tells at the first bad reading; otherwise run the check more often");
            if self.every.spot != Spot::NOWHERE {
                error = error.also(self.every.spot, "run this often");
            }
            findings.push(error);
        }
        every
    }

    fn metric_keys(&self) -> Vec<&'static str> {
        dedup(&self.spec.metrics.iter().map(|metric| metric.key).collect::<Vec<_>>())
    }

    /// A limit: key and unit together choose the metric. `None` for a mistake and for `false`.
    fn limit(&self, entry: &Entry, others: &[&str], findings: &mut Findings) -> Option<Limit> {
        let rows: Vec<(MetricId, &'static Metric)> = self
            .spec
            .metrics
            .iter()
            .enumerate()
            .filter(|(_, metric)| metric.key == entry.key)
            .filter_map(|(row, metric)| Some((MetricId(u8::try_from(row).ok()?), metric)))
            .collect();
        if rows.is_empty() {
            let mut known = self.metric_keys();
            known.extend(others);
            let place = format!("the limits of kind `{}`", self.spec.name);
            findings.push(unknown_key(entry, Code::UnknownMetric, &place, &known));
            return None;
        }
        if entry.value.is_null() {
            findings.push(no_value(entry));
            return None;
        }
        let units: Vec<Unit> = rows.iter().map(|(_, metric)| metric.unit).collect();
        let shown: Vec<_> =
            units.iter().map(|unit| format!("`{}`", units::expected(*unit).1)).collect();
        let noun = format!("a limit such as {}", units::join(&shown, "or"));
        let value = match &entry.value.data {
            Data::Scalar(_) => scalar(&entry.value, &noun, findings)?,
            Data::Refused => return None,
            Data::List(_) | Data::Map(_) => {
                findings.push(wrong_shape(&entry.value, &noun));
                return None;
            }
        };
        if value.plain && value.text == "false" {
            return None;
        }
        let (index, number) = match units::quantity(&value.text, &units) {
            Ok(found) => found,
            Err(wrong) => {
                findings.push(mistake(*wrong, &entry.value));
                return None;
            }
        };
        let (metric, row) = rows.get(index).copied()?;
        if row.unit == Unit::Percent && number > 100.0 {
            findings.push(
                Diagnostic::error(
                    Code::Range,
                    entry.value.spot,
                    format!("{} is more than the whole", value.text),
                )
                .label("0% to 100%"),
            );
            return None;
        }
        Some(Limit { metric, row, value: number, spot: entry.value.spot })
    }

    fn guards(&self, entry: &Entry, findings: &mut Findings) -> Vec<Guard> {
        if entry.value.is_null() {
            findings.push(no_value(entry));
            return Vec::new();
        }
        let noun = "a map of limits such as {free: 500GiB}";
        let Some(entries) = map(&entry.value, noun, findings) else { return Vec::new() };
        entries
            .iter()
            .filter_map(|entry| self.limit(entry, &[], findings))
            .map(|limit| Guard { metric: limit.metric, bad: limit.row.bad, limit: limit.value })
            .collect()
    }

    /// A warning that lies beyond the critical limit and holds no shorter is never seen.
    fn compare(&self, warn: Option<&Draft>, crit: Option<&Draft>, findings: &mut Findings) {
        let (Some(warn), Some(crit)) = (warn, crit) else { return };
        if warn.hold < crit.hold || !crit.guards.is_empty() {
            return;
        }
        for low in &warn.limits {
            let Some(high) = crit.limits.iter().find(|high| high.metric == low.metric) else {
                continue;
            };
            let beyond = reached(low.row.bad, low.value, high.value)
                && !reached(low.row.bad, high.value, low.value);
            if beyond {
                let shown = low.row.unit.show(high.value);
                let side = if low.row.bad == Bad::Low { "above" } else { "below" };
                findings.push(
                    Diagnostic::error(
                        Code::WarnBeyondCrit,
                        low.spot,
                        format!("`warn` lies beyond `crit` for `{}`", low.row.key),
                    )
                    .label(format!("must be {side} {shown}"))
                    .also(high.spot, "already critical here")
                    .help(format!(
                        "`{}` is bad when it is {}",
                        low.row.key,
                        if low.row.bad == Bad::Low { "low" } else { "high" }
                    )),
                );
            }
        }
    }

    /// Limits below `clear`, each of which must lie on the good side of a level.
    fn clears(
        &self,
        warn: Option<&Draft>,
        crit: Option<&Draft>,
        findings: &mut Findings,
    ) -> Vec<Limit> {
        let Some(section) = &self.check.clear else { return Vec::new() };
        let node: &Node = &section.value.0;
        let Some(entries) = map(node, "a map of limits such as {used: 87%}", findings) else {
            return Vec::new();
        };
        let mut clears = Vec::new();
        for entry in entries {
            let Some(clear) = self.limit(entry, &[], findings) else { continue };
            let levels = warn.iter().chain(crit.iter()).flat_map(|draft| &draft.limits);
            let limits: Vec<_> = levels.filter(|limit| limit.metric == clear.metric).collect();
            let good = limits.iter().any(|limit| !reached(clear.row.bad, clear.value, limit.value));
            // A built-in clear gives way to the limits of the admin.
            if good || !self.input.is_admin(clear.spot) {
                clears.push(clear);
                continue;
            }
            // One level is enough, so the limit to get below is the most lenient one.
            let lenient = limits
                .into_iter()
                .reduce(|a, b| if reached(a.row.bad, a.value, b.value) { a } else { b });
            let Some(limit) = lenient else {
                findings.push(
                    Diagnostic::error(
                        Code::ClearNothing,
                        entry.key_spot,
                        format!("`clear` for `{}`, which has no limit", entry.key),
                    )
                    .label("neither in `warn` nor in `crit`")
                    .help("a limit and its clear have the same unit"),
                );
                continue;
            };
            let side = if clear.row.bad == Bad::Low { "above" } else { "below" };
            findings.push(
                Diagnostic::error(
                    Code::ClearSide,
                    clear.spot,
                    format!("`clear` lies on the bad side of the limit for `{}`", entry.key),
                )
                .label(format!("must be {side} {}", limit.row.unit.show(limit.value)))
                .also(limit.spot, "the limit")
                .help("a state is left when the value has come back beyond `clear`"),
            );
        }
        clears
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(unit: Unit, bad: Bad) -> Metric {
        Metric { key: "used", name: "used", unit, bad, phrase: "{}", doc: "" }
    }

    #[test]
    fn a_default_clear_can_always_be_reached() {
        for (unit, bad, limit, clear) in [
            (Unit::Percent, Bad::High, 90.0, 87.0),
            (Unit::Percent, Bad::High, 2.0, 1.0),
            (Unit::Percent, Bad::Low, 5.0, 8.0),
            (Unit::Percent, Bad::Low, 98.0, 99.0),
            (Unit::Bytes, Bad::Low, 1000.0, 1030.0),
            (Unit::Celsius, Bad::High, 100.0, 97.0),
            (Unit::Celsius, Bad::Low, -10.0, -9.7),
            (Unit::Count, Bad::High, 1.0, 1.0),
            (Unit::Flag, Bad::Set, 1.0, 1.0),
        ] {
            let found = default_clear(&row(unit, bad), limit);
            assert!((found - clear).abs() < 1e-9, "{unit:?} {bad:?} {limit}: {found}");
        }
    }
}
