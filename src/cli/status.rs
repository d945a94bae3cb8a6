//! `hostwatch status`: the states of the running agent, as a table or JSON.

use super::args::Status;
use super::ask;
use super::screen::Screen;
use crate::engine::status::{Instance, Report};
use crate::model::exit;
use crate::model::state::State;
use crate::model::unit::Span;

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
    let rows: Vec<(State, Vec<String>)> = rows.into_iter().map(row).collect();
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
    trouble(screen, report);
}

fn trouble(screen: &Screen, report: &Report) {
    if !report.mail.waiting.is_empty() {
        let why = report.mail.trouble.as_deref().unwrap_or("not tried yet");
        screen.out(&format!("{} mails wait: {why}", report.mail.waiting.len()));
    }
    for refused in &report.mail.refused {
        screen.out(&format!("refused for good: {refused}"));
    }
    if let Some(why) = &report.store_trouble {
        screen.out(&format!("state is not kept: {why}"));
    }
    if report.reload_refused.is_some() {
        screen.out("the last reload was refused; `hostwatch validate` says why");
    }
    for (source, span) in &report.hung {
        screen.out(&format!("no answer from {source} for {span}"));
    }
}

fn row(instance: &Instance) -> (State, Vec<String>) {
    let window = instance
        .windows
        .first()
        .map_or_else(|| "-".to_owned(), |progress| format!("{}/{}", progress.held, progress.needs));
    let age = instance.age.map_or_else(|| "-".to_owned(), |age| age.to_string());
    let cells = vec![
        instance.id.to_string(),
        instance.lasted.to_string(),
        window,
        age,
        instance.summary.clone(),
    ];
    (instance.state, cells)
}

/// Ids as typed: plain ids and globs.
#[derive(Debug)]
pub struct Ids(Vec<globset::GlobMatcher>);

impl Ids {
    /// Compiles what was typed; nothing typed takes everything.
    ///
    /// # Errors
    /// A sentence for people when a glob is malformed.
    pub fn new(typed: &[String]) -> Result<Self, String> {
        let compile = |text: &String| {
            globset::Glob::new(text)
                .map(|glob| glob.compile_matcher())
                .map_err(|error| format!("`{text}` is not an id or a glob: {}", error.kind()))
        };
        typed.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an id was asked for.
    #[must_use]
    pub fn take(&self, id: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|glob| glob.is_match(id))
    }
}
