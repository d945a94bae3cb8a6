//! What a vendor's words can mean, and the shape of the tables that say so.

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// As it should be.
    Good,
    /// Worth saying, no fault.
    Note(&'static str),
    /// A fault that can wait.
    Warn(&'static str),
    /// A fault that cannot.
    Bad(&'static str),
    /// A volume lost redundancy; how much is left depends on its level and members.
    Degraded,
    /// A volume is being rebuilt, or a drive is being written to become a member.
    Rebuilding,
    /// A volume cannot be used any more; a drive does not work any more.
    Failed,
    /// A drive is not there.
    Missing,
    /// A drive waits to take over.
    Spare,
    /// A drive is in no volume.
    Unused,
}

/// The words of a tool. A word that is not listed is a warning; a field that is not listed says
/// nothing of health.
#[derive(Debug)]
pub(super) struct Words {
    /// First word of the sources: `megaraid`.
    pub technology: &'static str,
    /// What the tool's users call the drives of a controller: `drives`, `pd`.
    pub drives: &'static str,
    /// Fields of the controller itself, the first part of whose names is given.
    pub controller: &'static [(&'static str, &'static [(&'static str, Means)])],
    /// States of a volume.
    pub volume: &'static [(&'static str, Means)],
    /// Further fields of a volume.
    pub volume_facts: &'static [(&'static str, &'static [(&'static str, Means)])],
    /// States of a drive.
    pub drive: &'static [(&'static str, Means)],
    /// Fields of batteries and other parts.
    pub part: &'static [(&'static str, &'static [(&'static str, Means)])],
}

/// Fields that answer yes or no to a fault.
pub(super) const NO_IS_GOOD: &[(&str, Means)] = &[("no", Means::Good), ("yes", Means::Warn(""))];

/// What a word means, if the table holds it; large and small letters are the same.
pub(super) fn means(words: &[(&str, Means)], word: &str) -> Option<Means> {
    let word = word.trim().to_ascii_lowercase();
    words.iter().find(|(known, _)| *known == word).map(|(_, means)| *means)
}
