//! Outlets as written, and as run: where metrics and changes go besides mail.
//!
//! Owns: the keys of an outlet, which of them each dialect has, and what is said of a value that could
//! not work or would give a secret away. Knows no dialect beyond that. Pure, but for [`check`].

use std::net::SocketAddr;

use super::address::endpoint;
use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, Severity};
use super::file::Password;
use super::hook::{headers, judge_line, judge_proxy, judge_url};
use super::plan::{ForwardPlan, Plan};
use super::resolve::Input;
use super::schema::{At, Shape, Value, mistake, scalar, section};
use super::secret;
use super::source::Spot;
use super::tree::Node;
use super::types::{AbsolutePath, Endpoint, Fingerprint, Labels, List, Named, Text, WebAddress};
use super::units::{self, join};
use crate::forward::target::{Listen, OutletPlan, Server, Target, Trust, Web};
use crate::model::id::HostIdentity;
use crate::model::limit::{FORWARD_EVERY_MIN, OUTLETS, SPOOL_MAX_BYTES, SPOOL_MIN_BYTES};
use crate::model::unit::{Span, Unit};
use crate::store::secret::Secret;

section! {
    /// Where metrics and changes go besides mail: to a collector that exists. Nothing is forwarded
    /// unless an outlet stands here. A collector that is down, slow or wrong costs the checks
    /// nothing; after a while `agent:forward/NAME` says so by mail.
    Forward as "section `forward`" {
        /// How often a batch is made: the newest reading of everything; at least 5s.
        "every" => every: Span = "30s";
        /// How much may wait on disk for collectors that are down. The oldest metrics make room
        /// first, and are counted; changes of state stay.
        "spool" => spool: Size = "16MiB";
        /// Outlets by name; the name stands in `agent:forward/NAME` and `forward test NAME`.
        "outlets" => outlets: Named<Outlet>;
    }
}

section! {
    /// One outlet: what it speaks, and where it goes.
    Outlet as "an outlet" one_of(
        "prometheus", "textfile", "remote_write", "otlp", "alertmanager", "zabbix", "nrdp", "icinga2",
        "graphite", "influx"
    ) {
        /// Prometheus fetches `/metrics` here: a loopback address with its port, or the path of a
        /// Unix socket.
        "prometheus" => prometheus: Listening;
        /// A file for the textfile collector of node_exporter; its name ends in `.prom`.
        "textfile" => textfile: AbsolutePath;
        /// Prometheus remote write 1.0: Prometheus, VictoriaMetrics, Mimir, Thanos, Cortex. The whole
        /// address: `https://HOST/api/v1/write`.
        "remote_write" => remote_write: WebAddress;
        /// OpenTelemetry, OTLP over HTTP. The whole address: `https://HOST:4318/v1/metrics`.
        "otlp" => otlp: WebAddress;
        /// Alertmanagers, each member of the cluster, without `/api/v2/alerts`.
        "alertmanager" => alertmanager: List<WebAddress>;
        /// A Zabbix server or proxy, for trapper items.
        "zabbix" => zabbix: Endpoint, else "port 10051";
        /// Nagios through NRDP, for passive checks; its token is `token`. The whole address:
        /// `https://HOST/nrdp/`.
        "nrdp" => nrdp: WebAddress;
        /// Icinga 2's API, for passive checks: `https://HOST:5665`.
        "icinga2" => icinga2: WebAddress;
        /// Graphite's carbon, or a relay.
        "graphite" => graphite: Endpoint, else "port 2003";
        /// InfluxDB's line protocol: `https://HOST:8086`.
        "influx" => influx: WebAddress;
        /// User for HTTP basic authentication.
        "user" => user: Text;
        /// That user's password.
        "password" => password: Password;
        /// A secret sent as `Authorization: Bearer`, or as the receiver wants its token.
        "token" => token: Password;
        /// Further header lines: `{X-Scope-OrgID: ops}`.
        "headers" => headers: Labels;
        /// Certificate authorities in PEM, instead of the system's.
        "ca" => ca: AbsolutePath;
        /// SHA-256 of the server's certificate; replaces the checks of chain and name.
        "fingerprint" => fingerprint: Fingerprint;
        /// A proxy, `http://HOST:PORT`.
        "proxy" => proxy: WebAddress;
        /// TLS from the first byte, for receivers that are not on the web.
        "tls" => tls: bool = "false";
        /// What this host is called at the receiver.
        "host" => host: Text, else "this host's full name";
        /// What each path begins with.
        "prefix" => prefix: Text = "hostwatch";
        /// Database, or bucket where `org` is given.
        "database" => database: Text = "hostwatch";
        /// Organisation: version 2 of InfluxDB's API is spoken.
        "org" => org: Text;
    }
}

/// Keys that only some outlets have: `otlp` and `remote_write` have all those of the web and no more.
const WEB: &[&str] = &["user", "password", "token", "headers", "ca", "fingerprint", "proxy"];
const LINE: &[&str] = &["tls", "ca", "fingerprint"];

/// The keys that an outlet has beside the one that names it.
fn keys(word: &str) -> Vec<&'static str> {
    let (common, own): (&[&str], &[&'static str]) = match word {
        "remote_write" | "otlp" | "alertmanager" => (WEB, &[]),
        "nrdp" | "icinga2" => (WEB, &["host"]),
        "influx" => (WEB, &["database", "org"]),
        "zabbix" => (LINE, &["host"]),
        "graphite" => (LINE, &["prefix"]),
        _ => (&[], &[]),
    };
    common.iter().chain(own).copied().collect()
}

/// Where an outlet listens: a loopback address with its port, or the path of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening(pub Listen);

impl Value for Listening {
    fn shape() -> Shape {
        let pattern = Some(r"^(/.*|127\.[0-9.]+:[0-9]+|\[::1\]:[0-9]+)$".to_owned());
        Shape::Text { noun: "a loopback address or a path", pattern, example: "127.0.0.1:9797" }
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "an address such as 127.0.0.1:9797", findings)?;
        let text = scalar.text.as_str();
        if text.starts_with('/') && !text.chars().any(char::is_control) {
            return Some(Self(Listen::Unix(text.to_owned())));
        }
        let address = text.parse::<SocketAddr>().ok().filter(|address| address.port() > 0);
        let wrong = match address {
            Some(address) if address.ip().is_loopback() => {
                return Some(Self(Listen::Tcp(address.to_string())));
            }
            Some(_) => "the metrics of this host would be open to the network",
            None => "expected an address with its port, or a path",
        };
        findings.push(
            Diagnostic::error(Code::Text, node.spot, "metrics cannot be served here")
                .label(wrong)
                .help(
                    "write `127.0.0.1:9797`, `[::1]:9797` or `/run/hostwatch/metrics.sock`; for \
                     others put a web server with TLS and a login before it",
                ),
        );
        None
    }
}

/// An amount of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl Value for Size {
    fn shape() -> Shape {
        let pattern = units::pattern(Unit::Bytes);
        Shape::Text { noun: "an amount of bytes", pattern, example: "16MiB" }
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "an amount of bytes such as 16MiB", findings)?;
        let bounds = SPOOL_MIN_BYTES..=SPOOL_MAX_BYTES;
        match units::quantity(&scalar.text, &[Unit::Bytes]) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "float casts saturate, and what is out of range is refused"
            )]
            Ok((_, bytes)) if bounds.contains(&(bytes as u64)) => Some(Self(bytes as u64)),
            Ok(_) => {
                findings.push(
                    Diagnostic::error(Code::Range, node.spot, "this amount is out of range").label(
                        format!(
                            "{} to {}",
                            Unit::Bytes.show(SPOOL_MIN_BYTES as f64),
                            Unit::Bytes.show(SPOOL_MAX_BYTES as f64)
                        ),
                    ),
                );
                None
            }
            Err(wrong) => {
                findings.push(mistake(*wrong, node));
                None
            }
        }
    }
}

/// Section `forward`; `None` where there is no outlet.
pub(super) fn forward(
    section: &Forward,
    input: &Input<'_>,
    host: &HostIdentity,
    findings: &mut Findings,
) -> Option<ForwardPlan> {
    let every = section.every.as_ref().map(|at| at.value).unwrap_or_default();
    if let Some(written) = section.every.as_ref().filter(|at| at.value < FORWARD_EVERY_MIN) {
        findings.push(
            Diagnostic::error(Code::Range, written.spot, "`every` is too short")
                .label(format!("at least {FORWARD_EVERY_MIN}")),
        );
    }
    let written = section.outlets.as_ref().map(|at| at.value.0.as_slice()).unwrap_or_default();
    if let Some((name, _)) = written.get(OUTLETS) {
        findings.push(
            Diagnostic::error(Code::TooMany, name.spot, "too many outlets")
                .label(format!("at most {OUTLETS}")),
        );
    }
    let node = input.merged.entry("forward").and_then(|entry| entry.value.entry("outlets"));
    let outlets = written.iter().filter_map(|(name, outlet)| {
        let node = node.and_then(|node| node.value.entry(&name.value)).map(|entry| &entry.value);
        let target = Writer { outlet: &outlet.value, spot: outlet.spot, node, input }
            .target(host, findings)?;
        Some(OutletPlan { name: name.value.clone(), target })
    });
    let outlets: Vec<OutletPlan> = outlets.collect();
    let spool_bytes = section.spool.as_ref().map_or(SPOOL_MIN_BYTES, |at| at.value.0);
    (!outlets.is_empty()).then_some(ForwardPlan { every, spool_bytes, outlets })
}

/// One outlet on its way from written to run.
struct Writer<'a> {
    outlet: &'a Outlet,
    spot: Spot,
    node: Option<&'a Node>,
    input: &'a Input<'a>,
}

impl Writer<'_> {
    fn target(&self, host: &HostIdentity, findings: &mut Findings) -> Option<Target> {
        let outlet = self.outlet;
        let word = Outlet::SECTION
            .one_of
            .iter()
            .find(|word| self.node.is_some_and(|node| node.entry(word).is_some()))?;
        self.judge_keys(word, findings);
        let known_as =
            || outlet.host.as_ref().map_or_else(|| host.fqdn.clone(), |at| at.value.clone());
        let text = |at: &Option<At<Text>>| at.as_ref().map(|at| at.value.clone());
        Some(match *word {
            "prometheus" => {
                Target::Prometheus { listen: outlet.prometheus.as_ref()?.value.0.clone() }
            }
            "textfile" => Target::Textfile { path: textfile(outlet.textfile.as_ref()?, findings)? },
            "remote_write" => {
                Target::RemoteWrite(self.web(outlet.remote_write.as_ref()?, findings)?)
            }
            "otlp" => Target::Otlp(self.web(outlet.otlp.as_ref()?, findings)?),
            "alertmanager" => {
                let list = outlet.alertmanager.as_ref()?;
                let webs = list.value.iter().map(|url| self.web(url, findings));
                Target::Alertmanager(webs.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?)
            }
            "nrdp" => {
                self.need("token", outlet.token.is_some(), findings);
                Target::Nrdp { web: self.web(outlet.nrdp.as_ref()?, findings)?, host: known_as() }
            }
            "icinga2" => {
                self.need("user", outlet.user.is_some(), findings);
                let web = self.web(outlet.icinga2.as_ref()?, findings)?;
                Target::Icinga2 { web, host: known_as() }
            }
            "influx" => Target::Influx {
                web: self.web(outlet.influx.as_ref()?, findings)?,
                database: text(&outlet.database).unwrap_or_default(),
                organisation: text(&outlet.org),
            },
            "zabbix" => Target::Zabbix {
                server: self.server(outlet.zabbix.as_ref()?, 10051)?,
                host: known_as(),
            },
            "graphite" => Target::Graphite {
                server: self.server(outlet.graphite.as_ref()?, 2003)?,
                prefix: text(&outlet.prefix).unwrap_or_default(),
            },
            _ => return None,
        })
    }

    /// Keys that stand there and mean nothing to this outlet.
    fn judge_keys(&self, word: &str, findings: &mut Findings) {
        let known = keys(word);
        let written = self.node.map(Node::entries).unwrap_or_default();
        for entry in written {
            let key = entry.key.as_str();
            let is_key = Outlet::SECTION.fields.iter().any(|field| field.key == key);
            if !is_key || Outlet::SECTION.one_of.contains(&key) || known.contains(&key) {
                continue;
            }
            let found = Diagnostic::error(
                Code::Exclusive,
                entry.key_spot,
                format!("`{key}` has no meaning for `{word}`"),
            )
            .label("not known here");
            let names: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
            findings.push(if names.is_empty() {
                found
            } else {
                found.help(format!("`{word}` knows {}", join(&names, "and")))
            });
        }
    }

    /// A key without which the receiver takes nothing.
    fn need(&self, key: &str, there: bool, findings: &mut Findings) {
        if !there && self.node.is_none_or(|node| node.entry(key).is_none()) {
            findings.push(
                Diagnostic::error(Code::Missing, self.spot, format!("this outlet needs `{key}`"))
                    .label("the receiver takes nothing without it"),
            );
        }
    }

    fn web(&self, url: &At<WebAddress>, findings: &mut Findings) -> Option<Web> {
        let outlet = self.outlet;
        judge_url(url, findings);
        let address = url.value.0.as_str();
        let secrets = [("token", outlet.token.as_ref()), ("password", outlet.password.as_ref())];
        let clear = judge_line(url, &secrets, findings);
        judge_proxy(outlet.proxy.as_ref(), findings);
        let login = self.login(findings);
        let token = match &outlet.token {
            Some(token) => Some(secret::kept(token, self.input, findings)?),
            None => None,
        };
        let authorized = token.is_some() || login.is_some();
        Some(Web {
            url: address.to_owned(),
            login,
            token,
            headers: headers(outlet.headers.as_ref(), authorized, clear, findings),
            trust: self.trust(),
        })
    }

    fn login(&self, findings: &mut Findings) -> Option<(String, Secret)> {
        let outlet = self.outlet;
        if let (Some(user), Some(token)) = (&outlet.user, &outlet.token) {
            findings.push(
                Diagnostic::error(
                    Code::Exclusive,
                    user.spot,
                    "`user` and `token` exclude each other",
                )
                .label("one header line has room for one of them")
                .also(token.spot, "this is sent as `Authorization`"),
            );
            return None;
        }
        let (user, password) =
            secret::pair(outlet.user.as_ref(), outlet.password.as_ref(), findings)?;
        if user.value.contains(':') {
            findings.push(
                Diagnostic::error(Code::Text, user.spot, "a user's name has no colon")
                    .label("HTTP basic authentication splits at the first one (RFC 7617)"),
            );
        }
        Some((user.value.clone(), secret::kept(password, self.input, findings)?))
    }

    fn trust(&self) -> Trust {
        let outlet = self.outlet;
        let hex = |at: &At<Fingerprint>| at.value.0.replace(':', "").to_ascii_lowercase();
        Trust {
            ca_file: outlet.ca.as_ref().map(|at| at.value.0.clone()),
            fingerprint: outlet.fingerprint.as_ref().map(hex),
            proxy: outlet.proxy.as_ref().map(|at| at.value.0.clone()),
        }
    }

    fn server(&self, at: &At<Endpoint>, port: u16) -> Option<Server> {
        let (host, written) = endpoint(&at.value.0).ok()?;
        let tls = self.outlet.tls.as_ref().is_some_and(|at| at.value);
        let trust = self.trust();
        Some(Server { host, port: written.unwrap_or(port), tls, trust })
    }
}

fn textfile(path: &At<AbsolutePath>, findings: &mut Findings) -> Option<String> {
    let text = path.value.0.clone();
    if text.ends_with(".prom") && !text.ends_with("/.prom") {
        return Some(text);
    }
    findings.push(
        Diagnostic::error(Code::Text, path.spot, "node_exporter would not read this file")
            .label("its name must end in `.prom`")
            .help("write `/var/lib/prometheus/node-exporter/hostwatch.prom`"),
    );
    None
}

/// Secrets that cannot be read: warnings, since the outlet holds what it has and everything else
/// goes on; but one that others may read is an error.
pub(super) fn check(plan: &Plan) -> Vec<Diagnostic> {
    let outlets = plan.forward.iter().flat_map(|forward| &forward.outlets);
    let webs = outlets.flat_map(|outlet| match &outlet.target {
        Target::RemoteWrite(web) | Target::Otlp(web) => vec![web],
        Target::Nrdp { web, .. } | Target::Icinga2 { web, .. } | Target::Influx { web, .. } => {
            vec![web]
        }
        Target::Alertmanager(webs) => webs.iter().collect(),
        Target::Prometheus { .. }
        | Target::Textfile { .. }
        | Target::Zabbix { .. }
        | Target::Graphite { .. } => Vec::new(),
    });
    let secrets =
        webs.flat_map(|web| web.login.iter().map(|(_, password)| password).chain(&web.token));
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut seen: Vec<&Secret> = Vec::new();
    for secret in secrets {
        if !seen.contains(&secret) {
            seen.push(secret);
            found.extend(secret::check(secret, Severity::Warning));
        }
    }
    found
}
