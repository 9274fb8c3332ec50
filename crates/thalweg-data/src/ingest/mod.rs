//! From a source to a cache: a look at all rows, by which it is decided how columns are read; a second pass that
//! types them; and the external shuffle.
//!
//! The file appears under its name when it is finished and synced. What a killed ingest leaves has another name, and
//! the next one removes it.

mod pieces;
mod several;
mod spill;
mod survey;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

pub use pieces::{Phase, Progress};

use crate::cache::layout::Description;
use crate::cache::origin::Origin;
use crate::cache::writer::{Writer, unwritable};
use crate::cache::{Cache, is_cache_file};
use crate::error::{Error, Note, Result};
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::source::Source;
use crate::stamp::{Meanwhile, changed_meanwhile};
use pieces::{Rows, Teller};
use spill::Spill;

/// Bytes of a block of typed columns, about.
const BLOCK: u64 = 1 << 20;
/// More buckets make each of their pieces small.
const MOST_BUCKETS: u64 = 1 << 12;
/// The most rows of a piece.
const MOST_ROWS: u64 = 1 << 16;
/// Pieces that are held at once: one is visited when the next is read (`Chunks::each`).
const PIECES: u64 = 2;

/// How a cache is made.
#[derive(Debug, Clone)]
pub struct Ingest<'a> {
    /// How the source is read.
    pub read: &'a ReadOptions,
    /// The seed of a random order of the rows; none for that of the source.
    pub shuffle: Option<u64>,
    /// Rows of a block; none for about 1 MiB.
    pub block_rows: Option<usize>,
    /// Bytes of memory that it may take, about.
    pub memory: u64,
    /// The arguments of `thalweg convert` that make it again: those before and after its name, for messages.
    pub again: Option<[String; 2]>,
}

/// What an ingest made.
#[derive(Debug)]
pub struct Ingested {
    /// Number of rows.
    pub rows: u64,
    /// Values of a row: a column of several counts as many.
    pub columns: usize,
    /// What the user should know.
    pub notes: Vec<Note>,
}

/// What is at the place of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Missing,
    /// The cache that an ingest would make.
    Fresh,
    /// Another file: what it is.
    Stale(String),
}

/// Looks for the cache that an ingest would make.
///
/// # Errors
/// If the source cannot be read.
pub fn state(source: &Source, at: &Path, how: &Ingest) -> Result<State> {
    let Ok(file) = File::open(at) else {
        return Ok(State::Missing);
    };
    let cache = match Cache::open(file, &at.display().to_string()) {
        Ok(cache) => cache,
        Err(error) => {
            let what = match error {
                Error::Invalid(invalid) => invalid.found,
                error => error.to_string(),
            };
            return Ok(State::Stale(what));
        }
    };
    let now = origin(source, &how.options())?;
    Ok(match (cache.stale(), cache.is_of(&now)) {
        (Some(how), _) => State::Stale(how),
        (None, false) => State::Stale("it was made in another way".to_owned()),
        (None, true) => State::Fresh,
    })
}

/// Visits the rows of a source in their order, about `size` at a time: caches and files of formats that are read in pieces.
/// Other sources are read as a whole, with their test part. Gives notes on the source.
///
/// # Errors
/// If it cannot be read, or `visit` fails.
pub fn each_piece(
    source: &Source,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Loaded) -> Result<()>,
) -> Result<Vec<Note>> {
    pieces::each_piece(source, options, size, visit)
}

/// What a source takes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Bytes of the process with all of its rows, about.
    pub bytes: u64,
    /// Whether it can be read in pieces instead.
    pub in_pieces: bool,
}

/// What the rows of a source take in memory, with inputs of so many bytes; none where it is not known before they are
/// read.
///
/// # Errors
/// If it cannot be read.
pub fn need(source: &Source, options: &ReadOptions, value: u64) -> Result<Option<Need>> {
    /// Target, split and order of a row.
    const ROW: u64 = 40;
    /// The program, its network, windows of a file and a report.
    const BASE: u64 = 24 << 20;
    let cells_and_rows = match source {
        Source::Path(path) if is_cache_file(path) => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| Error::reading(&name, error))?;
            let cache = Cache::open(file, &name)?;
            Some((cache.cells(), cache.rows() as u64))
        }
        _ => pieces::size(source, options)?,
    };
    if let Some((cells, rows)) = cells_and_rows {
        let bytes = BASE + cells * (8 + value) + rows * ROW;
        return Ok(Some(Need {
            bytes,
            in_pieces: true,
        }));
    }
    // The file, its table and its inputs.
    let bytes = BASE + pieces::bytes_of(&source.paths()?)? * 5 / 2;
    let is_of_files = matches!(source, Source::Path(_) | Source::Files(_));
    Ok(is_of_files.then_some(Need {
        bytes,
        in_pieces: false,
    }))
}

impl Ingest<'_> {
    /// How the source is read, the order included.
    fn options(&self) -> ReadOptions {
        ReadOptions {
            shuffle: self.shuffle,
            ..self.read.clone()
        }
    }
}

/// Makes a cache of a source.
///
/// Memory is bounded for formats that are read in pieces. Files of others are read whole.
///
/// # Errors
/// If the source cannot be read, changes meanwhile, or has a test part of its own; if the cache cannot be written.
pub fn ingest(
    source: &Source,
    to: &Path,
    how: &Ingest,
    tell: &mut dyn FnMut(&Progress),
) -> Result<Ingested> {
    let name = to.display().to_string();
    let options = how.options();
    let files = Meanwhile::of(source.paths()?);
    // What was found may be a row that was cut.
    let by_change = |error| files.check().err().unwrap_or(error);
    let mut before = origin(source, &options)?;
    before.again.clone_from(&how.again);
    let own = Temporary::new(to);
    let fail = |error| unwritable(&name, error);
    let (out, spill) = (
        own.create().map_err(fail)?,
        own.create_nameless().map_err(fail)?,
    );
    let (rows, notes) = Rows::of(
        source,
        &ReadOptions {
            shuffle: None,
            ..options.clone()
        },
        &mut Teller::new(tell, before.bytes()),
    )
    .map_err(by_change)?;
    let mut teller = Teller::new(tell, before.bytes());
    let to_files = (out, spill);
    let out = write(&rows, &before, to_files, &name, how, &mut teller).map_err(by_change)?;
    let mut after = origin(source, &options)?;
    after.again.clone_from(&how.again);
    if after != before {
        files.check()?;
        return Err(changed_meanwhile(source.to_string()));
    }
    out.sync_all().and_then(|()| own.put(to)).map_err(fail)?;
    Ok(Ingested {
        rows: rows.count(),
        columns: rows.columns().width(),
        notes,
    })
}

/// What a source is now.
fn origin(source: &Source, options: &ReadOptions) -> Result<Origin> {
    let mut paths = source.paths()?;
    paths.extend(options.labels.clone());
    Origin::of(source.to_string(), &paths, options)
}

/// Writes a cache to `out`, with `spill` as room on disk.
fn write<O: Write + Seek, S: Read + Write + Seek>(
    rows: &Rows,
    origin: &Origin,
    (out, spill): (O, S),
    name: &str,
    how: &Ingest,
    teller: &mut Teller,
) -> Result<O> {
    let row_bytes = rows.row_bytes();
    let description = Description {
        columns: rows.columns(),
        block_rows: how.block_rows.unwrap_or_else(|| usual_block(row_bytes)),
        shuffle: how.shuffle,
        origin: origin.clone(),
    };
    let size = (how.memory / 16 / PIECES / row_bytes).clamp(256, MOST_ROWS) as usize;
    let mut writer = Writer::new(out, name, &description)?;
    match how.shuffle {
        None => rows.each(size, teller, &mut |piece| writer.write(piece))?,
        Some(seed) => {
            let all = rows.count().saturating_mul(row_bytes);
            let buckets = all
                .div_ceil((how.memory / 16).max(1))
                .clamp(1, MOST_BUCKETS);
            let mut spill = Spill::new(spill, name, &description.columns, seed, buckets as usize);
            rows.each(size, teller, &mut |piece| spill.add(&piece))?;
            let mut done = 0;
            spill.each(|piece| {
                done += piece.rows.len() as u64;
                writer.write(piece)?;
                teller.tell(
                    Phase::Shuffling,
                    done,
                    0,
                    Some(done as f64 / rows.count().max(1) as f64),
                );
                Ok(())
            })?;
        }
    }
    writer.finish()
}

/// Rows of a block: a power of two, of which about 1 MiB is one. It does not depend on the memory that is free.
pub fn usual_block(row_bytes: u64) -> usize {
    let rows = (BLOCK / row_bytes.max(1)).clamp(256, MOST_ROWS);
    1 << rows.ilog2()
}

/// Files beside a cache that is made, with names of their own. Who writes one holds its lock, also in another container.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn new(to: &Path) -> Self {
        remove_left(to);
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let now = UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos());
        let path = to.with_file_name(format!(".{name}.{}-{now}.tmp", std::process::id()));
        Self { path }
    }

    /// A new file, which [`Self::put`] gives its name.
    fn create(&self) -> io::Result<File> {
        loop {
            let file = File::create_new(&self.path)?;
            // Where the system has no locks, none is taken for one that is left.
            let _ = file.lock();
            // Before it was locked, another process may have taken it for one.
            if self.path.exists() {
                return Ok(file);
            }
        }
    }

    /// A file that is gone with its handle, where the system has such files.
    fn create_nameless(&self) -> io::Result<File> {
        let path = self.path.with_extension("spill");
        let mut options = OpenOptions::new();
        let file = (options.read(true).write(true).create(true).truncate(true)).open(&path)?;
        // Elsewhere it goes with the next ingest.
        let _ = fs::remove_file(&path);
        Ok(file)
    }

    fn put(&self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        // Not every file system can sync a folder.
        let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone if it was put into its place.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.path.with_extension("spill"));
    }
}

/// Removes temporary files of processes that have ended: those beside a cache that nobody has locked.
fn remove_left(to: &Path) {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else {
        return;
    };
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let own = file.strip_prefix(&prefix).and_then(|rest| {
            rest.strip_suffix(".tmp")
                .or_else(|| rest.strip_suffix(".spill"))
        });
        let is_number = |own: &str| own.bytes().all(|c| c.is_ascii_digit() || c == b'-');
        if own.is_some_and(is_number)
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}
