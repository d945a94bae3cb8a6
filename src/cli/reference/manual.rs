//! The manual page `hostwatch.yaml(5)`, from the same tables that read the file.

use super::page::{Page, escape};
use super::prose;
use crate::config::DEFAULT_FILE;
use crate::config::code::Code;
use crate::config::file::{Check, Config};
use crate::config::schema::{Field, Section, Shape};
use crate::config::units;
use crate::notify::event::FIELDS;
use crate::probe::{KINDS, KindSpec};

/// The complete example that is shipped beside the manual.
const EXAMPLE: &str = include_str!("../../../man/hostwatch.yaml.example");

const DESCRIPTION: &str = "\
The agent needs no configuration: with no file at all it finds what there is to watch, judges it by
its built-in checks and mails `root`. What is written is laid over that.

Files are read in this order, each laid over the ones before: the built-in checks, one file a kind;
the main file; the files `*.yaml` in the directory `conf.d` beside it, in byte order of their names.
A file in `conf.d` named like a built-in one (such as `filesystem.yaml`) replaces it as a whole. Maps
are merged key by key; single values and lists replace what was there; a key that ends in `+`, such as
`mount+:`, appends to the list instead. A check that another file of yours defines is changed only with
`override: true`, so that a slip in a name cannot change another check. `enabled: false` removes a
check, and `false` in place of a limit removes that limit.

The files are YAML 1.2 without anchors, aliases, merge keys and tags. Keys that are not known and keys
given twice are errors. All mistakes of all files are told in one run, by `hostwatch validate`, at start
and on reload; a reload with any error leaves the running configuration in force.

The files and the directories above them must belong to root or to the agent's user, and must not be
writable by group or others.";

const EVENTS: &str = "\
What hooks get: `webhook` and `exec` of a contact, and `on_change`. Each change is one event, made when a
mail would be and queued on disk like one: tried until it is taken, in order for each hook, given up
after `mail.queue.keep`. Mails and events do not wait for each other. An event is one JSON object in UTF-8:";

/// An event as the manual shows it.
const EVENT: &str = r#"{"v": 1, "id": "7K2M-1", "host": "db03.example.net",
 "check": "filesystem:/data", "kind": "filesystem", "title": "/data",
 "cause": "worse", "state": "critical", "previous": "warning",
 "at": "2026-11-23T02:12:05.120Z", "since": "2026-11-23T02:10:05.120Z",
 "value": {"used_percent": 92.0, "free_bytes": 49392123904.0},
 "limit": {"used_percent": 90.0}, "labels": {"role": "db"},
 "acked": null, "seq": 4711, "event": "7K2M",
 "subject": "CRIT db03: /data 92% full (limit 90%)",
 "summary": "92% full, 46 GiB of 560 GiB left", "detail": [],
 "rule": "crit when used >= 90% for 2m; clears below 87% for 5m",
 "evidence": ["at +14 GiB/h full in about 3 h"],
 "advice": null, "runbook": null}
"#;

const ANSWERS: &str = "\
A web server gets it by POST with the header lines `Idempotency-Key` (the id and the host, the same in
every repetition) and, with `token`, `Authorization: Bearer`. 2xx: taken. 400, 404, 410, 413, 422:
refused for good, told as a refused address is. Everything else, a redirect, no answer within 15 s, no
connection: tried again, after `Retry-After` (at most 1h) where the server asks for it.

A program gets it on standard input, in a session of its own, in the directory `/`, with nothing of the
agent's but `PATH`, `LANG=C.UTF-8` and `HOSTWATCH_ID`, `HOSTWATCH_EVENT`, `HOSTWATCH_HOST`,
`HOSTWATCH_CHECK`, `HOSTWATCH_STATE`, `HOSTWATCH_PREVIOUS`. No shell is involved. It, and every directory
above it, must belong to root or to the agent's user and not be writable by others. It has 30 s, 512 MiB
and 256 open files; what it leaves running is ended with it. Where the agent is root it runs as `nobody`
or `user`, with that user's own group alone; an agent that is not root (as the unit of this package runs
it) can only run it as itself. Exit status 0: taken. 75: tried again later. Anything else: tried 5 times,
then refused. Its last line of output is shown by `hostwatch mail queue`.

A hook that has not worked for 5 minutes is the warning `agent:mail`, which goes out by the other ways.";

const VALUES: &[(&str, &str)] = &[
    ("durations", "`250ms`, `45s`, `15m`, `2h30m`, `7d`: whole numbers, the larger unit first."),
    ("percentages", "`90%`, `97.5%`."),
    (
        "sizes",
        "`512MiB`, `5GiB`, `2TiB` (powers of 1024) or `500MB`, `5GB`, `2TB` (powers of 1000). A bare \
         `K`, `M` or `G` is refused.",
    ),
    (
        "rates",
        "`100Mbit/s`, `1Gbit/s` for links, `200MB/s`, `150MiB/s` for disks, `10/s` for events.",
    ),
    ("sensors", "`85C`, `600RPM`, `11.4V`, `2.5A`, `420W`."),
    ("yes and no", "`true` and `false`; no other words."),
    (
        "globs",
        "`*` any text (also across `/`), `?` one character, `[ab]` one of these, `{a,b}` either. A \
         glob that begins with `*` must stand in quotes.",
    ),
];

const LIMITS: &str = "\
A limit has no operator: each metric knows which side is bad. A level (`warn` or `crit`) is reached when
any of its limits is; `unless` names limits that must be reached as well. It counts once it has been
reached for the whole of `for`, in every sample or in the `share` of them that is asked for; a gap in the
readings is neither good nor bad. A state is left when every value has been on the good side of `clear`
for `recover_for`.";

/// The manual page as roff.
#[must_use]
pub fn man_yaml() -> String {
    let mut page = Page::default();
    page.raw(&format!(
        ".TH HOSTWATCH.YAML 5 \"\" \"hostwatch {}\" \"File Formats\"",
        env!("CARGO_PKG_VERSION")
    ));
    page.heading("NAME");
    page.raw("hostwatch.yaml \\- configuration of the hostwatch agent");
    page.heading("DESCRIPTION");
    page.text(DESCRIPTION);
    page.heading("VALUES");
    page.text("A number without its unit is refused.");
    for (term, text) in VALUES {
        page.item(term, &[text]);
    }
    page.heading("SECTIONS");
    page.section(Config::SECTION, "");
    page.heading("CHECKS");
    page.text(
        "Keys of every check, and but for `enabled`, `override` and `template` of templates:",
    );
    page.fields(Check::SECTION.fields);
    page.text(LIMITS);
    page.heading("KINDS");
    for kind in KINDS {
        page.kind(kind.spec());
    }
    page.heading("EVENTS");
    page.text(EVENTS);
    for (name, text) in FIELDS {
        page.item(name, &[text]);
    }
    page.text("For example (in one line where it is sent):");
    page.code(EVENT);
    page.text(ANSWERS);
    page.heading("DIAGNOSTICS");
    page.text("The code of a mistake is stable; `E` is an error, `W` a warning.");
    for code in Code::ALL {
        page.item(code.text(), &[code.doc()]);
    }
    page.heading("FILES");
    page.item(DEFAULT_FILE, &["The main file. It need not exist."]);
    let folder = DEFAULT_FILE.replace("hostwatch.yaml", "conf.d/*.yaml");
    page.item(&folder, &["Further files."]);
    page.heading("EXAMPLE");
    page.code(EXAMPLE);
    page.heading("SEE ALSO");
    page.raw("\\fBhostwatch\\fR(8)");
    page.out
}

impl Page {
    fn fields(&mut self, fields: &[Field]) {
        for field in fields {
            let shape = type_of(&(field.shape)());
            let default = match (field.default, field.otherwise) {
                (Some(value), Some(words)) => format!(" Default: `{value}`, or {words}."),
                (Some(value), None) => format!(" Default: `{value}`."),
                (None, Some(words)) => format!(" Default: {words}."),
                (None, None) => String::new(),
            };
            self.item(field.key, &[&format!("{} ({shape}){default}", prose(field.doc))]);
        }
    }

    /// The keys of a section, then the sections below it.
    fn section(&mut self, section: &Section, path: &str) {
        if !path.is_empty() {
            self.raw(&format!(".SS \"{}\"", escape(path)));
            self.text(section.doc);
        }
        self.fields(section.fields);
        if !section.one_of.is_empty() {
            let keys: Vec<_> = section.one_of.iter().map(|key| format!("`{key}`")).collect();
            self.text(&match keys.as_slice() {
                [one] => format!("{one} is needed."),
                several => format!("Exactly one of {} is needed.", units::join(several, "or")),
            });
        }
        for field in section.fields {
            let path = if path.is_empty() {
                field.key.to_owned()
            } else {
                format!("{path}.{}", field.key)
            };
            self.below(&(field.shape)(), &path);
        }
    }

    fn below(&mut self, shape: &Shape, path: &str) {
        match shape {
            Shape::Section(inner) => self.section(inner, path),
            Shape::List(item) => self.below(item, &format!("{path}[]")),
            Shape::Names(name, item) => self.below(item, &format!("{path}.{name}")),
            Shape::AnyOf(shapes) => {
                for shape in shapes {
                    self.below(shape, path);
                }
            }
            _ => {}
        }
    }

    fn kind(&mut self, spec: &KindSpec) {
        self.raw(&format!(".SS {}", escape(spec.name)));
        self.keys_of_kind(spec);
        self.text("Built in:");
        self.code(spec.example);
    }
}

/// What a value looks like, in words.
fn type_of(shape: &Shape) -> String {
    match shape {
        Shape::Text { noun, example, .. } => format!("{noun}, `{example}`"),
        Shape::Bool => "`true` or `false`".to_owned(),
        Shape::Number(number) => format!("`{number}`"),
        Shape::Words(words) => {
            let words: Vec<_> =
                words.iter().map(|(word, doc)| format!("`{word}`: {}", prose(doc))).collect();
            words.join(" ")
        }
        Shape::List(item) => format!("list; each {}", type_of(item)),
        Shape::Names(_, item) => format!("names; each {}", type_of(item)),
        Shape::Section(_) => "keys below".to_owned(),
        Shape::AnyOf(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(type_of).collect();
            shapes.join("; or ")
        }
        Shape::Selectors => "the kind's selectors, each with a list of globs".to_owned(),
        Shape::Limits => "the kind's metrics; `for`, `share`, `unless`".to_owned(),
        Shape::Clears => "the kind's metrics".to_owned(),
        Shape::Pins => "`{KIND: {INSTANCE: {FACT: text or list}}}`".to_owned(),
        Shape::Check(_) => "see CHECKS".to_owned(),
    }
}
