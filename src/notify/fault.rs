//! Whose fault a server's no is: the recipient's or the mail's, which trying again does not mend,
//! or the setup's (name, sender, right to send), which a person can mend while the mail waits.
//!
//! Owns the reading of reply codes, at whichever step they come: a server may let EHLO and MAIL
//! FROM pass and say at RCPT TO what it holds against them (Postfix does, `smtpd_delay_reject`).

/// What a server holds against a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The name given in EHLO.
    Ehlo,
    /// The envelope sender.
    Sender,
    /// A login is wanted, or another one.
    Login,
    /// TLS is wanted.
    Tls,
    /// This host may not send there.
    Relaying,
    /// Something else about this host or its way of speaking.
    Setup,
    /// The recipient, or the mail itself.
    Recipient,
}

impl Blame {
    /// Reads a permanent reply: its code, and its words with the enhanced code (RFC 3463) in front
    /// where the server gives one.
    #[must_use]
    pub fn of(code: u16, words: &str) -> Self {
        let lower = without_names(&words.to_ascii_lowercase());
        let says = |what: &[&str]| what.iter().any(|what| lower.contains(what));
        let enhanced = |what: &str| {
            lower.split(|c: char| c.is_whitespace() || c == ':').any(|word| {
                word.strip_prefix(['4', '5']).and_then(|rest| rest.strip_prefix('.')) == Some(what)
            })
        };
        if says(&["helo command rejected", "invalid helo", "bad helo", "ehlo"]) {
            return Self::Ehlo;
        }
        // RFC 4954 and RFC 3207: 530 asks for either, and says for which.
        if says(&["starttls"]) || (code == 530 && says(&["tls"])) || enhanced("7.10") {
            return Self::Tls;
        }
        if matches!(code, 530 | 534 | 535 | 538)
            || enhanced("7.8")
            || says(&["authentication required"])
        {
            return Self::Login;
        }
        if enhanced("1.7") || enhanced("1.8") || says(&["sender address rejected", "envelope from"])
        {
            return Self::Sender;
        }
        if says(&["relay"]) {
            return Self::Relaying;
        }
        // 50x is about a command and not about whom it names, but 501 may be either.
        let of_policy = lower
            .split_whitespace()
            .any(|word| word.starts_with("5.7.") || word.starts_with("5.5."));
        if of_policy || matches!(code, 500 | 502 | 503 | 504) {
            return Self::Setup;
        }
        Self::Recipient
    }

    /// Whether a person can mend it while the mail waits.
    #[must_use]
    pub fn is_setup(self) -> bool {
        self != Self::Recipient
    }
}

/// The words without what stands in angle brackets: a recipient may be called `relay`.
fn without_names(words: &str) -> String {
    let mut inside = false;
    words
        .chars()
        .filter(|c| {
            inside = (inside || *c == '<') && *c != '>';
            !inside
        })
        .collect()
}

/// The reply code that stands in words for people: three digits of 4xx or 5xx behind a colon, as
/// programs quote a server.
#[must_use]
pub fn code_in(words: &str) -> Option<u16> {
    words.split(": ").skip(1).find_map(|part| {
        let (digits, rest) = part.split_at_checked(3)?;
        let code = digits.parse::<u16>().ok().filter(|code| (400..600).contains(code))?;
        (rest.is_empty() || rest.starts_with([' ', '-'])).then_some(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_mended_is_told_from_what_cannot() {
        // Postfix 3.7, Exim 4.96, and what relays on the Internet say.
        for (reply, wanted) in [
            (
                "550 5.1.1 <relay@ehlo.example.net>: Recipient address rejected: User unknown",
                Blame::Recipient,
            ),
            ("552 5.3.4 Message size exceeds fixed limit", Blame::Recipient),
            ("554 5.6.0 content rejected", Blame::Recipient),
            ("501 5.1.3 Bad recipient address syntax", Blame::Recipient),
            ("550 Unrouteable address", Blame::Recipient),
            ("504 5.5.2 <db03>: Helo command rejected: need fully-qualified hostname", Blame::Ehlo),
            ("550 5.7.1 <db03.lan>: Helo command rejected: Host not found", Blame::Ehlo),
            ("550 5.1.8 <h@db03.lan>: Sender address rejected: Domain not found", Blame::Sender),
            (
                "553 5.7.1 <h@db03.lan>: Sender address rejected: not owned by user db03",
                Blame::Sender,
            ),
            ("530 5.7.0 Must issue a STARTTLS command first", Blame::Tls),
            ("530 5.7.0 Authentication required", Blame::Login),
            ("535 5.7.8 Error: authentication failed", Blame::Login),
            ("554 5.7.1 <ops@example.org>: Relay access denied", Blame::Relaying),
            ("550 relay not permitted", Blame::Relaying),
            ("554 5.7.1 <unknown[192.0.2.9]>: Client host rejected: Access denied", Blame::Setup),
            ("503 5.5.1 Error: need MAIL command", Blame::Setup),
        ] {
            let (code, words) = reply.split_once(' ').unwrap();
            assert_eq!(Blame::of(code.parse().unwrap(), words), wanted, "{reply}");
        }
    }

    #[test]
    fn a_code_is_found_in_a_program_s_words() {
        let msmtp = "msmtp: recipient address x@y not accepted by the server; msmtp: server message: 550 5.1.1 no";
        assert_eq!(code_in(msmtp), Some(550));
        assert_eq!(code_in("server said: 450-4.2.0 busy"), Some(450));
        assert_eq!(code_in("mx: check the port (587 or 465 usually)"), None);
        assert_eq!(code_in("exit 75 after 1500 bytes at 12:500"), None);
    }
}
