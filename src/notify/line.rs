//! One connection to a mail server: commands and replies. Every reply has a bound and a deadline
//! for the whole of it, see `net::socket`.
//!
//! lettre's own connection is not used for this: its timeout starts again with every byte, so a
//! server that sends one a second holds it for ever; it reads a line of any length; what a
//! meddler appends to the answer of STARTTLS it takes for the server's words under TLS; and it
//! cannot pin a certificate. Its commands, replies and mechanisms are used, see `smtp`.

use std::fmt;
use std::sync::Arc;

use lettre::transport::smtp::response::Response;

use crate::model::limit::{REPLY_CHARS, SMTP_REPLY, SMTP_REPLY_BYTES};
use crate::model::text::shown_within;
use crate::net::clock::Deadline;
use crate::net::socket::{Service, Socket};
use crate::net::tls::Guard;

/// What is expected at the other end.
const MAIL_SERVER: Service = Service {
    name: "mail server",
    tls_question: "does this port speak TLS from the first byte (`tls: implicit`) or after STARTTLS \
                   (`tls: required`)?",
    patience: SMTP_REPLY,
};

/// Bytes that are read at once: most replies are far shorter.
const READ_BYTES: usize = 4096;

/// What a server answered, with its own words.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// Its lines without codes.
    pub(super) lines: Vec<String>,
    /// The reply as lettre reads it.
    pub(super) response: Response,
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..400).contains(&self.code)
    }

    pub(super) fn is_permanent(&self) -> bool {
        self.code >= 500
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{} {}", self.code, self.lines.join(" "));
        f.write_str(&shown_within(text.trim(), REPLY_CHARS))
    }
}

/// A connection.
pub(super) struct Line {
    pub(super) socket: Socket,
    /// `mx1.example.net:587`, for people.
    pub(super) name: String,
    /// What was read beyond the last line.
    buffer: Vec<u8>,
}

impl Line {
    /// Opens a connection to the first address that answers.
    pub(super) fn open(host: &str, port: u16, deadline: Deadline) -> Result<Self, String> {
        let socket = Socket::open(host, port, MAIL_SERVER, deadline)?;
        let name = socket.name().to_owned();
        Ok(Self { socket, name, buffer: Vec::new() })
    }

    /// Speaks TLS from here on. Nothing that came before counts: a server that said more than it
    /// was asked, or somebody in between, is refused. Says the version that was agreed upon.
    pub(super) fn protect(&mut self, guard: &Arc<Guard>, host: &str) -> Result<String, String> {
        if !self.buffer.is_empty() {
            return Err(format!("{} sent data before TLS began, which nobody may", self.name));
        }
        self.socket.protect(guard, host)
    }

    /// Sends a command and waits for the answer to it.
    pub(super) fn ask(&mut self, command: &dyn fmt::Display) -> Result<Reply, String> {
        self.socket.send(command.to_string().as_bytes())?;
        self.reply()
    }

    /// Waits for one whole reply.
    pub(super) fn reply(&mut self) -> Result<Reply, String> {
        self.socket.await_reply();
        let mut seen = 0usize;
        let mut lines = Vec::new();
        loop {
            let line = self.read_line(&mut seen)?;
            let text = String::from_utf8_lossy(&line).into_owned();
            let (code, rest) = text.split_at_checked(3).unwrap_or((text.as_str(), ""));
            let code = code.parse::<u16>().ok().filter(|code| (200..600).contains(code));
            let more = rest.starts_with('-');
            let (Some(code), true) = (code, more || rest.is_empty() || rest.starts_with(' '))
            else {
                let text = shown_within(text.trim(), 80);
                return Err(format!("{} does not speak SMTP: it said \"{text}\"", self.name));
            };
            lines.push(rest.get(1..).unwrap_or_default().to_owned());
            if !more {
                let response = format!("{code} {}\r\n", lines.last().map_or("", String::as_str));
                let response = response
                    .parse::<Response>()
                    .map_err(|_| format!("{} does not speak SMTP: code {code}", self.name))?;
                return Ok(Reply { code, lines, response });
            }
        }
    }

    fn read_line(&mut self, seen: &mut usize) -> Result<Vec<u8>, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
                    line.pop();
                }
                return Ok(line);
            }
            let read = self.socket.read(READ_BYTES)?;
            if read.is_empty() {
                return Err(format!("{} closed the connection", self.name));
            }
            *seen += read.len();
            if *seen > SMTP_REPLY_BYTES {
                let kib = SMTP_REPLY_BYTES >> 10;
                return Err(format!("{} sent a reply of over {kib} KiB", self.name));
            }
            self.buffer.extend(read);
        }
    }
}
