//! The few lines of HTTP that a question to a receiver needs. HTTP/1.0, so that an answer is what
//! comes until the end of the connection. Not for what the agent sends.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What a receiver answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The body of a good answer.
    pub(crate) fn good(self) -> String {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.body
    }

    pub(crate) fn json(self) -> serde_json::Value {
        let body = self.good();
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }
}

/// A server on a port of loopback, and who asks.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    authorization: Option<String>,
}

impl Http {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, tls: None, authorization: None }
    }

    /// Over TLS.
    pub(crate) fn tls(mut self, believes: Arc<ClientConfig>) -> Self {
        self.tls = Some(believes);
        self
    }

    pub(crate) fn login(mut self, user: &str, password: &str) -> Self {
        self.authorization = Some(format!("Basic {}", base64(&format!("{user}:{password}"))));
        self
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Whether it answers well: for a receiver that is starting.
    pub(crate) fn is_good(&self, path: &str) -> bool {
        self.ask("GET", path, &[], b"").is_ok_and(|answer| (200..300).contains(&answer.status))
    }

    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, &[("Content-Type", kind)], body)
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// A form as browsers send it.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = query(fields);
        self.post(path, "application/x-www-form-urlencoded", body.as_bytes())
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(ANSWER))?;
        socket.set_write_timeout(Some(ANSWER))?;
        let mut head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAccept: application/json\r\n\
             Content-Length: {}\r\n",
            self.port,
            body.len()
        );
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if let Some(value) = &self.authorization {
            write!(head, "Authorization: {value}\r\n").unwrap();
        }
        let request = [head.as_bytes(), b"\r\n", body].concat();
        match &self.tls {
            None => exchange(socket, &request),
            Some(config) => {
                let name = "127.0.0.1".try_into().map_err(io::Error::other)?;
                let line = ClientConnection::new(Arc::clone(config), name);
                exchange(StreamOwned::new(line.map_err(io::Error::other)?, socket), &request)
            }
        }
    }
}

fn exchange(mut line: impl Read + Write, request: &[u8]) -> io::Result<Answer> {
    line.write_all(request)?;
    line.flush()?;
    let mut answer = Vec::new();
    match line.read_to_end(&mut answer) {
        // Icinga closes without TLS' own farewell.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        _ => {}
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, body: body.to_owned() })
}

/// Fields of a form, or behind the question mark of an address.
pub(crate) fn query(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap();
        }
    }
    out
}

/// The other way round; `+` is a space.
pub(crate) fn unescaped(text: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// RFC 4648.
fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let word = three.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[word >> (18 - 6 * place) & 63]);
            out.push(if place <= three.len() { letter } else { '=' });
        }
    }
    out
}

#[test]
fn what_is_escaped_comes_back_and_a_login_is_spelled_as_the_rfc_says() {
    let text = "a b&c=\u{e4}+%41/?";
    assert_eq!(unescaped(&escaped(text)), text);
    assert_eq!(unescaped("a+b%20c"), "a b c");
    assert_eq!(query(&[("q", "a=1"), ("t", "2")]), "q=a%3D1&t=2");
    let spelled = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
    for (plain, code) in spelled {
        assert_eq!(base64(plain), code);
    }
}
