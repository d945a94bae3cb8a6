//! One md array with both its views put together: which slots are up, who is missing, what runs.
//! Owns: which of the two is believed. Must not know: how bad it is.

use std::fmt::Write as _;

use super::array::{Array, Attributes};
use crate::model::unit::{Span, Unit};
use crate::probe::raid::level::{Redundancy, redundancy};
use crate::probe::raid::report::counted;

/// A RAID1 over this many places was made for whatever disks a NAS will hold.
const BAYS: u64 = 16;

/// What is going on, from whichever source tells.
pub(super) struct Activity {
    /// `recovery`, `resync`, `reshape`, `check`, `repair`, `frozen`, or an unknown word.
    pub(super) action: String,
    pub(super) waiting: Option<String>,
    pub(super) percent: Option<f64>,
    pub(super) left: Option<Span>,
    pub(super) stands: bool,
}

pub(super) struct View<'a> {
    pub(super) array: &'a Array,
    pub(super) level: &'a str,
    /// For each slot whether it has a member in sync that still exists.
    pub(super) up: Vec<bool>,
    pub(super) missing: u64,
    pub(super) failed: Vec<&'a str>,
    pub(super) vanished: Vec<&'a str>,
    pub(super) spares: Vec<&'a str>,
    pub(super) redundancy: Redundancy,
    pub(super) activity: Option<Activity>,
}

impl<'a> View<'a> {
    pub(super) fn new(array: &'a Array) -> Self {
        let level = array.level();
        let sys = array.sys.as_ref();
        let text = array.text.as_ref();
        let sys_members = || sys.into_iter().flat_map(|sys| sys.members.iter());
        let mut failed: Vec<&str> = Vec::new();
        let mut spares: Vec<&str> = Vec::new();
        for member in text.into_iter().flat_map(|text| text.members.iter()) {
            if member.is('F') {
                failed.push(&member.device);
            } else if member.is('S') {
                spares.push(&member.device);
            }
        }
        for member in sys_members() {
            if member.is("faulty") {
                failed.push(&member.device);
            } else if member.is("spare") && member.slot.is_none() && text.is_none() {
                spares.push(&member.device);
            }
        }
        failed.sort_unstable();
        failed.dedup();
        let vanished: Vec<&str> = sys_members()
            .filter(|member| member.vanished && !member.is("faulty"))
            .map(|member| member.device.as_str())
            .collect();
        let (up, missing) = slots(array, &vanished);
        let copies = text
            .map(|text| text.copies)
            .filter(|copies| *copies != (1, 1))
            .or(sys.and_then(|sys| sys.copies))
            .unwrap_or((2, 1));
        let redundancy = redundancy(level, &up, copies);
        let activity = activity(array);
        Self { array, level, up, missing, failed, vanished, spares, redundancy, activity }
    }

    pub(super) fn sys(&self) -> Option<&Attributes> {
        self.array.sys.as_ref()
    }

    pub(super) fn array_state(&self) -> &str {
        self.sys().and_then(|sys| sys.array_state.as_deref()).unwrap_or_default()
    }

    pub(super) fn what(&self) -> String {
        let level = if self.level.is_empty() { "md array" } else { self.level };
        let mut what = level.to_owned();
        let members = self.array.text.as_ref().map(|text| text.members.len()).unwrap_or_default();
        let disks = if self.up.is_empty() { members } else { self.up.len() };
        if disks > 0 {
            let disks = u64::try_from(disks).unwrap_or(u64::MAX);
            let _ = write!(what, " of {}", counted(disks, "disk", "disks"));
        }
        if let Some(size) = self.array.text.as_ref().and_then(|text| text.size_kib) {
            #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
            let bytes = size as f64 * 1024.0;
            let _ = write!(what, ", {}", Unit::Bytes.show(bytes));
        }
        what
    }

    pub(super) fn is_inactive(&self) -> bool {
        match &self.array.text {
            Some(text) => text.activity == "inactive",
            None => matches!(self.array_state(), "inactive" | "clear"),
        }
    }

    pub(super) fn is_made_for_more_bays(&self, all: u64, working: u64) -> bool {
        let filled = usize::try_from(working).unwrap_or(usize::MAX);
        self.level == "raid1"
            && all >= BAYS
            && working >= 2
            && self.failed.is_empty()
            && self.vanished.is_empty()
            && self.up.iter().take(filled).all(|up| *up)
    }

    /// ` (sdb1 failed)`, ` (slot 1 is empty)`.
    pub(super) fn who(&self) -> String {
        let mut who: Vec<String> = Vec::new();
        who.extend(self.failed.iter().map(|name| format!("{name} failed")));
        who.extend(self.vanished.iter().map(|name| format!("{name} vanished")));
        if who.is_empty() {
            let empty: Vec<String> = self.empty_slots().map(|slot| slot.to_string()).collect();
            match empty.as_slice() {
                [] => return String::new(),
                [slot] => who.push(format!("slot {slot} is empty")),
                slots => who.push(format!("slots {} are empty", slots.join(", "))),
            }
        }
        format!(" ({})", who.join(", "))
    }

    pub(super) fn empty_slots(&self) -> impl Iterator<Item = usize> {
        self.up.iter().enumerate().filter(|(_, up)| !**up).map(|(slot, _)| slot)
    }

    pub(super) fn in_slot(&self, name: &str) -> String {
        match self.array.slot(name) {
            Some(slot) => format!(", slot {slot} of the array"),
            None => String::new(),
        }
    }
}

impl Activity {
    /// `rebuild 29.2%, 17m left`.
    pub(super) fn sentence(&self, name: &str) -> String {
        match self.waiting.as_deref() {
            Some("DELAYED") => return format!("{name} waits for another array on the same disks"),
            Some("PENDING") => return format!("{name} waits for the first write"),
            Some("REMOTE") => return format!("{name} runs on another node of the cluster"),
            Some(word) => return format!("{name} waits ({word})"),
            None => {}
        }
        let mut text = name.to_owned();
        match self.percent {
            Some(percent) => {
                let _ = write!(text, " {percent:.1}%");
            }
            None => text.push_str(" running"),
        }
        match self.left {
            _ if self.stands => text.push_str(", not moving"),
            Some(left) => {
                let _ = write!(text, ", {left} left");
            }
            None => {}
        }
        text
    }
}

/// Which slots have a member in sync that still exists, and how many have none.
fn slots(array: &Array, vanished: &[&str]) -> (Vec<bool>, u64) {
    /// More places than md allows are a misprint.
    const SLOTS: u64 = 4096;
    let text = array.text.as_ref();
    let sys = array.sys.as_ref();
    let all = text
        .and_then(|text| text.slots.map(|(all, _)| all))
        .or_else(|| text.and_then(|text| u64::try_from(text.map.len()).ok()).filter(|n| *n > 0))
        .or_else(|| sys.and_then(|sys| sys.raid_disks))
        .unwrap_or_default()
        .min(SLOTS);
    let length = usize::try_from(all).unwrap_or_default();
    let mut up = match text {
        Some(text) if text.map.len() == length => text.map.clone(),
        _ => vec![true; length],
    };
    let said = text
        .and_then(|text| text.slots)
        .map(|(all, up)| all.saturating_sub(up))
        .max(sys.and_then(|sys| sys.degraded))
        .unwrap_or_default();
    if text.is_none_or(|text| text.map.len() != length) {
        // The slots of members that are known not to be in sync.
        for member in sys.into_iter().flat_map(|sys| sys.members.iter()) {
            let Some(place) = member.slot.and_then(|slot| up.get_mut(slot)) else { continue };
            if !member.is("in_sync") && !member.is("replacement") {
                *place = false;
            }
        }
    }
    // Places that are said to be missing but not which: from the end, as nothing tells.
    let unsaid = said.min(all).saturating_sub(count_down(&up));
    let unsaid = usize::try_from(unsaid).unwrap_or(usize::MAX);
    for place in up.iter_mut().rev().filter(|up| **up).take(unsaid) {
        *place = false;
    }
    for device in vanished {
        let member = sys.and_then(|sys| sys.members.iter().find(|m| m.device == *device));
        let Some(member) = member.filter(|member| member.is("in_sync")) else { continue };
        if let Some(place) = member.slot.and_then(|slot| up.get_mut(slot)) {
            *place = false;
        } else if let Some(place) = up.iter_mut().rev().find(|up| **up) {
            *place = false;
        }
    }
    let missing = count_down(&up);
    (up, missing)
}

fn count_down(up: &[bool]) -> u64 {
    u64::try_from(up.iter().filter(|up| !**up).count()).unwrap_or(u64::MAX)
}

fn activity(array: &Array) -> Option<Activity> {
    let sys = array.sys.as_ref();
    let action = sys.and_then(|sys| sys.sync_action.as_deref()).unwrap_or("idle");
    let action = if action == "recover" { "recovery" } else { action };
    if let Some(sync) = array.text.as_ref().and_then(|text| text.sync.as_ref()) {
        // mdstat calls every waiting action a resync.
        let named = match (&sync.waiting, action) {
            (Some(_), action) if !matches!(action, "idle" | "frozen") => action,
            _ if sync.action == "recover" => "recovery",
            _ => &sync.action,
        };
        /// A hundred days: the kernel's average says that it stands.
        const NEVER_MINUTES: f64 = 144_000.0;
        let stands =
            sync.waiting.is_none() && sync.left_minutes.is_some_and(|left| left > NEVER_MINUTES);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "float casts saturate, and a negative estimate becomes zero"
        )]
        let left = sync.left_minutes.map(|minutes| Span::from_secs((minutes * 60.0) as u64));
        return Some(Activity {
            action: named.to_owned(),
            waiting: sync.waiting.clone(),
            percent: sync.percent,
            left,
            stands,
        });
    }
    // Without a line in mdstat only a frozen action is more than a race between the two files.
    if action == "idle" || (array.text.is_some() && action != "frozen") {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let percent = sys
        .and_then(|sys| sys.sync_completed)
        .filter(|(_, all)| *all > 0)
        .map(|(done, all)| done as f64 / all as f64 * 100.0);
    Some(Activity { action: action.to_owned(), waiting: None, percent, left: None, stands: false })
}
