//! Prometheus' text format 0.0.4: names with help and type, a line a sample, no timestamps (the
//! textfile collector refuses them). Source:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. Must not know: where the text goes.

use std::io::{self, Write};

use crate::forward::outlet::Mark;
use crate::forward::series::{Form, Sample};

/// What a reader of this text is told that it is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes samples that are in the order of their names, as [`samples`](crate::forward::series::samples) has
/// them.
///
/// # Errors
/// The writer's.
pub fn write(samples: &[Sample], out: &mut impl Write) -> io::Result<()> {
    let mut last = None;
    for sample in samples {
        if last != Some(&sample.name) {
            last = Some(&sample.name);
            let form = match sample.form {
                Form::Gauge => "gauge",
                Form::Counter => "counter",
            };
            write!(out, "# HELP {} ", sample.name)?;
            escaped(&sample.help, false, out)?;
            write!(out, "\n# TYPE {} {form}\n", sample.name)?;
        }
        out.write_all(sample.name.as_bytes())?;
        for (index, (name, value)) in sample.labels.iter().enumerate() {
            out.write_all(if index == 0 { b"{" } else { b"," })?;
            out.write_all(name.as_bytes())?;
            out.write_all(b"=\"")?;
            escaped(value, true, out)?;
            out.write_all(b"\"")?;
        }
        if !sample.labels.is_empty() {
            out.write_all(b"}")?;
        }
        writeln!(out, " {}", sample.value)?;
    }
    Ok(())
}

/// The same as one text.
#[must_use]
pub fn text(samples: &[Sample]) -> Vec<u8> {
    let mut text = Vec::with_capacity(samples.len() * USUAL_LINE_BYTES);
    // Memory takes everything.
    let _ = write(samples, &mut text);
    text
}

/// A line of a verdict, its share of the help among it.
const USUAL_LINE_BYTES: usize = 100;

/// The sample of a test: its number is the value, and a label beside it.
#[must_use]
pub fn mark(mark: &Mark) -> Sample {
    Sample {
        name: "hostwatch_forward_test".into(),
        help: "A sample of `hostwatch forward test`".into(),
        form: Form::Gauge,
        labels: vec![("mark".into(), mark.number.to_string())],
        value: f64::from(mark.number),
    }
}

/// Backslashes and line ends mean something in both places, quotes in labels.
fn escaped(text: &str, quotes: bool, out: &mut impl Write) -> io::Result<()> {
    let special = |b: u8| matches!(b, b'\\' | b'\n') || (quotes && b == b'"');
    // All but a few names are plain.
    if !text.bytes().any(special) {
        return out.write_all(text.as_bytes());
    }
    let special = |c: char| u8::try_from(c).is_ok_and(special);
    let mut rest = text;
    while let Some(at) = rest.find(special) {
        let (plain, from) = rest.split_at(at);
        out.write_all(plain.as_bytes())?;
        let mut letters = from.chars();
        match letters.next() {
            Some('\n') => out.write_all(b"\\n")?,
            Some('"') => out.write_all(b"\\\"")?,
            _ => out.write_all(b"\\\\")?,
        }
        rest = letters.as_str();
    }
    out.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_explained_once_and_text_is_escaped() {
        let sample = |name: &'static str, label: &str, value| Sample {
            name: name.into(),
            help: "A \"help\" with \\ and\nsecond line".into(),
            form: Form::Counter,
            labels: vec![("path".into(), label.to_owned()), ("z".into(), "1".to_owned())],
            value,
        };
        let bare = Sample { labels: Vec::new(), form: Form::Gauge, ..sample("b", "", 0.5) };
        let text =
            text(&[sample("a_total", "C:\\x\n\"y\"", 3.0), sample("a_total", "é", 1e20), bare]);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "# HELP a_total A \"help\" with \\\\ and\\nsecond line\n\
             # TYPE a_total counter\n\
             a_total{path=\"C:\\\\x\\n\\\"y\\\"\",z=\"1\"} 3\n\
             a_total{path=\"é\",z=\"1\"} 100000000000000000000\n\
             # HELP b A \"help\" with \\\\ and\\nsecond line\n\
             # TYPE b gauge\n\
             b 0.5\n"
        );
    }

    #[test]
    fn the_sample_of_a_test_shows_its_number_twice() {
        let number = u32::MAX;
        let sample = mark(&Mark { at: crate::model::time::Stamp(0), number });
        let text = String::from_utf8(text(&[sample])).unwrap();
        assert!(
            text.ends_with("hostwatch_forward_test{mark=\"4294967295\"} 4294967295\n"),
            "{text}"
        );
    }
}
