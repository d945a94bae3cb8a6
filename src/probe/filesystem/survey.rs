//! Which of the mounted file systems are worth watching: one instance a file system, however often
//! it is mounted. Touches no mount.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::class::{Class, class};
use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::host::mounts::{Format, Table};
use crate::model::reading::ProbeError;
use crate::parse::mount::{self, Mount, escape, has_option, readable};
use crate::probe::{Found, Lane, stack};

/// Files that a container runtime binds into a container from the host's disk: their file system
/// is not the container's. Paths here are below the root.
const CONTAINER_FILES: &[&[u8]] = &[b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"];
/// Where container engines mount the layers of running containers: one each, gone with it.
const CONTAINER_STORES: &[&[u8]] = &[
    b"var/lib/docker/devicemapper/",
    b"var/lib/docker/zfs/",
    b"var/lib/docker/btrfs/",
    b"var/lib/containers/storage/devicemapper/",
    b"var/lib/containers/storage/zfs/",
    b"var/lib/containers/storage/btrfs/",
    b"var/lib/containerd/io.containerd.snapshotter.v1.",
    b"run/containerd/",
];

/// Takes a table apart in its own format.
pub(super) fn parse(table: &Table) -> Vec<Mount> {
    match table.format {
        Format::MountInfo => mount::mountinfo(&table.text),
        Format::Mounts => mount::mounts(&table.text),
    }
}

/// Finds the instances.
pub(super) fn survey(host: &Host) -> Result<Vec<Found>, ProbeError> {
    let table = match host.mount_table_now() {
        Ok(table) => table,
        // A recording of something else than mounts.
        Err(ProbeError::Absent(_)) if host.is_recorded() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let fstab = read(host, "etc/fstab", Shape::UntilEnd).unwrap_or_default();
    let mut found = choose(&parse(&table), &mount::mounts(&fstab));
    for one in &mut found {
        one.upon = upon(host, one);
    }
    Ok(found)
}

/// The array or pool of a file system and its disks.
fn upon(host: &Host, found: &Found) -> Vec<(&'static str, Arc<str>)> {
    let label = |name: &str| {
        let label = found.labels.iter().find(|(key, _)| *key == name);
        label.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let source = label("device");
    match label("fstype") {
        "zfs" => return vec![("raid", source.split('/').next().unwrap_or_default().into())],
        // Kind `raid` calls it by where it is mounted; its number is no device's.
        "btrfs" => {
            let own = ("raid", Arc::clone(&found.instance));
            let device = stack::by_path(host, source);
            let below = device.map(|device| stack::of_device(host, &device));
            return std::iter::once(own).chain(below.unwrap_or_default()).collect();
        }
        _ => {}
    }
    let number = Target::decode(&found.source).device.filter(|(major, _)| *major > 0);
    let device = number
        .and_then(|(major, minor)| stack::by_number(host, major, minor))
        .or_else(|| stack::by_path(host, source));
    device.map(|device| stack::of_device(host, &device)).unwrap_or_default()
}

/// A mount point's path without its leading slash.
fn inside_root(place: &[u8]) -> &[u8] {
    place.strip_prefix(b"/").unwrap_or(place)
}

/// Whether `inner` lies below `outer` (and is not the same).
fn below(inner: &[u8], outer: &[u8]) -> bool {
    inner.len() > outer.len()
        && inner.starts_with(outer)
        && (outer.ends_with(b"/") || inner.get(outer.len()) == Some(&b'/'))
}

/// Mounts that a path really leads to: of several at one place the last, and none that lies below a
/// later mount on the same parent.
fn reachable(table: &[Mount]) -> Vec<&Mount> {
    let mut last_at: HashMap<&[u8], usize> = HashMap::new();
    let mut children: HashMap<u64, Vec<usize>> = HashMap::new();
    for (row, mount) in table.iter().enumerate() {
        last_at.insert(&mount.place, row);
        if let Some((_, parent)) = mount.ids {
            children.entry(parent).or_default().push(row);
        }
    }
    let covered = |row: usize, mount: &Mount| {
        let siblings = mount.ids.and_then(|(_, parent)| children.get(&parent));
        siblings.is_some_and(|rows| {
            rows.iter().any(|other| {
                *other > row
                    && table.get(*other).is_some_and(|other| below(&mount.place, &other.place))
            })
        })
    };
    table
        .iter()
        .enumerate()
        .filter(|(row, mount)| {
            last_at.get(mount.place.as_slice()) == Some(row) && !covered(*row, mount)
        })
        .map(|(_, mount)| mount)
        .collect()
}

/// What tells one file system from another.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'a> {
    /// Its device number; all subvolumes of one btrfs have the same here.
    Number((u64, u64)),
    /// Its source, where there are no numbers and the source is more than a word.
    Source(&'a [u8]),
    /// Its place.
    Place(&'a [u8]),
}

fn identity(mount: &Mount) -> Identity<'_> {
    match mount.device {
        Some(number) => Identity::Number(number),
        None if mount.source.iter().any(|byte| matches!(byte, b'/' | b':')) => {
            Identity::Source(&mount.source)
        }
        None => Identity::Place(&mount.place),
    }
}

/// The pool of a zfs dataset: all its datasets share one free space.
fn pool(source: &[u8]) -> &[u8] {
    source.split(|byte| *byte == b'/').next().unwrap_or_default()
}

/// Chooses among the mounts of a table.
pub(super) fn choose(table: &[Mount], fstab: &[Mount]) -> Vec<Found> {
    let mounts = reachable(table);
    // Everything through which a path may have to wait, autofs triggers below other mounts too.
    let waiting: Vec<&Mount> =
        table.iter().filter(|m| class(&m.fstype, &m.source).may_wait()).collect();
    let waiting_places: HashSet<&[u8]> = waiting.iter().map(|m| m.place.as_slice()).collect();
    let triggers: HashSet<&[u8]> = waiting
        .iter()
        .filter(|m| class(&m.fstype, &m.source) == Class::Trigger)
        .map(|m| m.place.as_slice())
        .collect();

    let mut candidates: Vec<(usize, &Mount, Class)> = mounts
        .into_iter()
        .enumerate()
        .map(|(row, mount)| (row, mount, class(&mount.fstype, &mount.source)))
        .filter(|(_, mount, class)| match class {
            Class::Nothing | Class::Trigger => false,
            // The root of a container or live system is layered: there is nothing else to watch.
            Class::Layered => mount.place == b"/",
            _ => !CONTAINER_FILES.contains(&inside_root(&mount.place)),
        })
        .collect();
    // Of several mounts of one file system the shortest path stands for it, then the first.
    candidates.sort_by_key(|(row, mount, _)| (mount.place.len(), *row));
    let mut seen = HashSet::new();
    let mut pools = HashSet::new();
    let mut found = Vec::new();
    for (_, mount, class) in candidates {
        if !seen.insert(identity(mount)) {
            continue;
        }
        let first_of_pool = mount.fstype != "zfs" || pools.insert(pool(&mount.source));
        let through = |places: &HashSet<&[u8]>| ancestors(&mount.place).any(|p| places.contains(p));
        let automounted = through(&triggers) || triggers.contains(mount.place.as_slice());
        let in_store =
            CONTAINER_STORES.iter().any(|store| inside_root(&mount.place).starts_with(store));
        let meant_read_only = configured(fstab, &mount.place) == Some(true);
        let waits = class.may_wait() || automounted || through(&waiting_places);
        let by_default = matches!(class, Class::Memory | Class::MayWait | Class::Layered)
            && first_of_pool
            && !automounted
            && !in_store
            && !meant_read_only;
        found.push(instance(mount, waits, automounted, by_default));
    }
    // Seen from a chroot, the table has no root; what the agent lives on is worth watching all the
    // same, and its silence would look like health.
    if !table.is_empty() && !table.iter().any(|mount| mount.place == b"/") {
        found.push(unlisted_root());
    }
    found.sort_by(|a, b| a.instance.cmp(&b.instance));
    found
}

fn unlisted_root() -> Found {
    let target = Target {
        device: None,
        fstype: "not in the mount table".to_owned(),
        automounted: false,
        place: b"/".to_vec(),
    };
    Found {
        instance: "/".into(),
        title: "/".to_owned(),
        source: target.encode().into(),
        lane: Lane::Own,
        attributes: vec![("mount", "/".to_owned())],
        labels: Vec::new(),
        behind: None,
        upon: Vec::new(),
        by_default: true,
    }
}

fn instance(mount: &Mount, waits: bool, automounted: bool, by_default: bool) -> Found {
    let place = readable(&mount.place);
    let source = readable(&mount.source);
    Found {
        instance: place.as_str().into(),
        title: place.clone(),
        source: Target::of(mount, automounted).encode().into(),
        lane: if waits { Lane::Own } else { Lane::Inline },
        attributes: vec![
            ("mount", place),
            ("type", mount.fstype.clone()),
            ("source", source.clone()),
        ],
        labels: vec![("fstype", mount.fstype.clone()), ("device", source)],
        behind: None,
        upon: Vec::new(),
        by_default,
    }
}

/// Directories above a path, nearest last, with the root.
fn ancestors(place: &[u8]) -> impl Iterator<Item = &[u8]> {
    place.iter().enumerate().filter(|(_, byte)| **byte == b'/').filter_map(move |(end, _)| {
        let above = place.get(..end.max(1))?;
        (above != place).then_some(above)
    })
}

/// Whether fstab says that the file system at `place` is read-only; `None` if it is not listed.
pub(super) fn configured(fstab: &[Mount], place: &[u8]) -> Option<bool> {
    fstab.iter().rev().find(|line| line.place == place).map(|line| has_option(&line.options, "ro"))
}

/// What a probe must know of the mount it reads, as the text of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Major and minor number in the first process' table.
    pub device: Option<(u64, u64)>,
    /// Type.
    pub fstype: String,
    /// Whether touching the path may mount something.
    pub automounted: bool,
    /// The mount point's own bytes.
    pub place: Vec<u8>,
}

impl Target {
    fn of(mount: &Mount, automounted: bool) -> Self {
        Self {
            device: mount.device,
            fstype: mount.fstype.clone(),
            automounted,
            place: mount.place.clone(),
        }
    }

    /// `8:1 ext4 direct /srv/my\040data`: a file system mounted anew is another source.
    pub(super) fn encode(&self) -> String {
        let (major, minor) = self.device.unwrap_or_default();
        let how = if self.automounted { "automount" } else { "direct" };
        format!("{major}:{minor} {} {how} {}", escape(self.fstype.as_bytes()), escape(&self.place))
    }

    /// The other way round; a text that is none names a place without a known device.
    pub(super) fn decode(source: &str) -> Self {
        Self::parts(source).unwrap_or_else(|| Self {
            device: None,
            fstype: String::new(),
            automounted: false,
            place: mount::unescape(source.as_bytes()),
        })
    }

    fn parts(source: &str) -> Option<Self> {
        let mut parts = source.splitn(4, ' ');
        let (major, minor) = parts.next()?.split_once(':')?;
        let device = (major.parse().ok()?, minor.parse().ok()?);
        let fstype = readable(&mount::unescape(parts.next()?.as_bytes()));
        let automounted = parts.next()? == "automount";
        let place = mount::unescape(parts.next()?.as_bytes());
        // Major 0 with minor 0 is no file system's number.
        let device = (device != (0, 0)).then_some(device);
        Some(Self { device, fstype, automounted, place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Found> {
        choose(&mount::mountinfo(text.as_bytes()), &[])
    }

    fn watched(text: &str) -> Vec<String> {
        found(text).iter().filter(|f| f.by_default).map(|f| f.instance.to_string()).collect()
    }

    #[test]
    fn one_instance_a_file_system_under_its_shortest_name() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 8:1 /srv /export/very/long rw - ext4 /dev/sda1 rw\n\
            3 1 0:40 /@home /home rw - btrfs /dev/sdb rw,subvol=/@home\n\
            4 1 0:40 /@srv /srv/data rw - btrfs /dev/sdb rw,subvol=/@srv\n";
        assert_eq!(watched(text), ["/", "/home"]);
    }

    #[test]
    fn what_is_mounted_over_is_out_of_reach() {
        let text = "1 0 0:2 / / rw - rootfs rootfs rw\n\
            2 1 8:1 / / rw - xfs /dev/sda1 rw\n\
            3 2 8:2 / /mnt/a rw - xfs /dev/sda2 rw\n\
            4 2 8:3 / /mnt rw - xfs /dev/sda3 rw\n";
        assert_eq!(watched(text), ["/", "/mnt"]);
    }

    #[test]
    fn a_path_through_something_that_may_hang_has_its_own_lane() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 0:50 / /net/srv rw - nfs4 srv:/x rw\n\
            3 2 8:2 / /net/srv/disk rw - ext4 /dev/sdb rw\n\
            4 1 8:3 / /net/srvx rw - ext4 /dev/sdc rw\n";
        let lanes: Vec<_> =
            found(text).into_iter().map(|f| (f.instance.to_string(), f.lane)).collect();
        let expected = [
            ("/", Lane::Inline),
            ("/net/srv", Lane::Own),
            ("/net/srv/disk", Lane::Own),
            ("/net/srvx", Lane::Inline),
        ];
        assert_eq!(lanes, expected.map(|(name, lane)| (name.to_owned(), lane)));
    }

    #[test]
    fn automounts_are_never_touched_unasked() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 0:60 / /boot/efi rw - autofs systemd-1 rw,direct\n\
            3 2 8:2 / /boot/efi rw - vfat /dev/sda2 rw\n\
            4 1 0:61 / /auto rw - autofs auto.misc rw,indirect\n";
        let all = found(text);
        assert_eq!(watched(text), ["/"]);
        assert_eq!(all.len(), 2, "a bare trigger is nothing to watch, what is mounted is");
        assert_eq!(all[1].lane, Lane::Own);
        assert!(Target::decode(&all[1].source).automounted);
    }

    #[test]
    fn a_container_watches_its_layered_root_and_not_the_hosts_files() {
        let text = "1 0 0:70 / / rw - overlay overlay rw\n\
            2 1 8:1 /docker/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n\
            3 1 0:71 / /dev/shm rw - tmpfs shm rw\n\
            4 1 8:2 /vol /data rw - ext4 /dev/sdb rw\n";
        assert_eq!(watched(text), ["/", "/data"]);
        assert!(found(text).iter().any(|f| &*f.instance == "/dev/shm"), "tmpfs is there to select");
    }

    #[test]
    fn the_datasets_of_one_pool_are_one_alarm() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 0:80 / /tank rw - zfs tank rw\n3 1 0:81 / /tank/a rw - zfs tank/a rw\n\
            4 1 0:82 / /other rw - zfs other/x rw\n";
        assert_eq!(watched(text), ["/", "/other", "/tank"]);
        assert_eq!(found(text).len(), 4);
    }

    #[test]
    fn read_only_by_fstab_is_left_out() {
        let fstab = mount::mounts(b"/dev/sdb /img ext4 ro,noatime 0 0\n");
        let table = mount::mountinfo(b"2 1 8:16 / /img ro - ext4 /dev/sdb ro\n");
        let found = choose(&table, &fstab);
        let image = found.iter().find(|f| &*f.instance == "/img").unwrap();
        assert!(!image.by_default);
    }

    #[test]
    fn a_table_without_a_root_has_one_to_watch_all_the_same() {
        assert_eq!(watched("2 1 8:16 / /srv rw - ext4 /dev/sdb rw\n"), ["/", "/srv"]);
        assert_eq!(watched(""), [""; 0]);
    }

    #[test]
    fn targets_survive_their_text() {
        let target = Target {
            device: Some((259, 3)),
            fstype: "fuse.x y".to_owned(),
            automounted: true,
            place: b"/a b\\c\xff".to_vec(),
        };
        assert_eq!(Target::decode(&target.encode()), target);
        assert_eq!(Target::decode("/plain").place, b"/plain");
    }
}
