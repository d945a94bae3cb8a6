//! What is read of a machine, noted while it is read, and copied afterwards: how a capture knows
//! what belongs into it. Owns the copying of files, folders and links below a root, bounded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Host;
use super::file::{Shape, read};
use super::ipmi::Notes;
use crate::model::limit::{CAPTURE_BYTES, CAPTURE_ENTRIES};

/// Links that one path may lead through; the kernel's own bound.
const LINKS: usize = 40;

/// Notes of what was asked of a machine.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    noted: Arc<Mutex<Noted>>,
    /// What passed between the agent and the BMC.
    pub(super) bmc: Notes,
}

/// What was asked.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    /// Files read, links followed, names looked for.
    pub paths: BTreeSet<String>,
    /// Folders listed.
    pub folders: BTreeSet<String>,
    /// Tools run: name, arguments, exit status, output.
    pub tools: BTreeMap<(String, Vec<String>), (i32, Vec<u8>)>,
    /// Questions to the BMC and its answers, as a recording holds them; empty where none was asked.
    pub bmc: String,
}

impl Recorder {
    fn notes(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was noted so far.
    #[must_use]
    pub fn noted(&self) -> Noted {
        let answers = self.bmc.answers();
        let bmc = if answers.is_empty() { String::new() } else { answers.text() };
        Noted { bmc, ..self.notes().clone() }
    }

    pub(super) fn path(&self, path: &str) {
        let path = path.trim_matches('/');
        let mut notes = self.notes();
        if !path.is_empty() && notes.paths.len() < CAPTURE_ENTRIES {
            notes.paths.insert(path.to_owned());
        }
    }

    pub(super) fn folder(&self, path: &str) {
        let mut notes = self.notes();
        if notes.folders.len() < CAPTURE_ENTRIES {
            notes.folders.insert(path.trim_matches('/').to_owned());
        }
    }

    pub(super) fn tool(&self, name: &str, arguments: &[&str], status: i32, output: &[u8]) {
        let mut notes = self.notes();
        if notes.tools.len() < CAPTURE_ENTRIES {
            let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
            notes.tools.insert((name.to_owned(), arguments), (status, output.to_vec()));
        }
    }
}

/// One entry of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder,
    /// A link, relative and so within the copy.
    Link(String),
    /// A file with its content.
    File(Vec<u8>),
}

/// A copy of parts of a machine, by path below its root.
#[derive(Debug, Clone, Default)]
pub struct Copy {
    /// The entries.
    pub nodes: BTreeMap<PathBuf, Node>,
    bytes: usize,
    /// Something was left out since a bound was reached.
    pub cut: bool,
}

impl Copy {
    /// Adds what was noted, as it is on this machine now. What cannot be read is left out: a copy
    /// says no more than the agent could see.
    pub fn add(&mut self, host: &Host, noted: &Noted) {
        for path in noted.paths.iter().chain(&noted.folders) {
            self.follow(host, path);
        }
        for folder in &noted.folders {
            self.list(host, folder);
        }
    }

    fn insert(&mut self, path: PathBuf, node: Node) {
        let bytes = if let Node::File(text) = &node { text.len() } else { 0 };
        if self.nodes.len() >= CAPTURE_ENTRIES || self.bytes + bytes > CAPTURE_BYTES {
            self.cut = true;
            return;
        }
        if let std::collections::btree_map::Entry::Vacant(place) = self.nodes.entry(path) {
            place.insert(node);
            self.bytes += bytes;
        }
    }

    /// Adds everything on the way of a path, and the file at its end. Gives where it really is.
    fn follow(&mut self, host: &Host, path: &str) -> Option<PathBuf> {
        let mut rest: VecDeque<String> = parts(Path::new(path));
        let mut done = PathBuf::new();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            // The kernel's link to whoever looks at it: in a copy a folder.
            let own = next == Path::new("proc/self") || next == Path::new("proc/thread-self");
            let facts = std::fs::symlink_metadata(host.path(next.to_str()?)).ok()?;
            if facts.is_symlink() && !own {
                links += 1;
                if links > LINKS {
                    return None;
                }
                let target = std::fs::read_link(host.path(next.to_str()?)).ok()?;
                self.insert(next, Node::Link(inside(&target, &done)));
                if target.is_absolute() {
                    done = PathBuf::new();
                }
                let mut way = parts(&target);
                way.extend(rest);
                rest = way;
                continue;
            }
            if facts.is_dir() || own {
                self.insert(next.clone(), Node::Folder);
            } else if facts.is_file() && rest.is_empty() && !self.nodes.contains_key(&next) {
                let text = read(host, next.to_str()?, Shape::UntilEnd).ok()?;
                self.insert(next.clone(), Node::File(text));
            } else if !facts.is_file() {
                return None;
            }
            done = next;
        }
        Some(done)
    }

    /// Adds the folders and links that a listing shows. Files come with their reading.
    fn list(&mut self, host: &Host, folder: &str) {
        let Some(place) = self.follow(host, folder) else { return };
        let Some(text) = place.to_str() else { return };
        let Ok(names) = super::dir::names(host, text) else { return };
        for name in names {
            let next = place.join(&name);
            let Some(path) = next.to_str().map(|path| host.path(path)) else { continue };
            let process = text == "proc" && name.bytes().all(|b| b.is_ascii_digit());
            match std::fs::symlink_metadata(&path) {
                Ok(facts) if facts.is_symlink() && text != "proc" => {
                    if let Ok(target) = std::fs::read_link(&path) {
                        self.insert(next, Node::Link(inside(&target, &place)));
                    }
                }
                Ok(facts) if facts.is_dir() && !process => self.insert(next, Node::Folder),
                _ => {}
            }
        }
    }
}

fn parts(path: &Path) -> VecDeque<String> {
    let text = path.to_string_lossy();
    text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
}

/// A link's target as a relative one, so that it stays within the copy.
fn inside(target: &Path, folder: &Path) -> String {
    let text = target.to_string_lossy();
    if !target.is_absolute() {
        return text.into_owned();
    }
    let up = "../".repeat(folder.components().count());
    format!("{up}{}", text.trim_start_matches('/'))
}
