//! What a user of `train` sees: lines, notes, and on a terminal a progress bar.
//!
//! Lines go to standard output, or to standard error when `--json` keeps standard output for the
//! result. A reader that goes away does not stop the training.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use console::{Term, style};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use thalweg::fields::paths_by_flags;

use crate::in_place;
use crate::wrap;

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
        // As wide as the terminal: a line that is wider would leave remains, and so would a Ctrl-C that
        // the terminal shows behind it.
        let template = "{msg}  {wide_bar}  {percent:>3} %{left}\r";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        // Before the first step nothing is known of the last.
        let left = |state: &ProgressState, to: &mut dyn fmt::Write| {
            if state.pos() > 0 {
                let _ = write!(to, "  {:#} left", HumanDuration(state.eta()));
            }
        };
        let style = style.with_key("left", left).progress_chars("━╸ ");
        self.bar = ProgressBar::new(length).with_style(style);
    }

    /// Shows one line of what is going on when standard error is a terminal.
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
            true => writeln!(io::stderr(), "{}", wrap::on(&Term::stderr(), text)),
            false => writeln!(io::stdout(), "{}", wrap::on(&Term::stdout(), text)),
        });
    }

    /// Whether lines go to a terminal.
    pub fn is_seen(&self) -> bool {
        !self.quiet && !self.json && io::stdout().is_terminal()
    }

    /// Prints something the user should know, on standard error.
    pub fn note(&self, text: &impl std::fmt::Display) {
        if !self.quiet {
            let _ = self.bar.suspend(|| note(&text.to_string()));
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

/// Prints a note of the libraries on standard error, in the words of the command line.
pub fn note(text: &str) -> io::Result<()> {
    let text = in_place::worded(&paths_by_flags(text));
    let text = wrap::on(&Term::stderr(), &text);
    match text.split_once(':') {
        Some((kind @ "warning", rest)) => {
            writeln!(
                io::stderr(),
                "{}:{rest}",
                style(kind).yellow().bold().for_stderr()
            )
        }
        Some((kind @ "note", rest)) => {
            writeln!(io::stderr(), "{}:{rest}", style(kind).cyan().for_stderr())
        }
        _ => writeln!(io::stderr(), "{text}"),
    }
}
