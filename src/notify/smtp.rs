//! The conversation with a mail server: greeting, TLS, login, then one transaction for each
//! recipient, so that a server's no to one never loses another, and a break repeats at most one.
//!
//! Errors are of two kinds: what concerns one recipient is its [`Fate`]; everything else (no
//! connection, no TLS, no login, sender refused) is a trouble of this way out and leaves the
//! recipients to the next. Every step is told to who listens.

use std::sync::Arc;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::{Auth, Data, Ehlo, Quit, Rset, Starttls};
use lettre::transport::smtp::extension::ClientId;

use crate::model::text::shown;
use crate::net::clock::{Deadline, Since};
use crate::net::tls::Guard;
use crate::notify::fault::{Blame, code_in};
use crate::notify::line::{Line, Reply};
use crate::notify::mail::Mail;
use crate::notify::mime::is_address;
use crate::notify::outbox::Fate;
use crate::notify::relay::{Login, Smtp, TlsMode};
use crate::notify::step::{Ear, Stage, Step, Vouched};
use crate::parse::x509;
use crate::store::secret::Secret;

/// What a server says it can do. Read here rather than by lettre, which takes these words only in
/// upper case, knows no SIZE or DSN, and panics on an empty line.
#[derive(Debug, Default)]
struct Offers {
    starttls: bool,
    dsn: bool,
    mechanisms: Vec<Mechanism>,
}

impl Offers {
    fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        // The first line is the server's name.
        for line in reply.lines.iter().skip(1) {
            // Old servers write `AUTH=PLAIN`.
            let line = line.to_ascii_uppercase().replace('=', " ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => offers.starttls = true,
                Some("DSN") => offers.dsn = true,
                Some("AUTH") => {
                    let known = words.filter_map(|word| match word {
                        "PLAIN" => Some(Mechanism::Plain),
                        "LOGIN" => Some(Mechanism::Login),
                        _ => None,
                    });
                    offers.mechanisms.extend(known);
                }
                _ => {}
            }
        }
        offers
    }
}

/// Delivers a mail to recipients; tells `ear` each one's fate as soon as it is known. An error is
/// the trouble that kept the rest.
pub(super) fn deliver(
    smtp: &Smtp,
    mail: &Mail,
    recipients: &[String],
    deadline: Deadline,
    ear: &mut Ear<'_>,
) -> Result<(), String> {
    converse(smtp, mail, recipients, deadline, ear)
        .inspect_err(|trouble| ear.failed(code_in(trouble), trouble))
}

fn converse(
    smtp: &Smtp,
    mail: &Mail,
    recipients: &[String],
    deadline: Deadline,
    ear: &mut Ear<'_>,
) -> Result<(), String> {
    let begin = Since::now();
    let (mut line, offers) = open(smtp, deadline, ear)?;
    let text = dotted(&mail.bytes);
    let mut fresh = true;
    for recipient in recipients {
        if !is_address(recipient) {
            let name = shown(recipient);
            ear.at(Stage::Recipient);
            let fate = Fate::Refused(format!("\"{name}\" is no mail address for SMTP"));
            ear.stopped(recipient, None, fate);
            continue;
        }
        if !fresh {
            let reply = line.ask(&Rset)?;
            if !reply.is_good() {
                return Err(format!("{} refuses RSET: {reply}", line.name));
            }
        }
        fresh = false;
        transaction(&mut line, &offers, mail, recipient, &text, ear, begin)?;
    }
    // The mail is accepted; whether the server also says goodbye does not matter.
    let _ = line.ask(&Quit);
    Ok(())
}

/// Connects, protects the line, logs in.
fn open(smtp: &Smtp, deadline: Deadline, ear: &mut Ear<'_>) -> Result<(Line, Offers), String> {
    ear.at(Stage::Connect);
    let begin = Since::now();
    let mut line = Line::open(&smtp.host, smtp.port, deadline)?;
    ear.step(Step::Connected {
        server: line.name.clone(),
        address: line.socket.peer().ip().to_string(),
        local: line.socket.local_address(),
        took_ms: begin.ms(),
    });
    let local = line.socket.peer().ip().is_loopback();
    let mode = protection(smtp, local);
    let ehlo = hello(&smtp.ehlo);
    if mode == TlsMode::Implicit {
        protect(smtp, mode, &mut line, ear)?;
    }
    let mut offers = greet(&mut line, &ehlo, ear)?;
    match mode {
        TlsMode::None | TlsMode::Implicit => {}
        TlsMode::Required => {
            if !offers.starttls {
                ear.at(Stage::Tls);
                return Err(format!(
                    "{} does not offer STARTTLS, and `tls: required` sends nothing without; \
                     somebody may be in between",
                    line.name
                ));
            }
            offers = upgrade(smtp, mode, &mut line, &ehlo, ear)?;
        }
        TlsMode::Opportunistic if offers.starttls => {
            // As Postfix' `may`: encrypted if it can be, else plain on a new connection.
            match upgrade(smtp, mode, &mut line, &ehlo, ear) {
                Ok(better) => offers = better,
                Err(_) => {
                    ear.at(Stage::Connect);
                    line = Line::open(&smtp.host, smtp.port, deadline)?;
                    offers = greet(&mut line, &ehlo, ear)?;
                }
            }
        }
        TlsMode::Opportunistic => {}
    }
    if let Some(account) = &smtp.login {
        ear.at(Stage::Login);
        if !line.socket.is_protected() && !line.socket.peer().ip().is_loopback() {
            return Err(format!(
                "{}: the password is not sent over a line without TLS: use `tls: required` or \
                 `tls: implicit`",
                line.name
            ));
        }
        login(&mut line, &offers, account, ear)?;
    }
    Ok((line, offers))
}

/// How the line is protected in fact. A password is given only to a server that proved who it is,
/// and a pin is a wish for proof: where either is configured, opportunistic is not enough.
fn protection(smtp: &Smtp, local: bool) -> TlsMode {
    let proof = smtp.fingerprint.is_some() || (smtp.login.is_some() && !local);
    match smtp.tls {
        TlsMode::Opportunistic if proof => TlsMode::Required,
        mode => mode,
    }
}

fn guard(smtp: &Smtp, mode: TlsMode) -> Result<Arc<Guard>, String> {
    match (&smtp.fingerprint, mode) {
        (Some(pin), _) => Guard::pinned(pin),
        (None, TlsMode::Opportunistic) => Guard::any(),
        (None, _) => Guard::authority(smtp.ca_file.as_deref()),
    }
}

/// Waits for the greeting and says EHLO.
fn greet(line: &mut Line, ehlo: &str, ear: &mut Ear<'_>) -> Result<Offers, String> {
    ear.at(Stage::Greeting);
    let greeting = line.reply()?;
    if !greeting.is_good() {
        return Err(format!("{} is not ready: {greeting}", line.name));
    }
    introduce(line, ehlo, ear)
}

fn introduce(line: &mut Line, ehlo: &str, ear: &mut Ear<'_>) -> Result<Offers, String> {
    ear.at(Stage::Ehlo);
    let tell = |offers: Offers, ear: &mut Ear<'_>| {
        let (starttls, login) = (offers.starttls, !offers.mechanisms.is_empty());
        ear.step(Step::Introduced { ehlo: ehlo.to_owned(), starttls, login });
        Ok(offers)
    };
    let reply = line.ask(&Ehlo::new(ClientId::Domain(ehlo.to_owned())))?;
    if reply.is_good() {
        return tell(Offers::read(&reply), ear);
    }
    // RFC 5321: a server that does not know EHLO is greeted the old way.
    if matches!(reply.code, 500 | 502 | 504) {
        let old = line.ask(&format!("HELO {ehlo}\r\n"))?;
        if old.is_good() {
            return tell(Offers::default(), ear);
        }
    }
    Err(format!("{} does not accept EHLO {ehlo}: {reply}", line.name))
}

fn upgrade(
    smtp: &Smtp,
    mode: TlsMode,
    line: &mut Line,
    ehlo: &str,
    ear: &mut Ear<'_>,
) -> Result<Offers, String> {
    ear.at(Stage::Tls);
    let reply = line.ask(&Starttls)?;
    if !reply.is_good() {
        return Err(format!("{} refuses STARTTLS: {reply}", line.name));
    }
    protect(smtp, mode, line, ear)?;
    // What was offered before does not count: it may have come from anybody.
    introduce(line, ehlo, ear)
}

fn protect(smtp: &Smtp, mode: TlsMode, line: &mut Line, ear: &mut Ear<'_>) -> Result<(), String> {
    ear.at(Stage::Tls);
    let guard = guard(smtp, mode)?;
    let version = line.protect(&guard, &smtp.host)?;
    let vouched = match (&smtp.fingerprint, mode) {
        (Some(_), _) => Vouched::Pin,
        (None, TlsMode::Opportunistic) => Vouched::Nobody,
        (None, _) => Vouched::Authority,
    };
    let ends_unix = guard.certificate().and_then(|certificate| x509::ends_unix(&certificate));
    ear.step(Step::Secured { version, vouched, ends_unix });
    Ok(())
}

fn login(
    line: &mut Line,
    offers: &Offers,
    account: &Login,
    ear: &mut Ear<'_>,
) -> Result<(), String> {
    let user = shown(&account.user);
    let Secret::Literal(password) = &account.password else {
        return Err(format!("{}: the password of {user} was not read", line.name));
    };
    let best = [Mechanism::Plain, Mechanism::Login];
    let Some(mechanism) = best.into_iter().find(|m| offers.mechanisms.contains(m)) else {
        let how = if line.socket.is_protected() { "" } else { " without TLS" };
        return Err(format!(
            "{} offers no login by PLAIN or LOGIN{how}, but a user is configured: check the port \
             (587 or 465 usually), or leave `user` out if the server needs none",
            line.name
        ));
    };
    let credentials = Credentials::new(account.user.clone(), password.clone());
    let broken = |_| "the server asks for something else than user and password".to_owned();
    let first = Auth::new(mechanism, credentials.clone(), None).map_err(broken)?;
    let mut reply = line.ask(&first)?;
    // User and password, one question each.
    for _ in 0..3 {
        if reply.code != 334 {
            break;
        }
        let next = Auth::new_from_response(mechanism, credentials.clone(), &reply.response);
        match next {
            Ok(next) => reply = line.ask(&next)?,
            Err(_) => reply = line.ask(&"*\r\n")?,
        }
    }
    match reply.code {
        235 => {
            let mechanism = if mechanism == Mechanism::Plain { "PLAIN" } else { "LOGIN" };
            let mechanism = mechanism.to_owned();
            ear.step(Step::LoggedIn { user: account.user.clone(), mechanism });
            Ok(())
        }
        535 => {
            Err(format!("{} does not accept user {user} with this password: {reply}", line.name))
        }
        _ => Err(format!("{} does not let user {user} in: {reply}", line.name)),
    }
}

/// One mail to one recipient.
fn transaction(
    line: &mut Line,
    offers: &Offers,
    mail: &Mail,
    recipient: &str,
    text: &[u8],
    ear: &mut Ear<'_>,
    begin: Since,
) -> Result<(), String> {
    let name = line.name.clone();
    ear.at(Stage::Sender);
    if !is_address(&mail.from) {
        return Err(format!("\"{}\" is no mail address to send from", shown(&mail.from)));
    }
    let reply = line.ask(&format!("MAIL FROM:<{}>\r\n", mail.from))?;
    if !reply.is_good() {
        return Err(format!("{name} does not take mail from <{}>: {reply}", mail.from));
    }
    ear.at(Stage::Recipient);
    // Bounces and delays are news; that it was delivered is not.
    let notify = if offers.dsn { " NOTIFY=FAILURE,DELAY" } else { "" };
    let reply = line.ask(&format!("RCPT TO:<{recipient}>{notify}\r\n"))?;
    if reply.code == 421 {
        return Err(format!("{name} hangs up: {reply}"));
    }
    if !reply.is_good() {
        ear.stopped(recipient, Some(reply.code), at_recipient(&name, &reply));
        return Ok(());
    }
    ear.at(Stage::Message);
    let reply = line.ask(&Data)?;
    if reply.code == 421 {
        return Err(format!("{name} hangs up: {reply}"));
    }
    if reply.code != 354 {
        ear.stopped(recipient, Some(reply.code), at_message(&name, &reply));
        return Ok(());
    }
    // From here on the server may have the mail although nobody ever learns it.
    ear.fate(recipient, Fate::Deferred(format!("{name}: sent, but no verdict came")));
    line.socket.send(text)?;
    let reply = line.reply().map_err(|why| format!("{why}, after it got the whole mail"))?;
    if reply.is_good() {
        ear.step(Step::Taken { recipient: recipient.to_owned(), took_ms: begin.ms() });
        ear.fate(recipient, Fate::Accepted(format!("{name}, {reply}")));
    } else {
        ear.stopped(recipient, Some(reply.code), at_message(&name, &reply));
        if reply.code == 421 {
            return Err(format!("{name} hangs up: {reply}"));
        }
    }
    Ok(())
}

fn at_recipient(name: &str, reply: &Reply) -> Fate {
    let text = format!("{name}: {reply}");
    // What is held against this host can be corrected, and an alarm must outlive it.
    if reply.is_permanent() && !Blame::of(reply.code, &reply.lines.join(" ")).is_setup() {
        Fate::Refused(text)
    } else {
        Fate::Deferred(text)
    }
}

/// The same bytes would be refused again, and every later mail would wait behind them.
fn at_message(name: &str, reply: &Reply) -> Fate {
    let text = format!("{name}: {reply}");
    if reply.is_permanent() { Fate::Refused(text) } else { Fate::Deferred(text) }
}

/// The mail as it goes over the line: dots at the begin of a line doubled, and the lone dot.
fn dotted(mail: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + 64);
    for line in mail.strip_suffix("\r\n").unwrap_or(mail).split("\r\n") {
        if line.starts_with('.') {
            out.push(b'.');
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// A name that EHLO can carry.
fn hello(name: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    let name: String = name.chars().filter(|c| good(*c)).take(255).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_and_the_end_is_one() {
        assert_eq!(dotted("a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n.\r\n");
        assert_eq!(dotted("a"), b"a\r\n.\r\n");
    }

    #[test]
    fn a_password_asks_for_proof_unless_the_server_is_this_machine() {
        let smtp = |tls, login: bool, pin: bool| Smtp {
            host: "mx".to_owned(),
            port: 25,
            tls,
            ca_file: None,
            fingerprint: pin.then(|| "00".repeat(32)),
            ehlo: "h".to_owned(),
            login: login
                .then(|| Login { user: "u".to_owned(), password: Secret::Literal("p".to_owned()) }),
        };
        use TlsMode::{Implicit, Opportunistic, Required};
        for (tls, login, pin, local, wanted) in [
            (Opportunistic, false, false, false, Opportunistic),
            (Opportunistic, true, false, false, Required),
            (Opportunistic, true, false, true, Opportunistic),
            (Opportunistic, false, true, true, Required),
            (TlsMode::None, true, false, false, TlsMode::None),
            (Implicit, true, true, false, Implicit),
        ] {
            assert_eq!(protection(&smtp(tls, login, pin), local), wanted, "{tls:?} {login} {pin}");
        }
    }

    #[test]
    fn a_name_cannot_smuggle_a_command() {
        assert_eq!(hello("h\r\nMAIL FROM:<x>"), "hMAILFROM:x");
        assert_eq!(hello("\u{e9}"), "localhost");
    }
}
