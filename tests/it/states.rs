//! The tables of the reference page hold: each written state is made and judged.
//!
//! `HOSTWATCH_BLESS=1` writes what the agent says into the tables: read the change.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hostwatch::cli::reference::states::{Case, Step, TABLES, read};
use hostwatch::host::Host;
use hostwatch::model::reading::Observation;
use hostwatch::model::state::State;
use hostwatch::model::time::Moment;
use hostwatch::probe::{Kind, OptionValue, Options, Probe, kind, list};

fn put(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A machine with one probe a source, as one check has them.
struct Machine {
    root: tempfile::TempDir,
    kind: &'static dyn Kind,
    options: Options,
    tools: BTreeMap<String, Vec<(String, String)>>,
    probes: BTreeMap<String, Box<dyn Probe>>,
    now: u64,
}

impl Machine {
    fn of(case: &Case<'_>) -> Self {
        let kind = kind(case.technology).unwrap_or_else(|| kind("raid").unwrap());
        let option = |(key, value): (&str, &str)| {
            let spec = kind.spec().options.iter().find(|option| option.key == key).unwrap();
            (spec.key, OptionValue::Text(value.to_owned()))
        };
        Self {
            root: tempfile::tempdir().unwrap(),
            kind,
            options: case.option.map(option).into_iter().collect(),
            tools: BTreeMap::new(),
            probes: BTreeMap::new(),
            now: 1000,
        }
    }

    fn take(&mut self, step: &Step<'_>) {
        match step {
            Step::File(path, text) => put(self.root.path(), path, text),
            Step::Gone(path) => {
                let path = self.root.path().join(path);
                if path.is_dir() {
                    std::fs::remove_dir_all(path).unwrap();
                } else {
                    std::fs::remove_file(path).unwrap();
                }
            }
            Step::Tool(tool, word, text) => {
                let answers = self.tools.entry((*tool).to_owned()).or_default();
                answers.retain(|(known, _)| known != word);
                answers.push(((*word).to_owned(), text.clone()));
                // The more special question first; a tool of old knows no JSON by `-j`.
                answers.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
                let mut script = "#!/bin/sh\ncase \" $* \" in\n*' -j '*) exit 1 ;;\n".to_owned();
                for (word, text) in answers {
                    script += &format!("*'{word}'*) cat <<'END'\n{text}END\n;;\n");
                }
                put(self.root.path(), &format!("bin/{tool}"), &(script + "*) exit 1 ;;\nesac\n"));
                let path = self.root.path().join("bin").join(tool);
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            Step::After(seconds) => {
                self.read();
                self.now += seconds;
            }
        }
    }

    fn read(&mut self) -> Vec<Result<Observation, String>> {
        let host = Host::recorded(self.root.path());
        let found = list(self.kind, &host, Moment(self.now * 1000)).unwrap();
        let sources: BTreeSet<String> = found.iter().map(|one| one.source.to_string()).collect();
        let mut seen = Vec::new();
        for source in sources {
            let (kind, options) = (self.kind, &self.options);
            let probe =
                self.probes.entry(source.clone()).or_insert_with(|| kind.open(&source, options));
            match probe.read(&host, Moment(self.now * 1000)) {
                Ok(all) => seen.extend(all.into_iter().map(Ok)),
                Err(error) => seen.push(Err(format!("{}, {error}", error.word()))),
            }
        }
        seen
    }
}

/// Verdict and sentence on a written state.
fn judged(case: &Case<'_>) -> (String, String) {
    let mut machine = Machine::of(case);
    for step in &case.steps {
        machine.take(step);
    }
    let mut others = Vec::new();
    let mut refused = String::new();
    for one in machine.read() {
        match one {
            Ok(one) if *one.instance == *case.instance => {
                let worst = one.findings.iter().map(|f| f.state).fold(State::Ok, State::worst);
                // Sensors put the value first; what is told of them is the fact.
                let told = one.findings.iter().find(|f| f.state == worst && worst != State::Ok);
                let said = told.map(|finding| finding.fact.clone());
                let said = said.filter(|fact| !one.summary.contains(fact.as_str()));
                return (worst.to_string(), said.unwrap_or(one.summary));
            }
            Ok(other) => others.push(other.instance.to_string()),
            Err(error) => refused = error,
        }
    }
    if refused.is_empty() {
        refused = format!("is not there, only {others:?}");
    }
    ("unknown".to_owned(), refused)
}

#[test]
fn the_agent_says_of_each_state_what_the_reference_page_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, table) in TABLES {
        let mut fresh = (*table).to_owned();
        for case in read(table).unwrap() {
            count += 1;
            let (state, sentence) = judged(&case);
            if (state.as_str(), sentence.as_str()) != (case.state, case.sentence) {
                wrong.push(format!(
                    "{name}, {}:\n    page   {}: {}\n    agent  {state}: {sentence}",
                    case.when, case.state, case.sentence
                ));
            }
            let head = format!("== {} | {} | {}", case.technology, case.instance, case.when);
            let at =
                fresh.find(&format!("{head}\n")).or(fresh.find(&format!("{head} | "))).unwrap();
            let verdict = at + fresh[at..].find("\n=> ").unwrap() + 1;
            let end = verdict + fresh[verdict..].find('\n').unwrap();
            fresh.replace_range(verdict..end, &format!("=> {state}: {sentence}"));
        }
        if std::env::var_os("HOSTWATCH_BLESS").is_some() {
            let path = format!("tests/states/{name}.states");
            std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), fresh).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(count > 80, "only {count} states are written");
}

#[test]
fn every_state_is_told_apart_by_its_words() {
    for (name, table) in TABLES {
        let cases = read(table).unwrap();
        let heads: BTreeSet<_> = cases.iter().map(|case| (case.technology, case.when)).collect();
        assert_eq!(heads.len(), cases.len(), "{name} has a state twice");
        for case in &cases {
            assert!(!case.steps.is_empty() && !case.sentence.is_empty(), "{name}: {}", case.when);
        }
    }
}
