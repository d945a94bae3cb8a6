//! `nic`: what a link negotiated against what is expected or possible, lost links, bad cables.

use std::collections::{HashMap, HashSet};

use crate::host::Host;
use crate::model::reading::{Bad, Measure, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::{Span, Unit};
use crate::parse::linkmode::LinkModes;
use crate::probe::growth::Growth;
use crate::probe::rate::float;
use crate::probe::{
    Found, Kind, KindSpec, Lane, OptionForm, OptionSpec, OptionValue, Options, Probe, Selector,
    measured, stack,
};

use expect::Expected;
use judge::{Facts, judge};
use link::{Faults, Place, Sort, Standing};

mod expect;
mod judge;
mod link;
mod modes;

/// The kind.
#[derive(Debug)]
pub struct Nic;

const SPEED: MetricId = MetricId(0);
const LINK_CHANGES: MetricId = MetricId(1);
const RX_ERRORS: MetricId = MetricId(2);
const TX_ERRORS: MetricId = MetricId(3);
const CRC_ERRORS: MetricId = MetricId(4);
const RX_DROPPED: MetricId = MetricId(5);
const TX_DROPPED: MetricId = MetricId(6);

/// Option: what a link should run at.
const EXPECT: &str = "expect";
/// Links that are judged by default; a host of containers has thousands of others.
const LINKS: &str = "links";
/// All the others.
const OTHERS: &str = "others";

/// A count of the last hour.
const fn counted(key: &'static str, phrase: &'static str, doc: &'static str) -> Metric {
    Metric { key, name: key, unit: Unit::Count, bad: Bad::High, phrase, doc }
}

static SPEC: KindSpec = KindSpec {
    name: "nic",
    title: "Network links: negotiated speed and duplex, lost links, errors.",
    doc: "Judged without being asked for: links with hardware behind them, wireless ones too. Bonds, \
bridges, VLANs, tunnels, containers' links and virtual functions only if a check selects them.\n\n\
Without `expect`, a link is compared with what both ends can do (ethtool's supported and partner's \
modes). Where the other end does not tell, only a link below 1 Gbit/s that could do more is a warning; \
a 10 Gbit/s card on a 1 Gbit/s switch is told as information. Half duplex is a warning.\n\n\
A link without carrier has no speed, whatever the driver says; nor have -1, 65535 and other numbers \
that mean unknown. A lost link is critical if it was up and carries an address, or others are built on \
it (a bridge, a VLAN); a warning if it only was up while the agent watched. A port where nothing was \
ever plugged in, or that is switched off, is no fault unless a check says what it expects there. \
Members of a bond without a link are told by the kind `bond`.\n\n\
Errors and link changes are counted over the last hour, as far as it was watched. Drops of a bond's \
spare are by design and not counted.",
    selectors: &[
        Selector { key: "name", doc: "Name of the link, such as `eno*`." },
        Selector { key: "type", doc: "`physical`, `wireless`, `vf`, `bond` or `virtual`." },
        Selector { key: "driver", doc: "Driver, such as `ixgbe`." },
        Selector { key: "mac", doc: "Address, such as `\"00:25:90:*\"`." },
    ],
    options: &[OptionSpec {
        key: EXPECT,
        form: OptionForm::Text {
            noun: "a speed, with or without a duplex",
            example: "1000baseT/Full",
            check: |text| expect::parse(text).map(drop),
        },
        doc: "What the link must run at: `1000baseT/Full`, `1000baseT-FD`, `1Gbit/s full`, `1000`. \
Without carrier it is critical.",
    }],
    metrics: &[
        Metric {
            key: "speed",
            name: "speed_bits_per_second",
            unit: Unit::BitsPerSecond,
            bad: Bad::Low,
            phrase: "runs at {}",
            doc: "Negotiated speed; none without carrier or where the driver does not know.",
        },
        counted(
            "link_changes",
            "came up or went down {} times in the last hour",
            "Times the link came up or went down within the last hour.",
        ),
        counted(
            "rx_errors",
            "{} receive errors in the last hour",
            "Frames received broken, or lost by the card, within the last hour.",
        ),
        counted(
            "tx_errors",
            "{} send errors in the last hour",
            "Frames that could not be sent within the last hour.",
        ),
        counted(
            "crc_errors",
            "{} checksum errors in the last hour",
            "Frames with a wrong checksum within the last hour: a bad cable, module or port.",
        ),
        counted(
            "rx_dropped",
            "{} received frames dropped in the last hour",
            "Received frames dropped by the kernel within the last hour, those of protocols that \
nobody asked for among them.",
        ),
        counted(
            "tx_dropped",
            "{} frames to send dropped in the last hour",
            "Frames dropped instead of sent within the last hour.",
        ),
    ],
    measures: &[
        Measure::gauge(
            "up",
            Unit::Flag,
            "Whether the link is switched on and has a carrier (below `/sys/class/net`, \
sysfs-class-net of the kernel).",
        ),
        Measure::gauge("carrier", Unit::Flag, "Whether there is a carrier."),
        Measure::counter(
            "carrier_changes_count",
            Unit::Count,
            "Times the link came up or went down since it came to be (`carrier_changes`).",
        ),
        Measure::gauge(
            "full_duplex",
            Unit::Flag,
            "Whether both sides may send at once, where the driver knows.",
        ),
    ],
    findings: Some("lost, or not what is expected or possible"),
    example: include_str!("../../../conf.d/nic.yaml"),
};

impl Kind for Nic {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        Ok(link::list(host).into_iter().map(|place| found(host, place)).collect())
    }

    fn open(&self, source: &str, options: &Options) -> Box<dyn Probe> {
        let expected = options.get(EXPECT).and_then(|value| match value {
            OptionValue::Text(text) => expect::parse(text).ok(),
            OptionValue::Number(_) => None,
        });
        Box::new(Reader {
            by_default: source == LINKS,
            expected,
            known: HashMap::new(),
            modes: HashMap::new(),
            modes_at: None,
        })
    }
}

fn found(host: &Host, place: Place) -> Found {
    let labels = link::identity(host, &place.base);
    let mut attributes = vec![("name", place.name.clone()), ("type", place.sort.word().to_owned())];
    attributes.extend(labels.iter().filter(|(key, _)| *key != "bus").cloned());
    // Hardware stands upon nothing, and of thousands of containers' links nothing is asked.
    let stacked = place.sort == Sort::Bond || place.name.contains('.');
    let upon = if stacked { stack::below_link(host, &place.name) } else { Vec::new() };
    Found {
        instance: place.name.as_str().into(),
        upon,
        title: place.name,
        source: if place.sort.by_default() { LINKS } else { OTHERS }.into(),
        lane: Lane::Own,
        attributes,
        labels,
        behind: None,
        by_default: place.sort.by_default(),
    }
}

/// How old a speed may be while the link's carrier did not change: some drivers ask their firmware.
const SPEED_AGE: Span = Span::from_secs(60);
/// How old the modes of both ends may be while no carrier changed.
const MODES_AGE: Span = Span::from_secs(600);

struct Reader {
    by_default: bool,
    expected: Option<Expected>,
    known: HashMap<String, Known>,
    modes: HashMap<String, LinkModes>,
    modes_at: Option<Moment>,
}

/// What is remembered of a link.
#[derive(Default)]
struct Known {
    standing: Standing,
    read_at: Option<Moment>,
    speed: Option<u32>,
    full_duplex: Option<bool>,
    seen_up: bool,
    changes: Growth,
    rx_errors: Growth,
    tx_errors: Growth,
    crc_errors: Growth,
    rx_dropped: Growth,
    tx_dropped: Growth,
}

impl Known {
    /// Takes the link's standing; true if it may have renegotiated.
    fn update(&mut self, host: &Host, base: &str, now: Moment) -> bool {
        let standing = link::standing(host, base);
        let changed = standing != self.standing;
        self.standing = standing;
        self.seen_up |= self.standing.carrier == Some(true);
        let off = self.standing.switched_on == Some(false);
        if off {
            // Switched off on purpose: what comes after is a new life.
            self.seen_up = false;
        }
        if off || self.standing.carrier == Some(false) {
            (self.speed, self.full_duplex, self.read_at) = (None, None, None);
            return changed;
        }
        let old = self.read_at.is_none_or(|at| now.since(at) >= SPEED_AGE);
        if changed || old {
            (self.speed, self.full_duplex) = link::negotiated(host, base);
            self.read_at = Some(now);
        }
        changed
    }

    fn measures(&self) -> Vec<Reading> {
        let flag = |yes: bool| f64::from(u8::from(yes));
        let Standing { switched_on, carrier, changes, .. } = self.standing;
        measured([
            carrier.map(|carrier| flag(carrier && switched_on != Some(false))),
            carrier.map(flag),
            changes.map(float),
            self.full_duplex.map(flag),
        ])
    }

    fn readings(&mut self, faults: Faults, now: Moment) -> Vec<Reading> {
        let mut readings = Vec::with_capacity(7);
        if let Some(speed) = self.speed {
            readings.push(Reading { metric: SPEED, value: f64::from(speed) * 1e6 });
        }
        let reserve = self.standing.reserve;
        let of = |count: Option<u64>| count.filter(|_| !reserve);
        for (metric, growth, count) in [
            (LINK_CHANGES, &mut self.changes, self.standing.changes),
            (RX_ERRORS, &mut self.rx_errors, faults.rx_errors),
            (TX_ERRORS, &mut self.tx_errors, faults.tx_errors),
            (CRC_ERRORS, &mut self.crc_errors, faults.crc_errors),
            (RX_DROPPED, &mut self.rx_dropped, of(faults.rx_dropped)),
            (TX_DROPPED, &mut self.tx_dropped, of(faults.tx_dropped)),
        ] {
            if let Some(grown) = count.and_then(|count| growth.add(now, count)) {
                readings.push(Reading { metric, value: float(grown) });
            }
        }
        readings
    }
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let by_default = self.by_default;
        let places: Vec<Place> = link::list(host)
            .into_iter()
            .filter(|place| place.sort.by_default() == by_default)
            .collect();
        self.known.retain(|name, _| places.iter().any(|place| place.name == *name));
        let mut changed = false;
        for place in &places {
            let known = self.known.entry(place.name.clone()).or_default();
            changed |= known.update(host, &place.base, now);
        }
        if changed || self.modes_at.is_none_or(|at| now.since(at) >= MODES_AGE) {
            self.modes = modes::all(host);
            self.modes_at = Some(now);
        }
        // Only who lost a link must know whether it was in use.
        let any_lost = self.known.values().any(|known| known.standing.carrier == Some(false));
        let addressed = if any_lost { link::addressed(host) } else { HashSet::new() };
        let mut seen = Vec::with_capacity(places.len());
        for place in places {
            let Some(known) = self.known.get_mut(&place.name) else { continue };
            let lost = known.standing.carrier == Some(false);
            let facts = Facts {
                standing: known.standing.clone(),
                speed: known.speed,
                full_duplex: known.full_duplex,
                wireless: place.sort == Sort::Wireless,
                modes: self.modes.get(&place.name).cloned(),
                seen_up: known.seen_up,
                addressed: addressed.contains(&place.name),
                carries_others: lost && link::carries_others(host, &place.base),
                expected: self.expected,
            };
            let readings = known.readings(link::faults(host, &place.base), now);
            let measures = known.measures();
            seen.push(Observation { measures, ..observe(&place.name, &facts, readings) });
        }
        Ok(seen)
    }
}

fn observe(name: &str, facts: &Facts, readings: Vec<Reading>) -> Observation {
    let findings = judge(facts);
    let mut summary = String::new();
    if let Some(worst) = findings.first().filter(|finding| finding.state != State::Ok) {
        summary.push_str(&format!("{}; ", worst.fact));
    }
    summary.push_str(&standing_in_words(facts));
    if let Some(bond) = &facts.standing.bond {
        summary.push_str(&format!(", member of {bond}"));
    }
    Observation { instance: name.into(), readings, summary, findings, ..Observation::default() }
}

fn standing_in_words(facts: &Facts) -> String {
    if facts.standing.switched_on == Some(false) {
        return "switched off".to_owned();
    }
    match (facts.standing.carrier, facts.speed) {
        (Some(false), _) => "no link".to_owned(),
        (_, Some(speed)) => {
            let speed = Unit::BitsPerSecond.show(f64::from(speed) * 1e6);
            match facts.full_duplex {
                Some(true) => format!("{speed} full duplex"),
                Some(false) => format!("{speed} half duplex"),
                None => speed,
            }
        }
        (Some(true), None) => "link up, speed not known".to_owned(),
        (None, None) => "state not known".to_owned(),
    }
}

#[cfg(test)]
mod tests;
