//! Signs of footnotes after a number: `78.81*`.

use super::{Mark, Stripped};

pub static MARK: Mark = Mark {
    #[cfg(test)]
    example: ("78.81*", 78.81),
    strip: |cell| {
        let rest = cell.trim_end_matches(['*', '†', '‡']);
        let is_number = rest.ends_with(|c: char| c.is_ascii_digit());
        (rest.len() < cell.len() && is_number).then(|| Stripped::of(rest, "*"))
    },
    is_unit: false,
};
