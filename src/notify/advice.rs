//! What to do about a step of a delivery that failed: which word of the configuration, or which
//! thing on which machine. Pure; the fault itself is told in the server's or the program's words.

use crate::model::text::shown;
use crate::notify::fault::Blame;
use crate::notify::relay::{Relay, Smtp, TlsMode};
use crate::notify::step::Stage;

/// What failed.
#[derive(Debug, Clone, Copy)]
pub struct Fault<'a> {
    /// How far the delivery had come.
    pub stage: Stage,
    /// The server's reply code, where it was a reply.
    pub code: Option<u16>,
    /// The recipient, where it is about one.
    pub recipient: Option<&'a str>,
    /// The fault in words.
    pub text: &'a str,
}

/// What a person can do; `None` where the fault's own words say that already.
#[must_use]
pub fn advice(relay: &Relay, from: &str, fault: Fault<'_>) -> Option<String> {
    match relay {
        Relay::Smtp(server) => of_server(server, from, fault),
        Relay::Sendmail { path } => of_program(path, from, fault),
        // What a web server or a program answered says it best.
        Relay::Hook(_) => None,
        Relay::Maildir { .. } => {
            Some("let the agent's user write there, or name another way out in `mail.via`".into())
        }
    }
}

fn of_server(server: &Smtp, from: &str, fault: Fault<'_>) -> Option<String> {
    let Fault { stage, code, text, .. } = fault;
    let says = |what: &str| text.contains(what);
    if let Some(code) = code
        && !matches!(stage, Stage::Greeting | Stage::Tls)
    {
        return of_reply(server, from, fault, code);
    }
    match stage {
        Stage::Connect if says("looked up") || says("has no address") => Some(
            "is the server's name in `mail.via` right, and does this host's /etc/resolv.conf name a \
             name server?"
                .to_owned(),
        ),
        Stage::Connect if says("no answer in time") || says("unreachable") => Some(format!(
            "something between this host and the server lets port {} not pass{}",
            server.port,
            if server.port == 25 { "; many networks close 25 outwards: try 587" } else { "" }
        )),
        Stage::Greeting if code.is_some() => Some(
            "the server turns this host away before a word is said: its address is on a block list, \
             or only some may connect; ask who runs the server"
                .to_owned(),
        ),
        Stage::Greeting if server.tls != TlsMode::Implicit && server.port == 465 => {
            Some("port 465 speaks TLS from the first byte: write `tls: implicit`".to_owned())
        }
        Stage::Greeting => Some(format!(
            "is {} the port of a mail server? 587 is the usual one for a relay, 25 for a server's own \
             mail, 465 with `tls: implicit`",
            server.port
        )),
        Stage::Tls if says("does not offer STARTTLS") => Some(format!(
            "is {} the right port? 587 usually offers it; 465 speaks TLS at once (`tls: implicit`)",
            server.port
        )),
        _ => None,
    }
}

/// A server said no, and why.
fn of_reply(server: &Smtp, from: &str, fault: Fault<'_>, code: u16) -> Option<String> {
    let words = fault.text.split_once(&code.to_string()).map_or("", |(_, words)| words);
    let blame = match (fault.stage, Blame::of(code, words)) {
        (Stage::Ehlo, _) => Blame::Ehlo,
        (Stage::Login, _) => Blame::Login,
        // What is said to MAIL FROM may still be about the name or the login.
        (Stage::Sender, Blame::Recipient | Blame::Setup) => Blame::Sender,
        (_, blame) => blame,
    };
    let domain = |address: &str| shown(address.rsplit('@').next().unwrap_or(address)).into_owned();
    Some(match blame {
        Blame::Ehlo => format!(
            "the server does not like the name that this host gives, EHLO {}: set `mail.ehlo` to the \
             full name that DNS has for the address the server sees; behind NAT that is the gateway's",
            shown(&server.ehlo)
        ),
        Blame::Tls => "the server wants TLS: write `tls: required` beside `smtp`".to_owned(),
        Blame::Login => match &server.login {
            None => {
                "the server wants a login: write `user` and `password` beside `smtp`".to_owned()
            }
            Some(login) => format!(
                "correct `user` ({}) or what `password` names; some servers want the whole address \
                 as user",
                shown(&login.user)
            ),
        },
        Blame::Sender => format!(
            "the server takes no mail from {}: set `mail.from` (or `mail.envelope_from`) to an address \
             of a domain that exists and that {} may use",
            domain(from),
            server.login.as_ref().map_or("this host".into(), |login| shown(&login.user))
        ),
        Blame::Relaying => match &server.login {
            None => format!(
                "the server passes nothing on for this host, or not to {}: give it a login (`user`, \
                 `password`), or have it let this host's address in",
                fault.recipient.map_or_else(|| "there".to_owned(), domain)
            ),
            Some(login) => format!(
                "user {} may not send to {}: ask who runs the server",
                shown(&login.user),
                fault.recipient.map_or_else(|| "there".to_owned(), domain)
            ),
        },
        Blame::Setup if server.login.is_none() => {
            "the server turns this host away: it may want a login (`user`, `password`) or know this \
             host's address; else ask who runs it, with the words above"
                .to_owned()
        }
        Blame::Setup => {
            "the server holds something against this host; ask who runs it, with the words above"
                .to_owned()
        }
        Blame::Recipient if code < 500 => {
            "not now: the agent tries again by itself; a server that \
                                           does not know a sender often says this for some minutes"
                .to_owned()
        }
        Blame::Recipient if fault.stage == Stage::Message => {
            "the server takes the address and not the mail: ask who runs it, with the words above"
                .to_owned()
        }
        Blame::Recipient => format!(
            "the server knows nobody called {}: correct `contacts`",
            fault.recipient.map_or("that".into(), shown)
        ),
    })
}

fn of_program(path: &str, from: &str, fault: Fault<'_>) -> Option<String> {
    let path = shown(path);
    let says = |what: &[&str]| what.iter().any(|what| fault.text.contains(what));
    if says(&["cannot be started"]) {
        return Some(if says(&["No such file"]) {
            format!("there is no {path}: install a mail program that brings one, or send by `smtp`")
        } else {
            format!("make {path} a program that may be started (chmod 755), or send by `smtp`")
        });
    }
    if says(&["Permission denied", "permission denied"]) {
        return Some(
            "it may not write its own queue: it lives by a set-id bit, which does nothing for an agent \
             without new privileges (`NoNewPrivileges=yes` in the unit) or on a file system mounted \
             `nosuid`; write `mail: {via: [{smtp: \"localhost:25\"}]}`"
                .to_owned(),
        );
    }
    // It passed on what a server said.
    if let Some(code) = fault.code {
        let words = fault.text.split_once(&code.to_string()).map_or("", |(_, words)| words);
        let sender = says(&["envelope from address"]);
        return Some(match Blame::of(code, words) {
            _ if sender => of_sender(from),
            Blame::Sender => of_sender(from),
            Blame::Ehlo => format!(
                "its server does not like the name that {path} gives in EHLO: set its own name (`myhostname` \
                 of Postfix, `domain` of msmtp, `MAILNAME` of dma) to one that DNS knows"
            ),
            Blame::Tls | Blame::Login | Blame::Relaying | Blame::Setup => {
                format!("correct the server, user or TLS in the configuration of {path} itself")
            }
            Blame::Recipient if code < 500 => "not now: the agent tries again by itself".to_owned(),
            Blame::Recipient => "correct `contacts`".to_owned(),
        });
    }
    if says(&["did not end in time"]) {
        return Some(format!(
            "see what it waits for: run {path} by hand, and look into the mail log"
        ));
    }
    if says(&["(exit 78)", "(exit 64)"]) {
        return Some(format!("{path} is not set up: see its own configuration"));
    }
    if says(&["(exit 77)"]) {
        return Some(format!("its server did not let it in: correct user or password of {path}"));
    }
    Some(format!("see the mail log of this host, and the configuration of {path}"))
}

fn of_sender(from: &str) -> String {
    format!(
        "its server takes no mail from {}: set `mail.from` (or `mail.envelope_from`) to an address of a \
         domain that exists",
        shown(from.rsplit('@').next().unwrap_or(from))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::relay::Login;
    use crate::store::secret::Secret;

    fn server(port: u16, login: bool) -> Relay {
        Relay::Smtp(Smtp {
            host: "mx1.example.net".to_owned(),
            port,
            tls: TlsMode::Opportunistic,
            ca_file: None,
            fingerprint: None,
            ehlo: "db03.lan".to_owned(),
            login: login.then(|| Login {
                user: "db03".to_owned(),
                password: Secret::Literal("p".to_owned()),
            }),
        })
    }

    #[test]
    fn each_fault_of_a_server_has_its_cure() {
        use Stage::{Connect, Ehlo, Greeting, Login, Message, Recipient, Sender, Tls};
        for (port, login, stage, text, wanted) in [
            (25, false, Connect, "mx1 cannot be looked up: x", "name server?"),
            (25, false, Connect, "mx1:25 cannot be reached: no answer in time", "try 587"),
            (587, false, Connect, "mx1:587 cannot be reached: connection refused; is", ""),
            (25, false, Greeting, "mx1:25 is not ready: 554 5.7.1 blocked", "block list"),
            (465, false, Greeting, "mx1:465 did not answer: no answer in time", "`tls: implicit`"),
            (80, false, Greeting, "mx1:80 does not speak SMTP", "is 80 the port"),
            (25, false, Ehlo, "mx1:25 does not accept EHLO db03.lan: 550 go away", "EHLO db03.lan"),
            (25, false, Tls, "mx1:25 does not offer STARTTLS, and", "is 25 the right port"),
            (
                587,
                true,
                Login,
                "mx1 does not accept user db03: 535 5.7.8 no",
                "correct `user` (db03)",
            ),
            (
                587,
                false,
                Sender,
                "mx1 does not take mail: 530 5.7.0 Authentication required",
                "wants a login",
            ),
            (
                25,
                false,
                Sender,
                "mx1 does not take mail: 530 5.7.0 Must issue a STARTTLS command first",
                "`tls: required`",
            ),
            (25, false, Sender, "mx1 does not take mail: 550 no", "takes no mail from db03.lan"),
            (
                25,
                false,
                Recipient,
                "mx1: 450 4.1.8 <h@db03.lan>: Sender address rejected: Domain not found",
                "takes no mail from db03.lan",
            ),
            (
                25,
                false,
                Recipient,
                "mx1: 504 5.5.2 <db03>: Helo command rejected: need fully-qualified hostname",
                "`mail.ehlo`",
            ),
            (
                25,
                false,
                Recipient,
                "mx1: 554 5.7.1 <ops@example.net>: Relay access denied",
                "not to example.net: give it a login",
            ),
            (
                587,
                true,
                Recipient,
                "mx1: 554 5.7.1 <ops@example.net>: Relay access denied",
                "user db03 may not send to example.net",
            ),
            (
                25,
                false,
                Recipient,
                "mx1: 550 5.1.1 <ops@example.net>: unknown",
                "knows nobody called ops@example.net",
            ),
            (
                25,
                false,
                Recipient,
                "mx1: 450 4.2.0 <ops@example.net>: greylisted",
                "tries again by itself",
            ),
            (25, false, Message, "mx1: 554 5.6.0 virus", "and not the mail"),
        ] {
            let code = crate::notify::fault::code_in(text);
            let fault = Fault { stage, code, recipient: Some("ops@example.net"), text };
            let said = advice(&server(port, login), "h@db03.lan", fault).unwrap_or_default();
            assert!(
                said.contains(wanted) && said.is_empty() == wanted.is_empty(),
                "{text}: {said}"
            );
        }
    }

    #[test]
    fn each_fault_of_a_program_has_its_cure() {
        let relay = Relay::Sendmail { path: "/usr/sbin/sendmail".to_owned() };
        for (text, wanted) in [
            (
                "x cannot be started: No such file or directory (os error 2)",
                "there is no /usr/sbin/sendmail",
            ),
            ("x cannot be started: Permission denied (os error 13)", "chmod 755"),
            (
                "x failed (exit 73): dma: can not create temp file: Permission denied",
                "NoNewPrivileges=yes",
            ),
            (
                "x did not end in time and was killed: postdrop: warning: mail_queue_enter: create file maildrop/1: Permission denied",
                "localhost:25",
            ),
            ("x did not end in time and was killed: it said nothing", "by hand"),
            ("x failed (exit 78): dma: syntax error", "is not set up"),
            ("x failed (exit 77): authentication failed", "user or password"),
            (
                "x failed (exit 65): msmtp: envelope from address h@db03.lan not accepted by the server; msmtp: server message: 550 5.1.8 no",
                "takes no mail from db03.lan",
            ),
            (
                "x failed (exit 65): msmtp: server message: 504 5.5.2 <db03>: Helo command rejected",
                "`myhostname`",
            ),
            (
                "x failed (exit 65): msmtp: server message: 554 5.7.1 Relay access denied",
                "configuration of /usr/sbin/sendmail itself",
            ),
            ("x failed (exit 69): msmtp: server message: 450 4.2.0 later", "tries again"),
            (
                "x refused it (exit 65): msmtp: server message: 550 5.1.1 unknown",
                "correct `contacts`",
            ),
            ("x failed (exit 75): it said nothing", "mail log"),
        ] {
            let code = crate::notify::fault::code_in(text);
            let fault = Fault { stage: Stage::Local, code, recipient: None, text };
            let said = advice(&relay, "h@db03.lan", fault).unwrap();
            assert!(said.contains(wanted), "{text}: {said}");
        }
    }
}
