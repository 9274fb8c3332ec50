//! Cells among numbers or dates that mean "missing".

use super::evidence::Evidence;

/// More different texts for "missing" are none.
pub const MOST_MARKERS: usize = 3;
/// With fewer different values beside it, a repeated word may be a category among codes.
const VALUES_BESIDE_A_WORD: usize = 20;

/// Whether these texts, beside so many different values, mean "missing": no letters and digits but
/// zeros, an error of a spreadsheet, or one word that is repeated among many values.
pub fn are_markers(evidence: &Evidence<'_>, markers: &[usize], values: usize) -> bool {
    let is_marker = |&i: &usize| {
        let cell = evidence.levels[i].as_str();
        let sign = !cell.contains(|c: char| c.is_alphanumeric() && c != '0');
        let digits = cell.contains(|c: char| c.is_ascii_digit());
        let word = !digits && evidence.counts()[i] > 1 && values >= VALUES_BESIDE_A_WORD;
        sign || is_spreadsheet_error(cell) || (word && markers.len() == 1)
    };
    markers.len() <= MOST_MARKERS && markers.iter().all(is_marker)
}

fn is_spreadsheet_error(cell: &str) -> bool {
    const ERRORS: [&str; 7] = [
        "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#N/A!",
    ];
    ERRORS.contains(&cell)
}
