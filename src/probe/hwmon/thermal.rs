//! Thermal zones of the processor, for machines where no hwmon chip shows its temperature.

use super::channel::can_be_felt;
use super::chip::clean;
use super::measures;
use super::temperature::{VALUE, is_cpu};
use crate::host::Host;
use crate::host::dir::names;
use crate::host::file::read_line;
use crate::model::finding::Finding;
use crate::model::reading::{Observation, ProbeError, Reading};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::parse::hwmon::{Sensor, value};
use crate::probe::{Found, Lane, Probe};

const CLASS: &str = "sys/class/thermal";
/// What a source of this file begins with.
const PREFIX: &str = "thermal zone ";
/// Zones of one machine, and trip points of one zone.
const ZONES: usize = 256;
const TRIPS: usize = 32;

/// The processor's zones: unique names and folders.
fn zones(host: &Host) -> Result<Vec<(String, String)>, ProbeError> {
    let names = match names(host, CLASS) {
        Err(ProbeError::Absent(_)) => return Ok(Vec::new()),
        other => other?,
    };
    let mut zones: Vec<(String, String)> = Vec::new();
    for name in names.iter().filter(|name| name.starts_with("thermal_zone")).take(ZONES) {
        let folder = format!("{CLASS}/{name}");
        let Ok(kind) = read_line(host, &format!("{folder}/type")) else { continue };
        if !is_cpu(&kind) {
            continue;
        }
        let kind = clean(&kind);
        let same = zones
            .iter()
            .filter(|(name, _)| *name == kind || name.starts_with(&format!("{kind} ")))
            .count();
        let name = if same == 0 { kind } else { format!("{kind} {}", same + 1) };
        zones.push((name, folder));
    }
    Ok(zones)
}

/// The zones as instances.
pub(super) fn survey(host: &Host) -> Result<Vec<Found>, ProbeError> {
    let found = zones(host)?.into_iter().map(|(name, _)| Found {
        instance: name.as_str().into(),
        title: name.clone(),
        source: format!("{PREFIX}{name}").into(),
        // A zone may ask firmware.
        lane: Lane::Own,
        attributes: vec![
            ("name", name.clone()),
            ("sensor", name.clone()),
            ("chip", name.clone()),
            ("device", name.clone()),
        ],
        labels: vec![("chip", name)],
        behind: None,
        upon: Vec::new(),
        by_default: true,
    });
    Ok(found.collect())
}

/// A probe, if the source is a zone.
pub(super) fn open(source: &str) -> Option<Box<dyn Probe>> {
    Some(Box::new(Zone { name: source.strip_prefix(PREFIX)?.to_owned() }))
}

struct Zone {
    name: String,
}

impl Probe for Zone {
    fn read(&mut self, host: &Host, _: Moment) -> Result<Vec<Observation>, ProbeError> {
        let (_, folder) = zones(host)?
            .into_iter()
            .find(|(name, _)| *name == self.name)
            .ok_or_else(|| ProbeError::Absent(format!("{PREFIX}{} is not there", self.name)))?;
        let text = read_line(host, &format!("{folder}/temp"))?;
        let celsius = value(Sensor::Temperature, &text)
            .filter(|celsius| can_be_felt(Sensor::Temperature, *celsius))
            .ok_or_else(|| {
                ProbeError::Malformed(format!("`{text}` is no temperature of {}", self.name))
            })?;
        let limit = |kind: &str| trip(host, &folder, kind);
        let (hot, critical) = (limit("hot"), limit("critical"));
        let shown = Unit::Celsius.show(celsius);
        let mut findings = Vec::new();
        for (limit, state, word) in
            [(critical, State::Critical, "critical"), (hot, State::Warning, "hot")]
        {
            let Some(limit) = limit.filter(|limit| celsius >= *limit && findings.is_empty()) else {
                continue;
            };
            let limit = Unit::Celsius.show(limit);
            findings.push(Finding {
                state,
                code: format!("above-{word}"),
                key: String::new(),
                fact: format!("{shown}, at or above its {word} trip point {limit}"),
                detail: vec![format!("Thermal zone {}.", self.name)],
            });
        }
        let summary = match critical {
            Some(limit) => {
                format!("{shown} (critical {}), thermal zone", Unit::Celsius.show(limit))
            }
            None => format!("{shown}, thermal zone"),
        };
        Ok(vec![Observation {
            instance: self.name.as_str().into(),
            readings: vec![Reading { metric: VALUE, value: celsius }],
            measures: measures::of([hot, critical, None, None]),
            summary,
            findings,
            ..Observation::default()
        }])
    }
}

/// The lowest trip point of a sort that can be true.
fn trip(host: &Host, folder: &str, sort: &str) -> Option<f64> {
    let mut lowest: Option<f64> = None;
    for number in 0..TRIPS {
        let point = format!("{folder}/trip_point_{number}");
        let Ok(found) = read_line(host, &format!("{point}_type")) else { break };
        let limit = read_line(host, &format!("{point}_temp")).ok();
        let limit = limit.and_then(|text| value(Sensor::Temperature, &text));
        let Some(limit) = limit.filter(|l| found == sort && *l > 1.0 && *l < 200.0) else {
            continue;
        };
        lowest = Some(lowest.map_or(limit, |lowest| lowest.min(limit)));
    }
    lowest
}
