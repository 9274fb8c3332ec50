//! The typographic minus, and a dash in its place.

use super::{Mark, Stripped};

pub static MARK: Mark = Mark {
    #[cfg(test)]
    example: ("\u{2212}3", -3.0),
    strip: |cell| {
        let rest = cell.strip_prefix(['\u{2212}', '\u{2013}', '\u{fe63}', '\u{ff0d}'])?;
        Some(Stripped::negated(rest, "\u{2212}"))
    },
    is_unit: false,
};
