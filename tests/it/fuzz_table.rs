//! No parser is left out of the table of fuzzed ones: whatever in `src/parse` reads text or bytes has
//! a row there, and every row names what exists.

use std::path::Path;

use crate::fuzz::{PARSERS, captured_files};

/// Public functions of a parser's file that read text or bytes.
fn readers(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let mut found = Vec::new();
    for part in source.split("pub fn ").skip(1) {
        let head = part.split('{').next().unwrap();
        let (name, parameters) = head.split_once('(').unwrap();
        let parameters = parameters.split("->").next().unwrap();
        if parameters.contains("[u8]") || parameters.contains("&str") {
            found.push(name.split('<').next().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn every_public_parser_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/parse");
    let mut missing = Vec::new();
    let mut there = Vec::new();
    let mut files = Vec::new();
    captured_files(&folder, &mut files);
    for path in files {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let path_within = path.strip_prefix(&folder).unwrap().with_extension("");
        let module = path_within.to_str().unwrap().replace('/', "::");
        for function in readers(&std::fs::read_to_string(&path).unwrap()) {
            let name = format!("{module}::{function}");
            if !PARSERS.iter().any(|parser| parser.covers.contains(&name.as_str())) {
                missing.push(name.clone());
            }
            there.push(name);
        }
    }
    assert!(there.len() > 40, "only {there:?} were found");
    assert!(missing.is_empty(), "no row in PARSERS covers {missing:?}");
    let gone: Vec<_> = PARSERS
        .iter()
        .flat_map(|parser| parser.covers)
        .filter(|name| !there.iter().any(|found| found == *name))
        .collect();
    assert!(gone.is_empty(), "PARSERS covers what does not exist: {gone:?}");
}
