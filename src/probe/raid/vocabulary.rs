//! Every word of a controller's tool with the verdict on it, for the reference page.
//!
//! Owns: the smallest controller that says a word. The verdict is that of the judge itself.

use super::controller::{Item, items};
use super::words::Words;
use super::{arcconf, megaraid, sas2ircu, ssacli, tw_cli};
use crate::model::state::State;
use crate::parse::controller::{Controller, Drive, Fact, Part, Volume};

/// A word and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `megaraid`, `smartarray`, ...
    pub technology: &'static str,
    /// `volume`, `drive`, or a field of the controller or of a part of it.
    pub subject: String,
    /// The tool's word.
    pub word: &'static str,
    /// The worst finding.
    pub state: State,
    /// What is said, with a mirror of two drives or a drive that no volume misses as the example.
    pub sentence: String,
}

/// All words that the agent knows.
#[must_use]
pub fn vocabulary() -> Vec<Verdict> {
    let all = [&megaraid::WORDS, &ssacli::WORDS, &arcconf::WORDS, &sas2ircu::WORDS, &tw_cli::WORDS];
    all.into_iter().flat_map(words).collect()
}

fn words(words: &Words) -> Vec<Verdict> {
    let mut found = Vec::new();
    let mut add = |subject: &str, word, controller: Controller, last: bool| {
        let named = Controller { name: "c0".to_owned(), ..controller };
        let items = items(words, &named);
        // The controller itself comes first, what hangs on it after it.
        let item = if last { items.last() } else { items.first() };
        found.extend(item.map(|item| verdict(words, subject, word, item)));
    };
    for (word, _) in words.volume {
        let volume = Volume {
            name: "v0".to_owned(),
            level: "RAID1".to_owned(),
            state: (*word).to_owned(),
            width: 2,
            ..Volume::default()
        };
        add("volume", word, Controller { volumes: vec![volume], ..Controller::default() }, true);
    }
    for (word, _) in words.drive {
        let drive =
            Drive { place: "1:2".to_owned(), state: (*word).to_owned(), ..Drive::default() };
        add("drive", word, Controller { drives: vec![drive], ..Controller::default() }, true);
    }
    let fact = |field: &str, word: &str| Fact { field: field.to_owned(), word: word.to_owned() };
    for (field, known) in words.controller {
        for (word, _) in *known {
            let facts = vec![fact(field, word)];
            add(field, word, Controller { facts, ..Controller::default() }, false);
        }
    }
    for (field, known) in words.part {
        for (word, _) in *known {
            let part = Part {
                name: "battery".to_owned(),
                facts: vec![fact(field, word)],
                ..Part::default()
            };
            add(field, word, Controller { parts: vec![part], ..Controller::default() }, true);
        }
    }
    found
}

fn verdict(words: &Words, subject: &str, word: &'static str, item: &Item) -> Verdict {
    let state = item.seen.findings.iter().map(|f| f.state).fold(State::Ok, State::worst);
    Verdict {
        technology: words.technology,
        subject: subject.to_owned(),
        word,
        state,
        sentence: item.seen.summary.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_technology_knows_good_and_bad_words_and_tells_them_apart() {
        let all = vocabulary();
        for technology in ["megaraid", "smartarray", "adaptec", "ircu", "3ware"] {
            let states: BTreeSet<_> = all
                .iter()
                .filter(|one| one.technology == technology && one.subject == "volume")
                .map(|one| one.state.to_string())
                .collect();
            assert!(
                states.contains("ok") && states.contains("critical"),
                "{technology} {states:?}"
            );
        }
        let of = |technology: &str, subject: &str, word: &str| {
            let known = |one: &&Verdict| {
                (one.technology, one.subject.as_str(), one.word) == (technology, subject, word)
            };
            all.iter().find(known).map(|one| (one.state, one.sentence.as_str())).unwrap()
        };
        assert_eq!(of("smartarray", "volume", "ok").0, State::Ok);
        assert_eq!(of("smartarray", "volume", "interim recovery mode").0, State::Critical);
        assert_eq!(of("smartarray", "volume", "recovering").0, State::Warning);
        let (state, said) = of("smartarray", "drive", "predictive failure");
        assert_eq!(state, State::Warning);
        assert!(said.contains("drive 1:2") && said.contains("replace it soon"), "{said}");
    }
}
