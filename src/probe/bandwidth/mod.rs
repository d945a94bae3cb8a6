//! `bandwidth`: how much each link carries in each direction, in bits a second and in percent of
//! what it can.
//!
//! `procfs` and `sysinfo` have the counters without the speed; `sysinfo` turns a counter that
//! cannot be read into 0, which looks like a reset. One kept descriptor serves all links.

use std::collections::HashMap;
use std::sync::Arc;

use crate::host::file::{KeptFile, Shape, read};
use crate::host::{Host, dir};
use crate::model::reading::{Bad, Measure, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::parse::net::{LinkCounters, net_dev};
use crate::probe::rate::{Interval, float, increase, most};
use crate::probe::{
    FIRST_RUN, Found, Kind, KindSpec, Lane, OptionForm, OptionSpec, OptionValue, Options, Probe,
    Selector, measured, numbers, stack,
};

use link::{Link, Sort, sort_of};

mod link;

/// The kind.
#[derive(Debug)]
pub struct Bandwidth;

const RX_PERCENT: MetricId = MetricId(0);
const RX_BITS: MetricId = MetricId(1);
const TX_PERCENT: MetricId = MetricId(2);
const TX_BITS: MetricId = MetricId(3);

/// Key of the option that stands for a link's negotiated speed.
const CAPACITY: &str = "capacity";

/// A row of the table of measures.
const fn total(name: &'static str, unit: Unit, doc: &'static str) -> Measure {
    Measure::counter(name, unit, doc)
}

static SPEC: KindSpec = KindSpec {
    name: "bandwidth",
    title: "How much each network link receives and sends.",
    doc: "One instance is one link of `/proc/net/dev`. Watched without being asked for: links with \
hardware behind them, and bonds. Bridges, VLANs, tunnels, containers' links and the like only if a check \
selects them.\n\n\
Percent is of the speed that the link negotiated. A link without carrier has none, nor has one whose \
driver does not know it or, being virtual, makes it up: there `rx` and `tx` can be limited in bits a \
second, or `capacity` says what the link can carry (a provider's 200 Mbit/s behind a 1 Gbit/s port).",
    selectors: &[
        Selector { key: "name", doc: "Name of the link, such as `eno*`." },
        Selector { key: "type", doc: "`physical`, `bond` or `virtual`." },
    ],
    options: &[OptionSpec {
        key: CAPACITY,
        form: OptionForm::Number(Unit::BitsPerSecond),
        doc: "What the link can carry in each direction, in place of its negotiated speed.",
    }],
    metrics: &[
        Metric {
            key: "rx",
            name: "rx_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "receives {} of what it can",
            doc: "Received, in percent of the negotiated speed or of `capacity`.",
        },
        Metric {
            key: "rx",
            name: "rx_bits_per_second",
            unit: Unit::BitsPerSecond,
            bad: Bad::High,
            phrase: "receives {}",
            doc: "Received.",
        },
        Metric {
            key: "tx",
            name: "tx_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "sends {} of what it can",
            doc: "Sent, in percent of the negotiated speed or of `capacity`.",
        },
        Metric {
            key: "tx",
            name: "tx_bits_per_second",
            unit: Unit::BitsPerSecond,
            bad: Bad::High,
            phrase: "sends {}",
            doc: "Sent.",
        },
    ],
    measures: &[
        total(
            "rx_bytes",
            Unit::Bytes,
            "Bytes received since the link came to be (`/proc/net/dev`, proc_pid_net(5)).",
        ),
        total("rx_packets_count", Unit::Count, "Packets received."),
        total("rx_errors_count", Unit::Count, "Packets received broken."),
        total(
            "rx_dropped_count",
            Unit::Count,
            "Packets received and dropped by the kernel, or missed by the card.",
        ),
        total("tx_bytes", Unit::Bytes, "Bytes sent."),
        total("tx_packets_count", Unit::Count, "Packets sent."),
        total("tx_errors_count", Unit::Count, "Packets that could not be sent."),
        total("tx_dropped_count", Unit::Count, "Packets dropped instead of sent."),
    ],
    findings: None,
    example: include_str!("../../../conf.d/bandwidth.yaml"),
};

const NET_DEV: &str = "proc/net/dev";
/// A line has a name of at most 15 bytes and sixteen numbers of at most twenty digits.
const RECORDS: Shape = Shape::Records(512);

impl Kind for Bandwidth {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let text = match read(host, NET_DEV, RECORDS) {
            Err(ProbeError::Absent(_)) if host.is_recorded() => return Ok(Vec::new()),
            other => other?,
        };
        // Recordings often lack the links' folders; then the name must do.
        let described = dir::exists(host, "sys/class/net");
        let mut found: Vec<Found> = Vec::new();
        for (name, _) in net_dev(&text) {
            let sort = sort_of(host, name, described);
            let word = sort.word().to_owned();
            // Only a bond or a VLAN (`bond0.7`) stands upon another link: of thousands of containers'
            // links nothing is asked every minute.
            let upon = match sort {
                Sort::Virtual if !name.contains('.') => Vec::new(),
                _ => stack::of_link(host, name),
            };
            let one = Found {
                instance: name.into(),
                title: name.to_owned(),
                source: "net/dev".into(),
                lane: Lane::Inline,
                attributes: vec![("name", name.to_owned()), ("type", word.clone())],
                labels: vec![("type", word)],
                behind: None,
                upon,
                by_default: sort != Sort::Virtual,
            };
            if !found.iter().any(|other| other.instance == one.instance) {
                found.push(one);
            }
        }
        Ok(found)
    }

    fn is_fixture(&self, _: &Found) -> bool {
        // Kind `nic` says that a link is gone; once is enough.
        false
    }

    fn open(&self, _: &str, options: &Options) -> Box<dyn Probe> {
        Box::new(Reader {
            net_dev: KeptFile::new(NET_DEV, RECORDS),
            interval: Interval::default(),
            capacity: options
                .get(CAPACITY)
                .and_then(OptionValue::number)
                .filter(|bits| *bits > 0.0),
            links: HashMap::new(),
            run: 0,
        })
    }
}

struct Reader {
    net_dev: KeptFile,
    interval: Interval,
    capacity: Option<f64>,
    links: HashMap<Arc<str>, Known>,
    run: u64,
}

#[derive(Debug)]
struct Known {
    link: Link,
    last: Option<LinkCounters>,
    seen_in: u64,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let text = self.net_dev.read(host)?;
        let seconds = self.interval.advance(now);
        self.run += 1;
        let mut seen = Vec::with_capacity(self.links.len());
        for (name, counters) in net_dev(text) {
            if !self.links.contains_key(name) {
                let link = Link::new(host, name);
                self.links.insert(name.into(), Known { link, last: None, seen_in: 0 });
            }
            let Some((name, _)) = self.links.get_key_value(name) else { continue };
            let name = name.clone();
            let Some(known) = self.links.get_mut(&name) else { continue };
            if known.link.refresh(host, now) {
                // Another link under the old name: its counters are its own.
                known.last = None;
            }
            known.seen_in = self.run;
            let before = known.last.replace(counters);
            let rates = before.zip(seconds).and_then(|(before, seconds)| {
                Rates::of(before, counters, seconds, known.link.speed_bits()).or_else(|| {
                    // Faster than its speed: perhaps the speed rose since it was read.
                    let raised = known.link.reread(host, now);
                    Rates::of(before, counters, seconds, raised.then(|| known.link.speed_bits())?)
                })
            });
            let one = observe(name, rates, self.capacity.or(known.link.speed_bits()));
            seen.push(Observation { measures: measures(counters), ..one });
        }
        let run = self.run;
        self.links.retain(|_, known| known.seen_in == run);
        Ok(seen)
    }
}

/// More than any link carries, in bits a second, where its speed is not known.
const MOST_BITS_A_SECOND: f64 = 2e12;

/// What a link carried between two readings, in bits a second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    rx: f64,
    tx: f64,
}

impl Rates {
    /// None if a counter was reset, or rose by more than the link can carry. Never more than the
    /// negotiated speed: drivers that count late make one interval look fuller than it can be.
    fn of(
        before: LinkCounters,
        after: LinkCounters,
        seconds: f64,
        speed_bits: Option<f64>,
    ) -> Option<Self> {
        let rate = |before: u64, after: u64| {
            let possible = most(seconds, speed_bits.unwrap_or(MOST_BITS_A_SECOND) / 8.0);
            // Without a known speed a fallen counter is never taken for a wrap.
            let advance = match speed_bits {
                Some(_) => increase(before, after, Some(possible))?,
                None => increase(before, after, None).filter(|advance| *advance <= possible)?,
            };
            Some((float(advance) * 8.0 / seconds).min(speed_bits.unwrap_or(f64::MAX)))
        };
        Some(Self {
            rx: rate(before.rx_bytes, after.rx_bytes)?,
            tx: rate(before.tx_bytes, after.tx_bytes)?,
        })
    }
}

fn observe(instance: Arc<str>, rates: Option<Rates>, capacity: Option<f64>) -> Observation {
    let Some(rates) = rates else {
        return numbers(instance, Vec::new(), FIRST_RUN.to_owned());
    };
    let mut readings = Vec::with_capacity(4);
    let mut direction = |percent, bits, rate: f64| {
        readings.push(Reading { metric: bits, value: rate });
        let shown = Unit::BitsPerSecond.show(rate);
        match capacity {
            Some(capacity) => {
                let value = 100.0 * rate / capacity;
                readings.push(Reading { metric: percent, value });
                format!("{shown} ({value:.0}%)")
            }
            None => shown,
        }
    };
    let rx = direction(RX_PERCENT, RX_BITS, rates.rx);
    let tx = direction(TX_PERCENT, TX_BITS, rates.tx);
    let mut summary = format!("receives {rx}, sends {tx}");
    if let Some(capacity) = capacity {
        summary.push_str(&format!(" of {}", Unit::BitsPerSecond.show(capacity)));
    }
    numbers(instance, readings, summary)
}

fn measures(counters: LinkCounters) -> Vec<Reading> {
    let LinkCounters { rx_bytes, rx_packets, rx_errors, rx_dropped, .. } = counters;
    let LinkCounters { tx_bytes, tx_packets, tx_errors, tx_dropped, .. } = counters;
    let all =
        [rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped];
    measured(all.map(|count| Some(float(count))))
}

#[cfg(test)]
mod tests;
