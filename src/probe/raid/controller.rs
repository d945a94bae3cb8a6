//! What a RAID controller's words mean, and how the answer reads: one judgement for every vendor.
//!
//! Owns: instances of a controller, which fault is told by which of them, the sentences. Must not
//! know: any vendor's words (a [`Words`] brings them) or tools.
//!
//! One fault is told once. A drive that failed in a volume is told by the volume; `drives` tells of
//! drives that no volume misses: bad ones outside, and good ones that are expected to fail.

use super::report::{Report, counted, found};
use super::sentence::{
    explained, level, named, progress, redundancy, redundancy_words, replace, size, task_words,
    unknown,
};
use super::words::{Means, Words, means};
use super::{
    ERRORS, MEMBERS_FAILED, MEMBERS_MISSING, PROGRESS_PERCENT, REDUNDANCY_LEFT, SPARES, TEMPERATURE,
};
use crate::model::reading::Observation;
use crate::model::state::State;
use crate::model::text::shown;
use crate::parse::controller::{Controller, Drive, Fact, Part, Volume};
use crate::probe::Found;

/// An instance and what is said of it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub found: Found,
    pub seen: Observation,
}

/// Everything there is to say of a controller.
pub(super) fn items(words: &Words, controller: &Controller) -> Vec<Item> {
    let judge = Judge { words, controller };
    let mut items = vec![judge.itself()];
    items.extend(controller.volumes.iter().map(|volume| judge.volume(volume)));
    items.extend(controller.parts.iter().map(|part| judge.part(part)));
    if !controller.drives.is_empty() {
        items.push(judge.drives());
    }
    items
}

struct Judge<'a> {
    words: &'a Words,
    controller: &'a Controller,
}

impl Judge<'_> {
    fn item(&self, instance: &str, title: &str, level: &str, seen: Observation) -> Item {
        let technology = self.words.technology;
        let title = shown(title).into_owned();
        Item { found: found(instance, title, technology, technology, level), seen }
    }

    /// `v0` as `c0/v0`.
    fn name(&self, part: &str) -> String {
        format!("{}/{part}", self.controller.name)
    }

    fn itself(&self) -> Item {
        let name = &self.controller.name;
        let mut report = Report::new(name);
        for fact in &self.controller.facts {
            self.fact(&mut report, self.words.controller, fact);
        }
        if self.controller.cut {
            let fact = "the tool tells of more drives or volumes than the agent takes in";
            report.say(State::Warning, "cut", fact.to_owned(), Vec::new());
        }
        if let Some(value) = self.controller.temperature_celsius {
            report.measure(TEMPERATURE, value);
        }
        let mut what = match self.controller.model.as_str() {
            "" => "controller".to_owned(),
            model => model.to_owned(),
        };
        let drives = self.controller.drives.len();
        if drives > 0 {
            what.push_str(&format!(" with {}", counted(size(drives), "drive", "drives")));
        }
        self.item(name, &format!("controller {name}"), "", report.finish(&what))
    }

    /// Judges one field by its table.
    fn fact(&self, report: &mut Report, fields: &[(&str, &[(&str, Means)])], fact: &Fact) -> State {
        let Some((_, known)) = fields.iter().find(|(name, _)| fact.field.starts_with(name)) else {
            return State::Ok;
        };
        let said = format!("{}: {}", fact.field, fact.word);
        let (state, code, text) = match means(known, &fact.word) {
            Some(Means::Good | Means::Spare | Means::Unused) => return State::Ok,
            Some(Means::Note(text)) => (State::Ok, "note", explained(said, text)),
            Some(Means::Rebuilding) => (State::Warning, "rebuilding", said),
            Some(Means::Warn(text)) => (State::Warning, "fault", explained(said, text)),
            Some(Means::Bad(text)) => (State::Critical, "fault", explained(said, text)),
            Some(Means::Degraded | Means::Missing) => (State::Warning, "degraded", said),
            Some(Means::Failed) => (State::Critical, "failed", said),
            // Counters of errors come through the same door.
            None if fact.word == "0" => return State::Ok,
            None => (State::Warning, "unknown-word", unknown(&fact.field, &fact.word)),
        };
        report.say(state, code, text, Vec::new());
        state
    }

    fn drive_means(&self, drive: &Drive) -> Option<Means> {
        means(self.words.drive, &drive.state)
    }

    fn volume_is_good(&self, name: &str) -> bool {
        self.controller.volumes.iter().any(|volume| {
            volume.name == name
                && matches!(means(self.words.volume, &volume.state), Some(Means::Good))
        })
    }

    /// Whether a drive is told of by a volume that misses it.
    fn told_by<'d>(&'d self, drive: &'d Drive) -> Option<&'d str> {
        if self.is_loose(drive) {
            let names = self.controller.volumes.iter().map(|volume| volume.name.as_str());
            return names.into_iter().find(|name| !self.volume_is_good(name));
        }
        drive.volumes.iter().map(String::as_str).find(|volume| !self.volume_is_good(volume))
    }

    /// Whether nothing says where a drive belongs. One that failed is then taken for a member of
    /// a volume that misses one: controllers drop the drives that they give up.
    fn is_loose(&self, drive: &Drive) -> bool {
        drive.volumes.is_empty() && drive.group.is_empty()
    }

    fn volume(&self, volume: &Volume) -> Item {
        let name = self.name(&volume.name);
        let mut report = Report::new(&name);
        let members: Vec<&Drive> =
            self.controller.drives.iter().filter(|d| d.volumes.contains(&volume.name)).collect();
        let loose: Vec<&Drive> = self
            .controller
            .drives
            .iter()
            .filter(|drive| self.is_loose(drive) && self.told_by(drive) == Some(&volume.name))
            .collect();
        let of = |wanted: &[Means]| -> Vec<&Drive> {
            let fits = |drive: &&&Drive| {
                self.drive_means(drive).is_some_and(|means| wanted.contains(&means))
            };
            members.iter().chain(&loose).filter(fits).copied().collect()
        };
        let failed = of(&[Means::Failed, Means::Missing]);
        let rebuilding = of(&[Means::Rebuilding]);
        let task = volume.task.as_ref().or_else(|| rebuilding.iter().find_map(|d| d.task.as_ref()));
        let missing = size(failed.len() + rebuilding.len()).max(volume.vacant);
        let width = volume.width.max(size(members.len()));
        let spare_drives = redundancy(&volume.level, width);
        let state = means(self.words.volume, &volume.state);
        let is_rebuilding = !rebuilding.is_empty()
            || task.is_some_and(|t| t.what.to_ascii_lowercase().contains("rebuil"))
            || state == Some(Means::Rebuilding);
        let left = match state {
            Some(Means::Good | Means::Note(_)) => spare_drives,
            Some(Means::Failed) => Some(0),
            Some(Means::Degraded | Means::Rebuilding) => match spare_drives {
                Some(all) if missing > 0 => Some(all.saturating_sub(missing)),
                // Which drive is missing is not told: at least one is.
                Some(all) => Some(all.saturating_sub(1).min(u64::from(is_rebuilding))),
                None => None,
            },
            _ => None,
        };
        let mut detail: Vec<String> =
            failed.iter().chain(&rebuilding).map(|drive| replace(drive, self.controller)).collect();
        let who = named(&failed.iter().chain(&rebuilding).copied().collect::<Vec<_>>());
        match state {
            Some(Means::Good | Means::Spare | Means::Unused) => {}
            Some(Means::Note(text)) => {
                let text = explained(volume.state.clone(), text);
                report.say(State::Ok, "note", text, Vec::new());
            }
            Some(Means::Warn(text)) => {
                let text = explained(volume.state.clone(), text);
                report.say(State::Warning, "fault", text, detail);
            }
            Some(Means::Bad(text)) => {
                let text = explained(volume.state.clone(), text);
                report.say(State::Critical, "fault", text, detail);
            }
            Some(Means::Failed | Means::Missing) => {
                detail.insert(
                    0,
                    "Its data cannot be read. Pull no drive before you know which of \
                                  them failed last: that one holds the latest data."
                        .to_owned(),
                );
                let fact = format!("{}: out of order{who}", volume.state);
                report.say(State::Critical, "failed", fact, detail);
                report.distinguish("lost".to_owned());
            }
            Some(Means::Degraded | Means::Rebuilding) if is_rebuilding => {
                let fact = format!("{}, {}{who}", redundancy_words(left), progress(task));
                report.say(State::Warning, "rebuilding", fact, detail);
            }
            Some(Means::Degraded | Means::Rebuilding) => {
                let state = if left.unwrap_or(0) == 0 { State::Critical } else { State::Warning };
                if detail.is_empty() {
                    let vacant = "The tool does not name the failed drive; look for the drive with \
                                  a lit fault light.";
                    detail.push(vacant.to_owned());
                }
                let fact = format!("degraded, {}{who}", redundancy_words(left));
                report.say(state, "degraded", fact, detail);
                report.distinguish(format!("missing-{missing}"));
            }
            None => {
                let fact = unknown("State", &volume.state);
                report.say(State::Warning, "unknown-word", fact, detail);
            }
        }
        if let Some(task) = task.filter(|_| !is_rebuilding) {
            report.say(State::Ok, "task", task_words(task), Vec::new());
        }
        for fact in &volume.facts {
            self.fact(&mut report, self.words.volume_facts, fact);
        }
        self.cache(volume, &mut report);
        if let Some(left) = left {
            report.count(REDUNDANCY_LEFT, left);
        }
        report.count(MEMBERS_MISSING, missing);
        if let Some(percent) = task.and_then(|task| task.percent) {
            report.measure(PROGRESS_PERCENT, percent);
        }
        let mut what = level(&volume.level);
        if width > 0 {
            what.push_str(&format!(" of {}", counted(width, "drive", "drives")));
        }
        for (before, text) in
            [(", ", &volume.size), (" on ", &volume.device), (", ", &volume.label)]
        {
            if !text.is_empty() {
                what.push_str(&format!("{before}{text}"));
            }
        }
        self.item(&name, &format!("volume {name}"), &level(&volume.level), report.finish(&what))
    }

    /// The write cache fell back. Where the battery says why, it is told there.
    fn cache(&self, volume: &Volume, report: &mut Report) {
        if !volume.cache_off {
            return;
        }
        let mut scratch = Report::new("");
        let facts = self.controller.parts.iter().flat_map(|part| &part.facts);
        let explained = facts.fold(false, |bad, fact| {
            let _ = self.fact(&mut scratch, self.words.part, fact);
            bad || scratch.has_said()
        });
        let unexpected = !self.controller.parts.is_empty() && !explained;
        let state = if unexpected { State::Warning } else { State::Ok };
        let fact = "write cache off for now: slower, no data at risk".to_owned();
        report.say(state, "cache-off", fact, Vec::new());
    }

    fn part(&self, part: &Part) -> Item {
        let name = self.name(&part.name);
        let mut report = Report::new(&name);
        for fact in &part.facts {
            self.fact(&mut report, self.words.part, fact);
        }
        if let Some(value) = part.temperature_celsius {
            report.measure(TEMPERATURE, value);
        }
        let what = if part.title.is_empty() { part.name.clone() } else { part.title.clone() };
        self.item(&name, &name.clone(), "", report.finish(&what))
    }

    fn drives(&self) -> Item {
        let name = self.name(self.words.drives);
        let mut report = Report::new(&name);
        let (mut failed, mut spares, mut errors, mut hottest) = (0, 0, 0_u64, None::<f64>);
        for drive in &self.controller.drives {
            let means = self.drive_means(drive);
            failed += u64::from(matches!(means, Some(Means::Failed | Means::Missing)));
            spares += u64::from(means == Some(Means::Spare));
            errors = errors.saturating_add(drive.media_errors.unwrap_or(0));
            if let Some(value) = drive.temperature_celsius {
                hottest = Some(hottest.map_or(value, |most| most.max(value)));
            }
            self.drive(&mut report, drive, means);
        }
        report.count(MEMBERS_FAILED, failed);
        report.count(SPARES, spares);
        report.count(ERRORS, errors);
        if let Some(value) = hottest {
            report.measure(TEMPERATURE, value);
        }
        let mut what = counted(size(self.controller.drives.len()), "drive", "drives");
        if spares > 0 {
            what.push_str(&format!(", {}", counted(spares, "hot spare", "hot spares")));
        }
        let title = format!("drives of {}", self.controller.name);
        self.item(&name, &title, "", report.finish(&what))
    }

    fn drive(&self, report: &mut Report, drive: &Drive, means: Option<Means>) {
        let said = format!("drive {} {}", drive.place, drive.state);
        let detail = vec![replace(drive, self.controller)];
        if let Some(volume) = self.told_by(drive)
            && matches!(means, Some(Means::Failed | Means::Missing | Means::Rebuilding))
        {
            let fact = format!("{said}, missed by {}", self.name(volume));
            return report.say(State::Ok, "member", fact, Vec::new());
        }
        match means {
            Some(Means::Good | Means::Spare | Means::Unused) => {}
            Some(Means::Note(text)) => {
                report.say(State::Ok, "note", explained(said, text), Vec::new());
            }
            Some(Means::Warn(text)) => {
                report.say(State::Warning, "drive", explained(said, text), detail.clone());
                report.distinguish(format!("drive-{}", drive.place));
            }
            Some(Means::Bad(text)) => {
                report.say(State::Critical, "drive", explained(said, text), detail.clone());
                report.distinguish(format!("drive-{}", drive.place));
            }
            Some(Means::Rebuilding) => {
                let fact = format!("{said}, {}", progress(drive.task.as_ref()));
                report.say(State::Warning, "rebuilding", fact, Vec::new());
            }
            Some(Means::Degraded | Means::Failed | Means::Missing) => {
                let fact = format!("{said}; no volume misses it");
                report.say(State::Warning, "drive", fact, detail.clone());
            }
            None => {
                let fact = format!("drive {}: {}", drive.place, unknown("state", &drive.state));
                report.say(State::Warning, "unknown-word", fact, detail.clone());
            }
        }
        if drive.failing {
            let fact = format!("drive {} is expected to fail soon", drive.place);
            report.say(State::Warning, "failing", fact, detail.clone());
            report.distinguish(format!("failing-{}", drive.place));
        }
        if drive.foreign {
            let fact =
                format!("drive {} bears the configuration of another controller", drive.place);
            report.say(State::Warning, "foreign", fact, detail);
        }
    }
}
