//! How a section of the configuration is declared: one row a key, stated once, from which come the
//! typed struct, its reader with places, the JSON Schema and the manual.
//!
//! Owns: the declaration and the walk over a map. Knows no key by name.
//!
//! serde is not used for reading: a derived reader stops at the first mistake and loses places.

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, nearest, quoted};
use super::source::Spot;
use super::tree::{Data, Entry, Node, Scalar};
use super::units::Mistake;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub spot: Spot,
}

/// What a value looks like, for the JSON Schema and the manual.
#[derive(Debug)]
pub enum Shape {
    /// A scalar.
    Text {
        /// `a duration`, `a mail address`.
        noun: &'static str,
        /// Regular expression of all accepted texts.
        pattern: Option<String>,
        /// What to write.
        example: &'static str,
    },
    /// `true` or `false`.
    Bool,
    /// The one number that is possible.
    Number(u32),
    /// One of some words, each with its sentence.
    Words(&'static [(&'static str, &'static str)]),
    /// A list; a single item may stand for itself.
    List(Box<Shape>),
    /// A map whose keys are chosen by the user.
    Names(&'static str, Box<Shape>),
    /// A map with fixed keys.
    Section(&'static Section),
    /// One of several.
    AnyOf(Vec<Shape>),
    /// `select` and `exclude`: keys are the kind's selectors.
    Selectors,
    /// `warn` and `crit`: keys are the kind's metrics.
    Limits,
    /// `clear`: keys are the kind's metrics.
    Clears,
    /// `pinned`: kinds, their instances, facts.
    Pins,
    /// The body of a check: its fixed keys and its kind's options.
    Check(&'static Section),
}

/// A map with fixed keys.
#[derive(Debug)]
pub struct Section {
    /// `check`, `section mail`: for messages.
    pub name: &'static str,
    /// A sentence or two.
    pub doc: &'static str,
    /// Its keys.
    pub fields: &'static [Field],
    /// Exactly one of these keys is needed.
    pub one_of: &'static [&'static str],
}

/// A key.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// A sentence or two.
    pub doc: &'static str,
    /// The value used when the key is absent, as it would be written.
    pub default: Option<&'static str>,
    /// In words, what is used when the key is absent.
    pub otherwise: Option<&'static str>,
    /// What its value looks like.
    pub shape: fn() -> Shape,
}

/// A type that can be read from the tree.
pub trait Value: Sized {
    /// What it looks like.
    fn shape() -> Shape;

    /// Reads it; every mistake goes to `findings`, and `None` means there was at least one.
    fn read(node: &Node, findings: &mut Findings) -> Option<Self>;
}

/// Reads the default of a field as if it had been written.
pub fn default_of<T: Value>(text: &str) -> Option<At<T>> {
    let scalar = Scalar { text: text.to_owned(), plain: true };
    let node = Node { spot: Spot::NOWHERE, data: Data::Scalar(scalar) };
    let value = T::read(&node, &mut Findings::default())?;
    Some(At { value, spot: Spot::NOWHERE })
}

/// Reads the value of an entry; a missing value gets its own message.
pub fn read_entry<T: Value>(entry: &Entry, findings: &mut Findings) -> Option<At<T>> {
    if entry.value.is_null() {
        findings.push(no_value(entry));
        return None;
    }
    let value = T::read(&entry.value, findings)?;
    Some(At { value, spot: entry.value.spot })
}

/// `key:` and nothing after it.
pub fn no_value(entry: &Entry) -> Diagnostic {
    Diagnostic::error(Code::Empty, entry.key_spot, format!("`{}` has no value", quoted(&entry.key)))
        .label("nothing follows")
        .help("give it a value or remove the line; a check is removed by `enabled: false`")
}

/// The scalar of a node, or a message about what stands there instead.
pub fn scalar<'n>(node: &'n Node, noun: &str, findings: &mut Findings) -> Option<&'n Scalar> {
    match &node.data {
        Data::Scalar(scalar) if !node.is_null() => Some(scalar),
        Data::Refused => None,
        Data::Scalar(_) | Data::List(_) | Data::Map(_) => {
            findings.push(wrong_shape(node, noun));
            None
        }
    }
}

/// A node of the wrong shape.
pub fn wrong_shape(node: &Node, noun: &str) -> Diagnostic {
    Diagnostic::error(Code::Shape, node.spot, format!("expected {noun}, found {}", node.noun()))
        .label(format!("expected {noun}"))
}

/// The entries of a map, or a message about what stands there instead.
pub fn map<'n>(node: &'n Node, noun: &str, findings: &mut Findings) -> Option<&'n [Entry]> {
    match &node.data {
        Data::Map(entries) => Some(entries),
        Data::Refused => None,
        Data::Scalar(_) | Data::List(_) => {
            findings.push(wrong_shape(node, noun));
            None
        }
    }
}

/// A mistake in a scalar, at its own stretch where the text is written plainly.
pub fn mistake(mistake: Mistake, node: &Node) -> Diagnostic {
    let spot = match (&node.data, &mistake.at) {
        (Data::Scalar(Scalar { plain: true, .. }), Some(at))
            if node.spot.start + at.end <= node.spot.end =>
        {
            Spot { start: node.spot.start + at.start, end: node.spot.start + at.end, ..node.spot }
        }
        _ => node.spot,
    };
    let found = Diagnostic::error(mistake.code, spot, mistake.message)
        .label(mistake.label)
        .help(mistake.help);
    match mistake.rewrite {
        Some(text) => found.fix(node.spot, text),
        None => found,
    }
}

/// A key that is not known here.
pub fn unknown_key(entry: &Entry, code: Code, place: &str, known: &[&str]) -> Diagnostic {
    let key = entry.key.as_str();
    let found = Diagnostic::error(
        code,
        entry.key_spot,
        format!("unknown key `{}` in {place}", quoted(key)),
    )
    .label("not known here");
    match nearest(key, known.iter().copied()) {
        Some(name) => {
            let found = found.help(format!("did you mean `{name}`?"));
            if entry.key_plain { found.fix(entry.key_spot, name) } else { found }
        }
        None if known.is_empty() => found.help("nothing can be set here"),
        None => found.help(format!("known here: {}", known.join(", "))),
    }
}

/// Declares a section: a struct of `Option<At<T>>`, its [`Section`] table and its reader.
///
/// `"key" => field: Type = "default as written", else "default in words";`
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        $name:ident as $title:literal $(one_of($($one:literal),+))? {
            $(
                $(#[doc = $fdoc:literal])+
                $key:literal => $field:ident: $ty:ty $(= $default:literal)? $(, else $note:literal)?;
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $fdoc])+ pub $field: Option<$crate::config::schema::At<$ty>>,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: section!(@default $ty $(, $default)?),)+
                }
            }
        }

        impl $name {
            /// Keys, defaults and sentences.
            pub const SECTION: &'static $crate::config::schema::Section =
                &$crate::config::schema::Section {
                    name: $title,
                    doc: concat!($($doc, "\n",)+),
                    fields: &[$($crate::config::schema::Field {
                        key: $key,
                        doc: concat!($($fdoc, "\n",)+),
                        default: section!(@some $($default)?),
                        otherwise: section!(@some $($note)?),
                        shape: <$ty as $crate::config::schema::Value>::shape,
                    },)+],
                    one_of: &[$($($one),+)?],
                };

            /// Reads the keys that are known and gives back the others.
            pub(crate) fn read_known<'n>(
                node: &'n $crate::config::tree::Node,
                findings: &mut $crate::config::diagnostic::Findings,
            ) -> Option<(Self, Vec<&'n $crate::config::tree::Entry>)> {
                let entries = $crate::config::schema::map(node, "a map of keys", findings)?;
                let mut section = Self::default();
                let mut rest = Vec::new();
                for entry in entries {
                    match entry.key.as_str() {
                        $($key => {
                            section.$field =
                                $crate::config::schema::read_entry::<$ty>(entry, findings);
                        })+
                        _ => rest.push(entry),
                    }
                }
                Some((section, rest))
            }
        }

        impl $crate::config::schema::Value for $name {
            fn shape() -> $crate::config::schema::Shape {
                $crate::config::schema::Shape::Section(Self::SECTION)
            }

            fn read(
                node: &$crate::config::tree::Node,
                findings: &mut $crate::config::diagnostic::Findings,
            ) -> Option<Self> {
                let (section, rest) = Self::read_known(node, findings)?;
                for entry in rest {
                    let known: Vec<_> = Self::SECTION.fields.iter().map(|f| f.key).collect();
                    findings.push($crate::config::schema::unknown_key(
                        entry,
                        $crate::config::code::Code::UnknownKey,
                        $title,
                        &known,
                    ));
                }
                $crate::config::schema::one_of(Self::SECTION, node, findings);
                Some(section)
            }
        }
    };
    (@default $ty:ty) => { None };
    (@default $ty:ty, $default:literal) => { $crate::config::schema::default_of::<$ty>($default) };
    (@some) => { None };
    (@some $text:literal) => { Some($text) };
}
pub(crate) use section;

/// Checks that exactly one of the keys is there that exclude each other.
pub fn one_of(section: &Section, node: &Node, findings: &mut Findings) {
    if section.one_of.is_empty() {
        return;
    }
    let present: Vec<_> = node
        .entries()
        .iter()
        .filter(|entry| section.one_of.contains(&entry.key.as_str()))
        .collect();
    let names: Vec<_> = section.one_of.iter().map(|key| format!("`{key}`")).collect();
    let names = super::units::join(&names, "or");
    match present.as_slice() {
        [_] => {}
        [first, second, ..] => findings.push(
            Diagnostic::error(
                Code::Exclusive,
                second.key_spot,
                format!("`{}` and `{}` exclude each other", first.key, second.key),
            )
            .label("second")
            .also(first.key_spot, "first")
            .help(format!("{} needs exactly one of {names}", section.name)),
        ),
        [] => findings.push(
            Diagnostic::error(Code::Missing, node.spot, format!("{} needs {names}", section.name))
                .label(format!("add {names}")),
        ),
    }
}

/// Declares a type that is one of some words.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+
        $name:ident = $noun:literal {
            $($(#[doc = $wdoc:literal])+ $text:literal => $value:expr;)+
        } -> $target:ty
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $target);

        impl $crate::config::schema::Value for $name {
            fn shape() -> $crate::config::schema::Shape {
                $crate::config::schema::Shape::Words(&[$(($text, concat!($($wdoc),+))),+])
            }

            fn read(
                node: &$crate::config::tree::Node,
                findings: &mut $crate::config::diagnostic::Findings,
            ) -> Option<Self> {
                let scalar = $crate::config::schema::scalar(node, $noun, findings)?;
                match scalar.text.as_str() {
                    $($text => Some(Self($value)),)+
                    other => {
                        findings.push($crate::config::schema::unknown_word(
                            node, other, $noun, &[$($text),+],
                        ));
                        None
                    }
                }
            }
        }
    };
}
pub(crate) use words;

/// A word that is not possible here.
pub fn unknown_word(node: &Node, word: &str, noun: &str, known: &[&str]) -> Diagnostic {
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let found =
        Diagnostic::error(Code::Word, node.spot, format!("`{}` is not {noun}", quoted(word)))
            .label(format!("expected {}", super::units::join(&names, "or")));
    match nearest(word, known.iter().copied()) {
        Some(name) => found.help(format!("did you mean `{name}`?")).fix(node.spot, name),
        None => found,
    }
}
