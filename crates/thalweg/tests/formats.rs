//! Files of every generation are read by this one: `formats/0` is from before formats had versions, `formats/1` of
//! format 1, those from `formats/2` on what `formats/make.py` had the programs of these formats write; the third
//! brought ensembles, the fourth ensembles of several recipes and sparse rows. What they should say was worked out by
//! `formats/expected.py`, which shares no code with Thalweg.

use std::path::{Path, PathBuf};

use serde_json::Value;
use thalweg::checkpoint::Stored;
use thalweg::config::Config;
use thalweg::model_file::ModelFile;
use thalweg::predictions::Columns;
use thalweg::run_folder::RunFolder;
use thalweg::train::Flow;
use thalweg::{Error, Model, Trainer, cpu, log};

fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

fn expected() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(formats().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Generations that have a run which was killed.
fn with_runs() -> Vec<(String, Value)> {
    let generations = expected().into_iter();
    let runs: Vec<_> = generations
        .filter(|(_, expected)| expected.get("checkpoint").is_some())
        .collect();
    assert!(runs.len() >= 3);
    runs
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|number| number.as_f64().unwrap()).collect()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "{what}: {found} for {expected}");
    }
}

/// A copy of a file or folder below `formats` that may be changed.
fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("run");
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(formats().join(name)).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
    }
    (folder, to)
}

#[test]
fn models_of_every_generation_predict_what_they_should() {
    let mut models = 0;
    for (generation, expected) in &expected() {
        for (name, expected) in expected["models"].as_object().unwrap() {
            let what = format!("{generation}/{name}.safetensors");
            let model = Model::load(formats().join(&what)).unwrap();
            let rows = match name.starts_with("sparse_") {
                true => formats().join("rows.svm"),
                false => formats().join("rows.csv"),
            };
            let found = model.predict_file(rows.to_str().unwrap()).unwrap();
            // The floating-point precision of the model.
            let tolerance = if name.ends_with("f64") { 1e-12 } else { 1e-6 };
            assert_close(
                &found.values,
                &numbers(&expected["values"]),
                tolerance,
                &what,
            );
            let mut csv = Vec::new();
            found.write_csv(&mut csv, Columns::Answers).unwrap();
            let csv = String::from_utf8(csv).unwrap();
            let lines = expected["answers"].as_array().unwrap();
            assert_eq!(csv.lines().count(), 1 + lines.len(), "{what}");
            for (line, expected) in csv.lines().skip(1).zip(lines) {
                let cells: Vec<&str> = line.split(',').collect();
                assert_eq!(
                    cells.len(),
                    expected.as_array().unwrap().len(),
                    "{what}: {line}"
                );
                for (cell, expected) in cells.into_iter().zip(expected.as_array().unwrap()) {
                    match expected.as_f64() {
                        Some(number) => {
                            assert_close(&[cell.parse().unwrap()], &[number], tolerance, &what)
                        }
                        None => assert_eq!(Some(cell), expected.as_str(), "{what}: {line}"),
                    }
                }
            }
            models += 1;
        }
    }
    assert!(models >= 30, "{models} models");
}

/// The bytes of a file of JSON in JSON, with `old` in the place of `new`, the last one: a checkpoint
/// has a config with a format of its own before it.
fn with_format(file: &Path, old: u64, new: u64) -> Vec<u8> {
    let mut bytes = std::fs::read(file).unwrap();
    let text = |format: u64| format!(r#"\"format\":{format}"#).into_bytes();
    let (old, new) = (text(old), text(new));
    let at = bytes.windows(old.len()).rposition(|window| window == old);
    bytes[at.unwrap()..][..old.len()].copy_from_slice(&new);
    bytes
}

#[test]
fn a_model_has_a_newer_number_only_if_programs_of_before_would_predict_otherwise() {
    let expected = expected();
    for format in [2, 3, 4] {
        for (name, model) in expected[&format.to_string()]["models"].as_object().unwrap() {
            assert_eq!(model["format"], format, "{name}");
            let bytes =
                std::fs::read(formats().join(format!("{format}/{name}.safetensors"))).unwrap();
            let refused = ModelFile::from_bytes(&bytes, format - 1)
                .unwrap_err()
                .to_string();
            let number = format!(
                "written by a newer Thalweg (format {format}); this one reads up to {}: update",
                format - 1
            );
            assert_eq!(refused, number, "{name}");
        }
    }
    let train = |field: &str, value: Value| {
        let trainer = Trainer::from_file("builtin:iris").set("training.epochs", 2);
        let model = trainer.set(field, value).fit().unwrap();
        ModelFile::from_bytes(&model.to_bytes().unwrap(), u64::MAX)
            .unwrap()
            .format
    };
    // A metric that chooses the epoch changes no answer of the model.
    assert_eq!(train("judging.metric", "accuracy".into()), 1);
    assert_eq!(
        train(
            "data.fit.class_weight",
            serde_json::json!({ "setosa": 3.0 })
        ),
        2
    );
}

#[test]
fn configs_checkpoints_and_logs_of_every_generation_are_read() {
    for (generation, expected) in &with_runs() {
        let expected = &expected["checkpoint"];
        let folder = RunFolder::at(&formats().join(generation).join("run"));
        let config = Config::read(&folder.file("config.toml")).unwrap();
        assert_eq!(config.data.source, "builtin:iris");
        assert_eq!(config.network.layers.len(), 2);
        assert_eq!(config.training.batch_size, 16);

        let stored = Stored::read(&folder, "").unwrap().unwrap();
        assert_eq!(*stored.config(), config);
        let engine = cpu::engine(&config.network, &config.training, 1).unwrap();
        let checkpoint = stored.checkpoint(&engine.parameters()).unwrap();
        assert_eq!(checkpoint.epoch as u64, expected["epoch"]);
        assert_eq!(checkpoint.step, expected["step"]);
        assert_eq!(checkpoint.state.slots.len() as u64, expected["slots"]);
        let weight = numbers(&expected["weight"]);
        assert_eq!(checkpoint.state.parameters[..weight.len()], weight);
        let slot = numbers(&expected["first_slot"]);
        assert_eq!(checkpoint.state.slots[0][..slot.len()], slot);
        // It was interrupted, and has no last event.
        assert_eq!(log::end(&folder).unwrap(), None);
    }
}

#[test]
fn runs_of_every_generation_go_on() {
    for (generation, expected) in &with_runs() {
        let epoch = expected["checkpoint"]["epoch"].as_u64().unwrap() as usize;
        let (_folder, run) = copy(&format!("{generation}/run"));
        let mut epochs = Vec::new();
        let ended = Trainer::default()
            .folder(&run)
            .resume()
            .on_epoch(|report| {
                epochs.push(report.epoch);
                match epochs.len() {
                    2 => Flow::Stop,
                    _ => Flow::Continue,
                }
            })
            .train()
            .unwrap();
        assert!(ended.is_interrupted());
        assert_eq!(epochs, [epoch + 1, epoch + 2], "{generation}");
    }
}

#[test]
fn newer_formats_are_refused_by_name_with_what_to_do() {
    let (_folder, run) = copy("1/run");
    let refuse = |file: &str, old: &str, new: &str| {
        let path = run.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{file}: {text}");
        std::fs::write(&path, text.replacen(old, new, 1)).unwrap();
        let error = Trainer::default().folder(&run).resume().train().err();
        std::fs::write(&path, text).unwrap();
        error.unwrap()
    };
    for (file, old, new, newest) in [
        ("config.toml", "format = 1", "format = 3", 2),
        (
            "config.toml",
            "format = 1",
            "format = 3\nnew_field = true",
            2,
        ),
        ("log.jsonl", "\"format\":1", "\"format\":2", 1),
    ] {
        let error = refuse(file, old, new);
        let line = error.to_string();
        assert!(error.is_input(), "{line}");
        assert!(line.contains(file), "{line}");
        let newer = format!("written by a newer Thalweg (format {})", newest + 1);
        assert!(line.contains(&newer), "{line}");
        let reads = format!("this one reads up to {newest}: update");
        assert!(line.ends_with(&reads), "{line}");
    }
    for file in ["1/regression.safetensors", "1/run/checkpoint.safetensors"] {
        let newer = with_format(&formats().join(file), 1, 9);
        let error: Error = match file.contains("checkpoint") {
            false => Model::from_bytes(&newer, file.into()).unwrap_err(),
            true => {
                std::fs::write(run.join("checkpoint.safetensors"), newer).unwrap();
                Stored::read(&RunFolder::at(&run), "").err().unwrap()
            }
        };
        let line = error.to_string();
        assert!(line.contains("written by a newer Thalweg"), "{line}");
        assert!(error.is_input() && line.contains("update"), "{line}");
    }
}
