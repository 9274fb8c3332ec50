//! Digits with a decimal sign and thousands separators, in every convention.

use crate::csv::builder::is_inexact;

/// How digits are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notation {
    /// Before the fraction: a point or a comma.
    pub decimal: char,
    /// Between groups of three digits; a space stands for every kind of space.
    pub thousands: Option<char>,
}

/// A number as a cell has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Digits {
    pub value: f64,
    /// Whether there is a thousands separator.
    pub grouped: bool,
    /// Whether there is a decimal sign.
    pub fractional: bool,
    /// Whether it is a whole number that f64 does not hold to its last digit.
    pub inexact: bool,
}

impl Notation {
    /// That of programming languages.
    pub const PLAIN: Self = Self::new('.', None);

    /// All that are tried, the likelier first.
    pub const ALL: [Self; 9] = [
        Self::PLAIN,
        Self::new('.', Some(',')),
        Self::new(',', None),
        Self::new(',', Some('.')),
        Self::new('.', Some(' ')),
        Self::new(',', Some(' ')),
        Self::new('.', Some('\'')),
        Self::new(',', Some('\'')),
        Self::new('.', Some('_')),
    ];

    pub const fn new(decimal: char, thousands: Option<char>) -> Self {
        Self { decimal, thousands }
    }

    /// Reads unsigned digits: groups of three behind one to three digits, a fraction, an exponent.
    pub fn read(self, cell: &str) -> Option<Digits> {
        let (mantissa, exponent) = match cell.find(['e', 'E']) {
            Some(at) => cell.split_at(at),
            None => (cell, ""),
        };
        let (whole, fraction) = match mantissa.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let is_separator = |c: char| match self.thousands {
            Some(' ') => matches!(c, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}'),
            Some('\'') => matches!(c, '\'' | '\u{2019}'),
            separator => separator == Some(c),
        };
        let grouped = whole.contains(is_separator);
        if grouped && !self.groups_fit(whole.split(is_separator)) {
            return None;
        }
        let mut text: String = whole.chars().filter(|&c| !is_separator(c)).collect();
        let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let fraction_digits = fraction.unwrap_or_default();
        let no_digit = text.is_empty() && fraction_digits.is_empty();
        if no_digit || !is_digits(&text) || !is_digits(fraction_digits) {
            return None;
        }
        if text.is_empty() {
            text.push('0');
        }
        if !fraction_digits.is_empty() {
            text.push('.');
            text.push_str(fraction_digits);
        }
        text.push_str(exponent);
        // What is beyond f64 is no number.
        let value = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        Some(Digits {
            value,
            grouped,
            fractional: fraction.is_some(),
            inexact: is_inexact(&text),
        })
    }

    /// One to three digits, not beginning with 0, then threes; commas also as in India, where all
    /// groups but the last have two.
    fn groups_fit<'a>(self, groups: impl Iterator<Item = &'a str> + Clone) -> bool {
        let lengths = || groups.clone().map(str::len);
        let (count, first) = (
            groups.clone().count(),
            groups.clone().next().unwrap_or_default(),
        );
        let starts = matches!(first.len(), 1..=3) && !first.starts_with('0');
        let threes = lengths().skip(1).all(|length| length == 3);
        let indian = self.thousands == Some(',')
            && first.len() < 3
            && lengths()
                .skip(1)
                .take(count.saturating_sub(2))
                .all(|length| length == 2)
            && lengths().last() == Some(3);
        starts && (threes || indian)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_convention_reads_its_own_numbers_and_no_others() {
        let read = |decimal, thousands, cell| {
            Notation::new(decimal, thousands)
                .read(cell)
                .map(|digits| digits.value)
        };
        for (decimal, thousands, cell, value) in [
            ('.', Some(','), "1,234,567.5", 1_234_567.5),
            ('.', Some(','), "12,34,567", 1_234_567.0),
            ('.', Some(','), "1234.5", 1234.5),
            (',', Some('.'), "1.017,10", 1017.1),
            (',', None, "0,27", 0.27),
            (',', None, "1,5e3", 1500.0),
            ('.', Some(' '), "1\u{202f}234", 1234.0),
            ('.', Some('\''), "1’234.05", 1234.05),
            ('.', None, ".5", 0.5),
            ('.', None, "5.", 5.0),
        ] {
            assert_eq!(read(decimal, thousands, cell), Some(value), "{cell}");
        }
        for (decimal, thousands, cell) in [
            ('.', Some(','), "12,34"),
            ('.', Some(','), "0,123"),
            ('.', Some(','), "1234,567"),
            (',', Some('.'), "3.14"),
            ('.', None, "1,2"),
            ('.', None, "."),
            ('.', None, ""),
            ('.', None, "e5"),
            ('.', None, "1.2.3"),
            ('.', Some(' '), "10 1"),
        ] {
            assert_eq!(read(decimal, thousands, cell), None, "{cell}");
        }
    }
}
