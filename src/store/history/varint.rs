//! Whole numbers in as few bytes as they need, seven bits a byte, the lowest first (LEB128), and
//! columns of them in which runs of zeros cost two bytes.

/// Longest form of 64 bits.
const BYTES_MAX: u32 = 10;

pub(super) fn put(out: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Signed numbers, small ones of either sign small.
pub(super) fn fold(value: i64) -> u64 {
    (value.unsigned_abs() << 1).wrapping_sub(u64::from(value < 0))
}

pub(super) fn unfold(folded: u64) -> i64 {
    let half = i64::try_from(folded >> 1).unwrap_or(i64::MAX);
    if folded & 1 == 1 { !half } else { half }
}

/// A column; zero stands for a run of zeros whose length less one follows.
pub(super) fn put_column(out: &mut Vec<u8>, values: impl Iterator<Item = u64>) {
    let mut zeros = 0_u64;
    for value in values {
        if value == 0 {
            zeros += 1;
            continue;
        }
        put_zeros(out, &mut zeros);
        put(out, value);
    }
    put_zeros(out, &mut zeros);
}

fn put_zeros(out: &mut Vec<u8>, zeros: &mut u64) {
    if *zeros > 0 {
        put(out, 0);
        put(out, *zeros - 1);
        *zeros = 0;
    }
}

/// Reads from the front of some bytes; `None` where they end or make no sense.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for place in 0..BYTES_MAX {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits.checked_shl(7 * place)?;
            if shifted >> (7 * place) != bits {
                return None;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// A column of so many numbers.
    pub(super) fn column(&mut self, count: usize) -> Option<Vec<u64>> {
        let mut values = Vec::with_capacity(count);
        while values.len() < count {
            match self.number()? {
                0 => {
                    let zeros = self.count()?.checked_add(1)?;
                    if zeros > count - values.len() {
                        return None;
                    }
                    values.resize(values.len() + zeros, 0);
                }
                value => values.push(value),
            }
        }
        Some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_columns_come_back() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let mut out = Vec::new();
        for number in numbers {
            put(&mut out, number);
        }
        let mut reader = Reader { rest: &out };
        assert!(numbers.iter().all(|number| reader.number() == Some(*number)));
        assert_eq!(reader.number(), None);
        for value in [0, 1, -1, 2, -2, i64::MAX, i64::MIN + 1] {
            assert_eq!(unfold(fold(value)), value);
        }
        let column = [0, 0, 0, 5, 0, 7, 0, 0];
        let mut out = Vec::new();
        put_column(&mut out, column.into_iter());
        assert_eq!(out, [0, 2, 5, 0, 0, 7, 0, 1]);
        assert_eq!(Reader { rest: &out }.column(8).unwrap(), column);
        assert_eq!(Reader { rest: &out }.column(7), None, "a run that is too long");
        assert_eq!(Reader { rest: &[0xff; 11] }.number(), None);
    }
}
