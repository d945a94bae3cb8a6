//! `hostwatch capture`: what the probes read of this machine, as a root that `check --root` judges.
//! Owns the order of the work and the writing; what is read, the probes say themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::hash::RandomState;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use super::args::Capture;
use super::screen::Screen;
use crate::config;
use crate::daemon::clock::Clock;
use crate::daemon::reach;
use crate::host::Host;
use crate::host::record::{Copy, Node, Noted, Recorder};
use crate::model::exit;
use crate::model::unit::Span;
use crate::parse::scrub::Scrubber;
use crate::probe::{self, KINDS, Kind, Options};

/// Looks at the copy to find what else a recording is read for; each finds what the one before led
/// to, and the third has found nothing on any machine so far.
const LOOKS: usize = 4;

type Scrub = Option<Scrubber<RandomState>>;

/// Records.
#[must_use]
pub fn run(screen: &Screen, asked: &Capture) -> u8 {
    match work(screen, asked) {
        Ok(()) => exit::DONE,
        Err(error) => {
            screen.err(&format!("cannot write {}: {error}", asked.directory.display()));
            exit::FAILED
        }
    }
}

fn work(screen: &Screen, asked: &Capture) -> io::Result<()> {
    let directory = &asked.directory;
    // Fails where anything has this name, a dangling link too.
    std::fs::create_dir(directory)?;
    let patience = Span::from_secs(asked.timeout);
    let live = reached(screen, Host::live().waiting());
    let noted = look(screen, &live, patience);
    let mut scrub: Scrub = (!asked.no_scrub).then(|| Scrubber::new(RandomState::new()));
    let mut copy = Copy::default();
    copy.add(&live, &noted);
    if let Some(scrub) = &mut scrub {
        teach(scrub, &live, &copy, &noted);
    }
    write_tools(directory, &noted, &mut scrub)?;
    if !noted.bmc.is_empty() {
        let folder = directory.join("dev/ipmi0");
        std::fs::create_dir_all(&folder)?;
        put(&folder.join("answers.txt"), noted.bmc.as_bytes(), 0o644)?;
    }
    let mut written = BTreeSet::new();
    for _ in 0..LOOKS {
        write_new(directory, &copy, &mut written, &mut scrub)?;
        // A recording is asked for files where the live machine answers system calls.
        let mut more = look(screen, &Host::recorded(directory), patience);
        if let Some(scrub) = &scrub {
            let restored = |paths: &BTreeSet<String>| -> BTreeSet<String> {
                paths.iter().map(|path| scrub.restore(path)).collect()
            };
            more.paths = restored(&more.paths);
            more.folders = restored(&more.folders);
        }
        // Tools are what `bin` holds; the machine's own folder of that name is no part of it.
        more.paths.retain(|path| path != "bin" && !path.starts_with("bin/"));
        let before = copy.nodes.len();
        copy.add(&live, &more);
        if copy.nodes.len() == before {
            break;
        }
    }
    write_new(directory, &copy, &mut written, &mut scrub)?;
    if copy.cut {
        screen.err("this machine is larger than a capture may be: some of it was left out");
    }
    let files = copy.nodes.values().filter(|node| matches!(node, Node::File(_))).count();
    let (place, tools) = (directory.display(), noted.tools.len());
    screen.out(&format!("Wrote {files} files and {tools} answers of tools to {place}"));
    if asked.no_scrub {
        screen.err("Names, addresses and serial numbers are in it as they are.");
    } else {
        screen.out("Names, addresses, serial numbers and UUIDs were replaced; look through it all the same.");
    }
    screen.out(&format!("Judge it with: hostwatch check --root {place}"));
    Ok(())
}

/// The machine as its configuration has it reached. Without the agent's cache: what is not asked is
/// not recorded.
fn reached(screen: &Screen, host: Host) -> Host {
    let loaded = config::load(None, &host.identity());
    match loaded.plan {
        Some(plan) => host.reaching(reach::access(&plan.bmc)),
        None => {
            screen.err("the configuration has mistakes, so a BMC is asked in-band if at all");
            host
        }
    }
}

/// Reads everything once, and notes what was asked. A source that hangs is left behind.
fn look(screen: &Screen, host: &Host, patience: Span) -> Noted {
    let recorder = Recorder::default();
    let host = host.clone().recording(recorder.clone());
    let _ = host.identity();
    for kind in KINDS.iter().copied() {
        let sources: BTreeSet<Arc<str>> = match probe::list(kind, &host, Clock::new().now().moment)
        {
            Ok(found) => found.into_iter().map(|found| found.source).collect(),
            Err(_) => continue,
        };
        for source in sources {
            if !read(kind, &source, &host, patience) && !host.is_recorded() {
                let name = kind.spec().name;
                screen.err(&format!("{name} {source}: no answer within {patience}, left out"));
            }
        }
    }
    recorder.noted()
}

fn read(kind: &'static dyn Kind, source: &str, host: &Host, patience: Span) -> bool {
    let (host, source) = (host.clone(), source.to_owned());
    let (done, answer) = channel();
    let thread = std::thread::Builder::new().name("capture".to_owned()).spawn(move || {
        let mut probe = kind.open(&source, &Options::default());
        let _ = probe.read(&host, Clock::new().now().moment);
        let _ = done.send(());
    });
    thread.is_ok() && answer.recv_timeout(patience.to_std()).is_ok()
}

/// What names this machine and has no form that tells.
fn teach(scrub: &mut Scrubber<RandomState>, live: &Host, copy: &Copy, noted: &Noted) {
    const NAMES: &[&str] =
        &["wwid", "vpd_pg80", "vpd_pg83", "unique_id", "nguid", "eui", "sas_address", "machine-id"];
    let identity = live.identity();
    scrub.learn_name(&identity.fqdn);
    scrub.learn_name(&identity.name);
    for (path, node) in &copy.nodes {
        let Node::File(text) = node else { continue };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.contains("serial") || NAMES.contains(&name) {
            scrub.learn(&String::from_utf8_lossy(text));
        }
    }
    for (_, text) in noted.tools.values() {
        scrub.learn_from(&String::from_utf8_lossy(text));
    }
}

fn clean(scrub: &mut Scrub, text: &str) -> String {
    scrub.as_mut().map_or_else(|| text.to_owned(), |scrub| scrub.scrub(text))
}

/// Writes what is not written yet.
fn write_new(
    directory: &Path,
    copy: &Copy,
    written: &mut BTreeSet<PathBuf>,
    scrub: &mut Scrub,
) -> io::Result<()> {
    for (path, node) in &copy.nodes {
        if !written.insert(path.clone()) {
            continue;
        }
        let place = directory.join(clean(scrub, &path.to_string_lossy()));
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match node {
            Node::Folder => std::fs::create_dir_all(&place)?,
            Node::Link(target) => symlink(clean(scrub, target), &place)?,
            Node::File(bytes) => {
                let bytes = match (scrub.is_some(), std::str::from_utf8(bytes)) {
                    (false, _) => bytes.clone(),
                    (true, Ok(text)) => private(scrub, path, text).into_bytes(),
                    // What is no text may hold anything.
                    (true, Err(_)) => continue,
                };
                put(&place, &bytes, 0o644)?;
            }
        }
    }
    Ok(())
}

/// A file's text; of those that people write, only what the probes need.
fn private(scrub: &mut Scrub, path: &Path, text: &str) -> String {
    const SECRET: &[&str] =
        &["username=", "user=", "password=", "pass=", "domain=", "credentials="];
    let name = path.to_string_lossy();
    if name == "etc/hosts" {
        return "127.0.0.1 localhost\n".to_owned();
    }
    let text = if name == "etc/fstab" || name.ends_with("mounts") || name.ends_with("mountinfo") {
        if let Some(scrub) = scrub {
            text.split_whitespace().filter_map(server).for_each(|name| scrub.learn_name(name));
        }
        let option = |option: &str| {
            let secret = SECRET.iter().find(|key| option.starts_with(**key));
            secret.map_or_else(|| option.to_owned(), |key| format!("{key}x"))
        };
        let words = |line: &str| {
            let words = line
                .split(' ')
                .map(|word| word.split(',').map(option).collect::<Vec<_>>().join(","));
            words.collect::<Vec<_>>().join(" ")
        };
        let lines = text.split('\n').filter(|line| !line.trim_start().starts_with('#'));
        lines.map(words).collect::<Vec<_>>().join("\n")
    } else {
        text.to_owned()
    };
    clean(scrub, &text)
}

/// The server in the source of a mount: `nas:/export`, `//nas/share`.
fn server(word: &str) -> Option<&str> {
    match word.strip_prefix("//") {
        Some(rest) => rest.split('/').next(),
        None => word.split_once(":/").map(|(name, _)| name),
    }
}

/// Programs that print what the tools printed, by their arguments.
fn write_tools(directory: &Path, noted: &Noted, scrub: &mut Scrub) -> io::Result<()> {
    let mut scripts: BTreeMap<&str, String> = BTreeMap::new();
    for (number, ((tool, arguments), (status, output))) in noted.tools.iter().enumerate() {
        let output = clean(scrub, &String::from_utf8_lossy(output));
        let answer = format!("answers/{number}");
        std::fs::create_dir_all(directory.join("bin/answers"))?;
        put(&directory.join("bin").join(&answer), output.as_bytes(), 0o644)?;
        let words = clean(scrub, &arguments.join(" ")).replace('\'', "'\\''");
        let script = scripts
            .entry(tool)
            .or_insert_with(|| "#!/bin/sh\nhere=${0%/*}\ncase \"$*\" in\n".to_owned());
        script.push_str(&format!("'{words}') cat \"$here/{answer}\"; exit {status} ;;\n"));
    }
    for (tool, script) in scripts {
        let text = format!("{script}esac\nexit 1\n");
        put(&directory.join("bin").join(tool), text.as_bytes(), 0o755)?;
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}
