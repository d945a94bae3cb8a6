//! Blocks there and back: every series and minute, values within the promised part of the largest.

use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct All(Vec<(Series, Vec<Point>)>);

impl Visitor for All {
    fn number(&mut self, series: Series, packed: &Packed<'_>) {
        self.0.push((series, packed.points().unwrap()));
    }
}

fn there_and_back(minutes: &[Minute]) -> (Vec<(Series, Vec<Point>)>, usize) {
    let bytes = encode(&minutes.iter().collect::<Vec<_>>());
    let mut all = All::default();
    walk(&bytes, &Wanted::default(), &mut all).unwrap();
    (all.0, bytes.len())
}

fn series(check: &str, instance: &str, metric: &str, unit: Unit) -> Arc<Series> {
    let series = Series {
        kind: "filesystem".into(),
        id: Id::new(check, instance),
        metric: Cow::Owned(metric.to_owned()),
        unit,
    };
    Arc::new(series)
}

#[test]
fn every_unit_has_a_number() {
    for unit in UNITS {
        let one = series("c", "i", "m", *unit);
        let point = Point { minute: 5, min: 1.0, mean: 1.0, max: 1.0 };
        let (found, _) = there_and_back(&[Minute { series: one, point }]);
        assert_eq!(found[0].0.unit, *unit);
    }
}

#[test]
fn what_stands_still_costs_next_to_nothing() {
    let names: Vec<_> =
        (0..200).map(|n| series("temperature", &format!("core {n}"), "t", Unit::Celsius)).collect();
    let point = |minute| Point { minute, min: 40.0, mean: 41.0, max: 41.0 };
    let minutes: Vec<Minute> = (0..12)
        .flat_map(|n| names.iter().map(move |s| (s, 29_000_000 + n)))
        .map(|(series, minute)| Minute { series: Arc::clone(series), point: point(minute) })
        .collect();
    let (found, bytes) = there_and_back(&minutes);
    assert_eq!(found.len(), 200);
    assert!(found.iter().all(|(_, points)| points.len() == 12));
    assert_eq!(found[7].1[3], point(29_000_003), "small whole numbers come back as they were");
    assert!(bytes < 200 * 12 * 3, "{bytes} bytes");
}

#[test]
fn the_later_of_two_points_of_a_minute_counts() {
    let one = series("c", "i", "m", Unit::Count);
    let at = |mean: f32| Minute {
        series: Arc::clone(&one),
        point: Point { minute: 9, min: mean, mean, max: mean },
    };
    let (found, _) = there_and_back(&[at(1.0), at(2.0)]);
    assert_eq!(found[0].1.len(), 1);
    assert_eq!(found[0].1[0].mean.to_bits(), 2.0_f32.to_bits());
}

type Column = (String, String, std::collections::BTreeMap<u32, (f32, f32, f32)>, i32);

fn column_of_points() -> impl Strategy<Value = Column> {
    let values = (-1e12_f32..1e12, 0_f32..1e9, 0_f32..1e3);
    let points = prop::collection::btree_map(0_u32..1440, values, 1..80);
    ("[a-z]{1,3}", "\\PC{0,12}", points, -30_i32..4)
}

proptest! {
    #[test]
    fn points_come_back_within_a_part_of_the_largest(
        columns in prop::collection::vec(column_of_points(), 1..12)
    ) {
        let mut minutes = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        for (check, instance, points, scale) in &columns {
            let one = series(check, &format!("/{instance}"), "used", Unit::Percent);
            if !names.insert(one.clone()) {
                continue;
            }
            let scale = 2_f32.powi(*scale);
            for (minute, (mean, above, below)) in points {
                let (mean, above, below) = (mean * scale, above * scale, below * scale);
                let minute = 28_800_000 + minute;
                let point = Point { minute, min: mean - below, mean, max: mean + above };
                minutes.push(Minute { series: Arc::clone(&one), point });
            }
        }
        let (found, _) = there_and_back(&minutes);
        prop_assert_eq!(found.len(), names.len());
        for (series, points) in found {
            let sent: Vec<Point> =
                minutes.iter().filter(|m| *m.series == series).map(|m| m.point).collect();
            prop_assert_eq!(points.len(), sent.len());
            let largest = sent.iter().fold(0_f32, |most, p| most.max(p.min.abs()).max(p.max.abs()));
            for (got, sent) in points.iter().zip(&sent) {
                prop_assert_eq!(got.minute, sent.minute);
                for (a, b) in [(got.min, sent.min), (got.mean, sent.mean), (got.max, sent.max)] {
                    prop_assert!((a - b).abs() <= largest / 2000.0, "{} for {} of {}", a, b, largest);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_walked_through(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        struct Count(usize);
        impl Visitor for Count {
            fn number(&mut self, _: Series, packed: &Packed<'_>) {
                self.0 += packed.points().map_or(0, |points| points.len());
            }
        }
        let mut count = Count(0);
        let _ = walk(&bytes, &Wanted::default(), &mut count);
        prop_assert!(count.0 <= HISTORY_BLOCK_POINTS);
    }
}
