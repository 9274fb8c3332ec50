//! How far an ingest is, in a line: rows, speed, time left.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use thalweg::job::Ingesting;
use thalweg::text::count;
use thalweg_data::ingest::{Phase, Progress};

/// The pace of a phase.
#[derive(Default)]
pub struct Pace {
    begun: Option<(Phase, Instant)>,
}

impl Pace {
    /// What is done, and how long the phase still takes.
    pub fn line(&mut self, progress: &Progress) -> String {
        let begun = match self.begun {
            Some((phase, begun)) if phase == progress.phase => begun,
            _ => self.begun.insert((progress.phase, Instant::now())).1,
        };
        let what = name(progress.phase);
        let seconds = begun.elapsed().as_secs_f64();
        let rows = count(progress.rows as usize, "row");
        let speed = match progress.bytes > 0 && seconds > 0.1 {
            true => format!("  {:.0} MB/s", progress.bytes as f64 / seconds / 1e6),
            false => String::new(),
        };
        let left = match progress.done.filter(|done| *done > 0.0) {
            Some(done) => left(seconds * (1.0 / done - 1.0).max(0.0)),
            None => String::new(),
        };
        format!("{what} {rows}{speed}{left}")
    }
}

/// Shows how far the reading of rows onto disk is: a line that changes on a terminal, else a line a phase.
pub fn watcher() -> Ingesting {
    let mut pace = Pace::default();
    let mut last = None;
    Box::new(move |progress| {
        let line = pace.line(progress);
        let mut out = io::stderr();
        let is_over = progress.done.is_some_and(|done| done >= 1.0);
        let _ = match (
            out.is_terminal(),
            last.replace(progress.phase) == Some(progress.phase),
        ) {
            (true, _) => write!(
                out,
                "\r\x1b[K{line}{}",
                if is_over { "\r\x1b[K" } else { "" }
            ),
            (false, false) => writeln!(out, "{} rows", name(progress.phase)),
            (false, true) => Ok(()),
        };
    })
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Looking => "looking at",
        Phase::Reading => "reading",
        Phase::Shuffling => "shuffling",
    }
}

fn left(seconds: f64) -> String {
    let left = Duration::from_secs_f64(seconds.min(1e9)).as_secs();
    match left / 60 {
        0 => format!("  {left} s left"),
        minutes => format!("  {minutes} min {} s left", left % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_rows_and_time_left() {
        let progress = |done| Progress {
            phase: Phase::Shuffling,
            rows: 12_345,
            bytes: 0,
            done,
        };
        let mut pace = Pace::default();
        assert_eq!(pace.line(&progress(None)), "shuffling 12,345 rows");
        assert_eq!(
            pace.line(&progress(Some(1.0))),
            "shuffling 12,345 rows  0 s left"
        );
        assert_eq!(left(125.0), "  2 min 5 s left");
    }
}
