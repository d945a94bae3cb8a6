//! The steps of a delivery as they happen, for a person who looks on (`hostwatch mail test`): what
//! was reached, how it was protected, who said what. Plain data; holds no secret.
//!
//! Knows no cure: what to do about a fault, `advice` says.

use serde::{Deserialize, Serialize};

use crate::notify::outbox::{DeliveryReport, Fate};

/// How far a delivery had come when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Looking the server's name up, and opening a connection.
    Connect,
    /// The server's greeting.
    Greeting,
    /// EHLO, under TLS or not.
    Ehlo,
    /// STARTTLS, the handshake, the certificate.
    Tls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA and the mail itself.
    Message,
    /// A program or a directory on this machine that took the mail or did not.
    Local,
}

/// Who vouches for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vouched {
    /// An authority, and the certificate is for the server's name.
    Authority,
    /// The fingerprint in the configuration.
    Pin,
    /// Nobody: the line is private, with whom is not known.
    Nobody,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The next way out is tried: its place in the list, from 0.
    Way {
        /// Its place.
        place: usize,
    },
    /// A server answered.
    Connected {
        /// `mx1.example.net:587`.
        server: String,
        /// The address that answered.
        address: String,
        /// This host's own address on that connection.
        local: String,
        /// Milliseconds of the look-up and the connection.
        took_ms: u64,
    },
    /// EHLO was accepted.
    Introduced {
        /// The name that was given.
        ehlo: String,
        /// Whether the server offers STARTTLS now.
        starttls: bool,
        /// Whether it offers a login now.
        login: bool,
    },
    /// TLS was agreed upon.
    Secured {
        /// `1.3`.
        version: String,
        /// Who vouches for the server.
        vouched: Vouched,
        /// End of the certificate's life, in seconds of Unix time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends_unix: Option<i64>,
    },
    /// The login was accepted.
    LoggedIn {
        /// As whom.
        user: String,
        /// `PLAIN` or `LOGIN`.
        mechanism: String,
    },
    /// A recipient's mail was taken.
    Taken {
        /// Who it is for.
        recipient: String,
        /// Milliseconds since the first step of this way out.
        took_ms: u64,
    },
    /// A program said something, whether it went well or not.
    Said {
        /// Its path.
        program: String,
        /// Its words.
        text: String,
    },
    /// It ended here, for one recipient or for all.
    Failed {
        /// How far it had come.
        stage: Stage,
        /// The reply of the server as it stands in `text`, where it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// Whom it concerns; all, where nobody is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipient: Option<String>,
        /// In words.
        text: String,
    },
}

/// One line that the delivery child says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word {
    /// A step on the way.
    Step {
        /// Which.
        on_the_way: Step,
    },
    /// What became of recipients.
    Report(DeliveryReport),
}

/// Who listens to a delivery.
pub(super) struct Ear<'a> {
    tell: &'a mut dyn FnMut(Heard<'_>),
    stage: Stage,
}

/// What it hears.
pub(super) enum Heard<'a> {
    Fate(&'a str, Fate),
    Step(Step),
}

impl<'a> Ear<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(Heard<'_>)) -> Self {
        Self { tell, stage: Stage::Connect }
    }

    /// What follows belongs to this stage.
    pub(super) fn at(&mut self, stage: Stage) {
        self.stage = stage;
    }

    pub(super) fn step(&mut self, step: Step) {
        (self.tell)(Heard::Step(step));
    }

    /// What became of a recipient.
    pub(super) fn fate(&mut self, recipient: &str, fate: Fate) {
        (self.tell)(Heard::Fate(recipient, fate));
    }

    /// What became of a recipient whom this stage did not let pass.
    pub(super) fn stopped(&mut self, recipient: &str, code: Option<u16>, fate: Fate) {
        if let Fate::Deferred(text) | Fate::Refused(text) = &fate {
            self.step(Step::Failed {
                stage: self.stage,
                code,
                recipient: Some(recipient.to_owned()),
                text: text.clone(),
            });
        }
        self.fate(recipient, fate);
    }

    /// The trouble that ended a way out.
    pub(super) fn failed(&mut self, code: Option<u16>, text: &str) {
        let text = text.to_owned();
        self.step(Step::Failed { stage: self.stage, code, recipient: None, text });
    }
}
