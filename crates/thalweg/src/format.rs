//! Versions of what is written: model file, config, checkpoint and log say which format they have.
//!
//! A model or a checkpoint is written in the lowest format that has what it uses: programs of before
//! read it as long as they answer as this one, and refuse it by its number where they would not.

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::error::{Result, input};

/// What a model may have that changes its answers and that programs of before pass over, with the
/// format that brought it: a path into the metadata (`*` is any entry of a list), or `PATH=TEXT`.
/// To add a field, leave it out of the file at its old meaning, and add a row with the next number.
const SINCE: [(&str, u64); 15] = [
    ("decision", 2),
    ("interval", 2),
    ("not_missing", 2),
    ("preprocessing.inputs.*.curve", 2),
    ("preprocessing.inputs.*.kind=date", 2),
    ("preprocessing.inputs.*.places.*.curve", 2),
    ("preprocessing.readings", 2),
    ("preprocessing.target.labels", 2),
    ("preprocessing.target.quantiles", 2),
    ("preprocessing.target_scaling.*.curve", 2),
    ("preprocessing.target_scaling.*.range", 2),
    ("preprocessing.target_scaling.*.smearing", 2),
    ("members", 3),
    ("networks", 4),
    ("preprocessing.inputs.*.kind=sparse", 4),
];

/// The newest format of models and checkpoints that is read.
pub(crate) const NEWEST: u64 = newest(&SINCE);

const fn newest(since: &[(&str, u64)]) -> u64 {
    let (mut newest, mut i) = (1, 0);
    while i < since.len() {
        if since[i].1 > newest {
            newest = since[i].1;
        }
        i += 1;
    }
    newest
}

/// The lowest format that has everything in the metadata of a model or a checkpoint.
pub(crate) fn lowest(metadata: &Map<String, Value>) -> u64 {
    let used = SINCE.iter().filter(|(path, _)| {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        metadata.get(first).is_some_and(|value| has(value, rest))
    });
    used.map(|(_, since)| *since).max().unwrap_or(1)
}

/// Whether a value has something at a path.
fn has(value: &Value, path: &str) -> bool {
    if path.is_empty() {
        return true;
    }
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match (first.split_once('='), value) {
        (_, Value::Array(entries)) if first == "*" => entries.iter().any(|entry| has(entry, rest)),
        (Some((name, text)), _) => value.get(name).is_some_and(|value| value == text),
        (None, _) => value.get(first).is_some_and(|value| has(value, rest)),
    }
}

/// Refuses a format that is not known; one from before formats were written is fine.
///
/// # Errors
/// Names the subject, the two formats, and what to do.
pub(crate) fn check(subject: impl Display, found: Option<u64>, known: u32) -> Result<()> {
    match found {
        Some(0) => Err(input(format!(
            "{subject}: found format 0, expected 1 to {known}; leave `format` out of a file from before formats"
        ))),
        Some(found) if found > u64::from(known) => Err(input(format!(
            "{subject}: written by a newer Thalweg (format {found}); this one reads up to {known}: update"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::DirEntry;
    use std::path::Path;

    use serde_json::json;
    use thalweg_core::model_file::ModelFile;

    use super::*;

    #[test]
    fn a_file_has_the_lowest_format_that_has_what_it_uses() {
        let lowest = |metadata: Value| lowest(metadata.as_object().unwrap());
        let plain = json!({
            "kind": "model",
            "preprocessing": {
                "inputs": [{ "name": "curve", "kind": "numeric" }],
                "target": { "columns": ["date"] },
                "target_scaling": [{ "mean": 0.0, "deviation": 1.0 }],
            },
        });
        assert_eq!(lowest(plain.clone()), 1);
        let mut curved = plain.clone();
        curved["preprocessing"]["target_scaling"][0]["curve"] = json!({ "kind": "log" });
        assert_eq!(lowest(curved), 2);
        let mut dated = plain.clone();
        dated["preprocessing"]["inputs"][0]["kind"] = json!("date");
        assert_eq!(lowest(dated), 2);
        let mut deciding = plain;
        deciding["decision"] = json!({ "thresholds": [0.3] });
        assert_eq!(lowest(deciding), 2);
    }

    #[test]
    fn every_addition_is_in_a_golden_file_of_its_format() {
        let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
        // What a column may have, those of a matrix may have too.
        let of_columns = SINCE
            .into_iter()
            .filter(|(path, _)| !path.contains(".places."));
        for (path, since) in of_columns {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            let uses = |entry: std::io::Result<DirEntry>| {
                let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
                let file = ModelFile::from_bytes(&bytes, NEWEST).ok();
                file.is_some_and(|file| {
                    let value = file.metadata.get(first);
                    value.is_some_and(|value| has(value, rest))
                })
            };
            // Those of the newest format are written when it is complete.
            if let Ok(mut files) = std::fs::read_dir(formats.join(since.to_string())) {
                assert!(files.any(uses), "{path} is in no file of format {since}");
            }
        }
    }

    #[test]
    fn the_newest_format_is_that_of_the_last_addition() {
        assert_eq!(newest(&[]), 1);
        assert_eq!(newest(&[("a", 2), ("b", 4), ("c", 3)]), 4);
        assert!(SINCE.is_sorted_by_key(|(_, since)| since), "by format");
    }
}
