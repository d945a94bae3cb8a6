//! What all outlets over HTTP share: a kept connection, the login, and what an answer means.
//!
//! Owns the meaning of a status. Must not know: bodies, and what a receiver's words say of them.

use std::fmt;

use crate::forward::outlet::Outcome;
use crate::forward::target::Web;
use crate::model::base64;
use crate::model::limit::RETRY_AFTER_MAX;
use crate::model::text::shown;
use crate::model::time::Stamp;
use crate::net::clock::Deadline;
use crate::net::http::{Answer, Client, Method, Request};
use crate::net::route::origin;

/// In what the dialects over HTTP differ from each other.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// How the token goes along.
    pub token: Token,
    /// HTTP 500 says of what was sent that it will never be taken. Else it is a fault that may pass.
    pub final_500: bool,
    /// What a person looks at when there is nothing at the address (404).
    pub not_found: &'static str,
}

/// How a token goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Token`, as InfluxDB 2 wants it.
    Word,
    /// The dialect has a place of its own for it, see [`Endpoint::token`].
    Apart,
}

/// A web server that an outlet speaks with. Holds one connection while requests follow each other.
pub struct Endpoint {
    web: Web,
    dialect: Dialect,
    client: Option<Client>,
}

impl fmt::Debug for Endpoint {
    /// Without path and headers: with some services they are the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint {{ {} }}", self.name())
    }
}

impl Endpoint {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(web: &Web, dialect: Dialect) -> Self {
        Self { web: web.clone(), dialect, client: None }
    }

    /// The address as configured.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.web.url
    }

    /// For people: `https://metrics.example.net`.
    #[must_use]
    pub fn name(&self) -> String {
        shown(origin(&self.web.url)).into_owned()
    }

    /// The token as it is kept now.
    ///
    /// # Errors
    /// It cannot be read: held until somebody mends that.
    pub fn token(&self) -> Result<Option<String>, Outcome> {
        let read = self.web.token.as_ref().map(|token| token.read()).transpose();
        read.map_err(|why| Outcome::Hold { why: format!("{}: its token: {why}", self.name()) })
    }

    /// Posts a body. Login, token and further header lines come by themselves.
    ///
    /// # Errors
    /// What becomes of it where there was no answer.
    pub fn post(
        &mut self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        deadline: Deadline,
    ) -> Result<Answer, Outcome> {
        let headers = headers.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let request =
            Request { url, method: Method::Post, headers, body: Some(body), ..Request::default() };
        self.send(request, deadline)
    }

    /// Asks for what is at an address, and waits for `text_bytes` of it.
    ///
    /// # Errors
    /// What becomes of it where there was no answer.
    pub fn get(
        &mut self,
        url: &str,
        text_bytes: usize,
        deadline: Deadline,
    ) -> Result<Answer, Outcome> {
        self.send(Request { url, text_bytes: Some(text_bytes), ..Request::default() }, deadline)
    }

    /// Sends a request; login, token and further header lines come by themselves. Secrets are read
    /// anew each time, so that one that was changed is used at once.
    ///
    /// # Errors
    /// What becomes of it where there was no answer.
    pub fn send(&mut self, request: Request<'_>, deadline: Deadline) -> Result<Answer, Outcome> {
        let authorization = self.authorization()?;
        let name = self.name();
        if deadline.left().is_zero() {
            return Err(later(format!("{name}: there was no time left for another request")));
        }
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::kept(&self.web.trust)
                .map_err(|why| Outcome::Hold { why: format!("{name}: {why}") })?,
        };
        let mut request = request;
        request.headers.extend(authorization.map(|value| ("Authorization", value)));
        let further = self.web.headers.iter().map(|(key, value)| (key.as_str(), value.clone()));
        request.headers.extend(further);
        let answer = client.send(&request, deadline);
        self.client = Some(client);
        answer.map_err(later)
    }

    /// What becomes of what was sent, by the status of the answer; `lost` is what it held, in values
    /// or results.
    #[must_use]
    pub fn outcome(&self, answer: &Answer, lost: usize) -> Outcome {
        outcome(&self.name(), answer, self.dialect, lost)
    }

    /// The receiver's clock, by a request that stores nothing: any answer tells it.
    pub fn clock(&mut self, within: Deadline) -> Option<Stamp> {
        let url = self.web.url.clone();
        let request = Request { url: &url, ..Request::default() };
        clock_of(&self.send(request, within).ok()?)
    }

    fn authorization(&self) -> Result<Option<String>, Outcome> {
        let scheme = match self.dialect.token {
            Token::Bearer => "Bearer",
            Token::Word => "Token",
            Token::Apart => "",
        };
        if !scheme.is_empty()
            && let Some(token) = self.token()?
        {
            return Ok(Some(format!("{scheme} {token}")));
        }
        let Some((user, password)) = &self.web.login else { return Ok(None) };
        let password = password.read().map_err(|why| Outcome::Hold {
            why: format!("{}: password of {}: {why}", self.name(), shown(user)),
        })?;
        let login = base64::encode(format!("{user}:{password}").as_bytes());
        Ok(Some(format!("Basic {login}")))
    }
}

/// The receiver's clock, if its answer told it; to the second.
#[must_use]
pub fn clock_of(answer: &Answer) -> Option<Stamp> {
    answer.date_unix.map(|seconds| Stamp(seconds.saturating_mul(1000)))
}

/// Text as a part of an address or a form: everything but letters, digits and `-_.~` is encoded
/// (RFC 3986 section 2.3).
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The same again later: no answer is nobody's refusal. A name that is not known and a certificate
/// that is not believed are among it, since they may be mended on the other side; the words say so.
fn later(why: String) -> Outcome {
    Outcome::Retry { why, after: None, suspect: false }
}

fn outcome(name: &str, answer: &Answer, dialect: Dialect, lost: usize) -> Outcome {
    let words = format!("{name}: {}", answer.words());
    let hold = |advice: &str| Outcome::Hold { why: format!("{words}; {advice}") };
    let after = answer.wait.map(|wait| wait.min(RETRY_AFTER_MAX));
    match answer.status {
        200..=299 => Outcome::Done,
        300..=399 => hold(&format!(
            "it redirects to {}, and no redirect is followed: write the right address into the configuration",
            answer.location.as_deref().unwrap_or("nowhere")
        )),
        401 => hold("are user and password, or the token, right?"),
        403 => hold("this user or token may not write there: give it the right to"),
        404 | 410 => hold(dialect.not_found),
        405 | 415 => hold("something else is at this address: is the path of the address right?"),
        407 => hold("the proxy wants a login, and none is sent to it"),
        // Waited too long for the request, too early, too many of them.
        408 | 425 | 429 | 502..=504 => Outcome::Retry { why: words, after, suspect: false },
        400..=499 => Outcome::Dropped { lost, why: words },
        500 if dialect.final_500 => Outcome::Dropped { lost, why: words },
        _ => Outcome::Retry { why: words, after, suspect: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::unit::Span;
    use crate::store::secret::Secret;

    const DIALECT: Dialect =
        Dialect { token: Token::Bearer, final_500: false, not_found: "is the path right?" };

    fn of(status: u16, wait: Option<Span>, dialect: Dialect) -> Outcome {
        let answer = Answer { status, wait, text: "why\nso".to_owned(), ..Answer::default() };
        outcome("x", &answer, dialect, 7)
    }

    #[test]
    fn every_status_has_one_meaning() {
        let why = |status: u16| format!("x: {status} why so");
        for status in [200, 202, 204] {
            assert_eq!(of(status, None, DIALECT), Outcome::Done, "{status}");
        }
        for status in [400, 402, 406, 409, 411, 413, 414, 422, 431, 451] {
            let dropped = Outcome::Dropped { lost: 7, why: why(status) };
            assert_eq!(of(status, None, DIALECT), dropped);
        }
        for status in [301, 302, 307, 308, 401, 403, 404, 405, 407, 410, 415] {
            assert!(matches!(of(status, None, DIALECT), Outcome::Hold { .. }), "{status}");
        }
        for status in [408, 425, 429, 502, 503, 504] {
            let retry = Outcome::Retry { why: why(status), after: None, suspect: false };
            assert_eq!(of(status, None, DIALECT), retry);
        }
        for status in [500, 501, 507, 520, 599, 999, 101] {
            let retry = Outcome::Retry { why: why(status), after: None, suspect: true };
            assert_eq!(of(status, None, DIALECT), retry);
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_pause_but_not_for_a_year() {
        let after = |seconds| match of(429, Some(Span::from_secs(seconds)), DIALECT) {
            Outcome::Retry { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after(120), Some(Span::from_secs(120)));
        assert_eq!(after(31_536_000), Some(RETRY_AFTER_MAX));
    }

    #[test]
    fn a_500_is_final_in_some_dialects() {
        let dialect = Dialect { final_500: true, ..DIALECT };
        assert!(matches!(of(500, None, dialect), Outcome::Dropped { lost: 7, .. }));
        assert!(matches!(of(503, None, dialect), Outcome::Retry { suspect: false, .. }));
    }

    #[test]
    fn what_must_be_mended_is_said() {
        let location = Some("https://elsewhere.example/".to_owned());
        let moved = Answer { status: 308, location, ..Answer::default() };
        let Outcome::Hold { why } = outcome("x", &moved, DIALECT, 1) else { panic!() };
        assert!(why.contains("redirects to https://elsewhere.example/"), "{why}");
        let Outcome::Hold { why } = of(404, None, DIALECT) else { panic!() };
        assert!(why.ends_with("is the path right?"), "{why}");
    }

    #[test]
    fn a_login_is_read_when_it_is_used_and_shown_to_nobody() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let web = Web {
            url: "https://metrics.example.net/s3cret".to_owned(),
            login: Some(("hw".to_owned(), Secret::File(file.path().display().to_string()))),
            ..Web::default()
        };
        let endpoint = Endpoint::new(&web, DIALECT);
        let Err(Outcome::Hold { why }) = endpoint.authorization() else { panic!() };
        assert!(why.starts_with("https://metrics.example.net: password of hw: "), "{why}");
        for (password, wanted) in [("a", "Basic aHc6YQ=="), ("bb", "Basic aHc6YmI=")] {
            std::fs::write(file.path(), format!("{password}\n")).unwrap();
            assert_eq!(endpoint.authorization(), Ok(Some(wanted.to_owned())));
        }
        let token = Some(Secret::Literal("s3cret".to_owned()));
        let endpoint = Endpoint::new(&Web { token, ..web }, DIALECT);
        assert_eq!(endpoint.authorization(), Ok(Some("Bearer s3cret".to_owned())));
        assert!(!format!("{endpoint:?}").contains("s3cret"), "{endpoint:?}");
    }

    #[test]
    fn what_has_a_meaning_in_an_address_is_encoded() {
        assert_eq!(encoded("{a=\"ü b\"}&c-_.~"), "%7Ba%3D%22%C3%BC%20b%22%7D%26c-_.~");
    }
}
