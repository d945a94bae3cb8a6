//! The form of a mail: header lines, encoded words, quoted-printable, addresses. Pure.
//!
//! Written here rather than taken from a builder since every retry must be byte-identical and
//! every byte of a hostile name must pass one gate; knows nothing of what a mail says.

use std::fmt::Write as _;

use crate::model::text::shown_within;

/// Characters of one header value: with its name it stays below the 998 of RFC 5322 even where
/// nothing can be folded.
const VALUE_CHARS: usize = 900;
/// Preferred length of a header line.
const FOLD: usize = 76;

/// Appends one header of free text. Nothing in `value` can end the line or begin another.
pub fn text_header(out: &mut String, name: &str, value: &str) {
    let value = shown_within(value, VALUE_CHARS);
    let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
    if value.is_ascii() && !value.contains("=?") {
        fold(out, name, &words);
    } else {
        let words = encoded_words(&words.join(" "));
        fold(out, name, &words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// Appends one header from tokens that are safe already (addresses, message ids), folded between
/// them.
pub fn token_header(out: &mut String, name: &str, tokens: &[&str]) {
    fold(out, name, tokens);
}

fn fold(out: &mut String, name: &str, words: &[&str]) {
    let mut column = name.len() + 1;
    let _ = write!(out, "{name}:");
    for (place, word) in words.iter().enumerate() {
        if place > 0 && column + 1 + word.len() > FOLD {
            out.push_str("\r\n");
            column = 0;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + word.len();
    }
    out.push_str("\r\n");
}

/// RFC 2047: words of at most 75 characters, each whole in its characters.
fn encoded_words(text: &str) -> Vec<String> {
    const PAYLOAD: usize = 75 - "=?utf-8?Q??=".len();
    let mut words = Vec::new();
    let mut payload = String::new();
    for c in text.chars() {
        let mut piece = String::new();
        match c {
            ' ' => piece.push('_'),
            c if c.is_ascii_alphanumeric() => piece.push(c),
            c => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(piece, "={byte:02X}");
                }
            }
        }
        if payload.len() + piece.len() > PAYLOAD {
            words.push(format!("=?utf-8?Q?{payload}?="));
            payload.clear();
        }
        payload.push_str(&piece);
    }
    words.push(format!("=?utf-8?Q?{payload}?="));
    words
}

/// A display name for `From`: quoted, or encoded where it is not ASCII.
#[must_use]
pub fn phrase(name: &str) -> String {
    let name = shown_within(name, 100);
    if name.is_ascii() && !name.contains("=?") {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        encoded_words(&name).join("\r\n ")
    }
}

/// Splits `Name <address>` or a bare address.
#[must_use]
pub fn mailbox(text: &str) -> (Option<&str>, &str) {
    match text.rsplit_once('<') {
        Some((name, rest)) => {
            let name = name.trim().trim_matches('"');
            ((!name.is_empty()).then_some(name), rest.trim().trim_end_matches('>').trim())
        }
        None => (None, text.trim()),
    }
}

/// Whether an address can stand in an SMTP command and a header as it is: ASCII, no quoting, at
/// most 254 characters (RFC 5321). A bare local name is one: `root`.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let (local, domain) = text.rsplit_once('@').unwrap_or((text, "localhost"));
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    text.len() <= 254
        && !local.is_empty()
        && !domain.is_empty()
        && local.chars().all(atext)
        && domain.chars().all(host)
}

/// Whether a body can go as it is.
#[must_use]
pub fn is_seven_bit(body: &str) -> bool {
    body.is_ascii()
        // mbox readers take "From " at the begin of a line for the next mail.
        && body.split("\r\n").all(|line| line.len() <= 998 && !line.starts_with("From "))
}

/// RFC 2045 quoted-printable of a body with CRLF line ends.
#[must_use]
pub fn quoted_printable(body: &str) -> String {
    let mut out = String::with_capacity(body.len() + body.len() / 4);
    for (place, line) in body.split("\r\n").enumerate() {
        if place > 0 {
            out.push_str("\r\n");
        }
        let mut column = 0;
        let bytes = line.as_bytes();
        for (at, &byte) in bytes.iter().enumerate() {
            let last = at + 1 == bytes.len();
            let plain = match byte {
                b'=' => false,
                b' ' | b'\t' => !last,
                b'F' => !(at == 0 && line.starts_with("From ")),
                0x21..=0x7e => true,
                _ => false,
            };
            let width = if plain { 1 } else { 3 };
            if column + width > 75 {
                out.push_str("=\r\n");
                column = 0;
            }
            if plain {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "={byte:02X}");
            }
            column += width;
        }
    }
    out
}

/// The text of a mail of our own making, with `\n` line ends: its body, or the first of its parts.
#[must_use]
pub fn text_of(mail: &str) -> String {
    let Some((headers, body)) = mail.split_once("\r\n\r\n") else { return String::new() };
    // A header that began within another's value would be a line of its own, which none is.
    let header = |name: &str| headers.split("\r\n").find_map(|line| line.strip_prefix(name));
    if header("Content-Type: multipart/alternative").is_some() {
        let quoted = headers.split_once("\r\n boundary=\"").map(|(_, rest)| rest);
        let boundary = quoted.and_then(|rest| rest.split_once('"')).map(|(boundary, _)| boundary);
        let Some(boundary) = boundary else { return String::new() };
        let first = body.split_once(&format!("--{boundary}\r\n")).map(|(_, rest)| rest);
        let end = format!("\r\n--{boundary}");
        let first = first.and_then(|rest| rest.split_once(&end)).map(|(first, _)| first);
        return match first {
            Some(first) if first.starts_with("Content-Type: text/plain") => text_of(first),
            _ => String::new(),
        };
    }
    let body = match header("Content-Transfer-Encoding: ") {
        Some("quoted-printable") => String::from_utf8_lossy(&unquoted(body)).into_owned(),
        _ => body.to_owned(),
    };
    body.replace("\r\n", "\n")
}

fn unquoted(body: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('=') {
        out.extend_from_slice(before.as_bytes());
        if let Some(next) = after.strip_prefix("\r\n") {
            rest = next;
        } else {
            let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            out.push(code.unwrap_or(b'='));
            rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_fold_and_cannot_be_broken_out_of() {
        let mut out = String::new();
        text_header(&mut out, "Subject", "a\r\nBcc: evil@example.net\r\n\r\nbody");
        assert_eq!(out, "Subject: a\\r\\nBcc: evil@example.net\\r\\n\\r\\nbody\r\n");
        let mut out = String::new();
        text_header(&mut out, "Subject", &"word ".repeat(40));
        assert!(
            out.lines().all(|l| l.len() <= 76) && out.lines().skip(1).all(|l| l.starts_with(" w"))
        );
        let mut out = String::new();
        text_header(&mut out, "Subject", "=?utf-8?Q?x=0D=0ABcc:_evil?=");
        assert!(out.starts_with("Subject: =?utf-8?Q?=3D=3Futf") && !out.contains("=0D"), "{out}");
    }

    #[test]
    fn quoted_printable_comes_back_as_it_went() {
        let body =
            "From me\r\n\u{e9}=1 \r\n.\r\nFrom\r\n".to_owned() + &"\u{65e5}".repeat(60) + "\r\n";
        let coded = quoted_printable(&body);
        assert!(coded.is_ascii() && coded.split("\r\n").all(|l| l.len() <= 76), "{coded}");
        assert!(coded.starts_with("=46rom me\r\n=C3=A9=3D1=20\r\n.\r\nFrom\r\n"), "{coded}");
        let mail = format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n{coded}");
        assert_eq!(text_of(&mail), body.replace("\r\n", "\n"));
    }

    #[test]
    fn the_text_of_a_mail_is_found_among_its_parts() {
        let text = "Content-Type: text/plain; charset=utf-8\r\n\
                    Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n";
        let mail = format!(
            "X-Hostwatch-Instance: Content-Transfer-Encoding: base64\r\n\
             Content-Type: multipart/alternative;\r\n boundary=\"=_b\"\r\n\r\n\
             --=_b\r\n{text}\r\n--=_b\r\nContent-Type: text/html\r\n\r\n<p>\r\n\r\n--=_b--\r\n"
        );
        assert_eq!(text_of(&mail), "\u{e9}\n");
        assert_eq!(text_of("X: Content-Transfer-Encoding: quoted-printable\r\n\r\na=41"), "a=41");
    }

    #[test]
    fn addresses_are_taken_apart_and_judged() {
        assert_eq!(mailbox("Ops Team <ops@example.net>"), (Some("Ops Team"), "ops@example.net"));
        assert_eq!(mailbox("ops@example.net"), (None, "ops@example.net"));
        for good in ["root", "a.b+c@example.net", "x@[127.0.0.1]", "o'neil@example.net"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "a b@c", "a@b\r\nRCPT", "<a@b>", "\"a\"@b", "a,b@c", "\u{e9}@b", "@b", "a@"]
        {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
