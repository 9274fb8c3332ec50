//! A run that goes on, followed by its log.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};

use serde_json::{Map, Value, json};
use thalweg::run_folder::{LOG, RunFolder};
use thalweg::text::{count, figure};

use crate::drawing::in_characters;
use crate::history::History;

/// Points of the curves.
const POINTS: usize = 1_000;

/// What is known of the run so far.
pub struct Live {
    folder: RunFolder,
    history: History,
    /// Bytes of the log that were read.
    read: u64,
}

impl Live {
    /// The run in this folder.
    ///
    /// # Errors
    /// If there is no log.
    pub fn open(folder: RunFolder) -> io::Result<Self> {
        File::open(folder.file(LOG))?;
        Ok(Self {
            folder,
            history: History::default(),
            read: 0,
        })
    }

    /// Reads what the log has got since the last time; whether there was anything.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn poll(&mut self) -> io::Result<bool> {
        let mut file = File::open(self.folder.file(LOG))?;
        // A run that was resumed begins again where its checkpoint was.
        if file.metadata()?.len() < self.read {
            (self.history, self.read) = (History::default(), 0);
        }
        file.seek(SeekFrom::Start(self.read))?;
        let (mut lines, mut line, before) = (BufReader::new(file), String::new(), self.read);
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            self.read += line.len() as u64;
            self.history.add(&line);
            line.clear();
        }
        Ok(self.read > before)
    }

    /// Whether the run has ended.
    pub fn is_over(&self) -> bool {
        self.history.end.is_some()
    }

    /// Epochs done.
    pub fn epochs(&self) -> usize {
        self.history.epochs().len()
    }

    /// A line for each epoch after the first `known` ones.
    pub fn epoch_lines(&self, known: usize) -> Vec<String> {
        let epochs = self.history.epochs().iter().skip(known);
        epochs.map(|epoch| self.epoch(epoch)).collect()
    }

    /// What the run is, where it stands, and its curves, in so many columns and lines.
    pub fn screen(&self, columns: usize, lines: usize) -> Vec<String> {
        let start = &self.history.start;
        let rows = |part: &str| start["rows"][part].as_u64().unwrap_or(0) as usize;
        let mut screen = vec![
            format!(
                "{}: {}, {}, {}",
                self.folder,
                start["task"].as_str().unwrap_or("no run yet"),
                start["data"].as_str().unwrap_or_default(),
                count(rows("train"), "row")
            ),
            match (&self.history.end, self.history.epochs().last()) {
                (Some(end), _) => ended(end),
                (None, Some(epoch)) => self.epoch(epoch),
                (None, None) => "no epoch yet".to_owned(),
            },
        ];
        screen.extend(self.history.epochs().last().map(|epoch| self.speed(epoch)));
        let data = json!({ "curves": self.history.curves(POINTS) });
        let drawn = in_characters(&data, columns.saturating_sub(12), lines.saturating_sub(8));
        screen.extend(
            drawn
                .iter()
                .flat_map(|text| text.lines())
                .map(str::to_owned),
        );
        screen
    }

    /// The epochs that the run has at most.
    fn last_epoch(&self) -> u64 {
        let own = self.history.start["training"]["epochs"]
            .as_u64()
            .unwrap_or(0);
        let first = self
            .history
            .epochs()
            .first()
            .and_then(|epoch| epoch.get("epoch")?.as_u64());
        own + first.map_or(0, |first| first.saturating_sub(1))
    }

    fn epoch(&self, epoch: &Map<String, Value>) -> String {
        let number = |name: &str| epoch.get(name).and_then(Value::as_f64);
        let part = |(name, key): (&str, &str)| Some(format!("  {name} {}", figure(number(key)?)));
        let parts = [
            ("train", "train_loss"),
            ("validation", "validation_loss"),
            ("score", "validation_score"),
        ];
        let parts: String = parts.into_iter().filter_map(part).collect();
        let done = number("epoch").unwrap_or(0.0);
        format!("epoch {done}/{}{parts}", self.last_epoch())
    }

    fn speed(&self, epoch: &Map<String, Value>) -> String {
        let number = |name: &str| epoch.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let rate = count(number("rows_per_second") as usize, "row");
        let left = self.last_epoch() as f64 - number("epoch");
        let seconds = left * number("seconds");
        let left = match self.is_over() {
            true => String::new(),
            false => format!("  at most {} s left", figure(seconds)),
        };
        format!(
            "learning rate {}  gradient norm {}  {rate}/s{left}",
            figure(number("lr")),
            figure(number("gradient_norm"))
        )
    }
}

fn ended(end: &Value) -> String {
    let why = end["stopped_by"]
        .as_str()
        .unwrap_or_default()
        .replace('_', " ");
    let epochs = end["epochs"].as_u64().unwrap_or(0) as usize;
    let best = end["best_epoch"].as_u64();
    let best = best.map_or(String::new(), |best| format!("; weights of epoch {best}"));
    let seconds = figure(end["seconds"].as_f64().unwrap_or(0.0));
    format!(
        "ended after {} ({why}) in {seconds} s{best}",
        count(epochs, "epoch")
    )
}
