//! Whose eyes are borrowed: the agent's user, on machines made up for it.

use std::fs;

use super::*;

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
