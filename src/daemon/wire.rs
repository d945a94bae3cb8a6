//! Instances as they cross the pipe from the lane process. Knows the form, no meaning.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::kind::LABELS;
use crate::probe::{Found, KINDS, Kind, Lane};

/// One instance, with every name as text of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundLine {
    instance: Arc<str>,
    title: String,
    source: Arc<str>,
    inline: bool,
    attributes: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    behind: Option<(String, Arc<str>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    upon: Vec<(String, Arc<str>)>,
    by_default: bool,
}

impl From<Found> for FoundLine {
    fn from(found: Found) -> Self {
        let texts = |pairs: Vec<(&'static str, String)>| {
            pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
        };
        Self {
            instance: found.instance,
            title: found.title,
            source: found.source,
            inline: found.lane == Lane::Inline,
            attributes: texts(found.attributes),
            labels: texts(found.labels),
            behind: found.behind.map(|(kind, instance)| (kind.to_owned(), instance)),
            upon: found.upon.into_iter().map(|(kind, name)| (kind.to_owned(), name)).collect(),
            by_default: found.by_default,
        }
    }
}

impl FoundLine {
    /// The instance of a kind. Both ends are one program, so every name is known to it.
    #[must_use]
    pub fn found(self, kind: &dyn Kind) -> Found {
        let selectors = kind.spec().selectors;
        let selector = |key: &str| selectors.iter().map(|s| s.key).find(|known| *known == key);
        let label = |key: &str| LABELS.iter().copied().find(|known| *known == key);
        let known = |pairs: Vec<(String, String)>, find: &dyn Fn(&str) -> Option<&'static str>| {
            let pairs = pairs.into_iter();
            pairs.filter_map(|(key, value)| Some((find(&key)?, value))).collect()
        };
        let kind_name = |name: &str| KINDS.iter().map(|k| k.spec().name).find(|k| *k == name);
        Found {
            instance: self.instance,
            title: self.title,
            source: self.source,
            lane: if self.inline { Lane::Inline } else { Lane::Own },
            attributes: known(self.attributes, &selector),
            labels: known(self.labels, &label),
            behind: self.behind.and_then(|(kind, instance)| Some((kind_name(&kind)?, instance))),
            upon: self
                .upon
                .into_iter()
                .filter_map(|(kind, instance)| Some((kind_name(&kind)?, instance)))
                .collect(),
            by_default: self.by_default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_crosses_the_pipe_whole() {
        let found = Found {
            instance: "c0/v1".into(),
            title: "volume 1".to_owned(),
            source: "megaraid".into(),
            lane: Lane::Own,
            attributes: vec![("name", "c0/v1".to_owned()), ("level", "raid6".to_owned())],
            labels: vec![("serial", "S1".to_owned())],
            behind: Some(("raid", "c0".into())),
            upon: vec![("disk_io", "sda".into())],
            by_default: true,
        };
        let text = serde_json::to_string(&FoundLine::from(found.clone())).unwrap();
        let line: FoundLine = serde_json::from_str(&text).unwrap();
        assert_eq!(line.found(&crate::probe::raid::Raid), found);
    }
}
