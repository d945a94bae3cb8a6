//! States and changes at real receivers: what the outlets sent is asked back from Alertmanager, Nagios,
//! Icinga 2, Zabbix, Graphite and InfluxDB.

use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use hostwatch::forward::Site;
use hostwatch::forward::dialect::open;
use hostwatch::forward::outlet::{Load, Mark, Outcome, Outlet, Proof, Reply};
use hostwatch::forward::target::{OutletPlan, Server, Target, Trust, Web};
use hostwatch::model::batch::{Batch, Change, Figure, Verdict};
use hostwatch::model::id::Id;
use hostwatch::model::state::State;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;
use hostwatch::store::secret::Secret;

use crate::receivers::alertmanager::{Alertmanager, Told};
use crate::receivers::carbon::Carbon;
use crate::receivers::icinga::{self, Icinga};
use crate::receivers::influx::{self, Influx};
use crate::receivers::nagios::Nagios;
use crate::receivers::nrdp;
use crate::receivers::victoria::{Options, VictoriaMetrics};
use crate::receivers::zabbix::{Holds, Kept, Zabbix};
use crate::receivers::{await_some, now_ms};

/// For one load; all of them are on loopback.
const WITHIN: Span = Span::from_secs(10);

/// A name with everything in it that some protocol has a meaning for.
const ODD: &str = "/d\u{e4}ta a,b=c|d.e\"f'";

fn outlet(target: Target) -> Box<dyn Outlet> {
    let labels = vec![("rack".to_owned(), "a, 7".to_owned())];
    let site = Site { name: "web1".to_owned(), fqdn: "web1.example.net".to_owned(), labels };
    open(&OutletPlan { name: "it".to_owned(), target }, &site).unwrap()
}

fn at(url: &str) -> Web {
    Web { url: url.to_owned(), ..Web::default() }
}

fn verdict(object: &str, state: State, since: i64) -> Verdict {
    Verdict {
        id: Id::new("fs", object),
        kind: "filesystem".into(),
        title: object.to_owned(),
        state,
        since: Stamp(since),
        read: Some(Stamp(since)),
        changes: 1,
        silenced: false,
        acked: false,
        summary: "96% full".to_owned(),
        figures: vec![Figure {
            name: "used_percent".into(),
            value: 96.5,
            warn: Some(80.0),
            crit: Some(90.0),
            low: false,
        }],
    }
}

fn batch(at: i64, verdicts: &[Verdict]) -> Batch {
    Batch { at: Stamp(at), verdicts: verdicts.to_vec(), ..Batch::default() }
}

fn change(before: State, verdict: Verdict) -> Change {
    Change { number: 1, at: verdict.since, before, verdict, gone: false }
}

fn give(outlet: &mut dyn Outlet, load: Load<'_>) -> Reply {
    outlet.deliver(load, WITHIN)
}

#[track_caller]
fn take(outlet: &mut dyn Outlet, load: Load<'_>) {
    assert_eq!(give(outlet, load).outcome, Outcome::Done);
}

#[track_caller]
fn lost(reply: Reply) -> (usize, String) {
    match reply.outcome {
        Outcome::Dropped { lost, why } => (lost, why),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn held(reply: Reply) -> String {
    match reply.outcome {
        Outcome::Hold { why } => why,
        other => panic!("{other:?}"),
    }
}

fn mark() -> Mark {
    Mark { at: Stamp(now_ms()), number: 4_000_000_007 }
}

/// A name in the path of an address.
fn in_path(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'!'..=b'~' if !b"%/?#".contains(&byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}

#[test]
fn alertmanager_tells_firing_and_resolved() {
    let it = Alertmanager::start("5m");
    let mut other = Alertmanager::start("5m");
    let urls = [it.url(), format!("{}/", other.url())];
    let open = || outlet(Target::Alertmanager(urls.iter().map(|url| at(url)).collect()));
    let mut outlet = open();
    let told = |wanted: &[(&str, &str)]| {
        let shown = |told: &Told| (told.status.clone(), told.labels["severity"].clone());
        await_some(&format!("{wanted:?}"), || {
            let mut all: Vec<(String, String)> = it.told().iter().map(shown).collect();
            // What still fires may be repeated, and alerts of two groups overtake each other.
            all.sort();
            all.dedup();
            let wanted = wanted.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            all.iter().cloned().eq(wanted).then_some(())
        });
    };
    let begin = now_ms();
    let warning = verdict(ODD, State::Warning, begin);
    take(&mut *outlet, Load::Change(&change(State::Ok, warning.clone())));
    told(&[("firing", "warning")]);
    assert_eq!(it.told()[0].labels["object"], ODD);
    assert_eq!(it.told()[0].labels["rack"], "a, 7");
    assert_eq!(it.told()[0].annotations["summary"], format!("{ODD} 96% full"));
    // A batch from before the change comes late: it does not undo it.
    take(&mut *outlet, Load::Batch(&batch(begin - 1000, &[])));
    assert_eq!(it.alerts().len(), 1);
    let critical = verdict(ODD, State::Critical, begin + 1);
    take(&mut *outlet, Load::Change(&change(State::Warning, critical.clone())));
    told(&[("firing", "critical"), ("firing", "warning"), ("resolved", "warning")]);
    assert_eq!(other.alerts().len(), 1, "each member is told");
    // One of them is away while a second alert begins; it gets that with the next batch.
    other.running.stop();
    let second = verdict("/second", State::Unknown, begin + 2);
    take(&mut *outlet, Load::Change(&change(State::Ok, second.clone())));
    assert_eq!(it.alerts().len(), 2);
    other.running.start_again();
    take(&mut *outlet, Load::Batch(&batch(begin + 3, &[critical, second])));
    assert_eq!(other.alerts().len(), 2);
    // The agent is started anew: it asks what it said before, and ends what is over.
    let mut outlet = open();
    let ok = verdict(ODD, State::Ok, begin + 4);
    let silenced = Verdict { silenced: true, ..verdict("/second", State::Unknown, begin) };
    take(&mut *outlet, Load::Batch(&batch(begin + 5, &[ok, silenced])));
    told(&[
        ("firing", "critical"),
        ("firing", "unknown"),
        ("firing", "warning"),
        ("resolved", "critical"),
        ("resolved", "unknown"),
        ("resolved", "warning"),
    ]);
    assert_eq!((it.alerts(), other.alerts()), (Vec::new(), Vec::new()));
    let Ok(Proof::ReadBack(words)) = outlet.test(&mark(), WITHIN) else { panic!() };
    assert!(words.contains("/api/v2/alerts"), "{words}");
    let off = outlet.clock(WITHIN).unwrap().0 - now_ms();
    assert!(off.abs() < 5000, "{off}");
}

#[test]
fn nagios_judges_results_in_order_and_restated() {
    let service = "fs:/d\u{e4}ta a_b_c_d.e_f_";
    let it = Nagios::start(&[("web1", &[service, "fs:/var"])]);
    let nrdp = |token: &str| {
        let token = Some(Secret::Literal(token.to_owned()));
        let web = Web { token, ..at(&it.nrdp.url()) };
        outlet(Target::Nrdp { web, host: "web1".to_owned() })
    };
    let mut outlet = nrdp(nrdp::TOKEN);
    let begin = now_ms();
    let critical = verdict(ODD, State::Critical, begin);
    take(&mut *outlet, Load::Change(&change(State::Ok, critical.clone())));
    let state = |service: &str, state: u8| {
        await_some("the state", || {
            Some(it.service("web1", service)).filter(|known| known.state == Some(state))
        })
    };
    let known = state(service, 2);
    assert!(
        known.output.starts_with("CRITICAL - /d\u{e4}ta a,b=c/d.e\"f' 96% full (since 20"),
        "{known:?}"
    );
    assert_eq!(known.perfdata, "used_percent=96.5%;80;90");
    let ok = verdict(ODD, State::Ok, begin + 1);
    take(&mut *outlet, Load::Change(&change(State::Critical, ok.clone())));
    state(service, 0);
    // A batch restates all, also what Nagios does not know, in several requests.
    let mut all = vec![ok, verdict("/var", State::Warning, begin)];
    all.extend((0..250).map(|n| verdict(&format!("/{n}"), State::Ok, begin)));
    take(&mut *outlet, Load::Batch(&batch(begin + 2, &all)));
    state("fs:/var", 1);
    assert_eq!(it.host("web1").state, Some(0));
    assert_eq!(it.nrdp.said().len(), 5);
    let why = held(give(&mut *nrdp("other"), Load::Batch(&batch(begin, &all))));
    assert!(why.contains("BAD TOKEN"), "{why}");
    let Ok(Proof::Accepted(words)) = outlet.test(&mark(), WITHIN) else { panic!() };
    assert!(words.contains("mark 4000000007"), "{words}");
}

#[test]
fn icinga_takes_results_with_their_time_and_life() {
    let service = "fs:/d\u{e4}ta a_b_c_d.e_f_";
    let it = Icinga::start(&[("web1", &[service, "fs:/var", "hostwatch"])]);
    let open = |password: &str| {
        let trust = Trust { ca_file: Some(it.authority()), ..Trust::default() };
        let url = it.url().replace("127.0.0.1", "localhost");
        let login = Some((icinga::LOGIN.0.to_owned(), Secret::Literal(password.to_owned())));
        let web = Web { login, trust, ..at(&url) };
        outlet(Target::Icinga2 { web, host: "web1".to_owned() })
    };
    let mut outlet = open(icinga::LOGIN.1);
    let begin = now_ms();
    let critical = verdict(ODD, State::Critical, begin - 600_000);
    take(&mut *outlet, Load::Change(&change(State::Ok, critical.clone())));
    let state = |service: &str, state: u8| {
        await_some("the state", || {
            Some(it.service("web1", &in_path(service))).filter(|known| known.state == Some(state))
        })
    };
    let known = state(service, 2);
    assert!(
        known.output.starts_with("CRITICAL - /d\u{e4}ta a,b=c/d.e\"f' 96% full (since 20"),
        "{known:?}"
    );
    assert_eq!(known.perfdata, ["used_percent=96.5%;80;90"]);
    assert_eq!(known.source, "web1.example.net");
    let original = (begin - 600_000) as f64 / 1000.0;
    assert!((known.executed_at - original).abs() < 0.001, "{known:?} {original}");
    let ok = verdict(ODD, State::Ok, begin);
    take(&mut *outlet, Load::Change(&change(State::Critical, ok.clone())));
    state(service, 0);
    // One that is not there is told once, and takes nothing from the others.
    let all = [ok, verdict("/none", State::Ok, begin), verdict("/var", State::Warning, begin)];
    let (count, why) = lost(give(&mut *outlet, Load::Batch(&batch(begin + 1000, &all))));
    assert_eq!(count, 1);
    assert!(why.contains("\"fs:/none\" of host \"web1\""), "{why}");
    assert_eq!(state("fs:/var", 1).ttl as u32, 1800);
    take(&mut *outlet, Load::Batch(&batch(begin + 31_000, &all)));
    assert_eq!(state("hostwatch", 0).ttl as u32, 90);
    let gone = change(State::Ok, verdict("/none", State::Critical, begin));
    assert_eq!(lost(give(&mut *outlet, Load::Change(&gone))).0, 1, "each change is told");
    let why = held(give(&mut *open("wrong"), Load::Batch(&batch(begin, &all))));
    assert!(why.contains("401"), "{why}");
    let mark = Mark { at: Stamp(begin + 40_000), ..mark() };
    let proof = outlet.test(&mark, WITHIN);
    assert!(matches!(&proof, Ok(Proof::ReadBack(_))), "{proof:?}");
    assert!(outlet.clock(WITHIN).is_none() || outlet.clock(WITHIN).unwrap().0 > begin - 5000);
}

#[test]
fn zabbix_keeps_the_exact_time_and_names_what_is_missing() {
    let quoted = format!("hostwatch.check.state[\"fs:{}\"]", ODD.replace('"', "\\\""));
    let it = Zabbix::start(&[
        ("web1", "hostwatch.heartbeat", Holds::Unsigned),
        ("web1", &quoted.replace('\'', "''"), Holds::Unsigned),
        ("web1", "hostwatch.check.state[fs:/var]", Holds::Unsigned),
        ("web1", "hostwatch.check.output[fs:/var]", Holds::Text),
        ("web1", "hostwatch.metric[fs:/var,used_percent]", Holds::Float),
    ]);
    let open = |host: &str| {
        let server = Server { host: "127.0.0.1".to_owned(), port: it.port, ..Server::default() };
        outlet(Target::Zabbix { server, host: host.to_owned() })
    };
    let mut outlet = open("web1");
    let (clock, ns) = (now_ms() / 1000 - 3600, 123_000_000);
    let begin = clock * 1000 + 123;
    let kept = |value: &str| [Kept { clock, ns, value: value.to_owned() }];
    let var = verdict("/var", State::Critical, begin);
    take(&mut *outlet, Load::Change(&change(State::Ok, var.clone())));
    let text = it.await_history("web1", "hostwatch.check.output[fs:/var]", 1);
    assert_eq!((text[0].clock, text[0].ns), (clock, ns));
    assert!(text[0].value.starts_with("CRITICAL - /var 96% full (since 20"), "{text:?}");
    // Sent twice, there once: a batch of the same moment says the same.
    let mut odd = verdict(ODD, State::Unknown, begin);
    odd.figures.clear();
    take(&mut *outlet, Load::Batch(&batch(begin, &[var.clone(), odd.clone()])));
    take(&mut *outlet, Load::Batch(&batch(begin, &[var.clone(), odd.clone()])));
    assert_eq!(it.await_history("web1", "hostwatch.heartbeat", 1), kept("1"));
    let metric = "hostwatch.metric[fs:/var,used_percent]";
    assert_eq!(it.await_history("web1", metric, 1), kept("96.5"));
    assert_eq!(it.await_history("web1", "hostwatch.check.state[fs:/var]", 1), kept("2"));
    assert_eq!(it.await_history("web1", &quoted.replace('\'', "''"), 1), kept("3"));
    // One item among many is missing: it is found, and told once.
    let mut all = vec![var.clone()];
    all.extend((0..300).map(|_| odd.clone()));
    all.insert(70, verdict("/none", State::Ok, begin));
    all[70].figures.clear();
    let (count, why) = lost(give(&mut *outlet, Load::Batch(&batch(begin, &all))));
    assert_eq!(count, 1);
    assert!(why.contains("host \"web1\" does not take hostwatch.check.state[fs:/none]: "), "{why}");
    take(&mut *outlet, Load::Batch(&batch(begin, &all)));
    let gone = change(State::Ok, verdict("/none", State::Critical, begin));
    assert_eq!(lost(give(&mut *outlet, Load::Change(&gone))).0, 2);
    let (_, why) = lost(give(&mut *open("web9"), Load::Batch(&batch(begin, &[var]))));
    assert!(why.contains("is there a host \"web9\""), "{why}");
    assert!(matches!(outlet.test(&mark(), WITHIN), Ok(Proof::Accepted(_))));
    let why = open("web9").test(&mark(), WITHIN).unwrap_err();
    assert!(why.contains("hostwatch.heartbeat"), "{why}");
}

/// What the template says of one item, trigger or rule, by its indentation: values of its `key` lines.
fn template_keys() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/collectors/zabbix-template.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let keys = text.lines().filter_map(|line| line.trim().strip_prefix("key: "));
    keys.map(|key| key.trim_matches('\'').to_owned()).collect()
}

/// A discovery rule with the prototypes of the template below it, made as the frontend would.
fn rule(number: u32, key: &str, prototypes: &[(&str, Holds)]) -> String {
    let item = |id: u32, key: &str, holds: u8, flags: u8| {
        format!(
            "insert into items (itemid, type, name, key_, hostid, value_type, delay, status, params, \
             description, posts, headers, flags) select {id}, 2, '{key}', '{key}', hostid, {holds}, 0, \
             0, '', '', '', '', {flags} from hosts where host = 'web1';\n"
        )
    };
    let mut sql = format!("set role zabbix;\n{}", item(number, key, Holds::Text as u8, 1));
    sql += &format!("insert into item_rtdata (itemid) values ({number});\n");
    for (id, (key, holds)) in (number + 1..).zip(prototypes) {
        sql += &item(id, key, *holds as u8, 2);
        sql += &format!(
            "insert into item_discovery (itemdiscoveryid, itemid, parent_itemid) \
             values ({id}, {id}, {number});\n"
        );
    }
    sql
}

#[test]
fn zabbix_makes_the_items_of_the_template_by_itself_and_under_the_same_keys() {
    let state = "hostwatch.check.state[{#ID}]";
    let output = "hostwatch.check.output[{#ID}]";
    let metric = "hostwatch.metric[{#ID},{#METRIC}]";
    let rules = ["hostwatch.discovery", "hostwatch.discovery.metrics"];
    let all = ["hostwatch.heartbeat", rules[0], state, output, rules[1], metric];
    assert_eq!(template_keys(), all);
    let it = Zabbix::start(&[("web1", "hostwatch.heartbeat", Holds::Unsigned)]);
    let checks = [(state, Holds::Unsigned), (output, Holds::Text)];
    it.database.say("zabbix", &rule(91_000, rules[0], &checks));
    it.database.say("zabbix", &rule(92_000, rules[1], &[(metric, Holds::Float)]));
    let begin = now_ms();
    let odd = ["/var", "/a,b \"q\"", "/a]b", "/d\u{e4}ta a=b|c.d'"];
    let verdicts: Vec<Verdict> =
        odd.iter().map(|name| verdict(name, State::Critical, begin)).collect();
    // Items appear some time after the lists; an outlet that is new sends those at once.
    await_some("all values are taken", || {
        let server = Server { host: "127.0.0.1".to_owned(), port: it.port, ..Server::default() };
        let mut outlet = outlet(Target::Zabbix { server, host: "web1".to_owned() });
        let batch = give(&mut *outlet, Load::Batch(&batch(begin, &verdicts))).outcome;
        let changes = verdicts.iter().map(|verdict| {
            give(&mut *outlet, Load::Change(&change(State::Ok, verdict.clone()))).outcome
        });
        (batch == Outcome::Done && changes.into_iter().all(|it| it == Outcome::Done)).then_some(())
    });
    let (clock, ns) = (begin / 1000, begin % 1000 * 1_000_000);
    let kept = [Kept { clock, ns, value: "2".to_owned() }];
    let found = it.await_history("web1", "hostwatch.check.state[\"fs:/a,b \\\"q\\\"\"]", 1);
    assert_eq!(found, kept);
}

#[test]
fn carbon_writes_what_was_done_and_silence_or_a_reset_is_not() {
    let it = Carbon::start();
    let graphite = |port: u16| {
        let server = Server { host: "127.0.0.1".to_owned(), port, ..Server::default() };
        outlet(Target::Graphite { server, prefix: "hw.test".to_owned() })
    };
    let mut outlet = graphite(it.port);
    let begin = now_ms();
    let odd = verdict(ODD, State::Critical, begin);
    take(&mut *outlet, Load::Batch(&batch(begin, std::slice::from_ref(&odd))));
    let path =
        "hw.test.web1_example_net.hostwatch_check_state.fs.filesystem._d\u{e4}ta_a_b_c_d_e_f_";
    let found =
        await_some("a whisper file", || Some(it.fetch(path)).filter(|found| !found.is_empty()));
    assert_eq!(found, [(u64::try_from(begin / 1000).unwrap(), 2.0)]);
    assert!(matches!(outlet.test(&mark(), WITHIN), Ok(Proof::Accepted(_))));
    // The kernel takes the bytes for a server that does not run: that is nothing.
    it.running.freeze();
    let short = Span::from_millis(500);
    let silent =
        outlet.deliver(Load::Batch(&batch(begin, std::slice::from_ref(&odd))), short).outcome;
    assert!(matches!(&silent, Outcome::Retry { suspect: false, .. }), "{silent:?}");
    it.running.thaw();
    // One that reads a little and dies resets the connection.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut dying = graphite(listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client.read_exact(&mut [0; 10]).unwrap();
    });
    let many: Vec<Verdict> =
        (0..1000).map(|n| verdict(&format!("/{n}"), State::Ok, begin)).collect();
    let reset = give(&mut *dying, Load::Batch(&batch(begin, &many))).outcome;
    server.join().unwrap();
    assert!(matches!(&reset, Outcome::Retry { suspect: false, .. }), "{reset:?}");
}

#[test]
fn influx_finds_what_was_written() {
    let it = Influx::start();
    let open = |database: &str| {
        let (web, database) = (at(&it.url()), database.to_owned());
        outlet(Target::Influx { web, database, organisation: None })
    };
    let mut outlet = open(influx::DATABASE);
    let begin = now_ms();
    let odd = verdict(ODD, State::Critical, begin);
    take(&mut *outlet, Load::Batch(&batch(begin, std::slice::from_ref(&odd))));
    let rows = it.query("SELECT * FROM hostwatch_check_state");
    assert_eq!(rows.len(), 1);
    let wanted = serde_json::json!({
        "time": begin * 1_000_000, "value": 2, "check": "fs", "kind": "filesystem",
        "object": ODD, "host": "web1.example.net", "rack": "a, 7",
    });
    assert_eq!(serde_json::to_value(&rows[0]).unwrap(), wanted);
    let proof = outlet.test(&mark(), WITHIN);
    assert!(matches!(&proof, Ok(Proof::ReadBack(_))), "{proof:?}");
    let why =
        held(give(&mut *open("other"), Load::Batch(&batch(begin, std::slice::from_ref(&odd)))));
    assert!(why.contains("database of this name"), "{why}");
    // Another sender has made an integer of the field: what else is in the batch is stored.
    it.http().form("/query", &[("q", "CREATE DATABASE taken")]).good();
    let integer = b"hostwatch_check_state,object=x value=1i";
    it.http().post("/write?db=taken", "text/plain", integer).good();
    let (count, why) = lost(give(&mut *open("taken"), Load::Batch(&batch(begin, &[odd]))));
    assert_eq!(count, 1);
    assert!(why.contains("field type conflict"), "{why}");
    let off = outlet.clock(WITHIN).unwrap().0 - now_ms();
    assert!(off.abs() < 5000, "{off}");
}

#[test]
fn victoria_metrics_takes_version_2_of_influx_and_paths() {
    let it = VictoriaMetrics::start(&Options::default());
    let begin = now_ms();
    let batch = batch(begin, &[verdict("/d\u{e4}ta", State::Warning, begin)]);
    let organisation = Some("ops & co".to_owned());
    let web = Web { token: Some(Secret::Literal("t".to_owned())), ..at(&it.url()) };
    let mut influx = outlet(Target::Influx { web, database: "hw".to_owned(), organisation });
    take(&mut *influx, Load::Batch(&batch));
    let found = it.export("hostwatch_check_state_value");
    assert_eq!((found.len(), found[0].samples.as_slice()), (1, [(begin, 1.0)].as_slice()));
    assert_eq!(found[0].labels["object"], "/d\u{e4}ta");
    assert_eq!(found[0].labels["host"], "web1.example.net");
    assert!(matches!(influx.test(&mark(), WITHIN), Ok(Proof::Accepted(_))));
    let server = Server { host: "localhost".to_owned(), port: it.graphite, ..Server::default() };
    let mut graphite = outlet(Target::Graphite { server, prefix: "hw".to_owned() });
    take(&mut *graphite, Load::Batch(&batch));
    let path = "hw.web1_example_net.hostwatch_check_state.fs.filesystem._d\u{e4}ta";
    let found = await_some("a path", || {
        Some(it.export(&format!("{{__name__=\"{path}\"}}"))).filter(|found| !found.is_empty())
    });
    assert_eq!(found[0].samples, [(begin / 1000 * 1000, 1.0)]);
}
