//! Hooks as written, and as run: where events go and which program gets them.
//!
//! Owns: the keys of a hook and what is said of a value that could not work, or would give a secret
//! away. Knows no event.

use std::path::Path;

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, Severity};
use super::file::Password;
use super::mail::is_loopback;
use super::plan::Plan;
use super::resolve::Input;
use super::schema::{At, section, words};
use super::secret;
use super::tree::Node;
use super::types::{AbsolutePath, Fingerprint, Labels, List, Text, UserName, WebAddress};
use crate::net::route::{Route, host_of, origin};
use crate::notify::hook::{self, Hook, Preset, Program};
use crate::notify::program::trusted;
use crate::store::secret::Secret;

/// Name of the contact that is told of every change, beside those that a check names.
pub const ON_CHANGE: &str = "on_change";

section! {
    /// A web address that is told of each change by an HTTP POST. No redirect is followed, and the
    /// environment's proxy is not used.
    Webhook as "section `webhook`" one_of("url") {
        /// The address. Where it is a secret itself, keep this file to root and the agent (mode 0640).
        "url" => url: WebAddress;
        /// What the body looks like.
        "preset" => preset: PresetName = "json";
        /// A secret sent as `Authorization: Bearer`.
        "token" => token: Password;
        /// The routing key of a pager.
        "key" => key: Password;
        /// Further header lines: `{X-Site: par1}`.
        "headers" => headers: Labels;
        /// Certificate authorities in PEM, instead of the system's.
        "ca" => ca: AbsolutePath;
        /// SHA-256 of the server's certificate; replaces the checks of chain and name.
        "fingerprint" => fingerprint: Fingerprint;
        /// A proxy, `http://HOST:PORT`.
        "proxy" => proxy: WebAddress;
    }
}

words! {
    /// What is posted.
    PresetName = "a preset" {
        /// The event in JSON, as described under EVENTS.
        "json" => Preset::Json;
        /// A push message for ntfy; `url` ends in the topic.
        "ntfy" => Preset::Ntfy;
        /// A message for the incoming webhooks of Slack, Mattermost and Rocket.Chat.
        "slack" => Preset::Slack;
        /// An event for PagerDuty (events API v2) and pagers that take the same.
        "pagerduty" => Preset::Pagerduty;
    } -> Preset
}

section! {
    /// What is told of every change, whatever a check's `notify` says.
    OnChange as "section `on_change`" {
        /// A program and its arguments; it gets the event in JSON on its standard input.
        "exec" => exec: List<Text>;
        /// Whom the program runs as.
        "user" => user: UserName, else "`nobody` where the agent is root, else the agent's own user";
        /// A web address that each change is posted to.
        "webhook" => webhook: Webhook;
    }
}

/// The keys of a hook as they were read, and the map in which they stand.
pub(super) struct Written<'a> {
    pub(super) node: Option<&'a Node>,
    pub(super) webhook: Option<&'a At<Webhook>>,
    pub(super) exec: Option<&'a At<List<Text>>>,
    pub(super) user: Option<&'a At<UserName>>,
}

impl Written<'_> {
    /// Whether a key stands there, be it one that could not be read and has its error already.
    fn has(&self, key: &str) -> bool {
        self.node.is_some_and(|node| node.entry(key).is_some())
    }

    /// Whether any hook is there.
    pub(super) fn any(&self) -> bool {
        self.has("webhook") || self.has("exec")
    }
}

/// The hooks of one contact.
pub(super) fn hooks(
    written: &Written<'_>,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Vec<Hook> {
    let webhook = written.webhook.and_then(|at| address(at, input, findings));
    let exec = written.exec.and_then(|argv| program(argv, written.user, findings));
    if let (Some(user), false) = (written.user, written.has("exec")) {
        findings.push(
            Diagnostic::error(Code::Missing, user.spot, "`user` without `exec`")
                .label("whom a program runs as, and there is none")
                .help("add `exec: [\"/path/to/program\"]`"),
        );
    }
    webhook.into_iter().chain(exec).collect()
}

fn address(at: &At<Webhook>, input: &Input<'_>, findings: &mut Findings) -> Option<Hook> {
    let section = &at.value;
    let url = section.url.as_ref()?;
    let preset = section.preset.as_ref().map(|preset| preset.value.0).unwrap_or_default();
    judge_url(url, findings);
    match (preset, &section.key) {
        (Preset::Pagerduty, None) => findings.push(
            Diagnostic::error(Code::Missing, at.spot, "preset `pagerduty` without `key`")
                .label("the pager takes no event without its routing key")
                .help("add `key: {file: PATH}`"),
        ),
        (Preset::Json | Preset::Ntfy | Preset::Slack, Some(key)) => findings.push(
            Diagnostic::error(Code::Exclusive, key.spot, "`key` is only for preset `pagerduty`")
                .label("has no meaning here")
                .help("a secret for the address itself is `token`"),
        ),
        _ => {}
    }
    let secrets = [("token", section.token.as_ref()), ("key", section.key.as_ref())];
    let clear = judge_line(url, &secrets, findings);
    let headers = headers(section.headers.as_ref(), section.token.is_some(), clear, findings);
    judge_proxy(section.proxy.as_ref(), findings);
    let kept = |secret: Option<&At<Password>>, findings: &mut Findings| match secret {
        None => Some(None),
        Some(secret) => secret::kept(secret, input, findings).map(Some),
    };
    let token = kept(section.token.as_ref(), findings);
    let key = kept(section.key.as_ref(), findings);
    Some(Hook::Webhook(Box::new(hook::Webhook {
        url: url.value.0.clone(),
        preset,
        token: token?,
        key: key?,
        headers,
        route: Route {
            ca_file: section.ca.as_ref().map(|at| at.value.0.clone()),
            fingerprint: section
                .fingerprint
                .as_ref()
                .map(|at| at.value.0.replace(':', "").to_ascii_lowercase()),
            proxy: section.proxy.as_ref().map(|at| at.value.0.clone()),
        },
    })))
}

/// Whether what is sent to this address crosses the network unprotected; secrets may not.
pub(super) fn judge_line(
    url: &At<WebAddress>,
    secrets: &[(&str, Option<&At<Password>>)],
    findings: &mut Findings,
) -> bool {
    let clear = url.value.0.starts_with("http://") && !is_loopback(&host_of(&url.value.0));
    for (name, secret) in secrets {
        if let (true, Some(secret)) = (clear, secret) {
            findings.push(
                Diagnostic::error(
                    Code::ClearPassword,
                    url.spot,
                    format!("`{name}` would cross the network unprotected"),
                )
                .label("must begin with `https://`")
                .also(secret.spot, "because of this secret"),
            );
        }
    }
    clear
}

pub(super) fn judge_proxy(proxy: Option<&At<WebAddress>>, findings: &mut Findings) {
    if let Some(proxy) = proxy.filter(|at| !at.value.0.starts_with("http://")) {
        findings.push(
            Diagnostic::error(Code::Text, proxy.spot, "a proxy is spoken to without TLS")
                .label("must begin with `http://`")
                .help("what goes through it to an `https://` address is protected all the same"),
        );
    }
}

pub(super) fn judge_url(url: &At<WebAddress>, findings: &mut Findings) {
    let origin = origin(&url.value.0);
    let wrong = if origin.contains('@') {
        "user and password do not belong into an address: use `token` or `headers`"
    } else if host_of(origin).is_empty() {
        "names no host"
    } else if url.value.0.contains('#') {
        "what follows `#` is never sent"
    } else {
        return;
    };
    findings.push(
        Diagnostic::error(Code::Text, url.spot, "this address cannot be posted to").label(wrong),
    );
}

/// Lines that the agent writes itself: written twice they would mean two things.
const OWN_HEADERS: &[&str] = &[
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "host",
    "idempotency-key",
];

pub(super) fn headers(
    headers: Option<&At<Labels>>,
    token: bool,
    clear: bool,
    findings: &mut Findings,
) -> Vec<(String, String)> {
    let Some(headers) = headers else { return Vec::new() };
    for (name, value) in &headers.value.0 {
        let lower = name.to_ascii_lowercase();
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let visible = |c: char| c == ' ' || c.is_ascii_graphic();
        let wrong = if OWN_HEADERS.contains(&lower.as_str()) {
            "the agent writes this line itself"
        } else if lower == "authorization" && token {
            "this is what `token` is sent as"
        } else if lower == "authorization" && clear {
            "a secret would cross the network unprotected: use `https://`"
        } else if name.is_empty() || !name.chars().all(is_token) {
            "the name of a header line has letters, digits and `-`"
        } else if !value.chars().all(visible) {
            "the value of a header line is visible ASCII"
        } else {
            continue;
        };
        findings.push(
            Diagnostic::error(Code::Text, headers.spot, format!("header `{name}` cannot be sent"))
                .label(wrong),
        );
    }
    headers.value.0.clone()
}

fn program(
    argv: &At<List<Text>>,
    user: Option<&At<UserName>>,
    findings: &mut Findings,
) -> Option<Hook> {
    let Some(first) = argv.value.first() else {
        findings.push(
            Diagnostic::error(Code::Empty, argv.spot, "`exec` names no program")
                .label("expected a path, then arguments"),
        );
        return None;
    };
    let path = first.value.as_str();
    let words: Vec<&str> = path.split_whitespace().collect();
    // A line for a shell: the whole of it would be taken for the name of one file.
    let is_line = argv.value.len() == 1 && words.len() > 1;
    if is_line {
        let list = words.iter().map(|word| format!("\"{}\"", word.replace('"', "\\\"")));
        let list = format!("[{}]", list.collect::<Vec<_>>().join(", "));
        findings.push(
            Diagnostic::error(Code::Text, first.spot, "`exec` is a list, not a line for a shell")
                .label("no shell is involved: each argument stands by itself")
                .help(format!("write `exec: {list}`")),
        );
        return None;
    }
    if !path.starts_with('/') {
        findings.push(
            Diagnostic::error(Code::Text, first.spot, "the program is not an absolute path")
                .label("must start with `/`")
                .help("nothing is looked up in PATH, so that nobody can put another in its place"),
        );
        return None;
    }
    if argv.value.iter().any(|word| word.value.contains('\0')) {
        return None;
    }
    Some(Hook::Program(Program {
        argv: argv.value.iter().map(|word| word.value.clone()).collect(),
        user: user.map(|user| user.value.0.clone()),
        attempt: 0,
    }))
}

/// What the machine lacks for its hooks: a secret that cannot be read, a program that is not there
/// or that others may change. Warnings, since events wait and everything else goes on; but a secret
/// that others may read is an error.
pub(super) fn check(plan: &Plan) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (contact, hook) in
        plan.contacts.iter().flat_map(|(name, c)| c.hooks.iter().map(move |hook| (name, hook)))
    {
        match hook {
            Hook::Webhook(webhook) => {
                let secrets: Vec<&Secret> = webhook.token.iter().chain(&webhook.key).collect();
                let checked = secrets.into_iter();
                // Its events wait, and everything else goes on.
                found.extend(checked.flat_map(|secret| secret::check(secret, Severity::Warning)));
            }
            Hook::Program(program) => {
                let path = program.argv.first().map_or("", String::as_str);
                if let Err(why) = trusted(Path::new(path)) {
                    found.push(unready(
                        path,
                        contact,
                        format!("this program is not started: {why}"),
                    ));
                }
                if let Some(why) = program.user.as_deref().and_then(unfit) {
                    found.push(unready(path, contact, why));
                }
            }
        }
    }
    found
}

fn unready(path: &str, contact: &str, why: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        ..Diagnostic::file(Code::HookUnready, path, why)
            .help(format!("until then the events of contact `{contact}` wait"))
    }
}

/// Why a program cannot run as this user.
fn unfit(user: &str) -> Option<String> {
    let own = nix::unistd::Uid::effective();
    match nix::unistd::User::from_name(user) {
        Ok(None) => Some(format!("there is no user `{user}` to run this program as")),
        Ok(Some(found)) if !own.is_root() && found.uid != own => Some(format!(
            "this program cannot run as `{user}`: that takes root's rights, and here there are \
             those of user {own}; leave `user` out to run it as that"
        )),
        Ok(Some(_)) | Err(_) => None,
    }
}
