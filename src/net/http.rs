//! One HTTP request with a deadline for the whole of it and a bound on the answer, and what its
//! answer means. Follows no redirect, asks no environment.

use std::io::Read as _;
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use crate::model::limit::{HTTP_ANSWER, HTTP_ANSWER_BYTES, HTTP_HEADER_BYTES, REPLY_CHARS};
use crate::model::text::{shown, shown_within};
use crate::model::unit::Span;
use crate::net::client::Client;
use crate::net::clock::Deadline;
use crate::net::route::{Route, origin};

/// A request: a POST with a body, or a GET.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) url: &'a str,
    pub(crate) route: &'a Route,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: Option<&'a str>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The pause that the server asks for.
    pub(crate) wait: Option<Span>,
    /// Where else it says that it is.
    pub(crate) location: Option<String>,
    /// The begin of its text.
    pub(crate) text: String,
}

impl Answer {
    /// For people: `404 no such topic`.
    pub(crate) fn words(&self) -> String {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        shown_within(format!("{} {text}", self.status).trim(), REPLY_CHARS).into_owned()
    }
}

/// Asks, and waits for the answer.
///
/// # Errors
/// In words: no connection, no TLS, no answer in time, no HTTP.
pub(crate) fn send(request: &Request<'_>, deadline: Deadline) -> Result<Answer, String> {
    let name = shown(origin(request.url)).into_owned();
    let proxy = request.route.proxy.as_deref().map(ureq::Proxy::new).transpose();
    let proxy = proxy.map_err(|error| format!("the proxy of {name} is no address: {error}"))?;
    let config = ureq::Agent::config_builder()
        .proxy(proxy)
        // A redirect would carry token and event to whoever is named.
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("hostwatch/", env!("CARGO_PKG_VERSION")))
        .max_response_header_size(HTTP_HEADER_BYTES)
        .max_idle_connections(0)
        .timeout_global(Some(deadline.left()))
        .timeout_recv_body(Some(HTTP_ANSWER.to_std()))
        .build();
    let client = Client::new(config, request.route, &name)?;
    let answer = match request.body {
        Some(body) => {
            let mut asked = client.agent.post(request.url);
            for (key, value) in &request.headers {
                asked = asked.header(*key, value);
            }
            asked.send(body)
        }
        None => {
            let mut asked = client.agent.get(request.url);
            for (key, value) in &request.headers {
                asked = asked.header(*key, value);
            }
            asked.call()
        }
    };
    let mut answer =
        answer.map_err(|error| client.trouble().unwrap_or_else(|| words(&name, &error)))?;
    let header = |key: &str| {
        let value = answer.headers().get(key)?.to_str().ok()?;
        Some(shown_within(value.trim(), REPLY_CHARS).into_owned())
    };
    let wait = pause(header("retry-after").as_deref(), header("date").as_deref());
    let location = header("location");
    let status = answer.status().as_u16();
    let mut text = Vec::new();
    // The status has decided; how much of the text comes does not matter.
    if !(200..300).contains(&status) {
        let _ = answer.body_mut().as_reader().take(HTTP_ANSWER_BYTES).read_to_end(&mut text);
    }
    Ok(Answer { status, wait, location, text: String::from_utf8_lossy(&text).into_owned() })
}

/// Tells a heartbeat's address that the agent is alive: one GET within `within`. The answer, for
/// people.
///
/// # Errors
/// In words: it could not be told, or the server does not want to hear it.
pub fn ping(url: &str, token: Option<&str>, within: Duration) -> Result<String, String> {
    let headers = token.map(|token| ("Authorization", format!("Bearer {token}")));
    let request = Request {
        url,
        route: &Route::default(),
        headers: headers.into_iter().collect(),
        body: None,
    };
    let answer = send(&request, Deadline::within(within))?;
    let words = format!("{}: {}", shown(origin(url)), answer.words());
    if (200..300).contains(&answer.status) { Ok(words) } else { Err(words) }
}

/// The pause of `Retry-After`: seconds, or a date, which is taken against the server's own clock.
fn pause(retry_after: Option<&str>, date: Option<&str>) -> Option<Span> {
    let wanted = retry_after?;
    if let Ok(seconds) = wanted.parse::<u32>() {
        return Some(Span::from_secs(u64::from(seconds)));
    }
    let parser = DateTimeParser::new();
    let at = |text: &str| parser.parse_timestamp(text).ok().map(jiff::Timestamp::as_second);
    let seconds = at(wanted)?.saturating_sub(at(date?)?);
    Some(Span::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// An error in words that a person expects.
fn words(name: &str, error: &ureq::Error) -> String {
    let what = match error {
        ureq::Error::Timeout(ureq::Timeout::Resolve) => {
            "cannot be looked up: the name server does not answer".to_owned()
        }
        ureq::Error::Timeout(ureq::Timeout::Connect) => "cannot be reached in time".to_owned(),
        ureq::Error::Timeout(_) => "gave no answer in time".to_owned(),
        ureq::Error::HostNotFound => "has no address: is the name right?".to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "cannot be reached: connection refused".into(),
            std::io::ErrorKind::UnexpectedEof => "closed the connection without an answer".into(),
            _ => format!("cannot be reached: {error}"),
        },
        ureq::Error::ConnectProxyFailed(why) => format!("cannot be reached by the proxy: {why}"),
        ureq::Error::Http(why) => format!("cannot be asked: {why}"),
        ureq::Error::LargeResponseHeader(..) => "answers with too many header lines".to_owned(),
        other => format!("does not speak HTTP as expected: {other}"),
    };
    shown_within(&format!("{name} {what}"), REPLY_CHARS).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_number_or_a_date_by_the_servers_clock() {
        let date = Some("Mon, 23 Nov 2026 02:12:00 GMT");
        assert_eq!(pause(Some("120"), None), Some(Span::from_secs(120)));
        assert_eq!(pause(Some("Mon, 23 Nov 2026 02:13:30 GMT"), date), Some(Span::from_secs(90)));
        assert_eq!(pause(Some("Mon, 23 Nov 2026 02:00:00 GMT"), date), Some(Span::ZERO));
        for odd in ["-1", "99999999999999", "soon", "", "Mon, 23 Nov 2026 02:13:30 GMT"] {
            assert_eq!(pause(Some(odd), None), None, "{odd}");
        }
    }
}
