//! Where mail for a local name goes: the text of /etc/aliases, as aliases(5) of Postfix and of
//! sendmail have it, and as Exim and dma read it.

use std::collections::{BTreeMap, BTreeSet};

/// Ends of one alias that are told: a person reads them.
const ENDS: usize = 100;
/// Entries that are read: a host has some thirty.
const ENTRIES: usize = 10_000;

/// The aliases of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    entries: BTreeMap<String, Vec<String>>,
}

impl Aliases {
    /// Reads `name: target, target`; a line that begins with a space goes on with the one before.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut logical: Vec<String> = Vec::new();
        for line in text.lines() {
            if line.trim_start().starts_with('#') || line.trim().is_empty() {
                continue;
            }
            match logical.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
                Some(last) => last.push_str(line),
                None => logical.push(line.to_owned()),
            }
        }
        let mut entries = BTreeMap::new();
        for line in logical.iter().take(ENTRIES) {
            let Some((name, targets)) = line.split_once(':') else { continue };
            let name = name.trim().trim_matches('"').to_ascii_lowercase();
            entries.entry(name).or_insert_with(|| split(targets));
        }
        Self { entries }
    }

    /// Where mail for a local name ends, each place once; `None` where there is no alias of it.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<Vec<String>> {
        let first = self.entries.get(&name.to_ascii_lowercase())?;
        let mut ends: Vec<String> = Vec::new();
        let name = name.to_ascii_lowercase();
        // Each alias is followed once, in however many circles it stands.
        let mut followed = BTreeSet::from([name.clone()]);
        let mut open: Vec<(&String, String)> =
            first.iter().rev().map(|target| (target, name.clone())).collect();
        while let Some((target, within)) = open.pop() {
            let alias = target.to_ascii_lowercase();
            // One that leads back to itself is that name's mailbox, as `\name` is.
            let is_mailbox = alias == name || alias == within;
            match self.entries.get(&alias).filter(|_| !is_mailbox) {
                Some(more) if followed.insert(alias.clone()) => {
                    open.extend(more.iter().rev().map(|next| (next, alias.clone())));
                }
                Some(_) => {}
                None if ends.contains(target) => {}
                None if ends.len() < ENDS => ends.push(target.clone()),
                None => break,
            }
        }
        Some(ends)
    }
}

/// Targets between commas; a quoted one may hold commas (`"|/bin/x, y"`).
fn split(text: &str) -> Vec<String> {
    let mut targets = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => targets.push(String::new()),
            c => {
                if let Some(last) = targets.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    targets.iter().map(|target| target.trim().to_owned()).filter(|t| !t.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_followed_to_its_ends() {
        let text = "# comment\nmailer-daemon: postmaster\nPostmaster: Root\nroot: ana,\n  ops@example.net\n\
                    ana: ana@example.org, \\ana\nwww: \"|/bin/cat, x\"\na: b\nb: a\nempty:\n";
        let aliases = Aliases::read(text);
        let of = |name: &str| aliases.of(name);
        let ends =
            vec!["ana@example.org".to_owned(), "\\ana".to_owned(), "ops@example.net".to_owned()];
        assert_eq!(of("root"), Some(ends.clone()));
        assert_eq!(of("MAILER-DAEMON"), Some(ends));
        assert_eq!(of("www"), Some(vec!["|/bin/cat, x".to_owned()]));
        assert_eq!(of("nobody"), None);
        assert_eq!(of("empty"), Some(vec![]));
        assert_eq!(of("a"), Some(vec!["a".to_owned()]), "a circle ends");
        // What doubles at each step is followed once.
        let steps = (0..40).map(|n| format!("n{n}: n{0}, n{0}\n", n + 1)).collect::<String>();
        assert_eq!(Aliases::read(&steps).of("n0"), Some(vec!["n40".to_owned()]));
    }
}
