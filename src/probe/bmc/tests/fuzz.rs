//! Whatever a BMC answers: no panic, bounded words, no number that is none.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A record of any bytes behind a header that is one, or a whole one with bytes changed.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let any_bytes =
        (any::<u8>(), 1_u8..4, vec(any::<u8>(), 0..64)).prop_map(|(number, kind, body)| {
            let mut record = vec![number, 0, 0x51, kind, 0, 0x20, 0, number];
            record.extend(body);
            record[4] = u8::try_from(record.len() - 5).unwrap();
            record
        });
    let changed = (any::<u8>(), any::<bool>(), vec((5_usize..60, any::<u8>()), 0..6)).prop_map(
        |(number, is_full, changes)| {
            let mut record = match is_full {
                true => full(number, TEMPERATURE, [3, 1], CELSIUS, 1, "Temp"),
                false => compact(number, 8, 0x6f, [10, 1], "Status"),
            };
            for (place, byte) in changes {
                if let Some(at) = record.get_mut(place) {
                    *at = byte;
                }
            }
            record
        },
    );
    prop_oneof![any_bytes, changed]
}

fn answer() -> impl Strategy<Value = Result<Vec<u8>, u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..6).prop_map(Ok),
        8 => any::<[u8; 3]>().prop_map(|[raw, low, high]| Ok(vec![raw, 0xc0, low, high])),
        1 => any::<u8>().prop_map(Err),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bmc_is_looked_at_and_judged(
        id in vec(any::<u8>(), 5..16),
        records in vec(record(), 0..12),
        turns in vec(vec((any::<u8>(), answer()), 0..16), 1..4),
        thresholds in vec((any::<u8>(), vec(any::<u8>(), 0..8)), 0..8),
        events in vec(any::<[u8; 16]>(), 0..40),
        (added, erased) in (any::<u32>(), any::<u32>()),
        chassis in vec(any::<u8>(), 0..4),
        power in vec(any::<u8>(), 0..20),
        faults in vec((any::<u8>(), any::<Option<u8>>()), 0..3),
    ) {
        let script = Script::new();
        script.change(|facts| {
            facts.readings =
                records.iter().map(|record| (record[7], Ok(vec![40, 0xc0, 0, 0]))).collect();
            facts.id = id;
            facts.records = records;
            facts.thresholds = thresholds.into_iter().collect();
            (facts.added, facts.erased) = (added, erased);
            facts.chassis = Some(chassis);
            let mut power = power;
            if let Some(group) = power.first_mut() {
                *group = 0xdc;
            }
            facts.power = Some(power);
        });
        let mut watch = Watch::of(&script);
        let mut names: BTreeMap<_, String> = BTreeMap::new();
        for (turn, readings) in turns.into_iter().enumerate() {
            let second = u64::try_from(turn).unwrap() * 130;
            script.change(|facts| {
                facts.readings.extend(readings);
                let events = events.iter().take(turn * 20).map(|event| event.to_vec());
                facts.events = Some(events.collect());
                if turn > 1 {
                    let commands = [(4, 0x2d), (4, 0x27), (0x0a, 0x43), (0x0a, 0x20)];
                    for (which, code) in &faults {
                        let (netfn, command) = commands[usize::from(*which) % commands.len()];
                        facts.faults.push((netfn, command, Vec::new(), *code));
                    }
                }
            });
            let Ok(look) = watch.look(second) else { continue };
            let mut seen_names = BTreeSet::new();
            for named in named(&look) {
                let address = named.seen.sensor.address;
                prop_assert!(seen_names.insert((named.family, named.instance.to_string())));
                let before = names.entry(address).or_insert_with(|| named.instance.to_string());
                prop_assert_eq!(&*named.instance, &**before, "a name that changed");
            }
            for reader in &mut watch.readers {
                for seen in reader.judge(&look, Moment(second * 1000)) {
                    prop_assert!(seen.summary.len() < 4096, "{}", seen.summary);
                    prop_assert!(seen.instance.len() < 400);
                    prop_assert!(seen.findings.len() <= 80);
                    prop_assert!(seen.memo.is_none_or(|memo| memo.len() < 32 << 10));
                    for finding in &seen.findings {
                        prop_assert!(finding.fact.len() < 2048 && finding.detail.len() < 8);
                    }
                    for reading in &seen.readings {
                        prop_assert!(reading.value.is_finite(), "{seen:?}", seen = reading);
                    }
                }
            }
        }
    }
}
