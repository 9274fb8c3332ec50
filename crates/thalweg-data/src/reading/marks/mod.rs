//! What people write around numbers: one file a mark, and one line in [`MARKS`].
//!
//! A mark takes itself off a cell and leaves the rest; the rest is a number, or has other marks.

mod accounting;
mod currency;
mod footnote;
mod minus;
mod percent;

/// A way to write a number that is more than digits.
pub struct Mark {
    /// A cell with it, and the number that is read.
    #[cfg(test)]
    pub example: (&'static str, f64),
    /// Takes the mark off a cell, if the cell has it.
    pub strip: fn(&str) -> Option<Stripped<'_>>,
    /// Whether cells without it, or with another symbol, mean something else.
    pub is_unit: bool,
}

/// A cell without its mark.
pub struct Stripped<'a> {
    /// What is left of the cell.
    pub rest: &'a str,
    /// How the mark is written.
    pub symbol: &'static str,
    /// Whether it makes the number negative.
    pub negates: bool,
}

impl<'a> Stripped<'a> {
    fn of(rest: &'a str, symbol: &'static str) -> Self {
        let negates = false;
        Self {
            rest,
            symbol,
            negates,
        }
    }

    fn negated(rest: &'a str, symbol: &'static str) -> Self {
        let negates = true;
        Self {
            rest,
            symbol,
            negates,
        }
    }
}

/// All marks, in the order in which they are looked for.
pub static MARKS: &[&Mark] = &[
    &minus::MARK,
    &accounting::MARK,
    &currency::MARK,
    &percent::MARK,
    &footnote::MARK,
];
