//! Numbers and names as people read them: in notes, tables and summaries.

use thalweg_data::text::grouped;
pub use thalweg_data::text::whole;

/// A number with about five significant digits, without zeros at the end: `0.98889`, `4`, `13,903`.
pub fn figure(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    if !x.is_finite() {
        return x.to_string();
    }
    let magnitude = x.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        let text = format!("{x:.4e}");
        return match text.split_once('e') {
            Some((digits, power)) => format!("{}e{power}", without_zeros(digits)),
            None => text,
        };
    }
    let decimals = (4.0 - magnitude).clamp(0.0, 6.0) as usize;
    let text = format!("{x:.decimals$}");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    match digits.split_once('.') {
        Some((whole, _)) => {
            let rest = without_zeros(&digits[whole.len()..]);
            format!("{sign}{}{rest}", grouped(whole))
        }
        None => format!("{sign}{}", grouped(digits)),
    }
}

/// Decimals without the zeros at their end, and without the point where nothing is left.
fn without_zeros(decimals: &str) -> &str {
    decimals.trim_end_matches('0').trim_end_matches('.')
}

/// At most 24 characters, on one line.
pub fn short(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = printable.take(24).collect();
    if text.chars().count() > 24 {
        short.push('…');
    }
    short
}

/// Texts in columns: the first to the left, the others to the right.
pub fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |j: usize| {
        let cells = rows.iter().filter_map(|row| row.get(j));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(j, (cell, &width))| match j {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// `1 row`, `1,797 rows`.
pub fn count(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", whole(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_about_five_digits() {
        let numbers = [
            0.0,
            0.97222,
            -1.0,
            51850.4,
            -1234.5,
            100.0,
            1.5e-3,
            1e-9,
            1e20,
            f64::NAN,
        ];
        let shown = numbers.map(figure);
        assert_eq!(
            shown,
            [
                "0", "0.97222", "-1", "51,850", "-1,234.5", "100", "0.0015", "1e-9", "1e20", "NaN"
            ]
        );
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["", "π"], ["long", "12"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), ["       π", "long  12"]);
    }

    #[test]
    fn counts_are_grouped_and_in_the_right_number() {
        let shown = [0, 1, 999, 1797, 1_234_567].map(|n| count(n, "row"));
        assert_eq!(
            shown,
            [
                "0 rows",
                "1 row",
                "999 rows",
                "1,797 rows",
                "1,234,567 rows"
            ]
        );
    }
}
