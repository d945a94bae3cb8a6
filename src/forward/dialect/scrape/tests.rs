//! The server against clients that ask, say nothing, say nonsense, and read slowly.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use super::*;

fn batch() -> Batch {
    Batch { at: Stamp(1_700_000_000_000), ..Batch::default() }
}

fn unix(folder: &Path) -> Listen {
    Listen::Unix(folder.join("metrics.sock").to_str().unwrap().to_owned())
}

fn ask(listen: &Listen, request: &str) -> Vec<u8> {
    let Listen::Unix(path) = listen else { panic!("not a socket") };
    let mut client = UnixStream::connect(path).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    answer
}

fn ask_text(listen: &Listen, request: &str) -> String {
    String::from_utf8(ask(listen, request)).unwrap()
}

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
const WITHIN: Span = Span::from_secs(5);

#[test]
fn the_newest_batch_is_served_and_an_old_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let listen = unix(folder.path());
    let mut outlet = Scrape::open(&listen).unwrap();
    let early = ask_text(&listen, GET);
    assert!(early.starts_with("HTTP/1.1 503") && early.contains("no readings yet"), "{early}");
    let reply = outlet.deliver(Load::Batch(&batch()), WITHIN);
    assert_eq!(reply.outcome, Outcome::Done);
    let page = ask_text(&listen, GET);
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("\r\nConnection: close\r\n") && page.contains("version=0.0.4"), "{page}");
    assert!(
        page.ends_with('\n') && page.contains("\nhostwatch_batch_timestamp_seconds 1700000000\n")
    );
    let length = page.split_once("Content-Length: ").unwrap().1.split("\r\n").next().unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), page.split_once("\r\n\r\n").unwrap().1.len());

    let old = Page { batch: Arc::new(batch()), fresh: Deadline::within(std::time::Duration::ZERO) };
    outlet.shelf.put(old);
    let late = ask_text(&listen, GET);
    assert!(late.starts_with("HTTP/1.1 503") && late.contains("too old"), "{late}");
}

#[test]
fn other_requests_get_an_answer_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let listen = unix(folder.path());
    let mut outlet = Scrape::open(&listen).unwrap();
    outlet.deliver(Load::Batch(&batch()), WITHIN);
    let head = ask_text(&listen, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    let missing = ask_text(&listen, "GET / HTTP/1.1\r\n\r\n");
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("/metrics"), "{missing}");
    let post = ask_text(&listen, "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    assert!(post.starts_with("HTTP/1.1 405") && post.contains("Allow: GET, HEAD"), "{post}");
    assert!(ask_text(&listen, "\u{1}\r\n\r\n").starts_with("HTTP/1.1 400"));
    // Exactly as long as what is taken, so that nothing unread cuts the answer off.
    let long = format!("GET /{}", "x".repeat(crate::model::limit::SCRAPE_REQUEST_BYTES - 5));
    assert!(ask_text(&listen, &long).starts_with("HTTP/1.1 431"));
    let packed = ask(&listen, "GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    let at = packed.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[at..]).read_to_string(&mut text).unwrap();
    assert!(text.contains("hostwatch_build_info"), "{text}");
}

#[test]
fn silent_clients_do_not_stop_others_and_are_few() {
    let folder = tempfile::tempdir().unwrap();
    let listen = unix(folder.path());
    let mut outlet = Scrape::open(&listen).unwrap();
    outlet.deliver(Load::Batch(&batch()), WITHIN);
    let Listen::Unix(path) = &listen else { panic!() };
    let silent = || UnixStream::connect(path).unwrap();
    let some: Vec<_> = (0..crate::model::limit::SCRAPE_CLIENTS / 2).map(|_| silent()).collect();
    assert!(ask_text(&listen, GET).starts_with("HTTP/1.1 200"));
    drop(some);
    // A machine that is busy may hang up on the first before the last is there.
    let refused = (0..3).any(|_| {
        let held: Vec<_> = (0..crate::model::limit::SCRAPE_CLIENTS).map(|_| silent()).collect();
        let mut answer = String::new();
        silent().read_to_string(&mut answer).unwrap();
        drop(held);
        answer.starts_with("HTTP/1.1 503") && answer.contains("Too many")
    });
    assert!(refused);
    // Nobody says anything, and nobody hangs up but the server; those that were held are forgotten
    // in a moment.
    let nothing = (0..10_000).any(|_| {
        let mut said = Vec::new();
        silent().read_to_end(&mut said).unwrap();
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 503"));
        said.is_empty()
    });
    assert!(nothing);
}

#[test]
fn a_socket_is_taken_over_only_from_the_dead() {
    let folder = tempfile::tempdir().unwrap();
    let listen = unix(folder.path());
    let path = folder.path().join("metrics.sock");
    drop(UnixListener::bind(&path).unwrap());
    let mut outlet = Scrape::open(&listen).unwrap();
    assert!(outlet.server.is_some());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);

    let mut second = Scrape::open(&listen).unwrap();
    let reply = second.deliver(Load::Batch(&batch()), WITHIN);
    assert!(matches!(reply.outcome, Outcome::Retry { .. }), "{reply:?}");
    outlet.deliver(Load::Batch(&batch()), WITHIN);
    let mark = Mark { at: Stamp(1_700_000_012_000), number: 7 };
    let proof = second.test(&mark, WITHIN).unwrap();
    let Proof::Accepted(text) = &proof else { panic!("{proof:?}") };
    assert!(text.contains("read 12s ago"), "{text}");
    drop(outlet);
    assert!(!path.exists());
    assert_eq!(second.deliver(Load::Batch(&batch()), WITHIN).outcome, Outcome::Done);
    drop(second);

    std::fs::write(&path, "precious").unwrap();
    let refused = Scrape::open(&listen).unwrap_err();
    assert!(refused.contains("no socket"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_test_reads_its_sample_back_by_tcp() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = Listen::Tcp(free.to_string());
    let mut outlet = Scrape::open(&listen).unwrap();
    let mark = Mark { at: Stamp(1), number: 4_000_000_000 };
    assert!(matches!(outlet.test(&mark, WITHIN), Ok(Proof::ReadBack(_))));
    outlet.deliver(Load::Batch(&batch()), WITHIN);
    assert!(matches!(outlet.test(&mark, WITHIN), Ok(Proof::ReadBack(_))));
    let page = fetch::page(&listen, WITHIN).unwrap();
    assert!(!page.contains("hostwatch_forward_test"), "{page}");
    drop(outlet);
    assert!(TcpStream::connect(free).is_err());
    // Held by a program that is no web server.
    let other = TcpListener::bind(free).unwrap();
    let mut outlet = Scrape::open(&listen).unwrap();
    let client = std::thread::spawn(move || drop(other.accept()));
    assert!(outlet.test(&mark, WITHIN).is_err());
    client.join().unwrap();
}

#[test]
fn only_this_host_is_listened_to() {
    for good in ["127.0.0.1:9797", "127.1.2.3:1", "[::1]:9797", "localhost:9797"] {
        assert!(loopback(good).is_ok(), "{good}");
    }
    for bad in ["0.0.0.0:9797", "[::]:9797", "192.168.1.2:9797", "[::ffff:10.0.0.1]:80"] {
        assert!(loopback(bad).unwrap_err().contains("other machines"), "{bad}");
    }
    for bad in ["", "9797", "127.0.0.1", "127.0.0.1:0", "localhost:x", "example.net:9797"] {
        assert!(loopback(bad).unwrap_err().contains("no address"), "{bad}");
    }
    assert!(Scrape::open(&Listen::Tcp("0.0.0.0:9797".to_owned())).is_err());
}

#[test]
fn who_sends_seldom_is_not_late_before_the_next_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut outlet = Scrape::open(&unix(folder.path())).unwrap();
    let at = |seconds: i64| Batch { at: Stamp(seconds * 1000), ..Batch::default() };
    assert_eq!(outlet.patience(&at(1000)), SCRAPE_FRESH);
    assert_eq!(outlet.patience(&at(1015)), SCRAPE_FRESH);
    assert_eq!(outlet.patience(&at(1615)), Span::from_secs(1800));
    assert_eq!(outlet.patience(&at(10)), SCRAPE_FRESH);
}
