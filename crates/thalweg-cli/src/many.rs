//! What the commands share that train several models of one recipe and keep none of them.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::Value;
use thalweg::cross_validation::Event;
use thalweg::preset::Reason;
use thalweg::text::count;
use thalweg::train::Flow;
use thalweg_data::{Note, Source};

use crate::exit::{Failure, Result};
use crate::interrupt;
use crate::output;
use crate::recipe::Recipe;
use crate::summary::choices;
use crate::terminal::Terminal;

#[derive(Args)]
pub struct Many {
    #[command(flatten)]
    pub recipe: Recipe,

    /// Write a page that shows the result
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub report: Option<PathBuf>,
    /// Print errors only
    #[arg(short, long, help_heading = "Run")]
    pub quiet: bool,
    /// Print the result as one line of JSON on standard output, all else on standard error
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

/// Trains and tells of it; none if it was stopped.
type Train<'a, T> = &'a dyn Fn(&(dyn Fn(Event) -> Flow + Sync)) -> thalweg::Result<Option<T>>;

impl Many {
    /// Where lines go.
    pub fn terminal(&self) -> Terminal {
        Terminal::new(self.quiet, self.json)
    }

    /// Refuses outputs that are among the data.
    pub fn check(&self, outputs: &[(&str, &Option<PathBuf>)]) -> Result<()> {
        let report = [("--report", &self.report)];
        for (flag, path) in report.iter().chain(outputs) {
            if let (Some(path), Some(data)) = (path, &self.recipe.data) {
                output::check(flag, path, None, &Source::parse(data)?)?;
            }
        }
        Ok(())
    }

    /// What came of training so many models, and the seconds that it took.
    pub fn train<T>(
        &self,
        terminal: &mut Terminal,
        what: &str,
        (all, noun): (usize, &str),
        train: Train<T>,
    ) -> Result<(T, f64)> {
        let start = Instant::now();
        terminal.start_bar(all as u64);
        interrupt::listen(terminal.bar())
            .map_err(|error| thalweg::Error::Running(format!("signals: {error}")))?;
        let result = train(&|event| {
            match event {
                Event::Note(note) => terminal.note(note),
                Event::Trained(over) => {
                    let message = format!("{over} of {}", count(all, noun));
                    terminal.advance(over as u64, message);
                }
                Event::Step => {}
            }
            interrupt::flow()
        })?;
        terminal.clear_bar();
        match result {
            Some(result) => Ok((result, start.elapsed().as_secs_f64())),
            None => Err(Failure::Interrupted(format!(
                "interrupted; {what} leaves nothing: begin anew"
            ))),
        }
    }

    /// Writes the page if one is wanted, and the line of JSON.
    pub fn leave(
        &self,
        terminal: &Terminal,
        result: &Value,
        page: impl FnOnce() -> thalweg::Result<String>,
    ) -> Result<()> {
        if let Some(path) = &self.report {
            output::write(path, page()?.as_bytes())?;
            terminal.line(&format!("report in {}", path.display()));
        }
        terminal.json(result)
    }
}

/// What the preset chose, under a heading, and what should be known.
pub fn tell(terminal: &Terminal, heading: &str, reasons: &[Reason], notes: &[Note]) {
    if !reasons.is_empty() {
        terminal.line(&format!("\n{heading}:"));
        choices(reasons).iter().for_each(|line| terminal.line(line));
    }
    terminal.line("");
    notes.iter().for_each(|note| terminal.note(note));
}
