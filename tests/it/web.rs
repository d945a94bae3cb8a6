//! A web server for tests: keeps every request, answers as it is told to, and can misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// As text; what is none has been replaced.
    pub(crate) body: String,
    /// As it came.
    pub(crate) bytes: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// How it answers.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// With this status, further header lines, and a text.
    Status(u16, &'static str, &'static str),
    /// By what is asked: status and text.
    Judged(fn(&Asked) -> (u16, &'static str)),
    /// Takes the request and says nothing.
    Silent,
    /// A byte of the header a second.
    Drip,
    /// A header without end.
    EndlessHeader,
    /// A good status, then a text without end.
    EndlessText,
    /// A bad status, and a text that is shorter than promised.
    Cut,
    /// Closes at once.
    Close,
    /// Something that is no HTTP.
    Garbage,
}

/// The running server; it ends with the test process.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    mode: Arc<Mutex<Mode>>,
}

impl Web {
    pub(crate) fn start() -> Self {
        Self::start_at(0)
    }

    pub(crate) fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let web = Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
            mode: Arc::new(Mutex::new(Mode::Status(200, "", "ok"))),
        };
        let server = web.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || drop(server.serve(&client)));
            }
        });
        web
    }

    pub(crate) fn answer(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        client.set_read_timeout(Some(Duration::from_secs(60)))?;
        client.set_write_timeout(Some(Duration::from_secs(60)))?;
        let mut say = client.try_clone()?;
        let mut input = BufReader::new(client.try_clone()?);
        let mut line = String::new();
        input.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            // Who is killed in the middle has asked nothing.
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let Some((key, value)) = line.trim_end().split_once(':') else { break };
            headers.push((key.to_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(key, _)| key == "content-length");
        let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let asked = Asked { method, path, headers, body: text, bytes: body };
        self.asked.lock().unwrap().push(asked.clone());
        let mode = self.mode.lock().unwrap().clone();
        match mode {
            Mode::Status(status, more, text) => write!(
                say,
                "HTTP/1.1 {status} x\r\n{more}Content-Length: {}\r\n\r\n{text}",
                text.len()
            ),
            Mode::Judged(judge) => {
                let (status, text) = judge(&asked);
                let length = text.len();
                write!(say, "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n\r\n{text}")
            }
            Mode::Silent => {
                let mut rest = Vec::new();
                input.read_to_end(&mut rest).map(drop)
            }
            Mode::Drip => {
                say.write_all(b"HTTP/1.1 200 x\r\nX: ")?;
                loop {
                    say.write_all(b"y")?;
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
            Mode::EndlessHeader => {
                say.write_all(b"HTTP/1.1 200 x\r\n")?;
                loop {
                    say.write_all(format!("X: {}\r\n", "y".repeat(1000)).as_bytes())?;
                }
            }
            Mode::EndlessText => {
                say.write_all(b"HTTP/1.1 500 x\r\n\r\n")?;
                loop {
                    say.write_all(&[b'z'; 8192])?;
                }
            }
            Mode::Cut => say.write_all(b"HTTP/1.1 503 x\r\nContent-Length: 1000\r\n\r\nbusy, sor"),
            Mode::Close => Ok(()),
            Mode::Garbage => say.write_all(b"220 mail.example.net ESMTP\r\n"),
        }
    }
}
