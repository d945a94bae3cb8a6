//! What is found on whole machines made up for it.

use std::fs;
use std::path::PathBuf;

use super::*;

fn asked(root: &std::path::Path) -> Doctor {
    let root = Some(PathBuf::from(root));
    Doctor { json: true, root, config: None, timeout: 10, state: None }
}

#[test]
fn a_raid_controller_without_its_tool_is_told() {
    let root = tempfile::tempdir().unwrap();
    let device = root.path().join("sys/bus/pci/devices/0000:01:00.0");
    fs::create_dir_all(&device).unwrap();
    for (name, value) in [
        ("class", "0x010400"),
        ("vendor", "0x1000"),
        ("device", "0x005d"),
        ("subsystem_vendor", "0x1028"),
    ] {
        fs::write(device.join(name), format!("{value}\n")).unwrap();
    }
    let found = look(&Host::recorded(root.path()), &asked(root.path()));
    let about: Vec<&str> = found.iter().map(|finding| finding.about.as_str()).collect();
    assert_eq!(about, ["bmc", "raid:pci-0000:01:00.0"], "{found:?}");
    assert!(!found[1].ok && found[1].text.contains("not watched"), "{found:?}");
    assert!(found[1].todo.contains("vendor's tool"), "{found:?}");
}

#[test]
fn the_unit_has_the_user_that_the_machine_has() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("etc")).unwrap();
    let host = Host::recorded(root.path());
    assert_eq!(user(&host, &Running::No), None);
    fs::write(root.path().join("etc/passwd"), "hostwatch:x:998:997::/:/bin/false\n").unwrap();
    fs::write(root.path().join("etc/group"), "hostwatch:x:997:\nipmi:x:55:hostwatch\n").unwrap();
    assert_eq!(user(&host, &Running::No).unwrap().groups, [997, 55]);
}
