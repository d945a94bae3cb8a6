//! A page as plain text: 72 columns, ASCII art of no kind, the same in every mail program. Owns the
//! layout of the text; knows nothing of what is said.

use crate::model::text::shown_within;
use crate::notify::page::{Item, Page, Part, Row, Step};

/// Columns of a body.
pub(super) const WIDTH: usize = 72;
/// Characters of one text of a page: what is longer was not made for a mail.
const TEXT_CHARS: usize = 4000;
/// Columns that the first of a row's columns may take; a longer one stands out.
const AMOUNT: usize = 14;
/// Columns of the word at the head of a table.
const TABLE: usize = 9;
/// Columns by which what belongs to an item is indented.
const INDENT: usize = 5;
/// Causes of causes that are still indented further.
const DEPTH: usize = 4;

/// The text of a page.
pub(super) fn render(page: &Page) -> String {
    let mut out = String::new();
    wrap(&mut out, "", &page.sentence);
    let mut before: Option<&Part> = None;
    for part in &page.parts {
        if begins_paragraph(before, part) {
            out.push('\n');
        }
        put(part, 0, &mut out);
        before = Some(part);
    }
    out.push_str("--\n");
    wrap(&mut out, "", &page.footer);
    out
}

/// Whether an empty line stands above.
fn begins_paragraph(before: Option<&Part>, part: &Part) -> bool {
    match part {
        Part::Heading(_) | Part::Steps(_) | Part::Trend { .. } | Part::Said { .. } => true,
        // A trend and what else is bad are one paragraph: the context.
        Part::List { .. } => !matches!(before, Some(Part::Trend { .. })),
        Part::Table { .. } => !matches!(before, Some(Part::Table { .. })),
        Part::Line(_) => matches!(before, Some(Part::Table { .. } | Part::Item(_))),
        Part::Fact { .. } | Part::Command(_) | Part::Link(_) | Part::Quiet(_) | Part::Item(_) => {
            false
        }
    }
}

fn put(part: &Part, indent: usize, out: &mut String) {
    let margin = " ".repeat(indent);
    match part {
        Part::Line(text) | Part::Heading(text) | Part::Command(text) => wrap(out, &margin, text),
        Part::Fact { word, text } => wrap(out, &format!("{margin}{word:<6} "), text),
        Part::List { heading, rows } => {
            wrap(out, &margin, heading);
            list(rows, &format!("{margin}  "), out);
        }
        Part::Table { word, rows } => table(word, rows, out),
        Part::Trend { line, .. } => trend(line, &margin, out),
        Part::Steps(steps) => {
            out.push_str(&format!("{margin}Next\n"));
            for (number, step) in (1..).zip(steps) {
                put_step(step, &format!("{margin}  {number}. "), out);
            }
        }
        Part::Link(page) => link(page, &format!("{margin}{:<6} ", "see"), out),
        Part::Quiet(command) => quiet(command, &margin, out),
        Part::Item(item) => put_item(item, out),
        Part::Said { heading, text } => {
            wrap(out, "== ", heading);
            for line in text.lines() {
                out.push_str(&shown_within(line, TEXT_CHARS));
                out.push('\n');
            }
        }
    }
}

fn put_item(item: &Item, out: &mut String) {
    let indent = INDENT * item.depth.min(DEPTH);
    wrap(out, &format!("{}{:<4} ", " ".repeat(indent), item.tag), &item.headline);
    for part in &item.parts {
        put(part, indent + INDENT, out);
    }
}

fn list(rows: &[Row], margin: &str, out: &mut String) {
    let width = rows.iter().map(|row| row.amount.chars().count()).max().unwrap_or_default();
    let width = width.min(AMOUNT);
    for row in rows {
        let lead = match width {
            0 => margin.to_owned(),
            width => format!("{margin}{:<width$}  ", row.amount),
        };
        let lead: String = lead.chars().take(WIDTH / 2).collect();
        wrap(out, &lead, &joined(row));
    }
}

/// A row whose tail has no column of its own.
fn joined(row: &Row) -> String {
    let parts = [row.text.as_str(), row.tail.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn table(word: &str, rows: &[Row], out: &mut String) {
    let longest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let amount = longest(&|row| row.amount.chars().count()).min(AMOUNT);
    let amount = if amount == 0 { 0 } else { amount + 1 };
    let room = WIDTH - TABLE - amount;
    let tail = longest(&|row| row.tail.chars().count());
    // The tails stand below each other as far as texts are short enough for that.
    let fits = |row: &&Row| row.text.chars().count() + 2 + tail <= room;
    let column = rows.iter().filter(fits).map(|row| row.text.chars().count()).max();
    for (place, row) in rows.iter().enumerate() {
        let head = if place == 0 { word } else { "" };
        let lead = format!("{head:<TABLE$}{:<amount$}", row.amount);
        match column {
            Some(column) if fits(&row) && !row.tail.is_empty() => {
                // Two spaces are one to `wrap`.
                let line = format!("{lead}{:<column$}  {}", row.text, row.tail);
                if shown_within(&line, TEXT_CHARS) == line && line.chars().count() <= WIDTH {
                    out.push_str(line.trim_end());
                    out.push('\n');
                    continue;
                }
                wrap(out, &lead, &joined(row));
            }
            _ => wrap(out, &lead, &joined(row)),
        }
    }
}

/// The line of a trend is drawn with spaces, so it goes as it is.
fn trend(line: &str, margin: &str, out: &mut String) {
    let drawn = format!("{margin}{line}");
    let clean = shown_within(line, TEXT_CHARS) == line;
    if clean && drawn.chars().count() <= WIDTH && drawn.trim() != "--" {
        out.push_str(drawn.trim_end());
        out.push('\n');
    } else {
        wrap(out, margin, line);
    }
}

fn put_step(step: &Step, lead: &str, out: &mut String) {
    match step {
        Step::Command { why, command } => wrap(out, lead, &format!("{why}: {command}")),
        Step::Advice(text) => {
            let indent = " ".repeat(lead.chars().count());
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            wrap(out, lead, lines.next().unwrap_or_default());
            for line in lines {
                wrap(out, &indent, line);
            }
        }
        Step::Link(page) => link(page, lead, out),
    }
}

/// A link that is cut is no link.
fn link(page: &str, lead: &str, out: &mut String) {
    let whole = page.starts_with("http") && page.bytes().all(|byte| byte.is_ascii_graphic());
    if whole {
        out.push_str(&format!("{lead}{page}\n"));
    } else {
        wrap(out, lead, page);
    }
}

/// A command that is too long for a line goes on in the next as a shell lets it.
fn quiet(command: &str, margin: &str, out: &mut String) {
    let lead = format!("{margin}Quiet: ");
    let line = format!("{lead}{command}");
    match command.split_once(" --for ") {
        Some((begin, options)) if line.chars().count() > WIDTH => {
            wrap(out, &lead, &format!("{begin} \\"));
            wrap(out, &" ".repeat(lead.chars().count()), &format!("--for {options}"));
        }
        _ => wrap(out, &lead, command),
    }
}

/// Appends `text` in lines of at most [`WIDTH`] columns, the first after `lead`, the others
/// indented as far, so that no text from outside begins a line of its own.
pub(super) fn wrap(out: &mut String, lead: &str, text: &str) {
    let text = shown_within(text, TEXT_CHARS);
    // A line of two hyphens begins the footer, and a reader's program may fold all after it.
    let lead = if lead.is_empty() && text.trim() == "--" { " " } else { lead };
    let indent = if lead.is_empty() { 2 } else { lead.chars().count() };
    out.push_str(lead);
    let mut column = lead.chars().count();
    let mut fresh = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut rest: Vec<char> = word.chars().collect();
        loop {
            let gap = usize::from(!fresh);
            if column + gap + rest.len() <= WIDTH {
                if !fresh {
                    out.push(' ');
                }
                out.extend(rest.iter());
                column += gap + rest.len();
                fresh = false;
                break;
            }
            if fresh {
                // A word longer than a line is cut, since nothing else can be done.
                let cut = rest.split_off(WIDTH.saturating_sub(column).min(rest.len()));
                out.extend(rest.iter());
                rest = cut;
            }
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
            fresh = true;
        }
    }
    // What ends with its lead needs no space at its end.
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}
