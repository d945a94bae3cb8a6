//! What the state of an md array means to an administrator. Pure, but for the identity of the disk
//! to pull.

use super::array::{Array, Attributes, Member};
use super::view::View;
use crate::host::Host;
use crate::model::reading::Observation;
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::probe::raid::disk::described;
use crate::probe::raid::level::{Redundancy, is_redundant};
use crate::probe::raid::report::{Report, counted};
use crate::probe::raid::{
    ERRORS, MEMBERS_FAILED, MEMBERS_MISSING, MISMATCHES, PROGRESS_PERCENT, REDUNDANCY_LEFT, SPARES,
};

/// What earlier runs know of an array.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Position of the synchronisation, and since when it stands there.
    pub(super) position: Option<(u64, Moment)>,
    /// How long it has not moved, if too long.
    pub(super) stuck: Option<Span>,
    pub(super) was_writable: bool,
    /// What `mdadm.conf` asks for.
    pub(super) wanted_spares: u64,
}

/// Says what is to be said of one array.
pub(super) fn judge(host: &Host, array: &Array, past: &Past) -> Observation {
    let mut report = Report::new(&array.name);
    if let Some(format) = array.container() {
        let what = format!("container of firmware RAID ({format})");
        report.say(
            State::Ok,
            "container",
            "no array itself; the arrays in it are judged".to_owned(),
            Vec::new(),
        );
        return report.finish(&what);
    }
    let view = View::new(array);
    let what = view.what();
    report.bring(view.measures());
    if view.is_inactive() {
        report.say(
            State::Critical,
            "inactive",
            "inactive: not started, its data is not available".to_owned(),
            view.inactive_detail(host),
        );
        return report.finish(&what);
    }
    view.condition(host, &mut report);
    view.members(host, &mut report);
    view.activity(past, &mut report);
    view.access(past, &mut report);
    view.words(&mut report);
    view.spares(past, &mut report);
    view.mismatches(&mut report);
    report.finish(&what)
}

impl View<'_> {
    /// Whole, degraded, being rebuilt, or lost.
    fn condition(&self, host: &Host, report: &mut Report) {
        report.count(MEMBERS_MISSING, self.missing);
        if let Redundancy::Left(left) = self.redundancy {
            report.count(REDUNDANCY_LEFT, left);
        }
        if self.array_state() == "broken"
            || self.array.text.as_ref().is_some_and(|text| text.activity == "broken")
        {
            let fact = format!(
                "broken: a member of this {} array is lost, its data is not available",
                self.level
            );
            report.say(State::Critical, "broken", fact, self.member_detail(host));
            report.distinguish("lost".to_owned());
            return;
        }
        if self.missing == 0 {
            return;
        }
        let all = u64::try_from(self.up.len()).unwrap_or(u64::MAX);
        let working = all.saturating_sub(self.missing);
        let who = self.who();
        if self.redundancy == Redundancy::Lost {
            let fact = format!(
                "failed, only {working} of {} left{who}: its data is not available",
                counted(all, "disk", "disks")
            );
            report.say(State::Critical, "failed", fact, self.member_detail(host));
            report.distinguish("lost".to_owned());
            return;
        }
        if self.is_made_for_more_bays(all, working) {
            let fact = format!("{working} of {all} places in use, as a NAS makes its own arrays");
            report.say(State::Ok, "unfilled", fact, Vec::new());
            return;
        }
        let no_more = matches!(self.redundancy, Redundancy::Left(0));
        let (state, code, doing) = self.repair(no_more);
        let fact =
            format!("degraded, {working} of {}{who}; {doing}", counted(all, "disk", "disks"));
        let mut detail = vec![match self.redundancy {
            Redundancy::Left(0) => "No redundancy left: one more failure loses data.".to_owned(),
            Redundancy::Left(left) => {
                format!(
                    "At least {} more may fail without loss of data.",
                    counted(left, "disk", "disks")
                )
            }
            Redundancy::Lost | Redundancy::Unknown => {
                format!("What `{}` survives is not known.", self.level)
            }
        }];
        detail.extend(self.member_detail(host));
        report.say(state, code, fact, detail);
        report.distinguish(format!("missing-{}", self.missing));
    }

    /// What is being done about a missing member, and how bad that makes it.
    fn repair(&self, no_more: bool) -> (State, &'static str, String) {
        let spare = match self.spares.first() {
            Some(spare) => format!(", spare {spare} is not used"),
            None => String::new(),
        };
        let Some(activity) = &self.activity else {
            return (State::Critical, "degraded", format!("nothing is being rebuilt{spare}"));
        };
        let queued = if no_more { State::Critical } else { State::Warning };
        match (activity.action.as_str(), activity.waiting.as_deref()) {
            ("recovery", None) => (State::Warning, "rebuilding", activity.sentence("rebuild")),
            (_, Some("REMOTE")) => {
                (State::Warning, "rebuilding", "another node of the cluster rebuilds it".to_owned())
            }
            ("recovery" | "resync", Some("DELAYED")) => (
                queued,
                "rebuild-waits",
                "its rebuild waits for another array on the same disks".to_owned(),
            ),
            (_, Some("PENDING")) => {
                (State::Critical, "degraded", "its rebuild waits for the first write".to_owned())
            }
            ("frozen", _) => (
                State::Critical,
                "degraded",
                "its rebuild was stopped (sync_action frozen)".to_owned(),
            ),
            (action, _) => (
                State::Critical,
                "degraded",
                format!("no rebuild, only {} is running{spare}", with_article(action)),
            ),
        }
    }

    /// Members that are sick though every slot is filled, and counts.
    fn members(&self, host: &Host, report: &mut Report) {
        report.count(MEMBERS_FAILED, u64::try_from(self.failed.len()).unwrap_or_default());
        let members = || self.sys().into_iter().flat_map(|sys| sys.members.iter());
        if members().next().is_some() {
            report.count(ERRORS, members().map(|member| member.errors).sum());
        }
        let journal_failed =
            self.array.text.as_ref().is_some_and(|text| {
                text.members.iter().any(|member| member.is('F') && member.is('J'))
            }) || members().any(|member| member.is("journal") && member.is("faulty"));
        if journal_failed {
            report.say(
                State::Critical,
                "journal-failed",
                "its write journal failed: the array accepts no writes".to_owned(),
                self.member_detail(host),
            );
        } else if self.missing == 0 && !self.failed.is_empty() {
            let fact = format!(
                "{} still attached ({}), all places are filled again",
                counted(
                    self.failed.len().try_into().unwrap_or(u64::MAX),
                    "failed disk",
                    "failed disks"
                ),
                self.failed.join(", ")
            );
            report.say(State::Warning, "failed-member", fact, self.member_detail(host));
        }
        for member in members().filter(|member| !member.is("faulty")) {
            self.sick(host, member, report);
        }
    }

    fn sick(&self, host: &Host, member: &Member, report: &mut Report) {
        let name = &member.device;
        let replaced = members_with(self.sys(), "replacement").next().is_some();
        let mut signs = Vec::new();
        if member.is("write_error") {
            signs.push("failed to write");
        }
        if member.bad_blocks {
            signs.push("has ranges that cannot be read");
        }
        if member.is("want_replacement") && !replaced {
            signs.push("is to be replaced");
        }
        if !signs.is_empty() {
            let detail = vec![
                format!("Member {}{}", described(host, name), self.in_slot(name)),
                format!(
                    "The array is still whole. Next: add a new disk as a spare, then mdadm /dev/{} \
                     --replace {name}.",
                    self.array.name
                ),
            ];
            report.say(
                State::Warning,
                "sick-member",
                format!("{name} {}", signs.join(", ")),
                detail,
            );
        }
    }

    /// What is running or waiting.
    fn activity(&self, past: &Past, report: &mut Report) {
        let Some(activity) = &self.activity else { return };
        if let Some(percent) = activity.percent {
            report.measure(PROGRESS_PERCENT, percent);
        }
        let known = match activity.action.as_str() {
            // Said with what is missing.
            "recovery" if self.missing > 0 => None,
            _ if self.missing > 0 && activity.waiting.is_some() => None,
            "recovery" => Some("replacement of a disk"),
            "resync" => Some("synchronisation"),
            "reshape" => Some("reshape"),
            "check" => Some("routine check"),
            "repair" => Some("repair of mismatches"),
            "frozen" => None,
            word => {
                let fact = format!("unknown activity `{word}`");
                report.say(State::Warning, "unknown-word", fact, Vec::new());
                None
            }
        };
        if let Some(name) = known {
            let code = activity.action.clone();
            report.say(State::Ok, &code, activity.sentence(name), Vec::new());
        }
        if let Some(standing) = past.stuck {
            report.say(
                State::Warning,
                "stuck",
                format!("its {} has not moved for {standing}", activity.action),
                vec!["Next: look into the kernel's log for errors of its disks.".to_owned()],
            );
        }
    }

    /// Whether it can be written.
    fn access(&self, past: &Past, report: &mut Report) {
        let text = self.array.text.as_ref().and_then(|text| text.read_only.as_deref());
        let state = self.array_state();
        if state == "suspended" {
            let fact = "suspended: reads and writes wait".to_owned();
            report.say(State::Warning, "suspended", fact, Vec::new());
        }
        match text {
            Some("read-only") => {}
            None if state == "readonly" => {}
            Some("auto-read-only") | None => return,
            Some(word) => {
                let fact = format!("unknown access mode `{word}`");
                report.say(State::Warning, "unknown-word", fact, Vec::new());
                return;
            }
        }
        let hurt = self.missing > 0 || !self.failed.is_empty();
        let (state, fact) = if past.was_writable || hurt {
            (State::Critical, "turned read-only")
        } else {
            (State::Ok, "set read-only")
        };
        report.say(state, "read-only", fact.to_owned(), Vec::new());
    }

    /// Words of the kernel that are not known here are never taken for good.
    fn words(&self, report: &mut Report) {
        let mut odd = Vec::new();
        if !matches!(
            self.array_state(),
            "" | "clean"
                | "active"
                | "active-idle"
                | "write-pending"
                | "read-auto"
                | "readonly"
                | "broken"
                | "suspended"
                | "inactive"
                | "clear"
        ) {
            odd.push(format!("array state `{}`", self.array_state()));
        }
        if let Some(text) = &self.array.text {
            if !matches!(text.activity.as_str(), "active" | "broken") {
                odd.push(format!("state `{}`", text.activity));
            }
            for member in &text.members {
                for flag in &member.flags {
                    if !matches!(flag, 'F' | 'S' | 'W' | 'J' | 'R') {
                        odd.push(format!("mark ({flag}) of {}", member.device));
                    }
                }
            }
        }
        for member in self.sys().into_iter().flat_map(|sys| sys.members.iter()) {
            for state in &member.states {
                if !MEMBER_STATES.contains(&state.as_str()) {
                    odd.push(format!("state `{state}` of {}", member.device));
                }
            }
        }
        if self.redundancy == Redundancy::Unknown && !matches!(self.level, "" | "faulty") {
            odd.push(format!("level `{}`", self.level));
        }
        if !odd.is_empty() {
            odd.truncate(8);
            let fact = format!("unknown {}", odd.join(", "));
            report.say(State::Warning, "unknown-word", fact, Vec::new());
        }
    }

    fn spares(&self, past: &Past, report: &mut Report) {
        if !is_redundant(self.level) {
            return;
        }
        let have = u64::try_from(self.spares.len()).unwrap_or(u64::MAX);
        report.count(SPARES, have);
        if have < past.wanted_spares && self.missing == 0 {
            let fact = format!("spare missing, {have} of {}", past.wanted_spares);
            let detail = vec!["mdadm.conf asks for them with `spares=`.".to_owned()];
            report.say(State::Warning, "spare-missing", fact, detail);
        }
    }

    /// Differing copies are normal on RAID1 and RAID10 below swap and memory-mapped files.
    fn mismatches(&self, report: &mut Report) {
        let Some(sys) = self.sys() else { return };
        let Some(sectors) = sys.mismatches else { return };
        report.count(MISMATCHES, sectors);
        let counts = matches!(self.level, "raid4" | "raid5" | "raid6")
            && sys.last_sync_action.as_deref().is_none_or(|last| last == "check");
        if sectors > 0 && counts && self.activity.is_none() {
            let fact = format!(
                "parity of {} did not fit in the last check",
                counted(sectors, "sector", "sectors")
            );
            let detail = vec![
                "A disk, cable, controller or memory returned wrong data, or a crash interrupted a \
                 write."
                    .to_owned(),
                format!("Next: compare with a backup, then write `repair` to md/sync_action of {}.", self.array.name),
            ];
            report.say(State::Warning, "mismatches", fact, detail);
        }
    }
}

/// Every word that kernels so far write into a member's `state`.
const MEMBER_STATES: &[&str] = &[
    "faulty",
    "in_sync",
    "writemostly",
    "blocked",
    "spare",
    "write_error",
    "want_replacement",
    "replacement",
    "journal",
    "failfast",
    "external_bbl",
    "none",
    "",
];

fn members_with<'a>(
    sys: Option<&'a Attributes>,
    word: &'a str,
) -> impl Iterator<Item = &'a Member> {
    sys.into_iter().flat_map(|sys| sys.members.iter()).filter(move |member| member.is(word))
}

fn with_article(action: &str) -> String {
    match action {
        "resync" | "repair" | "reshape" | "check" => format!("a {action}"),
        other => format!("`{other}`"),
    }
}
