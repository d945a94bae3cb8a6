//! Numbers for collectors: every kind's table of them, and what this machine fills in.

use std::collections::BTreeSet;
use std::time::Duration;

use hostwatch::host::Host;
use hostwatch::model::reading::Observation;
use hostwatch::model::time::Moment;
use hostwatch::model::unit::Unit;
use hostwatch::probe::{self, KINDS, KindSpec, Options};

/// How a name of this unit ends.
fn ending(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "percent",
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "bytes_per_second",
        Unit::BitsPerSecond => "bits_per_second",
        Unit::PerSecond => "per_second",
        Unit::Count => "count",
        Unit::Seconds => "seconds",
        Unit::Flag => "",
        Unit::Celsius => "celsius",
        Unit::Rpm => "rpm",
        Unit::Volts => "volts",
        Unit::Amperes => "amperes",
        Unit::Watts => "watts",
    }
}

#[test]
fn names_are_unique_within_a_kind_and_end_with_their_unit() {
    for spec in KINDS.iter().map(|kind| kind.spec()) {
        let mut names: BTreeSet<&str> = spec.metrics.iter().map(|metric| metric.name).collect();
        for measure in spec.measures {
            let name = measure.name;
            let place = format!("{} of {}", name, spec.name);
            assert!(names.insert(name), "{place} is there twice");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(plain), "{place}");
            assert!(name.ends_with(ending(measure.unit)), "{place} ends with its unit");
            assert!(measure.doc.ends_with('.'), "{place} has a sentence");
            assert!(!(measure.counter && measure.unit == Unit::Flag), "{place}");
        }
        // Row numbers are bytes.
        assert!(spec.measures.len() <= usize::from(u8::MAX), "{}", spec.name);
    }
}

/// What this machine gives without asking a tool or a device.
fn look(probes: &mut [(&'static KindSpec, Box<dyn probe::Probe>)], at: u64) -> Vec<Seen> {
    let host = Host::live();
    let mut all = Vec::new();
    for (spec, probe) in probes {
        let Ok(seen) = probe.read(&host, Moment(at)) else { continue };
        all.extend(seen.into_iter().map(|one| (*spec, one)));
    }
    all
}

type Seen = (&'static KindSpec, Observation);

fn value(seen: &[Seen], kind: &str, instance: &str, name: &str) -> Option<f64> {
    let (spec, one) = seen.iter().find(|(s, one)| s.name == kind && &*one.instance == instance)?;
    let row = |id| spec.measure(id).is_some_and(|measure| measure.name == name);
    one.measures.iter().find(|one| row(one.metric)).map(|one| one.value)
}

#[test]
fn this_machine_fills_in_rows_that_there_are_each_once() {
    let host = Host::live();
    let mut probes = Vec::new();
    // Tools and devices would be asked by the others.
    let quick = ["filesystem", "cpu", "memory", "disk_io", "bandwidth", "nic", "bond", "load"];
    for kind in KINDS.iter().filter(|kind| quick.contains(&kind.spec().name)) {
        let found = kind.survey(&host).unwrap();
        let near = |found: &&probe::Found| {
            let remote = ["nfs", "nfs4", "cifs", "fuse"];
            !found.labels.iter().any(|(_, text)| remote.contains(&text.as_str()))
        };
        let sources: BTreeSet<_> = found.iter().filter(near).map(|f| f.source.clone()).collect();
        let open = |source| (kind.spec(), kind.open(source, &Options::new()));
        probes.extend(sources.iter().map(|source| open(source)));
    }
    let first = look(&mut probes, 1000);
    // A second look is later for the kernel, too: a tick of its clock has passed.
    std::hint::black_box(vec![1_u8; 64 << 20]);
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(30) {
        std::hint::spin_loop();
    }
    let second = look(&mut probes, 61_000);
    for (spec, one) in first.iter().chain(&second) {
        let place = format!("{} {}: {:?}", spec.name, one.instance, one.measures);
        assert!(one.measures.is_sorted_by(|a, b| a.metric < b.metric), "{place}");
        assert!(one.measures.iter().all(|one| spec.measure(one.metric).is_some()), "{place}");
        assert!(one.measures.iter().all(|one| one.value.is_finite()), "{place}");
        assert_eq!(one.measures.capacity(), one.measures.len(), "{place}");
    }
    for (spec, after) in &second {
        let same = |(kind, one): &&Seen| kind.name == spec.name && one.instance == after.instance;
        let Some((_, before)) = first.iter().find(same) else { continue };
        for measure in &after.measures {
            let row = spec.measure(measure.metric).unwrap();
            let old = before.measures.iter().find(|old| old.metric == measure.metric);
            let grew = old.is_none_or(|old| !row.counter || old.value <= measure.value);
            assert!(grew, "{} of {} {} fell", row.name, spec.name, after.instance);
        }
    }
    let total = value(&second, "memory", "all", "total_bytes").unwrap();
    assert!(value(&second, "memory", "all", "free_bytes").unwrap() < total);
    assert!(value(&second, "load", "all", "cpus_count").unwrap() >= 1.0);
    let size = value(&second, "filesystem", "/", "size_bytes").unwrap();
    assert!(value(&second, "filesystem", "/", "free_for_root_bytes").unwrap() <= size);
    assert!(value(&second, "bandwidth", "lo", "rx_bytes").is_some());
    let busy = |seen: &[Seen]| {
        let modes = ["user_seconds", "nice_seconds", "system_seconds"];
        modes.iter().filter_map(|mode| value(seen, "cpu", "all", mode)).sum::<f64>()
    };
    assert!(busy(&second) > busy(&first), "this test itself worked meanwhile");
}
