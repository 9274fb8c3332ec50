//! `cargo xtask compare OLD NEW`: two `thalweg` programs train the same configurations and must end in the same bits.
//!
//! Compared are the tensors of `model.safetensors`, byte by byte, and the predictions. Metadata and messages may differ.
//! The configurations stand in `compare/cases.txt`; data are built in or written here.

mod inputs;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;
use crate::process::{command, output, target, words};

const CASES: &str = include_str!("compare/cases.txt");

/// A configuration: its name, and its runs in order, as words of the command line.
struct Case {
    name: &'static str,
    runs: Vec<&'static str>,
}

/// The configurations of a text such as `compare/cases.txt`.
fn parse(text: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match (
            line.strip_prefix("then "),
            line.split_once(": "),
            cases.last_mut(),
        ) {
            (Some(run), _, Some(case)) => case.runs.push(run),
            (_, Some((name, run)), _) => cases.push(Case {
                name,
                runs: vec![run],
            }),
            _ => {}
        }
    }
    cases
}

/// Trains every configuration, or the one named, with both programs and prints a line for each.
pub fn run(old: &str, new: &str, only: Option<&str>) -> Result<()> {
    let programs = [("old", program(old)?), ("new", program(new)?)];
    let mut cases = parse(CASES);
    cases.retain(|case| only.is_none_or(|only| only == case.name));
    if cases.is_empty() {
        return Err("compare: no such name in xtask/src/compare/cases.txt".to_owned());
    }
    let folder = target().join("compare");
    let _ = fs::remove_dir_all(&folder);
    inputs::write(&folder)?;
    let mut failed = Vec::new();
    for Case { name, runs } in &cases {
        let start = Instant::now();
        let train = |(side, program): &(&str, PathBuf)| {
            Side::train(program, &folder, &format!("{side}/{name}"), runs)
        };
        let difference = match (train(&programs[0]), train(&programs[1])) {
            (Ok(old), Ok(new)) => old.difference(&new).map_or(Ok(old.bytes()), Err),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let seconds = start.elapsed().as_secs_f64();
        match difference {
            Ok(bytes) => println!("same     {name:<24} {bytes:>7} bytes  {seconds:>5.1} s"),
            Err(difference) => {
                println!("DIFFERS  {name:<24} {difference}");
                failed.push(*name);
            }
        }
    }
    let (all, count) = (cases.len(), failed.len());
    if count > 0 {
        return Err(format!(
            "{count} of {all} configurations differ: {}",
            failed.join(", ")
        ));
    }
    println!("{all} configurations: the same bits in all");
    Ok(())
}

fn program(path: &str) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))
}

/// What one program made of a case: its models in order, and the last one's predictions.
struct Side {
    models: Vec<Model>,
    predictions: String,
}

impl Side {
    /// Trains run after run into `out/1`, `out/2`, …; in a line `@1` is the folder of the first run.
    fn train(program: &Path, folder: &Path, out: &str, runs: &[&str]) -> Result<Self> {
        let mut models = Vec::new();
        for (k, line) in runs.iter().enumerate() {
            let own = format!("{out}/{}", k + 1);
            let line = line.replace('@', &format!("{out}/"));
            let (is_killed, line) = match line.strip_prefix("killed ") {
                Some(line) => (true, line),
                None => (false, line.as_str()),
            };
            let mut train = command(program);
            train
                .current_dir(folder)
                .args(["train", "--quiet", "--out", &own]);
            train.args(line.split_whitespace());
            if is_killed {
                kill(&mut train, &folder.join(&own))?;
                train = command(program);
                train
                    .current_dir(folder)
                    .args(["train", "--quiet", "--resume", "--out", &own]);
            }
            output(&mut train)?;
            models.push(Model::read(&folder.join(&own).join("model.safetensors"))?);
        }
        let data = runs[0]
            .trim_start_matches("killed ")
            .split_whitespace()
            .next();
        let mut predict = command(program);
        predict
            .current_dir(folder)
            .args(["predict", &format!("{out}/{}", runs.len())]);
        let predictions = output(predict.args(data))?;
        Ok(Self {
            models,
            predictions,
        })
    }

    fn bytes(&self) -> usize {
        let models = self.models.iter().flat_map(|model| model.0.values());
        models.map(|tensor| tensor.bytes.len()).sum::<usize>() + self.predictions.len()
    }

    fn difference(&self, other: &Self) -> Option<String> {
        let mut pairs = self.models.iter().zip(&other.models).enumerate();
        let of_models = pairs.find_map(|(k, (a, b))| {
            a.difference(b)
                .map(|difference| format!("run {}: {difference}", k + 1))
        });
        of_models.or_else(|| {
            let mut lines = self.predictions.lines().zip(other.predictions.lines());
            let line = lines.position(|(a, b)| a != b);
            (self.predictions != other.predictions).then(|| match line {
                Some(line) => format!("predictions: line {}", line + 1),
                None => "predictions: their number".to_owned(),
            })
        })
    }
}

/// Kills a run when it has written a checkpoint, which is after two seconds.
fn kill(train: &mut Command, folder: &Path) -> Result<()> {
    let failed = |error: std::io::Error| format!("train: {error}");
    let mut child = train.stdout(Stdio::null()).spawn().map_err(failed)?;
    while !folder.join("checkpoint.safetensors").exists() {
        if child.try_wait().map_err(failed)?.is_some() {
            return Err(format!(
                "`{}` was over before its first checkpoint",
                words(train)
            ));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().map_err(failed)?;
    child.wait().map_err(failed)?;
    Ok(())
}

/// The tensors of a safetensors file, by their names.
#[derive(Debug, PartialEq)]
struct Model(BTreeMap<String, Tensor>);

#[derive(Debug, PartialEq)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    bytes: Vec<u8>,
}

impl Model {
    fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&bytes).ok_or_else(|| format!("{}: not a safetensors file", path.display()))
    }

    /// Eight bytes of length, a JSON header of names with dtype, shape and place, and the values.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (header, values) = rest.split_at_checked(u64::from_le_bytes(*length) as usize)?;
        let header: BTreeMap<String, Value> = serde_json::from_slice(header).ok()?;
        let tensors = header
            .into_iter()
            .filter(|(name, _)| name != "__metadata__");
        let tensors = tensors.map(|(name, entry)| {
            let place = |k: usize| {
                entry["data_offsets"][k]
                    .as_u64()
                    .map(|place| place as usize)
            };
            let shape = entry["shape"].as_array()?.iter().map(Value::as_u64);
            let tensor = Tensor {
                dtype: entry["dtype"].as_str()?.to_owned(),
                shape: shape.collect::<Option<_>>()?,
                bytes: values.get(place(0)?..place(1)?)?.to_vec(),
            };
            Some((name, tensor))
        });
        tensors.collect::<Option<_>>().map(Self)
    }

    fn difference(&self, other: &Self) -> Option<String> {
        let names = self.0.keys().chain(other.0.keys());
        names.into_iter().find_map(|name| {
            let (Some(a), Some(b)) = (self.0.get(name), other.0.get(name)) else {
                return Some(format!("only one has {name}"));
            };
            if (&a.dtype, &a.shape) != (&b.dtype, &b.shape) {
                return Some(format!(
                    "{name}: {} {:?}, then {} {:?}",
                    a.dtype, a.shape, b.dtype, b.shape
                ));
            }
            let count = a.bytes.iter().zip(&b.bytes).filter(|(a, b)| a != b).count();
            (count > 0).then(|| format!("{name}: {count} of {} bytes", a.bytes.len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one tensor of two numbers in single precision.
    fn file(metadata: &str, values: [f32; 2]) -> Vec<u8> {
        let header = format!(
            r#"{{"__metadata__":{{"thalweg":"{metadata}"}},"w":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}}}"#
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.into_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    #[test]
    fn tensors_are_compared_bit_by_bit_and_metadata_are_not() {
        let model = |metadata, values| Model::parse(&file(metadata, values)).unwrap();
        let one = model("a", [1.0, 0.0]);
        assert_eq!(one.difference(&model("format 2", [1.0, 0.0])), None);
        assert_eq!(
            one.difference(&model("a", [1.0, -0.0])).as_deref(),
            Some("w: 1 of 8 bytes")
        );
        let none = Model(BTreeMap::new());
        assert_eq!(one.difference(&none).as_deref(), Some("only one has w"));
        assert_eq!(none.difference(&one).as_deref(), Some("only one has w"));
        assert_eq!(Model::parse(&file("a", [1.0, 0.0])[..60]), None);
    }

    #[test]
    fn predictions_are_compared_as_well() {
        let side = |text: &str| Side {
            models: Vec::new(),
            predictions: text.to_owned(),
        };
        assert_eq!(side("a\n1\n").difference(&side("a\n1\n")), None);
        let difference = side("a\n1\n").difference(&side("a\n2\n"));
        assert_eq!(difference.as_deref(), Some("predictions: line 2"));
        assert!(side("a\n").difference(&side("a\n1\n")).is_some());
    }

    #[test]
    fn every_configuration_is_read_and_has_a_name_of_its_own() {
        let cases = parse(CASES);
        let runs: usize = cases.iter().map(|case| case.runs.len()).sum();
        assert_eq!(runs, CASES.matches("--threads").count());
        let mut names: Vec<&str> = cases.iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), cases.len());
        assert!(names.len() >= 30);
    }
}
