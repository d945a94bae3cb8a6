//! A sensor with states rather than a value: a power supply, a redundancy, a door.

use super::name::Named;
use crate::model::finding::Finding;
use crate::model::reading::Observation;
use crate::model::state::State;
use crate::model::text::shown;
use crate::parse::ipmi::states::{self, Weight};

/// Judges one sensor.
pub(super) fn judge(named: &Named<'_>) -> Observation {
    let seen = named.seen;
    let mut observation =
        Observation { instance: named.instance.clone(), ..Observation::default() };
    let found = match &seen.reading {
        Ok(reading) => match reading.states {
            Some(bits) if seen.sensor.has_thresholds() => {
                let [low, _] = bits.to_le_bytes();
                Some(states::crossed(&seen.sensor, low))
            }
            bits => bits.map(|bits| states::states(&seen.sensor, bits)),
        },
        Err(silence) => {
            let text = format!("no reading: {}; {}", silence.why, named.origin());
            observation.summary = shown(&text).into_owned();
            return observation;
        }
    };
    let Some(found) = found else {
        let why = match seen.is_live() {
            true => "the BMC gives no states",
            false => "not scanned or not available",
        };
        let text = format!("no reading now: {why}; {}", named.origin());
        observation.summary = shown(&text).into_owned();
        return observation;
    };
    let phrases: Vec<&str> = found.iter().map(|state| state.phrase.as_ref()).collect();
    let all = if phrases.is_empty() { "nothing asserted".to_owned() } else { phrases.join(", ") };
    observation.summary = shown(&format!("{all}; {}", named.origin())).into_owned();
    for one in &found {
        let Some(state) = meaning(one.weight) else { continue };
        observation.findings.push(Finding {
            state,
            code: format!("state-{}", one.offset),
            key: String::new(),
            fact: shown(&match named.among() {
                Some(place) => format!("{} ({place})", one.phrase),
                None => one.phrase.to_string(),
            })
            .into_owned(),
            detail: vec![
                shown(&format!("Now {all}.")).into_owned(),
                shown(&named.origin()).into_owned(),
            ],
        });
    }
    observation.findings.sort_by_key(|finding| std::cmp::Reverse(finding.state.rank()));
    observation
}

/// What a state or an event means for an instance; the good and the merely notable, nothing.
pub(super) fn meaning(weight: Weight) -> Option<State> {
    match weight {
        Weight::Critical => Some(State::Critical),
        Weight::Warning => Some(State::Warning),
        Weight::Good | Weight::Note => None,
    }
}
