//! Thresholds that can be true: vendors ship sensors whose limits nobody ever set.
//!
//! Owns what is dropped, and why. A limit is dropped rather than guessed: the controller's own
//! verdict ([`super::reading::Reading::crossed`]) remains, and a false alarm costs more than a late
//! one. Does not know the reading.

use super::convert::{Linearization, hysteresis, value};
use super::reading::Thresholds;
use super::sdr::{Access, Sensor};
use super::unit::Format;

/// Raw hysteresis from here on is left from an erased memory.
const HYSTERESIS_NOT_MEANT: u8 = 64;

/// Thresholds as values, in the unit and on the scale of [`value`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Bad at or above it; damage is likely.
    pub upper_non_recoverable: Option<f64>,
    /// Bad at or above it.
    pub upper_critical: Option<f64>,
    /// Worth a warning at or above it.
    pub upper_non_critical: Option<f64>,
    /// Worth a warning at or below it.
    pub lower_non_critical: Option<f64>,
    /// Bad at or below it.
    pub lower_critical: Option<f64>,
    /// Bad at or below it; damage is likely.
    pub lower_non_recoverable: Option<f64>,
    /// How far above a lower limit a value is good again.
    pub positive_hysteresis: Option<f64>,
    /// How far below an upper limit a value is good again.
    pub negative_hysteresis: Option<f64>,
}

/// The thresholds of the record itself, for a sensor whose own cannot be asked.
#[must_use]
pub fn recorded(sensor: &Sensor) -> Thresholds {
    let thresholds = sensor.analog.as_ref().map(|analog| analog.thresholds).unwrap_or_default();
    thresholds.only(sensor.readable_thresholds)
}

/// The limits that thresholds make, without those that nobody can have meant:
///
/// - all of them raw 0;
/// - an upper one at the bottom of the raw range or a lower one at its top, which would always
///   hold, and an upper one at the top or a lower one at the bottom, which says "none" (a fan that
///   stands is below any real limit);
/// - upper ones of signed sensors that are all raw 0, and lower ones that are two zeros;
/// - two of one side in the wrong order, both;
/// - all, if an upper one is not above every lower one;
/// - all of a sensor whose curve falls, where upper and lower are told apart by vendors in two ways.
#[must_use]
pub fn limits(sensor: &Sensor, thresholds: &Thresholds) -> Limits {
    if !is_comparable(sensor) {
        return Limits::default();
    }
    let (upper, lower) = (thresholds.upper(), thresholds.lower());
    if upper.iter().chain(&lower).flatten().all(|raw| *raw == 0) {
        return Limits::default();
    }
    let (bottom, top) = rails(sensor.units.format);
    let is_rail = |raw: &u8| *raw == bottom || *raw == top;
    let zeros = |side: [Option<u8>; 3]| side.iter().flatten().all(|raw| *raw == 0);
    let upper = if zeros(upper) { [None; 3] } else { upper };
    let several = lower.iter().flatten().count() > 1;
    let lower = if several && zeros(lower) { [None; 3] } else { lower };
    let as_values =
        |side: [Option<u8>; 3]| side.map(|raw| value(sensor, raw.filter(|raw| !is_rail(raw))?));
    let upper = in_order(as_values(upper));
    let lower = in_order(as_values(lower).map(|value| value.map(|value| -value)))
        .map(|value| value.map(|value| -value));
    let lowest_upper = upper.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    if lower.iter().flatten().any(|value| *value >= lowest_upper) {
        return Limits::default();
    }
    let [upper_non_critical, upper_critical, upper_non_recoverable] = upper;
    let [lower_non_critical, lower_critical, lower_non_recoverable] = lower;
    Limits {
        upper_non_recoverable,
        upper_critical,
        upper_non_critical,
        lower_non_critical,
        lower_critical,
        lower_non_recoverable,
        positive_hysteresis: meant(sensor, sensor.positive_hysteresis),
        negative_hysteresis: meant(sensor, sensor.negative_hysteresis),
    }
}

/// Whether raw thresholds of a sensor make values that its value can be compared with: none do where
/// the curve falls, where its factors differ from reading to reading, or where it has no values.
#[must_use]
pub fn is_comparable(sensor: &Sensor) -> bool {
    let Some(analog) = sensor.analog.as_ref() else { return false };
    let has_values = !matches!(
        analog.linearization,
        Linearization::Inverse | Linearization::NonLinear | Linearization::Unknown
    );
    let rising = analog.factors.m > 0 && sensor.units.format != Format::None;
    sensor.has_thresholds() && has_values && rising
}

/// A hysteresis, unless the record says that there is none or gives one that no value would ever
/// leave: a quarter of the whole range.
fn meant(sensor: &Sensor, raw: u8) -> Option<f64> {
    let is_there = sensor.capabilities.hysteresis != Access::None && raw < HYSTERESIS_NOT_MEANT;
    is_there.then(|| hysteresis(sensor, raw)).flatten()
}

/// Raw bytes of the lowest and the highest number.
fn rails(format: Format) -> (u8, u8) {
    match format {
        Format::TwosComplement => (0x80, 0x7f),
        Format::OnesComplement => (0x80, 0x7f),
        Format::Unsigned | Format::None => (0x00, 0xff),
    }
}

/// Mild to grave, none below a milder one; both of a pair that is are dropped.
fn in_order(side: [Option<f64>; 3]) -> [Option<f64>; 3] {
    let wrong = |mild: Option<f64>, grave: Option<f64>| mild.zip(grave).is_some_and(|(m, g)| g < m);
    let [mild, middle, grave] = side;
    let (first, second, third) = (wrong(mild, middle), wrong(middle, grave), wrong(mild, grave));
    [
        mild.filter(|_| !first && !third),
        middle.filter(|_| !first && !second),
        grave.filter(|_| !second && !third),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::ipmi::convert::Factors;
    use crate::parse::ipmi::tests::full;
    use crate::parse::ipmi::unit::Units;

    /// Unsigned, one unit a step.
    fn plain() -> Sensor {
        let mut sensor = full("T");
        sensor.units = Units::new([0, 18, 0]);
        sensor.analog.as_mut().unwrap().factors = Factors::new([1, 0, 0, 0, 0]);
        sensor
    }

    fn signed() -> Sensor {
        let mut sensor = plain();
        sensor.units = Units::new([0x80, 1, 0]);
        sensor
    }

    /// Gravest upper to gravest lower, raw and as values.
    fn kept(sensor: &Sensor, raw: [Option<u8>; 6]) -> [Option<f64>; 6] {
        let [unr, ucr, unc, lnc, lcr, lnr] = raw;
        let limits = limits(
            sensor,
            &Thresholds {
                upper_non_recoverable: unr,
                upper_critical: ucr,
                upper_non_critical: unc,
                lower_non_critical: lnc,
                lower_critical: lcr,
                lower_non_recoverable: lnr,
            },
        );
        [
            limits.upper_non_recoverable,
            limits.upper_critical,
            limits.upper_non_critical,
            limits.lower_non_critical,
            limits.lower_critical,
            limits.lower_non_recoverable,
        ]
    }

    const NONE: [Option<f64>; 6] = [None; 6];

    #[test]
    fn set_limits_are_kept() {
        let raw = [Some(100), Some(90), Some(80), Some(20), Some(10), Some(5)];
        let expected = [100.0, 90.0, 80.0, 20.0, 10.0, 5.0].map(Some);
        assert_eq!(kept(&plain(), raw), expected);
        // Below zero, and a lower limit of zero beside another.
        let cold = [None, Some(47), Some(42), Some(0), Some(0xf9), None];
        assert_eq!(
            kept(&signed(), cold),
            [None, Some(47.0), Some(42.0), Some(0.0), Some(-7.0), None]
        );
        let equal = [None, Some(90), Some(90), None, None, None];
        assert_eq!(kept(&plain(), equal), [None, Some(90.0), Some(90.0), None, None, None]);
        let margin = [None, Some(0), Some(0xfb), None, None, None];
        assert_eq!(kept(&signed(), margin), [None, Some(0.0), Some(-5.0), None, None, None]);
    }

    #[test]
    fn what_nobody_set_is_dropped() {
        assert_eq!(kept(&plain(), [Some(0); 6]), NONE);
        assert_eq!(kept(&signed(), [Some(0); 6]), NONE);
        assert_eq!(
            kept(&plain(), [None, None, None, None, Some(0), None]),
            NONE,
            "a fan stands at 0"
        );
        assert_eq!(kept(&signed(), [None, Some(0), None, None, None, None]), NONE);
        let fan = [None, Some(255), None, None, Some(15), Some(0)];
        assert_eq!(kept(&plain(), fan), [None, None, None, None, Some(15.0), None]);
        let rails = [None, Some(0x7f), Some(80), Some(5), Some(0x80), None];
        assert_eq!(kept(&signed(), rails), [None, None, Some(80.0), Some(5.0), None, None]);
        let zeros = [None, Some(47), Some(42), Some(0), Some(0), None];
        assert_eq!(kept(&signed(), zeros), [None, Some(47.0), Some(42.0), None, None, None]);
    }

    #[test]
    fn limits_in_the_wrong_order_are_dropped() {
        let upper = [Some(110), Some(80), Some(90), None, Some(10), None];
        assert_eq!(kept(&plain(), upper), [Some(110.0), None, None, None, Some(10.0), None]);
        let lower = [None, Some(90), None, Some(10), Some(20), None];
        assert_eq!(kept(&plain(), lower), [None, Some(90.0), None, None, None, None]);
        assert_eq!(kept(&plain(), [None, Some(20), None, None, Some(20), None]), NONE);
        assert_eq!(kept(&plain(), [None, Some(20), Some(15), Some(30), None, None]), NONE);
    }

    #[test]
    fn a_falling_curve_has_no_limits() {
        let mut falling = plain();
        let raw = [None, Some(90), None, None, Some(10), None];
        falling.analog.as_mut().unwrap().factors = Factors::new([0xff, 0xc0, 100, 0, 0]);
        assert_eq!(kept(&falling, raw), NONE);
        falling.analog.as_mut().unwrap().factors = Factors::new([1, 0, 0, 0, 0]);
        falling.analog.as_mut().unwrap().linearization = Linearization::Inverse;
        assert_eq!(kept(&falling, raw), NONE);
    }
}
