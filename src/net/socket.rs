//! One TCP connection with a deadline for the whole of it: names looked up, connecting, TLS, bytes
//! sent and read. Every wait ends; every error says in words what a person can look at.
//!
//! Must not know: the protocol that is spoken, which brings its bounds and what is expected.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};

use rustls::{ClientConnection, StreamOwned};

use crate::model::limit::{NET_ADDRESSES, NET_CONNECT, REPLY_CHARS};
use crate::model::text::shown_within;
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::tls::{Guard, rustls_error, server_name};

/// Bytes that are sent or read at once: a record of TLS.
const PIECE_BYTES: usize = 16 << 10;

/// What is expected to listen there: its patience, and the words for when it does not.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// As in "is the mail server running?".
    pub name: &'static str,
    /// What to ask a person when TLS does not begin: `does this port speak TLS?`.
    pub tls_question: &'static str,
    /// Longest wait for one exchange (a handshake, a piece taken, a whole reply), within the
    /// deadline of all.
    pub patience: Span,
}

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

/// A connection. It is shut down when it is dropped.
pub struct Socket {
    stream: Stream,
    service: Service,
    name: String,
    peer: SocketAddr,
    deadline: Deadline,
}

impl Socket {
    /// Opens a connection to the first address that answers; everything that is done with it ends
    /// by `deadline`, unless [`Socket::extend`] gives it more.
    ///
    /// # Errors
    /// In words: the name has no address, nobody answers, or answers in time.
    pub fn open(
        host: &str,
        port: u16,
        service: Service,
        deadline: Deadline,
    ) -> Result<Self, String> {
        let name = shown_within(&format!("{host}:{port}"), REPLY_CHARS).into_owned();
        let mut last = String::new();
        for address in look_up(host, port, service, deadline)? {
            let patience = deadline.at_most(NET_CONNECT.to_std()).left();
            if patience.is_zero() {
                last = "no time left".to_owned();
                break;
            }
            match TcpStream::connect_timeout(&address, patience) {
                Ok(tcp) => {
                    // What is sent is small, and answered before the next is sent.
                    let _ = tcp.set_nodelay(true);
                    let stream = Stream::Plain(Timed { tcp, until: deadline });
                    return Ok(Self { stream, service, name, peer: address, deadline });
                }
                Err(error) => last = plain(&error, service),
            }
        }
        Err(format!("{name} cannot be reached: {last}"))
    }

    /// Speaks TLS from here on, with a peer that `guard` believes to be `host`. Says the version
    /// that was agreed upon: `1.3`.
    ///
    /// # Errors
    /// In words: it speaks no TLS, or is not believed, and what to do about it.
    pub fn protect(&mut self, guard: &Arc<Guard>, host: &str) -> Result<String, String> {
        let Stream::Plain(mut timed) = std::mem::replace(&mut self.stream, Stream::Closed) else {
            return Err(format!("{} speaks TLS already", self.name));
        };
        timed.until = self.deadline.at_most(self.service.patience.to_std());
        let connection = ClientConnection::new(guard.config()?, server_name(host)?)
            .map_err(|error| format!("{}: TLS cannot begin: {error}", self.name))?;
        let mut stream = StreamOwned::new(connection, timed);
        while stream.conn.is_handshaking() {
            let Err(error) = stream.conn.complete_io(&mut stream.sock) else { continue };
            return Err(guard.refusal(&self.name, host, &error).unwrap_or_else(|| {
                let what = match rustls_error(&error) {
                    Some(inner) => inner.to_string(),
                    None => plain(&error, self.service),
                };
                format!("{}: TLS failed: {what}; {}", self.name, self.service.tls_question)
            }));
        }
        let version = match stream.conn.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
            _ => "?",
        };
        self.stream = Stream::Tls(Box::new(stream));
        Ok(version.to_owned())
    }

    /// `mx1.example.net:587`, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that answered.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// This host's own address on the connection; empty where the system does not say.
    #[must_use]
    pub fn local_address(&self) -> String {
        let address = self.tcp().and_then(|tcp| tcp.local_addr().ok());
        address.map_or_else(String::new, |address| address.ip().to_string())
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Replaces the deadline: a connection that is kept has one for each thing said.
    pub fn extend(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Sends bytes; each piece of them must be taken within the service's patience.
    ///
    /// # Errors
    /// In words: the peer is gone, or takes nothing.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.await_reply();
            let sent = match &mut self.stream {
                Stream::Plain(stream) => stream.write_all(piece).and_then(|()| stream.flush()),
                Stream::Tls(stream) => stream.write_all(piece).and_then(|()| stream.flush()),
                Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
            };
            sent.map_err(|error| {
                format!("{} broke the connection: {}", self.name, plain(&error, self.service))
            })?;
        }
        Ok(())
    }

    /// Begins the wait for a reply: all that is read from here on, in however many pieces, must
    /// come within the service's patience.
    pub fn await_reply(&mut self) {
        let until = self.deadline.at_most(self.service.patience.to_std());
        match &mut self.stream {
            Stream::Plain(stream) => stream.until = until,
            Stream::Tls(stream) => stream.sock.until = until,
            Stream::Closed => {}
        }
    }

    /// Waits for bytes, and gives those that have come, at most `bytes_max`; none when the peer
    /// has said all it will.
    ///
    /// # Errors
    /// In words: the peer is gone, or says nothing in time.
    pub fn read(&mut self, bytes_max: usize) -> Result<Vec<u8>, String> {
        let mut piece = vec![0u8; bytes_max.min(PIECE_BYTES)];
        loop {
            match self.take(&mut piece) {
                Ok(count) => {
                    piece.truncate(count);
                    return Ok(piece);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let why = plain(&error, self.service);
                    return Err(format!("{} did not answer: {why}", self.name));
                }
            }
        }
    }

    /// Why nothing that is sent now would arrive, as far as is known without waiting: the peer has
    /// closed the connection, or reset it since something was sent. For protocols without answers.
    pub fn loss(&mut self) -> Option<String> {
        let open = self.set_blocking(false).and_then(|()| self.is_open());
        match self.set_blocking(true).and(open) {
            Ok(true) => None,
            Ok(false) => Some(format!("{} closed the connection", self.name)),
            Err(error) => {
                let why = plain(&error, self.service);
                Some(format!("{} broke the connection: {why}", self.name))
            }
        }
    }

    /// Says that nothing more is sent, and waits until the peer has closed: for protocols without
    /// answers this is the proof that it read all of it. What it says meanwhile is not looked at.
    ///
    /// # Errors
    /// In words: it broke the connection, or does not close within the service's patience.
    pub fn finish(&mut self) -> Result<(), String> {
        if let Stream::Tls(stream) = &mut self.stream {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
        self.await_reply();
        let closed = self.tcp().map_or(Ok(()), |tcp| tcp.shutdown(Shutdown::Write));
        closed.map_err(|error| {
            format!("{} broke the connection: {}", self.name, plain(&error, self.service))
        })?;
        let mut piece = vec![0u8; PIECE_BYTES];
        loop {
            match self.take(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // A peer under TLS that closes without saying so has read all the same.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let why = plain(&error, self.service);
                    return Err(format!("{} did not close: {why}", self.name));
                }
            }
        }
    }

    fn take(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.read(piece),
            Stream::Tls(stream) => stream.read(piece),
            Stream::Closed => Ok(0),
        }
    }

    /// Of a socket that does not block.
    fn is_open(&mut self) -> io::Result<bool> {
        let open = match &mut self.stream {
            Stream::Plain(stream) => stream.tcp.peek(&mut [0]).map(|count| count > 0),
            Stream::Tls(stream) => {
                // A peer that says goodbye under TLS need not close the socket.
                let read = stream.conn.read_tls(&mut stream.sock.tcp);
                let state = stream.conn.process_new_packets().map_err(io::Error::other)?;
                read.map(|count| count > 0 && !state.peer_has_closed())
            }
            Stream::Closed => return Ok(false),
        };
        match open {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            open => open,
        }
    }

    fn set_blocking(&self, blocking: bool) -> io::Result<()> {
        self.tcp().map_or(Ok(()), |tcp| tcp.set_nonblocking(!blocking))
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Plain(stream) => Some(&stream.tcp),
            Stream::Tls(stream) => Some(&stream.sock.tcp),
            Stream::Closed => None,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(tcp) = self.tcp() {
            let _ = tcp.shutdown(Shutdown::Both);
        }
    }
}

/// Looks a name up on a thread of its own, since the system's resolver knows no deadline.
fn look_up(
    host: &str,
    port: u16,
    service: Service,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, String> {
    let (sender, answer) = mpsc::channel();
    let wanted = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    std::thread::spawn(move || {
        let found = (wanted.as_str(), port).to_socket_addrs();
        let _ = sender.send(found.map(|all| all.take(NET_ADDRESSES).collect::<Vec<_>>()));
    });
    let host = shown_within(host, REPLY_CHARS);
    match answer.recv_timeout(deadline.at_most(NET_CONNECT.to_std()).left()) {
        Ok(Ok(found)) if found.is_empty() => Err(format!("{host} has no address")),
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(format!("{host} cannot be looked up: {}", plain(&error, service))),
        Err(_) => Err(format!("{host} cannot be looked up: the name server does not answer")),
    }
}

/// An error of a socket in words that a person expects.
fn plain(error: &io::Error, service: Service) -> String {
    match error.kind() {
        // A read that ran into its timeout is reported as EAGAIN.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::ConnectionRefused => {
            format!("connection refused; is the {} running, and is the port right?", service.name)
        }
        io::ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
        _ => shown_within(&error.to_string(), REPLY_CHARS).into_owned(),
    }
}
