//! A well-behaved mail server for tests: takes everything, keeps it, in order of arrival.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One mail as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// Envelope recipients.
    pub(crate) recipients: Vec<String>,
    /// The message, line ends as `\n`.
    pub(crate) message: String,
}

impl Received {
    /// The value of a header, unfolded.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.message.split("\n\n").next().unwrap_or_default();
        let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
        let prefix = format!("{}:", name.to_lowercase());
        unfolded
            .lines()
            .find(|line| line.to_lowercase().starts_with(&prefix))
            .map(|line| line[prefix.len()..].trim().to_owned())
    }
}

/// The running server; it ends with the test process.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Sink {
    /// Listens on a free port.
    pub(crate) fn start() -> Self {
        Self::start_at(0)
    }

    /// Listens on this port.
    pub(crate) fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || drop(serve(&client, &kept)));
            }
        });
        Self { port, received }
    }

    /// Everything so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// A port on which nothing listens now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn serve(client: &TcpStream, kept: &Mutex<Vec<Received>>) -> std::io::Result<()> {
    let timeout = Some(std::time::Duration::from_secs(30));
    client.set_read_timeout(timeout)?;
    let mut say = client.try_clone()?;
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let mut recipients = Vec::new();
    say.write_all(b"220 sink.example.net ESMTP\r\n")?;
    while let Some(Ok(line)) = lines.next() {
        let verb = line.to_uppercase();
        if verb.starts_with("EHLO") || verb.starts_with("HELO") {
            say.write_all(b"250-sink.example.net\r\n250 8BITMIME\r\n")?;
        } else if verb.starts_with("RCPT TO:") {
            let address = line["RCPT TO:".len()..].trim();
            let address = address.split('>').next().unwrap_or_default();
            recipients.push(address.trim_start_matches('<').to_owned());
            say.write_all(b"250 2.1.5 ok\r\n")?;
        } else if verb == "DATA" {
            say.write_all(b"354 go ahead\r\n")?;
            let mut message = String::new();
            let mut whole = false;
            for line in lines.by_ref() {
                let line = line?;
                if line == "." {
                    whole = true;
                    break;
                }
                message.push_str(line.strip_prefix('.').unwrap_or(&line));
                message.push('\n');
            }
            // A client that goes away in the middle has sent nothing (RFC 5321, section 4.1.1.4).
            if !whole {
                return Ok(());
            }
            let taken = Received { recipients: std::mem::take(&mut recipients), message };
            kept.lock().unwrap().push(taken);
            say.write_all(b"250 2.0.0 taken\r\n")?;
        } else if verb == "QUIT" {
            return say.write_all(b"221 2.0.0 bye\r\n");
        } else {
            say.write_all(b"250 2.0.0 ok\r\n")?;
        }
    }
    Ok(())
}
