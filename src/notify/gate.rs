//! The gate: every text of a notice is cleaned once, before any of it is used; what comes after it
//! can hold no control character and no line end, and no more than a mail has room for. Pure.

use std::sync::Arc;

use crate::model::evidence::{Evidence, Row, Section, Trend};
use crate::model::finding::Finding;
use crate::model::id::Id;
use crate::model::limit::{EVIDENCE_PICTURE_CHARS, EVIDENCE_ROWS, EVIDENCE_SECTIONS};
use crate::model::text::{shown, shown_within};
use crate::notify::notice::Notice;

/// Characters of a sentence.
const SENTENCE: usize = 400;
/// Characters of a heading, or of the words of a picture.
const HEADING: usize = 200;
/// Characters of an amount: `1.09 TB`, `620 Mbit/s`.
const AMOUNT: usize = 24;
/// Characters of the word at the head of a remark.
const REMARK: usize = 6;
/// Lines of detail of one notice: what to pull and what it means, not a log.
const DETAIL_LINES: usize = 20;
/// Lines of detail of each fact that is told beside the first.
const FURTHER_LINES: usize = 3;
/// Lines of advice, which the administrator wrote.
const ADVICE_LINES: usize = 40;
/// Remarks of one notice: an acknowledgement, a silence, a schedule.
const REMARKS: usize = 8;
/// How every PNG begins, in base64.
const PICTURE: &str = "iVBORw0KGgo";

/// A notice as it may be shown.
pub(super) fn clean(notice: &Notice) -> Notice {
    let lines = |text: &str| {
        text.lines()
            .take(ADVICE_LINES)
            .map(|l| shown_within(l.trim_end(), SENTENCE).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let news = |finding: &Finding| Finding {
        fact: shown(finding.fact.trim()).into_owned(),
        detail: finding.detail.iter().take(FURTHER_LINES).map(|text| line(text)).collect(),
        ..finding.clone()
    };
    let remark = |row: &Row| Row {
        amount: shown(row.amount.trim()).chars().take(REMARK).collect(),
        text: line(&row.text),
    };
    Notice {
        id: id(&notice.id),
        kind: shown(&notice.kind).into_owned(),
        title: shown(&notice.title).into_owned(),
        fact: shown(notice.fact.trim()).into_owned(),
        limit: shown(notice.limit.trim()).into_owned(),
        summary: line(&notice.summary),
        detail: notice.detail.iter().take(DETAIL_LINES).map(|text| line(text)).collect(),
        news: notice.news.iter().map(news).collect(),
        rule: line(&notice.rule),
        place: line(&notice.place),
        worst: notice.worst.as_deref().map(|worst| shown(worst).into_owned()),
        advice: notice.advice.as_deref().map(lines),
        runbook: notice.runbook.as_deref().map(|page| shown_within(page.trim(), 500).into_owned()),
        contact: shown(&notice.contact).into_owned(),
        evidence: notice.evidence.as_deref().map(|all| Arc::new(evidence(all))),
        remarks: notice.remarks.iter().take(REMARKS).map(remark).collect(),
        // Only whether the id survives unchanged matters from here on, see `words::typed`.
        follows: notice.follows.as_ref().map(id),
        ..notice.clone()
    }
}

/// A sentence.
pub(super) fn line(text: &str) -> String {
    shown_within(text.trim(), SENTENCE).into_owned()
}

fn id(id: &Id) -> Id {
    Id::new(&*shown(&id.check), &*shown(&id.instance))
}

fn evidence(evidence: &Evidence) -> Evidence {
    let row = |row: &Row| Row {
        amount: shown_within(row.amount.trim(), AMOUNT).into_owned(),
        text: line(&row.text),
    };
    let section = |section: &Section| Section {
        heading: shown_within(section.heading.trim(), HEADING).into_owned(),
        rows: section.rows.iter().take(EVIDENCE_ROWS).map(row).collect(),
    };
    let trend = |trend: &Trend| Trend {
        line: shown_within(trend.line.trim(), HEADING).into_owned(),
        alt: shown_within(trend.alt.trim(), HEADING).into_owned(),
        png: if is_picture(&trend.png) { trend.png.clone() } else { String::new() },
    };
    Evidence {
        outlook: line(&evidence.outlook),
        sections: evidence.sections.iter().take(EVIDENCE_SECTIONS).map(section).collect(),
        trend: evidence.trend.as_ref().map(trend),
    }
}

/// Whether a text is a PNG in base64 and nothing else.
fn is_picture(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let digits = text.trim_end_matches('=');
    text.starts_with(PICTURE)
        && text.len() <= EVIDENCE_PICTURE_CHARS
        && text.len().is_multiple_of(4)
        && text.len() - digits.len() <= 2
        && digits.bytes().all(digit)
}
