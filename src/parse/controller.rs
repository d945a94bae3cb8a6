//! A RAID controller as its vendor's tool describes it: the tool's own words, sorted into the same
//! drawers for every vendor. What a word means is not said here.
//!
//! Owns also the few shapes of text that the tools share: `Key : value`, temperatures, percentages.

/// A controller and what hangs on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Controller {
    /// As the tool counts it: `c0`, `a0`, `slot0`, `ctrl1`.
    pub name: String,
    /// `LSI MegaRAID SAS 9270CV-8i`.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// PCI address in the tool's spelling.
    pub address: String,
    /// What it says of itself.
    pub facts: Vec<Fact>,
    /// Of its processor, in degrees Celsius.
    pub temperature_celsius: Option<f64>,
    /// Virtual drives.
    pub volumes: Vec<Volume>,
    /// Physical drives.
    pub drives: Vec<Drive>,
    /// Batteries, capacitors, the cache they feed, and arrays where they have a state of their own.
    pub parts: Vec<Part>,
    /// The answer held more than is taken in.
    pub cut: bool,
}

/// Drives, volumes, parts or fields of one controller that are taken in: four times what the
/// largest can have. Every line is looked up among them.
const ENTRIES_MAX: usize = 1024;

/// A field and the word in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fact {
    /// The tool's name of the field.
    pub field: String,
    /// The tool's word.
    pub word: String,
}

/// A virtual (logical) drive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Volume {
    /// `v0`, `ld1`, `vol1`, `u0`.
    pub name: String,
    /// What an administrator called it.
    pub label: String,
    /// In the tool's spelling.
    pub level: String,
    /// The tool's word of its state.
    pub state: String,
    /// The group of drives that it is made of, which it may share.
    pub group: String,
    /// With its unit, as printed.
    pub size: String,
    /// `/dev/sda`.
    pub device: String,
    /// Drives that belong to it, 0 if the tool does not tell.
    pub width: u64,
    /// Places without a drive.
    pub vacant: u64,
    /// Further fields with a state.
    pub facts: Vec<Fact>,
    /// What it is busy with.
    pub task: Option<Task>,
    /// The write cache is configured, and not in use at the moment.
    pub cache_off: bool,
}

/// Something under way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Task {
    /// The tool's word: `Rebuild`, `Consistency Check`.
    pub what: String,
    /// 0 to 100.
    pub percent: Option<f64>,
    /// As printed.
    pub time_left: String,
}

/// A physical drive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drive {
    /// Enclosure and slot, `252:3`, or what the tool has instead: `1I:1:4`, `0,1`.
    pub place: String,
    /// How the tool is asked for it: `/c0/e252/s3`.
    pub path: String,
    /// The tool's word of its state.
    pub state: String,
    /// The group of drives that it belongs to.
    pub group: String,
    /// Names of the volumes that it is part of.
    pub volumes: Vec<String>,
    /// Model, as printed.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// With its unit, as printed.
    pub size: String,
    /// Media errors counted by the controller.
    pub media_errors: Option<u64>,
    /// It, or the controller, expects it to fail.
    pub failing: bool,
    /// It bears the configuration of another controller.
    pub foreign: bool,
    /// In degrees Celsius.
    pub temperature_celsius: Option<f64>,
    /// Rebuild of this drive.
    pub task: Option<Task>,
}

/// Something else with a state of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// `bbu`, `cv`, `battery`, `cache`, `arrayA`.
    pub name: String,
    /// What it is, for people: `CacheVault CVPM02`.
    pub title: String,
    /// Its fields.
    pub facts: Vec<Fact>,
    /// In degrees Celsius.
    pub temperature_celsius: Option<f64>,
}

impl Controller {
    /// The drive at a place; made if it is new.
    pub(crate) fn drive(&mut self, place: &str) -> Option<&mut Drive> {
        let at = match self.drives.iter().position(|drive| drive.place == place) {
            Some(at) => at,
            None if self.drives.len() >= ENTRIES_MAX => {
                self.cut = true;
                return None;
            }
            None => {
                self.drives.push(Drive { place: place.to_owned(), ..Drive::default() });
                self.drives.len() - 1
            }
        };
        self.drives.get_mut(at)
    }

    /// The volume of a name; made if it is new.
    pub(crate) fn volume(&mut self, name: &str) -> Option<&mut Volume> {
        let at = match self.volumes.iter().position(|volume| volume.name == name) {
            Some(at) => at,
            None if self.volumes.len() >= ENTRIES_MAX => {
                self.cut = true;
                return None;
            }
            None => {
                self.volumes.push(Volume { name: name.to_owned(), ..Volume::default() });
                self.volumes.len() - 1
            }
        };
        self.volumes.get_mut(at)
    }

    /// Tells every drive the volumes of its group, where the tool did not name them.
    pub(crate) fn join_groups(&mut self) {
        for drive in self.drives.iter_mut().filter(|drive| drive.volumes.is_empty()) {
            let group = &drive.group;
            let of = self.volumes.iter().filter(|v| !group.is_empty() && v.group == *group);
            drive.volumes = of.map(|volume| volume.name.clone()).collect();
        }
    }

    /// The part of a name; made if it is new.
    pub(crate) fn part(&mut self, name: &str) -> Option<&mut Part> {
        let at = match self.parts.iter().position(|part| part.name == name) {
            Some(at) => at,
            None if self.parts.len() >= ENTRIES_MAX => {
                self.cut = true;
                return None;
            }
            None => {
                self.parts.push(Part { name: name.to_owned(), ..Part::default() });
                self.parts.len() - 1
            }
        };
        self.parts.get_mut(at)
    }
}

/// Puts a field down, the last word of it being the right one.
pub(crate) fn note(facts: &mut Vec<Fact>, field: &str, word: &str) {
    let (field, word) = (field.trim(), word.trim());
    let full = facts.len() >= ENTRIES_MAX;
    match facts.iter_mut().find(|fact| fact.field == field) {
        Some(fact) => word.clone_into(&mut fact.word),
        None if full => {}
        None => facts.push(Fact { field: field.to_owned(), word: word.to_owned() }),
    }
}

/// `Key   : value`, both trimmed; a line without a colon is none.
pub(crate) fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    Some((key.trim(), value.trim()))
}

/// The first number in a text: `-4` of `-4 C/ 25 F`, `93.5` of ` 93.5 %`.
pub(crate) fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*at == 0 && *c == '-')))
        .map_or(text.len(), |(at, _)| at);
    text.get(..end)?.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A temperature in Celsius that something can have: sensors that are not there read 0, 255 or -128.
pub(crate) fn celsius(text: &str) -> Option<f64> {
    leading_number(text).filter(|value| *value > -60.0 && *value < 200.0 && value.abs() > 0.0)
}

/// A percentage.
pub(crate) fn percent(text: &str) -> Option<f64> {
    leading_number(text).filter(|value| (0.0..=100.0).contains(value))
}

/// Controllers of one machine that are taken in.
pub(crate) const CONTROLLERS_MAX: usize = 64;

/// What vendors write for "nothing".
pub(crate) fn is_nothing(text: &str) -> bool {
    matches!(
        text.trim().to_ascii_lowercase().as_str(),
        "" | "-" | "n/a" | "na" | "none" | "null" | "not available" | "not applicable" | "unknown"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_and_bounded() {
        assert_eq!(leading_number(" -4 C/ 25 F (Normal)"), Some(-4.0));
        assert_eq!(leading_number("93.5 %"), Some(93.5));
        assert_eq!(leading_number("C"), None);
        assert_eq!(celsius(" 61C (141.80 F)"), Some(61.0));
        assert_eq!(celsius("255C"), None);
        assert_eq!(celsius("0 C"), None);
        assert_eq!(percent("98%"), Some(98.0));
        assert_eq!(percent("101"), None);
        assert_eq!(pair("   Status   : OK: x "), Some(("Status", "OK: x")));
        assert!(is_nothing(" N/A ") && !is_nothing("No"));
    }
}
