//! Which sensors of a BMC are watched, by which kind, and what each is called. Owns that two
//! sensors of one name stay two, whatever order the BMC lists them in and whichever of them it
//! reads at the time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::look::{Look, Seen};
use crate::model::text::shown_within;
use crate::parse::ipmi::sdr::{Address, Sensor};
use crate::parse::ipmi::unit::Quantity;
use crate::parse::ipmi::words::entity_word;

/// Sensor type of fans (IPMI 2.0 table 42-3).
const FAN: u8 = 0x04;
/// Characters of a sensor's name: the longest a record can hold.
const NAME_CHARS: usize = 48;
/// Entity instances from here on count within their controller (section 39.1).
const RELATIVE_FROM: u8 = 0x60;

/// Kinds that watch sensors of a BMC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::probe) enum Family {
    Temperature,
    Fan,
    Voltage,
    Current,
    Power,
    /// States rather than values, and values that no other kind has.
    State,
}

impl Family {
    /// Which kind watches a sensor.
    pub(super) fn of(sensor: &Sensor) -> Self {
        if !sensor.has_thresholds() || sensor.analog.is_none() {
            return Self::State;
        }
        match sensor.units.quantity() {
            Quantity::Temperature => Self::Temperature,
            Quantity::Voltage => Self::Voltage,
            Quantity::Current => Self::Current,
            Quantity::Power => Self::Power,
            Quantity::Rotation => Self::Fan,
            Quantity::Percent | Quantity::Airflow if sensor.sensor_type == FAN => Self::Fan,
            _ => Self::State,
        }
    }
}

/// One watched sensor with its name.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) seen: &'a Seen,
    pub(super) family: Family,
    pub(super) instance: Arc<str>,
    /// Its name as the BMC has it.
    pub(super) name: String,
    /// Which of how many sensors of that name, where there are several.
    pub(super) place: Option<(usize, usize)>,
}

impl Named<'_> {
    /// What a person calls it in a subject.
    pub(super) fn title(&self) -> String {
        match self.family {
            Family::State => self.instance.to_string(),
            _ => self.instance.replacen("bmc ", "BMC ", 1),
        }
    }

    /// Which of several of one name: `last of 4 named Status`.
    pub(super) fn among(&self) -> Option<String> {
        let (place, of) = self.place?;
        let nth = match place {
            last if last == of => "last".to_owned(),
            1 => "first".to_owned(),
            2 => "second".to_owned(),
            3 => "third".to_owned(),
            other => format!("{other}th"),
        };
        Some(format!("{nth} of {of} named {}", self.name))
    }

    /// `BMC sensor 71h, CPU 1`, and which of several of one name.
    pub(super) fn origin(&self) -> String {
        let sensor = &self.seen.sensor;
        let number = sensor.address.number;
        let mut text = format!("BMC sensor {number:02x}h, {}", part(sensor));
        if let Some(place) = self.among() {
            text.push_str(&format!(", {place}"));
        }
        text
    }
}

/// The sensors that are watched: those that were at work once. Names are made among all that the
/// BMC lists, so that none changes because another comes to work or is gone.
pub(super) fn named(look: &Look) -> Vec<Named<'_>> {
    let mut list: Vec<Named<'_>> = look
        .sensors
        .iter()
        .map(|seen| {
            let name = shown_within(seen.sensor.name.trim(), NAME_CHARS).into_owned();
            let family = Family::of(&seen.sensor);
            Named { seen, family, instance: Arc::from(""), name, place: None }
        })
        .collect();
    number(&mut list);
    let mut names = vec![String::new(); list.len()];
    for form in [plain, with_part, with_number] {
        let mut count: HashMap<(Family, &str), usize> = HashMap::new();
        for (named, name) in list.iter().zip(&names) {
            *count.entry((named.family, name)).or_default() += 1;
        }
        let doubled: Vec<bool> = list
            .iter()
            .zip(&names)
            .map(|(named, name)| {
                let taken = named.family == Family::State && super::is_reserved(name);
                name.is_empty() || taken || count.get(&(named.family, name)).is_some_and(|n| *n > 1)
            })
            .collect();
        for ((named, name), doubled) in list.iter().zip(&mut names).zip(doubled) {
            if doubled {
                *name = form(named);
            }
        }
    }
    let mut taken = BTreeSet::new();
    for (named, name) in list.iter_mut().zip(names) {
        let name = if named.family == Family::State { name } else { format!("bmc {name}") };
        named.instance = name.into();
    }
    list.retain(|named| {
        taken.insert((named.family, Arc::clone(&named.instance))) && named.seen.known
    });
    list
}

/// Counts sensors of one name among their like.
fn number(list: &mut [Named<'_>]) {
    let mut of: HashMap<(Family, String), usize> = HashMap::new();
    for named in list.iter() {
        *of.entry((named.family, named.name.clone())).or_default() += 1;
    }
    let mut place: HashMap<(Family, String), usize> = HashMap::new();
    for named in list {
        let key = (named.family, named.name.clone());
        let all = of.get(&key).copied().unwrap_or(1);
        let place = place.entry(key).or_default();
        *place += 1;
        if all > 1 {
            named.place = Some((*place, all));
        }
    }
}

fn plain(named: &Named<'_>) -> String {
    named.name.clone()
}

/// `Temp (CPU 2)`.
fn with_part(named: &Named<'_>) -> String {
    format!("{} ({})", named.name, part(&named.seen.sensor))
}

/// `Temp (sensor 0fh)`, and the controller where it is another than the BMC.
fn with_number(named: &Named<'_>) -> String {
    let Address { owner, channel, lun, number } = named.seen.sensor.address;
    match (owner, channel, lun) {
        (0x20, 0, 0) => format!("{} (sensor {number:02x}h)", named.name),
        (_, 0, _) => format!("{} (sensor {owner:02x}h.{lun}.{number:02x}h)", named.name),
        _ => format!("{} (sensor {channel}.{owner:02x}h.{lun}.{number:02x}h)", named.name),
    }
}

/// `PSU 2`.
pub(super) fn part(sensor: &Sensor) -> String {
    let word = entity_word(sensor.entity.id);
    match sensor.entity.instance {
        0 => word.to_owned(),
        relative if relative >= RELATIVE_FROM => format!("{word} {}", relative - RELATIVE_FROM),
        instance => format!("{word} {instance}"),
    }
}
