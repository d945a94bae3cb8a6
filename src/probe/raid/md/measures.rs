//! What collectors get of an md array beyond its readings: sizes, disks, and what goes on, as they
//! count them. Must not know: how bad it is.

use super::view::View;
use crate::model::reading::{Measure, Reading};
use crate::model::unit::Unit;
use crate::probe::measured;

/// A row that is a number of disks.
const fn disks(name: &'static str, doc: &'static str) -> Measure {
    Measure::gauge(name, Unit::Count, doc)
}

/// A row that is one of the states, of which one holds at a time.
const fn state(name: &'static str, doc: &'static str) -> Measure {
    Measure::gauge(name, Unit::Flag, doc)
}

/// The kind's measures; only md arrays have any.
pub(in crate::probe::raid) static MEASURES: [Measure; 11] = [
    Measure::gauge(
        "size_bytes",
        Unit::Bytes,
        "Size of an md array (blocks of 1 KiB in `/proc/mdstat`, md.rst of the kernel).",
    ),
    Measure::gauge(
        "synced_bytes",
        Unit::Bytes,
        "Position on each member of the synchronisation that runs in an md array; its size where \
none does.",
    ),
    disks("disks_required_count", "Places of an md array."),
    disks("disks_active_count", "Places of an md array with a member in sync that exists."),
    disks("disks_failed_count", "Members of an md array that failed and are still attached."),
    disks("disks_spare_count", "Spare disks of an md array."),
    state("state_active", "Whether an md array runs, and nothing goes on in it."),
    state("state_inactive", "Whether an md array does not run."),
    state("state_recovering", "Whether a member of an md array is being rebuilt, or waits for it."),
    state("state_resync", "Whether members of an md array are made equal, or wait for it."),
    state("state_check", "Whether an md array is checked or repaired, or waits for it."),
];

impl View<'_> {
    pub(super) fn measures(&self) -> Vec<Reading> {
        let text = self.array.text.as_ref();
        let size = text.and_then(|text| text.size_kib);
        let sync = text.and_then(|text| text.sync.as_ref());
        // One that waits has done nothing yet.
        let synced = match sync {
            Some(sync) => sync.done_kib.or(sync.waiting.as_ref().map(|_| 0)),
            None => size,
        };
        let bytes = |kib: Option<u64>| kib.map(|kib| float(kib) * 1024.0);
        let count = |things: usize| u64::try_from(things).ok().map(float);
        let inactive = self.is_inactive();
        let is_broken = text.is_some_and(|text| text.activity == "broken");
        let action = self.activity.as_ref().map(|activity| activity.action.as_str());
        let is = |doing: bool| Some(f64::from(u8::from(doing && !inactive)));
        let members = text.map(|text| text.members.len()).unwrap_or_default();
        // What has no redundancy has no places in mdstat.
        let places = if self.up.is_empty() { members } else { self.up.len() };
        let up = if self.up.is_empty() {
            members.saturating_sub(self.failed.len()).saturating_sub(self.spares.len())
        } else {
            self.up.iter().filter(|up| **up).count()
        };
        measured([
            bytes(size),
            bytes(synced),
            count(places),
            count(if inactive { 0 } else { up }),
            count(self.failed.len()),
            count(self.spares.len()),
            is(action.is_none_or(|action| action == "frozen") && !is_broken),
            Some(f64::from(u8::from(inactive))),
            is(action == Some("recovery")),
            is(action == Some("resync")),
            is(matches!(action, Some("check" | "repair"))),
        ])
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 blocks")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use crate::host::Host;
    use crate::model::reading::MetricId;
    use crate::model::time::Moment;
    use crate::probe::raid::Raid;
    use crate::probe::{Kind, Options};

    /// Values of the arrays of an mdstat, each by the names of its measures.
    #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
    fn read(mdstat: &str) -> Vec<Vec<(&'static str, f64)>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("proc")).unwrap();
        std::fs::write(dir.path().join("proc/mdstat"), mdstat).unwrap();
        let host = Host::recorded(dir.path());
        let seen = Raid.open("md", &Options::new()).read(&host, Moment(0)).unwrap();
        let name = |id: MetricId| Raid.spec().measure(id).unwrap().name;
        let named = seen
            .into_iter()
            .map(|one| one.measures.into_iter().map(|one| (name(one.metric), one.value)).collect());
        named.collect()
    }

    fn of(array: &[(&'static str, f64)], names: &[&str]) -> Vec<f64> {
        let value = |name: &&str| array.iter().find(|(own, _)| own == name).unwrap().1;
        names.iter().map(value).collect()
    }

    const DISKS: [&str; 4] =
        ["disks_required_count", "disks_active_count", "disks_failed_count", "disks_spare_count"];
    const STATES: [&str; 5] =
        ["state_active", "state_inactive", "state_recovering", "state_resync", "state_check"];

    #[test]
    fn a_rebuild_a_check_and_a_whole_array() {
        let arrays = read(
            "Personalities : [raid1]\n\
             md0 : active raid1 sdd1[3](S) sdc1[2](F) sdb1[1] sda1[0]\n      1000 blocks [2/2] [UU]\n\n\
             md1 : active raid1 sdb2[2] sda2[0]\n      2000 blocks [2/1] [U_]\n      \
             [=>....]  recovery =  8.5% (170/2000) finish=17.0min speed=9K/sec\n\n\
             md2 : active raid1 sdb3[1] sda3[0]\n      3000 blocks [2/2] [UU]\n      \
             [=>....]  check =  1.0% (30/3000) finish=17.0min speed=9K/sec\n\n\
             md3 : active raid1 sdb4[1] sda4[0]\n      4000 blocks [2/2] [UU]\n      \
             \tresync=DELAYED\n\n",
        );
        let sizes = ["size_bytes", "synced_bytes"];
        assert_eq!(of(&arrays[0], &sizes), [1_024_000.0, 1_024_000.0]);
        assert_eq!(of(&arrays[0], &DISKS), [2.0, 2.0, 1.0, 1.0]);
        assert_eq!(of(&arrays[0], &STATES), [1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(of(&arrays[1], &sizes), [2_048_000.0, 174_080.0]);
        assert_eq!(of(&arrays[1], &DISKS), [2.0, 1.0, 0.0, 0.0]);
        assert_eq!(of(&arrays[1], &STATES), [0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(of(&arrays[2], &STATES), [0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(of(&arrays[3], &sizes), [4_096_000.0, 0.0], "one that waits has done nothing");
        assert_eq!(of(&arrays[3], &STATES), [0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn a_stripe_an_array_that_does_not_run_and_a_container() {
        let arrays = read(
            "md4 : active raid0 sdb[1] sda[0]\n      1000 blocks super 1.2 512k chunks\n\n\
             md5 : inactive sdc[1](S)\n      500 blocks super 1.2\n\n\
             md127 : inactive sdd[0](S)\n      5288 blocks super external:imsm\n\n",
        );
        assert_eq!(of(&arrays[0], &DISKS), [2.0, 2.0, 0.0, 0.0]);
        assert_eq!(of(&arrays[1], &STATES), [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(of(&arrays[1], &["disks_active_count"]), [0.0]);
        assert_eq!(arrays[2], [], "a container is no array");
        let lost = read("md6 : broken raid0 sdb[1] sda[0]\n      10 blocks super 1.2\n\n");
        assert_eq!(of(&lost[0], &STATES), [0.0; 5], "what lost a member neither runs nor rests");
    }
}
