//! Every finding about a BMC, on machines made up for it.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::host::ipmi::{Lan, Password};

/// A machine with these files, each with its text; a name that ends in `/` is a folder.
fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let host = Host::recorded(root.path());
    (root, host)
}

fn agent() -> Account {
    Account { name: "hostwatch".to_owned(), uid: 60_998, groups: vec![60_997] }
}

#[test]
fn a_machine_without_a_bmc_misses_nothing() {
    let (_root, host) = machine(&[("sys/bus/acpi/devices/PNP0C0C:00/", "")]);
    let found = look(&host, Some(&agent()));
    assert!(found.ok && found.text.contains("shows none"), "{found:?}");
    assert_eq!(without_device(&host), None);
}

#[test]
fn a_bmc_that_the_firmware_names_and_no_device_is_told_with_the_modules_to_load() {
    for (trace, named) in [
        ("sys/bus/acpi/devices/IPI0001:00/", "ACPI device IPI0001:00"),
        ("sys/firmware/acpi/tables/SPMI", "ACPI table SPMI"),
        ("sys/firmware/dmi/entries/38-0/", "SMBIOS record 38-0"),
    ] {
        let (_root, host) = machine(&[(trace, "")]);
        let found = look(&host, None);
        assert!(!found.ok && found.text.contains(named), "{found:?}");
        assert!(found.todo.contains("modprobe -a ipmi_si ipmi_devintf"), "{found:?}");
        assert!(found.todo.contains("/etc/modules-load.d/"), "{found:?}");
        let (_, line) = without_device(&host).unwrap();
        assert!(line.contains(named) && line.contains("modprobe"), "{line}");
    }
}

#[test]
fn modules_that_are_loaded_are_not_asked_for_again() {
    let trace = ("sys/bus/acpi/devices/IPI0001:00/", "");
    let (driver, interface) = (("sys/module/ipmi_si/", ""), ("sys/module/ipmi_devintf/", ""));
    let (_root, host) = machine(&[trace, driver, interface]);
    assert!(look(&host, None).todo.contains("dmesg"));
    let (_root, host) = machine(&[trace, driver]);
    assert!(look(&host, None).todo.contains("modprobe"));
}

#[test]
fn a_device_that_the_agents_user_may_not_open_is_told_with_the_rule() {
    let (root, host) = machine(&[("dev/ipmi0", "")]);
    let device = root.path().join("dev/ipmi0");
    fs::set_permissions(&device, fs::Permissions::from_mode(0o600)).unwrap();
    let found = look(&host, Some(&agent()));
    assert!(
        !found.ok && found.text.contains("user hostwatch may not open /dev/ipmi0"),
        "{found:?}"
    );
    assert!(found.todo.contains("60-hostwatch-ipmi.rules"), "{found:?}");
    assert!(found.todo.contains("udevadm trigger /dev/ipmi0"), "{found:?}");
    fs::set_permissions(&device, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(look(&host, Some(&agent())).ok);
}

#[test]
fn a_bmc_that_answers_says_who_it_is() {
    let answers = "06 01 20 00 : -> 00 20 81 02 44 02 bf a2 02 00 00 01\n";
    let (_root, host) = machine(&[("dev/ipmi0/answers.txt", answers)]);
    let found = look(&host, Some(&agent()));
    assert!(found.ok, "{found:?}");
    assert!(found.text.contains("IPMI 2.0, Dell, firmware 2.44"), "{found:?}");
}

#[test]
fn over_the_network_silence_and_a_password_that_is_missing_are_told() {
    // A port that was free a moment ago: the kernel says that nobody is there.
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let lan = Lan { port, ..Lan::new("127.0.0.1", "monitor", Password("x".to_owned())) };
    let found = look(&Host::live().reaching(Access::Lan(lan)), None);
    assert!(!found.ok && found.text.contains("127.0.0.1"), "{found:?}");
    assert!(!found.todo.is_empty(), "{found:?}");
    let why = "no password for the BMC at 192.0.2.10: credential bmc".to_owned();
    let found = look(&Host::live().reaching(Access::Unusable(why.clone())), None);
    assert_eq!((found.ok, &found.text), (false, &why));
    assert!(found.todo.contains("section `bmc`"), "{found:?}");
}

#[test]
fn what_to_do_depends_on_what_went_wrong() {
    let text = || "why".to_owned();
    assert!(over_lan(&ProbeError::TimedOut(text())).contains("UDP port 623"));
    assert!(over_lan(&ProbeError::Denied(text())).contains("`password`"));
    assert!(over_lan(&ProbeError::Unsupported(text())).contains("`cipher`"));
    assert!(over_lan(&ProbeError::Failed(text())).contains("`host`"));
}

#[test]
fn a_bmc_that_is_left_alone_misses_nothing() {
    let (_root, host) = machine(&[("sys/bus/acpi/devices/IPI0001:00/", "")]);
    let host = host.reaching(Access::Off);
    assert!(look(&host, None).ok);
    assert_eq!(without_device(&host), None);
}
