//! One cell as a number: its marks taken off, its digits read in a notation.

use super::marks::{MARKS, Mark};
use super::notation::Notation;

/// A cell that is a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    pub value: f64,
    /// The symbols of its marks.
    pub symbols: Vec<&'static str>,
    /// Those without which it means something else.
    pub units: Vec<&'static str>,
    pub grouped: bool,
    pub fractional: bool,
    /// Whether it is a whole number that f64 does not hold to its last digit.
    pub inexact: bool,
}

/// Reads a cell, with a sign before or behind its marks.
pub fn number(cell: &str, notation: Notation) -> Option<Number> {
    let (mut rest, mut negative, mut signed) = (cell.trim(), false, false);
    let (mut symbols, mut units): (Vec<&'static str>, Vec<&'static str>) = Default::default();
    loop {
        if let (false, Some(unsigned)) = (signed, rest.strip_prefix(['-', '+'])) {
            negative ^= rest.starts_with('-');
            (rest, signed) = (unsigned.trim(), true);
            continue;
        }
        let strip = |mark: &&Mark| Some((mark.is_unit, (mark.strip)(rest)?));
        let found = MARKS.iter().copied().find_map(|mark| strip(&mark));
        let Some((is_unit, stripped)) = found.filter(|(_, new)| !symbols.contains(&new.symbol))
        else {
            break;
        };
        // Two signs are no number.
        if stripped.negates && signed {
            return None;
        }
        (negative, signed) = (negative ^ stripped.negates, signed || stripped.negates);
        symbols.push(stripped.symbol);
        if is_unit {
            units.push(stripped.symbol);
        }
        rest = stripped.rest.trim();
    }
    let digits = notation.read(rest)?;
    symbols.sort_unstable();
    Some(Number {
        value: if negative {
            -digits.value
        } else {
            digits.value
        },
        symbols,
        units,
        grouped: digits.grouped,
        fractional: digits.fractional,
        inexact: digits.inexact,
    })
}

/// Whether a mark is one without which a number means something else.
pub fn is_unit(mark: &str) -> bool {
    number(&format!("1{mark}"), Notation::PLAIN).is_some_and(|number| !number.units.is_empty())
}

/// Whether a cell is a number in some notation.
pub fn is_amount(cell: &str) -> bool {
    Notation::ALL
        .iter()
        .any(|notation| number(cell, *notation).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn amounts_in_every_notation_are_read_back(
            whole in 0u64..1_000_000_000_000,
            cents in 0u32..100,
            notation in prop::sample::select(Notation::ALL.to_vec()),
            (before, after) in prop::sample::select(vec![("", ""), ("$", ""), ("-", " €"), ("(", ")"), ("USD ", "*"), ("", " %"), ("\u{2212}", "")]),
        ) {
            let digits = whole.to_string();
            let mut grouped = String::new();
            for (i, digit) in digits.chars().enumerate() {
                let is_between = i > 0 && (digits.len() - i).is_multiple_of(3);
                grouped.extend(notation.thousands.filter(|_| is_between));
                grouped.push(digit);
            }
            let cell = format!("{before}{grouped}{}{cents:02}{after}", notation.decimal);
            let value: f64 = format!("{whole}.{cents:02}").parse().unwrap();
            let value = if before.starts_with(['-', '(', '\u{2212}']) { -value } else { value };
            prop_assert_eq!(number(&cell, notation).map(|number| number.value), Some(value), "{}", cell);
        }

        #[test]
        fn no_text_makes_a_cell_panic(text in "[-0-9.,()$€% 'eE+:/TZa-z\u{2212}]{0,24}") {
            for notation in Notation::ALL {
                let _ = number(&text, notation);
            }
        }
    }

    #[test]
    fn every_mark_reads_its_example() {
        for mark in MARKS {
            let (cell, value) = mark.example;
            let read = number(cell, Notation::PLAIN).map(|number| number.value);
            assert_eq!(read, Some(value), "{cell}");
        }
    }

    #[test]
    fn marks_come_together_and_two_signs_do_not() {
        let us = Notation::new('.', Some(','));
        for (cell, value) in [
            ("($1,234.50)", -1234.5),
            ("-$5", -5.0),
            ("$ -5", -5.0),
            ("\u{2212} 12 %", -12.0),
            ("1,234- EUR", -1234.0),
            ("USD 7*", 7.0),
            ("+3", 3.0),
        ] {
            assert_eq!(number(cell, us).map(|n| n.value), Some(value), "{cell}");
        }
        for cell in ["--5", "(-5)", "$$5", "5%%", "s308", "5 kg", "12:30", "1-2"] {
            assert_eq!(number(cell, us), None, "{cell}");
        }
    }
}
