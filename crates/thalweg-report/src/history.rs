//! A run's log as curves: at most so many epochs, and averages over all of them.

use std::io::{BufRead, BufReader};

use serde_json::{Map, Value, json};
use thalweg::run_folder::{LOG, RunFolder};
use thalweg_core::average::Average;

/// Epochs that the page of a run has.
pub(crate) const EPOCHS: usize = 400;
/// Runs of fewer epochs are shown as they are.
const FEWEST_TO_AVERAGE: usize = 30;
/// What is averaged.
const LOSSES: [&str; 2] = ["train_loss", "validation_loss"];

/// The log of a run.
pub(crate) struct History {
    /// The first line.
    pub start: Value,
    /// The last line, if the run has ended.
    pub end: Option<Value>,
    epochs: Vec<Map<String, Value>>,
}

impl History {
    /// Reads the log of a run's folder; a line that is damaged ends it.
    pub fn read(folder: &RunFolder) -> std::io::Result<Self> {
        let file = std::fs::File::open(folder.file(LOG))?;
        let mut history = Self {
            start: Value::Null,
            end: None,
            epochs: Vec::new(),
        };
        for line in BufReader::new(file).lines() {
            let Ok(event) = serde_json::from_str::<Map<String, Value>>(&line?) else {
                break;
            };
            match event.get("event").and_then(Value::as_str) {
                Some("start") => history.start = Value::Object(event),
                Some("epoch") => history.epochs.push(event),
                Some("end") => history.end = Some(Value::Object(event)),
                _ => {}
            }
        }
        Ok(history)
    }

    /// The curves: a list for each number that an epoch reports, and averages of the losses. They are
    /// of about `most` epochs, evenly spaced, the first, the best and the last among them.
    pub fn curves(&self, most: usize) -> Value {
        let best = self.end.as_ref().and_then(|end| end["best_epoch"].as_u64());
        let is_best = |event: &Map<String, Value>| {
            best.is_some() && event.get("epoch").and_then(Value::as_u64) == best
        };
        let shown = spaced(
            self.epochs.len(),
            most,
            self.epochs.iter().position(is_best),
        );
        let names = self.epochs.last().into_iter().flat_map(Map::keys);
        let names = names.filter(|name| *name != "event");
        let column = |name: &String| -> Value {
            let value = |&index: &usize| self.epochs[index].get(name).cloned().unwrap_or_default();
            shown.iter().map(value).collect()
        };
        let series: Map<String, Value> = names.map(|name| (name.clone(), column(name))).collect();
        let averages: Map<String, Value> = (LOSSES.iter())
            .filter_map(|name| Some(((*name).to_owned(), self.average(name, &shown)?)))
            .collect();
        json!({
            "epochs": self.epochs.len(),
            "window": self.window(),
            "series": series,
            "averages": averages,
        })
    }

    /// Epochs that an average looks back.
    fn window(&self) -> f64 {
        (self.epochs.len() as f64 / 60.0).max(1.0)
    }

    fn average(&self, name: &str, shown: &[usize]) -> Option<Value> {
        if self.epochs.len() < FEWEST_TO_AVERAGE {
            return None;
        }
        let mut average = Average::with_window(self.window());
        let mut all = Vec::with_capacity(self.epochs.len());
        for event in &self.epochs {
            average.add(event.get(name)?.as_f64()?);
            all.push(average.value());
        }
        Some(shown.iter().map(|&index| json!(all[index])).collect())
    }
}

/// Indices below `count`, evenly spaced.
fn spaced(count: usize, most: usize, wanted: Option<usize>) -> Vec<usize> {
    let most = count.min(most);
    let mut shown: Vec<usize> = (0..most)
        .map(|place| match most {
            1 => 0,
            _ => place * (count - 1) / (most - 1),
        })
        .chain(wanted)
        .collect();
    shown.sort_unstable();
    shown.dedup();
    shown
}

#[cfg(test)]
mod tests {
    use super::spaced;

    #[test]
    fn long_runs_keep_their_first_best_and_last_epoch() {
        assert!(spaced(0, 400, None).is_empty());
        assert_eq!(spaced(1, 400, Some(0)), [0usize]);
        assert_eq!(spaced(3, 400, None), [0usize, 1, 2]);
        let shown = spaced(100_000, 400, Some(77_777));
        assert_eq!((shown[0], shown.last()), (0, Some(&99_999)));
        assert!(shown.contains(&77_777) && shown.len() == 401);
    }
}
