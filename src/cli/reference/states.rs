//! States of hardware and what is said of each: the tables of the reference page.
//!
//! A state is written down as the files of a small machine with the verdict on it. A test makes each
//! machine, lets the probe judge it and compares, so the page cannot say what the agent does not.
//!
//! ```text
//! == TECHNOLOGY | INSTANCE | what is the case [| OPTION VALUE]
//! -- like what is the case of an earlier state of the same technology: all its files
//! -- PATH = one line
//! -- PATH
//! lines
//! -- bin/TOOL WORD                     what a tool prints when its arguments hold the word
//! -- gone PATH
//! -- after SECONDS                     read, then change what follows, read again
//! => STATE: what is said
//! ```

/// The tables, in the order of the page.
pub const TABLES: &[(&str, &str)] = &[
    ("md", include_str!("../../../tests/states/md.states")),
    ("zfs", include_str!("../../../tests/states/zfs.states")),
    ("btrfs", include_str!("../../../tests/states/btrfs.states")),
    ("lvm", include_str!("../../../tests/states/lvm.states")),
    ("nic", include_str!("../../../tests/states/nic.states")),
    ("bond", include_str!("../../../tests/states/bond.states")),
    ("hwmon", include_str!("../../../tests/states/hwmon.states")),
    ("bmc", include_str!("../../../tests/states/bmc.states")),
];

/// One line below `--`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// A file and its text.
    File(&'a str, String),
    /// A tool, a word of its arguments, and what it prints then.
    Tool(&'a str, &'a str, String),
    /// A file that goes.
    Gone(&'a str),
    /// The machine is read; the next reading is this many seconds later.
    After(u64),
}

/// One state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case<'a> {
    /// `md`, or the kind where there is no choice of technologies.
    pub technology: &'a str,
    /// The instance that is judged.
    pub instance: &'a str,
    /// What is the case, in a few words.
    pub when: &'a str,
    /// An option of the check and its value.
    pub option: Option<(&'a str, &'a str)>,
    /// The machine.
    pub steps: Vec<Step<'a>>,
    /// `ok`, `warning`, `critical`, `unknown`.
    pub state: &'a str,
    /// What is said of the instance.
    pub sentence: &'a str,
}

/// Reads a table.
///
/// # Errors
/// The line that does not fit.
pub fn read(table: &str) -> Result<Vec<Case<'_>>, String> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in table.lines() {
        let bad = || format!("not understood: {line}");
        if let Some(head) = line.strip_prefix("== ") {
            let mut parts = head.split(" | ");
            let mut part = || parts.next().ok_or_else(bad);
            cases.push(Case {
                technology: part()?,
                instance: part()?,
                when: part()?,
                option: part().ok().and_then(|text| text.split_once(' ')),
                steps: Vec::new(),
                state: "",
                sentence: "",
            });
            continue;
        }
        if cases.is_empty() && (line.is_empty() || line.starts_with('#')) {
            continue;
        }
        if let Some(step) = line.strip_prefix("-- ") {
            let steps = first_step(step, &cases).ok_or_else(bad)?;
            cases.last_mut().ok_or_else(bad)?.steps.extend(steps);
            continue;
        }
        let case = cases.last_mut().ok_or_else(bad)?;
        if let Some(verdict) = line.strip_prefix("=> ") {
            (case.state, case.sentence) = verdict.split_once(": ").ok_or_else(bad)?;
        } else if case.state.is_empty() {
            let (Step::File(_, text) | Step::Tool(_, _, text)) =
                case.steps.last_mut().ok_or_else(bad)?
            else {
                return Err(bad());
            };
            text.push_str(line);
            text.push('\n');
        } else if !line.is_empty() {
            return Err(bad());
        }
    }
    Ok(cases)
}

fn first_step<'a>(step: &'a str, cases: &[Case<'a>]) -> Option<Vec<Step<'a>>> {
    if let Some(when) = step.strip_prefix("like ") {
        let technology = cases.last()?.technology;
        let like = cases.iter().find(|case| case.when == when && case.technology == technology)?;
        return Some(like.steps.clone());
    }
    let one = if let Some(path) = step.strip_prefix("gone ") {
        Step::Gone(path)
    } else if let Some(seconds) = step.strip_prefix("after ") {
        Step::After(seconds.parse().ok()?)
    } else if let Some(tool) = step.strip_prefix("bin/") {
        let (tool, word) = tool.split_once(' ').unwrap_or((tool, ""));
        Step::Tool(tool, word, String::new())
    } else if let Some((path, text)) = step.split_once(" = ") {
        Step::File(path, format!("{text}\n"))
    } else {
        Step::File(step, String::new())
    };
    Some(vec![one])
}
