//! `filesystem`: space and inodes as `df` counts them, read-only flips, mounts that do not answer.
//!
//! `procfs` is not used for the mount table (see [`crate::parse`]), nor `sysinfo` for the sizes: it
//! asks every mount on the calling thread, so that one dead server stops all, and knows no inodes.

use std::sync::Arc;

use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::host::mounts;
use crate::host::space::{self, DeviceNumber, Space};
use crate::model::reading::{Bad, Measure, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::time::Moment;
use crate::model::unit::{Span, Unit};
use crate::parse::mount::{self, Mount, has_option, readable};
use crate::probe::{Found, Kind, KindSpec, Options, Probe, Selector, measured, numbers};

use survey::Target;

mod class;
mod ext4;
mod survey;

/// The kind.
#[derive(Debug)]
pub struct Filesystem;

/// Rows of the metric table.
const USED_PERCENT: MetricId = MetricId(0);
const USED_BYTES: MetricId = MetricId(1);
const FREE_PERCENT: MetricId = MetricId(2);
const FREE_BYTES: MetricId = MetricId(3);
const INODES_PERCENT: MetricId = MetricId(4);
const READONLY: MetricId = MetricId(5);

static SPEC: KindSpec = KindSpec {
    name: "filesystem",
    title: "Space and inodes of mounted file systems, and file systems that turned read-only.",
    doc: "Percentages are the whole numbers that `df -P` and `df -iP` print: used space over what \
users can use (the reserve for root left out), rounded up. A file system without a fixed number of \
inodes (btrfs, vfat) has no `inodes`.\n\n\
The list of mounts is the one of the machine's first process, so the agent's own sandbox does not \
change it. Where the sandbox hides a mount from the agent, the instance is `unknown`; another file \
system's numbers are never shown for it.\n\n\
One file system is one instance under its shortest path, however often it is mounted (bind mounts, \
btrfs subvolumes); the datasets of a zfs pool are judged by the first. Left out: what has no space \
of its own (proc, cgroup), what is full by nature (squashfs, iso9660), overlays except a \
container's root, and automount points, which are never triggered. Watched only if a check selects \
them: tmpfs, other zfs datasets, mounts under an automount point, desktop FUSE mounts, container \
engines' own mounts, and file systems that fstab mounts read-only.\n\n\
Network, FUSE, btrfs and zfs mounts, and whatever is mounted below one, are each asked in a thread \
of their own: a dead server makes its own mount `unknown` and delays nothing else.",
    selectors: &[
        Selector { key: "mount", doc: "Mount point, such as `/srv/*`." },
        Selector { key: "type", doc: "Type, such as `ext4`, `nfs*`, `tmpfs`." },
        Selector {
            key: "source",
            doc: "What is mounted: a device, `server:/export`, a zfs dataset.",
        },
    ],
    options: &[],
    metrics: &[
        Metric {
            key: "used",
            name: "used_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} full",
            doc: "Used share of the space that users can use, as `df` prints it.",
        },
        Metric {
            key: "used",
            name: "used_bytes",
            unit: Unit::Bytes,
            bad: Bad::High,
            phrase: "{} used",
            doc: "Space in use.",
        },
        Metric {
            key: "free",
            name: "free_percent",
            unit: Unit::Percent,
            bad: Bad::Low,
            phrase: "{} free",
            doc: "Free share of the space that users can use: 100% minus `used`.",
        },
        Metric {
            key: "free",
            name: "free_bytes",
            unit: Unit::Bytes,
            bad: Bad::Low,
            phrase: "{} free",
            doc: "Space left for users; the reserve for root is not counted.",
        },
        Metric {
            key: "inodes",
            name: "inodes_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} of inodes used",
            doc: "Used share of the inodes, as `df -i` prints it: at 100% no file can be created.",
        },
        Metric {
            key: "readonly",
            name: "readonly",
            unit: Unit::Flag,
            bad: Bad::Set,
            phrase: "turned read-only",
            doc: "Whether the file system is read-only though it should not be: fstab does not say \
`ro`, and where fstab does not list it, it has been writable before or its kernel counted errors.",
        },
    ],
    measures: &[
        Measure::gauge("size_bytes", Unit::Bytes, "Size (`f_blocks` of statvfs(3))."),
        Measure::gauge(
            "free_for_root_bytes",
            Unit::Bytes,
            "Space left with the reserve for root (`f_bfree`).",
        ),
        Measure::gauge(
            "inodes_count",
            Unit::Count,
            "Inodes in all (`f_files`); none where the file system makes them as needed.",
        ),
        Measure::gauge("inodes_free_count", Unit::Count, "Inodes left (`f_ffree`)."),
        Measure::gauge(
            "mounted_read_only",
            Unit::Flag,
            "Whether the mount or the file system is read-only, on purpose or not, as the \
machine's first process has it mounted (proc_pid_mountinfo(5)).",
        ),
    ],
    findings: None,
    example: include_str!("../../../conf.d/filesystem.yaml"),
};

impl Kind for Filesystem {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        survey::survey(host)
    }

    fn is_fixture(&self, found: &Found) -> bool {
        const PASSING: &[&str] = &["tmpfs", "devtmpfs", "ramfs", "iso9660", "udf", "squashfs"];
        const SESSIONS: &[&str] = &["/run/", "/media/"];
        let of = |key: &str| found.attributes.iter().find(|(name, _)| *name == key);
        let passing = of("type").is_some_and(|(_, fstype)| PASSING.contains(&fstype.as_str()));
        !passing && !SESSIONS.iter().any(|place| found.instance.starts_with(place))
    }

    fn is_its_own_fault(&self, metric: MetricId) -> bool {
        metric != READONLY
    }

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        Box::new(Reader::new(Target::decode(source)))
    }
}

/// How old the mount table's options may be: an emergency stop of ext4 shows nowhere else.
const OPTIONS_AGE: Span = Span::from_secs(60);

struct Reader {
    target: Target,
    instance: Arc<str>,
    /// Identity for which the path was seen to lead to the right device.
    verified: Option<u64>,
    /// What statfs said of read-only last time.
    flag: Option<bool>,
    /// What the mount table said of it last time.
    mounted_read_only: Option<bool>,
    /// Whether it is read-only on purpose.
    on_purpose: Option<bool>,
    errors: ext4::Errors,
}

impl Reader {
    fn new(target: Target) -> Self {
        let instance = readable(&target.place).as_str().into();
        let errors = ext4::Errors::default();
        Self {
            target,
            instance,
            verified: None,
            flag: None,
            mounted_read_only: None,
            on_purpose: None,
            errors,
        }
    }

    /// Sizes of the right file system, or why there are none.
    fn space(&mut self, host: &Host) -> Result<Space, ProbeError> {
        if self.target.automounted {
            let (device, space) = space::space_without_automount(host, &self.target.place)?;
            self.verify(host, Some(device))?;
            return Ok(space);
        }
        let space = space::space(host, &self.target.place)?;
        // The kernel's identity of a file system stands for its device number once that was
        // compared: a second call each time would say the same.
        if space.fsid == 0 || self.verified != Some(space.fsid) {
            let device = space::device_number(host, &self.target.place)?;
            self.verify(host, Some(device))?;
            self.verified = Some(space.fsid);
        }
        Ok(space)
    }

    /// Whether the path leads the agent to the file system that the first process has there.
    fn verify(&self, host: &Host, device: Option<DeviceNumber>) -> Result<(), ProbeError> {
        let Some(expected) = self.target.device else {
            return Ok(());
        };
        // A file of btrfs bears the number of its subvolume, which no mount table shows: there the
        // agent's own table tells.
        let seen = if self.target.fstype == "btrfs" {
            let own = read(host, "proc/self/mountinfo", Shape::UntilEnd)?;
            mount::mountinfo(&own)
                .into_iter()
                .rev()
                .find(|mount| mount.place == self.target.place)
                .and_then(|mount| mount.device)
        } else {
            device
        };
        if seen == Some(expected) {
            return Ok(());
        }
        let name = &self.instance;
        if self.line(&host.mount_table_now()?).is_none() {
            return Err(ProbeError::Absent(format!("`{name}` is not mounted any more")));
        }
        Err(ProbeError::Denied(format!(
            "`{name}` is hidden from the agent by its sandbox: what it sees there is another file \
             system (check ProtectHome, PrivateTmp and the like in the agent's unit)"
        )))
    }

    /// The mount's line in the table.
    fn line(&self, table: &mounts::Table) -> Option<Mount> {
        let matches = |mount: &Mount| {
            mount.place == self.target.place
                && (mount.device.is_none()
                    || self.target.device.is_none()
                    || mount.device == self.target.device)
        };
        // Only lines that name the place are worth taking apart: this runs once a minute for every
        // mount of the machine.
        match table.format {
            mounts::Format::MountInfo => {
                let (major, minor) = self.target.device?;
                let number = format!(" {major}:{minor} ");
                table
                    .text
                    .split(|byte| *byte == b'\n')
                    .filter(|line| contains(line, number.as_bytes()))
                    .filter_map(mount::mountinfo_line)
                    .rfind(matches)
            }
            mounts::Format::Mounts => survey::parse(table).into_iter().rev().find(matches),
        }
    }

    /// Whether it is read-only though it should not be.
    fn turned_read_only(&mut self, host: &Host, now: Moment, space: Space) -> Option<bool> {
        let changed = self.flag.replace(space.read_only) != Some(space.read_only);
        let age = if changed { Span::ZERO } else { OPTIONS_AGE };
        self.mounted_read_only = None;
        let line = self.line(&host.mount_table(now, age).ok()?)?;
        // ext4 since Linux 6.15 stops in an emergency without the read-only flag.
        let stopped = line.has_super_option("emergency_ro") || line.has_super_option("shutdown");
        let read_only = line.has_super_option("ro");
        self.mounted_read_only = Some(read_only || has_option(&line.options, "ro"));
        if stopped {
            return Some(true);
        }
        let refuses = self.target.fstype == "ext4"
            && self
                .target
                .device
                .is_some_and(|device| self.errors.refuse_writes(host, device, line.ids, now));
        if refuses {
            return Some(true);
        }
        if !read_only {
            // Once writable, a later turn is never on purpose unless fstab says so.
            self.on_purpose = Some(self.by_fstab(host) == Some(true));
            return Some(false);
        }
        let on_purpose = match self.on_purpose {
            Some(known) => known,
            None => {
                let by_fstab = self.by_fstab(host);
                *self
                    .on_purpose
                    .insert(by_fstab.unwrap_or_else(|| !self.kernel_counted_errors(host)))
            }
        };
        Some(!on_purpose)
    }

    fn by_fstab(&self, host: &Host) -> Option<bool> {
        if let Some(known) = self.on_purpose {
            return Some(known);
        }
        let fstab = read(host, "etc/fstab", Shape::UntilEnd).ok()?;
        survey::configured(&mount::mounts(&fstab), &self.target.place)
    }

    /// Whether ext4 wrote down an error: then read-only at first sight is damage, not purpose.
    fn kernel_counted_errors(&self, host: &Host) -> bool {
        let errors = self.target.device.and_then(|device| ext4::counted(host, device));
        errors.is_some_and(|count| count > 0)
    }
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|part| part == word)
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let space = self.space(host).map_err(|error| match error {
            // Of a recording the type is all that is known, and worth saying.
            ProbeError::Unsupported(text) if host.is_recorded() => {
                ProbeError::Unsupported(format!("{}: {text}", self.target.fstype))
            }
            other => other,
        })?;
        let read_only = self.turned_read_only(host, now, space);
        let measures = measures(space, self.mounted_read_only);
        let seen = observe(self.instance.clone(), space, read_only);
        Ok(vec![Observation { measures, ..seen }])
    }
}

fn measures(space: Space, mounted_read_only: Option<bool>) -> Vec<Reading> {
    let bytes = |blocks: u64| {
        let bytes = u128::from(blocks) * u128::from(space.block_bytes);
        (space.blocks > 0).then(|| float(bytes))
    };
    let inodes = |count: u64| (space.inodes > 0).then(|| float(u128::from(count)));
    measured([
        bytes(space.blocks),
        bytes(space.blocks_free),
        inodes(space.inodes),
        inodes(space.inodes_free),
        mounted_read_only.map(|yes| f64::from(u8::from(yes))),
    ])
}

/// Turns sizes into readings.
fn observe(instance: Arc<str>, space: Space, turned_read_only: Option<bool>) -> Observation {
    let mut readings = Vec::with_capacity(6);
    let mut put = |metric, value| readings.push(Reading { metric, value });
    let mut summary = "no size of its own".to_owned();
    if space.blocks > 0 {
        let used = space.blocks.saturating_sub(space.blocks_free);
        let bytes = |blocks: u64| float(u128::from(blocks) * u128::from(space.block_bytes));
        let (used_bytes, free_bytes) = (bytes(used), bytes(space.blocks_available));
        put(USED_BYTES, used_bytes);
        put(FREE_BYTES, free_bytes);
        let left = format!(
            "{} of {} left",
            Unit::Bytes.show(free_bytes),
            Unit::Bytes.show(bytes(space.blocks))
        );
        summary = match percent_used(used, space.blocks_available) {
            Some(percent) => {
                put(USED_PERCENT, percent);
                put(FREE_PERCENT, 100.0 - percent);
                format!("{percent}% full, {left}")
            }
            None => left,
        };
    }
    let inodes_used = space.inodes.saturating_sub(space.inodes_free);
    if space.inodes > 0
        && let Some(percent) = percent_used(inodes_used, space.inodes_free)
    {
        put(INODES_PERCENT, percent);
        if percent >= INODES_WORTH_A_WORD {
            summary.push_str(&format!(", {percent}% of inodes used"));
        }
    }
    if let Some(turned) = turned_read_only {
        put(READONLY, if turned { 1.0 } else { 0.0 });
        if turned {
            summary.push_str(", read-only");
        }
    }
    numbers(instance, readings, summary)
}

/// Below this the summary leaves inodes out, in percent.
const INODES_WORTH_A_WORD: f64 = 80.0;

/// `df`'s rule: used over used plus available, rounded up; nothing if that is nothing.
fn percent_used(used: u64, available: u64) -> Option<f64> {
    let total = u128::from(used) + u128::from(available);
    (total > 0).then(|| float((u128::from(used) * 100).div_ceil(total)))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a percentage is small; bytes need no more than 53 bits"
)]
fn float(value: u128) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Space = Space {
        block_bytes: 4096,
        blocks: 1000,
        blocks_free: 300,
        blocks_available: 250,
        inodes: 100,
        inodes_free: 99,
        fsid: 1,
        read_only: false,
    };

    #[test]
    fn percent_is_rounded_up_and_leaves_the_reserve_out() {
        assert_eq!(percent_used(700, 250), Some(74.0), "73.68 is 74 to df");
        assert_eq!(percent_used(1, 1_000_000), Some(1.0));
        assert_eq!(percent_used(0, 10), Some(0.0));
        assert_eq!(percent_used(0, 0), None);
        assert_eq!(percent_used(u64::MAX, u64::MAX), Some(50.0));
        let seen = observe("/".into(), SPACE, Some(false));
        assert_eq!(seen.get(USED_PERCENT), Some(74.0));
        assert_eq!(seen.get(FREE_PERCENT), Some(26.0));
        assert_eq!(seen.get(FREE_BYTES), Some(250.0 * 4096.0));
        assert_eq!(seen.get(INODES_PERCENT), Some(1.0));
        assert_eq!(seen.summary, "74% full, 1000 KiB of 3.91 MiB left");
    }

    #[test]
    fn what_has_no_size_has_no_number() {
        let none = Space {
            blocks: 0,
            blocks_free: 0,
            blocks_available: 0,
            inodes: 0,
            inodes_free: 0,
            ..SPACE
        };
        assert_eq!(observe("/".into(), none, None).readings, []);
        let btrfs = Space { inodes: 0, inodes_free: 0, ..SPACE };
        assert_eq!(observe("/".into(), btrfs, None).get(INODES_PERCENT), None);
    }

    #[test]
    fn collectors_get_the_sizes_that_there_are() {
        let named = |space: Space, read_only| -> Vec<(&'static str, f64)> {
            let measures = measures(space, read_only).into_iter();
            measures.map(|one| (SPEC.measure(one.metric).unwrap().name, one.value)).collect()
        };
        let sizes = [("size_bytes", 4_096_000.0), ("free_for_root_bytes", 1_228_800.0)];
        let inodes = [("inodes_count", 100.0), ("inodes_free_count", 99.0)];
        let flag = [("mounted_read_only", 0.0)];
        assert_eq!(named(SPACE, Some(false)), [&sizes[..], &inodes, &flag].concat());
        let btrfs = Space { inodes: 0, inodes_free: 0, ..SPACE };
        assert_eq!(named(btrfs, None), sizes);
        assert_eq!(named(Space { blocks: 0, blocks_free: 0, ..SPACE }, None), inodes);
    }

    #[test]
    fn collectors_hear_of_read_only_mounts_that_are_meant_so() {
        let mut machine = Machine::new("/dev/sda1 /data ext4 ro 0 2\n");
        let mut see = |options: &str| (machine.see(options), machine.reader.mounted_read_only);
        assert_eq!(see("rw"), (Some(false), Some(false)));
        assert_eq!(see("ro"), (Some(false), Some(true)));
    }

    /// A recording with a mount table and an fstab, and how `read` judged it.
    struct Machine {
        dir: tempfile::TempDir,
        host: Host,
        reader: Reader,
        now: u64,
    }

    impl Machine {
        fn new(fstab: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let host = Host::recorded(dir.path());
            let target = Target {
                device: Some((8, 1)),
                fstype: "ext4".to_owned(),
                automounted: false,
                place: b"/data".to_vec(),
            };
            let machine = Self { dir, host, reader: Reader::new(target), now: 0 };
            machine.put("etc/fstab", fstab);
            machine
        }

        #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
        fn put(&self, name: &str, text: &str) {
            let path = self.dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn see(&mut self, super_options: &str) -> Option<bool> {
            self.put(
                "proc/1/mountinfo",
                &format!("1 0 8:1 / /data rw - ext4 /dev/sda1 {super_options}\n"),
            );
            self.now += 60_000;
            let read_only = super_options.starts_with("ro");
            let space = Space { read_only, ..SPACE };
            self.reader.turned_read_only(&self.host.clone(), Moment(self.now), space)
        }
    }

    #[test]
    fn a_flip_to_read_only_is_told() {
        let mut machine = Machine::new("/dev/sda1 /data ext4 defaults 0 2\n");
        assert_eq!(machine.see("rw,errors=remount-ro"), Some(false));
        assert_eq!(machine.see("ro,errors=remount-ro"), Some(true));
        assert_eq!(machine.see("rw"), Some(false));
        assert_eq!(machine.see("rw,emergency_ro"), Some(true));
    }

    #[test]
    fn read_only_before_the_agent_came_is_damage_if_fstab_says_writable() {
        assert_eq!(Machine::new("/dev/sda1 /data ext4 defaults 0 2\n").see("ro"), Some(true));
        assert_eq!(Machine::new("/dev/sda1 /data ext4 ro 0 2\n").see("ro"), Some(false));
    }

    #[test]
    fn unlisted_and_read_only_is_on_purpose_unless_the_kernel_counted_errors() {
        let mut machine = Machine::new("");
        assert_eq!(machine.see("ro"), Some(false));
        assert_eq!(machine.see("rw"), Some(false));
        // Known since its first sight: a later turn after having been writable is a flip.
        let mut machine = Machine::new("");
        assert_eq!(machine.see("rw"), Some(false));
        assert_eq!(machine.see("ro"), Some(true));
        let mut machine = Machine::new("");
        machine.put("sys/fs/ext4/sda1/errors_count", "3\n");
        std::fs::create_dir_all(machine.dir.path().join("sys/dev/block")).unwrap();
        std::os::unix::fs::symlink(
            "../../block/sda/sda1",
            machine.dir.path().join("sys/dev/block/8:1"),
        )
        .unwrap();
        assert_eq!(machine.see("ro"), Some(true));
    }

    #[test]
    fn a_stopped_journal_that_the_mount_table_does_not_show_is_read_only() {
        let mut machine = Machine::new("/dev/sda1 /data ext4 defaults 0 2\n");
        std::fs::create_dir_all(machine.dir.path().join("sys/dev/block")).unwrap();
        let link = machine.dir.path().join("sys/dev/block/8:1");
        std::os::unix::fs::symlink("../../block/sda/sda1", link).unwrap();
        let errors = |machine: &Machine, count: &str, function: &str, code: &str| {
            machine.put("sys/fs/ext4/sda1/errors_count", count);
            machine.put("sys/fs/ext4/sda1/last_error_func", function);
            machine.put("sys/fs/ext4/sda1/last_error_errcode", code);
        };
        errors(&machine, "2\n", "ext4_journal_check_start\n", "2\n");
        assert_eq!(machine.see("rw"), Some(false), "from before the agent came");
        errors(&machine, "3\n", "ext4_lookup\n", "5\n");
        assert_eq!(machine.see("rw"), Some(false), "an error, and writes go on");
        errors(&machine, "4\n", "ext4_journal_check_start\n", "2\n");
        assert_eq!(machine.see("rw"), Some(true));
        assert_eq!(machine.see("rw"), Some(true), "nobody writes, so nothing more is counted");
        errors(&machine, "0\n", "\n", "0\n");
        assert_eq!(machine.see("rw"), Some(false), "it was repaired");
        errors(&machine, "2\n", "__ext4_new_inode\n", "8\n");
        assert_eq!(machine.see("rw"), Some(true), "noted where a file was to be made");
    }

    #[test]
    fn another_device_at_the_path_is_never_a_number() {
        let host = Host::live();
        let mut reader = Reader::new(Target {
            device: Some((4095, 77)),
            fstype: "ext4".to_owned(),
            automounted: false,
            place: b"/".to_vec(),
        });
        let error = reader.read(&host, Moment(0)).unwrap_err();
        assert_eq!(error.word(), "absent", "no such mount in the table: {error}");
        // The table has the mount, the path leads elsewhere: the sandbox.
        let mut machine = Machine::new("");
        machine.see("rw");
        let error = machine.reader.verify(&machine.host, Some((0, 99))).unwrap_err();
        assert_eq!(error.word(), "denied");
        assert!(error.to_string().contains("sandbox"));
        assert_eq!(machine.reader.verify(&machine.host, Some((8, 1))), Ok(()));
    }
}
