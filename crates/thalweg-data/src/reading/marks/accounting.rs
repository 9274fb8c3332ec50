//! Negative amounts as accountants write them: `(1,234)` and `1,234-`.

use super::{Mark, Stripped};

pub static MARK: Mark = Mark {
    #[cfg(test)]
    example: ("(12.50)", -12.5),
    strip: |cell| {
        let inside = |cell: &'_ str| -> Option<(usize, usize)> {
            (cell.starts_with('(') && cell.ends_with(')')).then(|| (1, cell.len() - 1))
        };
        if let Some((start, end)) = inside(cell) {
            return Some(Stripped::negated(&cell[start..end], "()"));
        }
        let rest = cell.strip_suffix('-')?;
        (rest.ends_with(|c: char| c.is_ascii_digit())).then(|| Stripped::negated(rest, "1-"))
    },
    is_unit: false,
};
