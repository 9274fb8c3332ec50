//! Runs the program in a folder of its own.

#![allow(dead_code, reason = "every test binary uses a part of this")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder in which the program runs.
pub struct Workplace {
    folder: TempDir,
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Workplace {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// The names of the files in a folder, sorted.
    pub fn files(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program with the words of `line`.
    pub fn run(&self, line: &str) -> Ended {
        Ended::from(self.command(line.split_whitespace()).output().unwrap())
    }

    /// Runs the program, which must succeed.
    pub fn succeed(&self, line: &str) -> Ended {
        let ended = self.run(line);
        assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
        ended
    }

    /// Runs `train … --json` and gives its result.
    pub fn train(&self, line: &str) -> Value {
        let ended = self.succeed(&format!("train {line} --quiet --json"));
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Runs the program, which must refuse its input in one line, and gives the line.
    pub fn refused(&self, line: &str) -> String {
        let ended = self.run(line);
        assert_eq!(ended.code, Some(2), "{line}: {ended:?}");
        let lines: Vec<&str> = ended.stderr.lines().filter(|line| !is_note(line)).collect();
        let [message] = lines.as_slice() else {
            panic!("{line}: not one line: {}", ended.stderr);
        };
        assert!(message.starts_with("thalweg: "), "{line}: {message}");
        assert!(
            message.chars().count() < 500 && !message.contains(char::is_control),
            "{line}: {message}"
        );
        (*message).to_owned()
    }
}

fn is_note(line: &str) -> bool {
    let is_progress = ["looking at rows", "reading rows", "shuffling rows"].contains(&line);
    is_progress || line.starts_with("note: ") || line.starts_with("warning: ")
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The events of a log.
pub fn events(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A file of the data sets that lie beside the project.
pub fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path)
}

/// Numbers between −1 and 1 that look drawn at random.
pub fn noise(i: usize) -> f64 {
    let x = ((i as f64 + 1.0) * 12.9898).sin() * 43758.5453;
    2.0 * (x - x.floor()) - 1.0
}

/// `rows` lines under a header.
pub fn csv(header: &str, rows: usize, line: impl Fn(usize) -> String) -> String {
    let lines: Vec<String> = (0..rows).map(line).collect();
    format!("{header}\n{}\n", lines.join("\n"))
}
