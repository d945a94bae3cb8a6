//! Events over HTTP through the real delivery child: what is posted, what each answer means, and
//! servers that misbehave.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hostwatch::model::evidence::Row;
use hostwatch::model::id::{HostIdentity, Id};
use hostwatch::model::state::State;
use hostwatch::model::time::{Moment, Now, Stamp};
use hostwatch::model::unit::Span;
use hostwatch::net::route::Route;
use hostwatch::notify::event::{Event, Figures, compose};
use hostwatch::notify::hook::{Hook, Preset, Webhook};
use hostwatch::notify::mail::{Form, Mail, MailId};
use hostwatch::notify::notice::{Cause, Notice};
use hostwatch::notify::outbox::Fate;
use hostwatch::notify::relay::Relay;
use hostwatch::notify::text::Letterhead;
use hostwatch::store::secret::Secret;

use crate::agent::{Bench, wait_for};
use crate::delivery::send;
use crate::sink::{Sink, free_port};
use crate::web::{Mode, Web};

/// A server that hangs may take this long, and the machine's load.
const SLOW: Duration = Duration::from_secs(35);

/// An event as the agent composes it.
pub(crate) fn event(cause: Cause) -> Arc<Mail> {
    let wall = Stamp(1_795_399_925_000);
    let notice = Notice {
        contact: "phone".to_owned(),
        id: Id::new("filesystem", "/data"),
        kind: "filesystem".to_owned(),
        title: "/data".to_owned(),
        cause,
        state: State::Critical,
        previous: State::Warning,
        episode: 237_652,
        seq: 1,
        root: None,
        at: Moment(0),
        at_wall: wall,
        since_wall: wall,
        lasted: Span::from_secs(120),
        fact: "92% full".to_owned(),
        limit: "90%".to_owned(),
        summary: "92% full, 46 GiB of 560 GiB left".to_owned(),
        detail: Vec::new(),
        news: Vec::new(),
        rule: "crit when used >= 90% for 2m".to_owned(),
        place: "conf.d/10-filesystem.yaml:14".to_owned(),
        worst: None,
        worst_state: State::Critical,
        changes: 1,
        advice: Some("old backups may go".to_owned()),
        runbook: Some("https://wiki.example.net/rb/fs-full".to_owned()),
        evidence: None,
        remarks: vec![Row { amount: "acked".to_owned(), text: "by ana".to_owned() }],
        reminder: None,
        follows: None,
    };
    let head = Letterhead {
        host: HostIdentity {
            name: "db03".to_owned(),
            fqdn: "db03.example.net".to_owned(),
            timezone: "UTC".to_owned(),
            labels: [("role".to_owned(), "db".to_owned())].into(),
        },
        from: "hostwatch@example.net".to_owned(),
        envelope_from: None,
        also_bad: Vec::new(),
        ok_count: 3,
    };
    let now = Now { moment: Moment(0), wall };
    let value = [("used_percent".to_owned(), 92.0), ("odd".to_owned(), f64::NAN)].into();
    let limit = [("used_percent".to_owned(), 90.0)].into();
    let figures = Figures { value, limit };
    Arc::new(compose(&head, "webhook:phone".to_owned(), &notice, figures, MailId(7), now))
}

fn webhook(url: &str, preset: Preset) -> Webhook {
    let headers = Vec::new();
    Webhook {
        url: url.to_owned(),
        preset,
        token: None,
        key: None,
        headers,
        route: Route::default(),
    }
}

fn post(webhook: Webhook) -> Fate {
    let hook = Relay::Hook(Hook::Webhook(Box::new(webhook)));
    let outcome = send(&event(Cause::Problem), vec![hook], Form::Event.deadline().to_std());
    assert_eq!(outcome.trouble, None, "a hook's trouble is its own: {outcome:?}");
    outcome.fates["webhook:phone"].clone()
}

#[test]
fn the_event_is_posted_with_its_id_its_token_and_nothing_else() {
    let web = Web::start();
    let mut hook = webhook(&web.url("/in?x=1"), Preset::Json);
    hook.token = Some(Secret::Literal("t0ken".to_owned()));
    hook.headers = vec![("X-Site".to_owned(), "par1".to_owned())];
    assert_eq!(post(hook), Fate::Accepted(format!("http://127.0.0.1:{}: 200", web.port)));
    let asked = web.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/in?x=1"));
    assert_eq!(asked[0].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    assert_eq!(asked[0].header("x-site"), Some("par1"));
    let told: Event = serde_json::from_str(&asked[0].body).unwrap();
    let key = format!("{}@{}", told.id, told.host);
    assert_eq!(asked[0].header("idempotency-key"), Some(key.as_str()));
    assert_eq!(asked[0].body, event(Cause::Problem).bytes, "the queued bytes");
    let json = asked[0].json();
    assert_eq!(json["value"], serde_json::json!({"used_percent": 92.0}), "no number that is none");
    assert_eq!(json["state"], "critical");
    assert_eq!((&json["acked"], &json["labels"]["role"]), (&"by ana".into(), &"db".into()));
    assert_eq!(json["at"], "2026-11-23T02:12:05.000Z");
    let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut described: Vec<&str> =
        hostwatch::notify::event::FIELDS.iter().map(|(name, _)| *name).collect();
    described.sort_unstable();
    assert_eq!(names, described, "the manual describes every name");
}

#[test]
fn each_service_gets_what_it_understands() {
    let web = Web::start();
    let mut pager = webhook(&web.url("/v2/enqueue"), Preset::Pagerduty);
    pager.key = Some(Secret::Literal("r0uting".to_owned()));
    for hook in [
        webhook(&web.url("/db03"), Preset::Ntfy),
        webhook(&web.url("/T0/B0/x"), Preset::Slack),
        pager,
    ] {
        assert!(matches!(post(hook), Fate::Accepted(_)));
    }
    let [ntfy, slack, pager] = web.asked().try_into().unwrap();
    let event: Event = serde_json::from_str(&event(Cause::Problem).bytes).unwrap();
    assert_eq!(ntfy.header("title"), Some(event.subject.as_str()));
    assert_eq!((ntfy.header("priority"), ntfy.header("tags")), (Some("5"), Some("rotating_light")));
    assert!(ntfy.body.starts_with(&event.summary), "{}", ntfy.body);
    let slack = slack.json();
    assert_eq!(slack.as_object().unwrap().len(), 1);
    assert!(slack["text"].as_str().unwrap().starts_with(&format!("*{}*\n", event.subject)));
    let pager = pager.json();
    assert_eq!(
        (&pager["routing_key"], &pager["event_action"]),
        (&"r0uting".into(), &"trigger".into())
    );
    assert_eq!(pager["dedup_key"], format!("{}/{}", event.host, event.event));
    assert_eq!(pager["payload"]["severity"], "critical");
    assert_eq!(pager["payload"]["source"], event.host);
}

#[test]
fn every_answer_has_its_meaning() {
    let web = Web::start();
    let fate = |mode| {
        web.answer(mode);
        post(webhook(&web.url("/"), Preset::Json))
    };
    for status in [200, 202, 204] {
        assert!(matches!(fate(Mode::Status(status, "", "")), Fate::Accepted(_)), "{status}");
    }
    let name = format!("http://127.0.0.1:{}", web.port);
    assert_eq!(
        fate(Mode::Status(404, "", "no such\r\n\u{1b}[2Jtopic")),
        Fate::Refused(format!("{name}: 404 no such \\x1b[2Jtopic"))
    );
    assert_eq!(
        fate(Mode::Status(401, "", "who?")),
        Fate::Deferred(format!("{name}: 401 who?; is the token right?"))
    );
    assert_eq!(
        fate(Mode::Status(429, "Retry-After: 120\r\n", "slow down")),
        Fate::Delayed(format!("{name}: 429 slow down"), Span::from_secs(120))
    );
    assert!(matches!(fate(Mode::Status(500, "", "oops")), Fate::Deferred(_)));
    // A redirect is not followed, or token and event would go to whoever is named.
    let other = Web::start();
    let before = web.asked().len();
    let to = Box::leak(format!("Location: {}\r\n", other.url("/x")).into_boxed_str());
    match fate(Mode::Status(307, to, "")) {
        Fate::Deferred(text) => {
            assert!(text.contains("redirects to") && text.contains("/x"), "{text}")
        }
        fate => panic!("{fate:?}"),
    }
    assert_eq!((web.asked().len(), other.asked().len()), (before + 1, 0));
}

#[test]
fn a_server_that_misbehaves_costs_a_bounded_time_and_its_event_waits() {
    let web = Web::start();
    for (mode, word) in [
        (Mode::Close, "without an answer"),
        (Mode::Garbage, "does not speak HTTP"),
        (Mode::EndlessHeader, "too many header lines"),
        (Mode::EndlessText, "500 zzz"),
        (Mode::Cut, "503 busy, sor"),
        (Mode::Silent, "no answer in time"),
        (Mode::Drip, "no answer in time"),
    ] {
        web.answer(mode.clone());
        let begin = Instant::now();
        match post(webhook(&web.url("/"), Preset::Json)) {
            Fate::Deferred(text) => assert!(text.contains(word), "{mode:?}: {text}"),
            fate => panic!("{mode:?}: {fate:?}"),
        }
        assert!(begin.elapsed() < SLOW, "{mode:?}: {:?}", begin.elapsed());
    }
    let gone = format!("http://127.0.0.1:{}/", free_port());
    match post(webhook(&gone, Preset::Json)) {
        Fate::Deferred(text) => assert!(text.contains("connection refused"), "{text}"),
        fate => panic!("{fate:?}"),
    }
    let missing = Secret::File("/nonexistent/token".to_owned());
    let unread = Webhook { token: Some(missing), ..webhook(&web.url("/"), Preset::Json) };
    let relay = Relay::Hook(Hook::Webhook(Box::new(unread)));
    let asked = web.asked().len();
    let outcome = send(&event(Cause::Problem), vec![relay], Form::Event.deadline().to_std());
    assert!(outcome.trouble().contains("/nonexistent/token"), "{outcome:?}");
    assert_eq!(web.asked().len(), asked, "nothing is posted without its token");
}

/// A server under TLS: Python's own, with certificates of the test's own authority. It answers with
/// the port that the connection comes from.
pub(crate) struct Tls {
    child: Child,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) port: u16,
}

const SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        text = 'port %d' % self.client_address[1]
        self.send_response(202)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + '/cert.pem', sys.argv[1] + '/key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
open(sys.argv[1] + '/port', 'w').write(str(server.server_address[1]) + '\n')
server.serve_forever()
"#;

impl Tls {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = "set -e; cd \"$0\"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                -keyout ca.key -out ca.pem -subj /CN=test-ca
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
                -keyout key.pem -out cert.csr -subj /CN=localhost
            printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' >ext
            openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                -extfile ext -out cert.pem
            openssl x509 -in cert.pem -noout -fingerprint -sha256 | sed 's/.*=//' >pin";
        let made = Command::new("sh").args(["-c", script]).arg(directory.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child =
            Command::new("python3").args(["-c", SERVER]).arg(directory.path()).spawn().unwrap();
        let mut tls = Self { child, directory, port: 0 };
        wait_for("the server listens", Duration::from_secs(30), || {
            tls.read("port").ends_with('\n')
        });
        tls.port = tls.read("port").trim().parse().unwrap();
        tls
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    fn post(&self, host: &str, route: Route) -> Fate {
        let url = format!("https://{host}:{}/x", self.port);
        post(Webhook { route, ..webhook(&url, Preset::Json) })
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tls_is_believed_by_authority_and_name_or_by_fingerprint() {
    let tls = Tls::start();
    let ca = tls.directory.path().join("ca.pem").to_str().map(str::to_owned);
    let own = Route { ca_file: ca, ..Route::default() };
    assert!(matches!(tls.post("localhost", own.clone()), Fate::Accepted(_)));
    let pin = tls.read("pin").trim().replace(':', "").to_lowercase();
    let pinned = Route { fingerprint: Some(pin.clone()), ..Route::default() };
    assert!(matches!(tls.post("127.0.0.1", pinned), Fate::Accepted(_)));
    let refused = |host: &str, route: Route, word: &str| match tls.post(host, route) {
        Fate::Deferred(text) => assert!(text.contains(word), "{text}"),
        fate => panic!("{fate:?}"),
    };
    refused("127.0.0.1", own, "another name than 127.0.0.1");
    refused("localhost", Route::default(), &format!("pin it: `fingerprint: {pin}`"));
    let wrong = Route { fingerprint: Some("0".repeat(64)), ..Route::default() };
    refused("localhost", wrong, "another certificate than the pinned one");
    // TLS to a server that speaks none.
    let web = Web::start();
    let url = format!("https://localhost:{}/", web.port);
    assert!(matches!(post(webhook(&url, Preset::Json)), Fate::Deferred(_)));
}

#[test]
fn a_proxy_is_the_configured_one_and_never_the_environments() {
    let (web, proxy) = (Web::start(), Web::start());
    proxy.answer(Mode::Status(403, "", "not through me"));
    let route = Route { proxy: Some(proxy.url("")), ..Route::default() };
    let url = "http://hooks.example.invalid/x";
    match post(Webhook { route, ..webhook(url, Preset::Json) }) {
        Fate::Deferred(text) => assert!(text.contains("403") || text.contains("proxy"), "{text}"),
        fate => panic!("{fate:?}"),
    }
    assert_eq!((proxy.asked().len(), web.asked().len()), (1, 0));
}

#[test]
fn a_ping_tells_whether_the_heartbeat_was_heard() {
    let web = Web::start();
    let ping = |token| hostwatch::net::http::ping(&web.url("/hb/db03"), token, SLOW);
    assert_eq!(ping(Some("t")), Ok(format!("http://127.0.0.1:{}: 200", web.port)));
    assert_eq!(web.asked()[0].method, "GET");
    assert_eq!(web.asked()[0].header("authorization"), Some("Bearer t"));
    web.answer(Mode::Status(404, "", "gone"));
    assert_eq!(ping(None), Err(format!("http://127.0.0.1:{}: 404 gone", web.port)));
}

/// Kills of the agent; each may repeat one event, under the same id.
const KILLS: u32 = 30;

#[test]
fn killed_at_random_moments_the_agent_loses_no_event_and_repeats_only_the_same() {
    let (web, sink) = (Web::start(), Sink::start());
    let mut config = format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
contacts:
  root: {{mail: [root@example.net], webhook: {{url: \"{}\"}}}}
mail:
  from: hostwatch@example.net
  group_wait: 0s
  via: [{{smtp: \"127.0.0.1:{}\", tls: none}}]
checks:
  load: {{enabled: false}}
  cpu: {{enabled: false}}
  memory: {{enabled: false}}
",
        web.url("/events"),
        sink.port
    );
    for step in 1..=KILLS {
        config.push_str(&format!("  step-{step}: {{kind: load, crit: {{load1: {step}}}}}\n"));
    }
    let bench = Bench::new(&config);
    for step in 1..=KILLS {
        let mut agent = bench.start();
        std::thread::sleep(Duration::from_millis(u64::from(step * 7 % 50)));
        bench.load(f64::from(step));
        std::thread::sleep(Duration::from_millis(
            u64::from(step * 97 % 1300) * u64::from(step % 2),
        ));
        agent.kill();
    }
    let _last = bench.start();
    let told = |step: u32| {
        let check = format!("step-{step}:all");
        web.asked().iter().any(|asked| {
            let json = asked.json();
            json["check"] == check.as_str() && json["state"] == "critical"
        })
    };
    wait_for("every change is posted", Duration::from_secs(90), || (1..=KILLS).all(told));
    let mut copies = std::collections::BTreeMap::<String, Vec<String>>::new();
    for asked in web.asked() {
        let key = asked.header("idempotency-key").unwrap().to_owned();
        copies.entry(key).or_default().push(asked.body);
    }
    let repeats: usize = copies.values().map(|same| same.len() - 1).sum();
    println!("{} events, {repeats} repeats in {KILLS} kills", copies.len());
    assert!(repeats <= usize::try_from(KILLS).unwrap(), "{repeats} repeats");
    for (id, same) in copies {
        assert!(same.iter().all(|copy| *copy == same[0]), "{id}: a repeat differs: {same:#?}");
    }
    assert!(Path::new(&bench.path("state")).exists());
}
