//! The configuration as written: every section and key with its type, default and sentence.
//!
//! This is the one place that names keys; reader, schema and manual come from it. Keys that a
//! kind adds to a check come from the kind's own table.

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::hook::{OnChange, Webhook};
use super::outlets::Forward;
use super::pins::Pins;
use super::routes::{RouteSection, Schedule};
use super::schema::{Shape, Value, scalar, section, unknown_word, words};
use super::tree::{Data, Node};
use super::types::{
    AbsolutePath, BmcHost, BmcUser, Clears, Endpoint, Fingerprint, HostName, Labels, Limits, List,
    MailAddress, Named, PlainName, Reference, Selectors, Share, Text, Timezone, UserName, Version,
    WebAddress,
};
use crate::host::ipmi::{Privilege, Suite};
use crate::model::daytime::DayTime;
use crate::model::unit::Span;
use crate::notify::contact::Style;
use crate::notify::relay::TlsMode;

section! {
    /// The whole configuration. Every section is optional; with no file at all the built-in checks
    /// run and mail goes to root.
    Config as "the configuration" {
        /// Version of this language.
        "version" => version: Version = "1";
        /// This host, for people and for mail.
        "host" => host: Host;
        /// What holds for every check that says nothing else.
        "defaults" => defaults: Defaults;
        /// People and groups, by name.
        "contacts" => contacts: Named<Contact>, else "`root`, mailed locally";
        /// What is told of every change, whatever a check's `notify` says.
        "on_change" => on_change: OnChange;
        /// Hours of the week, by name: `{night: {from: "22:00", to: "07:00"}}`.
        "schedules" => schedules: Named<Schedule>;
        /// Who is told of what, and when: the first that fits is taken.
        "routes" => routes: List<RouteSection>, else "each check's `notify`";
        /// How mail goes out.
        "mail" => mail: Mail;
        /// Where metrics and changes go besides mail.
        "forward" => forward: Forward, else "nowhere";
        /// How this machine's BMC (management controller) is reached.
        "bmc" => bmc: Bmc, else "in-band, through the kernel's device, where there is one";
        /// Settings that several checks share: a check takes one over with `template: NAME`.
        "templates" => templates: Named<Body>;
        /// The checks, by name. A check named like a kind is of that kind. Those built in are there
        /// without being written; what is written here is laid over them key by key.
        "checks" => checks: Named<Body>;
        /// What must be there: kinds, their instances, and the facts by which each is known again
        /// (the kind's selectors, `serial`, `wwid`, `mac`, `uuid`, `driver`, `fstype`, `title`).
        /// `hostwatch init` and `hostwatch detect accept` write it. What is pinned and gone is
        /// critical; another thing in its place is a warning.
        "pinned" => pinned: Pins, else "nothing: what is gone is forgotten";
    }
}

section! {
    /// This host, for people and for mail.
    Host as "section `host`" {
        /// Short name, used in subjects; `auto` takes the host's own.
        "name" => name: HostName = "auto";
        /// Words for this host, shown in mails and JSON: `{role: db, site: par1}`.
        "labels" => labels: Labels;
        /// Time zone of mails and tables: `local` or an IANA name.
        "timezone" => timezone: Timezone = "local";
    }
}

section! {
    /// What holds for every check that says nothing else.
    Defaults as "section `defaults`" {
        /// How often a check is run.
        "every" => every: Span = "30s";
        /// How long one run may take; at most `every`.
        "timeout" => timeout: Span = "10s", else "`every`, where that is shorter";
        /// How long a limit must be reached without a break before it counts; raised to `every`
        /// where a check runs more seldom.
        "for" => hold: Span = "2m";
        /// How long every reading must be clear before a state is left.
        "recover_for" => recover_for: Span = "5m";
        /// How long there may be no reading before that is told.
        "unknown_after" => unknown_after: Span = "15m";
        /// Names of contacts to tell.
        "notify" => notify: List<Reference>, else "every contact";
        /// How long after it was told somebody is told again of what is still critical, or still
        /// gives no answer; after the last of these, daily. `[]` reminds nobody. What is a warning
        /// stands in the digest alone.
        "remind" => remind: List<Span>, else "`[4h, 12h, 24h]`";
    }
}

section! {
    /// A person or a group: mail addresses, a web address, a program, or several of them.
    Contact as "a contact" {
        /// Mail addresses, or names of local users.
        "mail" => mail: List<MailAddress>;
        /// A web address that is told of each change.
        "webhook" => webhook: Webhook;
        /// A program and its arguments, started for each change; it gets the event in JSON on its
        /// standard input. Exit status 75 means that it is tried again later.
        "exec" => exec: List<Text>;
        /// Whom the program runs as.
        "user" => user: UserName, else "`nobody` where the agent is root, else the agent's own user";
        /// How subjects are written.
        "style" => style: SubjectStyle = "state-first";
        /// Whether mails have an HTML part beside the text, made for phones.
        "html" => html: bool = "true";
        /// Whether the HTML part has a chart of the metric.
        "chart" => chart: bool = "true";
    }
}

words! {
    /// How subjects are written.
    SubjectStyle = "a style" {
        /// State first; mails of one problem thread by their headers.
        "state-first" => Style::StateFirst;
        /// One subject a problem, for mail programs that thread by subject.
        "same-subject" => Style::SameSubject;
    } -> Style
}

section! {
    /// How mail goes out.
    Mail as "section `mail`" {
        /// Sender of mails.
        "from" => from: MailAddress, else "`hostwatch@` and this host's full name";
        /// Envelope sender, where bounces go, if not `from`.
        "envelope_from" => envelope_from: MailAddress, else "`from`";
        /// Name given in EHLO; behind NAT the name of the gateway.
        "ehlo" => ehlo: HostName, else "this host's full name";
        /// Ways out, tried in order.
        "via" => via: List<Way>, else "the local `sendmail`, else a Maildir in the state directory";
        /// Mail that cannot be delivered yet.
        "queue" => queue: Queue;
        /// Changes within this time go to a contact in one mail.
        "group_wait" => group_wait: Span = "30s";
        /// Whether what is behind a change is looked for when it happens: processes, files,
        /// connections. Only their names are told, never arguments.
        "culprits" => culprits: bool = "true";
        /// A numbered mail a day that says how everything is: one that does not come says that the
        /// agent or its mail is down.
        "digest" => digest: Digest, else "none: a mail a day is much from many hosts";
        /// A sign of life to a web address, for who watches over many hosts.
        "heartbeat" => heartbeat: Heartbeat;
    }
}

section! {
    /// A numbered mail a day.
    Digest as "section `mail.digest`" {
        /// When it is sent, in this host's time zone: `"07:00"`.
        "at" => at: DayTime = "07:00";
        /// Names of contacts who get it.
        "to" => to: List<Reference>, else "every contact";
    }
}

section! {
    /// A sign of life to a web address. It is given only while checks are read and mail goes out.
    Heartbeat as "section `mail.heartbeat`" one_of("url") {
        /// Where it is sent.
        "url" => url: WebAddress;
        /// How often; at least 10s.
        "every" => every: Span = "5m";
        /// What is sent along as a bearer token.
        "token" => token: Password;
    }
}

section! {
    /// Mail that cannot be delivered yet.
    Queue as "section `mail.queue`" {
        /// How long a mail is tried.
        "keep" => keep: Span = "7d";
    }
}

section! {
    /// One way out.
    Way as "an entry of `via`" one_of("smtp", "sendmail", "maildir") {
        /// A mail server: `HOST` or `HOST:PORT`; an IPv6 address in brackets.
        "smtp" => smtp: Endpoint, else "port 465 with `tls: implicit`, 587 with `required`, else 25";
        /// How the line to the server is protected.
        "tls" => tls: Tls, else "`implicit` on port 465, `required` with a `user`, else `opportunistic`";
        /// Certificate authorities in PEM, instead of the system's.
        "ca" => ca: AbsolutePath;
        /// SHA-256 of the server's certificate; replaces the checks of chain and name.
        "fingerprint" => fingerprint: Fingerprint;
        /// User for authentication; used only under TLS, or to a server on this host.
        "user" => user: Text;
        /// Password for authentication.
        "password" => password: Password;
        /// Path of a `sendmail` program.
        "sendmail" => sendmail: AbsolutePath;
        /// A Maildir on this host; made when missing.
        "maildir" => maildir: AbsolutePath;
    }
}

words! {
    /// How a line is protected.
    Tls = "a way to protect the line" {
        /// No TLS.
        "none" => TlsMode::None;
        /// STARTTLS when offered; the certificate is not checked.
        "opportunistic" => TlsMode::Opportunistic;
        /// STARTTLS or nothing; the certificate is checked.
        "required" => TlsMode::Required;
        /// TLS from the first byte; the certificate is checked.
        "implicit" => TlsMode::Implicit;
    } -> TlsMode
}

/// A password: where it is, or itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Password {
    /// Kept elsewhere.
    Kept(KeptSecret),
    /// Written here.
    Literal(Secret),
}

/// A secret that no debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("...")
    }
}

section! {
    /// Where a secret is kept.
    KeptSecret as "a secret" one_of("file", "credential", "env") {
        /// A file that only the agent can read (mode 0600, or 0640 owned by root).
        "file" => file: AbsolutePath;
        /// A systemd credential (`LoadCredential=`).
        "credential" => credential: PlainName;
        /// An environment variable; programs that are started inherit it.
        "env" => env: PlainName;
    }
}

impl Value for Password {
    fn shape() -> Shape {
        Shape::AnyOf(vec![
            Shape::Section(KeptSecret::SECTION),
            Shape::Text { noun: "text", pattern: None, example: "{credential: smtp}" },
        ])
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        match &node.data {
            Data::Map(_) => KeptSecret::read(node, findings).map(Self::Kept),
            Data::Scalar(scalar) if !scalar.text.is_empty() => {
                Some(Self::Literal(Secret(scalar.text.clone())))
            }
            Data::Refused => None,
            Data::Scalar(_) | Data::List(_) => {
                findings.push(
                    Diagnostic::error(Code::Shape, node.spot, "this is no password")
                        .label("expected `{file: PATH}`, `{credential: NAME}` or `{env: NAME}`"),
                );
                None
            }
        }
    }
}

section! {
    /// How this machine's BMC (management controller) is reached. Without `host` it is asked in-band,
    /// through the kernel's device: no network, no password.
    Bmc as "section `bmc`" {
        /// `false` leaves the BMC alone altogether.
        "enabled" => enabled: bool = "true";
        /// The BMC on the network (RMCP+ of IPMI 2.0): `HOST` or `HOST:PORT`; an IPv6 address in
        /// brackets. It must be this machine's own: what it tells is told of this machine.
        "host" => host: BmcHost, else "in-band; as port 623";
        /// User of the BMC; one that may only read is enough.
        "user" => user: BmcUser;
        /// That user's password, at most 20 bytes.
        "password" => password: Password;
        /// What a session asks the BMC for. A user may read everything that is asked.
        "privilege" => privilege: SessionPrivilege = "user";
        /// The cipher suite, for a BMC that must not be asked for another: 17 is SHA-256 with AES-128,
        /// 3 is SHA-1 with AES-128.
        "cipher" => cipher: Cipher, else "17, then 3";
    }
}

words! {
    /// What a session asks the BMC for.
    SessionPrivilege = "a privilege" {
        /// Reads.
        "user" => Privilege::User;
        /// For BMCs that answer some of it to operators alone.
        "operator" => Privilege::Operator;
        /// For BMCs that open sessions for administrators alone.
        "administrator" => Privilege::Administrator;
    } -> Privilege
}

/// The number of a cipher suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cipher(pub Suite);

impl Value for Cipher {
    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::Number(17), Shape::Number(3)])
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "17 or 3", findings)?;
        match scalar.text.as_str() {
            "17" => Some(Self(Suite::Sha256)),
            "3" => Some(Self(Suite::Sha1)),
            other => {
                let found =
                    unknown_word(node, other, "a cipher suite that is spoken", &["17", "3"]);
                // No number is a slip for another: what is missing is said instead.
                findings.push(Diagnostic { fix: None, ..found }.help(
                    "the others have no encryption, or one that is broken; leave `cipher` out to \
                     try both",
                ));
                None
            }
        }
    }
}

section! {
    /// One check.
    Check as "a check" {
        /// What it watches.
        "kind" => kind: Text, else "the check's name";
        /// `false` removes the check.
        "enabled" => enabled: bool = "true";
        /// Says that this changes a check of another file on purpose.
        "override" => overrides: bool = "false";
        /// Name of a template to start from.
        "template" => template: Reference;
        /// Which instances: lists of globs; an instance must match one of each. The kind's general
        /// check leaves out what a check with `select` takes.
        "select" => select: Selectors, else "all that are worth watching";
        /// Which instances are left out: lists of globs.
        "exclude" => exclude: Selectors;
        /// How often it is run; at least 1s.
        "every" => every: Span, else "`defaults.every`";
        /// How long one run may take; at most `every`.
        "timeout" => timeout: Span, else "`defaults.timeout`";
        /// How long a limit must be reached without a break before it counts; `0s` tells at once.
        "for" => hold: Span, else "`defaults.for`";
        /// Share of the samples within `for` that must be bad, 50% to 100%.
        "share" => share: Share = "100%";
        /// How long every reading must be clear before a state is left.
        "recover_for" => recover_for: Span, else "`defaults.recover_for`";
        /// How long there may be no reading before that is told.
        "unknown_after" => unknown_after: Span, else "`defaults.unknown_after`";
        /// Limits of the warning state: metrics of the kind, and `for`, `share`, `unless` for this
        /// level alone. `false` instead of a limit removes one that was set before.
        "warn" => warn: Limits;
        /// Limits of the critical state, likewise.
        "crit" => crit: Limits;
        /// Where a state is left again, for each metric.
        "clear" => clear: Clears, else "3 points (percent) or 3% on the good side of each limit";
        /// Names of contacts to tell; `[]` tells nobody.
        "notify" => notify: List<Reference>, else "`defaults.notify`";
        /// Whether critical becoming warning is mailed too.
        "notify_improvement" => notify_improvement: bool = "false";
        /// When somebody is told again of what is still critical; `[]` reminds nobody.
        "remind" => remind: List<Span>, else "`defaults.remind`";
        /// What a person should do, shown in the mail.
        "advice" => advice: Text;
        /// A page that says more, shown in the mail.
        "runbook" => runbook: WebAddress;
    }
}

/// A check or template as written; read when its kind is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(pub Node);

impl Value for Body {
    fn shape() -> Shape {
        Shape::Check(Check::SECTION)
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        super::schema::map(node, "a map of keys", findings)?;
        Some(Self(node.clone()))
    }
}
