//! What waiting costs: bytes of a packed batch and of a packed change, and for how long the spool's
//! default keeps them.

use hostwatch::forward::pack::{pack, unpack};
use hostwatch::model::batch::{Batch, Figure, Own, Parcel, Thing, Verdict};
use hostwatch::model::id::Id;
use hostwatch::model::limit::SPOOL_BYTES;
use hostwatch::model::state::State;
use hostwatch::model::time::{Moment, Stamp};
use hostwatch::store::spool::{Bounds, Bulk, Class, Spool, Wants};

use crate::disk::{Dice, SimDisk};
use crate::forward_sim::{START, change};

/// A kind, its values with their sizes, and its text facts.
type Kind =
    (&'static str, &'static [(&'static str, usize)], &'static [(&'static str, &'static str)]);

const KINDS: &[Kind] = &[
    (
        "filesystem",
        &[
            ("used_percent", 100),
            ("size_bytes", 1 << 40),
            ("free_bytes", 1 << 40),
            ("available_bytes", 1 << 40),
            ("inodes_used_percent", 100),
            ("read_only", 2),
        ],
        &[("device", "/dev/mapper/vg0-data"), ("fstype", "ext4")],
    ),
    (
        "nic",
        &[
            ("speed_bits_per_second", 1 << 34),
            ("receive_bytes", 1 << 44),
            ("transmit_bytes", 1 << 44),
            ("receive_errors", 50),
            ("transmit_errors", 50),
            ("carrier", 2),
        ],
        &[("duplex", "full")],
    ),
    ("temperature", &[("celsius", 90)], &[("chip", "coretemp-isa-0000")]),
    (
        "disk_io",
        &[
            ("read_bytes", 1 << 43),
            ("written_bytes", 1 << 43),
            ("busy_seconds", 1 << 22),
            ("reads", 1 << 30),
            ("writes", 1 << 30),
        ],
        &[],
    ),
    ("fan", &[("rpm", 12_000)], &[]),
];

#[expect(clippy::cast_precision_loss, reason = "numbers as large as counters of bytes")]
fn value(most: usize, dice: &mut Dice) -> f64 {
    let whole = dice.below(most) as f64;
    if most > 1000 { whole } else { whole + dice.below(100) as f64 / 100.0 }
}

/// A batch of so many series: a value each, and a state for each instance.
fn batch(series: usize, dice: &mut Dice) -> Batch {
    let (mut things, mut verdicts) = (Vec::new(), Vec::new());
    let mut made = 0;
    for number in 0.. {
        let (kind, metrics, labels) = KINDS[number % KINDS.len()];
        let instance = format!("{kind}-{number}");
        let values: Vec<_> =
            metrics.iter().map(|(name, most)| ((*name).into(), value(*most, dice))).collect();
        made += values.len() + 1;
        let summary = format!("{}% full, {} GiB of 560 GiB left", dice.below(100), dice.below(560));
        let since = Stamp(START + i64::try_from(dice.below(1 << 30)).unwrap());
        let name = metrics[0].0.into();
        let figure =
            Figure { name, value: values[0].1, warn: Some(90.0), crit: Some(95.0), low: false };
        verdicts.push(Verdict {
            id: Id::new(kind, instance.as_str()),
            kind: kind.into(),
            title: instance.clone(),
            state: State::Ok,
            since,
            read: Some(Stamp(START)),
            changes: 3,
            silenced: false,
            acked: false,
            summary,
            figures: vec![figure],
        });
        let text = |(key, value): &(&'static str, &str)| ((*key).into(), (*value).to_owned());
        let labels = labels.iter().map(text).collect();
        things.push(Thing { kind: kind.into(), instance: instance.into(), labels, values });
        if made >= series {
            break;
        }
    }
    let own = Own { runs: 123_456, ..Own::default() };
    Batch { at: Stamp(START), things, verdicts, own, outlets: Vec::new() }
}

/// What the fuzzer damages: a packed batch, a file of the spool, and one of positions.
pub(crate) fn written() -> Vec<Vec<u8>> {
    let packed = pack(&Parcel::Batch(batch(50, &mut Dice::new(1))));
    let disk = SimDisk::default();
    let place = std::path::Path::new("spool");
    let mut spool = Spool::open_on(Box::new(disk.clone()), place, Bounds::default(), Moment(0));
    spool.set_readers(&[("vm".to_owned(), Wants { bulk: Bulk::All, events: true })]);
    for class in [Class::Bulk, Class::Event, Class::Bulk] {
        spool.append(Moment(0), class, &packed);
    }
    spool.save(Moment(0));
    disk.files().into_values().chain([packed]).collect()
}

#[test]
fn a_batch_takes_some_tens_of_bytes_a_series() {
    let mut dice = Dice::new(1);
    for series in [50, 200, 1000] {
        let parcel = Parcel::Batch(batch(series, &mut dice));
        let text = serde_json::to_vec(&parcel).unwrap().len();
        let packed = pack(&parcel);
        assert!(unpack(&packed) == Some(parcel), "not the same values");
        let hours = SPOOL_BYTES * 30 / u64::try_from(packed.len()).unwrap() / 3600;
        println!(
            "{series} series: {text} bytes of JSON, {} packed: {} a series; 16 MiB hold {hours} h \
             of one each 30 s",
            packed.len(),
            packed.len() / series
        );
        assert!(packed.len() < series * 60, "{} bytes", packed.len());
        assert!(
            hours >= [0, 2, 11, 44][usize::from(series < 1000) + usize::from(series < 200) + 1]
        );
    }
}

#[test]
fn the_spool_keeps_fifty_thousand_changes() {
    let packed = pack(&Parcel::Change(change(7, Stamp(START))));
    println!("a change: {} bytes packed", packed.len());
    // A sixteenth of the default.
    let bounds = Bounds::of(SPOOL_BYTES / 16);
    let place = std::path::Path::new("spool");
    let mut spool = Spool::open_on(Box::new(SimDisk::default()), place, bounds, Moment(0));
    let wants = Wants { bulk: Bulk::None, events: true };
    spool.set_readers(&[("am".to_owned(), wants)]);
    for number in 0..5000 {
        let parcel = Parcel::Change(change(number, Stamp(START)));
        spool.append(Moment(0), Class::Event, &pack(&parcel));
    }
    let kept = spool.waiting("am").0 * 16;
    println!("16 MiB hold {kept} changes");
    assert!(kept > 40_000, "{kept}");
    assert_eq!(spool.waiting("am").0 + spool.take_lost("am").events, 5000);
}
