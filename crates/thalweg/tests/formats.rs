//! Files of every generation are read by this one: `formats/0` is from before formats had versions, `formats/1` of
//! format 1. What they should say was worked out by `formats/expected.py`, which shares no code with Thalweg.

use std::path::{Path, PathBuf};

use serde_json::Value;
use thalweg::checkpoint::Stored;
use thalweg::config::Config;
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
    let rows = formats().join("rows.csv");
    let mut models = 0;
    for (generation, expected) in &expected() {
        for (name, predictions) in expected["models"].as_object().unwrap() {
            let what = format!("{generation}/{name}.safetensors");
            let model = Model::load(formats().join(&what)).unwrap();
            let found = model.predict_file(rows.to_str().unwrap()).unwrap();
            // The floating-point precision of the model.
            let tolerance = if name.ends_with("f64") { 1e-12 } else { 1e-6 };
            assert_close(&found.values, &numbers(predictions), tolerance, &what);
            models += 1;
        }
    }
    assert!(models >= 6, "{models} models");
}

#[test]
fn configs_checkpoints_and_logs_of_every_generation_are_read() {
    for (generation, expected) in &expected() {
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
    for (generation, expected) in &expected() {
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
    // The header of a model file or a checkpoint is JSON in JSON.
    for file in ["1/regression.safetensors", "1/run/checkpoint.safetensors"] {
        let bytes = std::fs::read(formats().join(file)).unwrap();
        let (old, new) = (br#"\"format\":1"#, br#"\"format\":2"#);
        // The last one: a checkpoint has a config with a format of its own before it.
        let at = bytes.windows(old.len()).rposition(|window| window == old);
        let mut newer = bytes.clone();
        newer[at.unwrap()..][..old.len()].copy_from_slice(new);
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
