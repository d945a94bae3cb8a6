//! What stands in for NRDP, which no Debian package has: it answers as NRDP does, that is with 200
//! always, and puts results where the real Nagios looks for them. It judges nothing itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::unescaped;
use super::now_ms;

/// What a sender must show.
pub(crate) const TOKEN: &str = "token of the test";

/// Largest request, as the web servers before NRDP have it.
const BODY_MAX: usize = 8 << 20;

/// The running door; it ends with the test process.
#[derive(Debug, Clone)]
pub(crate) struct Nrdp {
    pub(crate) port: u16,
    spool: PathBuf,
    count: Arc<AtomicU32>,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Nrdp {
    /// Puts results into this folder, Nagios' `check_result_path`.
    pub(crate) fn start(spool: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let nrdp =
            Self { port, spool: spool.to_owned(), count: Arc::default(), said: Arc::default() };
        let server = nrdp.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || drop(server.serve(&client)));
            }
        });
        nrdp
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/nrdp/", self.port)
    }

    /// Every answer so far, in order.
    pub(crate) fn said(&self) -> Vec<Value> {
        self.said.lock().unwrap().clone()
    }

    /// Requests of one connection, one after the other.
    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        client.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut say = client.try_clone()?;
        let mut input = BufReader::new(client.try_clone()?);
        loop {
            let (mut line, mut length) = (String::new(), 0);
            let (mut is_post, mut is_last) = (false, false);
            loop {
                line.clear();
                if input.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                is_post |= line.starts_with("POST ");
                is_last |= line.trim_end().ends_with(" HTTP/1.0");
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().unwrap_or(0);
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length.min(BODY_MAX)];
            input.read_exact(&mut body)?;
            let answer = if is_post { self.judge(&body) } else { problem("NO REQUEST HANDLER") };
            self.said.lock().unwrap().push(answer.clone());
            let text = answer.to_string();
            write!(
                say,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            )?;
            if is_last {
                return Ok(());
            }
        }
    }

    fn judge(&self, body: &[u8]) -> Value {
        let body = String::from_utf8_lossy(body);
        let field = |wanted: &str| {
            let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == wanted).map(|(_, value)| unescaped(value))
        };
        match field("token").as_deref() {
            None | Some("") => return problem("NO TOKEN"),
            Some(TOKEN) => {}
            Some(_) => return problem("BAD TOKEN"),
        }
        if field("cmd").as_deref() != Some("submitcheck") {
            return problem("NO COMMAND");
        }
        let Some(data) = field("JSONDATA").filter(|data| !data.is_empty()) else {
            return problem("NO DATA");
        };
        let Ok(data) = serde_json::from_str::<Value>(&data) else { return problem("BAD JSON") };
        let Some(results) = data["checkresults"].as_array() else { return problem("BAD JSON") };
        for result in results {
            self.hand_on(result);
        }
        let output = format!("{} checks processed.", results.len());
        json!({"result": {"status": 0, "message": "OK", "meta": {"output": output}}})
    }

    /// The file that Nagios reads, then the one that says that it is whole.
    fn hand_on(&self, result: &Value) {
        let text = |name: &str| match &result[name] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let mut lines = format!(
            "### NRDP Check ###\nstart_time={}.0\n# Time: now\nhost_name={}\n",
            now_ms() / 1000,
            text("hostname")
        );
        if result["checkresult"]["type"] == "service" {
            lines += &format!("service_description={}\n", text("servicename"));
        }
        let output = text("output").replace('\n', "\\n");
        lines += &format!(
            "check_type=1\nearly_timeout=1\nexited_ok=1\nreturn_code={}\noutput={output}\\n\n",
            text("state"),
        );
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.spool.join(format!("c{number:06}"));
        std::fs::write(&path, lines).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(&path, open).unwrap();
        std::fs::write(path.with_extension("ok"), "").unwrap();
    }
}

fn problem(why: &str) -> Value {
    json!({"result": {"status": -1, "message": why}})
}
