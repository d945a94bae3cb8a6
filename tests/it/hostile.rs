//! A mail server that misbehaves on purpose, one fault a server. It keeps what it was told, so
//! that a test can say what never left the client. Ends by itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Where in a conversation a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Connect,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    Dot,
}

/// What is wrong with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Answers a step with this code.
    Code(Step, u16),
    /// Never answers a step.
    Silent(Step),
    /// Sends its greeting a byte a second.
    Drip,
    /// Resets the connection while the mail comes in.
    ResetMidData,
    /// Takes the whole mail and hangs up without a verdict.
    DropAfterDot,
    /// Answers EHLO with one line of 1 MB.
    HugeLine,
    /// Answers EHLO with lines for ever.
    EndlessLines,
    /// Answers EHLO with bytes and no line end for ever.
    EndlessLine,
    /// Offers logins, but no STARTTLS.
    Stripped,
    /// Offers STARTTLS, then goes on in the clear.
    FalseTls,
    /// Answers STARTTLS and, in the same packet, what should come under TLS.
    Injects,
    /// Odd but lawful EHLO lines, and some that are neither.
    OddEhlo,
    /// Hangs up instead of answering QUIT.
    NoGoodbye,
}

/// A running server.
pub(crate) struct Peer {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
    mails: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<std::sync::atomic::AtomicBool>,
}

impl Peer {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mails = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (ears, box_, halt) = (Arc::clone(&heard), Arc::clone(&mails), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if halt.load(std::sync::atomic::Ordering::SeqCst) {
                    break;
                }
                // A client that vanishes ends the session, not the server.
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
                let _ =
                    Session { stream, fault, heard: &ears, mails: &box_, buffer: Vec::new() }.run();
            }
        });
        Self { port, heard, mails, thread: Some(thread), stop }
    }

    /// All that any client ever sent.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }

    /// Mails that came in whole, whatever was answered.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Session<'a> {
    stream: TcpStream,
    fault: Fault,
    heard: &'a Mutex<Vec<u8>>,
    mails: &'a Mutex<Vec<String>>,
    buffer: Vec<u8>,
}

impl Session<'_> {
    fn run(mut self) -> std::io::Result<()> {
        if self.fault == Fault::Drip {
            for byte in b"220 slow.example.net ESMTP\r\n" {
                self.stream.write_all(&[*byte])?;
                // The pause is the fault; a client that hangs up ends it at once.
                self.stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                let mut gone = [0u8; 1];
                if self.stream.peek(&mut gone).is_ok_and(|count| count == 0) {
                    return Ok(());
                }
            }
            self.stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        } else if !self.answer(Step::Connect, "220 peer.example.net ESMTP")? {
            return Ok(());
        }
        loop {
            let line = self.line()?;
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let go_on = match word.as_str() {
                "EHLO" | "HELO" => self.ehlo()?,
                "STARTTLS" => self.starttls()?,
                "MAIL" => self.answer(Step::Mail, "250 2.1.0 ok")?,
                "RCPT" => self.answer(Step::Rcpt, "250 2.1.5 ok")?,
                "DATA" => self.data()?,
                "RSET" => self.say("250 ok")?,
                "QUIT" if self.fault == Fault::NoGoodbye => false,
                "QUIT" => {
                    self.say("221 bye")?;
                    false
                }
                _ => self.say("502 what?")?,
            };
            if !go_on {
                return Ok(());
            }
        }
    }

    fn answer(&mut self, step: Step, good: &str) -> std::io::Result<bool> {
        match self.fault {
            Fault::Code(at, code) if at == step => {
                self.say(&format!("{code} {}.3.2 this is the fault", code / 100))?;
                Ok(code != 421)
            }
            Fault::Silent(at) if at == step => {
                // Until the client hangs up.
                while self.read()? > 0 {}
                Ok(false)
            }
            _ => self.say(good),
        }
    }

    fn ehlo(&mut self) -> std::io::Result<bool> {
        match self.fault {
            Fault::HugeLine => {
                let line = format!("250-{}\r\n250 ok\r\n", "x".repeat(1 << 20));
                self.stream.write_all(line.as_bytes())?;
                Ok(true)
            }
            Fault::EndlessLines => loop {
                self.stream.write_all(b"250-more\r\n")?;
            },
            Fault::EndlessLine => loop {
                self.stream.write_all(&[b'x'; 65_536])?;
            },
            Fault::Stripped => self.say("250-peer\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME"),
            Fault::FalseTls | Fault::Injects => {
                self.say("250-peer\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS")
            }
            Fault::OddEhlo => {
                self.say("250-peer says hi\r\n250- \r\n250-\r\n250-auth=plain\r\n250-Size 9999999999999999999999\r\n250-\u{e9}\u{202e}\r\n250 dsn")
            }
            _ => self.answer(Step::Ehlo, "250-peer\r\n250-AUTH PLAIN LOGIN\r\n250 DSN"),
        }
    }

    fn starttls(&mut self) -> std::io::Result<bool> {
        match self.fault {
            Fault::Injects => self.say("220 go\r\n250-peer\r\n250 AUTH PLAIN LOGIN"),
            Fault::FalseTls => {
                self.say("220 go")?;
                // Whatever comes, it is answered as if nothing had been agreed.
                self.read()?;
                self.say("250-peer\r\n250 AUTH PLAIN LOGIN")
            }
            _ => self.say("502 no"),
        }
    }

    fn data(&mut self) -> std::io::Result<bool> {
        if !self.answer(Step::Data, "354 go ahead")? {
            return Ok(false);
        }
        if matches!(self.fault, Fault::Code(Step::Data, _)) {
            return Ok(true);
        }
        if self.fault == Fault::ResetMidData {
            self.read()?;
            // Closing with data unread makes the kernel send a reset.
            return Ok(false);
        }
        let mut mail = String::new();
        loop {
            let line = self.line()?;
            if line == "." {
                break;
            }
            mail.push_str(line.strip_prefix('.').unwrap_or(&line));
            mail.push_str("\r\n");
        }
        self.mails.lock().unwrap().push(mail);
        if self.fault == Fault::DropAfterDot {
            return Ok(false);
        }
        self.answer(Step::Dot, "250 2.0.0 queued as 4Zx1")
    }

    fn say(&mut self, text: &str) -> std::io::Result<bool> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.write_all(b"\r\n")?;
        Ok(true)
    }

    fn read(&mut self) -> std::io::Result<usize> {
        let mut chunk = [0u8; 4096];
        let count = self.stream.read(&mut chunk)?;
        self.heard.lock().unwrap().extend_from_slice(&chunk[..count]);
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    fn line(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8_lossy(&line)
                    .trim_end_matches(['\r', '\n'])
                    .to_owned());
            }
            if self.read()? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
