//! Short decimals such as `-12.50`, most of the numbers in files, read 8 or 16 characters at a time.

use std::ops::Range;

/// More digits may not fit into the 53 bits of a `f64`.
const DIGITS: usize = 15;
/// All of them are exact.
const POWERS: [f64; DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// A number, how it is written, and whether [`number_text`](crate::table::number_text) writes it so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decimal {
    pub value: f64,
    /// Digits after the point.
    pub decimals: u8,
    pub is_shortest: bool,
}

/// Reads the bytes of a range if they are `-`, digits without a redundant leading zero, and a
/// point with digits after it; of at most 15 digits, so that digits and power of ten are exact and
/// their quotient is the nearest `f64` (Clinger 1990).
pub fn decimal(bytes: &[u8], range: Range<usize>) -> Option<Decimal> {
    let (is_negative, bytes, length) = unsigned(bytes, range)?;
    let decimals = match length {
        1..=8 => by_8::decimals(last(bytes), length),
        9..=16 => by_16::decimals(last(bytes), length),
        _ => return None,
    };
    let (number, ends_in_0) = digits(bytes, length, decimals)?;
    // From 1e-5 down a number is written with an exponent, and 0 without sign.
    let is_large = number as i64 as f64 >= POWERS[decimals.saturating_sub(5)];
    let is_short = (decimals == 0) | (!ends_in_0 & is_large);
    Some(Decimal {
        value: value(is_negative, number, decimals),
        decimals: decimals as u8,
        is_shortest: is_short & !(is_negative & (number == 0)),
    })
}

/// The value of a [`decimal`] with so many digits after the point.
#[inline(always)]
pub fn with_decimals(bytes: &[u8], range: Range<usize>, decimals: u8) -> Option<f64> {
    let (is_negative, bytes, length) = unsigned(bytes, range)?;
    let decimals = usize::from(decimals);
    let (number, _) = digits(bytes, length, decimals)?;
    Some(value(is_negative, number, decimals))
}

/// Whether there is a sign before the digits, the bytes up to their end, and how many they are.
#[inline(always)]
fn unsigned(bytes: &[u8], range: Range<usize>) -> Option<(bool, &[u8], usize)> {
    let is_negative = *bytes.get(range.start)? == b'-';
    let length = range.len().checked_sub(usize::from(is_negative))?;
    Some((is_negative, bytes.get(..range.end)?, length))
}

/// The digits before and after the point as a number, and whether the last one is 0.
#[inline(always)]
fn digits(bytes: &[u8], length: usize, decimals: usize) -> Option<(u64, bool)> {
    let number = match length {
        1..=8 => by_8::number(last(bytes), length, decimals),
        9..=16 => by_16::number(last(bytes), length, decimals),
        _ => None,
    };
    Some((number?, bytes.last() == Some(&b'0')))
}

#[inline(always)]
fn value(is_negative: bool, number: u64, decimals: usize) -> f64 {
    // At most 15 digits: the conversion of a signed integer is one instruction.
    let value = number as i64 as f64 / POWERS[decimals];
    f64::from_bits(value.to_bits() | u64::from(is_negative) << 63)
}

/// The last bytes, behind zeros where there are fewer.
#[inline(always)]
fn last<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.last_chunk().copied().unwrap_or_else(|| {
        let mut all = [0; N];
        all[N - bytes.len()..].copy_from_slice(bytes);
        all
    })
}

/// Reads the last bytes of a word at once, and takes no branch that depends on them alone: a wrong guess takes longer
/// than all of this.
macro_rules! by_word {
    ($name:ident, $word:ty, $number:expr) => {
        mod $name {
            use super::{DIGITS, eight};

            const BYTES: usize = size_of::<$word>();
            const ONES: $word = <$word>::MAX / 255;

            /// The last bytes of a word, by their number.
            static LAST: [$word; BYTES + 1] = {
                let (mut masks, mut count) = ([0; BYTES + 1], 1);
                while count <= BYTES {
                    masks[count] = <$word>::MAX << (8 * (BYTES - count));
                    count += 1;
                }
                masks
            };

            /// The byte before so many digits; none where there are none.
            static POINTS: [$word; BYTES] = {
                let (mut points, mut decimals) = ([0; BYTES], 1);
                while decimals < BYTES {
                    points[decimals] = 0xff << (8 * (BYTES - 1 - decimals));
                    decimals += 1;
                }
                points
            };

            /// The highest bit of each byte above 9.
            #[inline(always)]
            fn above_9(values: $word) -> $word {
                (((values & (0x7f * ONES)) + 0x76 * ONES) | values) & (0x80 * ONES)
            }

            /// Digits as their values, of the last `length` bytes; 0 before them.
            #[inline(always)]
            fn values(bytes: [u8; BYTES], length: usize) -> $word {
                // The first character in the lowest byte.
                (<$word>::from_le_bytes(bytes) ^ (ONES * b'0' as $word)) & LAST[length]
            }

            /// How many digits stand after the last character that is none.
            #[inline(always)]
            pub fn decimals(bytes: [u8; BYTES], length: usize) -> usize {
                let others = above_9(values(bytes, length));
                // All bytes are zeros where there is none.
                others.leading_zeros() as usize / 8 % BYTES
            }

            /// The number of the digits, if so many of them stand after a point, and nothing else is there.
            #[inline(always)]
            pub fn number(bytes: [u8; BYTES], length: usize, decimals: usize) -> Option<u64> {
                let point = usize::from(decimals > 0);
                let (values, place) = (values(bytes, length), *POINTS.get(decimals)?);
                let is_point = (values ^ (ONES * (b'.' ^ b'0') as $word)) & place == 0;
                let values = values & !place;
                let least = decimals + 1 + point;
                let has_no_zero = (length == least) | (values & !LAST[length - 1] != 0);
                let is_one = is_point & (above_9(values) == 0);
                let fits = (length >= least) & (length <= DIGITS + point);
                let after = if decimals == 0 {
                    <$word>::MAX
                } else {
                    LAST[decimals]
                };
                // What stands before the point moves into its place.
                let digits = ((values << 8) & !after) | (values & after);
                (is_one & has_no_zero & fits).then(|| $number(digits))
            }
        }
    };
}

by_word!(by_8, u64, eight);
by_word!(by_16, u128, |digits: u128| 100_000_000
    * eight(digits as u64)
    + eight((digits >> 64) as u64));

/// The number of eight digits, the first in the lowest byte: pairs, pairs of pairs, halves.
#[inline(always)]
fn eight(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul((10 << 8) | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) | 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul((10_000 << 32) | 1) >> 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::number_text;

    /// The number of a cell that stands alone; the same between others.
    fn read(cell: &str) -> Option<Decimal> {
        let alone = decimal(cell.as_bytes(), 0..cell.len());
        for around in ["9", ",", "-.", "1.5,-2.25,1234567", "12345678901234567890"] {
            let text = format!("{around}{cell}{around}");
            let range = around.len()..around.len() + cell.len();
            assert_eq!(decimal(text.as_bytes(), range), alone, "{text}");
        }
        alone
    }

    fn agrees(cell: &str) {
        if let Some(decimal) = read(cell) {
            let value: f64 = cell.parse().unwrap();
            assert_eq!(decimal.value.to_bits(), value.to_bits(), "{cell}");
            assert_eq!(decimal.is_shortest, number_text(value) == cell, "{cell}");
            for decimals in 0..20 {
                let is_so = decimals == decimal.decimals;
                let read = with_decimals(cell.as_bytes(), 0..cell.len(), decimals);
                assert_eq!(
                    read.map(f64::to_bits),
                    is_so.then(|| value.to_bits()),
                    "{cell}"
                );
            }
            let decimals = usize::from(decimal.decimals);
            assert_eq!(format!("{value:.decimals$}"), cell);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        #[test]
        fn decimals_are_the_nearest_numbers(
            cell in "-?[0-9]{1,9}(\\.[0-9]{1,9})?",
            short in "-?[0-9]{1,3}\\.[0-9]{1,4}",
            odd in "[-+.0-9e]{0,8}",
            long in "[-.0-9]{9,17}",
        ) {
            agrees(&cell);
            agrees(&short);
            // What is no number for others is none here.
            for odd in [odd, long] {
                if odd.parse::<f64>().is_ok() {
                    agrees(&odd);
                } else {
                    prop_assert_eq!(read(&odd), None, "{}", odd);
                    for decimals in 0..20 {
                        let read = with_decimals(odd.as_bytes(), 0..odd.len(), decimals);
                        prop_assert_eq!(read, None, "{}", odd);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_short_is_read_and_what_may_mean_more_is_left() {
        for cell in [
            "0",
            "-0",
            "-0.00",
            "7",
            "-1.5",
            "0.10",
            "0.00001",
            "0.000012",
            "1234567.8",
            "12345678",
            "123456789",
            "-12345678.9",
            "123456789012345",
            "0.12345678901234",
        ] {
            agrees(cell);
            assert!(read(cell).is_some(), "{cell}");
        }
        for cell in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "007",
            "00.5",
            "000000000.5",
            "1e3",
            "1.2.3",
            "1.2.3.4.5.6",
            "123456789.",
            ".123456789",
            "1234567890123456",
            "12345678901234567",
            "nan",
            "--1",
            "1 234 567 890",
        ] {
            assert_eq!(read(cell), None, "{cell}");
        }
    }
}
