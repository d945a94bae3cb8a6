//! Raw bytes of sensors as values (IPMI 2.0, 36.3 and 43.1): y = L((M x + B 10^K1) 10^K2).
//!
//! Owns the arithmetic. Does not know where the raw byte came from, nor what the value means.

use super::sdr::Sensor;
use super::unit::Format;
use super::{Bytes, Malformed};

/// The straight line from raw to value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// M, -512 to 511.
    pub m: i16,
    /// B, -512 to 511.
    pub b: i16,
    /// K1, the decimal exponent of B, -8 to 7.
    pub b_exponent: i8,
    /// K2, the decimal exponent of all, -8 to 7.
    pub result_exponent: i8,
}

impl Factors {
    /// From the bytes M, M and tolerance, B, B and accuracy, exponents.
    pub(super) fn new([m, m_high, b, b_high, exponents]: [u8; 5]) -> Self {
        Self {
            m: ten_bits(m, m_high),
            b: ten_bits(b, b_high),
            b_exponent: four_bits(exponents),
            result_exponent: four_bits(exponents >> 4),
        }
    }
}

/// Two's complement of eight low bits and the two highest bits of the second byte.
fn ten_bits(low: u8, high: u8) -> i16 {
    i16::from_be_bytes([high >> 6, low]) << 6 >> 6
}

fn four_bits(bits: u8) -> i8 {
    (bits << 4).cast_signed() >> 4
}

/// The curve behind the straight line (byte 24 of a full record).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linearization {
    /// The line itself.
    Linear,
    /// Natural logarithm.
    Ln,
    /// Decimal logarithm.
    Log10,
    /// Binary logarithm.
    Log2,
    /// e to the power of it.
    Exp,
    /// 10 to the power of it.
    Exp10,
    /// 2 to the power of it.
    Exp2,
    /// 1 / x.
    Inverse,
    /// Square.
    Square,
    /// Third power.
    Cube,
    /// Square root.
    SquareRoot,
    /// Cube root.
    CubeRoot,
    /// 70h to 7Fh: the factors differ from reading to reading and are asked for each.
    NonLinear,
    /// Reserved: no value can be made.
    Unknown,
}

impl Linearization {
    /// From the byte.
    #[must_use]
    pub fn of(byte: u8) -> Self {
        match byte & 0x7f {
            0x00 => Self::Linear,
            0x01 => Self::Ln,
            0x02 => Self::Log10,
            0x03 => Self::Log2,
            0x04 => Self::Exp,
            0x05 => Self::Exp10,
            0x06 => Self::Exp2,
            0x07 => Self::Inverse,
            0x08 => Self::Square,
            0x09 => Self::Cube,
            0x0a => Self::SquareRoot,
            0x0b => Self::CubeRoot,
            0x70..=0x7f => Self::NonLinear,
            _ => Self::Unknown,
        }
    }

    fn apply(self, x: f64) -> Option<f64> {
        Some(match self {
            Self::Linear | Self::NonLinear => x,
            Self::Ln => x.ln(),
            Self::Log10 => x.log10(),
            Self::Log2 => x.log2(),
            Self::Exp => x.exp(),
            Self::Exp10 => 10_f64.powf(x),
            Self::Exp2 => x.exp2(),
            Self::Inverse => x.recip(),
            Self::Square => x * x,
            Self::Cube => x * x * x,
            Self::SquareRoot => x.sqrt(),
            Self::CubeRoot => x.cbrt(),
            Self::Unknown => return None,
        })
    }
}

/// The value of a raw reading or threshold, in the unit of the sensor, temperatures in degrees
/// Celsius. None if the sensor has no values, if its factors must be asked for
/// ([`value_with`]), or if the arithmetic ends at no number.
#[must_use]
pub fn value(sensor: &Sensor, raw: u8) -> Option<f64> {
    let analog = sensor.analog.as_ref()?;
    if analog.linearization == Linearization::NonLinear {
        return None;
    }
    value_with(sensor, raw, analog.factors)
}

/// [`value`] with factors from Get Sensor Reading Factors for that very raw byte.
#[must_use]
pub fn value_with(sensor: &Sensor, raw: u8, factors: Factors) -> Option<f64> {
    let analog = sensor.analog.as_ref()?;
    let x = signed(sensor.units.format, raw)?;
    let line = scale(
        f64::from(factors.m) * x + scale(f64::from(factors.b), factors.b_exponent),
        factors.result_exponent,
    );
    let value = sensor.units.on_scale(analog.linearization.apply(line)?);
    value.is_finite().then_some(value)
}

/// The value of a raw hysteresis: a difference, so without B and offset of scale. None where the
/// difference depends on the place, behind a curve, and for 0, which means that there is none.
#[must_use]
pub fn hysteresis(sensor: &Sensor, raw: u8) -> Option<f64> {
    let analog = sensor.analog.as_ref()?;
    if raw == 0 || analog.linearization != Linearization::Linear {
        return None;
    }
    let factors = analog.factors;
    let step = scale(f64::from(factors.m) * f64::from(raw), factors.result_exponent).abs();
    Some(sensor.units.step_on_scale(step)).filter(|step| step.is_finite() && *step > 0.0)
}

/// The number that a raw byte is; none where the record says that it is no number.
#[must_use]
pub fn signed(format: Format, raw: u8) -> Option<f64> {
    match format {
        Format::Unsigned => Some(f64::from(raw)),
        // Negative numbers have each bit turned: FEh is -1, FFh is -0.
        Format::OnesComplement if raw >= 0x80 => Some(-f64::from(!raw)),
        Format::OnesComplement => Some(f64::from(raw)),
        Format::TwosComplement => Some(f64::from(raw.cast_signed())),
        Format::None => None,
    }
}

/// Division by a power of ten rather than multiplication with a fraction: 490 / 10 is 49.
fn scale(value: f64, exponent: i8) -> f64 {
    let power = 10_f64.powi(i32::from(exponent).abs());
    if exponent < 0 { value / power } else { value * power }
}

/// Answer of Get Sensor Reading Factors (35.5): the next raw byte for which the factors are others,
/// and the factors.
///
/// # Errors
///
/// If it is cut off.
pub fn reading_factors(bytes: &[u8]) -> Result<(u8, Factors), Malformed> {
    let answer = Bytes::new("answer of Get Sensor Reading Factors", bytes);
    let factors =
        [answer.need(1)?, answer.need(2)?, answer.need(3)?, answer.need(4)?, answer.need(6)?];
    Ok((answer.need(0)?, Factors::new(factors)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::ipmi::tests::full;

    fn sensor(units: u8, base: u8, curve: u8, factors: [u8; 5]) -> Sensor {
        let mut sensor = full("T");
        sensor.units = super::super::unit::Units::new([units, base, 0]);
        let analog = sensor.analog.as_mut().unwrap();
        analog.linearization = Linearization::of(curve);
        analog.factors = Factors::new(factors);
        sensor
    }

    fn close(seen: Option<f64>, expected: f64) {
        let seen = seen.expect("a value");
        assert!((seen - expected).abs() < 1e-9, "{seen} is not {expected}");
    }

    #[test]
    fn factors_have_signs() {
        let factors = Factors::new([0xff, 0xc0, 100, 0, 0x00]);
        assert_eq!((factors.m, factors.b), (-1, 100));
        // Tolerance and accuracy share the bytes.
        let factors = Factors::new([0x00, 0xbf, 0x80, 0xff, 0xd2]);
        assert_eq!((factors.m, factors.b), (-512, -128));
        assert_eq!((factors.b_exponent, factors.result_exponent), (2, -3));
        assert_eq!(Factors::new([0xff, 0x7f, 0, 0, 0x78]).m, 511);
        assert_eq!(Factors::new([0, 0, 0, 0, 0x78]).b_exponent, -8);
    }

    #[test]
    fn raw_bytes_become_values() {
        let plain = [1, 0, 0, 0, 0];
        close(value(&sensor(0x00, 1, 0, [0xff, 0xc0, 100, 0, 0]), 30), 70.0);
        close(value(&sensor(0x00, 4, 0, [0x37, 0, 0x5c, 0xc0, 0xd0]), 0xdc), 11.936);
        close(value(&sensor(0x00, 1, 0, [1, 0, 3, 0, 0x01]), 5), 35.0);
        close(value(&sensor(0x80, 1, 0, plain), 0xe4), -28.0);
        close(value(&sensor(0x40, 1, 0, plain), 0xfe), -1.0);
        close(value(&sensor(0x40, 1, 0, plain), 0x7f), 127.0);
        close(value(&sensor(0x40, 1, 0, plain), 0xff), 0.0);
        assert_eq!(value(&sensor(0xc0, 1, 0, plain), 5), None);
        assert!(value(&sensor(0, 0, 0, [255, 0xc0, 255, 0x40, 0x77]), 255).unwrap().is_finite());
    }

    #[test]
    fn curves_are_those_of_the_specification() {
        let of = |curve| value(&sensor(0, 0, curve, [2, 0, 0, 0, 0]), 4);
        for (curve, expected) in [
            (0, 8.0),
            (1, 8_f64.ln()),
            (2, 8_f64.log10()),
            (3, 3.0),
            (4, 8_f64.exp()),
            (5, 1e8),
            (6, 256.0),
            (7, 0.125),
            (8, 64.0),
            (9, 512.0),
            (10, 8_f64.sqrt()),
            (11, 2.0),
            (0x80, 8.0),
        ] {
            close(of(curve), expected);
        }
        assert_eq!(of(0x0c), None, "reserved");
        assert_eq!(of(0x70), None, "its factors must be asked for");
        let asked = sensor(0, 0, 0x70, [2, 0, 0, 0, 0]);
        close(value_with(&asked, 4, Factors::new([3, 0, 1, 0, 0])), 13.0);
        let zero = |curve| value(&sensor(0, 0, curve, [1, 0, 0, 0, 0]), 0);
        assert_eq!((zero(1), zero(7)), (None, None), "no number");
        assert_eq!(value(&sensor(0x80, 0, 10, [1, 0, 0, 0, 0]), 0xff), None, "root of -1");
        assert_eq!(value(&sensor(0, 0, 4, [255, 1, 0, 0, 0]), 255), None, "infinite");
    }

    #[test]
    fn temperatures_are_celsius_and_their_steps_too() {
        let fahrenheit = sensor(0, 2, 0, [1, 0, 0, 0, 0]);
        close(value(&fahrenheit, 212), 100.0);
        close(hysteresis(&fahrenheit, 9), 5.0);
        let kelvin = sensor(0, 3, 0, [2, 0, 0, 0, 0]);
        close(value(&kelvin, 150), 26.85);
        close(hysteresis(&kelvin, 2), 4.0);
        let plain = sensor(0, 1, 0, [0xff, 0xc0, 100, 0, 0]);
        close(hysteresis(&plain, 2), 2.0);
        assert_eq!(hysteresis(&plain, 0), None);
        assert_eq!(hysteresis(&sensor(0, 1, 7, [1, 0, 0, 0, 0]), 2), None);
    }

    #[test]
    fn factors_of_one_reading_are_read() {
        let (next, factors) = reading_factors(&[90, 5, 0xc0, 1, 0x40, 0, 0xf1]).unwrap();
        assert_eq!((next, factors.m, factors.b), (90, -251 + 512 - 512, 257));
        assert_eq!((factors.b_exponent, factors.result_exponent), (1, -1));
        assert!(reading_factors(&[90, 5, 0, 1, 0, 0]).is_err());
    }
}
