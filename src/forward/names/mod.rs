//! The one table of names: what each value of a kind, each verdict and each number of the agent is
//! called by Prometheus and by OpenTelemetry, in which unit, with which labels.
//!
//! Prometheus: node_exporter's own name and labels where it names the very same quantity, else
//! `hostwatch_*` (<https://prometheus.io/docs/practices/naming/>). OpenTelemetry: the semantic
//! conventions in the version of [`SCHEMA_URL`](super::series::SCHEMA_URL), else `hostwatch.*`. Both
//! sides are written down, neither is made from the other. A value without a row gets a name made
//! from its kind's ([`fallback`]), so that a new kind works without one.
//!
//! Must not know: how a sample is written or sent, and which kinds there are: a test compares.

use std::borrow::Cow;

use super::series::{Form, Instrument};
use crate::model::text::shown;

mod bmc;
pub mod fallback;
mod network;
pub mod own;
mod raid;
mod sensors;
mod storage;
mod system;
mod unnamed;

/// The values of all kinds.
pub static FAMILIES: &[&Family] = &[
    &storage::FILESYSTEM,
    &system::CPU,
    &system::MEMORY,
    &storage::DISK_IO,
    &network::BANDWIDTH,
    &network::NIC,
    &network::BOND,
    &system::LOAD,
    &sensors::TEMPERATURE,
    &sensors::FAN,
    &sensors::VOLTAGE,
    &unnamed::CURRENT,
    &unnamed::POWER,
    &unnamed::HUMIDITY,
    &unnamed::INTRUSION,
    &bmc::BMC,
    &raid::RAID,
];

/// The values of one kind.
#[derive(Debug)]
pub struct Family {
    /// Name of the kind.
    pub kind: &'static str,
    /// Its `hw.type` in OpenTelemetry: what the verdicts say of it is sent as `hw.status`, too.
    pub hardware: Option<&'static str>,
    /// A row a value; where two are of one value, the first that fits.
    pub rows: &'static [Row],
}

/// One value of a kind.
#[derive(Debug)]
pub struct Row {
    /// Name of the metric or measure in its kind.
    pub value: &'static str,
    /// Only for instances that have this label: a chip's sensor, not the BMC's.
    pub needs: Option<&'static str>,
    /// What it is called.
    pub naming: Naming,
}

/// What a value is called outside. Neither side is there for what is not sent, and the help says why.
#[derive(Debug, Clone, Copy)]
pub struct Naming {
    /// One sentence.
    pub help: &'static str,
    /// By Prometheus.
    pub prometheus: Option<Prometheus>,
    /// By OpenTelemetry.
    pub otel: Option<Otel>,
    /// Since when a sum has been counted.
    pub since: Since,
}

/// A name of Prometheus.
#[derive(Debug, Clone, Copy)]
pub struct Prometheus {
    /// The name; its last word is the base unit.
    pub name: &'static str,
    /// What it is.
    pub form: Form,
    /// The value is divided by this: 100 makes a ratio of percent, 8 bytes of bits.
    pub per: f64,
    /// In the order of their names.
    pub labels: &'static [Tag],
}

/// A name of OpenTelemetry.
#[derive(Debug, Clone, Copy)]
pub struct Otel {
    /// The name.
    pub name: &'static str,
    /// In UCUM.
    pub unit: &'static str,
    /// What it is.
    pub instrument: Instrument,
    /// The value is divided by this.
    pub per: f64,
    /// In the order of their names.
    pub attributes: &'static [Tag],
}

/// Since when a sum has been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Nobody knows, or it is no sum.
    Unknown,
    /// The kernel counts since the system was started.
    Boot,
    /// The agent counts since it was started.
    Start,
}

/// A label or an attribute.
#[derive(Debug, Clone, Copy)]
pub struct Tag {
    /// Its name.
    pub name: &'static str,
    /// Where its value comes from.
    pub from: Source,
}

/// Where the value of a label comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Name of the instance, or of the outlet.
    Instance,
    /// Name of the check.
    Check,
    /// Name of the kind.
    Kind,
    /// A label of the instance.
    Label(&'static str),
    /// Always this.
    Fixed(&'static str),
    /// The chip as node_exporter calls it, see [`chip`].
    Chip,
}

/// What is named: whatever the labels may come from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// Name of the check.
    pub check: &'a str,
    /// Name of the kind.
    pub kind: &'a str,
    /// Name of the instance, or of the outlet.
    pub instance: &'a str,
    /// Labels of the instance.
    pub labels: &'a [(Cow<'static, str>, String)],
}

impl<'a> Subject<'a> {
    /// A label of the instance.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'a str> {
        self.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Tag {
    /// The value for this subject, bounded; none where it has none or an empty one.
    #[must_use]
    pub fn value(&self, of: &Subject<'_>) -> Option<String> {
        let value = match self.from {
            Source::Instance => shown(of.instance),
            Source::Check => shown(of.check),
            Source::Kind => shown(of.kind),
            Source::Label(name) => shown(of.label(name)?),
            Source::Fixed(text) => Cow::Borrowed(text),
            Source::Chip => Cow::Owned(shown(&chip(of)?).into_owned()),
        };
        (!value.is_empty()).then(|| value.into_owned())
    }
}

impl Naming {
    /// A value that may go up and down, by its Prometheus side.
    const fn gauge(help: &'static str, name: &'static str, labels: &'static [Tag]) -> Self {
        let prometheus = Some(Prometheus { name, form: Form::Gauge, per: 1.0, labels });
        Self { help, prometheus, otel: None, since: Since::Unknown }
    }

    /// A sum that only grows, by its Prometheus side.
    const fn counter(help: &'static str, name: &'static str, labels: &'static [Tag]) -> Self {
        let prometheus = Some(Prometheus { name, form: Form::Counter, per: 1.0, labels });
        Self { help, prometheus, otel: None, since: Since::Unknown }
    }

    /// Divided by `per` on the Prometheus side.
    const fn per(mut self, per: f64) -> Self {
        if let Some(prometheus) = &mut self.prometheus {
            prometheus.per = per;
        }
        self
    }

    /// Counted since then.
    const fn since(mut self, since: Since) -> Self {
        self.since = since;
        self
    }

    /// The OpenTelemetry side.
    const fn otel(
        mut self,
        name: &'static str,
        (unit, per): (&'static str, f64),
        instrument: Instrument,
        attributes: &'static [Tag],
    ) -> Self {
        self.otel = Some(Otel { name, unit, instrument, per, attributes });
        self
    }
}

const fn row(value: &'static str, naming: Naming) -> Row {
    Row { value, needs: None, naming }
}

/// For instances that have this label.
const fn row_of(needs: &'static str, value: &'static str, naming: Naming) -> Row {
    Row { value, needs: Some(needs), naming }
}

/// A value that is not sent, and why.
const fn left_out(value: &'static str, why: &'static str) -> Row {
    let naming = Naming { help: why, prometheus: None, otel: None, since: Since::Unknown };
    Row { value, needs: None, naming }
}

const fn tag(name: &'static str, from: Source) -> Tag {
    Tag { name, from }
}

/// A ratio of percent.
const RATIO: (&str, f64) = ("1", 100.0);
/// Bytes as they are.
const BYTES: (&str, f64) = ("By", 1.0);
/// Bytes a second of bits a second.
const BYTES_OF_BITS: (&str, f64) = ("By/s", 8.0);
/// The instance under the name that verdicts have for it.
const OBJECT: &[Tag] = &[tag("object", Source::Instance)];
/// The same for OpenTelemetry.
const OTEL_OBJECT: &[Tag] = &[tag("hostwatch.object", Source::Instance)];

/// What a value of a kind is called, if it has a row.
#[must_use]
pub fn find(of: &Subject<'_>, value: &str) -> Option<&'static Naming> {
    let family = family(of.kind)?;
    let fits =
        |row: &&Row| row.value == value && row.needs.is_none_or(|label| of.label(label).is_some());
    family.rows.iter().find(fits).map(|row| &row.naming)
}

/// The values of a kind.
#[must_use]
pub fn family(kind: &str) -> Option<&'static Family> {
    FAMILIES.iter().copied().find(|family| family.kind == kind)
}

/// The chip as node_exporter calls it: folder and name of its device in lower case, everything but
/// letters, digits and colons an underscore (`platform_coretemp_0`); the chip's own name where it
/// has no device. Source: node_exporter 1.5, collector/hwmon_linux.go, `hwmonName`.
fn chip(of: &Subject<'_>) -> Option<String> {
    let device = of.label("device").unwrap_or_default();
    let mut parts = device.rsplit('/').filter(|part| !part.is_empty());
    let (last, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if last.is_empty() || last.starts_with("hwmon") {
        return of.label("chip").map(cleaned);
    }
    let (folder, last) = (cleaned(folder), cleaned(last));
    Some(if folder.is_empty() { last } else { format!("{folder}_{last}") })
}

fn cleaned(name: &str) -> String {
    let kept = |c: char| matches!(c, 'a'..='z' | '0'..='9' | ':' | '_');
    let name: String =
        name.to_ascii_lowercase().chars().map(|c| if kept(c) { c } else { '_' }).collect();
    name.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Every naming of the table, with the place where it stands.
    fn namings() -> Vec<(String, Naming)> {
        let of_kinds = FAMILIES.iter().flat_map(|family| {
            family.rows.iter().map(|row| (format!("{}.{}", family.kind, row.value), row.naming))
        });
        of_kinds.chain(own::all().map(|(place, naming)| (place, *naming))).collect()
    }

    #[test]
    fn every_name_of_prometheus_is_valid_and_means_one_thing() {
        let mut known: BTreeMap<&str, (Form, &str)> = BTreeMap::new();
        for (place, naming) in namings() {
            let Some(side) = naming.prometheus else { continue };
            assert!(fallback::is_word(side.name), "{place}: {}", side.name);
            assert!(side.name.starts_with("hostwatch_") || side.name.starts_with("node_"));
            assert_eq!(side.form == Form::Counter, side.name.ends_with("_total"), "{place}");
            assert!(!naming.help.ends_with('.') && !naming.help.contains('\n'), "{place}");
            let one = known.entry(side.name).or_insert((side.form, naming.help));
            assert_eq!(*one, (side.form, naming.help), "{place}: {} means two things", side.name);
        }
    }

    #[test]
    fn every_name_of_opentelemetry_has_one_unit_and_instrument() {
        let mut known: BTreeMap<&str, (&str, Instrument)> = BTreeMap::new();
        for (place, naming) in namings() {
            let Some(side) = naming.otel else { continue };
            // Only the first word must begin with a letter: `system.cpu.load_average.1m`.
            let words = |name: &str| {
                let joined = name.replace('.', "_");
                fallback::is_word(&joined) && name.split('.').all(|word| !word.is_empty())
            };
            assert!(words(side.name), "{place}: {}", side.name);
            assert!(side.attributes.iter().all(|tag| words(tag.name)), "{place}");
            let one = known.entry(side.name).or_insert((side.unit, side.instrument));
            assert_eq!(*one, (side.unit, side.instrument), "{place}: {}", side.name);
        }
    }

    #[test]
    fn labels_stand_in_order_and_none_is_the_fetchers() {
        for (place, naming) in namings() {
            let labels = naming.prometheus.map(|side| side.labels).unwrap_or_default();
            let attributes = naming.otel.map(|side| side.attributes).unwrap_or_default();
            for tags in [labels, attributes] {
                let names: Vec<&str> = tags.iter().map(|tag| tag.name).collect();
                let sorted: BTreeSet<&str> = names.iter().copied().collect();
                assert_eq!(names, sorted.into_iter().collect::<Vec<_>>(), "{place}");
            }
            let free =
                |tag: &Tag| fallback::is_word(tag.name) && !["job", "instance"].contains(&tag.name);
            assert!(labels.iter().all(free), "{place}");
        }
    }

    #[test]
    fn both_sides_are_there_or_neither_and_a_row_is_not_shadowed() {
        for (place, naming) in namings() {
            assert_eq!(naming.prometheus.is_some(), naming.otel.is_some(), "{place}");
        }
        for family in FAMILIES {
            for (index, row) in family.rows.iter().enumerate() {
                let shadow = family.rows[..index]
                    .iter()
                    .any(|above| above.value == row.value && above.needs.is_none());
                assert!(!shadow, "{}.{} stands twice", family.kind, row.value);
            }
        }
    }

    #[test]
    fn chips_are_called_as_node_exporter_calls_them() {
        let labels = |device: &str| {
            vec![("chip".into(), "coretemp".to_owned()), ("device".into(), device.to_owned())]
        };
        for (device, name) in [
            ("devices/platform/coretemp.0", "platform_coretemp_0"),
            ("devices/pci0000:00/0000:00:18.3", "pci0000:00_0000:00:18_3"),
            ("devices/pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0", "nvme_nvme0"),
            ("devices/virtual/thermal/thermal_zone0/hwmon0", "coretemp"),
            ("", "coretemp"),
        ] {
            let labels = labels(device);
            let subject = Subject { labels: &labels, ..Subject::default() };
            assert_eq!(chip(&subject).as_deref(), Some(name), "{device}");
        }
        assert_eq!(chip(&Subject::default()), None);
    }
}
