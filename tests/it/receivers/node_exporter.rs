//! Debian's node_exporter with its textfile collector alone: what it makes of a folder of files.

use std::path::Path;

use super::http::Http;
use super::running::{Program, Room, Running, ports};

/// The running exporter.
pub(crate) struct NodeExporter {
    pub(crate) running: Running,
    /// Its port: something that Prometheus can scrape.
    pub(crate) port: u16,
    http: Http,
}

impl NodeExporter {
    /// Reads `*.prom` in this folder whenever it is asked.
    pub(crate) fn start(folder: &Path) -> Self {
        let room = Room::new();
        let [port] = ports();
        let program = Program::new("/usr/bin/prometheus-node-exporter")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--collector.disable-defaults", "--collector.textfile"])
            .arg(format!("--collector.textfile.directory={}", folder.display()));
        let http = Http::new(port);
        let asked = http.clone();
        let running = Running::start(program, room, move || asked.is_good("/"));
        Self { running, port, http }
    }

    /// What a scraper would get.
    pub(crate) fn metrics(&self) -> String {
        self.http.get("/metrics").good()
    }
}

#[test]
fn node_exporter_hands_on_a_text_file_and_says_of_a_bad_one_that_it_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let it = NodeExporter::start(folder.path());
    let write = |text: &str| std::fs::write(folder.path().join("hostwatch.prom"), text).unwrap();
    write("# HELP hostwatch_up Is up.\n# TYPE hostwatch_up gauge\nhostwatch_up{check=\"a\"} 1\n");
    let text = it.metrics();
    assert!(text.contains("\nhostwatch_up{check=\"a\"} 1\n"), "{text}");
    assert!(text.contains("\nnode_textfile_scrape_error 0\n"), "{text}");
    assert!(text.contains("\nnode_textfile_mtime_seconds{file="), "{text}");
    write("hostwatch_up 1 1700000000000\n");
    let text = it.metrics();
    assert!(text.contains("\nnode_textfile_scrape_error 1\n"), "no stamps in a file: {text}");
}
