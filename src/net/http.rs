//! HTTP requests, each with a deadline for the whole of it and a bound on the answer. Follows no
//! redirect, asks no environment. Must not know: what an answer means for what was sent.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use ureq::http;

use crate::model::limit::{
    HTTP_ANSWER, HTTP_ANSWER_BYTES, HTTP_HEADER_BYTES, HTTP_IDLE, REPLY_CHARS,
};
use crate::model::text::{shown, shown_within};
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::route::{Route, origin};
use crate::net::transport::{Log, agent};

/// What is asked of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// For what it has.
    #[default]
    Get,
    /// To take a body.
    Post,
}

/// A request.
#[derive(Clone, Default)]
pub struct Request<'a> {
    /// `https://HOST[:PORT]/PATH`, or `http://`.
    pub url: &'a str,
    /// What is asked.
    pub method: Method,
    /// Header lines; length, host and user agent come by themselves.
    pub headers: Vec<(&'a str, String)>,
    /// What is sent along.
    pub body: Option<&'a [u8]>,
    /// Bytes of the answer's text that are waited for, whatever the status is. Without, a good
    /// status has no text, and of another's the begin is taken as it comes.
    pub text_bytes: Option<usize>,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// `200`.
    pub status: u16,
    /// The pause that the server asks for.
    pub wait: Option<Span>,
    /// The server's clock (`Date`), in seconds of Unix time.
    pub date_unix: Option<i64>,
    /// Where else it says that it is.
    pub location: Option<String>,
    /// The begin of its text; not UTF-8 is replaced.
    pub text: String,
    /// The same as it came, where it was asked for: for answers that are no text.
    pub body: Vec<u8>,
    /// Whether that is all of its text: there was room and time for it.
    pub is_whole: bool,
}

impl Answer {
    /// Whether the server says that all is well.
    #[must_use]
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// For people: `404 no such topic`.
    #[must_use]
    pub fn words(&self) -> String {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        shown_within(format!("{} {text}", self.status).trim(), REPLY_CHARS).into_owned()
    }
}

/// What stays from one request to the next: certificate authorities, and one connection.
pub struct Client {
    agent: ureq::Agent,
    log: Arc<Log>,
    keeps: bool,
}

impl Client {
    /// For one request: no connection is kept.
    ///
    /// # Errors
    /// The proxy is no address.
    pub fn once(route: &Route) -> Result<Self, String> {
        Self::build(route, false)
    }

    /// For requests to one server, again and again: its connection is kept for [`HTTP_IDLE`]. One
    /// that was closed meanwhile is found out and replaced.
    ///
    /// # Errors
    /// The proxy is no address.
    pub fn kept(route: &Route) -> Result<Self, String> {
        Self::build(route, true)
    }

    fn build(route: &Route, keeps: bool) -> Result<Self, String> {
        let proxy = route.proxy.as_deref().map(ureq::Proxy::new).transpose();
        let proxy = proxy.map_err(|error| format!("the proxy is no address: {error}"))?;
        let config = ureq::Agent::config_builder()
            .proxy(proxy)
            // A redirect would carry token and event to whoever is named.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("hostwatch/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(HTTP_HEADER_BYTES)
            .max_idle_connections(usize::from(keeps))
            .max_idle_age(HTTP_IDLE.to_std())
            .build();
        let log = Arc::new(Log::default());
        Ok(Self { agent: agent(config, route, &log), log, keeps })
    }

    /// Asks, and waits for the answer; all of it within `deadline`.
    ///
    /// A server may close a kept connection just when the next request is on its way. Where that
    /// seems so, since not a byte came back, the request is sent once more over a new one.
    ///
    /// # Errors
    /// In words: no connection, no TLS, no answer in time, no HTTP.
    pub fn send(&mut self, request: &Request<'_>, deadline: Deadline) -> Result<Answer, String> {
        let mut answer = self.attempt(request, deadline);
        if let Err(ureq::Error::Io(error)) = &answer
            && is_closed(error)
            && self.log.found_it_closed()
        {
            answer = self.attempt(request, deadline);
        }
        let answer = answer.map_err(|error| {
            self.log.trouble().unwrap_or_else(|| words(&shown(origin(request.url)), &error))
        })?;
        Ok(self.read(request, answer))
    }

    fn attempt(
        &self,
        request: &Request<'_>,
        deadline: Deadline,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        self.log.begin();
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        let mut asked = http::Request::builder().method(method).uri(request.url);
        for (key, value) in &request.headers {
            asked = asked.header(*key, value);
        }
        match request.body {
            Some(body) => {
                let asked = self.agent.configure_request(asked.body(body)?);
                self.agent.run(timed(asked, request, deadline).build())
            }
            None => {
                let asked = self.agent.configure_request(asked.body(())?);
                self.agent.run(timed(asked, request, deadline).build())
            }
        }
    }

    fn read(&self, request: &Request<'_>, mut answer: http::Response<ureq::Body>) -> Answer {
        let header = |key: &str| {
            let value = answer.headers().get(key)?.to_str().ok()?;
            Some(shown_within(value.trim(), REPLY_CHARS).into_owned())
        };
        let date = header("date");
        let mut read = Answer {
            status: answer.status().as_u16(),
            wait: pause(header("retry-after").as_deref(), date.as_deref()),
            date_unix: date.as_deref().and_then(unix),
            location: header("location"),
            ..Answer::default()
        };
        // Only a connection whose answer was read to its end can be kept.
        if request.text_bytes.is_none() && read.is_good() && !self.keeps {
            return read;
        }
        let bytes = request.text_bytes.unwrap_or(HTTP_ANSWER_BYTES);
        let mut text = Vec::new();
        let room = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(1);
        // The status has decided; how much of the text comes is for the asker to judge.
        let end = answer.body_mut().as_reader().take(room).read_to_end(&mut text);
        read.is_whole = end.is_ok() && text.len() <= bytes;
        if request.text_bytes.is_some() || !read.is_good() {
            text.truncate(bytes);
            read.text = String::from_utf8_lossy(&text).into_owned();
        }
        if request.text_bytes.is_some() {
            read.body = text;
        }
        read
    }
}

/// Sets what each request has of its own: the time that is left for it.
fn timed<S: ureq::AsSendBody>(
    asked: ureq::config::ConfigBuilder<ureq::typestate::HttpCrateScope<S>>,
    request: &Request<'_>,
    deadline: Deadline,
) -> ureq::config::ConfigBuilder<ureq::typestate::HttpCrateScope<S>> {
    let for_text = request.text_bytes.is_none().then(|| HTTP_ANSWER.to_std());
    asked.timeout_global(Some(deadline.left())).timeout_recv_body(for_text)
}

/// How a connection ends that the other side had closed before it saw what was sent.
fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
    )
}

/// Asks once, and waits for the answer.
///
/// # Errors
/// In words: no connection, no TLS, no answer in time, no HTTP.
pub fn send(request: &Request<'_>, route: &Route, deadline: Deadline) -> Result<Answer, String> {
    let client = Client::once(route);
    client.map_err(|why| format!("{}: {why}", shown(origin(request.url))))?.send(request, deadline)
}

/// Tells a heartbeat's address that the agent is alive: one GET within `within`. The answer, for
/// people.
///
/// # Errors
/// In words: it could not be told, or the server does not want to hear it.
pub fn ping(url: &str, token: Option<&str>, within: Duration) -> Result<String, String> {
    let headers = token.map(|token| ("Authorization", format!("Bearer {token}")));
    let request = Request { url, headers: headers.into_iter().collect(), ..Request::default() };
    let answer = send(&request, &Route::default(), Deadline::within(within))?;
    let words = format!("{}: {}", shown(origin(url)), answer.words());
    if answer.is_good() { Ok(words) } else { Err(words) }
}

/// The pause of `Retry-After`: seconds, or a date, which is taken against the server's own clock.
fn pause(retry_after: Option<&str>, date: Option<&str>) -> Option<Span> {
    let wanted = retry_after?;
    if let Ok(seconds) = wanted.parse::<u32>() {
        return Some(Span::from_secs(u64::from(seconds)));
    }
    let seconds = unix(wanted)?.saturating_sub(unix(date?)?);
    Some(Span::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// Seconds of Unix time of a date in a header.
fn unix(date: &str) -> Option<i64> {
    DateTimeParser::new().parse_timestamp(date).ok().map(jiff::Timestamp::as_second)
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
            io::ErrorKind::ConnectionRefused => "cannot be reached: connection refused".into(),
            // Under TLS, ureq's own words for it are lost.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "gave no answer in time".into(),
            io::ErrorKind::UnexpectedEof => "closed the connection without an answer".into(),
            // The system's resolver has no kind of its own: "failed to lookup address information: ...".
            _ if error.to_string().contains("lookup") => {
                format!("has no address: is the name right? ({error})")
            }
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
