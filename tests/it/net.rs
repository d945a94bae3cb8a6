//! The line to other machines: clients that keep a connection, sockets whose peer goes away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use hostwatch::model::unit::Span;
use hostwatch::net::clock::Deadline;
use hostwatch::net::http::{Answer, Client, Method, Request, send};
use hostwatch::net::route::Route;
use hostwatch::net::socket::{Service, Socket};
use hostwatch::net::tls::Guard;

use crate::agent::wait_for;
use crate::sink::free_port;
use crate::webhook::Tls;

/// Longer than anything here takes on a loaded machine.
const LONG: Duration = Duration::from_secs(20);

/// What is answered to a request, by the number of its connection and its own on that; nothing:
/// the connection is closed.
type Script = fn(connection: usize, request: usize) -> Option<&'static str>;

const OK: &str = "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok";

/// At the end of an answer: the connection is closed after it.
const HANGS_UP: char = '\u{4}';

/// A web server that keeps connections, until its script closes them.
struct Keeping {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Keeping {
    fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) =
            (Arc::clone(&server.connections), Arc::clone(&server.requests));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let connection = connections.fetch_add(1, Ordering::SeqCst);
                let requests = Arc::clone(&requests);
                std::thread::spawn(move || converse(&client, connection, &requests, script));
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/write", self.port)
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }
}

fn converse(client: &TcpStream, connection: usize, requests: &AtomicUsize, script: Script) {
    client.set_read_timeout(Some(LONG * 2)).unwrap();
    let mut input = BufReader::new(client);
    for request in 0.. {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if input.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).unwrap();
        requests.fetch_add(1, Ordering::SeqCst);
        let Some(answer) = script(connection, request) else { return };
        let mut output = client;
        output.write_all(answer.trim_end_matches(HANGS_UP).as_bytes()).unwrap();
        if answer.ends_with(HANGS_UP) {
            return;
        }
    }
}

fn post(url: &str) -> Request<'_> {
    let body = Some(&b"load,host=db03 load1=0.5\n\xff"[..]);
    Request { url, method: Method::Post, body, text_bytes: Some(1 << 10), ..Request::default() }
}

fn ask(client: &mut Client, url: &str) -> Result<Answer, String> {
    client.send(&post(url), Deadline::within(LONG))
}

#[test]
fn a_kept_client_uses_one_connection_and_one_that_is_not_kept_one_each() {
    let server = Keeping::start(|_, _| Some(OK));
    let mut client = Client::kept(&Route::default()).unwrap();
    for _ in 0..3 {
        let answer = ask(&mut client, &server.url()).unwrap();
        assert_eq!((answer.status, answer.text.as_str(), answer.is_whole), (200, "ok", true));
    }
    // Who does not ask for the text leaves the connection as usable.
    let url = server.url();
    let bare = Request { text_bytes: None, ..post(&url) };
    assert_eq!(client.send(&bare, Deadline::within(LONG)).unwrap().text, "");
    assert!(ask(&mut client, &server.url()).is_ok());
    assert_eq!(server.counts(), (1, 5));
    for _ in 0..2 {
        send(&bare, &Route::default(), Deadline::within(LONG)).unwrap();
    }
    assert_eq!(server.counts(), (3, 7));
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_replaced_once() {
    // The second request on the first connection meets a server that has just had enough.
    let server =
        Keeping::start(|connection, request| (connection, request).ne(&(0, 1)).then_some(OK));
    let mut client = Client::kept(&Route::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&mut client, &server.url()).map(|answer| answer.status), Ok(200));
    }
    assert_eq!(server.counts(), (2, 4));
    // A server that takes requests and never answers gets each at most twice, and a new connection
    // is no reason to try again.
    let server =
        Keeping::start(|connection, request| (connection == 0 && request == 0).then_some(OK));
    let mut client = Client::kept(&Route::default()).unwrap();
    assert!(ask(&mut client, &server.url()).is_ok());
    for counts in [(2, 3), (3, 4)] {
        let why = ask(&mut client, &server.url()).unwrap_err();
        assert!(why.contains("closed the connection without an answer"), "{why}");
        assert_eq!(server.counts(), counts);
    }
}

#[test]
fn what_was_answered_in_part_is_not_sent_again() {
    let server = Keeping::start(|_, request| match request {
        0 => Some(OK),
        _ => Some("HTTP/1.1 20"),
    });
    let mut client = Client::kept(&Route::default()).unwrap();
    assert!(ask(&mut client, &server.url()).is_ok());
    // The half answer is all that comes, and time runs out.
    let begin = Instant::now();
    let within = Duration::from_millis(300);
    let why = client.send(&post(&server.url()), Deadline::within(within)).unwrap_err();
    assert!(why.contains("no answer in time"), "{why}");
    assert!(begin.elapsed() >= within && begin.elapsed() < LONG, "{:?}", begin.elapsed());
    assert_eq!(server.counts(), (1, 2));
    // The connection is not used again.
    assert!(ask(&mut client, &server.url()).is_ok());
    assert_eq!(server.counts(), (2, 3));
    // Or the server hangs up.
    let server = Keeping::start(|_, request| match request {
        0 => Some(OK),
        _ => Some("HTTP/1.1 20\u{4}"),
    });
    let mut client = Client::kept(&Route::default()).unwrap();
    assert!(ask(&mut client, &server.url()).is_ok());
    assert!(ask(&mut client, &server.url()).is_err());
    assert_eq!(server.counts(), (1, 2));
    let server = Keeping::start(|_, request| match request {
        0 => Some(OK),
        _ => Some("HTTP/1.1 200 x\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf"),
    });
    let mut client = Client::kept(&Route::default()).unwrap();
    assert!(ask(&mut client, &server.url()).is_ok());
    let half = client.send(&post(&server.url()), Deadline::within(within)).unwrap();
    assert_eq!((half.status, half.text.as_str(), half.is_whole), (200, "half", false));
    assert_eq!(server.counts(), (1, 2));
}

#[test]
fn an_answer_has_the_servers_clock_and_as_much_text_as_is_asked_for() {
    let server = Keeping::start(|_, _| {
        Some(
            "HTTP/1.1 503 x\r\nDate: Mon, 23 Nov 2026 02:12:00 GMT\r\nRetry-After: 9\r\n\
             Content-Length: 6\r\n\r\n012345",
        )
    });
    let mut client = Client::kept(&Route::default()).unwrap();
    for (text_bytes, text, is_whole) in
        [(Some(6), "012345", true), (Some(5), "01234", false), (None, "012345", true)]
    {
        let url = server.url();
        let request = Request { text_bytes, ..post(&url) };
        let answer = client.send(&request, Deadline::within(LONG)).unwrap();
        assert_eq!((answer.text.as_str(), answer.is_whole), (text, is_whole), "{text_bytes:?}");
        assert_eq!(answer.date_unix, Some(1_795_399_920));
        assert_eq!(answer.wait, Some(Span::from_secs(9)));
    }
}

#[test]
fn a_kept_connection_under_tls_is_used_again_and_the_authority_read_once() {
    let tls = Tls::start();
    let ca = tls.directory.path().join("ca.pem");
    let route = Route { ca_file: Some(ca.to_str().unwrap().to_owned()), ..Route::default() };
    let mut client = Client::kept(&route).unwrap();
    let url = format!("https://localhost:{}/x", tls.port);
    let first = ask(&mut client, &url).unwrap();
    assert!(first.text.starts_with("port "), "{first:?}");
    assert_eq!(ask(&mut client, &url).unwrap().text, first.text);
    // Another name is another connection, which the same authority has to vouch for.
    std::fs::remove_file(&ca).unwrap();
    let other = format!("https://127.0.0.1:{}/x", tls.port);
    let why = ask(&mut client, &other).unwrap_err();
    assert!(why.contains("another name than 127.0.0.1"), "{why}");
    // After a failure it is read again, as it may have been renewed.
    let why = ask(&mut client, &other).unwrap_err();
    assert!(why.contains("ca.pem cannot be read"), "{why}");
}

#[test]
fn a_handshake_that_fails_is_not_tried_twice() {
    let (connections, port) = closing();
    let mut client =
        Client::kept(&Route { fingerprint: Some("0".repeat(64)), ..Route::default() }).unwrap();
    assert!(ask(&mut client, &format!("https://127.0.0.1:{port}/")).is_err());
    assert_eq!(connections.try_iter().count(), 1);
}

/// A server that hangs up after it has read once; each connection is told of.
fn closing() -> (mpsc::Receiver<()>, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (say, connections) = mpsc::channel();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            say.send(()).unwrap();
            let _ = client.read(&mut [0; 4096]);
        }
    });
    (connections, port)
}

const METRICS: Service = Service {
    name: "metrics server",
    tls_question: "does this port speak TLS?",
    patience: Span::from_secs(10),
};

fn open(port: u16) -> Result<Socket, String> {
    Socket::open("localhost", port, METRICS, Deadline::within(LONG))
}

#[test]
fn a_socket_gives_what_has_come_and_knows_when_its_peer_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut socket = open(listener.local_addr().unwrap().port()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    assert_eq!(socket.loss(), None);
    socket.send(b"load1 0.5 1795399920\n").unwrap();
    let mut line = [0; 21];
    peer.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"load1 0.5 1795399920\n");
    peer.write_all(b"ZBXD\x01").unwrap();
    socket.await_reply();
    let mut read = socket.read(4).unwrap();
    assert!(!read.is_empty() && read.len() <= 4);
    while read.len() < 5 {
        read.extend(socket.read(5 - read.len()).unwrap());
    }
    assert_eq!(read, b"ZBXD\x01");
    assert_eq!(socket.loss(), None, "a peer that is silent is not gone");
    // Closed with bytes unread: a reset.
    socket.send(b"x").unwrap();
    peer.peek(&mut [0]).unwrap();
    drop(peer);
    let mut why = String::new();
    wait_for("the reset is known", LONG, || {
        why.extend(socket.loss());
        !why.is_empty()
    });
    assert!(why.contains("reset"), "{why}");
    assert!(socket.send(b"y").is_err());

    let mut socket = open(listener.local_addr().unwrap().port()).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(socket.read(10).unwrap(), b"");
    assert!(socket.loss().unwrap().ends_with("closed the connection"));
}

#[test]
fn a_socket_says_what_to_look_at() {
    let why = open(free_port()).err().unwrap();
    assert!(
        why.ends_with("connection refused; is the metrics server running, and is the port right?"),
        "{why}"
    );
    let (_connections, port) = closing();
    let mut socket = open(port).unwrap();
    let why = socket.protect(&Guard::any().unwrap(), "localhost").unwrap_err();
    assert!(why.contains("TLS failed: ") && why.ends_with("; does this port speak TLS?"), "{why}");
    // Silence ends with the deadline, however patient the service is.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut socket = open(listener.local_addr().unwrap().port()).unwrap();
    socket.extend(Deadline::within(Duration::from_millis(200)));
    socket.await_reply();
    let begin = Instant::now();
    let why = socket.read(1).unwrap_err();
    assert!(why.ends_with("no answer in time") && begin.elapsed() < LONG / 2, "{why}");
}

#[test]
fn a_goodbye_under_tls_is_a_loss() {
    let tls = Tls::start();
    let mut socket = open(tls.port).unwrap();
    socket.protect(&Guard::any().unwrap(), "localhost").unwrap();
    assert!(socket.is_protected());
    assert_eq!(socket.loss(), None);
    // Answered, then hung up.
    socket.send(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
    socket.await_reply();
    let mut all = Vec::new();
    loop {
        match socket.read(1 << 10) {
            Ok(bytes) if bytes.is_empty() => break,
            Ok(bytes) => all.extend(bytes),
            Err(_) => break,
        }
    }
    assert!(String::from_utf8_lossy(&all).contains("202"));
    assert!(socket.loss().is_some());
}
