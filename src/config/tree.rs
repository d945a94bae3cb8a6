//! A YAML document as a tree that knows where every piece of it stands.
//!
//! Owns: the shape of the tree, and how two trees are laid over each other. Knows no parser and
//! no meaning.

use std::collections::HashMap;

use super::source::Spot;

/// One piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub spot: Spot,
    /// What it is.
    pub data: Data,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A word, number or text.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order written.
    Map(Vec<Entry>),
    /// Something that was refused already: it is given no second error.
    Refused,
}

/// A word, number or text, as written: nothing is guessed from its looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// Its text, unquoted.
    pub text: String,
    /// Whether it is written without quotes on one line, so that byte n of the text is byte n of
    /// its spot.
    pub plain: bool,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_spot: Spot,
    /// Whether the key is written without quotes.
    pub key_plain: bool,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// A map without entries.
    #[must_use]
    pub fn empty_map(spot: Spot) -> Self {
        Self { spot, data: Data::Map(Vec::new()) }
    }

    /// The entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Whether it is written as nothing: `key:`, `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar(scalar) if scalar.plain
            && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// `a map`, `a list`, `` `text` ``: for messages.
    #[must_use]
    pub fn noun(&self) -> String {
        match &self.data {
            Data::Scalar(_) if self.is_null() => "nothing".to_owned(),
            Data::Scalar(scalar) => format!("`{}`", super::diagnostic::quoted(&scalar.text)),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a map".to_owned(),
            Data::Refused => "something refused".to_owned(),
        }
    }
}

/// Lays `upper` over `lower`: maps are merged key by key, everything else replaces, and a key that
/// ends in `+` appends its list. What cannot be appended to is reported by its key's spot.
pub fn lay_over(lower: &mut Node, upper: &Node, refused: &mut Vec<(Spot, String)>) {
    let (Data::Map(low), Data::Map(high)) = (&mut lower.data, &upper.data) else {
        *lower = upper.clone();
        return;
    };
    let mut index: HashMap<String, usize> =
        low.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
    for entry in high {
        let name = entry.key.strip_suffix('+').unwrap_or(&entry.key);
        match index.get(name).and_then(|at| low.get_mut(*at)) {
            Some(have) if name.len() < entry.key.len() => match append(&have.value, &entry.value) {
                Some(value) => have.value = value,
                None => refused.push((entry.key_spot, name.to_owned())),
            },
            Some(have) => {
                lay_over(&mut have.value, &entry.value, refused);
                have.key_spot = entry.key_spot;
            }
            None => {
                index.insert(entry.key.clone(), low.len());
                low.push(entry.clone());
            }
        }
    }
    lower.spot = upper.spot;
}

fn append(lower: &Node, upper: &Node) -> Option<Node> {
    let items = |node: &Node| match &node.data {
        Data::List(items) => Some(items.clone()),
        Data::Scalar(_) if !node.is_null() => Some(vec![node.clone()]),
        Data::Refused => Some(Vec::new()),
        Data::Scalar(_) | Data::Map(_) => None,
    };
    let mut all = items(lower)?;
    all.extend(items(upper)?);
    Some(Node { spot: upper.spot, data: Data::List(all) })
}

/// Turns every `key+` that is left into `key`: there was nothing to append to. A map that holds
/// both is merged.
pub fn settle_appends(node: &mut Node, refused: &mut Vec<(Spot, String)>) {
    match &mut node.data {
        Data::Map(entries) => {
            for entry in entries.iter_mut() {
                settle_appends(&mut entry.value, refused);
            }
            if entries.iter().any(|entry| entry.key.ends_with('+')) {
                let all = std::mem::take(entries);
                let (appends, mut settled): (Vec<_>, Vec<_>) =
                    all.into_iter().partition(|entry| entry.key.ends_with('+'));
                for entry in appends {
                    append_entry(entry, &mut settled, refused);
                }
                *entries = settled;
            }
        }
        Data::List(items) => {
            for item in items {
                settle_appends(item, refused);
            }
        }
        Data::Scalar(_) | Data::Refused => {}
    }
}

fn append_entry(mut entry: Entry, settled: &mut Vec<Entry>, refused: &mut Vec<(Spot, String)>) {
    let name = entry.key.trim_end_matches('+').to_owned();
    match settled.iter_mut().find(|have| have.key == name) {
        Some(have) => match append(&have.value, &entry.value) {
            Some(value) => have.value = value,
            None => refused.push((entry.key_spot, name)),
        },
        None => {
            if matches!(entry.value.data, Data::Map(_)) {
                refused.push((entry.key_spot, name.clone()));
            }
            entry.key = name;
            settled.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::Findings;
    use super::super::yaml;
    use super::*;

    fn tree(text: &str) -> Node {
        yaml::parse(text, 0, &mut Findings::default()).unwrap()
    }

    /// The values of a tree, without places.
    fn shown(node: &Node) -> String {
        match &node.data {
            Data::Scalar(scalar) => scalar.text.clone(),
            Data::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" "))
            }
            Data::Map(entries) => {
                let entries: Vec<_> =
                    entries.iter().map(|e| format!("{}:{}", e.key, shown(&e.value))).collect();
                format!("{{{}}}", entries.join(" "))
            }
            Data::Refused => "refused".to_owned(),
        }
    }

    fn laid(lower: &str, upper: &str) -> (String, usize) {
        let mut node = tree(lower);
        let mut refused = Vec::new();
        lay_over(&mut node, &tree(upper), &mut refused);
        settle_appends(&mut node, &mut refused);
        (shown(&node), refused.len())
    }

    #[test]
    fn maps_merge_values_replace_and_plus_appends() {
        for (lower, upper, expected) in [
            ("a: {b: 1, c: 2}", "a: {c: 3, d: 4}", "{a:{b:1 c:3 d:4}}"),
            ("a: [1, 2]", "a: [3]", "{a:[3]}"),
            ("a: [1, 2]", "a+: [3]", "{a:[1 2 3]}"),
            ("a: 1", "a+: 2", "{a:[1 2]}"),
            ("{}", "a+: [3]", "{a:[3]}"),
            ("a: {b: 1}", "a: false", "{a:false}"),
            ("{}", "{a+: [2], a: [1]}", "{a:[1 2]}"),
        ] {
            assert_eq!(laid(lower, upper), (expected.to_owned(), 0), "{lower} < {upper}");
        }
    }

    #[test]
    fn appending_to_a_map_is_refused() {
        assert_eq!(laid("a: {b: 1}", "a+: [2]").1, 1);
        assert_eq!(laid("{}", "a+: {b: 1}").1, 1);
    }
}
