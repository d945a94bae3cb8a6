//! The rules that the compiler does not know: arrows between rooms, doors, sizes of files. Each
//! rule is a function from source text to complaints, and each is shown to complain.

use std::path::{Path, PathBuf};

/// The rooms and their levels, as the crate's documentation draws them.
const LEVELS: &[(&str, u8)] = &[
    ("model", 0),
    ("host", 1),
    ("parse", 1),
    ("store", 1),
    ("net", 1),
    ("probe", 2),
    ("alert", 2),
    ("evidence", 2),
    ("forward", 2),
    ("notify", 2),
    ("config", 3),
    ("engine", 4),
    ("daemon", 5),
    ("cli", 6),
];

/// Longest program that a person still reads in one sitting: a file without the tests at its foot.
const LINES_MAX: usize = 450;

/// Longest file with them; beyond it the tests deserve a file of their own.
const LINES_WITH_TESTS_MAX: usize = 750;

/// Files that are longer, each with the reason why it is one file all the same.
const LONG_FILES: &[(&str, &str)] = &[];

/// Where a path of the system may stand in the text of a program.
const PATH_DOORS: &[(&str, &str)] = &[
    ("src/host/", "the door to the observed machine"),
    ("src/daemon/", "names the run-time and state directories, and the service manager's socket"),
    ("src/cli/", "names the defaults of its options"),
    ("src/config/load.rs", "names where configuration is looked for"),
    ("src/config/types.rs", "shows an example of a path to who wrote something else"),
    ("src/probe/stack", "compares the names of devices, and opens none of them"),
    ("src/probe/filesystem/", "compares the names of mounts and devices, and opens none of them"),
];

/// Where a clock may be asked.
const CLOCK_DOORS: &[(&str, &str)] = &[
    ("src/daemon/", "the one place that hands time down"),
    ("src/cli/", "a command is a process of its own and ends in moments"),
    ("src/net/clock.rs", "sockets and children of a delivery have real deadlines"),
];

/// A source file: its path from the top of the project, and its text.
struct Source {
    path: String,
    text: String,
}

#[test]
fn a_room_uses_only_rooms_on_lower_levels() {
    hold(&sources("src"), arrows);
}

#[test]
fn the_drawn_rooms_are_the_rooms_there_are() {
    let library = sources("src").into_iter().find(|source| source.path == "src/lib.rs").unwrap();
    let modules: Vec<&str> = library
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut known: Vec<&str> = LEVELS.iter().map(|(room, _)| *room).collect();
    known.sort_unstable();
    assert_eq!(modules, known);
    for room in known {
        let drawn = library.text.lines().any(|line| {
            line.starts_with("//! ") && line.split_whitespace().any(|word| word == room)
        });
        assert!(drawn, "the documentation of the crate does not draw `{room}`");
    }
}

#[test]
fn every_file_says_first_what_it_owns() {
    hold(&sources("src"), opening);
    hold(&sources("tests/it"), opening);
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let all: Vec<Source> = sources("src").into_iter().chain(sources("tests/it")).collect();
    hold(&all, length);
    for (path, reason) in LONG_FILES {
        let long = all.iter().any(|source| source.path == *path && is_long(source));
        assert!(long, "`{path}` ({reason}) needs its exception no more");
    }
}

#[test]
fn unsafe_code_stands_behind_the_one_door_to_the_system() {
    hold(&sources("src"), unsafe_code);
}

#[test]
fn a_lint_is_expected_with_a_reason_and_never_allowed() {
    hold(&sources("src"), lints);
    hold(&sources("tests/it"), lints);
}

#[test]
fn paths_of_the_system_stand_in_the_doors_alone() {
    hold(&sources("src"), system_paths);
}

#[test]
fn only_the_daemon_asks_a_clock() {
    hold(&sources("src"), clocks);
}

#[test]
fn every_bound_is_held_somewhere() {
    let all = sources("src");
    let (limits, rest): (Vec<_>, Vec<_>) =
        all.iter().partition(|source| source.path.starts_with("src/model/limit"));
    let unused: Vec<&str> = limits
        .iter()
        .flat_map(|limits| bounds(&limits.text))
        .filter(|bound| !rest.iter().any(|source| words(&source.text).any(|word| word == *bound)))
        .collect();
    assert!(unused.is_empty(), "bounds that nothing holds: {unused:?}");
}

/// Complains about everything that a rule finds in any source.
fn hold(sources: &[Source], rule: fn(&Source) -> Vec<String>) {
    let complaints: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            rule(source).into_iter().map(|complaint| format!("{}: {complaint}", source.path))
        })
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The room of a file, if it stands in one.
fn room(path: &str) -> Option<(&'static str, u8)> {
    let first = path.strip_prefix("src/")?.split(['/', '.']).next()?;
    LEVELS.iter().find(|(room, _)| *room == first).copied()
}

fn arrows(source: &Source) -> Vec<String> {
    let Some((from, level)) = room(&source.path) else { return Vec::new() };
    let code = code(&source.text);
    let mut complaints = Vec::new();
    for used in rooms_used(&code) {
        match LEVELS.iter().find(|(room, _)| *room == used) {
            Some((to, _)) if *to == from => {}
            Some((_, below)) if *below < level => {}
            Some((to, above)) => complaints.push(format!(
                "`{from}` (L{level}) uses `{to}` (L{above}): arrows go down only; move what is \
                 shared to a lower room"
            )),
            None => complaints.push(format!("`crate::{used}` is no room")),
        }
    }
    complaints
}

/// First names after `crate::`, in plain paths and in the outermost braces of a `use`.
fn rooms_used(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (_, rest) in split_all(code, "crate::") {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut name = String::new();
            for letter in group.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => used.push(std::mem::take(&mut name)),
                    _ if depth == 1 => name.push(letter),
                    _ => {}
                }
                if depth == 0 {
                    used.push(name);
                    break;
                }
            }
        } else {
            used.push(rest.to_owned());
        }
    }
    used.iter()
        .filter_map(|name| words(name).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn opening(source: &Source) -> Vec<String> {
    let first = source.text.lines().next().unwrap_or_default();
    if first.starts_with("//! ") && first.len() > 20 {
        return Vec::new();
    }
    vec!["open the file with `//!`: what it owns, what it must not know".to_owned()]
}

fn length(source: &Source) -> Vec<String> {
    if LONG_FILES.iter().any(|(path, _)| *path == source.path) || !is_long(source) {
        return Vec::new();
    }
    let (lines, all) = lengths(source);
    vec![format!(
        "{lines} lines (at most {LINES_MAX}), {all} with its tests (at most \
         {LINES_WITH_TESTS_MAX}): it has grown a second purpose, split it"
    )]
}

/// Lines of the program, and with its tests.
fn lengths(source: &Source) -> (usize, usize) {
    let tests_only = source.path.starts_with("tests/");
    let lines = if tests_only { 0 } else { program(&source.text).lines().count() };
    (lines, source.text.lines().count())
}

fn is_long(source: &Source) -> bool {
    let (lines, all) = lengths(source);
    lines > LINES_MAX || all > LINES_WITH_TESTS_MAX
}

fn unsafe_code(source: &Source) -> Vec<String> {
    if source.path.starts_with("src/host/") {
        return Vec::new();
    }
    let code = without_strings(&code(&source.text));
    let found = words(&code).any(|word| word == "unsafe");
    found
        .then(|| {
            "unsafe code stands in `src/host` alone, where each block has its proof".to_owned()
        })
        .into_iter()
        .collect()
}

fn lints(source: &Source) -> Vec<String> {
    // Put together here, or this file would complain about itself.
    let (allow, expect) = (["[", "allow("].concat(), ["[", "expect("].concat());
    let mut complaints = Vec::new();
    for (line, _) in split_all(&source.text, &allow) {
        complaints
            .push(format!("line {line}: use `expect` with a reason; it says when it is stale"));
    }
    for (line, rest) in split_all(&source.text, &expect) {
        let attribute = rest.split(")]").next().unwrap_or_default();
        if !attribute.contains("reason = \"") {
            complaints.push(format!("line {line}: say the reason of this `expect`"));
        }
    }
    complaints
}

fn system_paths(source: &Source) -> Vec<String> {
    if behind_a_door(&source.path, PATH_DOORS) {
        return Vec::new();
    }
    let code = code(&source.text);
    ["proc", "sys", "etc", "var", "run", "dev"]
        .iter()
        .filter(|top| code.contains(&format!("\"/{top}/")) || code.contains(&format!("\"/{top}\"")))
        .map(|top| {
            format!(
                "a path below `/{top}`: take it as an argument, or ask `host` for it, so that \
                     a recorded machine can stand in"
            )
        })
        .collect()
}

fn clocks(source: &Source) -> Vec<String> {
    if behind_a_door(&source.path, CLOCK_DOORS) {
        return Vec::new();
    }
    let code = code(&source.text);
    ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "clock_gettime"]
        .iter()
        .filter(|call| code.contains(*call))
        .map(|call| format!("`{call}`: time is an argument below `daemon`"))
        .collect()
}

fn behind_a_door(path: &str, doors: &[(&str, &str)]) -> bool {
    doors.iter().any(|(door, _)| path.starts_with(door))
}

fn bounds(limits: &str) -> Vec<&str> {
    limits.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next()).collect()
}

/// The text without comments and without the tests at its foot.
fn code(text: &str) -> String {
    program(text)
        .lines()
        .map(|line| match line.split_once("//") {
            // Not the two slashes of an address within a string.
            Some((before, _)) if before.matches('"').count() % 2 == 0 => before,
            _ => line,
        })
        .fold(String::new(), |all, line| all + line + "\n")
}

fn program(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
}

fn without_strings(code: &str) -> String {
    code.lines()
        .map(|line| line.split('"').step_by(2).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// Line numbers of a pattern, and what follows it.
fn split_all<'a>(text: &'a str, pattern: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    text.match_indices(pattern)
        .map(move |(at, _)| (text[..at].lines().count().max(1), &text[at + pattern.len()..]))
}

fn sources(folder: &str) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting: Vec<PathBuf> = vec![top.join(folder)];
    let mut found = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path: name, text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no source below `{folder}`");
    found
}

/// Every rule complains about a file that breaks it, and only then.
mod rules {
    use super::*;

    fn complaints(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) -> usize {
        rule(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn arrows_go_down() {
        let up = "use crate::engine::event::Event;\n";
        assert_eq!(complaints(arrows, "src/probe/cpu.rs", up), 1);
        assert_eq!(complaints(arrows, "src/daemon/mod.rs", up), 0);
        assert_eq!(complaints(arrows, "src/alert/rule.rs", "use crate::notify::mail::Mail;"), 1);
        assert_eq!(complaints(arrows, "src/alert/rule.rs", "use crate::alert::window::W;"), 0);
        assert_eq!(complaints(arrows, "src/model/id.rs", "fn f() { crate::store::x() }"), 1);
        let group = "use crate::{\n    model::{id, engine},\n    daemon::run,\n};";
        assert_eq!(complaints(arrows, "src/probe/cpu.rs", group), 1);
        assert_eq!(complaints(arrows, "src/probe/cpu.rs", "// as crate::engine does\n"), 0);
        assert_eq!(complaints(arrows, "src/lib.rs", up), 0);
    }

    #[test]
    fn files_open_and_end() {
        assert_eq!(complaints(opening, "src/a.rs", "use std::fs;\n"), 1);
        assert_eq!(complaints(opening, "src/a.rs", "//! A.\n"), 1);
        assert_eq!(complaints(opening, "src/a.rs", "//! Owns the alphabet.\n"), 0);
        assert_eq!(complaints(length, "src/a.rs", &"\n".repeat(LINES_MAX + 1)), 1);
        assert_eq!(complaints(length, "src/a.rs", &"\n".repeat(LINES_MAX)), 0);
        let tested = |tests| "#[cfg(test)]\nmod tests {\n".to_owned() + &"\n".repeat(tests);
        assert_eq!(complaints(length, "src/a.rs", &tested(LINES_WITH_TESTS_MAX - 2)), 0);
        assert_eq!(complaints(length, "src/a.rs", &tested(LINES_WITH_TESTS_MAX - 1)), 1);
    }

    #[test]
    fn unsafe_is_found_as_a_word_of_the_program() {
        let text = "fn f() { unsafe { g() } }";
        assert_eq!(complaints(unsafe_code, "src/probe/a.rs", text), 1);
        assert_eq!(complaints(unsafe_code, "src/host/a.rs", text), 0);
        assert_eq!(
            complaints(unsafe_code, "src/probe/a.rs", "// unsafe\n\"unsafe\"; unsafe_code"),
            0
        );
    }

    #[test]
    fn lints_need_reasons() {
        let allow = ["#[", "allow(dead_code)]"].concat();
        assert_eq!(complaints(lints, "src/a.rs", &allow), 1);
        let bare = ["#[", "expect(dead_code)]"].concat();
        assert_eq!(complaints(lints, "src/a.rs", &bare), 1);
        let reasoned = ["#[", "expect(dead_code, reason = \"soon\")]"].concat();
        assert_eq!(complaints(lints, "src/a.rs", &reasoned), 0);
    }

    #[test]
    fn paths_and_clocks_have_doors() {
        let path = "open(\"/proc/stat\")";
        assert_eq!(complaints(system_paths, "src/probe/a.rs", path), 1);
        assert_eq!(complaints(system_paths, "src/host/a.rs", path), 0);
        assert_eq!(complaints(system_paths, "src/probe/a.rs", "open(\"proc/stat\")"), 0);
        let test = "fn f() {}\n#[cfg(test)]\nmod tests { const P: &str = \"/sys/x\"; }";
        assert_eq!(complaints(system_paths, "src/probe/a.rs", test), 0);
        let clock = "let now = std::time::Instant::now();";
        assert_eq!(complaints(clocks, "src/alert/a.rs", clock), 1);
        assert_eq!(complaints(clocks, "src/daemon/a.rs", clock), 0);
    }

    #[test]
    fn bounds_are_read_by_name() {
        let limits = "/// Why.\npub const LANES: usize = 1;\nuse x;\n";
        assert_eq!(bounds(limits), ["LANES"]);
    }
}
