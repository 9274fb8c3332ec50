//! Percentages, which keep their unit: `18.2%` is 18.2.

use super::{Mark, Stripped};

pub static MARK: Mark = Mark {
    #[cfg(test)]
    example: ("18.2%", 18.2),
    strip: |cell| Some(Stripped::of(cell.strip_suffix('%')?, "%")),
    is_unit: true,
};
