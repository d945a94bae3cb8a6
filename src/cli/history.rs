//! `hostwatch history`: what a number did, from the files of the history and the newest minutes of
//! a running agent. Shows numbers; judges none.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::args::Connect;
use super::plot::{self, Level, Look};
use super::screen::Screen;
use crate::config::{self, units};
use crate::daemon::request::Request;
use crate::daemon::scribe::with_cause;
use crate::daemon::{control, paths};
use crate::evidence::calendar::{Calendar, roughly};
use crate::evidence::curve::{Past, Steps};
use crate::evidence::trend::label;
use crate::host::Host;
use crate::model::exit;
use crate::model::history::{Curve, Point, minute_of, rfc3339};
use crate::model::id::Id;
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::time::Stamp;
use crate::store::error::StoreError;
use crate::store::history::{Entry, Wanted, catalog, curves, in_order};

/// Shown below the help.
pub const EXAMPLES: &str = "Examples:
  hostwatch history                                  what there is
  hostwatch history filesystem:/data --since 7d --plot
  hostwatch history bandwidth:eno1 --metric tx_percent
  hostwatch history temperature:CPU1 --since 30d --csv > cpu1.csv

Exit codes: 0 done, 1 nothing is kept under that name, 64 wrong usage, 77 no privilege.";

/// Rows of a table, and of a plot, that fit a screen.
const TABLE_ROWS: u32 = 25;
const PLOT_ROWS: usize = 16;
/// Version of the JSON.
const FORMAT: u32 = 1;

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The id, such as `filesystem:/data` [default: list what there is]
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// The number, such as `used_percent` [default: the first; with --csv and --json, all]
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<String>,
    /// How far back
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub since: String,
    /// Draw a curve, with the limits of the configuration
    #[arg(long, conflicts_with_all = ["csv", "json"])]
    pub plot: bool,
    /// Print every minute as comma-separated values; times are RFC 3339 in UTC
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print every minute as JSON
    #[arg(long)]
    pub json: bool,
    /// Configuration from which the limits in a plot are
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to find the agent.
    #[command(flatten)]
    pub connect: Connect,
}

/// Reads and prints.
#[must_use]
pub fn run(screen: &Screen, asked: &Arguments) -> u8 {
    let since = match units::span(&asked.since) {
        Ok(span) => span,
        Err(mistake) => {
            screen.err(&format!("--since: {}; {}", mistake.message, mistake.help));
            return exit::USAGE;
        }
    };
    let state = asked.connect.state.as_deref();
    let directory = paths::history(&paths::state_of_the_agent(state));
    let now = minute_of(Stamp(jiff::Timestamp::now().as_millisecond()));
    let minutes = u32::try_from(since.as_millis() / 60_000).unwrap_or(u32::MAX).max(1);
    let reach = (now.saturating_sub(minutes), now);
    let done = match &asked.id {
        None => list(screen, asked, &directory),
        Some(id) => one(screen, asked, &directory, id, reach),
    };
    done.unwrap_or_else(|error| {
        screen.err(&with_cause(&error));
        match error.source.kind() {
            ErrorKind::PermissionDenied => {
                screen.err("the history is the agent's own; try it with sudo");
                exit::NO_PRIVILEGE
            }
            _ => exit::FAILED,
        }
    })
}

/// What a running agent holds and has not written yet; nothing where none answers.
fn recent(state: Option<&Path>, id: Option<&str>) -> Vec<Curve> {
    let request = Request::Recent { id: id.map(str::to_owned) };
    let answer = control::request(&paths::sockets_to_try(state), &request);
    answer.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// One number and how it is known.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    id: String,
    kind: &'a str,
    metric: &'a str,
    from: String,
    to: String,
    points: usize,
}

fn list(screen: &Screen, asked: &Arguments, directory: &Path) -> Result<u8, StoreError> {
    let entries = known(asked, directory)?;
    if entries.is_empty() {
        screen.err(&nothing(directory));
        return Ok(exit::FAILED);
    }
    let calendar = Calendar::named("");
    let listed = |entry: &Entry| (entry.series.id.to_string(), entry.series.metric.to_string());
    if asked.json {
        for entry in &entries {
            let (id, _) = listed(entry);
            let line = Listed {
                id,
                kind: &entry.series.kind,
                metric: &entry.series.metric,
                from: rfc3339(entry.first),
                to: rfc3339(entry.last),
                points: entry.points,
            };
            screen.out(&serde_json::to_string(&line).unwrap_or_default());
        }
        return Ok(exit::DONE);
    }
    let rows = entries.iter().map(|entry| {
        let (id, metric) = listed(entry);
        let since = calendar.full(entry.first);
        vec![shown(&id).into_owned(), metric, since, entry.points.to_string()]
    });
    table(screen, &["ID", "METRIC", "SINCE", "MINUTES"], rows.collect(), 3);
    Ok(exit::DONE)
}

/// Everything of which something is kept, on the disk or in the agent.
fn known(asked: &Arguments, directory: &Path) -> Result<Vec<Entry>, StoreError> {
    let mut entries = catalog(directory)?;
    for curve in recent(asked.connect.state.as_deref(), None) {
        let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) else {
            continue;
        };
        match entries.iter_mut().find(|entry| entry.series == curve.series) {
            Some(entry) => {
                entry.last = entry.last.max(last.minute);
                entry.points += curve.points.len();
            }
            None => entries.push(Entry {
                first: first.minute,
                last: last.minute,
                points: curve.points.len(),
                series: curve.series,
            }),
        }
    }
    entries.sort_by(|a, b| a.series.cmp(&b.series));
    Ok(entries)
}

fn nothing(directory: &Path) -> String {
    format!(
        "no history is kept in `{}`: a running agent writes one there every few minutes; name its \
         state directory with `--state DIR`",
        directory.display()
    )
}

fn one(
    screen: &Screen,
    asked: &Arguments,
    directory: &Path,
    text: &str,
    reach: (u32, u32),
) -> Result<u8, StoreError> {
    let Some(id) = Id::parse(text) else { return unknown(screen, asked, directory, text) };
    let wanted = Wanted { kind: None, id: Some(&id), metric: asked.metric.as_deref() };
    let mut found = curves(directory, &wanted, reach)?;
    for newer in recent(asked.connect.state.as_deref(), Some(text)) {
        if asked.metric.as_deref().is_some_and(|metric| metric != newer.series.metric) {
            continue;
        }
        match found.iter_mut().find(|curve| curve.series == newer.series) {
            Some(curve) => {
                curve.points.extend(newer.points);
                curve.points = in_order(std::mem::take(&mut curve.points));
            }
            None => found.push(newer),
        }
    }
    for curve in &mut found {
        curve.points.retain(|point| (reach.0..=reach.1).contains(&point.minute));
    }
    found.retain(|curve| !curve.points.is_empty());
    if found.is_empty() {
        return unknown(screen, asked, directory, text);
    }
    let judged = judged(asked, &id);
    // The number that is judged first is what people mean.
    found.sort_by_key(|curve| {
        judged.iter().position(|(m, ..)| *m == curve.series.metric).unwrap_or(usize::MAX)
    });
    if asked.json {
        json(screen, &found);
    } else if asked.csv {
        csv(screen, &found);
    } else if let Some((curve, others)) = found.split_first() {
        let limits: Vec<Level> = judged
            .iter()
            .filter(|(metric, ..)| *metric == curve.series.metric)
            .map(|(_, state, limit)| Level { state: *state, limit: *limit })
            .collect();
        text_of(screen, asked, curve, &limits, reach);
        let others: Vec<&str> = others.iter().map(|curve| &*curve.series.metric).collect();
        if !others.is_empty() {
            screen.err(&format!("also kept: --metric {}", others.join(", --metric ")));
        }
    }
    Ok(exit::DONE)
}

fn unknown(
    screen: &Screen,
    asked: &Arguments,
    directory: &Path,
    text: &str,
) -> Result<u8, StoreError> {
    let entries = known(asked, directory)?;
    let of_id: Vec<&Entry> = entries.iter().filter(|e| e.series.id.to_string() == text).collect();
    let nearest = |names: &mut dyn Iterator<Item = String>, wrong: &str| {
        names.min_by_key(|known| strsim::damerau_levenshtein(known, wrong))
    };
    let name = shown(text);
    screen.err(&match (of_id.first(), asked.metric.as_deref()) {
        (Some(_), Some(metric)) if !of_id.iter().any(|e| e.series.metric == metric) => {
            let mut known = of_id.iter().map(|entry| entry.series.metric.to_string());
            let near = nearest(&mut known, metric).unwrap_or_default();
            format!("`{name}` has no `{}` in the history; did you mean `{near}`?", shown(metric))
        }
        (Some(_), _) => {
            let last = of_id.iter().map(|entry| entry.last).max().unwrap_or(0);
            let last = Calendar::named("").full(last);
            let since = shown(&asked.since);
            format!("nothing of `{name}` is kept of the last {since}; the newest is of {last}")
        }
        (None, _) => match nearest(&mut entries.iter().map(|e| e.series.id.to_string()), text) {
            Some(near) => {
                format!("nothing of `{name}` is kept; did you mean `{}`?", shown(&near))
            }
            None => nothing(directory),
        },
    });
    Ok(exit::FAILED)
}

/// The limits of the check in the configuration, by metric, the critical ones first. None where
/// there is no such check or no configuration that holds.
fn judged(asked: &Arguments, id: &Id) -> Vec<(&'static str, State, f64)> {
    let loaded = config::load(asked.config.as_deref(), &Host::live().identity());
    let Some(plan) = loaded.plan else { return Vec::new() };
    let Some(check) = plan.checks.iter().find(|check| check.name == id.check) else {
        return Vec::new();
    };
    let spec = check.kind.spec();
    let levels = [(State::Critical, &check.rule.crit), (State::Warning, &check.rule.warn)];
    levels
        .into_iter()
        .filter_map(|(state, level)| Some((state, level.as_ref()?)))
        .flat_map(|(state, level)| level.clauses.iter().map(move |clause| (state, clause)))
        .filter_map(|(state, clause)| Some((spec.metric(clause.metric)?.name, state, clause.limit)))
        .collect()
}

fn text_of(screen: &Screen, asked: &Arguments, curve: &Curve, limits: &[Level], reach: (u32, u32)) {
    let calendar = Calendar::named("");
    let past = Past { points: curve.points.clone() };
    let first = past.points.first().map_or(reach.0, |point| point.minute);
    let last = past.points.last().map_or(reach.1, |point| point.minute);
    // What is older than the first point was never sampled, or is long gone; the minute that is
    // not over, and the one before it, are no gap.
    let end = if reach.1.saturating_sub(last) <= 2 { last } else { reach.1 };
    let reach = (reach.0.max(first), end);
    let series = &curve.series;
    let id = series.id.to_string();
    screen.out(&format!(
        "{}  {} ({}), {} to {}",
        shown(&id),
        label(&series.kind, &series.metric),
        series.metric,
        roughly(f64::from(reach.1 - reach.0)),
        calendar.full(reach.1),
    ));
    if asked.plot {
        let look = Look { columns: screen.columns(), rows: PLOT_ROWS, ..Look::of_terminal(screen) };
        for line in plot::draw(&past, series.unit, limits, reach, &calendar, look) {
            screen.out(&line);
        }
        return;
    }
    let steps = aligned(&past, &calendar, reach);
    let minutes = (0..).map(|n: u32| steps.from + n * steps.width);
    let rows = steps.steps.iter().zip(minutes).map(|(step, minute)| {
        let values = |point: &Point| [point.min, point.mean, point.max].map(f64::from);
        let cells = step.as_ref().map(values).map(|values| values.map(|v| series.unit.show(v)));
        let [min, mean, max] = cells.unwrap_or_else(|| ["-".to_owned(), "-".into(), "-".into()]);
        vec![calendar.full(minute), min, mean, max]
    });
    table(screen, &["TIME", "MIN", "MEAN", "MAX"], rows.collect(), 1);
}

/// Steps that begin at round times of the wall clock, as many as a screen shows.
fn aligned(past: &Past, calendar: &Calendar, (from, to): (u32, u32)) -> Steps {
    let width = past.steps(from, to, TABLE_ROWS).width;
    let from = from.saturating_sub(calendar.past_multiple(from, width));
    past.steps(from, to, (to - from) / width + 1)
}

/// Columns from `right` on are numbers.
fn table(screen: &Screen, head: &[&str], rows: Vec<Vec<String>>, right: usize) {
    let mut rows = rows;
    rows.insert(0, head.iter().map(|cell| (*cell).to_owned()).collect());
    let width = |column: usize| {
        let lengths =
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        lengths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column >= right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        screen.out(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn json(screen: &Screen, found: &[Curve]) {
    #[derive(Serialize)]
    struct At {
        at: String,
        min: f32,
        mean: f32,
        max: f32,
    }
    #[derive(Serialize)]
    struct Line<'a> {
        id: String,
        check: &'a str,
        instance: &'a str,
        kind: &'a str,
        metric: &'a str,
        points: Vec<At>,
    }
    #[derive(Serialize)]
    struct Whole<'a> {
        v: u32,
        curves: Vec<Line<'a>>,
    }
    let point = |p: &Point| At { at: rfc3339(p.minute), min: p.min, mean: p.mean, max: p.max };
    let lines = found.iter().map(|curve| Line {
        id: curve.series.id.to_string(),
        check: &curve.series.id.check,
        instance: &curve.series.id.instance,
        kind: &curve.series.kind,
        metric: &curve.series.metric,
        points: curve.points.iter().map(point).collect(),
    });
    let whole = Whole { v: FORMAT, curves: lines.collect() };
    screen.out(&serde_json::to_string(&whole).unwrap_or_default());
}

fn csv(screen: &Screen, found: &[Curve]) {
    screen.out("time,id,metric,min,mean,max");
    for curve in found {
        let id = curve.series.id.to_string();
        // RFC 4180; what a terminal or a spreadsheet would act on is spelled out.
        let id = format!("\"{}\"", shown(&id).replace('"', "\"\""));
        for p in &curve.points {
            let time = rfc3339(p.minute);
            screen.out(&format!(
                "{time},{id},{},{},{},{}",
                curve.series.metric, p.min, p.mean, p.max
            ));
        }
    }
}
