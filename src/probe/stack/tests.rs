//! The walk down over trees of sysfs that are written here.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

/// A machine of folders (a name that ends in `/`), files (`path=text`) and links (`path->target`).
fn machine(root: &Path, entries: &[&str]) -> Host {
    for entry in entries {
        let path = |name: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        if let Some((name, target)) = entry.split_once("->") {
            symlink(target, path(name)).unwrap();
        } else if let Some((name, text)) = entry.split_once('=') {
            std::fs::write(path(name), text).unwrap();
        } else {
            std::fs::create_dir_all(root.join(entry)).unwrap();
        }
    }
    Host::recorded(root)
}

fn shown(stack: &Stack) -> String {
    stack.iter().map(|(kind, name)| format!("{kind}:{name}")).collect::<Vec<_>>().join(" ")
}

const DISKS: &[&str] = &[
    // LVM on an encrypted RAID1 of two partitions.
    "sys/devices/pci0/ata1/block/sda/sda1/partition=1",
    "sys/devices/pci0/ata2/block/sdb/sdb1/partition=1",
    "sys/devices/virtual/block/md0/md/level=raid1",
    "sys/devices/virtual/block/dm-0/dm/name=crypt0",
    "sys/devices/virtual/block/dm-1/dm/name=vg-data",
    "sys/devices/virtual/block/md0/slaves/sda1->../../../../pci0/ata1/block/sda/sda1",
    "sys/devices/virtual/block/md0/slaves/sdb1->../../../../pci0/ata2/block/sdb/sdb1",
    "sys/devices/virtual/block/dm-0/slaves/md0->../../md0",
    "sys/devices/virtual/block/dm-1/slaves/dm-0->../../dm-0",
    "sys/class/block/sda->../../devices/pci0/ata1/block/sda",
    "sys/class/block/sda1->../../devices/pci0/ata1/block/sda/sda1",
    "sys/class/block/sdb->../../devices/pci0/ata2/block/sdb",
    "sys/class/block/sdb1->../../devices/pci0/ata2/block/sdb/sdb1",
    "sys/class/block/md0->../../devices/virtual/block/md0",
    "sys/class/block/dm-0->../../devices/virtual/block/dm-0",
    "sys/class/block/dm-1->../../devices/virtual/block/dm-1",
    "sys/block/sda->../devices/pci0/ata1/block/sda",
    "sys/block/sdb->../devices/pci0/ata2/block/sdb",
    "sys/block/md0->../devices/virtual/block/md0",
    "sys/block/dm-0->../devices/virtual/block/dm-0",
    "sys/block/dm-1->../devices/virtual/block/dm-1",
    "sys/dev/block/253:1->../../devices/virtual/block/dm-1",
];

#[test]
fn a_volume_stands_upon_its_array_and_the_disks_of_that() {
    let folder = tempfile::tempdir().unwrap();
    let host = machine(folder.path(), DISKS);
    assert_eq!(by_number(&host, 253, 1).as_deref(), Some("dm-1"));
    assert_eq!(by_path(&host, "/dev/mapper/vg-data").as_deref(), Some("dm-1"));
    assert_eq!(by_path(&host, "/dev/sda1").as_deref(), Some("sda1"));
    assert_eq!(by_path(&host, "server:/export"), None);
    assert_eq!(
        shown(&of_device(&host, "dm-1")),
        "raid:vg/data disk_io:dm-1 raid:crypt0 disk_io:dm-0 raid:md0 disk_io:md0 disk_io:sda1 \
         disk_io:sdb1 disk_io:sda disk_io:sdb"
    );
    assert_eq!(
        shown(&below_device(&host, "md0")),
        "disk_io:sda1 disk_io:sdb1 disk_io:sda disk_io:sdb"
    );
    assert_eq!(shown(&below_device(&host, "sda1")), "disk_io:sda");
    assert_eq!(shown(&below_device(&host, "sda")), "");
}

#[test]
fn a_recording_without_the_class_goes_by_names() {
    let folder = tempfile::tempdir().unwrap();
    let host = machine(folder.path(), &["sys/block/nvme0n1/queue/"]);
    assert_eq!(shown(&below_device(&host, "nvme0n1p2")), "disk_io:nvme0n1");
    assert_eq!(shown(&below_device(&host, "nvme0n1")), "");
}

#[test]
fn a_ring_of_devices_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let host =
        machine(folder.path(), &["sys/block/dm-0/slaves/dm-1/", "sys/block/dm-1/slaves/dm-0/"]);
    assert_eq!(shown(&of_device(&host, "dm-0")), "disk_io:dm-0 disk_io:dm-1");
    let many: Vec<String> = (0..400).map(|n| format!("sys/block/md9/slaves/sd{n}/")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let host = machine(folder.path(), &many);
    assert_eq!(of_device(&host, "md9").len(), STACK_WIDTH);
}

#[test]
fn a_vlan_stands_upon_its_bond_and_the_links_of_that() {
    let folder = tempfile::tempdir().unwrap();
    let host = machine(
        folder.path(),
        &[
            "sys/class/net/bond0.7/lower_bond0/",
            "sys/class/net/bond0/bonding/slaves=eno1 eno2\n",
            "sys/class/net/bond0/lower_eno1/",
            "sys/class/net/eno1/carrier=1",
            "sys/class/net/eno2/carrier=0",
        ],
    );
    assert_eq!(shown(&below_link(&host, "bond0.7")), "bond:bond0 nic:bond0 nic:eno1 nic:eno2");
    assert_eq!(shown(&of_link(&host, "bond0")), "bond:bond0 nic:bond0 nic:eno1 nic:eno2");
    assert_eq!(shown(&below_link(&host, "bond0")), "nic:eno1 nic:eno2");
    assert_eq!(shown(&of_link(&host, "eno1")), "nic:eno1");
    assert_eq!(shown(&below_link(&host, "eno1")), "");
}
