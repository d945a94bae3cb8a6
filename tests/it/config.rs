//! The configuration language: built-in defaults, good files, planted mistakes with what is said
//! about each, permissions, and what a host lacks.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostwatch::cli::validate;
use hostwatch::config::code::Code;
use hostwatch::config::plan::{BmcPlan, Check, LanPlan, Plan};
use hostwatch::config::{self, Loaded};
use hostwatch::host::ipmi::{Privilege, Suite};
use hostwatch::model::id::HostIdentity;
use hostwatch::model::unit::Span;
use hostwatch::notify::relay::{Relay, TlsMode};
use hostwatch::probe::{Found, Lane};
use hostwatch::store::secret::Secret;

pub(crate) fn identity() -> HostIdentity {
    HostIdentity {
        name: "db03".to_owned(),
        fqdn: "db03.example.net".to_owned(),
        timezone: "local".to_owned(),
        ..HostIdentity::default()
    }
}

pub(crate) fn load(texts: &[(&str, &str)]) -> Loaded {
    config::load_text(texts, &identity())
}

/// A plan from one text that must be free of mistakes.
fn plan(text: &str) -> Plan {
    let loaded = load(&[("hostwatch.yaml", text)]);
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics.render(false));
    loaded.plan.unwrap()
}

fn check<'p>(plan: &'p Plan, name: &str) -> &'p Arc<Check> {
    plan.checks.iter().find(|check| &*check.name == name).unwrap()
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    let mut codes: Vec<_> =
        loaded.diagnostics.list().iter().map(|found| found.code.text()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(name)
}

/// The cases of a folder: name, and texts; `#=== NAME` begins a further file.
fn cases(name: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut cases: Vec<_> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let mut texts = vec![("hostwatch.yaml".to_owned(), String::new())];
            for line in text.split_inclusive('\n') {
                match line.strip_prefix("#=== ") {
                    Some(file) => texts.push((file.trim().to_owned(), String::new())),
                    None => texts.last_mut().unwrap().1.push_str(line),
                }
            }
            (name, texts)
        })
        .collect();
    cases.sort();
    cases
}

fn load_case(texts: &[(String, String)]) -> Loaded {
    let texts: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    load(&texts)
}

/// Compares with a file beside the case; `HOSTWATCH_BLESS=1` writes it.
fn hold_golden(path: &Path, text: &str, wrong: &mut Vec<String>) {
    if std::env::var_os("HOSTWATCH_BLESS").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(path).unwrap_or_default();
    if golden != text {
        wrong.push(format!("{}\n--- expected\n{golden}\n--- found\n{text}", path.display()));
    }
}

#[test]
fn every_planted_mistake_is_told_as_written_down() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for folder_name in ["bad", "warn"] {
        for (name, texts) in cases(folder_name) {
            seen += 1;
            let loaded = load_case(&texts);
            let first = texts[0].1.lines().next().unwrap();
            let expected: Vec<_> =
                first.strip_prefix("# expect: ").expect(&name).split_whitespace().collect();
            if codes(&loaded) != expected {
                wrong.push(format!("{name}: expected {expected:?}, found {:?}", codes(&loaded)));
            }
            let usable = folder_name == "warn";
            assert_eq!(loaded.plan.is_some(), usable, "{name}");
            let golden = folder(folder_name).join(format!("{name}.stderr"));
            hold_golden(&golden, &loaded.diagnostics.render(false), &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(seen > 80, "only {seen} cases were found");
}

#[test]
fn a_dozen_mistakes_of_one_file_are_a_dozen_carets_in_one_run() {
    let (_, texts) = cases("bad").into_iter().find(|(name, _)| name == "twelve").unwrap();
    let loaded = load_case(&texts);
    let drawn = loaded.diagnostics.render(false);
    let errors = drawn.lines().filter(|line| line.starts_with("error[")).count();
    let places = drawn.lines().filter(|line| line.trim_start().starts_with("--> ")).count();
    let carets = drawn.lines().filter(|line| line.contains('|') && line.contains('^')).count();
    assert_eq!((errors, places, carets), (13, 13, 13), "{drawn}");
    assert!(drawn.ends_with("13 errors\n"));
}

/// Codes that no text alone can show: they concern files and hosts, and have their own tests here.
const NOT_IN_TEXTS: &[Code] = &[
    Code::Unreadable,
    Code::Permissions,
    Code::TooLarge,
    Code::NotText,
    Code::TooMany,
    Code::HookUnready,
    Code::LiteralPassword,
    Code::MatchesNothing,
    Code::SecretUnread,
];

#[test]
fn every_code_has_a_planted_mistake() {
    let mut told: Vec<&str> = Vec::new();
    for folder in ["bad", "warn"] {
        for (_, texts) in cases(folder) {
            told.extend(codes(&load_case(&texts)));
        }
    }
    for code in Code::ALL {
        assert!(
            told.contains(&code.text()) || NOT_IN_TEXTS.contains(code),
            "{} ({}) has no case in tests/config",
            code.text(),
            code.doc()
        );
    }
}

#[test]
fn good_files_are_free_of_mistakes() {
    for (name, texts) in cases("good") {
        let loaded = load_case(&texts);
        assert!(loaded.diagnostics.is_empty(), "{name}\n{}", loaded.diagnostics.render(false));
        assert!(loaded.plan.is_some(), "{name}");
    }
}

#[test]
fn with_no_file_at_all_every_kind_is_watched_and_root_is_told() {
    let plan = plan("");
    for kind in hostwatch::probe::KINDS {
        let check = check(&plan, kind.spec().name);
        assert_eq!(check.notify, ["root"]);
        assert!(check.timeout <= check.rule.every);
        assert!(check.place.file.starts_with("built-in "), "{:?}", check.place);
    }
    assert_eq!(plan.contacts["root"].mail, ["root"]);
    assert_eq!(plan.mail.from, "hostwatch@db03.example.net");
    assert_eq!(plan.mail.keep, Span::from_secs(7 * 86_400));
    assert!(plan.mail.via.is_empty());
}

#[test]
fn the_shipped_example_is_valid() {
    let text = include_str!("../../man/hostwatch.yaml.example");
    let plan = plan(text);
    assert_eq!(plan.host.timezone, "Europe/Paris");
    assert_eq!(plan.host.labels["role"], "db");
    assert_eq!(plan.mail.via.len(), 5);
    assert_eq!(plan.contacts["phone"].addresses(), ["ntfy at https://ntfy.example.net"]);
    let archive = check(&plan, "archive");
    let crit = archive.rule.crit.as_ref().unwrap();
    assert_eq!(crit.hold, Span::from_secs(600));
    assert!((crit.share - 0.95).abs() < 1e-9);
    assert!((crit.clauses[0].clear - 95.0).abs() < 1e-9);
    assert_eq!(crit.clauses[0].unless.len(), 1);
    assert_eq!(archive.rule.every, Span::from_secs(60));
    assert_eq!(archive.rule.recover_for, Span::from_secs(1800));
    assert_eq!(archive.notify, ["ops", "oncall", "on_change"]);
    let crit_line = text.lines().position(|line| line.contains("crit: {used: 97%")).unwrap() + 1;
    assert_eq!(usize::try_from(crit.place.line).unwrap(), crit_line);
    assert_eq!(&*crit.place.file, "hostwatch.yaml");
}

#[test]
fn what_is_written_is_laid_over_the_built_in_check() {
    let plain = plan("");
    let limits = |plan: &Plan| {
        let warn = check(plan, "filesystem").rule.warn.clone().unwrap();
        warn.clauses.iter().map(|clause| (clause.metric, clause.limit)).collect::<Vec<_>>()
    };
    let changed = plan("checks: {filesystem: {warn: {used: 71%}}}");
    assert_eq!(limits(&plain).len(), limits(&changed).len());
    assert!(limits(&changed).iter().any(|(_, limit)| (limit - 71.0).abs() < 1e-9));
    let removed = plan("checks: {filesystem: {enabled: false}}");
    assert!(removed.checks.iter().all(|check| &*check.name != "filesystem"));
}

#[test]
fn a_file_named_like_a_built_in_one_replaces_it_whole() {
    let text = "checks: {filesystem: {crit: {free: 1GiB}}}";
    let loaded = load(&[("/srv/conf.d/filesystem.yaml", text)]);
    let plan = loaded.plan.unwrap();
    let rule = &check(&plan, "filesystem").rule;
    assert!(rule.warn.is_none());
    assert_eq!(rule.crit.as_ref().unwrap().clauses.len(), 1);
}

#[test]
fn key_and_unit_together_choose_the_metric() {
    let plan = plan(
        "checks:\n  percent: {kind: filesystem, select: {mount: /a}, crit: {free: 5%}}\n  \
         bytes: {kind: filesystem, select: {mount: /b}, crit: {free: 5GiB}}\n",
    );
    let clause = |name: &str| check(&plan, name).rule.crit.clone().unwrap().clauses.remove(0);
    let name = |name: &str| {
        check(&plan, name).kind.spec().metric(clause(name).metric).unwrap().name.to_owned()
    };
    assert_eq!(name("percent"), "free_percent");
    assert_eq!(name("bytes"), "free_bytes");
    assert!((clause("percent").clear - 8.0).abs() < 1e-9);
    assert!((clause("bytes").limit - 5.0 * 1024.0_f64.powi(3)).abs() < 1.0);
    assert!(clause("bytes").clear > clause("bytes").limit);
}

#[test]
fn one_clear_serves_every_level_on_whose_good_side_it_lies() {
    let plan =
        plan("checks: {filesystem: {warn: {used: 80%}, crit: {used: 90%}, clear: {used: 87%}}}");
    let rule = &check(&plan, "filesystem").rule;
    let clear = |level: &Option<hostwatch::alert::rule::Level>| {
        level
            .as_ref()
            .unwrap()
            .clauses
            .iter()
            .find(|c| c.limit < 91.0 && c.limit > 79.0)
            .unwrap()
            .clear
    };
    assert!((clear(&rule.warn) - 77.0).abs() < 1e-9);
    assert!((clear(&rule.crit) - 87.0).abs() < 1e-9);
}

#[test]
fn inherited_times_give_way_to_the_cadence() {
    let slow = plan("checks: {filesystem: {every: 10m}}");
    assert_eq!(check(&slow, "filesystem").rule.warn.as_ref().unwrap().hold, Span::from_secs(600));
    let fast = plan("checks: {filesystem: {every: 5s}}");
    assert_eq!(check(&fast, "filesystem").timeout, Span::from_secs(5));
}

#[test]
fn every_contact_is_told_unless_someone_is_named() {
    let contacts = "contacts: {ops: {mail: ops@example.net}, oncall: {mail: oncall@example.net}}\n";
    assert_eq!(check(&plan(contacts), "filesystem").notify, ["oncall", "ops"]);
    let named = plan(&format!("{contacts}defaults: {{notify: ops}}"));
    assert_eq!(check(&named, "filesystem").notify, ["ops"]);
    let nobody = plan(&format!("{contacts}checks: {{filesystem: {{notify: []}}}}"));
    assert!(check(&nobody, "filesystem").notify.is_empty());
}

#[test]
fn relays_get_the_protection_and_port_that_fit() {
    let (_, texts) = cases("good").into_iter().find(|(name, _)| name == "relays").unwrap();
    let found: Vec<_> = plan(&texts[0].1)
        .mail
        .via
        .iter()
        .map(|relay| match relay {
            Relay::Smtp(smtp) => (smtp.host.clone(), smtp.port, Some(smtp.tls)),
            Relay::Sendmail { path } | Relay::Maildir { path } => (path.clone(), 0, None),
            Relay::Hook(hook) => panic!("{hook} is no way for mail"),
        })
        .collect();
    let expected = [
        ("mx1.example.net", 465, Some(TlsMode::Implicit)),
        ("::1", 25, Some(TlsMode::Opportunistic)),
        ("mx2.example.net", 587, Some(TlsMode::Required)),
        ("/usr/sbin/sendmail", 0, None),
    ];
    let expected: Vec<_> = expected.map(|(host, port, tls)| (host.to_owned(), port, tls)).into();
    assert_eq!(found, expected);
}

/// A directory with a main file and a `conf.d`, as an admin would have it.
struct Etc {
    root: tempfile::TempDir,
}

impl Etc {
    fn new(main: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("conf.d")).unwrap();
        let etc = Self { root };
        etc.write("hostwatch.yaml", main, 0o644);
        etc
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        self.mode(name, mode);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self) -> Loaded {
        config::load(Some(&self.path("hostwatch.yaml")), &identity())
    }

    /// Loads, and wants one error of a code whose drawing says something.
    fn refuses(&self, code: Code, says: &str) {
        let loaded = self.load();
        let drawn = loaded.diagnostics.render(false);
        assert!(loaded.plan.is_none(), "accepted: {says}");
        assert!(loaded.diagnostics.list().iter().any(|found| found.code == code), "{drawn}");
        assert!(drawn.contains(says), "{drawn}");
    }
}

#[test]
fn files_are_read_in_byte_order_and_hidden_ones_are_not() {
    let etc = Etc::new("defaults: {every: 10s}");
    etc.write("conf.d/20-b.yaml", "defaults: {every: 20s}", 0o600);
    etc.write("conf.d/10-a.yaml", "defaults: {every: 15s, timeout: 1s}", 0o640);
    etc.write("conf.d/.30-hidden.yaml", "nonsense", 0o644);
    etc.write("conf.d/README", "nonsense", 0o644);
    let loaded = etc.load();
    let plan = loaded.plan.expect(&loaded.diagnostics.render(false));
    assert_eq!(check(&plan, "filesystem").rule.every, Span::from_secs(20));
    assert_eq!(check(&plan, "filesystem").timeout, Span::from_secs(1));
}

#[test]
fn a_file_or_directory_that_others_may_change_is_refused() {
    let etc = Etc::new("");
    etc.mode("hostwatch.yaml", 0o664);
    etc.refuses(Code::Permissions, "chmod go-w");
    etc.mode("hostwatch.yaml", 0o646);
    etc.refuses(Code::Permissions, "everybody");
    etc.mode("hostwatch.yaml", 0o644);
    etc.write("conf.d/a.yaml", "", 0o644);
    etc.mode("conf.d", 0o775);
    etc.refuses(Code::Permissions, "directory can be changed by its group");
    etc.mode("conf.d", 0o755);
    assert!(etc.load().plan.is_some());
    // A link does not hide where the file really is.
    fs::create_dir(etc.path("open")).unwrap();
    etc.write("open/real.yaml", "", 0o644);
    etc.mode("open", 0o777);
    symlink(etc.path("open/real.yaml"), etc.path("conf.d/b.yaml")).unwrap();
    etc.refuses(Code::Permissions, "open");
}

#[test]
fn what_cannot_be_read_is_told_and_nothing_runs_without_it() {
    let etc = Etc::new("");
    nix::unistd::mkfifo(&etc.path("conf.d/pipe.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    etc.refuses(Code::Unreadable, "not a regular file");
    fs::remove_file(etc.path("conf.d/pipe.yaml")).unwrap();
    symlink(etc.path("nowhere"), etc.path("conf.d/dangling.yaml")).unwrap();
    etc.refuses(Code::Unreadable, "dangling.yaml");
    fs::remove_file(etc.path("conf.d/dangling.yaml")).unwrap();
    etc.write("conf.d/latin.yaml", b"host: {name: db}\n# caf\xe9\n", 0o644);
    etc.refuses(Code::NotText, "latin.yaml:2");
    fs::remove_file(etc.path("conf.d/latin.yaml")).unwrap();
    etc.write("conf.d/big.yaml", "#".repeat(5 << 20), 0o644);
    etc.refuses(Code::TooLarge, "at most 4 MiB");
    fs::remove_file(etc.path("conf.d/big.yaml")).unwrap();
    etc.write("conf.d/other.yml", "", 0o644);
    etc.refuses(Code::Unreadable, "end in `.yaml`");
    fs::remove_file(etc.path("conf.d/other.yml")).unwrap();
    assert!(etc.load().plan.is_some());
    fs::remove_file(etc.path("hostwatch.yaml")).unwrap();
    etc.refuses(Code::Unreadable, "No such file");
}

#[test]
fn secrets_must_be_readable_by_the_agent_alone() {
    let etc = Etc::new("");
    let relay = |password: &str| {
        format!(
            "mail: {{via: [{{smtp: mx.example.net, tls: required, user: a, password: {password}}}]}}"
        )
    };
    let file = format!("{{file: {}}}", etc.path("secret").display());
    etc.write("hostwatch.yaml", relay(&file), 0o644);
    etc.refuses(Code::Unreadable, "secret");
    etc.write("secret", "x", 0o644);
    etc.refuses(Code::Permissions, "chmod 0600");
    etc.mode("secret", 0o620);
    etc.refuses(Code::Permissions, "chmod go-w");
    etc.mode("secret", 0o600);
    assert!(etc.load().plan.is_some());
    etc.write("hostwatch.yaml", relay("hunter2"), 0o644);
    etc.refuses(Code::LiteralPassword, "others can read");
    etc.mode("hostwatch.yaml", 0o600);
    let loaded = etc.load();
    assert_eq!(codes(&loaded), ["W102"]);
    assert!(!format!("{:?}", loaded.plan.unwrap()).contains("hunter2"));
}

/// Section `bmc` with a password.
fn over_lan(password: &str) -> String {
    format!("bmc: {{host: 192.0.2.10, user: monitor, password: {password}}}")
}

#[test]
fn a_bmc_is_reached_in_band_unless_another_way_is_written() {
    assert_eq!(plan("").bmc, BmcPlan::InBand);
    assert_eq!(plan("bmc: {enabled: true}").bmc, BmcPlan::InBand);
    assert_eq!(plan("bmc: {enabled: false}").bmc, BmcPlan::Off);
    let lan = LanPlan {
        host: "192.0.2.10".to_owned(),
        port: None,
        user: "monitor".to_owned(),
        password: Secret::Credential("bmc".to_owned()),
        privilege: Privilege::User,
        suite: None,
    };
    let written = over_lan("{credential: bmc}");
    assert_eq!(plan(&written).bmc, BmcPlan::Lan(lan.clone()));
    // Another file of the admin switches it off, and keeps how it was reached.
    let loaded = load(&[("a.yaml", &written), ("b.yaml", "bmc: {enabled: false}")]);
    assert_eq!(loaded.plan.unwrap().bmc, BmcPlan::Off);
    let (_, texts) = cases("good").into_iter().find(|(name, _)| name == "bmc-over-lan").unwrap();
    let other = LanPlan {
        host: "2001:db8::7".to_owned(),
        port: Some(6230),
        password: Secret::File("/etc/hostwatch/bmc.secret".to_owned()),
        privilege: Privilege::Operator,
        suite: Some(Suite::Sha256),
        ..lan
    };
    assert_eq!(plan(&texts[0].1).bmc, BmcPlan::Lan(other));
}

#[test]
fn the_password_of_a_bmc_is_held_like_any_other_and_its_absence_stops_nothing() {
    let etc = Etc::new("");
    let file = format!("{{file: {}}}", etc.path("secret").display());
    etc.write("hostwatch.yaml", over_lan(&file), 0o644);
    let loaded = etc.load();
    assert_eq!(codes(&loaded), ["W106"], "{}", loaded.diagnostics.render(false));
    assert!(matches!(loaded.plan.unwrap().bmc, BmcPlan::Lan(_)));
    etc.write("secret", "x", 0o644);
    etc.refuses(Code::Permissions, "chmod 0600");
    etc.mode("secret", 0o600);
    assert!(codes(&etc.load()).is_empty());
    etc.write("hostwatch.yaml", over_lan("hunter2"), 0o644);
    etc.refuses(Code::LiteralPassword, "others can read");
    etc.write("hostwatch.yaml", over_lan("a-password-of-21-bytes"), 0o600);
    etc.refuses(Code::Text, "at most 20 bytes");
    etc.write("hostwatch.yaml", over_lan("hunter2"), 0o600);
    let loaded = etc.load();
    assert_eq!(codes(&loaded), ["W102"]);
    assert!(!format!("{:?}", loaded.plan.unwrap()).contains("hunter2"));
}

#[test]
fn validate_tells_everything_and_gives_the_exit_code() {
    let run = |etc: &Etc, json: bool| {
        let mut out = Vec::new();
        let files = vec![etc.path("hostwatch.yaml")];
        let request = validate::Request { files, json, color: false };
        let code = validate::run(&request, &identity(), None, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    };
    let etc = Etc::new("defaults: {every: 30}");
    etc.write("conf.d/a.yaml", "defaults: {evry: 30s}", 0o644);
    let (code, text) = run(&etc, false);
    assert_eq!(code, 78);
    assert!(text.contains("E021") && text.contains("E034") && text.contains("2 errors"), "{text}");
    let (code, lines) = run(&etc, true);
    assert_eq!((code, lines.lines().count()), (78, 2));
    for line in lines.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (object["severity"].as_str(), object["line"].as_u64()),
            (Some("error"), Some(1))
        );
    }
    let (code, text) = run(&Etc::new(""), false);
    assert_eq!(code, 0);
    assert!(text.starts_with("the configuration is valid: "), "{text}");
}

#[test]
fn what_a_host_lacks_is_told_with_what_it_has() {
    let text = "checks:\n  srv:\n    kind: filesystem\n    select: {mount: [\"/srv\", \"/dta\"]}\n    \
                crit: {used: 95%}\n";
    let loaded = load(&[("hostwatch.yaml", text)]);
    let found = |mount: &str| Found {
        instance: mount.into(),
        title: mount.to_owned(),
        source: mount.into(),
        lane: Lane::Inline,
        attributes: vec![("mount", mount.to_owned())],
        labels: Vec::new(),
        behind: None,
        upon: Vec::new(),
        by_default: true,
    };
    let surveys = BTreeMap::from([("filesystem", vec![found("/"), found("/data"), found("/srv")])]);
    let plan = loaded.plan.unwrap();
    let warnings = config::lint(&plan, &surveys);
    let mut diagnostics = loaded.diagnostics;
    diagnostics.extend(warnings);
    let drawn = diagnostics.render(false);
    assert_eq!(diagnostics.counts(), (0, 1), "{drawn}");
    for words in
        ["warning[W101]", "--> hostwatch.yaml:4:31", "did you mean `/data`?", "/, /data, /srv"]
    {
        assert!(drawn.contains(words), "{words}\n{drawn}");
    }
    assert!(config::lint(&plan, &BTreeMap::new()).is_empty());
}

#[test]
fn ten_thousand_checks_are_read_in_linear_time() {
    let mut text = "checks:\n".to_owned();
    for n in 0..10_000 {
        text.push_str(&format!(
            "  c{n}: {{kind: filesystem, select: {{mount: /m{n}}}, crit: {{used: 95%}}}}\n"
        ));
    }
    let loaded = load(&[("hostwatch.yaml", &text)]);
    assert!(loaded.plan.expect(&loaded.diagnostics.render(false)).checks.len() >= 10_000);
}

#[test]
fn reminders_and_signs_of_life_are_as_written() {
    let bare = plan("version: 1\n");
    let hours = |list: &[u64]| list.iter().map(|h| Span::from_secs(h * 3600)).collect::<Vec<_>>();
    assert_eq!(bare.remind, hours(&[4, 12, 24]));
    assert!(bare.checks.iter().all(|check| check.remind == bare.remind));
    assert_eq!((bare.mail.digest, bare.mail.heartbeat), (None, None), "a mail a day is asked for");
    let (_, texts) = cases("good").into_iter().find(|(name, _)| name == "signs-of-life").unwrap();
    let plan = load_case(&texts).plan.unwrap();
    assert_eq!(check(&plan, "cpu").remind, hours(&[1, 8]));
    assert!(check(&plan, "filesystem").remind.is_empty());
    let digest = plan.mail.digest.unwrap();
    assert_eq!(
        (digest.at.to_string().as_str(), digest.to.as_slice()),
        ("06:30", &["ops".to_owned()][..])
    );
    let heartbeat = plan.mail.heartbeat.unwrap();
    assert_eq!(heartbeat.every, Span::from_secs(60));
    assert_eq!(heartbeat.token, Some(Secret::Credential("beat".to_owned())));
    let all = self::plan("mail: {digest: {}}\n").mail.digest.unwrap();
    assert_eq!((all.at.to_string().as_str(), all.to.len()), ("07:00", 1), "everybody, at seven");
}
