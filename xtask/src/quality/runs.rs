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
