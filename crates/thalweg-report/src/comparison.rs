//! The page of several runs beside one another, and the same in a few lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thalweg::Config;
use thalweg::leaves::leaves;
use thalweg::run_folder::{CONFIG, RunFolder};
use thalweg::text::figure;

use crate::history::{EPOCHS, History};
use crate::page::{described, of_kind, page};

/// Epochs of all curves together, so that many runs have a page too.
const POINTS: usize = 2_000;

/// A run as it is compared.
struct Compared {
    name: String,
    history: History,
    /// Every entry of its config, and the facts of its start, by their paths.
    config: BTreeMap<String, String>,
}

/// The page of these runs, and its data.
///
/// # Errors
/// If a folder holds no run, or one of a newer format.
pub fn comparison(folders: &[PathBuf]) -> thalweg::Result<(String, Value)> {
    let runs = folders
        .iter()
        .map(|path| read(path))
        .collect::<thalweg::Result<Vec<_>>>()?;
    let most = (POINTS / runs.len().max(1)).clamp(40, EPOCHS);
    let run = |run: &Compared| {
        json!({
            "name": run.name,
            "start": described(&run.history.start),
            "curves": run.history.curves(most),
            "end": run.history.end,
        })
    };
    let compared = json!({
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
        "differences": differences(&runs),
    });
    let data = of_kind("comparison", compared);
    Ok((page(data.clone()), data))
}

fn read(path: &Path) -> thalweg::Result<Compared> {
    let folder = RunFolder::at(path);
    let config = Config::read(&folder.file(CONFIG))?;
    let history = History::read(&folder).map_err(|error| {
        let text = format!(
            "{}: the log cannot be read: {error}; give the folder of a run",
            path.display()
        );
        thalweg::Error::Input(text)
    })?;
    let mut entries = leaves(&config);
    // What the data made of the same settings, and what else may tell two runs apart.
    let others = ["rows", "inputs", "outputs", "parameters", "cpu", "version"];
    let others = others.map(|name| (name, &history.start[name]));
    let grouped = |text: String| text.parse().map_or(text, figure);
    let others = leaves(&BTreeMap::from(others)).into_iter();
    entries.extend(others.map(|(name, text)| (name, grouped(text))));
    Ok(Compared {
        name: path.display().to_string(),
        history,
        config: entries,
    })
}

/// The entries in which the configs differ, with the value of each run.
fn differences(runs: &[Compared]) -> Vec<Value> {
    let mut names: Vec<&String> = runs.iter().flat_map(|run| run.config.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let difference = |name: &String| {
        let values: Vec<Option<&String>> = runs.iter().map(|run| run.config.get(name)).collect();
        let is_same = values.iter().all(|value| *value == values[0]);
        (!is_same).then(|| json!({ "name": name, "values": values }))
    };
    names.into_iter().filter_map(difference).collect()
}
