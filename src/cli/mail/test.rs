//! `hostwatch mail test`: the mail path from the configuration to the server's last word, a line a
//! step, and below each fault what to do about it.
//!
//! Owns what is shown; the delivery is the agent's own.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::Duration;

use serde::Serialize;

use super::local::{self, Ground};
use crate::alert::rule::Place;
use crate::cli::doctor::finding::Finding;
use crate::cli::screen::Screen;
use crate::config::plan::Plan;
use crate::daemon::clock::Clock;
use crate::daemon::test_mail::{self, Asked, Tale};
use crate::host::Host;
use crate::model::exit;
use crate::model::text::{counted, shown, shown_within};
use crate::notify::advice::{Fault, advice};
use crate::notify::mail::Mail;
use crate::notify::outbox::Fate;
use crate::notify::relay::Relay;
use crate::notify::step::{Stage, Step, Vouched, Word};

/// The version of the JSON format.
const FORMAT: u32 = 1;
/// How long the system's resolver is waited for: it knows no deadline.
const LOOK_UP: Duration = Duration::from_secs(5);
/// A certificate that ends within this many days is a thing to do now.
const CERTIFICATE_DAYS: i64 = 21;
/// Longest text of a line: a server's words with all around them.
const TEXT_CHARS: usize = 1000;
/// Columns of the first word of a line.
const INDENT: usize = 9;

/// Sends and prints.
pub(super) fn run(screen: &Screen, asked: Asked<'_>, json: bool) -> u8 {
    let mut story =
        Story { lines: Vec::new(), live: (!json).then_some(*screen), ..Story::default() };
    let outcome = test_mail::send(asked, &mut |tale| story.hear(&tale));
    let accepted = match outcome {
        Ok(accepted) => accepted,
        Err(refusal) => {
            screen.err(&refusal.text);
            return refusal.code;
        }
    };
    let wrong = story.lines.iter().filter(|line| !line.ok).count();
    if json {
        let answer = serde_json::json!({
            "v": FORMAT, "host": story.host, "test": story.test, "accepted": accepted,
            "wrong": wrong, "lines": story.lines, "steps": story.steps,
        });
        screen.out(&answer.to_string());
    } else {
        screen.out(&match (accepted, wrong) {
            (true, 0) => {
                format!("every mail was accepted; look for TEST {} in the mailbox", story.test)
            }
            (true, wrong) => format!(
                "every mail was accepted; look for TEST {} in the mailbox, and mend {} above",
                story.test,
                counted(wrong, "thing", "things")
            ),
            (false, _) => "not every mail was accepted".to_owned(),
        });
    }
    if accepted { exit::DONE } else { exit::FAILED }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Line {
    /// What it is about.
    about: String,
    /// Whether nothing is wrong there.
    ok: bool,
    /// The fact.
    text: String,
    /// What to do; empty where the text says that, or nothing is to be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    todo: String,
}

/// Everything that happened so far.
#[derive(Default)]
struct Story {
    live: Option<Screen>,
    host: String,
    test: String,
    ways: Vec<Relay>,
    way: usize,
    from: String,
    lines: Vec<Line>,
    steps: Vec<Step>,
    /// The last fault that was shown, so that the end of a delivery does not say it again.
    told: Vec<String>,
    took_ms: u64,
    /// Where each contact is written.
    places: BTreeMap<String, String>,
    /// Whether the mail is the second one, whose way was shown already.
    quiet: bool,
}

impl Story {
    fn hear(&mut self, tale: &Tale<'_>) {
        match tale {
            Tale::Plan { plan, gains_no_rights, test } => self.begin(plan, *gains_no_rights, test),
            Tale::Letter { contact, mail, second } => self.letter(contact, mail, *second),
            Tale::Hook { about, ok: true, text } => self.fine(about, text),
            Tale::Hook { about, ok: false, text } => self.wrong(about, text, ""),
            Tale::Word(Word::Step { on_the_way }) => {
                self.steps.push(on_the_way.clone());
                self.step(on_the_way);
            }
            Tale::Word(Word::Report(report)) => {
                for (recipient, fate) in &report.recipients {
                    self.fate(recipient, fate);
                }
                if let Some(trouble) = &report.trouble {
                    self.trouble(trouble);
                }
            }
        }
    }

    fn fine(&mut self, about: &str, text: impl Into<String>) {
        self.say(Line {
            about: about.to_owned(),
            ok: true,
            text: text.into(),
            todo: String::new(),
        });
    }

    fn wrong(&mut self, about: &str, text: impl Into<String>, todo: impl Into<String>) {
        self.say(Line { about: about.to_owned(), ok: false, text: text.into(), todo: todo.into() });
    }

    fn say(&mut self, line: Line) {
        if let Some(screen) = &self.live {
            let text = shown_within(&line.text, TEXT_CHARS);
            screen.out(&format!("{:<8} {text}", shown(&line.about)));
            if !line.todo.is_empty() {
                screen.out(&format!("{:INDENT$}-> {}", "", shown_within(&line.todo, TEXT_CHARS)));
            }
        }
        self.lines.push(line);
    }

    fn begin(&mut self, plan: &Plan, gains_no_rights: Option<bool>, test: &str) {
        self.host.clone_from(&plan.host.fqdn);
        test.clone_into(&mut self.test);
        let mail = &plan.mail;
        self.ways.clone_from(&mail.via);
        for (number, relay) in mail.via.iter().enumerate() {
            let place = mail.places.via.get(number).map_or("found on this machine".into(), at);
            self.fine("way", format!("{relay} ({place})"));
        }
        for (about, value, place) in [
            ("from", Some(&mail.from), &mail.places.from),
            ("bounces", mail.envelope_from.as_ref(), &mail.places.envelope_from),
        ] {
            if let Some(value) = value {
                let place = place.as_ref().map_or("by default".into(), at);
                self.fine(about, format!("{value} ({place})"));
            }
        }
        let ground = Ground { host: &Host::live(), plan, gains_no_rights, addresses: &addresses };
        for Finding { about, ok, text, todo } in local::look(&ground) {
            self.say(Line { about, ok, text, todo });
        }
        self.places =
            mail.places.contacts.iter().map(|(name, place)| (name.clone(), at(place))).collect();
    }

    fn letter(&mut self, contact: &str, mail: &Mail, second: bool) {
        self.from.clone_from(&mail.from);
        self.told.clear();
        self.quiet = second;
        if !second {
            let place =
                self.places.get(contact).cloned().unwrap_or_else(|| "by default".to_owned());
            self.fine("route", format!("{contact} -> {} ({place})", mail.recipients.join(", ")));
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Way { place } => self.way = *place,
            Step::Taken { took_ms, .. } => self.took_ms = *took_ms,
            Step::Failed { stage, code, recipient, text } => {
                let fault =
                    Fault { stage: *stage, code: *code, recipient: recipient.as_deref(), text };
                let relay = self.ways.get(self.way);
                let todo =
                    relay.and_then(|relay| advice(relay, &self.from, fault)).unwrap_or_default();
                self.told.push(text.clone());
                self.wrong(about(*stage), text.as_str(), todo);
            }
            // The second mail goes the way of the first.
            _ if self.quiet => {}
            Step::Connected { server, address, local, took_ms } => {
                self.fine("connect", format!("{server} ({address}) from {local}, {took_ms} ms"));
                if let Some(Relay::Smtp(server)) = self.ways.get(self.way) {
                    let leads_to = addresses(&server.ehlo).unwrap_or_default();
                    if let Some(why) = misfit(&server.ehlo, &leads_to, local) {
                        let todo = "set `mail.ehlo` to the name that DNS has for that address";
                        self.wrong("ehlo", why, todo);
                    }
                }
                if is_private(local) && !is_private(address) {
                    self.fine(
                        "nat",
                        format!("{local} is a private address: the server sees the gateway's"),
                    );
                }
            }
            Step::Introduced { ehlo, starttls, login } => {
                let offers = match (starttls, login) {
                    (true, true) => "STARTTLS and a login are offered",
                    (true, false) => "STARTTLS is offered",
                    (false, true) => "a login is offered",
                    (false, false) => "neither STARTTLS nor a login is offered",
                };
                self.fine("ehlo", format!("as {ehlo}; {offers}"));
            }
            Step::Secured { version, vouched, ends_unix } => {
                self.secured(version, *vouched, *ends_unix)
            }
            Step::LoggedIn { user, mechanism } => {
                self.fine("login", format!("as {user} by {mechanism}"));
            }
            Step::Said { program, text } => self.wrong("said", format!("{program}: {text}"), ""),
        }
    }

    fn secured(&mut self, version: &str, vouched: Vouched, ends_unix: Option<i64>) {
        let by = match vouched {
            Vouched::Authority => "certificate OK",
            Vouched::Pin => "certificate pinned",
            Vouched::Nobody => "certificate not checked (TLS is only opportunistic)",
        };
        let days = ends_unix.map(|ends| (ends - now_unix()).div_euclid(86_400));
        let left = days.map(|days| format!(", expires in {days} d")).unwrap_or_default();
        let text = format!("{version}, {by}{left}");
        if days.is_some_and(|days| days < CERTIFICATE_DAYS) && vouched != Vouched::Nobody {
            self.wrong(
                "tls",
                text,
                "have the server's certificate renewed: without it no mail goes out",
            );
        } else {
            self.fine("tls", text);
        }
    }

    fn fate(&mut self, recipient: &str, fate: &Fate) {
        match fate {
            Fate::Accepted(answer) => {
                let about = if self.quiet { "thread" } else { "accepted" };
                let second =
                    if self.quiet { "; a second mail, in the thread of the first" } else { "" };
                self.fine(
                    about,
                    format!("{recipient}: {answer}; took {} ms{second}", self.took_ms),
                );
                if let (false, Some(Relay::Sendmail { .. })) = (self.quiet, self.ways.get(self.way))
                {
                    let text = format!(
                        "most programs only put it into a queue: mailq and the mail log say what \
                         became of it, and a refusal comes back to <{}>",
                        self.from
                    );
                    self.fine("queue", text);
                }
            }
            // Said with its step, or superseded by what follows.
            Fate::Deferred(text) | Fate::Delayed(text, _) | Fate::Refused(text)
                if self.told.contains(text) =>
            {
                let word = if matches!(fate, Fate::Refused(_)) { "refused" } else { "not now" };
                self.wrong(word, recipient, "");
            }
            Fate::Deferred(_) | Fate::Delayed(..) | Fate::Refused(_) => {}
        }
    }

    fn trouble(&mut self, trouble: &str) {
        let untold =
            trouble != self.told.join("; ") && !self.told.iter().any(|told| told == trouble);
        self.wrong("failed", if untold { trouble } else { "no way out took it" }, "");
    }
}

fn about(stage: Stage) -> &'static str {
    match stage {
        Stage::Connect => "connect",
        Stage::Greeting => "greeting",
        Stage::Ehlo => "ehlo",
        Stage::Tls => "tls",
        Stage::Login => "login",
        Stage::Sender => "sender",
        Stage::Recipient => "rcpt",
        Stage::Message => "message",
        Stage::Local => "program",
    }
}

fn at(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
}

/// Addresses of a name, by the system's resolver on a thread of its own.
pub(in crate::cli) fn addresses(name: &str) -> Option<Vec<IpAddr>> {
    let (sender, answer) = mpsc::channel();
    let wanted = name.to_owned();
    std::thread::spawn(move || {
        let found = (wanted.as_str(), 25).to_socket_addrs();
        let _ = sender.send(found.map(|all| all.map(|one| one.ip()).collect::<Vec<_>>()));
    });
    let mut found = answer.recv_timeout(LOOK_UP).ok()?.ok()?;
    found.dedup();
    (!found.is_empty()).then_some(found)
}

/// Why the name in EHLO does not fit the address from which a server sees this host, where that can
/// be told: an own address that is reached from outside, and a name with other addresses.
fn misfit(ehlo: &str, leads_to: &[IpAddr], local: &str) -> Option<String> {
    let own: IpAddr = local.parse().ok().filter(|own: &IpAddr| !own.is_loopback())?;
    let told = leads_to.iter().any(|address| !address.is_loopback());
    if !told || is_private(local) || leads_to.contains(&own) {
        return None;
    }
    let all: Vec<String> = leads_to.iter().map(ToString::to_string).collect();
    Some(format!("{ehlo} is {}, and this connection comes from {own}", all.join(", ")))
}

/// Whether nobody outside of a site reaches an address (RFC 1918, RFC 4193); loopback is none.
fn is_private(address: &str) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(address)) => address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_unique_local(),
        Err(_) => false,
    }
}

fn now_unix() -> i64 {
    Clock::new().now().wall.0.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_address_is_told_where_ours_is_seen() {
        let all: Vec<IpAddr> = vec!["192.0.2.9".parse().unwrap(), "2001:db8::9".parse().unwrap()];
        let why = misfit("gw.example.net", &all, "198.51.100.7").unwrap();
        assert_eq!(
            why,
            "gw.example.net is 192.0.2.9, 2001:db8::9, and this connection comes from 198.51.100.7"
        );
        for fits in ["192.0.2.9", "2001:db8::9", "10.1.2.3", "fd00::7", "127.0.0.1", ""] {
            assert_eq!(misfit("gw.example.net", &all, fits), None, "{fits}");
        }
        let here: Vec<IpAddr> = vec!["127.0.1.1".parse().unwrap()];
        assert_eq!(misfit("db03.example.net", &here, "198.51.100.7"), None, "its own hosts file");
    }
}
