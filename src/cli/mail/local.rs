//! The mail path as far as it can be judged on this machine, with nothing sent: the `sendmail`
//! program and what it may do, where aliases lead, the names that other servers will see.
//!
//! The machine and its name service are arguments. No look-up of PTR or SPF records: the
//! system's resolver does not hand them out, and a resolver of its own is no work of this project.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::cli::doctor::finding::Finding;
use crate::config::plan::Plan;
use crate::daemon::local_mta::{self, Mta, Program};
use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::model::text::shown;
use crate::notify::mime;
use crate::notify::relay::{Relay, Smtp};
use crate::parse::aliases::Aliases;

/// Top-level names that no name server of the world knows: RFC 6762 and its appendix G, RFC 8375,
/// RFC 6761, and `internal`, which ICANN set aside in 2024.
const PRIVATE: [&str; 11] = [
    "local",
    "localdomain",
    "lan",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "arpa",
    "invalid",
    "test",
];
/// What follows a `sendmail` when no way out is named.
const SENDMAIL: &str = "/usr/sbin/sendmail";

/// The machine, and what is asked of it.
pub(in crate::cli) struct Ground<'a> {
    /// It.
    pub(in crate::cli) host: &'a Host,
    /// The configuration, with the ways out filled in.
    pub(in crate::cli) plan: &'a Plan,
    /// Whether the agent may gain no rights, where that is known.
    pub(in crate::cli) gains_no_rights: Option<bool>,
    /// Addresses of a name; `None` where it has none or nobody knows.
    pub(in crate::cli) addresses: &'a dyn Fn(&str) -> Option<Vec<IpAddr>>,
}

/// Looks.
pub(in crate::cli) fn look(ground: &Ground<'_>) -> Vec<Finding> {
    let mail = &ground.plan.mail;
    let mut found = Vec::new();
    for relay in &mail.via {
        match relay {
            Relay::Sendmail { path } => found.extend(ground.sendmail(path)),
            Relay::Smtp(server) => found.extend(ground.server(server)),
            Relay::Maildir { .. } | Relay::Hook(_) => {}
        }
    }
    if mail.via.iter().any(|relay| !matches!(relay, Relay::Maildir { .. })) {
        found.extend(ground.sender());
    }
    found.dedup();
    found
}

impl Ground<'_> {
    fn path(&self, path: &str) -> PathBuf {
        self.host.path(path)
    }

    fn read(&self, path: &str) -> Option<String> {
        let text = read(self.host, path, Shape::UntilEnd).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// Recipients that are names of this machine.
    fn local_recipients(&self) -> Vec<&str> {
        let own = &self.plan.host.fqdn;
        let mut names: Vec<&str> = Vec::new();
        for address in self.plan.contacts.values().flat_map(|contact| &contact.mail) {
            let name = match address.rsplit_once('@') {
                None => address.as_str(),
                Some((name, domain)) if domain == "localhost" || domain == own => name,
                Some(_) => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn sendmail(&self, path: &str) -> Vec<Finding> {
        let name = shown(path);
        if !local_mta::is_program(&self.path(path)) {
            return vec![Finding::missing(
                "mail",
                format!("{name} is no program"),
                "correct `sendmail` in section `mail.via`, or install it",
            )];
        }
        let program = local_mta::behind(&self.path("/"), path);
        let mut found = Vec::new();
        if let (Some(set_id), Some(true)) = (&program.set_id, self.gains_no_rights) {
            found.push(Finding::missing(
                "mail",
                format!(
                    "{name} is {} and gets its rights by the set-id bit of {set_id}, which the agent \
                     cannot use (NoNewPrivileges=yes): its mail never gets into the queue",
                    program.mta.name()
                ),
                "write `mail: {via: [{smtp: \"localhost:25\"}]}`: it needs no rights",
            ));
        }
        found.extend(self.next_hop(&program));
        found.extend(self.local_recipients().iter().map(|who| self.alias(who, program.mta)));
        found
    }

    /// To which server the program hands it.
    fn next_hop(&self, program: &Program) -> Option<Finding> {
        let (file, text) = match program.mta {
            Mta::Postfix => (
                "/etc/postfix/main.cf",
                setting(&self.read("/etc/postfix/main.cf")?, "relayhost", "="),
            ),
            Mta::Dma => {
                ("/etc/dma/dma.conf", setting(&self.read("/etc/dma/dma.conf")?, "SMARTHOST", " "))
            }
            Mta::Msmtp => ("/etc/msmtprc", setting(&self.read("/etc/msmtprc")?, "host", " ")),
            Mta::Exim | Mta::Other => return None,
        };
        let text = match text {
            Some(host) => format!("{file}: {} hands it to {}", program.mta.name(), shown(&host)),
            None => format!(
                "{file}: {} has no relay and speaks to every recipient's server itself",
                program.mta.name()
            ),
        };
        Some(Finding::fine("relay", text))
    }

    /// Where mail for a name of this machine ends.
    fn alias(&self, who: &str, mta: Mta) -> Finding {
        let about = shown(who).into_owned();
        let file = match mta {
            Mta::Msmtp => self.read("/etc/msmtprc").and_then(|text| setting(&text, "aliases", " ")),
            Mta::Postfix => self.postfix_aliases().map(|(file, _)| file),
            Mta::Exim | Mta::Dma | Mta::Other => Some("/etc/aliases".to_owned()),
        };
        let renew = if mta == Mta::Postfix { ", then run newaliases" } else { "" };
        let Some(file) = file else {
            return Finding::missing(
                &about,
                format!(
                    "{} is not told of any aliases: its server gets {about} as it is",
                    mta.name()
                ),
                "write an address with `@` into `contacts`, or `aliases /etc/aliases` into /etc/msmtprc",
            );
        };
        let todo = format!("write `{about}: you@your.domain` into {file}{renew}");
        let stays = if mta == Mta::Msmtp {
            "its server gets it as it is"
        } else {
            "its mail stays on this machine"
        };
        let Some(text) = self.read(&file) else {
            return Finding::missing(&about, format!("there is no {file}: {stays}"), todo);
        };
        let Some(ends) = Aliases::read(&text).of(who) else {
            return Finding::missing(
                &about,
                format!("{file} has no line for {about}: {stays}"),
                todo,
            );
        };
        let list = shown(&ends.join(", ")).into_owned();
        let leaves = |end: &String| end.contains('@') || end.starts_with(['|', ':']);
        if !ends.iter().any(leaves) {
            let text = format!("{file}: {about} -> {list}: its mail stays on this machine");
            return Finding::missing(&about, text, todo);
        }
        if let Some(stale) = self.stale_database(mta) {
            return Finding::missing(
                &about,
                format!("{file}: {about} -> {list}; {stale}"),
                "newaliases",
            );
        }
        Finding::fine(&about, format!("{file}: {about} -> {list}"))
    }

    /// File of aliases and type of its table, as Postfix has them; Debian's default where main.cf
    /// says nothing.
    fn postfix_aliases(&self) -> Option<(String, String)> {
        let main = self.read("/etc/postfix/main.cf").unwrap_or_default();
        let maps =
            setting(&main, "alias_maps", "=").unwrap_or_else(|| "hash:/etc/aliases".to_owned());
        let first = maps.split([',', ' ']).find(|map| map.contains(":/"))?;
        let (kind, file) = first.split_once(':')?;
        Some((file.to_owned(), kind.to_owned()))
    }

    /// Why the database does not say what the text says.
    fn stale_database(&self, mta: Mta) -> Option<String> {
        let (file, kind) = (mta == Mta::Postfix).then(|| self.postfix_aliases())??;
        let suffix = match kind.as_str() {
            "hash" | "btree" => "db",
            "lmdb" => "lmdb",
            "cdb" => "cdb",
            _ => return None,
        };
        let changed =
            |path: &str| fs::metadata(self.path(path)).and_then(|facts| facts.modified()).ok();
        let database = format!("{file}.{suffix}");
        let short = database.rsplit('/').next().unwrap_or_default();
        match (changed(&file), changed(&database)) {
            (_, None) => Some(format!("{short} is MISSING, and Postfix reads only that")),
            (Some(text), Some(made)) if made < text => {
                Some(format!("{short} is OLDER, and Postfix reads only that"))
            }
            _ => None,
        }
    }

    fn server(&self, server: &Smtp) -> Vec<Finding> {
        let here = server.host == "localhost"
            || server.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let mut found = Vec::new();
        if here {
            if local_mta::is_program(&self.path(SENDMAIL)) {
                let mta = local_mta::behind(&self.path("/"), SENDMAIL).mta;
                found.extend(self.local_recipients().iter().map(|who| self.alias(who, mta)));
            }
            return found;
        }
        for who in self.local_recipients() {
            found.push(Finding::missing(
                &shown(who),
                format!(
                    "is a name of this machine, of which {} knows nothing",
                    shown(&server.host)
                ),
                "write an address with `@` into `contacts`",
            ));
        }
        found.push(self.ehlo(&server.ehlo));
        found
    }

    /// The name that a server hears.
    fn ehlo(&self, name: &str) -> Finding {
        let todo = "set `mail.ehlo` to the full name that DNS has for the address which servers see; \
                    behind NAT that is the gateway's";
        let about = "ehlo";
        let name = shown(name);
        if name.starts_with('[') {
            return Finding::fine(about, format!("{name}, an address"));
        }
        if let Some(why) = unknown_outside(&name) {
            return Finding::missing(about, format!("{name} {why}: many servers refuse it"), todo);
        }
        match (self.addresses)(&name) {
            None => Finding::missing(
                about,
                format!("{name} cannot be looked up: many servers refuse such a name"),
                todo,
            ),
            Some(all) if all.iter().all(IpAddr::is_loopback) => Finding::fine(
                about,
                format!(
                    "{name}, which leads back to this machine here; servers must be able to look it up"
                ),
            ),
            Some(all) => {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                Finding::fine(about, format!("{name}, which is {}", all.join(", ")))
            }
        }
    }

    /// The sender that servers judge, and where bounces go.
    fn sender(&self) -> Option<Finding> {
        let mail = &self.plan.mail;
        let address = mime::mailbox(mail.envelope_from.as_ref().unwrap_or(&mail.from)).1;
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let why = unknown_outside(domain)?;
        Some(Finding::missing(
            "from",
            format!(
                "<{}>: {} {why}: many servers refuse it, and no bounce finds its way back",
                shown(address),
                if domain.is_empty() { "it" } else { domain }
            ),
            "set `mail.from` to an address of a domain of yours that somebody reads",
        ))
    }
}

/// Why nobody outside can know a name.
fn unknown_outside(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    if name == "localhost" || name.starts_with("localhost.") {
        return Some("is what every machine calls itself");
    }
    if !name.contains('.') {
        return Some("has no dot, so it is no full name");
    }
    PRIVATE.contains(&last).then_some("is a private name that no name server outside knows")
}

/// The value of a setting: the last line that begins with its name.
fn setting(text: &str, name: &str, between: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix(name)?;
        let value = if between == "=" {
            rest.trim_start().strip_prefix('=')?
        } else {
            rest.strip_prefix([' ', '\t'])?
        };
        Some(value.trim().to_owned())
    });
    lines.next_back().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
