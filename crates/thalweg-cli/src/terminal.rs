//! What a user of `train` sees: lines, notes, and on a terminal a progress bar.
//!
//! Lines go to standard output, or to standard error when `--json` keeps standard output for the result.
//! A reader that goes away does not stop the training.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Where lines go.
pub struct Terminal {
    quiet: bool,
    json: bool,
    bar: ProgressBar,
}

impl Terminal {
    /// Without a bar yet.
    pub fn new(quiet: bool, json: bool) -> Self {
        Self {
            quiet,
            json,
            bar: ProgressBar::hidden(),
        }
    }

    /// Shows a bar of `length` updates when standard error is a terminal.
    pub fn start_bar(&mut self, length: u64) {
        if self.quiet || !io::stderr().is_terminal() {
            return;
        }
        let template = "{msg}  {bar:24}  {percent:>3} %  {eta} left";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::new(length).with_style(style.progress_chars("━╸ "));
    }

    /// Shows one line that says what is going on when standard error is a terminal.
    pub fn start_spinner(&mut self) {
        if self.quiet || !io::stderr().is_terminal() {
            return;
        }
        self.bar = ProgressBar::new_spinner();
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    /// Changes that line.
    pub fn say(&self, message: &str) {
        self.bar.set_message(message.to_owned());
    }

    /// Whether anybody sees the bar.
    pub fn has_bar(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// The bar, for lines of other threads.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Moves the bar.
    pub fn advance(&self, position: u64, message: String) {
        self.bar.set_message(message);
        self.bar.set_position(position);
    }

    /// Takes the bar away.
    pub fn clear_bar(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints a line of the result.
    pub fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        let _ = self.bar.suspend(|| match self.json {
            true => writeln!(io::stderr(), "{text}"),
            false => writeln!(io::stdout(), "{text}"),
        });
    }

    /// Whether lines go to a terminal.
    pub fn is_seen(&self) -> bool {
        !self.quiet && !self.json && io::stdout().is_terminal()
    }

    /// Prints something the user should know, on standard error.
    pub fn note(&self, text: &impl std::fmt::Display) {
        if !self.quiet {
            let _ = self.bar.suspend(|| writeln!(io::stderr(), "{text}"));
        }
    }

    /// Prints the one JSON line of `--json`, whose reader may have gone away.
    pub fn json(&self, value: &impl serde::Serialize) -> crate::exit::Result<()> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        match writeln!(io::stdout(), "{text}") {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// A number with about five significant digits.
pub fn figure(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let magnitude = x.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{x:.4e}");
    }
    let decimals = (4.0 - magnitude).clamp(0.0, 6.0) as usize;
    format!("{x:.decimals$}")
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
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = if n == 1 { "" } else { "s" };
    format!("{grouped} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_about_five_digits() {
        let shown = [0.0, 0.97222, -1.0, 51850.4, 1.5e-3, 1e-9, 1e20, f64::NAN].map(figure);
        assert_eq!(
            shown,
            [
                "0",
                "0.97222",
                "-1.0000",
                "51850",
                "0.001500",
                "1.0000e-9",
                "1.0000e20",
                "NaN"
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
