//! States that the hardware lab made and `hostwatch capture` recorded get the verdicts that are
//! written with them.
//!
//! The files, `tests/lab/captures/*.capture`, are read as `tests/lab/lab/record.py` writes them.
//! `HOSTWATCH_BLESS=1` writes the verdicts of now into them: read the change.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Kinds whose verdict needs more than one moment.
const RATES: [&str; 5] = ["cpu", "memory", "load", "disk_io", "bandwidth"];

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/captures");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "capture"))
        .collect();
    paths.sort();
    paths
}

/// Makes the recorded machine below `root`.
fn unpack(text: &str, root: &Path) {
    let mut file: Option<(PathBuf, bool, String)> = None;
    let finish = |file: Option<(PathBuf, bool, String)>| {
        if let Some((path, unfinished, mut text)) = file {
            if unfinished {
                text.pop();
            }
            let is_tool = path.parent().is_some_and(|folder| folder == root.join("bin"));
            let mode = if is_tool { 0o755 } else { 0o644 };
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    for line in text.split_inclusive('\n') {
        let Some(head) = line.strip_prefix("== ").map(str::trim_end) else {
            if let Some((_, _, text)) = &mut file {
                text.push_str(line);
            }
            continue;
        };
        finish(file.take());
        let (name, target) = match head.split_once(" -> ") {
            Some((name, target)) => (name, Some(target)),
            None => (head, None),
        };
        let path = root.join(name.trim_end_matches(" ~"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match target {
            Some(target) => symlink(target, path).unwrap(),
            None if name.ends_with('/') => fs::create_dir_all(path).unwrap(),
            None => file = Some((path, name.ends_with(" ~"), String::new())),
        }
    }
    finish(file);
}

/// `=> STATE ID: SUMMARY`, a line each.
fn verdicts(root: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostwatch"));
    let output = command.args(["check", "--json", "--root"]).arg(root).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let mut lines = String::new();
    for one in answer["results"].as_array().unwrap() {
        let word = |key: &str| one[key].as_str().unwrap().to_owned();
        if !RATES.contains(&word("kind").as_str()) {
            lines += &format!("=> {} {}: {}\n", word("state"), word("id"), word("summary"));
        }
    }
    lines
}

#[test]
fn states_of_the_lab_get_the_verdicts_that_are_written_with_them() {
    let mut wrong = Vec::new();
    let paths = captures();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        unpack(&text, folder.path());
        let now = verdicts(folder.path());
        let written: String =
            text.split_inclusive('\n').filter(|line| line.starts_with("=> ")).collect();
        if std::env::var_os("HOSTWATCH_BLESS").is_some() {
            let (title, rest) = text.split_once('\n').unwrap();
            let machine = rest.find("== ").map_or("", |at| &rest[at..]);
            fs::write(path, format!("{title}\n{now}{machine}")).unwrap();
        } else if now != written {
            let name = path.file_stem().unwrap().to_string_lossy();
            wrong.push(format!("{name}\nwritten:\n{written}now:\n{now}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(paths.len() > 5, "only {} captures are there", paths.len());
}
