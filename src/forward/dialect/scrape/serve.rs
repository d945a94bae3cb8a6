//! The server of `/metrics`: HTTP/1.1 (RFC 9112), one request a connection, all of it bounded in
//! bytes and time. A thread accepts, a short-lived one answers, so that a slow reader costs others
//! nothing but one of few places. Must not know: what is on the page.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::place::{Client, Listener, Trouble};
use super::{CONTENT_TYPE, Shelf};
use crate::forward::target::Listen;
use crate::model::limit::{
    SCRAPE_ANSWER, SCRAPE_CLIENTS, SCRAPE_HEADERS, SCRAPE_REQUEST, SCRAPE_REQUEST_BYTES,
};
use crate::net::clock::Deadline;

/// A thread that accepts until this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    /// Closed to end the thread.
    wake: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(listen: &Listen, shelf: &Arc<Shelf>) -> Result<Self, Trouble> {
        let listener = Listener::open(listen)?;
        let wrong = |error: io::Error| Trouble::Wrong(format!("cannot serve metrics: {error}"));
        let (wake, woken) = UnixStream::pair().map_err(wrong)?;
        let shelf = Arc::clone(shelf);
        let thread = std::thread::Builder::new()
            .name("metrics".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || accept(&listener, &woken, &shelf))
            .map_err(wrong)?;
        Ok(Self { wake: Some(wake.into()), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Packing builds tables of hundreds of kilobytes on the stack; what is not touched costs nothing.
const STACK_BYTES: usize = 2 << 20;

fn accept(listener: &Listener, woken: &UnixStream, shelf: &Arc<Shelf>) {
    // One for each client that is being answered; the thread's own count is one more.
    let places = Arc::new(());
    loop {
        let mut ready = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(woken.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return,
        }
        let [_, end] = &ready;
        if end.any().unwrap_or(true) {
            return;
        }
        let Some(mut client) = listener.accept() else { continue };
        if Arc::strong_count(&places) > SCRAPE_CLIENTS {
            let busy = Answer::plain(BUSY, "Too many ask at the same time; try again.\n");
            let _ = busy.send(&mut client, Deadline::within(std::time::Duration::ZERO), true);
            continue;
        }
        let (shelf, place) = (Arc::clone(shelf), Arc::clone(&places));
        // A thread that cannot be had leaves the client without an answer: it asks again.
        let _ = std::thread::Builder::new()
            .name("metrics client".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // Who hangs up or says nothing is owed nothing.
                let _ = serve(&mut client, &shelf);
                drop(place);
            });
    }
}

const BUSY: &str = "503 Service Unavailable";

fn serve(client: &mut Client, shelf: &Shelf) -> io::Result<()> {
    let mut buffer = vec![0; SCRAPE_REQUEST_BYTES];
    let deadline = Deadline::within(SCRAPE_REQUEST.to_std());
    let mut length = 0;
    let request = loop {
        if deadline.left().is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        client.set_timeout(deadline.left())?;
        let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) else {
            break Err("431 Request Header Fields Too Large");
        };
        let read = client.read(rest)?;
        length += read;
        match understood(buffer.get(..length).unwrap_or_default()) {
            Ok(None) if read == 0 => return Ok(()),
            Ok(None) => {}
            Ok(Some(request)) => break Ok(request),
            Err(status) => break Err(status),
        }
    };
    let deadline = Deadline::within(SCRAPE_ANSWER.to_std());
    match request {
        Ok(request) => answer(&request, shelf).send(client, deadline, request.wants_body),
        Err(status) => Answer::plain(status, "This is no request that can be understood.\n")
            .send(client, deadline, true),
    }
}

/// A request as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    is_allowed: bool,
    wants_body: bool,
    path: String,
    takes_gzip: bool,
}

/// The request in these bytes, none if there is more to come; else the status of the refusal.
fn understood(bytes: &[u8]) -> Result<Option<Request>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; SCRAPE_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => return Ok(None),
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err("431 Request Header Fields Too Large"),
        Err(_) => return Err("400 Bad Request"),
    }
    let method = request.method.unwrap_or_default();
    let path = request.path.unwrap_or_default();
    let takes_gzip = request.headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("accept-encoding")
            && std::str::from_utf8(header.value).is_ok_and(takes_gzip)
    });
    Ok(Some(Request {
        is_allowed: matches!(method, "GET" | "HEAD"),
        wants_body: method != "HEAD",
        path: path.split('?').next().unwrap_or_default().to_owned(),
        takes_gzip,
    }))
}

/// Whether a list of encodings has gzip in it, and not with the weight 0 (RFC 9110, 12.5.3).
fn takes_gzip(list: &str) -> bool {
    list.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| {
            part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
        });
        named && !refused
    })
}

fn answer(request: &Request, shelf: &Shelf) -> Answer {
    if !request.is_allowed {
        let text = "Metrics are only read: GET or HEAD.\n";
        return Answer {
            more: "Allow: GET, HEAD\r\n",
            ..Answer::plain("405 Method Not Allowed", text)
        };
    }
    if request.path != "/metrics" {
        return Answer::plain("404 Not Found", "The metrics of hostwatch are at /metrics.\n");
    }
    match shelf.text() {
        Err(why) => Answer::plain(BUSY, why),
        Ok(text) if request.takes_gzip => match packed(&text) {
            Ok(body) => {
                Answer { more: "Content-Encoding: gzip\r\n", body, ..Answer::page(Vec::new()) }
            }
            Err(_) => Answer::page(text),
        },
        Ok(text) => Answer::page(text),
    }
}

fn packed(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text)?;
    packer.finish()
}

struct Answer {
    status: &'static str,
    kind: &'static str,
    more: &'static str,
    body: Vec<u8>,
}

impl Answer {
    fn plain(status: &'static str, text: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", more: "", body: text.as_bytes().to_vec() }
    }

    fn page(body: Vec<u8>) -> Self {
        Self { status: "200 OK", kind: CONTENT_TYPE, more: "", body }
    }

    fn send(&self, client: &mut Client, deadline: Deadline, with_body: bool) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nVary: Accept-Encoding\r\n{}\
             Connection: close\r\n\r\n",
            self.status,
            self.kind,
            self.body.len(),
            self.more,
        );
        let body: &[u8] = if with_body { &self.body } else { &[] };
        for mut rest in [head.as_bytes(), body] {
            while !rest.is_empty() {
                client.set_timeout(deadline.left())?;
                let written = client.write(rest)?;
                rest = rest.get(written..).unwrap_or_default();
                if written == 0 || (deadline.left().is_zero() && !rest.is_empty()) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_understood_or_refused() {
        let of = |text: &str| understood(text.as_bytes());
        let request = of("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().unwrap();
        assert!(request.is_allowed && request.wants_body && !request.takes_gzip);
        assert_eq!(request.path, "/metrics");
        let head =
            of("HEAD / HTTP/1.0\r\naccept-encoding: br, GZIP;q=0.5\r\n\r\n").unwrap().unwrap();
        assert!(head.is_allowed && !head.wants_body && head.takes_gzip);
        assert!(!of("POST / HTTP/1.1\r\n\r\n").unwrap().unwrap().is_allowed);
        assert_eq!(of("GET /metrics HT"), Ok(None));
        assert_eq!(of("\u{16}\u{3}\u{1}tls"), Err("400 Bad Request"));
        let many = "X: y\r\n".repeat(SCRAPE_HEADERS + 1);
        assert!(of(&format!("GET / HTTP/1.1\r\n{many}\r\n")).unwrap_err().starts_with("431"));
    }

    #[test]
    fn gzip_is_taken_unless_its_weight_is_nothing() {
        for (list, takes) in [
            ("gzip", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
        ] {
            assert_eq!(takes_gzip(list), takes, "{list}");
        }
    }
}
