//! `hostwatch init`: a first configuration from what is there. Never overwrites, and asks nothing
//! where nobody can answer.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use super::args::Init;
use super::detect::cannot_read;
use super::inventory::{self, Inventory};
use super::pinfile::{self, Sets};
use super::screen::Screen;
use crate::config;
use crate::config::plan::{Pin, Plan};
use crate::model::exit;
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::unit::Span;

/// Name of the main file.
const MAIN: &str = "hostwatch.yaml";
/// Longest answer to a question.
const ANSWER_BYTES: u64 = 512;
/// Instances of a kind that are named in the summary.
const NAMED: usize = 6;

/// Finds, writes, says what is bad.
#[must_use]
pub fn run(screen: &Screen, asked: &Init) -> u8 {
    match work(screen, asked) {
        Ok(()) => exit::DONE,
        Err((code, text)) => {
            screen.err(&text);
            code
        }
    }
}

type Refusal = (u8, String);

fn work(screen: &Screen, asked: &Init) -> Result<(), Refusal> {
    let host = inventory::host(asked.root.as_deref()).map_err(|text| (exit::FAILED, text))?;
    let default = Path::new(config::DEFAULT_FILE).parent().unwrap_or_else(|| Path::new("."));
    let folder = asked.dir.clone().unwrap_or_else(|| default.to_owned());
    let (main, pins) = (folder.join(MAIN), pinfile::beside(&folder.join(MAIN)));
    let identity = host.identity();
    let (main_is_there, pins_are_there) = (exists(&main), exists(&pins));
    // What is there already decides what is watched.
    let before = config::load(main_is_there.then_some(&main), &identity);
    let before = match (main_is_there || asked.dir.is_none(), before.plan) {
        (false, _) => config::load_files(&[], &identity).plan,
        (true, plan) => plan.or_else(|| {
            screen.err(&before.diagnostics.render(screen.color));
            None
        }),
    };
    let Some(before) = before else {
        return Err((exit::BAD_CONFIG, "correct this first; nothing was written".to_owned()));
    };
    let host = inventory::reaching(host, &before);
    let timeout = Span::from_secs(asked.timeout);
    let inventory = Inventory::take(&host, &before, timeout, true);
    summary(screen, &inventory);
    let mail_to = match &asked.mail_to {
        None if !main_is_there && !asked.yes && !asked.dry_run => ask(screen),
        other => other.clone(),
    };
    let main_text = main_text(asked, mail_to.as_deref());
    let pins_text = format!("{}{}", pinfile::HEAD, pinfile::block(&sets(&inventory)));
    // Values from the command line are checked as if they stood in a file.
    let loaded = config::load_text(&[(MAIN, &main_text), (pinfile::NAME, &pins_text)], &identity);
    if loaded.plan.is_none() {
        return Err((exit::USAGE, loaded.diagnostics.render(screen.color)));
    }
    if asked.dry_run {
        for (path, text, there) in
            [(&main, &main_text, main_is_there), (&pins, &pins_text, pins_are_there)]
        {
            if there {
                screen.err(&format!("{} is there and would be left alone", path.display()));
            } else {
                screen.out(&format!("# --- {}\n{text}", path.display()));
            }
        }
    } else {
        write(screen, &main, &main_text)?;
        write(screen, &pins, &pins_text)?;
        if pins_are_there {
            screen.out("        what differs from it: hostwatch detect --diff");
        }
    }
    let after = if asked.dry_run { loaded } else { config::load(Some(&main), &identity) };
    let Some(plan) = after.plan else {
        return Err((exit::BAD_CONFIG, after.diagnostics.render(screen.color)));
    };
    bad_now(screen, &plan, &inventory);
    next(screen, asked);
    Ok(())
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// What was found, a line a kind.
fn summary(screen: &Screen, inventory: &Inventory) {
    let mut kinds: BTreeMap<usize, (&str, Vec<String>, usize)> = BTreeMap::new();
    for item in &inventory.items {
        let name = item.kind.spec().name;
        let place = crate::probe::KINDS.iter().position(|kind| kind.spec().name == name);
        let row = kinds.entry(place.unwrap_or(0)).or_insert_with(|| (name, Vec::new(), 0));
        if item.watched.is_empty() {
            row.2 += 1;
            continue;
        }
        let facts: Vec<&str> = item
            .found
            .labels
            .iter()
            .filter(|(name, _)| matches!(*name, "fstype" | "level" | "speed" | "model"))
            .map(|(_, value)| value.as_str())
            .collect();
        row.1.push(format!("{} {}", item.found.title, facts.join(" ")).trim_end().to_owned());
    }
    let mut word = "Found";
    for (name, titles, skipped) in kinds.into_values() {
        let more = titles.len().saturating_sub(NAMED);
        let mut text = titles.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
        if more > 0 {
            text.push_str(&format!(", {more} more"));
        }
        if skipped > 0 {
            let gap = if text.is_empty() { "" } else { "   " };
            text.push_str(&format!("{gap}({skipped} not watched)"));
        }
        screen.out(&format!("{word:<7} {name}: {}", shown(&text)));
        word = "";
    }
    for (what, why) in cannot_read(inventory) {
        screen.out(&format!("Cannot read {}: {}", shown(&what), shown(&why)));
    }
}

/// Asks for the address, once, where somebody can answer.
fn ask(screen: &Screen) -> Option<String> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    screen.err("Mail for problems to (empty: root on this machine): ");
    let mut line = String::new();
    std::io::stdin().lock().take(ANSWER_BYTES).read_line(&mut line).ok()?;
    let address = line.trim();
    (!address.is_empty()).then(|| address.to_owned())
}

fn main_text(asked: &Init, mail_to: Option<&str>) -> String {
    let quote = pinfile::quote;
    let to = quote(mail_to.unwrap_or("root"));
    let from = match &asked.from {
        Some(from) => format!("  from: {}\n", quote(from)),
        None => {
            "  # from: hostwatch@example.net        # else hostwatch@ and this host's full name\n"
                .to_owned()
        }
    };
    let via = match &asked.relay {
        Some(relay) => format!("  via:\n    - {{smtp: {}}}\n", quote(relay)),
        None => "  # via:                               # else the local sendmail\n  #   - {smtp: \"mx1.example.net:587\", tls: required}\n"
            .to_owned(),
    };
    format!(
        "# hostwatch: this host, its people, its mail. Checks stand in conf.d/*.yaml; those built in
# need no file. Every key is described in hostwatch.yaml(5); `hostwatch validate` finds mistakes.
# A password belongs into a file of its own: password: {{file: /etc/hostwatch/smtp.password}}
version: 1

host:
  name: auto
  # labels: {{role: db, site: par1}}

contacts:
  ops: {{mail: [{to}]}}

mail:
{from}{via}  group_wait: 30s
  # A numbered mail a day: one that does not come says that the agent or its mail is down. Off, since
  # that is a mail a day from every host; where many are watched, a heartbeat says it to a machine.
  # digest: {{at: \"07:00\", to: [ops]}}
  # heartbeat: {{url: \"https://collector.example.net/hb\", every: 5m}}

# What stays critical is told again after these times, then daily.
# defaults: {{remind: [4h, 12h, 24h]}}
"
    )
}

/// What is to be pinned of an inventory.
fn sets(inventory: &Inventory) -> Sets {
    let mut sets = Sets::new();
    for item in inventory.items.iter().filter(|item| item.is_to_be_pinned()) {
        let spec = item.kind.spec();
        let facts = Pin::facts_of(spec, &item.found);
        sets.entry(spec.name).or_default().insert(Arc::clone(&item.found.instance), facts);
    }
    sets
}

fn write(screen: &Screen, path: &Path, text: &str) -> Result<(), Refusal> {
    let refuse = |error: std::io::Error| {
        let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
        let code = if denied { exit::NO_PRIVILEGE } else { exit::FAILED };
        (code, format!("cannot write {}: {error}", path.display()))
    };
    if exists(path) {
        screen.out(&format!("Left alone {}: it is there already", path.display()));
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o755).create(folder).map_err(refuse)?;
    pinfile::create(path, text).map_err(refuse)?;
    screen.out(&format!("Wrote   {}", path.display()));
    Ok(())
}

/// What would be mailed at once.
fn bad_now(screen: &Screen, plan: &Plan, inventory: &Inventory) {
    let mut told = std::collections::BTreeSet::new();
    let mut count = 0;
    for item in &inventory.items {
        for (id, verdict) in &item.watched {
            if !matches!(verdict.state, State::Warning | State::Critical) {
                continue;
            }
            let word = screen.state(verdict.state, 0);
            let (id, summary) = (id.to_string(), &verdict.summary);
            screen.out(&format!("Now bad {word} {} {}", shown(&id), shown(summary)));
            count += 1;
            let name = id.split(':').next().unwrap_or_default();
            let check = plan.checks.iter().find(|check| *check.name == *name);
            told.extend(check.iter().flat_map(|check| check.notify.iter().cloned()));
        }
    }
    match (count, told.len()) {
        (0, _) => screen.out("Nothing is bad now: the agent would send no mail."),
        (_, 1) => screen.out("        <- you would get 1 mail that tells all of it"),
        (_, mails) => screen.out(&format!("        <- {mails} mails, one to each contact")),
    }
}

fn next(screen: &Screen, asked: &Init) {
    if asked.dry_run {
        screen.err("Nothing was written (--dry-run).");
        return;
    }
    match &asked.dir {
        None => {
            screen.out("Next:   hostwatch mail test && systemctl enable --now hostwatch");
        }
        Some(dir) => {
            let main = dir.join(MAIN);
            screen.out(&format!("Next:   hostwatch run --config {}", main.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;

    fn asked() -> Init {
        Init {
            yes: true,
            mail_to: None,
            relay: None,
            from: None,
            dir: None,
            dry_run: false,
            root: None,
            timeout: 1,
        }
    }

    #[test]
    fn the_main_file_is_valid_with_and_without_values() {
        let identity = Host::live().identity();
        let full = Init {
            relay: Some("mx1.example.net:587".to_owned()),
            from: Some("hostwatch@example.net".to_owned()),
            ..asked()
        };
        for (init, to) in [(asked(), None), (full, Some("ops@example.net"))] {
            let text = main_text(&init, to);
            let loaded = config::load_text(&[(MAIN, &text)], &identity);
            let plan =
                loaded.plan.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
            assert_eq!(plan.contacts["ops"].mail, [to.unwrap_or("root")]);
            assert_eq!(plan.mail.via.len(), usize::from(init.relay.is_some()));
            assert_eq!((plan.mail.digest, plan.mail.heartbeat), (None, None));
        }
        // What is only proposed is valid, too.
        let text = main_text(&asked(), None);
        let text = ["digest", "heartbeat", "defaults"]
            .iter()
            .fold(text, |text, key| text.replace(&format!("# {key}: "), &format!("{key}: ")));
        let plan = config::load_text(&[(MAIN, &text)], &identity).plan.unwrap();
        assert_eq!(plan.mail.digest.unwrap().to, ["ops"]);
        assert!(plan.mail.heartbeat.is_some() && plan.remind.len() == 3);
    }
}
