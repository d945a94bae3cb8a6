//! Ways out: an SMTP relay, the local `sendmail`, a Maildir, or a hook. Plain data; serialised for the
//! delivery child's standard input, so that no password is ever an argument.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::notify::hook::Hook;
use crate::store::secret::Secret;

/// One way out. Several are tried in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relay {
    /// A mail server.
    Smtp(Smtp),
    /// A `sendmail` program, run as `PATH -t -i -f SENDER` when all recipients are addressed, else
    /// as `PATH -i -f SENDER -- RECIPIENT...`.
    Sendmail {
        /// Absolute path of the program.
        path: String,
    },
    /// A Maildir on this machine.
    Maildir {
        /// The directory that holds `new`, `cur` and `tmp`; created when missing.
        path: String,
    },
    /// A hook of the contact; the only way that an event has.
    Hook(Hook),
}

impl fmt::Display for Relay {
    /// In words: `smtp mx1.example.net:587 (STARTTLS)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(Smtp { host, port, tls, .. }) => {
                let protection = match tls {
                    TlsMode::None => "no TLS",
                    TlsMode::Opportunistic => "TLS when offered",
                    TlsMode::Required => "STARTTLS",
                    TlsMode::Implicit => "TLS",
                };
                write!(f, "smtp {host}:{port} ({protection})")
            }
            Self::Sendmail { path } => write!(f, "sendmail {path}"),
            Self::Maildir { path } => write!(f, "Maildir {path}"),
            Self::Hook(hook) => hook.fmt(f),
        }
    }
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smtp {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the line is protected.
    pub tls: TlsMode,
    /// Certificate authority file in PEM, instead of the system's.
    pub ca_file: Option<String>,
    /// SHA-256 of the server's certificate in hex; replaces chain and name checks.
    pub fingerprint: Option<String>,
    /// Name given in EHLO.
    pub ehlo: String,
    /// User and password, used only under TLS unless the server is on loopback.
    pub login: Option<Login>,
}

/// User and password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Where the password is; read by the parent just before a delivery, never printed.
    pub password: Secret,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login {{ user: {:?}, password: ... }}", self.user)
    }
}

/// How the line to a server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// No TLS.
    None,
    /// STARTTLS when offered, without checking the certificate (as Postfix' `may`).
    Opportunistic,
    /// STARTTLS or nothing; certificate checked.
    Required,
    /// TLS from the first byte (port 465); certificate checked.
    Implicit,
}
