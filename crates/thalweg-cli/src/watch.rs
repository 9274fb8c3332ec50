//! `thalweg watch`: a run that goes on in another terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use thalweg::run_folder::{LOG, RunFolder};
use thalweg_core::Error;
use thalweg_report::Live;

use crate::args::WatchArgs;
use crate::exit::Result;
use crate::wrap;

const BETWEEN_LOOKS: Duration = Duration::from_millis(300);
/// The screen has at most so many columns and lines.
const MOST: (usize, usize) = (110, 30);

/// The command.
pub fn run(args: &WatchArgs) -> Result<()> {
    let folder = RunFolder::at(&args.run);
    let log = folder.file(LOG);
    let mut live = Live::open(folder).map_err(|error| {
        let found = format!("no log: {error}");
        let error = Error::invalid(log.display().to_string(), found, "the folder of a run");
        error.remedy("check the path; while --preset best races, there is no log yet")
    })?;
    let mut out = io::stdout().lock();
    let is_seen = io::stdout().is_terminal();
    let mut lines = 0;
    loop {
        let is_new = live.poll()?;
        if is_new && is_seen {
            let (columns, rows) = wrap::size();
            let screen = live.screen(columns.min(MOST.0), rows.min(MOST.1));
            // The cursor goes to the first line of the last screen, and all below is cleared.
            let back = match lines {
                0 => String::new(),
                lines => format!("\u{1b}[{lines}A\u{1b}[J"),
            };
            let fitting = screen.iter().map(|line| wrap::cut(line, columns));
            let text = fitting.collect::<Vec<_>>().join("\n");
            writeln!(out, "{back}{text}")?;
            lines = screen.len();
        } else if is_new {
            for line in live.lines() {
                writeln!(out, "{line}")?;
            }
        }
        if live.is_over() {
            return Ok(());
        }
        out.flush()?;
        std::thread::sleep(BETWEEN_LOOKS);
    }
}
