//! The kernel's own lines about a thing, of the last hour.

use std::collections::VecDeque;

use super::Inquiry;
use super::hour::Hours;
use super::told::{Told, row};
use crate::host::Host;
use crate::host::file::read_line;
use crate::host::kernel_log;
use crate::model::limit::{KERNEL_LINES, KERNEL_LINES_WITHIN};
use crate::model::reading::ProbeError;
use crate::model::text::shown_bytes;
use crate::model::unit::Span;
use crate::parse::fraction;
use crate::parse::kernel_log::record;

/// The least severe that is told: a notice.
const SEVERITY_MAX: u8 = 5;

/// One line.
pub(super) struct Line {
    /// When, for a person.
    pub(super) at: String,
    /// As the kernel wrote it.
    pub(super) text: Vec<u8>,
}

/// The last lines of the last hour that are about it.
///
/// # Errors
/// The log may not be read.
pub(super) fn lines(
    inquiry: &Inquiry,
    host: &Host,
    about: &dyn Fn(&[u8]) -> bool,
) -> Result<Vec<Line>, ProbeError> {
    let hours = Hours::near(inquiry.at, &inquiry.timezone);
    let uptime = uptime(host).ok_or_else(|| {
        ProbeError::Failed("the time since the start of the machine cannot be read".to_owned())
    })?;
    let mut kept: VecDeque<Line> = VecDeque::new();
    kernel_log::records(host, &mut |bytes| {
        let Some(line) = record(bytes) else { return };
        // Ages by the clock that also counts suspends are too old by that; nearly none suspends.
        let age = Span::from_millis(uptime.as_millis().saturating_sub(line.at_ms));
        if line.severity > SEVERITY_MAX || age > KERNEL_LINES_WITHIN || !about(&line.text) {
            return;
        }
        if kept.len() == KERNEL_LINES {
            kept.pop_front();
        }
        let at = hours.long(inquiry.at.minus(age));
        kept.push_back(Line { at, text: line.text });
    })?;
    Ok(kept.into())
}

/// Lists what the kernel wrote about any of these words (`sdb`, `ata4`), which must stand alone.
/// Gives what is to be said at the end where the log may not be read.
#[must_use]
pub(super) fn tell(
    inquiry: &Inquiry,
    host: &Host,
    names: &[String],
    told: &mut Told<'_>,
) -> Option<String> {
    let about = |text: &[u8]| names.iter().any(|name| mentions(text, name.as_bytes()));
    let what = names.join(", ");
    match lines(inquiry, host, &about) {
        Ok(lines) => {
            let rows = lines.iter().map(|line| row(line.at.clone(), shown_bytes(&line.text)));
            let heading = format!("The kernel about {what} in the last hour");
            told.list(heading, rows.collect());
            None
        }
        Err(why) => Some(format!("What the kernel wrote about {what} is not known: {why}")),
    }
}

/// Whether a text has this name as a word: `sdb` is in `[sdb] Write failed` and `sdb1`, not in
/// `sdba`; `ata4` is in `ata4.00`, not in `ata42`.
fn mentions(text: &[u8], name: &[u8]) -> bool {
    if name.is_empty() {
        return false;
    }
    text.windows(name.len()).enumerate().any(|(at, part)| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let after = text.get(at + name.len());
        let ends_in_digit = name.last().is_some_and(u8::is_ascii_digit);
        part == name
            && !before.is_some_and(u8::is_ascii_alphanumeric)
            && !after.is_some_and(|byte| {
                if ends_in_digit { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() }
            })
    })
}

fn uptime(host: &Host) -> Option<Span> {
    let line = read_line(host, "proc/uptime").ok()?;
    let seconds = fraction(line.split(' ').next()?.as_bytes())?.max(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float casts saturate, and the number is not negative"
    )]
    let milliseconds = (seconds * 1000.0) as u64;
    Some(Span::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_name_must_stand_alone() {
        for text in ["sd 3:0:0:0: [sdb] tag#3", "I/O error, dev sdb, sector", "sdb1: bad", "sdb"] {
            assert!(mentions(text.as_bytes(), b"sdb"), "{text}");
        }
        for text in ["dev sdba", "xsdb", "sd"] {
            assert!(!mentions(text.as_bytes(), b"sdb"), "{text}");
        }
        assert!(mentions(b"ata4.00: failed command", b"ata4"));
        assert!(!mentions(b"ata42.00: failed command", b"ata4"));
        assert!(!mentions(b"x", b""));
    }
}
