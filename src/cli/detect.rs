//! `hostwatch detect`: what there is, what is watched of it, what differs from the pins; and
//! `detect accept`, which takes what is there as what must be there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::args::{Detect, DetectCommand};
use super::doctor::bmc;
use super::inventory::{self, Change, Difference, Inventory, Item};
use super::pinfile::{self, Sets};
use super::screen::Screen;
use crate::config;
use crate::config::plan::{Pin, Plan};
use crate::host::Host;
use crate::model::exit;
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::unit::Span;

/// The version of the JSON format.
const FORMAT: u32 = 1;

/// Looks and prints.
#[must_use]
pub fn run(screen: &Screen, asked: &Detect) -> u8 {
    let host = match inventory::host(asked.root.as_deref()) {
        Ok(host) => host,
        Err(error) => {
            screen.err(&error);
            return exit::FAILED;
        }
    };
    let config = asked.config.as_deref();
    let plan = match inventory::plan(&host, config, asked.root.as_deref(), screen.color) {
        Ok(plan) => plan,
        Err(errors) => {
            screen.err(&errors);
            return exit::BAD_CONFIG;
        }
    };
    let host = inventory::reaching(host, &plan);
    let timeout = Span::from_secs(asked.timeout);
    if let Some(DetectCommand::Accept { ids, all }) = &asked.command {
        let main = config.unwrap_or_else(|| Path::new(config::DEFAULT_FILE));
        let inventory = Inventory::take(&host, &plan, timeout, false);
        return accept(screen, &host, &plan, &inventory, main, ids, *all);
    }
    let inventory = Inventory::take(&host, &plan, timeout, !asked.diff);
    if asked.diff {
        return diff(screen, &inventory.differences(&plan), &inventory, asked.json);
    }
    if asked.json {
        screen.out(&json(&host, &plan, &inventory));
    } else {
        list(screen, &host, &plan, &inventory);
    }
    exit::DONE
}

#[derive(Debug, Serialize)]
struct Instance<'a> {
    id: String,
    kind: &'static str,
    instance: &'a str,
    title: &'a str,
    watched: bool,
    pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    readings: BTreeMap<&'static str, f64>,
    labels: BTreeMap<&'static str, &'a str>,
}

#[derive(Debug, Serialize)]
struct Unread {
    kind: &'static str,
    cause: &'static str,
    text: String,
}

fn is_pinned(plan: &Plan, item: &Item) -> bool {
    let pins = plan.pinned.get(item.kind.spec().name);
    pins.is_some_and(|pins| pins.contains_key(&item.found.instance))
}

fn json(host: &Host, plan: &Plan, inventory: &Inventory) -> String {
    let instance = |item: &'_ Item| {
        let verdict = item.watched.first().map(|(_, verdict)| verdict);
        serde_json::to_value(Instance {
            id: item.id(),
            kind: item.kind.spec().name,
            instance: &item.found.instance,
            title: &item.found.title,
            watched: !item.watched.is_empty(),
            pinned: is_pinned(plan, item),
            why_not: item.why_not.as_deref(),
            state: verdict.map(|verdict| verdict.state),
            summary: verdict.map(|verdict| verdict.summary.as_str()),
            readings: verdict.map(|verdict| verdict.readings.clone()).unwrap_or_default(),
            labels: item.found.labels.iter().map(|(n, v)| (*n, v.as_str())).collect(),
        })
        .unwrap_or_default()
    };
    let instances: Vec<serde_json::Value> = inventory.items.iter().map(instance).collect();
    let unread: Vec<Unread> = inventory
        .unread
        .iter()
        .map(|(kind, error)| Unread { kind, cause: error.word(), text: error.to_string() })
        .collect();
    let answer = serde_json::json!({
        "v": FORMAT, "host": host.identity().fqdn, "instances": instances, "unread": unread,
    });
    answer.to_string()
}

fn list(screen: &Screen, host: &Host, plan: &Plan, inventory: &Inventory) {
    let labels = |item: &Item| {
        let labels: Vec<String> = item
            .found
            .labels
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if labels.is_empty() { "-".to_owned() } else { labels.join(" ") }
    };
    let watched = inventory.items.iter().flat_map(|item| {
        item.watched.iter().map(move |(id, verdict)| {
            let pinned = if is_pinned(plan, item) { "pinned" } else { "-" };
            let cells =
                vec![id.to_string(), pinned.to_owned(), labels(item), verdict.summary.clone()];
            (verdict.state, cells)
        })
    });
    let rows: Vec<(State, Vec<String>)> = watched.collect();
    screen.table(&["STATE", "ID", "PINNED", "LABELS", "NOW"], &rows);
    let mut left: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for item in &inventory.items {
        if let Some(why) = &item.why_not {
            left.entry((item.kind.spec().name, why)).or_default().push(&item.found.instance);
        }
    }
    if !left.is_empty() {
        screen.out("\nNot watched:");
    }
    for ((kind, why), instances) in left {
        screen.out(&format!("  {kind}: {}  ({why})", shown(&instances.join(" "))));
    }
    let mut unread = cannot_read(inventory);
    // A BMC without a device is no instance that could tell it.
    unread.extend(bmc::without_device(host));
    if !unread.is_empty() {
        screen.out("\nCannot be read:");
    }
    for (what, why) in unread {
        screen.out(&format!("  {}: {}", shown(&what), shown(&why)));
    }
}

/// What cannot be read, and why.
pub(super) fn cannot_read(inventory: &Inventory) -> Vec<(String, String)> {
    let kinds = inventory.unread.iter().map(|(kind, e)| ((*kind).to_owned(), e.to_string()));
    let instances = inventory.items.iter().flat_map(|item| {
        let unknown = item.watched.iter().filter(|(_, v)| v.state == State::Unknown);
        unknown.map(|(id, verdict)| (id.to_string(), verdict.summary.clone()))
    });
    kinds.chain(instances).collect()
}

fn diff(screen: &Screen, list: &[Difference], inventory: &Inventory, json: bool) -> u8 {
    if json {
        let differences: Vec<serde_json::Value> = list
            .iter()
            .map(|d| {
                serde_json::json!({
                    "id": d.id, "kind": d.kind, "instance": &*d.instance,
                    "change": d.change.word(), "detail": d.change.detail(),
                })
            })
            .collect();
        let answer = serde_json::json!({"v": FORMAT, "differences": differences});
        screen.out(&answer.to_string());
    } else {
        for difference in list {
            let (word, id) = (difference.change.word(), shown(&difference.id).into_owned());
            screen.out(&format!("{word:<8} {id}  {}", shown(&difference.change.detail())));
        }
    }
    for (kind, error) in &inventory.unread {
        screen.err(&format!("{kind}: cannot be compared: {error}"));
    }
    if list.is_empty() { exit::DONE } else { exit::FAILED }
}

fn accept(
    screen: &Screen,
    host: &Host,
    plan: &Plan,
    inventory: &Inventory,
    main: &Path,
    ids: &[String],
    all: bool,
) -> u8 {
    let path = pinfile::beside(main);
    let differences = inventory.differences(plan);
    let mut chosen: Vec<&Difference> = Vec::new();
    for id in ids {
        let by_kind = |d: &&Difference| format!("{}:{}", d.kind, d.instance) == *id;
        let mut hits = differences.iter().filter(|d| d.id == *id || by_kind(d)).peekable();
        if hits.peek().is_none() {
            screen.err(&format!(
                "`{id}` does not differ from what is pinned; `hostwatch detect --diff` lists what does"
            ));
            return exit::FAILED;
        }
        chosen.extend(hits);
    }
    if all {
        chosen = differences.iter().collect();
    }
    if chosen.is_empty() {
        screen.out("nothing differs from what is pinned");
        return exit::DONE;
    }
    let mut sets = own_pins(plan, &path);
    for difference in &chosen {
        let (kind, instance) = (difference.kind, &difference.instance);
        let elsewhere = plan.pinned.get(kind).and_then(|pins| pins.get(instance));
        if let Some(pin) = elsewhere.filter(|pin| *pin.place.file != *path.display().to_string()) {
            let place = crate::alert::words::place(&pin.place);
            screen.err(&format!("`{}` is pinned by {place}: change it there", difference.id));
            return exit::FAILED;
        }
        if matches!(difference.change, Change::Missing(_)) {
            if let Some(set) = sets.get_mut(kind) {
                set.remove(instance);
            }
            continue;
        }
        let item = inventory
            .items
            .iter()
            .find(|item| item.kind.spec().name == kind && item.found.instance == *instance);
        if let Some(item) = item {
            let facts = Pin::facts_of(item.kind.spec(), &item.found);
            sets.entry(kind).or_default().insert(Arc::clone(instance), facts);
        }
    }
    match write(host, main, &path, &sets) {
        Ok(backup) => {
            for difference in chosen {
                let word = match difference.change {
                    Change::New => "pinned",
                    Change::Missing(_) => "forgotten",
                    Change::Changed(_) => "replaced",
                };
                screen.out(&format!("{word:<10} {}", shown(&difference.id)));
            }
            let before = backup.map(|b| format!(" (before: {b})")).unwrap_or_default();
            screen.out(&format!("wrote {}{before}", path.display()));
            screen.out("put it in force with: hostwatch reload");
            exit::DONE
        }
        Err(error) => {
            screen.err(&error);
            exit::FAILED
        }
    }
}

/// What the file of pins holds now; other files keep theirs.
fn own_pins(plan: &Plan, path: &Path) -> Sets {
    let file = path.display().to_string();
    let mut sets = Sets::new();
    for (kind, pins) in &plan.pinned {
        for (instance, pin) in pins.iter().filter(|(_, pin)| *pin.place.file == *file) {
            sets.entry(kind).or_default().insert(Arc::clone(instance), pin.facts.clone());
        }
    }
    sets
}

/// Rewrites the file, and takes it back if the configuration is not valid with it.
fn write(host: &Host, main: &Path, path: &Path, sets: &Sets) -> Result<Option<String>, String> {
    let cannot = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let old = pinfile::read(path).map_err(cannot)?;
    let base = if old.is_empty() { pinfile::HEAD } else { &old };
    let text = pinfile::replace(base, &pinfile::block(sets));
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let backup = pinfile::rewrite(path, &text).map_err(cannot)?;
    let named = main.symlink_metadata().is_ok() || main != Path::new(config::DEFAULT_FILE);
    let loaded = config::load(named.then_some(main), &host.identity());
    if loaded.plan.is_none() {
        let back = match &backup {
            Some(backup) => std::fs::rename(backup, path),
            None => std::fs::remove_file(path),
        };
        back.map_err(cannot)?;
        return Err(loaded.diagnostics.render(false));
    }
    Ok(backup.map(|backup| backup.display().to_string()))
}
