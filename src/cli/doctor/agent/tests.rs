//! Every finding about the agent's own needs, on files made up for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A user who owns nothing here.
fn stranger() -> Account {
    Account { name: "hostwatch".to_owned(), uid: 60_998, groups: vec![60_997] }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn missing(found: &[Finding]) -> Vec<&str> {
    found.iter().filter(|one| !one.ok).map(|one| one.text.as_str()).collect()
}

#[test]
fn a_configuration_that_the_agents_user_may_not_read_is_told() {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    mode(folder.path(), 0o755);
    let (main, secret) = (folder.path().join("hostwatch.yaml"), folder.path().join("secret"));
    let text = format!(
        "bmc: {{host: 192.0.2.10, user: monitor, password: {{file: {}}}}}\n",
        secret.display()
    );
    fs::write(&main, text).unwrap();
    fs::write(&secret, "x").unwrap();
    mode(&main, 0o600);
    mode(&secret, 0o600);
    let identity = HostIdentity::default();
    let look = || configuration(Some(&main), &identity, Some(&stranger()));
    let (plan, found) = look();
    assert!(plan.is_some());
    let [first, second] = missing(&found)[..] else { panic!("{found:?}") };
    assert!(first.contains("may not read") && first.contains("hostwatch.yaml"), "{first}");
    assert!(second.contains("secret"), "{second}");
    mode(&main, 0o644);
    assert_eq!(missing(&look().1).len(), 1);
    mode(folder.path(), 0o700);
    let (_, found) = look();
    assert!(
        missing(&found).iter().all(|text| text.ends_with(&folder.path().display().to_string()))
    );
    let (_, found) = configuration(Some(&main), &identity, None);
    assert!(missing(&found).is_empty(), "{found:?}");
    fs::write(&main, "bmc: {hots: 192.0.2.10}\n").unwrap();
    let (plan, found) = configuration(Some(&main), &identity, None);
    assert!(plan.is_none() && found[0].todo == "hostwatch validate", "{found:?}");
}

#[test]
fn a_state_directory_that_cannot_be_written_and_a_journal_set_aside_are_told() {
    let folder = tempfile::tempdir().unwrap();
    assert!(state(&folder.path().join("none"), Some(&stranger()))[0].ok);
    mode(folder.path(), 0o755);
    let found = state(folder.path(), Some(&stranger()));
    assert!(missing(&found)[0].contains("user hostwatch may not write"), "{found:?}");
    assert!(found[0].todo.contains("chown -R hostwatch:"), "{found:?}");
    assert!(state(folder.path(), None)[0].ok);
    fs::write(folder.path().join(format!("{DAMAGED_PREFIX}1")), "").unwrap();
    let found = state(folder.path(), None);
    assert!(missing(&found)[0].contains("was set aside"), "{found:?}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(missing(&state(&file, None))[0].contains("no directory"));
}

#[test]
fn mail_without_a_way_out_is_told() {
    let state = Path::new("/nonexistent");
    let mut plan = Plan::default();
    plan.mail.from = "hostwatch@example.net".to_owned();
    let sendmail = |path: &str| vec![Relay::Sendmail { path: path.to_owned() }];
    plan.mail.via = sendmail("/nonexistent/sendmail");
    assert!(missing(&mail(&plan, state, None))[0].contains("is no program"));
    plan.mail.via = sendmail("/bin/sh");
    assert!(mail(&plan, state, None)[0].ok);
    plan.mail.via = vec![Relay::Maildir { path: "/var/mail/ops".to_owned() }];
    assert!(mail(&plan, state, None)[0].ok, "asked for");
}

#[test]
fn an_agent_that_does_not_run_or_answer_is_told() {
    let found = report(&Running::No, None);
    assert!(!found[0].ok && found[0].todo.contains("systemctl enable --now"), "{found:?}");
    let found = report(&Running::Shut("Permission denied".to_owned()), None);
    assert!(missing(&found)[0].contains("Permission denied"), "{found:?}");
}
