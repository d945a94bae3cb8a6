//! The body of a remote write: series with their labels, and one value each at one moment.
//!
//! Owns prometheus.WriteRequest of remote write 1.0, and which labels a series gets from the site.
//! Must not know: requests, answers.

use std::borrow::Cow;

use crate::forward::Site;
use crate::forward::dialect::protobuf::{Fields, Message, Value};
use crate::forward::series::Sample;
use crate::model::text::shown;
use crate::model::time::Stamp;

/// Value of the label `job`.
pub(super) const JOB: &str = "hostwatch";

/// The value that says that a series has ended (prometheus/model/value, `StaleNaN`).
pub(super) const STALE: u64 = 0x7ff0_0000_0000_0002;

/// All labels of a series as they are written: that is what a series is known by.
pub(super) type Labels = Box<[u8]>;

/// A series and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Series {
    pub(super) labels: Labels,
    /// The bits of the value: of not-a-number there are many.
    pub(super) bits: u64,
}

/// Labels that all series of this host have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Common(Vec<(String, String)>);

impl Common {
    /// `job` and `instance`, then the site's own: their names made valid, and none in the place of
    /// another.
    pub(super) fn of(site: &Site) -> Self {
        let instance = if site.fqdn.is_empty() { &site.name } else { &site.fqdn };
        let mut labels =
            vec![("job".to_owned(), JOB.to_owned()), ("instance".to_owned(), instance.clone())];
        for (name, value) in site.labels.iter().filter(|(name, _)| name != "__name__") {
            let name = valid(name);
            if !labels.iter().any(|(known, _)| *known == name) {
                labels.push((name, value.clone()));
            }
        }
        labels.retain(|(_, value)| !value.is_empty());
        Self(labels)
    }

    /// A series with all its labels, in the order of their names.
    pub(super) fn series(&self, sample: &Sample) -> Series {
        let own =
            |name: &str| name == "__name__" || sample.labels.iter().any(|(own, _)| own == name);
        let mut labels: Vec<(&str, &str)> = vec![("__name__", &sample.name)];
        labels.extend(sample.labels.iter().map(|(name, value)| (&**name, &**value)));
        labels.extend(
            self.0.iter().filter(|(name, _)| !own(name)).map(|(name, value)| (&**name, &**value)),
        );
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort_unstable();
        let mut written = Message::new();
        for (name, value) in labels {
            written.message(1, |label| {
                label.text(1, name).text(2, value);
            });
        }
        Series { labels: written.into_bytes().into(), bits: sample.value.to_bits() }
    }
}

/// A name as a label may have it: `[a-zA-Z_][a-zA-Z0-9_]*`, where two underscores at the begin are
/// the receiver's own.
fn valid(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let plain = name.trim_start_matches('_');
    if plain.len() < name.len()
        || plain.is_empty()
        || plain.starts_with(|c: char| c.is_ascii_digit())
    {
        format!("_{plain}")
    } else {
        name
    }
}

/// The request for these series, all stamped with one moment, packed.
///
/// # Errors
/// It cannot be packed: it is larger than 4 GiB.
pub(super) fn packed(series: &[Series], at: Stamp) -> Result<Vec<u8>, String> {
    let mut request = Message::new();
    for series in series {
        request.message(1, |one| {
            one.fields(&series.labels).message(2, |sample| {
                sample.fixed(1, series.bits).signed(2, at.0);
            });
        });
    }
    let packed = snap::raw::Encoder::new().compress_vec(&request.into_bytes());
    packed.map_err(|error| format!("it cannot be packed: {error}"))
}

/// A series for people: `node_load1{instance="web1",job="hostwatch"}`.
pub(super) fn named(labels: &[u8]) -> String {
    let text = |bytes| shown(&String::from_utf8_lossy(bytes)).into_owned();
    let (mut name, mut rest) = (String::new(), Vec::new());
    for (_, label) in Fields::of(labels) {
        let Value::Bytes(label) = label else { continue };
        let mut parts = Fields::of(label).filter_map(|(_, part)| match part {
            Value::Bytes(bytes) => Some(text(bytes)),
            Value::Number(_) => None,
        });
        let (Some(key), Some(value)) = (parts.next(), parts.next()) else { continue };
        match key.as_str() {
            "__name__" => name = value,
            _ => rest.push(format!("{key}={value:?}")),
        }
    }
    format!("{name}{{{}}}", rest.join(","))
}

/// The series of a test: one that no other is called like.
pub(super) fn mark(number: u32) -> Sample {
    Sample {
        name: Cow::Borrowed("hostwatch_forward_test"),
        help: Cow::Borrowed("The number by which a test of an outlet finds its sample again"),
        form: crate::forward::series::Form::Gauge,
        labels: vec![("mark".into(), number.to_string())],
        value: f64::from(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(labels: &[(&str, &str)]) -> Common {
        let labels = labels.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Common::of(&Site { name: "web1".to_owned(), fqdn: "web1.example.net".to_owned(), labels })
    }

    #[test]
    fn labels_are_sorted_and_an_own_one_is_never_overridden() {
        let common = site(&[
            ("rack", "a7"),
            ("job", "mine"),
            ("mark", "0"),
            ("__name__", "x"),
            ("Zone", "z"),
            ("empty", ""),
            ("data-centre", "fra"),
            ("data.centre", "muc"),
        ]);
        let series = common.series(&mark(7));
        assert_eq!(
            named(&series.labels),
            "hostwatch_forward_test{Zone=\"z\",data_centre=\"fra\",instance=\"web1.example.net\",\
             job=\"hostwatch\",mark=\"7\",rack=\"a7\"}"
        );
    }

    #[test]
    fn a_sample_with_a_label_of_the_site_keeps_its_own() {
        let mut sample = mark(7);
        sample.labels = vec![("device".into(), "sda".to_owned()), ("rack".into(), String::new())];
        let series = site(&[("device", "none"), ("rack", "a7")]).series(&sample);
        let named = named(&series.labels);
        assert!(named.contains("device=\"sda\"") && !named.contains("rack"), "{named}");
    }

    #[test]
    fn names_of_labels_are_made_valid() {
        for (name, wanted) in [
            ("rack", "rack"),
            ("data-centre", "data_centre"),
            ("1st", "_1st"),
            ("__meta", "_meta"),
            ("_x", "_x"),
            ("größe", "gr__e"),
            ("", "_"),
            ("--", "_"),
        ] {
            assert_eq!(valid(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_host_without_a_full_name_has_its_short_one() {
        let common = Common::of(&Site { name: "web1".to_owned(), ..Site::default() });
        assert!(named(&common.series(&mark(1)).labels).contains("instance=\"web1\""));
    }
}
