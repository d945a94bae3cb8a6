//! Outlets as configured: where things go and by which dialect. Plain data; the secrets in it say
//! where they are kept and are read when they are used.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::net::route::Route as Trust;
use crate::net::route::origin;
use crate::store::secret::Secret;

/// One outlet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutletPlan {
    /// Its name in the configuration.
    pub name: String,
    /// Where it goes.
    pub target: Target,
}

/// Where an outlet goes, and what it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Waits for Prometheus to fetch `/metrics`.
    Prometheus {
        /// Where it listens.
        listen: Listen,
    },
    /// Writes a file for node_exporter's textfile collector.
    Textfile {
        /// The file; its name ends in `.prom`.
        path: String,
    },
    /// Prometheus remote write 1.0.
    RemoteWrite(Web),
    /// OTLP over HTTP; the address as it is posted to, `/v1/metrics` and all.
    Otlp(Web),
    /// Alertmanager's API v2, each member of a cluster; the addresses without `/api/v2/alerts`.
    Alertmanager(Vec<Web>),
    /// Zabbix trapper items.
    Zabbix {
        /// Server or proxy.
        server: Server,
        /// The host's name there.
        host: String,
    },
    /// Passive check results for Nagios through NRDP; its token stands in `Web::token`.
    Nrdp {
        /// The address, `/nrdp/` and all.
        web: Web,
        /// The host's name there.
        host: String,
    },
    /// Passive check results for Icinga 2; the address without `/v1`.
    Icinga2 {
        /// The API.
        web: Web,
        /// The host's name there.
        host: String,
    },
    /// Graphite's plaintext protocol.
    Graphite {
        /// Carbon, or a relay.
        server: Server,
        /// What each path begins with.
        prefix: String,
    },
    /// InfluxDB's line protocol: the address of the server, with or without a path.
    Influx {
        /// The server.
        web: Web,
        /// Database (version 1) or bucket (version 2).
        database: String,
        /// Organisation: version 2 is spoken where there is one.
        organisation: Option<String>,
    },
}

impl Target {
    /// The key by which it is configured.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Prometheus { .. } => "prometheus",
            Self::Textfile { .. } => "textfile",
            Self::RemoteWrite(_) => "remote_write",
            Self::Otlp(_) => "otlp",
            Self::Alertmanager(_) => "alertmanager",
            Self::Zabbix { .. } => "zabbix",
            Self::Nrdp { .. } => "nrdp",
            Self::Icinga2 { .. } => "icinga2",
            Self::Graphite { .. } => "graphite",
            Self::Influx { .. } => "influx",
        }
    }
}

/// `remote_write to https://vm.example.net`, for people: no path, which may be a secret.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self {
            Self::Prometheus { listen: Listen::Tcp(address) } => {
                write!(f, "{word} fetches http://{address}/metrics")
            }
            Self::Prometheus { listen: Listen::Unix(path) } => {
                write!(f, "{word} fetches from {path}")
            }
            Self::Textfile { path } => write!(f, "{word} {path}"),
            Self::RemoteWrite(web)
            | Self::Otlp(web)
            | Self::Nrdp { web, .. }
            | Self::Icinga2 { web, .. }
            | Self::Influx { web, .. } => write!(f, "{word} to {}", web.origin()),
            Self::Alertmanager(webs) => {
                let all: Vec<&str> = webs.iter().map(Web::origin).collect();
                write!(f, "{word} at {}", all.join(" and "))
            }
            Self::Zabbix { server, .. } | Self::Graphite { server, .. } => {
                write!(f, "{word} at {}:{}", server.host, server.port)
            }
        }
    }
}

/// Where an outlet listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    /// A loopback address and port: `127.0.0.1:9797`.
    Tcp(String),
    /// Path of a Unix socket.
    Unix(String),
}

/// A web server, and how it is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Web {
    /// The address.
    pub url: String,
    /// User and password (HTTP basic authentication).
    pub login: Option<(String, Secret)>,
    /// A bearer token, or the token of the dialect.
    pub token: Option<Secret>,
    /// Further header lines.
    pub headers: Vec<(String, String)>,
    /// Whom to believe, and which proxy to ask.
    pub trust: Trust,
}

impl Web {
    /// Scheme, host and port of the address.
    #[must_use]
    pub fn origin(&self) -> &str {
        origin(&self.url)
    }
}

/// A server that is not on the web.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS from the first byte.
    pub tls: bool,
    /// Whom to believe.
    pub trust: Trust,
}
