//! Section `mail` to the ways out as run. Pure.

use std::collections::BTreeSet;

use super::address::endpoint;
use super::alive;
use super::code::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::file::{Config, Mail, Way};
use super::plan::{MailPlaces, MailPlan};
use super::resolve::Input;
use super::schema::At;
use super::secret;
use crate::model::id::HostIdentity;
use crate::notify::relay::{Login, Relay, Smtp, TlsMode};

pub(super) fn mail(
    config: &Config,
    input: &Input<'_>,
    host: &HostIdentity,
    contacts: &BTreeSet<&str>,
    findings: &mut Findings,
) -> MailPlan {
    let section: Mail = config.mail.clone().map(|at| at.value).unwrap_or_default();
    let mut places = places(config, &section, input);
    let queue = section.queue.map(|at| at.value).unwrap_or_default();
    let ehlo = section.ehlo.map_or_else(|| host.fqdn.clone(), |at| at.value.0);
    let mut via = Vec::new();
    for way in section.via.iter().flat_map(|list| &list.value) {
        if let Some(relay) = relay(&way.value, &ehlo, input, findings) {
            via.push(relay);
            places.via.push(input.sources.place(way.spot));
        }
    }
    MailPlan {
        from: section.from.map_or_else(|| format!("hostwatch@{}", host.fqdn), |at| at.value.0),
        envelope_from: section.envelope_from.map(|at| at.value.0),
        via,
        keep: queue.keep.map(|at| at.value).unwrap_or_default(),
        group_wait: section.group_wait.map(|at| at.value).unwrap_or_default(),
        culprits: section.culprits.is_none_or(|at| at.value),
        ehlo,
        places,
        digest: section.digest.map(|at| alive::digest(&at.value, contacts, input, findings)),
        heartbeat: section.heartbeat.and_then(|at| alive::heartbeat(&at.value, input, findings)),
    }
}

fn places(config: &Config, section: &Mail, input: &Input<'_>) -> MailPlaces {
    let place = |spot| input.sources.place(spot);
    let contacts = config.contacts.iter().flat_map(|at| &at.value.0);
    MailPlaces {
        from: section.from.as_ref().map(|at| place(at.spot)),
        envelope_from: section.envelope_from.as_ref().map(|at| place(at.spot)),
        ehlo: section.ehlo.as_ref().map(|at| place(at.spot)),
        via: Vec::new(),
        contacts: contacts.map(|(name, _)| (name.value.clone(), place(name.spot))).collect(),
    }
}

fn relay(way: &Way, ehlo: &str, input: &Input<'_>, findings: &mut Findings) -> Option<Relay> {
    let only_smtp = [
        ("tls", way.tls.as_ref().map(|at| at.spot)),
        ("ca", way.ca.as_ref().map(|at| at.spot)),
        ("fingerprint", way.fingerprint.as_ref().map(|at| at.spot)),
        ("user", way.user.as_ref().map(|at| at.spot)),
        ("password", way.password.as_ref().map(|at| at.spot)),
    ];
    let Some(server) = &way.smtp else {
        if way.sendmail.is_none() && way.maildir.is_none() {
            return None;
        }
        for (key, spot) in only_smtp {
            if let Some(spot) = spot {
                findings.push(
                    Diagnostic::error(Code::Exclusive, spot, format!("`{key}` is only for `smtp`"))
                        .label("has no meaning here"),
                );
            }
        }
        let path = |at: &At<super::types::AbsolutePath>| at.value.0.clone();
        return match (&way.sendmail, &way.maildir) {
            (Some(program), _) => Some(Relay::Sendmail { path: path(program) }),
            (None, Some(folder)) => Some(Relay::Maildir { path: path(folder) }),
            (None, None) => None,
        };
    };
    let (host, port) = endpoint(&server.value.0).ok()?;
    let login = login(way, input, findings);
    let tls = way.tls.as_ref().map_or_else(
        || match (port, way.user.is_some()) {
            (Some(465), _) => TlsMode::Implicit,
            (_, true) if !is_loopback(&host) => TlsMode::Required,
            _ => TlsMode::Opportunistic,
        },
        |at| at.value.0,
    );
    let unprotected = matches!(tls, TlsMode::None | TlsMode::Opportunistic);
    if let (Some(mode), Some(user), true, false) =
        (&way.tls, &way.user, unprotected, is_loopback(&host))
    {
        findings.push(
            Diagnostic::error(
                Code::ClearPassword,
                mode.spot,
                "a password would cross the network unprotected",
            )
            .label("must be `required` or `implicit`")
            .also(user.spot, "because of this login")
            .help("write `tls: required`"),
        );
    }
    let port = port.unwrap_or(match tls {
        TlsMode::Implicit => 465,
        TlsMode::Required => 587,
        TlsMode::None | TlsMode::Opportunistic => 25,
    });
    Some(Relay::Smtp(Smtp {
        host,
        port,
        tls,
        ca_file: way.ca.as_ref().map(|at| at.value.0.clone()),
        fingerprint: way
            .fingerprint
            .as_ref()
            .map(|at| at.value.0.replace(':', "").to_ascii_lowercase()),
        ehlo: ehlo.to_owned(),
        login,
    }))
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn login(way: &Way, input: &Input<'_>, findings: &mut Findings) -> Option<Login> {
    let (user, password) = secret::pair(way.user.as_ref(), way.password.as_ref(), findings)?;
    let password = secret::kept(password, input, findings)?;
    Some(Login { user: user.value.clone(), password })
}
