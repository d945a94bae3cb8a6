//! The types of single values: durations, shares, names, addresses, paths.
//!
//! Owns: what each accepts and says. Knows no key by name.

use super::address::{endpoint, host_name, mail_address};
use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, quoted};
use super::schema::{At, Shape, Value, map, mistake, read_entry, scalar};
use super::tree::{Data, Entry, Node};
use super::units;
use crate::model::limit::SPAN_MAX;
use crate::model::unit::{Span, Unit};

/// User names of IPMI 2.0 (section 22.28).
const BMC_USER_BYTES: usize = 16;

/// Text that is free of control characters.
pub type Text = String;

impl Value for Span {
    fn shape() -> Shape {
        Shape::Text {
            noun: "a duration",
            pattern: Some(units::SPAN_PATTERN.to_owned()),
            example: "15m",
        }
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "a duration such as 15m", findings)?;
        match units::span(&scalar.text) {
            Ok(span) if span > SPAN_MAX => {
                findings.push(
                    Diagnostic::error(Code::Range, node.spot, "this duration is too long")
                        .label(format!("at most {SPAN_MAX}")),
                );
                None
            }
            Ok(span) => Some(span),
            Err(wrong) => {
                findings.push(mistake(*wrong, node));
                None
            }
        }
    }
}

/// A share of samples, 0 to 1; written as a percentage of 50% to 100%.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

impl Value for Share {
    fn shape() -> Shape {
        Shape::Text { noun: "a percentage", pattern: units::pattern(Unit::Percent), example: "95%" }
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "a percentage such as 95%", findings)?;
        match units::quantity(&scalar.text, &[Unit::Percent]) {
            Ok((_, percent)) if (50.0..=100.0).contains(&percent) => Some(Self(percent / 100.0)),
            Ok(_) => {
                findings.push(
                    Diagnostic::error(Code::Range, node.spot, "`share` is out of range")
                        .label("50% to 100%")
                        .help("below half, most samples would be good"),
                );
                None
            }
            Err(wrong) => {
                findings.push(mistake(*wrong, node));
                None
            }
        }
    }
}

impl Value for bool {
    fn shape() -> Shape {
        Shape::Bool
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "`true` or `false`", findings)?;
        match units::boolean(&scalar.text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                findings.push(mistake(*wrong, node));
                None
            }
        }
    }
}

/// The version of the language: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version;

impl Value for Version {
    fn shape() -> Shape {
        Shape::Number(1)
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "the number 1", findings)?;
        if scalar.text == "1" {
            return Some(Self);
        }
        findings.push(
            Diagnostic::error(
                Code::Range,
                node.spot,
                format!("version `{}` is not known", quoted(&scalar.text)),
            )
            .label("expected 1"),
        );
        None
    }
}

impl Value for Text {
    fn shape() -> Shape {
        Shape::Text { noun: "text", pattern: None, example: "\"text\"" }
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = scalar(node, "text", findings)?;
        let bad = scalar.text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        if bad {
            findings.push(
                Diagnostic::error(Code::Text, node.spot, "control characters in a text")
                    .label("only printable characters and line ends"),
            );
            return None;
        }
        Some(scalar.text.clone())
    }
}

/// Declares a text with a rule of its own.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident = $noun:literal, $pattern:expr, $example:literal, $rule:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub String);

        impl Value for $name {
            fn shape() -> Shape {
                let pattern: Option<&str> = $pattern;
                Shape::Text { noun: $noun, pattern: pattern.map(str::to_owned), example: $example }
            }

            fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
                let scalar = scalar(node, concat!($noun, " such as ", $example), findings)?;
                let rule: fn(&str) -> Result<(), &'static str> = $rule;
                match rule(&scalar.text) {
                    Ok(()) => Some(Self(scalar.text.clone())),
                    Err(reason) => {
                        findings.push(
                            Diagnostic::error(
                                Code::Text,
                                node.spot,
                                format!("`{}` is not {}", quoted(&scalar.text), $noun),
                            )
                            .label(reason)
                            .help(concat!("for example ", $example)),
                        );
                        None
                    }
                }
            }
        }
    )+};
}

texts! {
    /// Name of a contact, check or template, where it is referred to.
    Reference = "a name", Some(NAME_PATTERN), "ops", |text| {
        if is_name(text) { Ok(()) } else { Err("letters, digits, `-`, `_` and `.`") }
    };
    /// A mail address, or a local user.
    MailAddress = "a mail address", Some(r"^[!-~]+$"), "ops@example.net", mail_address;
    /// A host name or address as given in EHLO.
    HostName = "a host name", Some(r"^[!-~]+$"), "gw.example.net", host_name;
    /// `host`, `host:port`, `[address]:port`.
    Endpoint = "a server", Some(r"^[!-~]+$"), "mx1.example.net:587", |text| {
        endpoint(text).map(|_| ())
    };
    /// A BMC on the network: `host`, `host:port`, `[address]:port`.
    BmcHost = "a BMC's name or address", Some(r"^[!-~]+$"), "192.0.2.10", |text| {
        endpoint(text).map(|_| ())
    };
    /// A user of a BMC.
    BmcUser = "a user of a BMC", Some(r"^[!-~]{1,16}$"), "monitor", |text| {
        if (1..=BMC_USER_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(())
        } else {
            Err("1 to 16 ASCII characters without spaces: IPMI knows no more")
        }
    };
    /// A user of this system, as useradd(8) takes them.
    UserName = "a user", Some(r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$"), "nobody", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if begins && text.len() <= 32 && text.chars().all(plain) {
            Ok(())
        } else {
            Err("letters, digits, `-`, `_` and `.`, at most 32")
        }
    };
    /// An absolute path.
    AbsolutePath = "an absolute path", Some("^/"), "/path/to/file", |text| {
        if text.starts_with('/') && !text.chars().any(char::is_control) {
            Ok(())
        } else {
            Err("must start with `/`")
        }
    };
    /// The SHA-256 of a certificate in hex, with or without colons.
    Fingerprint = "a SHA-256 fingerprint", Some("^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"),
        "\"9f:86:d0:81:...\"", |text| {
        let hex = text.replace(':', "");
        if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(())
        } else {
            Err("64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them")
        }
    };
    /// `local` or a name of the time zone database.
    Timezone = "a time zone", Some("^[A-Za-z0-9_+/-]+$"), "Europe/Paris", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_+/-".contains(c);
        let named = text == "local" || text == "UTC" || text.contains('/') || text.len() > 3;
        if named && text.chars().all(plain) && !text.starts_with('/') {
            Ok(())
        } else {
            Err("`local`, `UTC` or a name such as `Europe/Paris`")
        }
    };
    /// A name of a file in a directory, or of an environment variable.
    PlainName = "a name", Some(r"^[A-Za-z0-9_.-]+$"), "smtp", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !text.is_empty() && text.chars().all(plain) && !text.starts_with('.') {
            Ok(())
        } else {
            Err("letters, digits, `-`, `_` and `.`")
        }
    };
    /// An address of a web page.
    WebAddress = "a web address", Some("^https?://[!-~]+$"), "https://wiki.example.net/disk", |text| {
        let web = text.starts_with("https://") || text.starts_with("http://");
        if web && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(())
        } else {
            Err("starts with `https://` and has no spaces")
        }
    };
}

/// Regular expression of names that the user chooses.
pub const NAME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

/// Whether a text is a name of a check, contact or template: no colon, since ids are
/// `check:instance`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// A list; a single item may stand for itself.
pub type List<T> = Vec<At<T>>;

impl<T: Value> Value for List<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let items = match &node.data {
            Data::List(items) => items.as_slice(),
            Data::Scalar(_) | Data::Map(_) => std::slice::from_ref(node),
            Data::Refused => return None,
        };
        let read = |item: &Node| {
            if item.is_null() {
                findings.push(
                    Diagnostic::error(Code::Empty, item.spot, "an empty item in a list")
                        .label("nothing stands here"),
                );
                return None;
            }
            Some(At { value: T::read(item, findings)?, spot: item.spot })
        };
        let read: Vec<_> = items.iter().map(read).collect();
        // All items are read before one bad item spoils the list, so that all mistakes are told.
        read.into_iter().collect()
    }
}

/// A map whose keys the user chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(pub Vec<(At<String>, At<T>)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Value> Value for Named<T> {
    fn shape() -> Shape {
        Shape::Names("NAME", Box::new(T::shape()))
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let entries = map(node, "a map of names", findings)?;
        let mut list = Vec::with_capacity(entries.len());
        for entry in entries {
            let named = check_name(entry, findings);
            let value = read_entry::<T>(entry, findings);
            if let (true, Some(value)) = (named, value) {
                list.push((At { value: entry.key.clone(), spot: entry.key_spot }, value));
            }
        }
        Some(Self(list))
    }
}

/// Whether a key is a name that the user may choose; says why not.
pub fn check_name(entry: &Entry, findings: &mut Findings) -> bool {
    let lower = entry.key.to_ascii_lowercase();
    let ambiguous = matches!(
        lower.as_str(),
        "yes" | "no" | "on" | "off" | "true" | "false" | "y" | "n" | "null" | "~"
    );
    if entry.key_plain && ambiguous {
        findings.push(
            Diagnostic::error(
                Code::Norway,
                entry.key_spot,
                format!("`{}` is a boolean or null for other YAML readers", quoted(&entry.key)),
            )
            .label("a name is expected")
            .help("choose another name, or put it in quotes")
            .fix(entry.key_spot, format!("\"{}\"", entry.key)),
        );
        return false;
    }
    if !is_name(&entry.key) {
        findings.push(
            Diagnostic::error(
                Code::Text,
                entry.key_spot,
                format!("`{}` is not a name", quoted(&entry.key)),
            )
            .label("letters, digits, `-`, `_` and `.`, at most 64")
            .help("it is one part of ids such as `filesystem:/data`"),
        );
        return false;
    }
    true
}

/// Text keys and text values, such as labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(pub Vec<(String, String)>);

impl Value for Labels {
    fn shape() -> Shape {
        Shape::Names("LABEL", Box::new(Text::shape()))
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let named = Named::<Text>::read(node, findings)?;
        Some(Self(named.0.into_iter().map(|(name, text)| (name.value, text.value)).collect()))
    }
}

/// Declares a piece that only the check's kind gives a meaning to.
macro_rules! raw {
    ($($(#[doc = $doc:literal])+ $name:ident => $shape:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name(pub Node);

        impl Value for $name {
            fn shape() -> Shape {
                Shape::$shape
            }

            fn read(node: &Node, _: &mut Findings) -> Option<Self> {
                (node.data != Data::Refused).then(|| Self(node.clone()))
            }
        }
    )+};
}

raw! {
    /// `select` and `exclude`.
    Selectors => Selectors;
    /// `warn` and `crit`.
    Limits => Limits;
    /// `clear`.
    Clears => Clears;
}
