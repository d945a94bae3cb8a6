//! Questions and answers as text, one pair a line: how a capture holds what a BMC said.
//!
//! `netfn command address lun : request -> code response`, all in hex without prefix, bytes run
//! together: `0a 23 20 00 : 000000000010 -> 00 0100010051...`. Lines that begin with `#` are
//! remarks; lines that make no sense are passed over.

use std::collections::BTreeMap;

use super::{Answer, Request, Target};
use crate::model::limit::IPMI_ANSWERS;

/// First line of the file.
const HEAD: &str = "# netfn command address lun : request -> completion-code response\n";

/// Questions with their answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers(BTreeMap<Request, Answer>);

impl Answers {
    /// Keeps a pair. Of two answers to one question the later stays, unless only the earlier was
    /// no refusal; no more than [`IPMI_ANSWERS`] questions are kept.
    pub fn keep(&mut self, request: &Request, answer: &Answer) {
        if let Some(kept) = self.0.get_mut(request) {
            if answer.code == 0 || kept.code != 0 {
                *kept = answer.clone();
            }
        } else if self.0.len() < IPMI_ANSWERS {
            self.0.insert(request.clone(), answer.clone());
        }
    }

    /// The answer to exactly this question.
    #[must_use]
    pub fn get(&self, request: &Request) -> Option<&Answer> {
        self.0.get(request)
    }

    /// The first answer without refusal to a question of this command that `fits` takes.
    #[must_use]
    pub fn find(&self, like: &Request, fits: impl Fn(&[u8]) -> bool) -> Option<&Answer> {
        let same = |asked: &Request| {
            (asked.netfn, asked.command, asked.target) == (like.netfn, like.command, like.target)
        };
        self.0
            .iter()
            .find(|(asked, answer)| same(asked) && answer.code == 0 && fits(&asked.data))
            .map(|(_, answer)| answer)
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (Request { netfn, command, target, data }, answer) in &self.0 {
            text += &format!(
                "{netfn:02x} {command:02x} {:02x} {:02x} : {} -> {:02x} {}\n",
                target.address,
                target.lun,
                hex(data),
                answer.code,
                hex(&answer.data)
            );
        }
        text
    }

    /// Reads such a text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut answers = Self::default();
        for (request, answer) in text.lines().filter_map(line) {
            answers.keep(&request, &answer);
        }
        answers
    }
}

fn line(line: &str) -> Option<(Request, Answer)> {
    let (head, rest) = line.split_once(':')?;
    let (data, answer) = rest.split_once("->")?;
    let mut words = head.split_whitespace().map(byte);
    let [netfn, command, address, lun] =
        [words.next()??, words.next()??, words.next()??, words.next()??];
    if words.next().is_some() {
        return None;
    }
    let (code, response) = answer.trim().split_once(' ').unwrap_or((answer.trim(), ""));
    let target = Target { address, channel: 0, lun };
    let request = Request { netfn, command, target, data: bytes(data)? };
    Some((request, Answer { code: byte(code)?, data: bytes(response)? }))
}

/// One byte in hex, with or without its leading zero.
pub(super) fn byte(word: &str) -> Option<u8> {
    // `from_str_radix` would take a sign.
    word.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(word, 16).ok())?
}

/// Bytes in hex, run together or apart.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| byte(std::str::from_utf8(pair).ok()?)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(data: &[u8]) -> Request {
        Request { netfn: 0x0a, command: 0x23, target: Target::bmc(1), data: data.to_vec() }
    }

    #[test]
    fn a_line_is_read_however_it_is_spaced_and_an_odd_one_is_passed_over() {
        let text = "# remark\n\n0a 23 20 1 : 0000 0100 00ff -> 00 0200 0100\nnonsense\n\
                    06 01 20 0 : -> c1\n6 1 20 0 0 : -> 00\n06 +1 20 0 : -> 00\n06 01 20 0 : 0 -> 0\n";
        let answers = Answers::parse(text);
        assert_eq!(answers.0.len(), 2);
        let answer = answers.get(&request(&[0, 0, 1, 0, 0, 0xff])).unwrap();
        assert_eq!((answer.code, &answer.data[..]), (0, &[2, 0, 1, 0][..]));
        let id = Request { netfn: 6, command: 1, target: Target::BMC, data: Vec::new() };
        assert_eq!(answers.get(&id).unwrap().code, 0xc1);
    }

    #[test]
    fn an_answer_replaces_a_refusal_and_not_the_other_way() {
        let mut answers = Answers::default();
        let answer = |code| Answer { code, data: vec![code] };
        for code in [0xc0, 0, 0xc5] {
            answers.keep(&request(&[]), &answer(code));
        }
        assert_eq!(answers.get(&request(&[])), Some(&answer(0)));
    }

    proptest! {
        #[test]
        fn what_was_kept_is_read_back(
            pairs in proptest::collection::vec(
                (any::<[u8; 4]>(), any::<Vec<u8>>(), any::<u8>(), any::<Vec<u8>>()), 0..20),
        ) {
            let mut answers = Answers::default();
            for ([netfn, command, address, lun], data, code, response) in pairs {
                let target = Target { address, channel: 0, lun };
                let request = Request { netfn, command, target, data };
                answers.keep(&request, &Answer { code, data: response });
            }
            prop_assert_eq!(Answers::parse(&answers.text()), answers);
        }

        #[test]
        fn no_text_panics(text in "[0-9a-f: >\\-\n#é]{0,200}") {
            let _ = Answers::parse(&text);
        }
    }
}
