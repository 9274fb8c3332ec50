//! Event files of TensorBoard: what the log of a run records, as scalars.
//!
//! Such a file is a sequence of records, and each record is an event in the encoding of protocol buffers:
//! `Event { 1: double wall_time, 2: int64 step, 3: string file_version, 5: Summary { 1: Value { 1: string
//! tag, 2: float simple_value } … } }`. A record is its length in 8 bytes, a checksum of these, the bytes,
//! and a checksum of them; lowest byte first (TensorFlow, `record_writer.h` and `event.proto`).

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use thalweg::run_folder::{LOG, RunFolder};
use thalweg::watch::{Beginning, Watch};
use thalweg_core::engine::StepReport;
use thalweg_core::observe::EpochReport;
use thalweg_core::train::{Flow, Observer, Run};

/// What the names of event files begin with.
const PREFIX: &str = "events.out.tfevents.";

/// Writes what the log gets into an event file in the run's folder too. A file that cannot be written
/// does not end the run: see [`Events::finish`].
pub struct Events<'a> {
    inner: &'a mut dyn Watch,
    file: Option<(File, PathBuf)>,
    failure: Option<String>,
}

impl<'a> Events<'a> {
    /// Hands everything on to `inner`.
    pub fn new(inner: &'a mut dyn Watch) -> Self {
        Self {
            inner,
            file: None,
            failure: None,
        }
    }

    /// The file that was written.
    ///
    /// # Errors
    /// What went wrong, as a line.
    pub fn finish(self) -> Result<Option<PathBuf>, String> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.file.map(|(_, path)| path)),
        }
    }

    /// A new file in the place of those of earlier parts of the run, which its log repeats.
    fn open(folder: &RunFolder) -> io::Result<(File, PathBuf)> {
        let path = folder.file(&format!("{PREFIX}{:010}.thalweg", now() as u64));
        for entry in std::fs::read_dir(folder.file(""))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                std::fs::remove_file(entry.path())?;
            }
        }
        let mut file = File::create(&path)?;
        file.write_all(&record(&version()))?;
        file.write_all(&records(&std::fs::read_to_string(folder.file(LOG))?))?;
        Ok((file, path))
    }

    fn failed(&mut self, path: &Path, error: &io::Error) {
        let text = format!("{}: cannot be written: {error}", path.display());
        (self.file, self.failure) = (None, Some(text));
    }
}

impl Watch for Events<'_> {
    fn begin(&mut self, beginning: &Beginning) -> thalweg::Result<()> {
        if let Some(folder) = beginning.folder {
            match Self::open(folder) {
                Ok(file) => self.file = Some(file),
                Err(error) => self.failed(&folder.file(PREFIX), &error),
            }
        }
        self.inner.begin(beginning)
    }

    fn race(&mut self, recipes: usize, part: usize) {
        self.inner.race(recipes, part);
    }

    fn member(&mut self, member: usize, report: Option<&EpochReport>) -> thalweg::Result<Flow> {
        self.inner.member(member, report)
    }

    fn logged(&mut self, lines: &str) {
        if let Some((file, path)) = &mut self.file
            && let Err(error) = file.write_all(&records(lines))
        {
            let path = path.clone();
            self.failed(&path, &error);
        }
        self.inner.logged(lines);
    }
}

impl Observer for Events<'_> {
    fn step(&mut self, run: &mut Run, report: &StepReport) -> thalweg_core::Result<Flow> {
        self.inner.step(run, report)
    }

    fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> thalweg_core::Result<Flow> {
        self.inner.epoch(run, report)
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// The records of lines of a log.
fn records(lines: &str) -> Vec<u8> {
    let events = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let scalars = events.filter_map(|event| scalars(&event));
    let event = |(step, scalars): (u64, Vec<(String, f64)>)| record(&event(now(), step, &scalars));
    scalars.flat_map(event).collect()
}

/// The scalars of an event of the log, with the update or the epoch that they belong to.
fn scalars(event: &Map<String, Value>) -> Option<(u64, Vec<(String, f64)>)> {
    let kind = event
        .get("event")?
        .as_str()
        .filter(|kind| ["step", "epoch"].contains(kind))?;
    let place = event.get(kind)?.as_u64()?;
    let own = event
        .iter()
        .filter(|(name, _)| !["step", "epoch"].contains(&name.as_str()));
    let own = own.filter_map(|(name, value)| Some((format!("{kind}/{name}"), value.as_f64()?)));
    let layers = event.get("layers").and_then(Value::as_array);
    let of_layer = |layer: &Value| {
        let name = layer["name"].as_str().unwrap_or_default().to_owned();
        let values = layer.as_object().cloned().unwrap_or_default().into_iter();
        values.filter_map(move |(quantity, value)| {
            Some((format!("{quantity}/{name}"), value.as_f64()?))
        })
    };
    let layers = layers.into_iter().flatten().flat_map(of_layer);
    Some((place, own.chain(layers).collect()))
}

/// The first event of a file.
fn version() -> Vec<u8> {
    let mut event = Vec::new();
    double(&mut event, 1, now());
    bytes(&mut event, 3, b"brain.Event:2");
    event
}

fn event(wall_time: f64, step: u64, scalars: &[(String, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in scalars {
        let mut entry = Vec::new();
        bytes(&mut entry, 1, tag.as_bytes());
        entry.push(2 << 3 | FIXED_32);
        entry.extend((*value as f32).to_le_bytes());
        bytes(&mut summary, 1, &entry);
    }
    let mut event = Vec::new();
    double(&mut event, 1, wall_time);
    event.push(2 << 3 | VARINT);
    varint(&mut event, step);
    bytes(&mut event, 5, &summary);
    event
}

const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const DELIMITED: u8 = 2;
const FIXED_32: u8 = 5;

fn double(to: &mut Vec<u8>, field: u8, value: f64) {
    to.push(field << 3 | FIXED_64);
    to.extend(value.to_le_bytes());
}

fn bytes(to: &mut Vec<u8>, field: u8, value: &[u8]) {
    to.push(field << 3 | DELIMITED);
    varint(to, value.len() as u64);
    to.extend(value);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// A checksum of bytes that may themselves hold checksums.
fn masked(data: &[u8]) -> [u8; 4] {
    let sum = crc32c(data);
    sum.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The cyclic redundancy check of Castagnoli, Bräuer & Herrmann 1993.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |sum, byte| {
        TABLE[usize::from(sum as u8 ^ byte)] ^ (sum >> 8)
    })
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = (byte as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0x82f6_3b78
            } else {
                sum >> 1
            };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn a_line_of_the_log_becomes_its_numbers() {
        let line = r#"{"event":"epoch","epoch":300,"train_loss":0.5,"validation_loss":null,
            "layers":[{"name":"layers.0","mean":0.25}]}"#;
        let (step, scalars) = scalars(&serde_json::from_str(line).unwrap()).unwrap();
        let expected = [("epoch/train_loss", 0.5), ("mean/layers.0", 0.25)];
        assert_eq!(step, 300);
        assert_eq!(
            scalars,
            expected.map(|(tag, value)| (tag.to_owned(), value))
        );
        let bytes = event(1.5, step, &scalars[..1]);
        let head = [
            &[0x09][..],
            &1.5f64.to_le_bytes(),
            &[0x10, 0xac, 0x02, 0x2a],
        ]
        .concat();
        assert_eq!(bytes[..head.len()], head);
        assert!(
            super::scalars(&serde_json::from_str(r#"{"event":"end","epochs":3}"#).unwrap())
                .is_none()
        );
    }
}
