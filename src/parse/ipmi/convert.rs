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
