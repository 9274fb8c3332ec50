//! Short decimals such as `-12.50`, most of the numbers in files, read digit by digit.

/// More digits may not fit into the 53 bits of a `f64`.
const DIGITS: usize = 15;
/// All of them are exact.
const POWERS: [f64; DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// A number, and whether it is written as [`number_text`](crate::table::number_text) writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decimal {
    pub value: f64,
    pub is_shortest: bool,
}

/// Reads the first `length` bytes if they are `-`, digits without a redundant leading zero, and a
/// point with digits after it; of at most 15 digits, so that digits and power of ten are exact and
/// their quotient is the nearest `f64` (Clinger 1990).
#[inline]
pub fn decimal(bytes: &[u8], length: usize) -> Option<Decimal> {
    let is_negative = bytes.first() == Some(&b'-');
    let digits = bytes.get(usize::from(is_negative)..)?;
    let length = length.checked_sub(usize::from(is_negative))?;
    let (mantissa, point) = match length {
        1..=8 => by_word(digits, length)?,
        9..=16 => by_digit(&digits[..length])?,
        _ => return None,
    };
    let is_whole = point == length;
    let fraction = if is_whole { 0 } else { length - point - 1 };
    let is_redundant = point > 1 && digits[0] == b'0';
    let is_cut = point == 0 || (fraction == 0 && !is_whole);
    if is_cut || is_redundant || point + fraction > DIGITS {
        return None;
    }
    // At most 15 digits: the conversion of a signed integer is one instruction.
    let whole = mantissa as i64 as f64;
    // From 1e-5 down a number is written with an exponent, and 0 without sign. The quotient is not waited for.
    let is_large = whole >= POWERS[fraction.saturating_sub(5)];
    let is_short = is_whole | ((digits[length - 1] != b'0') & is_large);
    let sign = u64::from(is_negative) << 63;
    Some(Decimal {
        value: f64::from_bits((whole / POWERS[fraction]).to_bits() | sign),
        is_shortest: is_short && !(is_negative && mantissa == 0),
    })
}

/// The number that the digits are, and the place of the point among them or their number.
fn by_digit(digits: &[u8]) -> Option<(u64, usize)> {
    let (mut mantissa, mut point) = (0, digits.len());
    for (i, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = 10 * mantissa + u64::from(digit);
        } else if byte == b'.' && point == digits.len() {
            point = i;
        } else {
            return None;
        }
    }
    Some((mantissa, point))
}

/// The same of the first `length` bytes, 1 to 8, at once.
#[inline]
fn by_word(bytes: &[u8], length: usize) -> Option<(u64, usize)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const POINT: u8 = b'.' ^ b'0';
    let word = match bytes.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => bytes
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)),
    };
    // The last character in the last byte; digits as their values.
    let unused = 8 * (8 - length as u32);
    let values = (word << unused) ^ (ONES * u64::from(b'0'));
    let used = u64::MAX << unused;
    // The highest bit of each byte above 9.
    let above = (values & (0x7f * ONES)) + 0x76 * ONES;
    let others = (above | values) & (0x80 * ONES) & used;
    let (digits, point) = if others == 0 {
        (values & used, length)
    } else {
        let at = others.trailing_zeros() & !7;
        if others & (others - 1) != 0 || (values >> at) as u8 != POINT {
            return None;
        }
        // What stands before the point moves into its place.
        let after = u64::MAX << at;
        let digits = (values & !after) << 8 | values & after << 8;
        (digits & used << 8, (at - unused) as usize / 8)
    };
    // Pairs, pairs of pairs, halves.
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000 << 32 | 1) >> 32, point))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::number_text;

    fn agrees(cell: &str) {
        if let Some(decimal) = decimal(cell.as_bytes(), cell.len()) {
            let value: f64 = cell.parse().unwrap();
            assert_eq!(decimal.value.to_bits(), value.to_bits(), "{cell}");
            assert_eq!(decimal.is_shortest, number_text(value) == cell, "{cell}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        #[test]
        fn decimals_are_the_nearest_numbers(cell in "-?[0-9]{1,9}(\\.[0-9]{1,9})?", odd in "[-+.0-9e]{0,8}") {
            agrees(&cell);
            // What is no number for others is none here.
            if odd.parse::<f64>().is_ok() {
                agrees(&odd);
            } else {
                prop_assert_eq!(decimal(odd.as_bytes(), odd.len()), None, "{}", odd);
            }
        }
    }

    #[test]
    fn what_is_short_is_read_and_what_may_mean_more_is_left() {
        for cell in [
            "0",
            "-0",
            "7",
            "-1.5",
            "0.10",
            "0.00001",
            "0.000012",
            "123456789012345",
            "0.12345678901234",
        ] {
            agrees(cell);
            assert!(decimal(cell.as_bytes(), cell.len()).is_some(), "{cell}");
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
            "1e3",
            "1.2.3",
            "1234567890123456",
            "nan",
            "--1",
        ] {
            assert_eq!(decimal(cell.as_bytes(), cell.len()), None, "{cell}");
        }
    }
}
