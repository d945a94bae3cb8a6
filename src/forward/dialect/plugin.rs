//! A verdict as monitoring plugins say it: name of the service, one line of text, performance data.
//! Nagios, Icinga and all that take their plugins' output read this.
//!
//! Must not know: how it is sent.

use crate::model::batch::{Figure, Verdict};
use crate::model::id::Id;
use crate::model::limit::{NAME_CHARS, PLUGIN_OUTPUT_BYTES, PLUGIN_TEXT_CHARS};
use crate::model::text::{shorten, shown, shown_within};
use crate::model::time::Stamp;

/// What Nagios forbids in names of objects (`illegal_object_name_chars` of its configuration as it is
/// delivered), what separates or ends in its files and commands, and Icinga's separator of host and
/// service, which is among the first.
const FORBIDDEN: &str = "`~!$%^&*|'\"<>?,()=;\\#";

/// The name of a service: the id, with `_` for each character that is forbidden in one. Two ids that
/// differ in such characters alone have one name.
#[must_use]
pub(super) fn service(id: &Id) -> String {
    let id = id.to_string();
    let id = shown(&id);
    let clean: String = id.chars().map(|c| if FORBIDDEN.contains(c) { '_' } else { c }).collect();
    shorten(clean.trim(), NAME_CHARS)
}

/// `CRITICAL - /data 96% full, 22 GiB of 560 GiB left (since 2026-11-23T02:12:00Z)`: no line end, and
/// nothing that begins performance data or the next field. The time is the original one, however late
/// it arrives.
#[must_use]
pub(super) fn text(verdict: &Verdict) -> String {
    let word = verdict.state.word().to_uppercase();
    let what = format!("{} {}", verdict.title, verdict.summary);
    let what = shown_within(what.trim(), PLUGIN_TEXT_CHARS).replace('|', "/").replace(';', ",");
    format!("{word} - {what} (since {})", utc_secs(verdict.since))
}

/// One text a figure: `used_percent=96%;90;95`. What is no number is left out, for it has no form.
#[must_use]
pub(super) fn performance_data(verdict: &Verdict) -> Vec<String> {
    verdict.figures.iter().filter(|figure| figure.value.is_finite()).map(datum).collect()
}

/// Text and performance data in one line of at most [`PLUGIN_OUTPUT_BYTES`]: figures that do not fit
/// are left out whole.
#[must_use]
pub(super) fn output(verdict: &Verdict) -> String {
    let mut line = text(verdict);
    let mut separator = " | ";
    for datum in performance_data(verdict) {
        if line.len() + separator.len() + datum.len() > PLUGIN_OUTPUT_BYTES {
            break;
        }
        line.push_str(separator);
        line.push_str(&datum);
        separator = " ";
    }
    line
}

fn datum(figure: &Figure) -> String {
    // By the rule for names of metrics the unit stands last in them.
    let unit = [("_percent", "%"), ("_bytes", "B"), ("_seconds", "s")]
        .iter()
        .find(|(end, _)| figure.name.ends_with(end))
        .map_or("", |(_, unit)| *unit);
    // A range names what is good: `10:` is from 10 on, `90` is up to 90.
    let limit = |limit: Option<f64>| match limit.filter(|limit| limit.is_finite()) {
        Some(limit) if figure.low => format!("{limit}:"),
        Some(limit) => limit.to_string(),
        None => String::new(),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let label = if figure.name.chars().all(is_plain) {
        figure.name.to_string()
    } else {
        // A quote within a label is written twice.
        let name = shown(&figure.name).replace('\'', "''").replace('=', "_").replace('|', "/");
        format!("'{name}'")
    };
    let line =
        format!("{label}={}{unit};{};{}", figure.value, limit(figure.warn), limit(figure.crit));
    line.trim_end_matches(';').to_owned()
}

/// A time in UTC to the second: `2026-11-23T02:12:00Z`.
#[must_use]
pub(super) fn utc_secs(at: Stamp) -> String {
    jiff::Timestamp::from_second(at.0.div_euclid(1000)).unwrap_or_default().to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::state::State;

    /// A critical file system since 2026-11-23T02:12:00.123Z.
    pub(in crate::forward) fn verdict(instance: &str, title: &str, summary: &str) -> Verdict {
        Verdict {
            id: Id::new("filesystem", instance),
            kind: "filesystem".into(),
            title: title.to_owned(),
            state: State::Critical,
            since: Stamp(1_795_399_920_123),
            read: None,
            changes: 1,
            silenced: false,
            acked: false,
            summary: summary.to_owned(),
            figures: Vec::new(),
        }
    }

    /// A number with its limits.
    pub(in crate::forward) fn figure(
        name: &'static str,
        value: f64,
        warn: f64,
        crit: Option<f64>,
        low: bool,
    ) -> Figure {
        Figure { name: name.into(), value, warn: Some(warn), crit, low }
    }

    /// Reads performance data as the guidelines have it, by code that shares nothing with the above.
    fn parsed(line: &str) -> Vec<(String, String)> {
        let (_, mut rest) = line.split_once('|').unwrap();
        let mut all = Vec::new();
        while !rest.trim().is_empty() {
            rest = rest.trim_start();
            let mut label = String::new();
            if let Some(quoted) = rest.strip_prefix('\'') {
                let mut chars = quoted.char_indices().peekable();
                while let Some((at, c)) = chars.next() {
                    if c == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') {
                        chars.next();
                    } else if c == '\'' {
                        rest = &quoted[at + 1..];
                        break;
                    }
                    label.push(c);
                }
            } else {
                let at = rest.find('=').unwrap();
                label.push_str(&rest[..at]);
                rest = &rest[at..];
            }
            rest = rest.strip_prefix('=').unwrap();
            let end = rest.find(' ').unwrap_or(rest.len());
            all.push((label, rest[..end].to_owned()));
            rest = &rest[end..];
        }
        all
    }

    #[test]
    fn a_verdict_is_one_line_with_its_numbers() {
        let mut verdict = verdict("/data", "/data", "96% full, 22 GiB of 560 GiB left");
        verdict.figures = vec![
            figure("used_percent", 96.0, 90.0, Some(95.5), false),
            figure("free_bytes", 5e9, 1e10, None, true),
            figure("speed_bits_per_second", 1e9, 1.0, None, true),
            figure("nothing", f64::NAN, 1.0, None, true),
        ];
        assert_eq!(
            output(&verdict),
            "CRITICAL - /data 96% full, 22 GiB of 560 GiB left (since 2026-11-23T02:12:00Z) | \
             used_percent=96%;90;95.5 free_bytes=5000000000B;10000000000: \
             speed_bits_per_second=1000000000;1:"
        );
    }

    #[test]
    fn nothing_in_a_name_or_a_text_begins_something_else() {
        let odd = "/d\u{e4}ta a|b;c\nd'e\"f$(g)=h\\";
        let mut verdict = verdict(odd, odd, "x|y;z\r\n");
        verdict.figures = vec![figure("it's a=b|c\n", 1.0, 2.0, None, false)];
        assert_eq!(service(&verdict.id), "filesystem:/d\u{e4}ta a_b_c_nd_e_f__g__h_",);
        let line = output(&verdict);
        assert_eq!(line.matches('|').count(), 1, "{line}");
        assert!(!line.contains(['\n', '\r']), "{line}");
        let (text, _) = line.split_once('|').unwrap();
        assert!(!text.contains(';'), "{line}");
        assert_eq!(parsed(&line), [("it's a_b/c\\n".to_owned(), "1;2".to_owned())]);
    }

    #[test]
    fn a_line_stays_below_four_kilobytes_and_no_number_is_cut() {
        let mut verdict = verdict("/x", &"\u{65e5}".repeat(9000), "full");
        verdict.figures = (0..500).map(|_| figure("used_percent", 1.5, 2.0, None, false)).collect();
        let line = output(&verdict);
        assert!(line.len() <= PLUGIN_OUTPUT_BYTES, "{}", line.len());
        let numbers = parsed(&line);
        assert!(numbers.len() > 50, "{}", numbers.len());
        assert!(numbers.iter().all(|(name, value)| name == "used_percent" && value == "1.5%;2"));
    }
}
