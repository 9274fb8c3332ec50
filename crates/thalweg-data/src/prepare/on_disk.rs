//! Rows as the network sees them in a file of their own, with a sample of them in memory.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use thalweg_core::dataset::{Dataset, Targets, Values};
use thalweg_core::engine::Batch;
use thalweg_core::source::RowSource;
use thalweg_core::source::block_file::{
    BlockFile, BlockWriter, Layout, SparseFile, SparseIndex, SparseWriter,
};

use super::sums::{RowsSum, Summing};
use crate::error::{Error, Location, Result};
use crate::preprocess::Dtype;
use crate::shared_file::SharedFile;

/// Rows in a file that has no name, and goes with the last of its readers.
#[derive(Debug, Clone)]
pub struct RowsOnDisk {
    file: SharedFile,
    /// Where sparse rows are.
    index: Option<SparseIndex>,
    rows: usize,
    /// Some of them, evenly spaced.
    pub sample: Dataset,
    /// The rows of each class.
    pub class_rows: Vec<usize>,
    /// By what they are known again.
    pub sum: RowsSum,
}

impl RowsOnDisk {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The rows as a source of batches, which are read ahead.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn source(&self) -> thalweg_core::Result<Box<dyn RowSource>> {
        let (from, ahead) = (self.file.clone(), self.file.clone());
        Ok(match &self.index {
            Some(index) => Box::new(SparseFile::open(from, ahead, index)),
            None => Box::new(BlockFile::open_ahead(from, ahead)?),
        })
    }
}

/// Where the rows of a part go.
pub(super) enum Sink {
    Memory(Option<Dataset>),
    Disk(Box<Writing>),
}

/// Rows on their way to disk.
pub(super) struct Writing {
    file: File,
    folder: PathBuf,
    writer: Option<Writer>,
    direct: bool,
    is_double: bool,
    block_rows: usize,
    rows: usize,
    sample: Option<Dataset>,
    class_rows: Vec<usize>,
    summing: Summing,
}

enum Writer {
    Dense(BlockWriter<File>),
    Sparse(SparseWriter<File>),
}

impl Writer {
    /// A file of rows such as these.
    fn new(
        file: File,
        rows: &Dataset,
        is_double: bool,
        block_rows: usize,
    ) -> thalweg_core::Result<Self> {
        Ok(match rows.features.values {
            Values::Sparse(_) => {
                Writer::Sparse(SparseWriter::new(file, rows, is_double, block_rows)?)
            }
            _ => Writer::Dense(BlockWriter::new(file, Layout::of(rows, block_rows))?),
        })
    }

    fn write(&mut self, rows: &Dataset) -> thalweg_core::Result<()> {
        let batch = Batch::all(rows);
        match self {
            Writer::Dense(writer) => writer.write(&batch),
            Writer::Sparse(writer) => writer.write(&batch),
        }
    }

    fn finish(self) -> thalweg_core::Result<(File, Option<SparseIndex>)> {
        match self {
            Writer::Dense(writer) => Ok((writer.finish()?, None)),
            Writer::Sparse(writer) => {
                let (file, index) = writer.finish()?;
                Ok((file, Some(index)))
            }
        }
    }
}

impl Sink {
    /// A new file in a folder, for rows of a run in this precision.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn on_disk(
        (folder, direct): (&Path, bool),
        name: &str,
        dtype: Dtype,
        block_rows: usize,
    ) -> Result<Self> {
        // In another container a process may have the same number.
        let now = UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos());
        let path = folder.join(format!(".{name}.{}-{now}.rows", std::process::id()));
        let create = || {
            let mut options = OpenOptions::new();
            let file = options
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)?;
            // Its handles keep it; a process that is killed leaves nothing.
            fs::remove_file(&path)?;
            Ok(file)
        };
        Ok(Self::Disk(Box::new(Writing {
            file: create().map_err(|error: std::io::Error| unwritable(folder, &error.into()))?,
            folder: folder.to_owned(),
            writer: None,
            direct,
            is_double: dtype == Dtype::F64,
            block_rows,
            rows: 0,
            sample: None,
            class_rows: Vec::new(),
            summing: Summing::default(),
        })))
    }

    /// Adds rows, and those among them that belong to the sample.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn add(&mut self, rows: Dataset, sample: Option<Dataset>) -> Result<()> {
        let to = match self {
            Self::Memory(all) => {
                append(all, rows);
                return Ok(());
            }
            Self::Disk(to) => to,
        };
        to.rows += rows.rows();
        to.summing.add(rows.view());
        if let Targets::Classes(classes) = &rows.targets {
            for class in classes.iter().map(|class| *class as usize) {
                to.class_rows.resize(to.class_rows.len().max(class + 1), 0);
                to.class_rows[class] += 1;
            }
        }
        if to.writer.is_none() {
            let file = to
                .file
                .try_clone()
                .map_err(|error| unwritable(&to.folder, &error.into()))?;
            let writer = Writer::new(file, &rows, to.is_double, to.block_rows);
            to.writer = Some(writer.map_err(|error| unwritable(&to.folder, &error))?);
        }
        if let Some(writer) = &mut to.writer {
            let written = writer.write(&rows);
            written.map_err(|error| unwritable(&to.folder, &error))?;
        }
        if let Some(sample) = sample {
            append(&mut to.sample, sample);
        }
        Ok(())
    }

    /// The rows, if there are any.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn finish(self) -> Result<Option<Placed>> {
        let written = match self {
            Self::Memory(all) => return Ok(all.map(Placed::InMemory)),
            Self::Disk(written) => *written,
        };
        let (Some(writer), Some(sample)) = (written.writer, written.sample) else {
            return Ok(None);
        };
        let fail = |error| unwritable(&written.folder, &error);
        let (file, index) = writer.finish().map_err(fail)?;
        Ok(Some(Placed::OnDisk(RowsOnDisk {
            file: match written.direct {
                true => SharedFile::direct(file).map_err(|error| fail(error.into()))?,
                false => SharedFile::new(file),
            },
            index,
            rows: written.rows,
            sample,
            class_rows: written.class_rows,
            sum: written.summing.finish(),
        })))
    }
}

/// Where the rows of a part are.
#[derive(Debug, Clone)]
pub enum Placed {
    /// All in memory.
    InMemory(Dataset),
    /// On disk, with a sample in memory.
    OnDisk(RowsOnDisk),
}

/// Puts rows of the same kind behind others.
pub fn append(all: &mut Option<Dataset>, added: Dataset) {
    let Some(all) = all else {
        *all = Some(added);
        return;
    };
    match (&mut all.features.values, added.features.values) {
        (Values::F32(all), Values::F32(added)) => all.extend(added),
        (Values::F64(all), Values::F64(added)) => all.extend(added),
        (Values::U8 { bytes: all, .. }, Values::U8 { bytes: added, .. }) => all.extend(added),
        // Rows of one preprocessing have one width.
        (Values::Sparse(all), Values::Sparse(added)) => drop(all.append(&added)),
        _ => {}
    }
    match (&mut all.targets, added.targets) {
        (Targets::Classes(all), Targets::Classes(added)) => all.extend(added),
        (Targets::Values { values: all, .. }, Targets::Values { values: added, .. }) => {
            all.extend(added)
        }
        _ => {}
    }
    if let (Some(all), Some(added)) = (&mut all.weights, added.weights) {
        all.extend(added);
    }
}

fn unwritable(folder: &Path, error: &thalweg_core::Error) -> Error {
    let found = format!("no room for the rows on disk ({error})");
    let place = Location::file(folder.display().to_string());
    let error = Error::invalid(place, found, "a place for them");
    error.remedy("free space there, or choose another place by `options.cache`")
}
