//! The one adapter to the YAML parser: its events become our tree with places.
//!
//! Owns: what of YAML is refused (anchors, aliases, merge keys, tags, several documents, keys that
//! are no text, keys given twice) and the bounds on size and depth. Knows no key by name.
//!
//! granit-parser is used since it gives byte spans and points an unclosed bracket or quote at its
//! opener; deserialising through serde would lose places and stop at the first mistake.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle};

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, quoted};
use super::source::Spot;
use super::tree::{Data, Entry, Node, Scalar};
use crate::model::limit::{YAML_DEPTH, YAML_NODES};

/// Reads one text. `None` when its structure cannot be trusted; every reason is in `findings`.
pub fn parse(text: &str, file: usize, findings: &mut Findings) -> Option<Node> {
    let mut options = Options::default();
    options.emit_comments = false;
    options.emit_anchor_events = true;
    options.emit_unresolved_aliases = true;
    let mut builder = Builder { text, stack: Vec::new(), root: None, nodes: 0, documents: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                let start = span.start.byte_offset().unwrap_or(0).min(text.len());
                let end = span.end.byte_offset().unwrap_or(start).clamp(start, text.len());
                let spot = Spot { file, start, end };
                if builder.take(&event, spot, findings).is_err() {
                    return None;
                }
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                findings.push(syntax_error(text, file, at, &error.info()));
                return None;
            }
        }
    }
    Some(builder.root.unwrap_or_else(|| Node::empty_map(Spot { file, start: 0, end: 0 })))
}

fn syntax_error(text: &str, file: usize, at: usize, reason: &str) -> Diagnostic {
    let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let rest = text.get(at..).unwrap_or_default();
    let end = at + rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    let spot = Spot { file, start: at, end };
    let line_start = text.get(..at).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
    let help = if line.starts_with('\t') || rest.starts_with('\t') {
        Some("YAML indents with spaces; replace the tab")
    } else if rest.starts_with(['%', '@', '`']) || line.contains(": %") || line.contains(": @") {
        Some("text that starts with `%`, `@` or a backtick must stand in quotes")
    } else if line.contains(": *") || line.contains("[*") || line.contains("- *") {
        Some("a name that starts with `*` must stand in quotes: \"*-tap\"")
    } else if line.trim_start().contains(": >") || line.contains(": |") {
        Some("limits have no operators: write `used: 90%`, the metric knows which side is bad")
    } else {
        None
    };
    let found = Diagnostic::error(Code::Syntax, spot, "this is not valid YAML").label(reason);
    match help {
        Some(help) => found.help(help),
        None => found,
    }
}

/// A structure that is not closed yet.
enum Open {
    List(Spot, Vec<Node>),
    Map { spot: Spot, entries: Vec<Entry>, index: HashMap<String, Spot>, key: Option<Key> },
}

struct Key {
    text: String,
    spot: Spot,
    plain: bool,
    /// Refused: its value is read and dropped.
    dropped: bool,
}

struct Builder<'a> {
    text: &'a str,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
}

/// Reading stops here; the reason has been reported.
struct Stop;

impl Builder<'_> {
    fn take(&mut self, event: &Event<'_>, spot: Spot, findings: &mut Findings) -> Result<(), Stop> {
        if event.tag().is_some() {
            findings.push(
                Diagnostic::error(Code::Anchor, spot, "YAML tags (`!name`) are not used here")
                    .label("tagged value")
                    .help("text that starts with `!` must stand in quotes"),
            );
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    findings.push(
                        Diagnostic::error(Code::Documents, spot, "a second document in one file")
                            .label("a configuration file holds one document")
                            .help("put it into a file of its own in conf.d"),
                    );
                    return Err(Stop);
                }
                Ok(())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let name = self.slice(spot);
                findings.push(
                    Diagnostic::error(
                        Code::Anchor,
                        spot,
                        format!("`{}` is a YAML alias, and aliases are not used here", quoted(name)),
                    )
                    .label("refers to an anchor")
                    .help("a name that starts with `*` must stand in quotes; to share settings use `template:`")
                    .fix(spot, format!("\"{name}\"")),
                );
                self.put(Node { spot, data: Data::Refused }, true, findings)
            }
            Event::Anchor(..) => {
                findings.push(
                    Diagnostic::error(
                        Code::Anchor,
                        spot,
                        "YAML anchors (`&name`) are not used here",
                    )
                    .label("anchor")
                    .help("to share settings between checks use `templates:` and `template:`"),
                );
                Ok(())
            }
            Event::Scalar(text, style, ..) => {
                let plain = *style == ScalarStyle::Plain;
                // The parser gives `~` for a value that is not written at all.
                let absent = plain && spot.start == spot.end;
                let text = if absent { String::new() } else { text.as_ref().to_owned() };
                let exact = plain && self.slice(spot) == text;
                self.put(
                    Node { spot, data: Data::Scalar(Scalar { text, plain: exact }) },
                    plain,
                    findings,
                )
            }
            Event::SequenceStart(..) => self.open(Open::List(spot, Vec::new()), spot, findings),
            Event::MappingStart(..) => self.open(
                Open::Map { spot, entries: Vec::new(), index: HashMap::new(), key: None },
                spot,
                findings,
            ),
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::List(begin, items)) => {
                    let spot = Spot { end: spot.end.max(begin.end), ..begin };
                    self.put(Node { spot, data: Data::List(items) }, false, findings)
                }
                Some(Open::Map { spot: begin, entries, .. }) => {
                    let spot = Spot { end: spot.end.max(begin.end), ..begin };
                    self.put(Node { spot, data: Data::Map(entries) }, false, findings)
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn slice(&self, spot: Spot) -> &str {
        self.text.get(spot.start..spot.end).unwrap_or_default()
    }

    fn open(&mut self, open: Open, spot: Spot, findings: &mut Findings) -> Result<(), Stop> {
        if self.stack.len() >= YAML_DEPTH {
            findings.push(
                Diagnostic::error(
                    Code::Bounds,
                    spot,
                    format!("nested deeper than {YAML_DEPTH} levels"),
                )
                .label("too deep"),
            );
            return Err(Stop);
        }
        self.stack.push(open);
        Ok(())
    }

    /// Puts a finished piece where it belongs: as the next key, the next value, or the root.
    fn put(&mut self, node: Node, plain: bool, findings: &mut Findings) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > YAML_NODES {
            findings.push(
                Diagnostic::error(
                    Code::Bounds,
                    node.spot,
                    format!("more than {YAML_NODES} pieces in one file"),
                )
                .label("here it gets too much")
                .help("split it into several files in conf.d"),
            );
            return Err(Stop);
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map { entries, index, key, .. }) => match key.take() {
                None => *key = Some(as_key(node, plain, index, findings)),
                Some(key) if key.dropped => {}
                Some(key) => entries.push(Entry {
                    key: key.text,
                    key_spot: key.spot,
                    key_plain: key.plain,
                    value: node,
                }),
            },
        }
        Ok(())
    }
}

fn as_key(
    node: Node,
    plain: bool,
    index: &mut HashMap<String, Spot>,
    findings: &mut Findings,
) -> Key {
    let spot = node.spot;
    let dropped = |text: String| Key { text, spot, plain, dropped: true };
    match node.data {
        Data::Refused => dropped(String::new()),
        Data::Scalar(scalar) if plain && scalar.text == "<<" => {
            findings.push(
                Diagnostic::error(Code::Anchor, spot, "YAML merge keys (`<<`) are not used here")
                    .label("merge key")
                    .help("to share settings between checks use `templates:` and `template:`"),
            );
            dropped(scalar.text)
        }
        Data::Scalar(scalar) => {
            if let Some(first) = index.get(&scalar.text) {
                findings.push(
                    Diagnostic::error(
                        Code::DuplicateKey,
                        spot,
                        format!("`{}` is given twice", quoted(&scalar.text)),
                    )
                    .label("given again here")
                    .also(*first, "first given here")
                    .help("keep one of the two"),
                );
                return dropped(scalar.text);
            }
            index.insert(scalar.text.clone(), spot);
            Key { text: scalar.text, spot, plain, dropped: false }
        }
        Data::List(_) | Data::Map(_) => {
            findings.push(
                Diagnostic::error(Code::Shape, spot, "a key must be a word")
                    .label("this is a list or a map"),
            );
            dropped(String::new())
        }
    }
}
