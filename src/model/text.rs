//! The one place where text from outside (a mount point, a device label, a server's reply) becomes
//! text that may be shown: in a header, a body, a log line or on a terminal.
//!
//! Names on Linux may hold anything but NUL and `/`. Shown raw, a line feed would forge a log line
//! or a header, an escape sequence would rewrite the terminal, and a bidi override would make a
//! path read as another.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::limit::NAME_CHARS;

/// A name as a person may see it: one line, nothing invisible, at most [`NAME_CHARS`] characters
/// (cut in the middle, since both ends of a path tell what it is).
#[must_use]
pub fn shown(name: &str) -> Cow<'_, str> {
    shown_within(name, NAME_CHARS)
}

/// Like [`shown`], with a bound of its own, in characters.
#[must_use]
pub fn shown_within(text: &str, chars: usize) -> Cow<'_, str> {
    // Short and harmless is the normal case, and costs no allocation.
    if text.len() <= chars && !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    if text.chars().count() <= chars && !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_unsafe(c) && u32::from(c) <= 0xff => {
                let _ = write!(safe, "\\x{:02x}", u32::from(c));
            }
            c if is_unsafe(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
        // No more than can matter is kept of a name of megabytes; the end is looked up below.
        if safe.len() > 8 * chars.saturating_add(8) {
            let tail: String = last(text, chars);
            safe.push_str(&shown_within(&tail, 8 * chars.saturating_add(8)));
            break;
        }
    }
    Cow::Owned(shorten(&safe, chars))
}

/// `1 disk`, `2 disks`.
#[must_use]
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Bytes of a name that need not be UTF-8: what is not is shown as `\xff`.
#[must_use]
pub fn shown_bytes(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    shown(&text).into_owned()
}

/// Cuts in the middle to at most `chars` characters: `/var/lib/.../volume`.
#[must_use]
pub fn shorten(text: &str, chars: usize) -> String {
    let count = text.chars().count();
    if count <= chars {
        return text.to_owned();
    }
    if chars <= 5 {
        return text.chars().take(chars).collect();
    }
    let front = (chars - 3).div_ceil(2);
    let mut short: String = text.chars().take(front).collect();
    short.push_str("...");
    short.push_str(&last(text, chars - 3 - front));
    short
}

fn last(text: &str, chars: usize) -> String {
    let mut tail: Vec<char> = text.chars().rev().take(chars).collect();
    tail.reverse();
    tail.into_iter().collect()
}

/// Control characters, and characters that reorder or hide what stands beside them.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_names_are_untouched() {
        for name in ["/data", "Ärger/日本", "a b\\c", ""] {
            assert!(matches!(shown(name), Cow::Borrowed(same) if same == name));
        }
    }

    #[test]
    fn what_could_deceive_is_spelled_out() {
        assert_eq!(shown("/a\r\nBcc: x"), "/a\\r\\nBcc: x");
        assert_eq!(shown("\u{1b}[2J\0\u{85}\u{7f}"), "\\x1b[2J\\x00\\x85\\x7f");
        assert_eq!(shown("a\u{202e}b\u{2066}c\u{2028}"), "a\\u{202e}b\\u{2066}c\\u{2028}");
        assert_eq!(shown_bytes(b"/mnt/\xff\xc3\xa9\n"), "/mnt/\\xff\u{e9}\\n");
    }

    #[test]
    fn long_names_keep_both_ends() {
        let name = format!("/begin{}/end", "\n".repeat(3_000_000));
        let text = shown(&name);
        assert_eq!(text.chars().count(), NAME_CHARS);
        assert!(text.starts_with("/begin\\n") && text.ends_with("\\n/end"), "{text}");
        assert_eq!(shorten("abcdefghij", 7), "ab...ij");
        assert_eq!(shorten("\u{e9}\u{e9}\u{e9}", 3), "\u{e9}\u{e9}\u{e9}");
    }
}
