//! The body of a mail in its parts: text first, HTML and its picture beside it. Owns boundaries,
//! encodings and what is left out of a mail that would be too large; knows nothing of what it says.

use crate::model::limit::MAIL_PAGE_BYTES;
use crate::notify::mime::{is_seven_bit, quoted_printable};
use crate::notify::page::{Page, Part};
use crate::notify::{html, plain};

/// Columns of a line of base64 (RFC 2045).
const BASE64_COLUMNS: usize = 76;

/// What a contact wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// An HTML part.
    pub(super) html: bool,
    /// The picture in it.
    pub(super) chart: bool,
}

/// Appends the headers of the content and the content. The text is always whole; of a mail that
/// would be too large, the picture goes first, then the HTML is cut down to its headline.
pub(super) fn body(out: &mut String, page: &Page, form: Form, message_id: &str) {
    let text = part("text/plain", &plain::render(page));
    if !form.html {
        out.push_str(&text);
        return;
    }
    let content_id = message_id.trim_start_matches('<').trim_end_matches('>');
    let content_id = format!("chart.{content_id}");
    let picture = if form.chart { picture(&page.parts) } else { None };
    let with_picture = picture.map(|picture| {
        let html = part("text/html", &html::render(page, Some(&content_id)));
        let image = image(picture, &content_id);
        let related = multipart("related; type=\"text/html\"", message_id, 1, &[&html, &image]);
        multipart("alternative", message_id, 0, &[&text, &related])
    });
    let without = || {
        let html = part("text/html", &html::render(page, None));
        multipart("alternative", message_id, 0, &[&text, &html])
    };
    let fits = |body: &String| out.len() + body.len() <= MAIL_PAGE_BYTES;
    let whole = with_picture.filter(fits).or_else(|| Some(without()).filter(fits));
    let whole = whole.unwrap_or_else(|| {
        let html = part("text/html", &html::short(page));
        multipart("alternative", message_id, 0, &[&text, &html])
    });
    out.push_str(&whole);
}

/// The first picture: that of the cause, or the worst.
fn picture(parts: &[Part]) -> Option<&str> {
    parts.iter().find_map(|part| match part {
        Part::Trend { picture, .. } if !picture.is_empty() => Some(picture.as_str()),
        Part::Item(item) => picture(&item.parts),
        _ => None,
    })
}

/// One part with its headers. 7 bit where it can be, for who reads mail without a program for it.
fn part(kind: &str, content: &str) -> String {
    let content = content.replace('\n', "\r\n");
    let mut out = format!("Content-Type: {kind}; charset=utf-8\r\n");
    if is_seven_bit(&content) {
        out.push_str("Content-Transfer-Encoding: 7bit\r\n\r\n");
        out.push_str(&content);
    } else {
        out.push_str("Content-Transfer-Encoding: quoted-printable\r\n\r\n");
        out.push_str(&quoted_printable(&content));
    }
    out
}

fn image(picture: &str, content_id: &str) -> String {
    let mut out = format!(
        "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\
         Content-ID: <{content_id}>\r\n\
         Content-Disposition: inline; filename=\"trend.png\"\r\n\r\n"
    );
    let mut rest = picture;
    while !rest.is_empty() {
        let (line, more) = rest.split_at_checked(BASE64_COLUMNS).unwrap_or((rest, ""));
        out.push_str(line);
        out.push_str("\r\n");
        rest = more;
    }
    out
}

fn multipart(kind: &str, message_id: &str, level: usize, parts: &[&str]) -> String {
    let boundary = boundary(message_id, level, parts);
    let mut out = format!("Content-Type: multipart/{kind};\r\n boundary=\"{boundary}\"\r\n\r\n");
    for part in parts {
        out.push_str(&format!("--{boundary}\r\n{part}"));
        // The line end before a boundary belongs to the boundary.
        out.push_str("\r\n");
    }
    out.push_str(&format!("--{boundary}--\r\n"));
    out
}

/// A line that stands in none of the parts. It follows from the Message-ID, so that a retry has the
/// same; `=_` can stand in no quoted-printable and no base64, and of the rest it is looked up.
fn boundary(message_id: &str, level: usize, parts: &[&str]) -> String {
    let sum = crc32fast::hash(message_id.as_bytes());
    let mut tries = 0usize;
    loop {
        let boundary = format!("=_hw-{sum:08x}-{level}-{tries}");
        // Parts are finite and every try is another text, so this ends.
        if !parts.iter().any(|part| part.contains(&boundary)) {
            return boundary;
        }
        tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_in_none_of_the_parts() {
        let first = boundary("<a@b>", 0, &[]);
        assert_eq!(first, boundary("<a@b>", 0, &["harmless"]), "the same every time");
        let second = boundary("<a@b>", 0, &[&format!("x\r\n--{first}\r\nSubject: forged")]);
        assert_ne!(first, second);
        let body = multipart("alternative", "<a@b>", 0, &[&format!("\r\n--{first}--\r\n")]);
        assert_eq!(body.matches(&format!("--{second}")).count(), 2, "{body}");
        assert!(first.len() < 70, "RFC 2046 5.1.1");
    }
}
