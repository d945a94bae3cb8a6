//! Fetches `/metrics` from where it is served, for the outlet's own test.

use std::io::{self, Read as _, Write as _};

use super::place::Client;
use super::shown;
use crate::forward::target::Listen;
use crate::model::limit::EXPOSITION_BYTES;
use crate::model::unit::Span;
use crate::net::clock::Deadline;

/// The text of the page.
///
/// # Errors
/// There was no answer, or one that is no page; in words for a person.
pub(super) fn page(listen: &Listen, within: Span) -> Result<String, String> {
    let at = shown(listen);
    let answer = ask(listen, within).map_err(|error| format!("no answer from {at}: {error}"))?;
    let text = String::from_utf8_lossy(&answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Err(format!("what answers at {at} is no web server"));
    };
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        let said = body.lines().next().unwrap_or_default();
        Err(format!("{at} answers {status}: {said}"))
    }
}

fn ask(listen: &Listen, within: Span) -> io::Result<Vec<u8>> {
    let deadline = Deadline::within(within.to_std());
    let mut client = Client::connect(listen, within.to_std())?;
    client.set_timeout(deadline.left())?;
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        let left = deadline.left();
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        client.set_timeout(left)?;
        let read = client.read(&mut piece)?;
        if read == 0 {
            return Ok(answer);
        }
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        if answer.len() as u64 > EXPOSITION_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}
