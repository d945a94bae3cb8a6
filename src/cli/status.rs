//! `hostwatch status`: the states of the running agent, as a table or JSON.

use super::args::Status;
use super::ask;
use super::screen::Screen;
use crate::engine::status::{Instance, Progress, Report, Way};
use crate::model::exit;
use crate::model::limit::INSTANCES;
use crate::model::state::State;
use crate::model::text::{counted, shown};
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::notify::when::Zone;

/// How often `--watch` prints.
const WATCH_EVERY: Span = Span::from_secs(2);

/// Asks and prints; again and again with `--watch`.
#[must_use]
pub fn run(screen: &Screen, asked: &Status) -> u8 {
    let ids = match Ids::new(&asked.ids) {
        Ok(ids) => ids,
        Err(error) => {
            screen.err(&error);
            return exit::UNKNOWN;
        }
    };
    loop {
        let mut report = match ask::report(screen, asked.connect.state.as_deref()) {
            Ok(report) => report,
            Err(code) => return code,
        };
        report.instances.retain(|instance| ids.take(&instance.id.to_string()));
        if report.instances.is_empty() && !asked.ids.is_empty() {
            screen.err(&format!(
                "nothing is watched under {}; `hostwatch status` lists all",
                asked.ids.join(", ")
            ));
            return exit::UNKNOWN;
        }
        if asked.watch && screen.color {
            screen.out("\x1b[H\x1b[2J");
        }
        let worst = worst(&report);
        if asked.json {
            screen.out(&serde_json::to_string(&report).unwrap_or_default());
        } else {
            print(screen, asked, &report);
        }
        if !asked.watch {
            return worst.exit_code();
        }
        wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a person watches; nothing is scheduled by it")]
fn wait() {
    std::thread::sleep(WATCH_EVERY.to_std());
}

fn worst(report: &Report) -> State {
    report.instances.iter().fold(State::Ok, |worst, instance| worst.worst(instance.state))
}

fn print(screen: &Screen, asked: &Status, report: &Report) {
    let interesting = |instance: &&Instance| {
        !asked.problems || instance.state != State::Ok || !instance.windows.is_empty()
    };
    let mut rows: Vec<&Instance> = report.instances.iter().filter(interesting).collect();
    rows.sort_by_key(|instance| std::cmp::Reverse(instance.state.rank()));
    let shown_count = rows.len();
    let rows: Vec<(State, Vec<String>)> =
        rows.into_iter().map(|instance| row(instance, report.at)).collect();
    if !rows.is_empty() {
        screen.table(&["STATE", "ID", "FOR", "WINDOW", "LAST", "INFORMATION"], &rows);
    }
    let count =
        |state: State| report.instances.iter().filter(|instance| instance.state == state).count();
    screen.out(&format!(
        "{shown_count} of {} shown; {} ok, {} warning, {} critical, {} unknown",
        report.instances.len(),
        count(State::Ok),
        count(State::Warning),
        count(State::Critical),
        count(State::Unknown)
    ));
    for silence in &report.silences {
        screen.out(&format!(
            "silence {}: {} until {} by {}: {}",
            silence.number.unwrap_or_default(),
            shown(&silence.what),
            Zone::named("").soon(report.at, silence.until),
            shown(&silence.by),
            shown(&silence.reason)
        ));
    }
    trouble(screen, report);
}

fn trouble(screen: &Screen, report: &Report) {
    if !report.mail.waiting.is_empty() {
        let why = report.mail.trouble.as_deref().unwrap_or("not tried yet");
        let mails = counted(report.mail.waiting.len(), "mail waits", "mails wait");
        screen.out(&format!("{mails}: {}", shown(why)));
    }
    for refused in &report.mail.refused {
        screen.out(&format!("refused for good: {}", shown(refused)));
    }
    if let Some(why) = &report.store_trouble {
        screen.out(&format!("state is not kept: {}", shown(why)));
    }
    if let Some(why) = &report.history_trouble {
        screen.out(&format!("the history is not kept: {}", shown(why)));
    }
    for line in super::forward::troubles(&report.outlets) {
        screen.out(&line);
    }
    if report.reload_refused.is_some() {
        screen.out("the last reload was refused; `hostwatch validate` says why");
    }
    for hung in &report.hung {
        screen.out(&format!("no answer from {} for {}", shown(&hung.source), hung.lasted));
    }
    if report.full {
        screen.out(&format!(
            "this host has more than {INSTANCES} things to watch, and the rest is not watched; \
             narrow `select` or add `exclude`"
        ));
    }
}

fn row(instance: &Instance, at: Stamp) -> (State, Vec<String>) {
    let next = instance.windows.first();
    let window = next.map_or_else(|| "-".to_owned(), window);
    let age = instance.age.map_or_else(|| "-".to_owned(), |age| whole(age).to_string());
    let mut information = instance.summary.clone();
    if let Some(outlook) = next.and_then(|next| outlook(next, at)) {
        information = format!("{outlook}; {information}");
    }
    // What somebody keeps quiet is marked first: it explains why no mail came.
    let zone = Zone::named("");
    for (quiet, word) in [(&instance.ack, "acked by"), (&instance.silence, "silenced by")] {
        if let Some(quiet) = quiet {
            let until = zone.soon(at, quiet.until);
            information = format!("[{word} {} until {until}] {information}", quiet.by);
        }
    }
    let cells =
        vec![instance.id.to_string(), whole(instance.lasted).to_string(), window, age, information];
    (instance.state, cells)
}

/// `41m/2h30m bad`: how long of how long.
fn window(progress: &Progress) -> String {
    let word = match progress.way {
        Way::Entering => "bad",
        Way::Leaving => "good",
    };
    format!("{}/{} {word}", whole(progress.held), progress.needs)
}

/// In seconds: a table has no use for parts of them.
fn whole(span: Span) -> Span {
    Span::from_secs(span.as_millis().saturating_add(500) / 1000)
}

/// `critical in 1h49m`, `clears in 3m`, if all goes on as it is.
fn outlook(progress: &Progress, at: Stamp) -> Option<String> {
    let left = whole(at.until(progress.due?));
    Some(match progress.way {
        Way::Entering => format!("{} in {left}", progress.level),
        Way::Leaving => format!("clears in {left}"),
    })
}

/// Ids as typed: plain ids and globs.
#[derive(Debug)]
pub struct Ids {
    whole: Vec<globset::GlobMatcher>,
    /// What stands before the colon of each.
    checks: Vec<globset::GlobMatcher>,
}

impl Ids {
    /// Compiles what was typed; nothing typed takes everything.
    ///
    /// # Errors
    /// A sentence for people when a glob is malformed.
    pub fn new(typed: &[String]) -> Result<Self, String> {
        let compile = |text: &str| {
            globset::Glob::new(text)
                .map(|glob| glob.compile_matcher())
                .map_err(|error| format!("`{text}` is not an id or a glob: {}", error.kind()))
        };
        let whole = typed.iter().map(|text| compile(text)).collect::<Result<_, _>>()?;
        // A glob that is cut in its middle may take anything.
        let head = |text: &String| {
            let head = text.split(':').next().unwrap_or_default();
            compile(head).or_else(|_| compile("*"))
        };
        let checks = typed.iter().map(head).collect::<Result<_, _>>()?;
        Ok(Self { whole, checks })
    }

    /// Whether an instance of this check may have been asked for.
    #[must_use]
    pub fn may_take(&self, check: &str) -> bool {
        self.checks.is_empty() || self.checks.iter().any(|glob| glob.is_match(check))
    }

    /// Whether an id was asked for.
    #[must_use]
    pub fn take(&self, id: &str) -> bool {
        self.whole.is_empty() || self.whole.iter().any(|glob| glob.is_match(id))
    }
}
