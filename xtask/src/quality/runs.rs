//! The stored runs: what `bench/peers/quality/run.py` writes.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Result;
use crate::process::root;

/// A fit of one contestant to one table with one seed.
#[derive(Debug, Clone, Deserialize)]
pub struct Run {
    pub contestant: String,
    pub table: String,
    /// `tune`, `check` or `planted`.
    pub kind: String,
    pub task: String,
    pub seed: u64,
    /// RMSE, 1 − area under the curve, or share of wrong classes.
    pub error: f64,
    /// Expected calibration error, of classes.
    pub calibration: Option<f64>,
    /// Test rows.
    pub tests: usize,
    /// Seconds of user and system time.
    pub cpu: f64,
    /// Whether it is by a build without optimization, whose seconds say nothing.
    #[serde(default)]
    pub unoptimized: bool,
    /// RMSE of the signal itself, where it is known.
    pub floor: Option<f64>,
}

impl Run {
    /// CPU seconds; not a number where they say nothing.
    pub fn seconds(&self) -> f64 {
        if self.unoptimized { f64::NAN } else { self.cpu }
    }

    /// The error, at least that of half a test row for classes: below it a difference says nothing.
    pub fn floored(&self) -> f64 {
        match self.task.as_str() {
            "regression" => self.error,
            _ => self.error.max(0.5 / self.tests as f64),
        }
    }
}

/// A file of runs.
#[derive(Debug, Clone, Deserialize)]
pub struct Store {
    /// Date, processor and versions.
    pub head: BTreeMap<String, String>,
    runs: Vec<Run>,
}

impl Store {
    /// The file `name` of the folder of results; none where there is no such file.
    pub fn read(name: &str) -> Result<Option<Self>> {
        stored(name)
    }

    /// Names of the contestants, in their order.
    pub fn contestants(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for run in &self.runs {
            if !names.contains(&run.contestant) {
                names.push(run.contestant.clone());
            }
        }
        names
    }

    /// How much longer the runs of another store took than those of here: geometric mean over the runs that both have.
    pub fn slowdown(&self, other: &Self) -> Option<f64> {
        let same = |a: &Run, b: &Run| {
            (&a.contestant, &a.table, a.seed) == (&b.contestant, &b.table, b.seed)
        };
        let logs: Vec<f64> = (other.runs.iter())
            .filter_map(|run| {
                let own = self.runs.iter().find(|own| same(own, run))?;
                Some((run.cpu / own.cpu).ln())
            })
            .collect();
        (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
    }

    /// Multiplies the seconds of all runs.
    pub fn take_longer(&mut self, factor: f64) {
        self.runs.iter_mut().for_each(|run| run.cpu *= factor);
    }

    /// Date, processor and versions in one line.
    pub fn words(&self) -> String {
        let pairs = self
            .head
            .iter()
            .map(|(key, value)| format!("{key} {value}"));
        pairs.collect::<Vec<_>>().join(", ")
    }
}

/// The contents of the file `name` of the folder of results; none where there is no such file.
pub fn stored<T: DeserializeOwned>(name: &str) -> Result<Option<T>> {
    let path = root().join(super::FOLDER).join(name);
    if !path.exists() {
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
    let contents = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    Ok(Some(contents))
}

/// Runs of all contestants.
#[derive(Debug)]
pub struct Runs(Vec<Run>);

impl Runs {
    pub fn new(stores: impl IntoIterator<Item = Store>) -> Self {
        Self(stores.into_iter().flat_map(|store| store.runs).collect())
    }

    /// These runs with those of another store.
    pub fn with(&self, store: Store) -> Self {
        Self(self.0.iter().cloned().chain(store.runs).collect())
    }

    /// Tables of a kind, in their order.
    pub fn tables(&self, kind: &str) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for run in self.0.iter().filter(|run| run.kind == kind) {
            if !names.contains(&run.table.as_str()) {
                names.push(&run.table);
            }
        }
        names
    }

    /// Contestants that have runs, in the order of `all`.
    pub fn contestants(&self, all: &[&'static str]) -> Vec<&'static str> {
        let has = |name: &&&str| self.0.iter().any(|run| run.contestant == **name);
        all.iter().filter(has).copied().collect()
    }

    /// Runs of a contestant on a table, a seed each.
    pub fn of<'a>(&'a self, contestant: &'a str, table: &'a str) -> impl Iterator<Item = &'a Run> {
        (self.0.iter()).filter(move |run| run.contestant == contestant && run.table == table)
    }

    /// The mean over the seeds of a contestant on a table; none without runs.
    pub fn mean(&self, contestant: &str, table: &str, of: impl Fn(&Run) -> f64) -> Option<f64> {
        let values: Vec<f64> = self.of(contestant, table).map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }
}

#[cfg(test)]
impl From<Vec<Run>> for Runs {
    fn from(runs: Vec<Run>) -> Self {
        Self(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_of_peers_follow_the_runs_that_are_timed_again() {
        let store = |runs: &[(&str, u64, f64)]| {
            let run = |&(table, seed, cpu): &(&str, u64, f64)| {
                serde_json::json!({"contestant": "p", "table": table, "kind": "tune", "task": "regression", "seed": seed,
                    "error": 1.0, "tests": 9, "cpu": cpu})
            };
            let runs: Vec<_> = runs.iter().map(run).collect();
            serde_json::from_value::<Store>(serde_json::json!({"head": {}, "runs": runs})).unwrap()
        };
        let mut peers = store(&[("t", 0, 1.0), ("t", 1, 5.0), ("u", 0, 2.0)]);
        assert_eq!(peers.slowdown(&store(&[("v", 0, 1.0)])), None);
        // √(8/1 · 4/2)
        let slowdown = peers
            .slowdown(&store(&[("t", 0, 8.0), ("u", 0, 4.0)]))
            .unwrap();
        assert!((slowdown - 4.0).abs() < 1e-12);
        peers.take_longer(slowdown);
        let runs = Runs::new([peers]);
        let seconds: Vec<f64> = runs.of("p", "t").map(Run::seconds).collect();
        assert!((seconds[1] - 20.0).abs() < 1e-9, "{seconds:?}");
    }
}
