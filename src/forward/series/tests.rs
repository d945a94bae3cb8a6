//! Whatever a batch holds, what leaves is valid, in order and each series once.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::forward::dialect::exposition;
use crate::forward::names::fallback::is_word;
use crate::model::batch::Own;
use crate::model::id::Id;
use crate::model::text::shown_bytes;

fn verdict(check: &str, kind: &'static str, instance: &str, state: State) -> Verdict {
    Verdict {
        id: Id::new(check, instance),
        kind: kind.into(),
        title: instance.to_owned(),
        state,
        since: Stamp(1_700_000_000_000),
        read: Some(Stamp(1_700_000_060_500)),
        changes: 2,
        silenced: false,
        acked: true,
        summary: String::new(),
        figures: Vec::new(),
    }
}

fn thing(
    kind: &'static str,
    instance: &str,
    labels: &[(&'static str, &str)],
    values: &[(&'static str, f64)],
) -> Thing {
    Thing {
        kind: kind.into(),
        instance: instance.into(),
        labels: labels.iter().map(|(key, value)| ((*key).into(), (*value).to_owned())).collect(),
        values: values.iter().map(|(name, value)| ((*name).into(), *value)).collect(),
    }
}

/// The text without help and type.
fn lines(batch: &Batch) -> Vec<String> {
    let text = String::from_utf8(exposition::text(&samples(batch))).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn batch(things: Vec<Thing>, verdicts: Vec<Verdict>) -> Batch {
    Batch { at: Stamp(1_700_000_060_000), things, verdicts, ..Batch::default() }
}

#[test]
fn a_small_batch_as_text() {
    let mount = [("fstype", "ext4"), ("device", "tank/data")];
    let chip =
        [("chip", "coretemp"), ("channel", "temp1"), ("device", "devices/platform/coretemp.0")];
    let things = vec![
        thing("filesystem", "/da\"ta", &mount, &[("used_percent", 91.0), ("free_bytes", 4096.0)]),
        thing("temperature", "coretemp 1", &chip, &[("temperature_celsius", 54.5)]),
        thing("temperature", "Inlet", &[("chip", "bmc")], &[("temperature_celsius", 21.0)]),
        thing("nic", "eno1", &[], &[("speed_bits_per_second", 1e9), ("up", f64::NAN)]),
        thing("cpu", "all", &[], &[("idle_seconds", 12.5), ("user_seconds", 3.0)]),
        thing("tape", "st0", &[], &[("wear_percent", 12.0), ("mounts_total", 3.0)]),
        // The same series once more: the first is meant.
        thing("nic", "eno1", &[], &[("speed_bits_per_second", 1.0)]),
    ];
    let mut batch = batch(things, vec![verdict("fs", "filesystem", "/da\"ta", State::Critical)]);
    batch.own = Own { started: Stamp(1000), runs: 7, config_refused: true, ..Own::default() };
    batch.outlets = vec![OutletNumbers {
        name: "prom".to_owned(),
        waiting: 1,
        waiting_bytes: 300,
        sent: 9,
        dropped: vec![("age".into(), 4)],
        last_sent: None,
        up: true,
    }];
    let id = r#"{check="fs",kind="filesystem",object="/da\"ta"}"#;
    let mount = r#"{device="tank/data",fstype="ext4",mountpoint="/da\"ta"}"#;
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        "hostwatch_batch_timestamp_seconds 1700000060".to_owned(),
        format!("hostwatch_build_info{{version=\"{version}\"}} 1"),
        format!("hostwatch_check_acknowledged{id} 1"),
        format!("hostwatch_check_last_run_timestamp_seconds{id} 1700000060.5"),
        format!("hostwatch_check_silenced{id} 0"),
        format!("hostwatch_check_since_timestamp_seconds{id} 1700000000"),
        format!("hostwatch_check_state{id} 2"),
        format!("hostwatch_check_state_changes_total{id} 2"),
        "hostwatch_config_refused 1".to_owned(),
        format!("hostwatch_filesystem_used_ratio{mount} 0.91"),
        r#"hostwatch_forward_dropped_total{outlet="prom",reason="age"} 4"#.to_owned(),
        r#"hostwatch_forward_queue_bytes{outlet="prom"} 300"#.to_owned(),
        r#"hostwatch_forward_queue_parcels{outlet="prom"} 1"#.to_owned(),
        r#"hostwatch_forward_sent_total{outlet="prom"} 9"#.to_owned(),
        r#"hostwatch_forward_up{outlet="prom"} 1"#.to_owned(),
        "hostwatch_mails_sent_total 0".to_owned(),
        "hostwatch_mails_waiting 0".to_owned(),
        "hostwatch_runs_skipped_total 0".to_owned(),
        "hostwatch_runs_total 7".to_owned(),
        "hostwatch_sources_hung 0".to_owned(),
        "hostwatch_start_time_seconds 1".to_owned(),
        r#"hostwatch_tape_mounts_total{object="st0"} 3"#.to_owned(),
        r#"hostwatch_tape_wear_ratio{object="st0"} 0.12"#.to_owned(),
        r#"hostwatch_temperature_celsius{chip="bmc",object="Inlet"} 21"#.to_owned(),
        r#"node_cpu_seconds_total{mode="idle"} 12.5"#.to_owned(),
        r#"node_cpu_seconds_total{mode="user"} 3"#.to_owned(),
        format!("node_filesystem_avail_bytes{mount} 4096"),
        r#"node_hwmon_temp_celsius{chip="platform_coretemp_0",object="coretemp 1",sensor="temp1"} 54.5"#
            .to_owned(),
        r#"node_network_speed_bytes{device="eno1"} 125000000"#.to_owned(),
    ];
    assert_eq!(lines(&batch), expected);
}

#[test]
fn metrics_follow_the_conventions() {
    let mut batch = batch(
        vec![
            thing("filesystem", "/", &[], &[("free_bytes", 5.0), ("used_bytes", 7.0)]),
            thing("bandwidth", "eno1", &[], &[("rx_bytes", 8.0), ("rx_bits_per_second", 80.0)]),
        ],
        vec![],
    );
    batch.own.booted = Stamp(5);
    let metrics = metrics(&batch);
    let names: Vec<&str> = metrics.iter().map(|metric| &*metric.name).collect();
    let sorted: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names, sorted.into_iter().collect::<Vec<_>>());
    let metric = |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap();
    let usage = metric("system.filesystem.usage");
    assert_eq!((&*usage.unit, usage.instrument), ("By", Instrument::UpDownCounter));
    let states: Vec<_> =
        usage.points.iter().map(|p| (p.attributes[1].1.as_str(), p.value)).collect();
    assert_eq!(states, [("free", 5.0), ("used", 7.0)]);
    let io = metric("system.network.io");
    assert_eq!((io.instrument, io.points[0].since), (Instrument::Counter, Some(Stamp(5))));
    assert_eq!(metric("hostwatch.bandwidth.rate").points[0].value.to_bits(), 10_f64.to_bits());
}

#[test]
fn the_worst_verdict_on_hardware_is_its_status() {
    let verdicts = vec![
        verdict("raid", "raid", "md0", State::Ok),
        verdict("strict", "raid", "md0", State::Critical),
        verdict("raid", "raid", "md1", State::Unknown),
        verdict("cpu", "cpu", "all", State::Critical),
    ];
    let metrics = metrics(&batch(vec![], verdicts));
    let status = metrics.iter().find(|metric| metric.name == HARDWARE_STATUS).unwrap();
    let points: Vec<(&str, &str, bool)> = status
        .points
        .iter()
        .map(|p| (p.attributes[0].1.as_str(), p.attributes[2].1.as_str(), p.value > 0.5))
        .collect();
    assert_eq!(
        points,
        [
            ("md0", "degraded", false),
            ("md0", "failed", true),
            ("md0", "ok", false),
            ("md1", "degraded", false),
            ("md1", "failed", false),
            ("md1", "ok", false),
        ]
    );
}

/// Names as the kernel may show them: no UTF-8, line ends, quotes, braces, letters of any script.
fn odd_name() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z/\"\\\\\n\t{}=,# \u{1f525}\u{e9}]{0,12}",
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| shown_bytes(&bytes)),
        proptest::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

fn odd_thing() -> impl Strategy<Value = Thing> {
    let kind = prop_oneof![
        Just("filesystem".to_owned()),
        Just("temperature".to_owned()),
        Just("nic".to_owned()),
        odd_name()
    ];
    let value = prop_oneof![
        Just("used_percent".to_owned()),
        Just("temperature_celsius".to_owned()),
        odd_name()
    ];
    let label = prop_oneof![Just("device".to_owned()), Just("channel".to_owned()), odd_name()];
    let labels = proptest::collection::vec((label, odd_name()), 0..4);
    let values = proptest::collection::vec((value, any::<f64>()), 0..5);
    (kind, odd_name(), labels, values).prop_map(|(kind, instance, labels, values)| Thing {
        kind: kind.into(),
        instance: instance.into(),
        labels: labels.into_iter().map(|(key, value)| (key.into(), value)).collect(),
        values: values.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    })
}

/// Name, labels and value.
type Line = (String, Vec<(String, String)>, f64);

/// Reads a line of text back.
fn read_line(line: &str) -> Option<Line> {
    let end = line.find(['{', ' '])?;
    let name = line[..end].to_owned();
    let mut labels = Vec::new();
    let mut rest = &line[end..];
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (key, after) = inner.split_once("=\"")?;
            let mut value = String::new();
            let mut letters = after.chars();
            loop {
                match letters.next()? {
                    '"' => break,
                    '\\' => value.push(match letters.next()? {
                        'n' => '\n',
                        other => other,
                    }),
                    letter => value.push(letter),
                }
            }
            labels.push((key.to_owned(), value));
            inner = letters.as_str();
            match inner.strip_prefix(',') {
                Some(next) => inner = next,
                None => break,
            }
        }
        rest = inner.strip_prefix('}')?;
    }
    Some((name, labels, rest.strip_prefix(' ')?.parse().ok()?))
}

proptest! {
    #[test]
    fn whatever_is_read_leaves_valid_and_once(
        things in proptest::collection::vec(odd_thing(), 0..12),
        names in proptest::collection::vec((odd_name(), odd_name()), 0..6),
    ) {
        let verdicts = names
            .iter()
            .map(|(check, instance)| verdict(check, "raid", instance, State::Warning))
            .collect();
        let batch = batch(things, verdicts);
        let samples = samples(&batch);
        let mut series = BTreeSet::new();
        for sample in &samples {
            prop_assert!(is_word(&sample.name), "{}", sample.name);
            prop_assert!(sample.value.is_finite());
            prop_assert!(series.insert((&sample.name, &sample.labels)), "twice: {sample:?}");
            let keys: Vec<_> = sample.labels.iter().map(|(key, _)| key).collect();
            prop_assert!(keys.windows(2).all(|two| two[0] < two[1]), "{keys:?}");
            for (key, value) in &sample.labels {
                prop_assert!(is_word(key) && !value.is_empty() && value.chars().count() <= 200);
            }
        }
        prop_assert!(samples.windows(2).all(
            |two| (&two[0].name, &two[0].labels) < (&two[1].name, &two[1].labels)
        ));
        let text = lines(&batch);
        prop_assert_eq!(text.len(), samples.len());
        for (line, sample) in text.iter().zip(&samples) {
            let labels: Vec<_> =
                sample.labels.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
            let read = read_line(line);
            prop_assert_eq!(read, Some((sample.name.to_string(), labels, sample.value)), "{}", line);
        }
        for metric in metrics(&batch) {
            prop_assert!(metric.points.windows(2).all(|two| two[0].attributes < two[1].attributes));
        }
    }
}

#[test]
fn ten_thousand_verdicts_make_sixty_thousand_series() {
    let verdicts = (0..10_000)
        .map(|n| verdict("raid", "raid", &format!("md{}", n * 7919 % 10_000), State::Ok))
        .collect();
    let batch = Batch { verdicts, ..Batch::default() };
    let of_verdicts =
        samples(&batch).iter().filter(|one| one.name.starts_with("hostwatch_check_")).count();
    assert_eq!(of_verdicts, 60_000);
    let shared: Arc<str> = "md7".into();
    assert!(batch.verdicts.iter().any(|verdict| verdict.id.instance == shared));
}
