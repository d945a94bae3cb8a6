//! Machines made up for it: one fault each, and the sentence that names it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use super::*;
use crate::config;
use crate::model::id::HostIdentity;

/// A machine with a Postfix, or with what a test makes of it.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.program("usr/sbin/sendmail", 0o755);
        machine.program("usr/sbin/postdrop", 0o2555);
        machine.file("etc/aliases", "# aliases(5)\nroot: ops@example.net\n");
        machine.file("etc/aliases.db", "");
        machine
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, path: &str, mode: u32) {
        self.file(path, "");
        fs::set_permissions(self.0.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn link(&self, target: &str, path: &str) {
        let _ = fs::remove_file(self.0.path().join(path));
        symlink(target, self.0.path().join(path)).unwrap();
    }

    fn look(&self, yaml: &str, gains_no_rights: Option<bool>) -> Vec<Finding> {
        let identity = HostIdentity {
            name: "db03".to_owned(),
            fqdn: "db03.example.net".to_owned(),
            timezone: "UTC".to_owned(),
            labels: std::collections::BTreeMap::new(),
        };
        let loaded = config::load_text(&[("hostwatch.yaml", yaml)], &identity);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
        let known =
            |name: &str| (name == "gw.example.net").then(|| vec!["192.0.2.9".parse().unwrap()]);
        let host = Host::recorded(self.0.path());
        look(&Ground { host: &host, plan: &plan, gains_no_rights, addresses: &known })
    }
}

const SENDMAIL: &str = "mail: {via: [{sendmail: /usr/sbin/sendmail}]}\n";
const OPS: &str = "contacts: {ops: {mail: [\"ops@example.net\"]}}\n";

/// Everything that is wrong, with what to do.
fn wrong(found: &[Finding]) -> Vec<String> {
    let wrong = found.iter().filter(|finding| !finding.ok);
    wrong.map(|finding| format!("{} {} -> {}", finding.about, finding.text, finding.todo)).collect()
}

fn only(found: &[Finding], words: &[&str]) {
    let wrong = wrong(found);
    assert_eq!(wrong.len(), 1, "{found:?}");
    for word in words {
        assert!(wrong[0].contains(word), "{word}: {wrong:?}");
    }
}

#[test]
fn a_machine_that_is_set_up_has_nothing_to_say_against_it() {
    let machine = Machine::new();
    machine.file(
        "etc/postfix/main.cf",
        "#relayhost = x\nrelayhost = [relay.example.net]:587\nrelayhost_x = y\n",
    );
    let found = machine.look(SENDMAIL, Some(false));
    assert_eq!(wrong(&found), Vec::<String>::new());
    let text = |about: &str| &found.iter().find(|finding| finding.about == about).unwrap().text;
    assert_eq!(text("root"), "/etc/aliases: root -> ops@example.net");
    assert_eq!(text("relay"), "/etc/postfix/main.cf: Postfix hands it to [relay.example.net]:587");
    let found = machine.look("mail: {ehlo: gw.example.net, via: [{smtp: mx1.example.net}]}\ncontacts: {ops: {mail: [\"ops@example.net\"]}}\n", Some(true));
    assert_eq!(wrong(&found), Vec::<String>::new());
    assert_eq!(found[0].text, "gw.example.net, which is 192.0.2.9");
}

#[test]
fn aliases_that_keep_mail_on_this_machine_are_told() {
    let machine = Machine::new();
    machine.file("etc/aliases", "postmaster: root\n");
    only(
        &machine.look(SENDMAIL, None),
        &[
            "root /etc/aliases has no line for root: its mail stays on this machine",
            "then run newaliases",
        ],
    );
    machine.file("etc/aliases", "root: ana\nana: \\ana\n");
    only(&machine.look(SENDMAIL, None), &["root -> \\ana: its mail stays on this machine"]);
    fs::remove_file(machine.0.path().join("etc/aliases")).unwrap();
    only(&machine.look(SENDMAIL, None), &["there is no /etc/aliases: its mail stays"]);
    // Somebody else's mail is of no interest.
    assert_eq!(wrong(&machine.look(&format!("{SENDMAIL}{OPS}"), None)), Vec::<String>::new());
}

#[test]
fn a_database_that_postfix_reads_instead_is_told() {
    let machine = Machine::new();
    let database =
        fs::OpenOptions::new().write(true).open(machine.0.path().join("etc/aliases.db")).unwrap();
    database.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    only(
        &machine.look(SENDMAIL, None),
        &["root -> ops@example.net; aliases.db is OLDER", "-> newaliases"],
    );
    fs::remove_file(machine.0.path().join("etc/aliases.db")).unwrap();
    only(&machine.look(SENDMAIL, None), &["aliases.db is MISSING"]);
    machine.file("etc/postfix/main.cf", "alias_maps = texthash:/etc/aliases\n");
    assert_eq!(wrong(&machine.look(SENDMAIL, None)), Vec::<String>::new(), "read as it is");
    machine.file("etc/postfix/main.cf", "alias_maps = hash:/etc/mail/aliases, nis:mail.aliases\n");
    only(&machine.look(SENDMAIL, None), &["there is no /etc/mail/aliases"]);
    // Exim and dma read the text.
    machine.program("usr/sbin/exim4", 0o4755);
    machine.link("exim4", "usr/sbin/sendmail");
    assert_eq!(wrong(&machine.look(SENDMAIL, None)), Vec::<String>::new());
}

#[test]
fn msmtp_without_aliases_is_told() {
    let machine = Machine::new();
    machine.program("usr/bin/msmtp", 0o755);
    machine.link("../bin/msmtp", "usr/sbin/sendmail");
    machine.file("etc/msmtprc", "account default\nhost relay.example.net\n");
    let found = machine.look(SENDMAIL, None);
    only(&found, &["msmtp is not told of any aliases", "aliases /etc/aliases"]);
    assert!(
        found.iter().any(|f| f.text.ends_with("msmtp hands it to relay.example.net")),
        "{found:?}"
    );
    machine.file("etc/msmtprc", "aliases /etc/aliases\n");
    assert_eq!(wrong(&machine.look(SENDMAIL, None)), Vec::<String>::new());
}

#[test]
fn a_sendmail_that_cannot_do_its_work_is_told() {
    let machine = Machine::new();
    let yaml = format!("{SENDMAIL}{OPS}");
    only(
        &machine.look(&yaml, Some(true)),
        &["set-id bit of /usr/sbin/postdrop", "NoNewPrivileges=yes", "smtp: \"localhost:25\""],
    );
    machine.program("usr/sbin/sendmail", 0o644);
    only(&machine.look(&yaml, Some(false)), &["/usr/sbin/sendmail is no program"]);
    fs::remove_file(machine.0.path().join("usr/sbin/sendmail")).unwrap();
    only(&machine.look(&yaml, Some(false)), &["/usr/sbin/sendmail is no program", "or install it"]);
}

#[test]
fn names_that_nobody_outside_knows_are_told() {
    let machine = Machine::new();
    let look = |mail: &str| {
        machine.look(&format!("mail: {{{mail}, via: [{{smtp: mx1.example.net}}]}}\n{OPS}"), None)
    };
    for (ehlo, words) in [
        ("db03", "ehlo db03 has no dot"),
        ("localhost.localdomain", "ehlo localhost.localdomain is what every machine calls itself"),
        ("db03.lan", "ehlo db03.lan is a private name"),
        ("db04.example.net", "ehlo db04.example.net cannot be looked up"),
    ] {
        only(&look(&format!("ehlo: {ehlo}")), &[words, "behind NAT that is the gateway's"]);
    }
    let sender = |from: &str| look(&format!("ehlo: gw.example.net, {from}"));
    only(
        &sender("from: hostwatch@db03.lan"),
        &["from <hostwatch@db03.lan>: db03.lan is a private name", "set `mail.from`"],
    );
    only(&sender("envelope_from: root"), &["from <root>: it has no dot"]);
    // A server on this machine has its own names.
    let yaml = format!(
        "mail: {{ehlo: db03, via: [{{smtp: \"localhost:25\"}}], from: ops@example.net}}\n{OPS}"
    );
    assert_eq!(wrong(&machine.look(&yaml, Some(true))), Vec::<String>::new());
    // A name of this machine means nothing to another.
    let yaml = "mail: {ehlo: gw.example.net, via: [{smtp: mx1.example.net}]}\n";
    only(
        &machine.look(yaml, None),
        &["root is a name of this machine, of which mx1.example.net knows nothing"],
    );
}
