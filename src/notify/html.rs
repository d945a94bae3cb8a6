//! A page as HTML, made for a phone: one column, large text, light and dark, nothing from afar and
//! nothing that does something but a link to the runbook. Owns the layout; knows nothing of what is
//! said.
//!
//! Markup is always a constant of this file, and whatever is said passes [`Html::say`]: no text can
//! become a tag. Mail programs strip a good part of HTML, so that what must hold is written beside
//! each element, and the style sheet only adds the dark colours.

use std::fmt::Write as _;

use crate::model::text::shown_within;
use crate::notify::page::{Item, Page, Part, Row, Step};
use crate::notify::palette::{self, Colour};

/// Characters of one text of a page.
const TEXT_CHARS: usize = 4000;
/// Letters after which a line of markup is ended; the mail would have to be encoded otherwise.
const LINE: usize = 600;

/// The begin of a command, up to the colour behind it.
const CODE: &str = "<code class=\"k\" style=\"display:block;margin:4px 0;padding:10px 12px;\
                    border-radius:6px;font:16px/1.4 monospace;white-space:pre-wrap;background:";
/// Letters of an amount that are kept on one line: a third of a phone's.
const UNBROKEN: usize = 12;

/// HTML under construction.
struct Html {
    out: String,
    line: usize,
}

impl Html {
    /// Markup of our own.
    fn put(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Text from anywhere: the one gate that everything said passes.
    fn say(&mut self, text: &str) -> &mut Self {
        for c in shown_within(text, TEXT_CHARS).chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                c if c.is_ascii() => self.out.push(c),
                // Numbers instead of letters keep the part ASCII, whatever is told.
                c => {
                    let _ = write!(self.out, "&#{};", u32::from(c));
                }
            }
            // Where a space stands, a line end means the same.
            if c == ' ' && self.out.len() - self.line > LINE {
                self.out.push('\n');
                self.line = self.out.len();
            }
        }
        self
    }

    /// Ends a line of markup.
    fn end(&mut self) -> &mut Self {
        self.out.push('\n');
        self.line = self.out.len();
        self
    }

    /// The attributes of text in this colour.
    fn colour(&mut self, colour: Colour, class: &'static str) -> &mut Self {
        self.put("class=\"").put(class).put("\" style=\"color:").put(colour.light)
    }

    fn muted(&mut self) -> &mut Self {
        self.put("<span ").colour(palette::MUTED, "m").put("\">")
    }
}

/// The whole page; `picture` is the Content-ID of its picture.
pub(super) fn render(page: &Page, picture: Option<&str>) -> String {
    let mut html = begin(page);
    let mut parts = page.parts.as_slice();
    // The sentences under the fact belong to it.
    while let Some((Part::Line(text), rest)) = parts.split_first() {
        html.put("<div style=\"font-size:17px;padding-top:6px\">").say(text).put("</div>").end();
        parts = rest;
    }
    html.put("</td></tr>").end();
    let mut picture = picture;
    let trend = |part: &&Part| matches!(part, Part::Trend { .. });
    if let Some(part) = parts.iter().find(trend) {
        cell(&mut html);
        put(&mut html, part, &mut picture);
        html.put("</td></tr>").end();
    }
    let mut open = false;
    let mut table = false;
    for part in parts.iter().filter(|part| !trend(part)) {
        let begins = !matches!(part, Part::Fact { .. } | Part::Line(_) | Part::Item(_)) || table;
        table = matches!(part, Part::Table { .. });
        if begins && open {
            html.put("</td></tr>").end();
            open = false;
        }
        if !open {
            cell(&mut html);
            open = true;
        }
        put(&mut html, part, &mut picture);
    }
    if open {
        html.put("</td></tr>").end();
    }
    finish(html, page)
}

/// The headline, and where the rest is.
pub(super) fn short(page: &Page) -> String {
    let mut html = begin(page);
    html.put("<div style=\"font-size:17px;padding-top:6px\">");
    html.say("This mail is long: its text part has everything.").put("</div></td></tr>").end();
    finish(html, page)
}

fn begin(page: &Page) -> Html {
    let mut html = Html { out: String::with_capacity(8192), line: 0 };
    html.put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.put("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    html.put("<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.put("<meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>");
    html.say(&page.sentence).put("</title>").end();
    sheet(&mut html);
    html.put("</head>\n<body class=\"d\" style=\"margin:0;padding:0;background:");
    html.put(palette::DESK.light).put("\">").end();
    // What a list of mails shows of this one.
    html.put("<div style=\"display:none;max-height:0;overflow:hidden;mso-hide:all\">");
    html.say(&page.sentence).put("</div>").end();
    html.put("<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" ");
    html.put("border=\"0\"><tr><td align=\"center\" style=\"padding:8px\">").end();
    html.put("<table role=\"presentation\" class=\"p\" width=\"100%\" cellpadding=\"0\" ");
    html.put("cellspacing=\"0\" border=\"0\" style=\"max-width:600px;background:");
    html.put(palette::PAPER.light).put(";color:").put(palette::INK.light);
    html.put(";font:16px/1.45 -apple-system,'Segoe UI',Roboto,Arial,sans-serif;");
    html.put("text-align:left;word-break:break-word;overflow-wrap:anywhere\">").end();
    let (colour, class) = palette::tone(page.tone);
    html.put("<tr><td ").colour(colour, class);
    html.put(";padding:14px 16px 0;border-top:6px solid\">");
    html.put("<b style=\"font-size:18px\">&#9632; ").say(page.word).put("</b> ");
    html.muted().say("\u{b7} ").say(&page.fqdn);
    if !page.when.is_empty() {
        html.say(" \u{b7} ").say(&unbroken(&page.when));
    }
    html.put("</span></td></tr>").end();
    html.put("<tr><td style=\"padding:4px 16px 12px\">");
    html.put("<h1 style=\"margin:0;font-size:22px;line-height:1.25\">").say(&page.title);
    html.put("</h1>").end();
    html
}

fn finish(mut html: Html, page: &Page) -> String {
    html.put("<tr><td ").colour(palette::MUTED, "m l");
    html.put(";padding:12px 16px;font-size:14px;border-top:1px solid ");
    html.put(palette::RULE.light).put("\">").say(&page.footer).put("</td></tr>").end();
    html.put("</table>\n</td></tr></table>\n</body>\n</html>\n");
    html.out
}

/// The dark colours. Those who strip this show the light ones.
fn sheet(html: &mut Html) {
    html.put("<style>:root{color-scheme:light dark;supported-color-schemes:light dark}").end();
    html.put("@media (prefers-color-scheme:dark){").end();
    for (class, property, colour) in [
        (".d{", "background:", palette::DESK),
        (".p{", "background:", palette::PAPER),
        (".p{", "color:", palette::INK),
        (".m{", "color:", palette::MUTED),
        (".k{", "background:", palette::CODE),
        (".k{", "color:", palette::INK),
        (".l{", "border-color:", palette::RULE),
        (".b{", "background:", palette::BUTTON),
        (".b{", "color:", palette::BUTTON_INK),
    ] {
        html.put(class).put(property).put(colour.dark).put("!important}").end();
    }
    for tone in palette::TONES {
        let (colour, class) = palette::tone(tone);
        html.put(".").put(class).put("{color:").put(colour.dark).put("!important}").end();
    }
    html.put("}</style>").end();
}

fn cell(html: &mut Html) {
    html.put("<tr><td class=\"l\" style=\"padding:12px 16px;border-top:1px solid ");
    html.put(palette::RULE.light).put("\">").end();
}

fn put(html: &mut Html, part: &Part, picture: &mut Option<&str>) {
    match part {
        Part::Line(text) => {
            html.put("<div>").say(text).put("</div>").end();
        }
        Part::Heading(text) => {
            html.put("<h2 style=\"margin:0 0 8px;font-size:18px\">").say(text).put("</h2>").end();
        }
        Part::Fact { word, text } => {
            html.put("<div style=\"padding-left:64px;text-indent:-64px\">");
            html.muted();
            html.put("<span style=\"display:inline-block;min-width:64px;text-indent:0\">");
            // The space is for who has the words alone; the column needs none.
            html.say(word).put(" </span></span>").say(text).put("</div>").end();
        }
        Part::List { heading, rows } => {
            html.put("<div style=\"font-weight:bold;padding-top:4px\">").say(heading);
            html.put("</div>").end();
            list(html, rows);
        }
        Part::Table { word, rows } => {
            html.put("<div style=\"font-weight:bold\">").say(word).put("</div>").end();
            list(html, rows);
        }
        Part::Trend { line, alt, picture: data } => trend(html, line, alt, data, picture),
        Part::Steps(steps) => {
            html.put("<div style=\"font-weight:bold\">Next</div>").end();
            for (number, step) in (1..).zip(steps) {
                html.put("<div style=\"padding-top:6px\">").say(&format!("{number}. "));
                put_step(html, step);
                html.put("</div>").end();
            }
        }
        Part::Command(command) => code(html, command),
        Part::Link(page) => {
            html.put("<div style=\"padding-top:6px\">").muted().put("see</span> ");
            link(html, page);
            html.put("</div>").end();
        }
        Part::Quiet(command) => {
            html.put("<b>Quiet:</b>").end();
            html.put(CODE).put(palette::CODE.light).put("\">");
            match command.split_once(" --for ") {
                // On a phone it takes two lines; so they end where a shell lets them.
                Some((begin, options)) => html.say(begin).put(" \\\n--for ").say(options),
                None => html.say(command),
            };
            html.put("</code>").end();
        }
        Part::Item(item) => put_item(html, item, picture),
        Part::Said { heading, text } => {
            html.put("<div style=\"font-weight:bold\">== ").say(heading).put("</div>").end();
            html.put("<div style=\"font:16px/1.4 monospace;white-space:pre-wrap\">").end();
            for line in text.lines() {
                html.say(line).end();
            }
            html.put("</div>").end();
        }
    }
}

fn list(html: &mut Html, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    let amounts = rows.iter().any(|row| !row.amount.is_empty());
    html.put("<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" ");
    html.put("style=\"font:inherit;color:inherit\">").end();
    for row in rows {
        html.put("<tr valign=\"top\">");
        if amounts {
            html.put("<td style=\"padding:2px 12px 2px 0;min-width:52px;");
            html.put("word-break:normal;overflow-wrap:normal\">");
            match row.tone.map(palette::tone) {
                Some((colour, class)) => {
                    html.put("<b ").colour(colour, class).put("\">").say(&row.amount).put("</b>");
                }
                None => {
                    html.put("<b>").say(&unbroken(&row.amount)).put("</b>");
                }
            }
            html.put("</td>");
        }
        html.put("<td style=\"padding:2px 0\">").say(&row.text);
        if !row.tail.is_empty() {
            html.put("<br>").muted().say(&row.tail).put("</span>");
        }
        html.put("</td></tr>").end();
    }
    html.put("</table>").end();
}

/// A number stays with its unit, where both are short.
fn unbroken(amount: &str) -> String {
    if amount.len() <= UNBROKEN { amount.replace(' ', "\u{a0}") } else { amount.to_owned() }
}

fn trend(html: &mut Html, line: &str, alt: &str, data: &str, picture: &mut Option<&str>) {
    // There is one picture in a mail, that of the first who has one.
    if let Some(id) = picture.take_if(|_| !data.is_empty()) {
        html.put("<img src=\"cid:").say(id).put("\" alt=\"").say(alt);
        html.put("\" width=\"568\" style=\"display:block;width:100%;max-width:720px;height:auto;");
        html.put("border:0;margin-bottom:8px\">").end();
    }
    // Smaller than the rest, so that what is drawn with letters stays in one piece.
    html.put("<div style=\"font:14px/1.4 monospace;white-space:pre-wrap\">").say(line);
    html.put("</div>").end();
}

fn put_step(html: &mut Html, step: &Step) {
    match step {
        Step::Command { why, command } => {
            html.put(why).put(":").end();
            code(html, command);
        }
        Step::Advice(text) => {
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            html.say(lines.next().unwrap_or_default());
            for line in lines {
                html.put("<br>").say(line);
            }
        }
        Step::Link(page) => link(html, page),
    }
}

/// A button of a size that a thumb hits, if the page is one that may be linked to; its address as
/// text if not.
fn link(html: &mut Html, page: &str) {
    if !is_link(page) {
        html.say(page);
        return;
    }
    html.put("<a href=\"").say(page).put("\" class=\"b\" style=\"display:inline-block;");
    html.put("min-height:44px;line-height:44px;padding:0 20px;border-radius:6px;background:");
    html.put(palette::BUTTON.light).put(";color:").put(palette::BUTTON_INK.light);
    html.put(";font-weight:bold;text-decoration:none\">Runbook</a>");
}

/// Whether an address may be a link: encrypted, with a host that is not hidden behind a user, and
/// shown as it is.
fn is_link(page: &str) -> bool {
    let Some(rest) = page.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    !host.is_empty()
        && host.bytes().all(plain)
        && page.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>\\`".contains(&b))
}

fn code(html: &mut Html, command: &str) {
    html.put(CODE).put(palette::CODE.light).put("\">").say(command).put("</code>").end();
}

fn put_item(html: &mut Html, item: &Item, picture: &mut Option<&str>) {
    let (colour, class) = palette::tone(item.tone);
    let margin = match item.depth {
        0 => "0",
        1 => "16px",
        2 => "32px",
        _ => "48px",
    };
    html.put("<div ").colour(colour, class).put(";border-left:4px solid;padding-left:10px;");
    html.put("margin:0 0 14px ").put(margin).put("\"><b>").put(item.tag).put("</b> ");
    html.put("<div class=\"p\" style=\"background:none;color:").put(palette::INK.light);
    html.put("\"><b>").say(&item.headline).put("</b>").end();
    for part in &item.parts {
        put(html, part, picture);
    }
    html.put("</div></div>").end();
}
