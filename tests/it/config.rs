//! The configuration language: built-in defaults, good files, planted mistakes, mutations.

use hostwatch::config::{self, Loaded};
use hostwatch::model::id::HostIdentity;

fn identity() -> HostIdentity {
    HostIdentity {
        name: "db03".to_owned(),
        fqdn: "db03.example.net".to_owned(),
        timezone: "local".to_owned(),
        ..HostIdentity::default()
    }
}

fn load(texts: &[(&str, &str)]) -> Loaded {
    config::load_text(texts, &identity())
}

#[test]
fn with_no_file_at_all_every_kind_is_watched_and_root_is_told() {
    let loaded = load(&[]);
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics.render(false));
    let plan = loaded.plan.unwrap();
    let names: Vec<_> = plan.checks.iter().map(|check| check.name.to_string()).collect();
    for kind in hostwatch::probe::KINDS {
        assert!(names.iter().any(|name| name == kind.spec().name), "{names:?}");
    }
    for check in &plan.checks {
        assert_eq!(check.notify, ["root"]);
        assert!(check.timeout <= check.rule.every);
    }
    assert_eq!(plan.mail.from, "hostwatch@db03.example.net");
}
