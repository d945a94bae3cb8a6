//! The manual page `hostwatch-kinds(7)`: what each kind watches, and for hardware each state with
//! the verdict on it.

use super::page::{Page, escape};
use super::states::{Case, TABLES, read};
use crate::probe::KINDS;
use crate::probe::raid::{Verdict, vocabulary};

const DESCRIPTION: &str = "\
What the agent can watch, one section a kind: where its numbers come from, by what its instances are
selected, which metrics a check may limit. How checks are written is in `hostwatch.yaml`(5).

Kinds of hardware judge by themselves, without any limit. For them a table follows: what is the case,
and what the agent says of it. The sentences are the agent's own, on machines in that state; names
and numbers are examples. A warning or worse is told once the check's `for` is over.";

/// What people call a technology of the kind `raid`.
const TECHNOLOGIES: &[(&str, &str)] = &[
    ("md", "Linux software RAID (md)"),
    ("zfs", "ZFS"),
    ("btrfs", "btrfs"),
    ("lvm", "LVM: RAID, mirrors, thin pools"),
    ("megaraid", "MegaRAID and PERC (storcli, perccli, megacli)"),
    ("smartarray", "Smart Array (ssacli, hpssacli, hpacucli)"),
    ("adaptec", "Adaptec (arcconf)"),
    ("ircu", "LSI mirrors (sas2ircu, sas3ircu)"),
    ("3ware", "3ware (tw_cli)"),
];

/// Opens the words of a controller.
const WORDS: &str = "\
Words of the tool, with what is said of a mirror of two drives, of a drive that belongs to no volume, of
the controller, of its battery or cache. A volume that lost a drive and still survives the loss of
another one is a warning instead. A word that is not listed is a warning.";

/// The manual page as roff.
///
/// # Errors
/// When a table of states cannot be read.
pub fn man_kinds() -> Result<String, String> {
    let mut cases = Vec::new();
    for (name, table) in TABLES {
        cases.extend(read(table).map_err(|error| format!("{name}: {error}"))?);
    }
    let mut page = Page::default();
    page.raw(&format!(
        ".TH HOSTWATCH\\-KINDS 7 \"\" \"hostwatch {}\" \"Miscellaneous Information\"",
        env!("CARGO_PKG_VERSION")
    ));
    page.heading("NAME");
    page.raw("hostwatch\\-kinds \\- what hostwatch watches, and what it says of it");
    page.heading("DESCRIPTION");
    page.text(DESCRIPTION);
    for kind in KINDS {
        let spec = kind.spec();
        page.heading(&escape(spec.name));
        page.keys_of_kind(spec);
        if let Some(finding) = spec.findings {
            page.text(&format!("Critical by itself when {finding}."));
        }
        if spec.name == "raid" {
            for (technology, title) in TECHNOLOGIES {
                page.raw(&format!(".SS {}", escape(title)));
                table(&mut page, &cases, technology);
                words(&mut page, technology);
            }
        } else if cases.iter().any(|case| case.technology == spec.name) {
            page.raw(&format!(".SS States of {}", escape(spec.name)));
            table(&mut page, &cases, spec.name);
        }
    }
    page.heading("SEE ALSO");
    page.raw("\\fBhostwatch\\fR(8), \\fBhostwatch.yaml\\fR(5)");
    Ok(page.out)
}

fn table(page: &mut Page, cases: &[Case<'_>], technology: &str) {
    for case in cases.iter().filter(|case| case.technology == technology) {
        let option =
            case.option.map(|(key, value)| format!(" (`{key}: {value}`)")).unwrap_or_default();
        let text = format!("`{}`{option}: {}: {}", case.state, case.instance, case.sentence);
        page.item(case.when, &[&text]);
    }
}

/// Controllers tell their state in words of their tool's own; words of one verdict stand together.
fn words(page: &mut Page, technology: &str) {
    let all = vocabulary();
    let all: Vec<&Verdict> = all.iter().filter(|one| one.technology == technology).collect();
    if !all.is_empty() {
        page.text(WORDS);
    }
    for of_subject in all.chunk_by(|a, b| a.subject == b.subject) {
        let Some(first) = of_subject.first() else { continue };
        page.raw(".PP");
        page.raw(&format!("\\fI{}\\fR", escape(&first.subject)));
        for same in of_subject.chunk_by(|a, b| (a.state, &a.sentence) == (b.state, &b.sentence)) {
            let Some(first) = same.first() else { continue };
            let known: Vec<&str> = same
                .iter()
                .map(|one| if one.word.is_empty() { "(none)" } else { one.word })
                .collect();
            let text = format!("`{}`: {}", first.state, first.sentence);
            page.item(&known.join(", "), &[&text]);
        }
    }
}
