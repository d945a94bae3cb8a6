//! One connection to a mail server: name lookup, socket, TLS, replies. Every wait has a deadline
//! for the whole of it, every reply a bound.
//!
//! lettre's own connection is not used for this: its timeout starts again with every byte, so a
//! server that sends one a second holds it for ever; it reads a line of any length; what a
//! meddler appends to the answer of STARTTLS it takes for the server's words under TLS; and it
//! cannot pin a certificate. Its commands, replies and mechanisms are used, see `smtp`.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};

use lettre::transport::smtp::response::Response;
use rustls::{ClientConnection, StreamOwned};

use crate::model::limit::{
    REPLY_CHARS, SMTP_ADDRESSES, SMTP_CONNECT, SMTP_REPLY, SMTP_REPLY_BYTES,
};
use crate::model::text::shown_within;
use crate::notify::clock::Deadline;
use crate::notify::tls::{Guard, server_name};

/// A socket whose reads and writes all end by `until`.
struct Timed {
    tcp: TcpStream,
    until: Deadline,
}

impl Timed {
    fn left(&self) -> io::Result<std::time::Duration> {
        match self.until.left() {
            left if left.is_zero() => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(self.left()?))?;
        self.tcp.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(self.left()?))?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
    Closed,
}

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
    stream: Stream,
    /// `mx1.example.net:587`, for people.
    pub(super) name: String,
    /// The address that answered.
    pub(super) peer: SocketAddr,
    deadline: Deadline,
    buffer: Vec<u8>,
}

impl Line {
    /// Opens a connection to the first address that answers.
    pub(super) fn open(host: &str, port: u16, deadline: Deadline) -> Result<Self, String> {
        let name = shown_within(&format!("{host}:{port}"), REPLY_CHARS).into_owned();
        let mut last = String::new();
        for address in look_up(host, port, deadline)? {
            let patience = deadline.at_most(SMTP_CONNECT.to_std()).left();
            if patience.is_zero() {
                last = "no time left".to_owned();
                break;
            }
            match TcpStream::connect_timeout(&address, patience) {
                Ok(tcp) => {
                    // Commands are small and answered one by one.
                    let _ = tcp.set_nodelay(true);
                    return Ok(Self {
                        stream: Stream::Plain(Timed { tcp, until: deadline }),
                        name,
                        peer: address,
                        deadline,
                        buffer: Vec::new(),
                    });
                }
                Err(error) => last = plain(&error),
            }
        }
        Err(format!("{name} cannot be reached: {last}"))
    }

    /// Speaks TLS from here on. Nothing that came before counts: a server that said more than it
    /// was asked, or somebody in between, is refused. Says the version that was agreed upon.
    pub(super) fn protect(&mut self, guard: &Arc<Guard>, host: &str) -> Result<String, String> {
        if !self.buffer.is_empty() {
            return Err(format!("{} sent data before TLS began, which nobody may", self.name));
        }
        let Stream::Plain(mut timed) = std::mem::replace(&mut self.stream, Stream::Closed) else {
            return Err(format!("{} speaks TLS already", self.name));
        };
        timed.until = self.deadline.at_most(SMTP_REPLY.to_std());
        let connection = ClientConnection::new(guard.config()?, server_name(host)?)
            .map_err(|error| format!("{}: TLS cannot begin: {error}", self.name))?;
        let mut stream = StreamOwned::new(connection, timed);
        while stream.conn.is_handshaking() {
            if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
                return Err(guard.explain(&self.name, host, &error, &plain(&error)));
            }
        }
        let version = match stream.conn.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
            _ => "?",
        };
        self.stream = Stream::Tls(Box::new(stream));
        Ok(version.to_owned())
    }

    /// This host's own address on the connection; empty where the system does not say.
    pub(super) fn local_address(&self) -> String {
        let tcp = match &self.stream {
            Stream::Plain(stream) => &stream.tcp,
            Stream::Tls(stream) => &stream.sock.tcp,
            Stream::Closed => return String::new(),
        };
        tcp.local_addr().map_or_else(|_| String::new(), |address| address.ip().to_string())
    }

    pub(super) fn is_protected(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Sends a command and waits for the answer to it.
    pub(super) fn ask(&mut self, command: &dyn fmt::Display) -> Result<Reply, String> {
        self.send(command.to_string().as_bytes())?;
        self.reply()
    }

    /// Sends bytes; each piece must be taken within the time of a reply.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        for piece in bytes.chunks(16 << 10) {
            self.patience();
            let sent = match &mut self.stream {
                Stream::Plain(stream) => stream.write_all(piece).and_then(|()| stream.flush()),
                Stream::Tls(stream) => stream.write_all(piece).and_then(|()| stream.flush()),
                Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
            };
            sent.map_err(|error| format!("{} broke the connection: {}", self.name, plain(&error)))?;
        }
        Ok(())
    }

    /// Waits for one whole reply.
    pub(super) fn reply(&mut self) -> Result<Reply, String> {
        self.patience();
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

    fn patience(&mut self) {
        let until = self.deadline.at_most(SMTP_REPLY.to_std());
        match &mut self.stream {
            Stream::Plain(stream) => stream.until = until,
            Stream::Tls(stream) => stream.sock.until = until,
            Stream::Closed => {}
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
            let mut chunk = [0u8; 4096];
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut chunk),
                Stream::Tls(stream) => stream.read(&mut chunk),
                Stream::Closed => Ok(0),
            };
            match read {
                Ok(0) => return Err(format!("{} closed the connection", self.name)),
                Ok(count) => {
                    *seen += count;
                    if *seen > SMTP_REPLY_BYTES {
                        let kib = SMTP_REPLY_BYTES >> 10;
                        return Err(format!("{} sent a reply of over {kib} KiB", self.name));
                    }
                    self.buffer.extend(chunk.iter().take(count));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(format!("{} did not answer: {}", self.name, plain(&error)));
                }
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let tcp = match &self.stream {
            Stream::Plain(stream) => &stream.tcp,
            Stream::Tls(stream) => &stream.sock.tcp,
            Stream::Closed => return,
        };
        let _ = tcp.shutdown(Shutdown::Both);
    }
}

/// Looks a name up on a thread of its own, since the system's resolver knows no deadline.
fn look_up(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>, String> {
    let (sender, answer) = mpsc::channel();
    let wanted = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    std::thread::spawn(move || {
        let found = (wanted.as_str(), port).to_socket_addrs();
        let _ = sender.send(found.map(|all| all.take(SMTP_ADDRESSES).collect::<Vec<_>>()));
    });
    let host = shown_within(host, REPLY_CHARS);
    match answer.recv_timeout(deadline.at_most(SMTP_CONNECT.to_std()).left()) {
        Ok(Ok(found)) if found.is_empty() => Err(format!("{host} has no address")),
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(format!("{host} cannot be looked up: {}", plain(&error))),
        Err(_) => Err(format!("{host} cannot be looked up: the name server does not answer")),
    }
}

/// An error of a socket in words that a person expects.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        // A read that ran into its timeout is reported as EAGAIN.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::ConnectionRefused => {
            "connection refused; is the mail server running, and is the port right?".to_owned()
        }
        io::ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
        _ => shown_within(&error.to_string(), REPLY_CHARS).into_owned(),
    }
}
