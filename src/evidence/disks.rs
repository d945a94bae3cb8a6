//! Disks of an array that are named in what was found: what the kernel counted and wrote about them.
//! Model, serial number and slot are not repeated: the array's own facts have them.

use std::collections::BTreeSet;

use super::told::{Told, row};
use super::{Inquiry, kernel};
use crate::host::Host;
use crate::host::dir;
use crate::host::file::read_line;
use crate::model::evidence::Row;
use crate::model::limit::EVIDENCE_ROWS;
use crate::model::state::State;
use crate::model::text::shown;

pub(super) fn gather(inquiry: &Inquiry, host: &Host, told: &mut Told<'_>) {
    let disks = disks(inquiry, host);
    let mut names: Vec<String> = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for disk in &disks {
        names.push(disk.clone());
        let port = port(host, disk);
        names.extend(port.clone());
        rows.extend(counters(host, disk, port.as_deref()));
    }
    told.list("What the kernel counted since the disk was found".to_owned(), rows);
    if names.is_empty() {
        names.push(inquiry.id.instance.to_string());
    }
    if let Some(remark) = kernel::tell(inquiry, host, &names, told) {
        told.remark(remark);
    }
}

/// Whole disks that the facts name, or a part of which they name, and those an array of md calls
/// faulty.
fn disks(inquiry: &Inquiry, host: &Host) -> BTreeSet<String> {
    let findings = inquiry.findings.iter().filter(|finding| finding.state != State::Ok);
    let texts = findings.flat_map(|finding| std::iter::once(&finding.fact).chain(&finding.detail));
    let mut words: BTreeSet<String> = BTreeSet::new();
    for text in texts {
        let apart = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_');
        words.extend(text.split(apart).filter(|word| is_name(word)).map(str::to_owned));
    }
    let members = format!("sys/block/{}/md", inquiry.id.instance);
    if is_name(&inquiry.id.instance) {
        for name in dir::names(host, &members).unwrap_or_default() {
            let Some(member) = name.strip_prefix("dev-") else { continue };
            let state = read_line(host, &format!("{members}/{name}/state")).unwrap_or_default();
            if state
                .split(',')
                .any(|word| matches!(word, "faulty" | "blocked" | "want_replacement"))
            {
                words.insert(member.to_owned());
            }
        }
    }
    words.iter().filter_map(|word| whole_disk(host, word)).take(EVIDENCE_ROWS).collect()
}

/// Whether a word may name a device, so that it leads nowhere else as part of a path.
fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word.len() < 32
        && word.bytes().any(|byte| byte.is_ascii_lowercase())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// `sdb` for `sdb` and `sdb1`; none for what is no disk with a device behind it.
fn whole_disk(host: &Host, word: &str) -> Option<String> {
    let trimmed = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let candidates = [word, trimmed, trimmed.strip_suffix('p').unwrap_or(trimmed)];
    let disk = candidates.into_iter().find(|candidate| {
        let folder = format!("sys/block/{candidate}");
        let is_part = *candidate == word || dir::exists(host, &format!("{folder}/{word}"));
        !candidate.is_empty() && is_part && dir::exists(host, &format!("{folder}/device"))
    })?;
    Some(disk.to_owned())
}

/// The port of a SATA disk, as the kernel's lines name it: `ata4`. It is a folder above the disk's.
fn port(host: &Host, disk: &str) -> Option<String> {
    let path = dir::link_path(host, &format!("sys/block/{disk}"))?;
    let is_port = |part: &&str| {
        part.strip_prefix("ata")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    path.split('/').find(is_port).map(str::to_owned)
}

/// `18 commands failed (sdb on ata4)`; nothing where the driver does not count.
fn counters(host: &Host, disk: &str, port: Option<&str>) -> Option<Row> {
    let text = read_line(host, &format!("sys/block/{disk}/device/ioerr_cnt")).ok()?;
    let errors = u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()?;
    let state = read_line(host, &format!("sys/block/{disk}/device/state")).unwrap_or_default();
    let place = port.map(|port| format!(" on {port}")).unwrap_or_default();
    let state = match state.as_str() {
        "" | "running" => String::new(),
        state => format!(", the kernel calls it {}", shown(state)),
    };
    (errors > 0 || !state.is_empty()).then(|| {
        row(errors.to_string(), format!("commands of {disk}{place} ended in an error{state}"))
    })
}
