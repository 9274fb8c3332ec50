//! The rows of a source in pieces: of files that are read so twice or more often, or of a table that is read whole.

use std::fs::File;
use std::path::PathBuf;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use thalweg_core::sparse::Csr;

use super::survey::Survey;
use crate::cache::layout::Columns;
use crate::cache::piece::Piece;
use crate::cache::{Cache, is_cache_file};
use crate::compression::plain_name;
use crate::error::{Error, Note, Result, quote};
use crate::formats::{self, Chunks};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::{ExpectedColumns, ReadOptions};
use crate::parts;
use crate::reading::{Readings, apply, interpret};
use crate::source::{Labels, Source, files, read};
use crate::stamp::Meanwhile;
use crate::table::{ColumnData, Lines, Table, text_of_numbers};

/// Rows of a piece of the first pass, and the most of one.
const PIECE: usize = 1 << 14;
/// How often progress is reported.
const EVERY: Duration = Duration::from_millis(200);

/// What an ingest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It looks at all rows, to decide how columns are read.
    Looking,
    /// It reads the rows.
    Reading,
    /// It puts them into their order.
    Shuffling,
}

/// How far an ingest is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// Rows of this phase so far.
    pub rows: u64,
    /// Bytes of the source that this phase has read so far.
    pub bytes: u64,
    /// The share of this phase that is done, where it is known.
    pub done: Option<f64>,
}

/// Hears how far an ingest is, some times a second, and when a phase is over.
pub(super) struct Teller<'a> {
    tell: &'a mut dyn FnMut(&Progress),
    last: Option<Instant>,
    /// Bytes of the source.
    pub all: u64,
}

impl<'a> Teller<'a> {
    pub fn new(tell: &'a mut dyn FnMut(&Progress), all: u64) -> Self {
        Self {
            tell,
            last: None,
            all,
        }
    }

    pub fn tell(&mut self, phase: Phase, rows: u64, bytes: u64, done: Option<f64>) {
        let is_over = done.is_some_and(|done| done >= 1.0);
        if is_over || self.last.is_none_or(|last| last.elapsed() >= EVERY) {
            self.last = Some(Instant::now());
            (self.tell)(&Progress {
                phase,
                rows,
                bytes,
                done,
            });
        }
    }
}

/// Where rows come from.
pub(super) enum Rows {
    /// From files that are read in pieces.
    Files(Box<Files>),
    /// From a table in memory.
    Table(Box<Table>),
}

/// Files that are read in pieces, after a first pass over them.
pub(super) struct Files {
    reader: Reader,
    columns: Columns,
    readings: Readings,
    /// How the second pass reads them.
    options: ReadOptions,
    rows: u64,
    row_bytes: u64,
}

impl Rows {
    /// Those of a source, and what the user should know. Files that can be read in pieces are passed over once.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn of(
        source: &Source,
        options: &ReadOptions,
        teller: &mut Teller,
    ) -> Result<(Self, Vec<Note>)> {
        if let Some(reader) = Reader::of(source, options)? {
            let (files, notes) = Files::survey(reader, options, teller)?;
            return Ok((Rows::Files(Box::new(files)), notes));
        }
        let loaded = read(source, options)?;
        if loaded.test.is_some() {
            let found = "data with a test part of their own";
            let error = Error::invalid(loaded.train.location(), found, "the rows of one table");
            return Err(error.remedy("give the files of each part alone"));
        }
        Ok((Rows::Table(Box::new(loaded.train)), loaded.notes))
    }

    pub fn columns(&self) -> Columns {
        match self {
            Rows::Files(files) => files.columns.clone(),
            Rows::Table(table) => Columns::of(table),
        }
    }

    pub fn count(&self) -> u64 {
        match self {
            Rows::Files(files) => files.rows,
            Rows::Table(table) => table.rows as u64,
        }
    }

    /// Bytes of a row of typed columns, about.
    pub fn row_bytes(&self) -> u64 {
        match self {
            Rows::Files(files) => files.row_bytes,
            Rows::Table(table) => {
                table
                    .columns
                    .iter()
                    .map(|column| bytes(&column.data))
                    .sum::<u64>()
                    + 8
            }
        }
    }

    /// Visits the rows, about `size` at a time.
    ///
    /// # Errors
    /// If they cannot be read, are other than in the first pass, or `visit` fails.
    pub fn each(
        &self,
        size: usize,
        teller: &mut Teller,
        visit: &mut dyn FnMut(Piece) -> Result<()>,
    ) -> Result<()> {
        match self {
            Rows::Files(files) => files.each(size, teller, visit),
            Rows::Table(table) => {
                for start in (0..table.rows).step_by(size) {
                    let rows: Vec<usize> = (start..table.rows.min(start + size)).collect();
                    visit(Piece::new(table.keep(&rows), start as u32))?;
                    let done = (start + rows.len()) as f64 / table.rows as f64;
                    teller.tell(Phase::Reading, (start + rows.len()) as u64, 0, Some(done));
                }
                Ok(())
            }
        }
    }
}

/// Bytes of a value of a column.
fn bytes(data: &ColumnData) -> u64 {
    match data {
        ColumnData::Text(_) => 4,
        ColumnData::Numeric(_) | ColumnData::Time(_) => 8,
        ColumnData::Block(block) => match block.sparse().map(Csr::view) {
            Some(rows) => 8 + 12 * rows.non_zeros() as u64 / rows.rows().max(1) as u64,
            None => block.width() as u64 * 8,
        },
    }
}

/// Cells and rows of files that can be read in pieces, before they are read; none of other sources.
///
/// # Errors
/// If it cannot be read.
pub(super) fn size(source: &Source, options: &ReadOptions) -> Result<Option<(u64, u64)>> {
    let Some(reader) = Reader::of(source, options)? else {
        return Ok(None);
    };
    let (mut cells, mut rows) = (0, 0);
    for (path, chunks) in &reader.files {
        let (mut input, bytes) = (Input::open(path)?, bytes_of(slice::from_ref(path))?);
        let (own_rows, own_cells) = (chunks.size)(&mut input, bytes)?;
        (rows, cells) = (rows + own_rows, cells + own_cells);
    }
    Ok(Some((cells, rows)))
}

/// Bytes of the contents of files, about.
///
/// # Errors
/// If one is not there.
pub(super) fn bytes_of(paths: &[PathBuf]) -> Result<u64> {
    /// Bytes of a byte of a compressed file or image.
    const PACKED: u64 = 5;
    let of_file = |path: &PathBuf| {
        let name = path.display().to_string();
        let bytes = std::fs::metadata(path)
            .map_err(|error| Error::reading(&name, error))?
            .len();
        let lower = name.to_lowercase();
        let is_image = [".png", ".jpg", ".jpeg"]
            .iter()
            .any(|ending| lower.ends_with(ending));
        let is_packed = is_image || plain_name(&name) != name;
        Ok(bytes * if is_packed { PACKED } else { 1 })
    };
    paths.iter().map(of_file).sum()
}

/// Files with what reads them.
struct Reader {
    files: Vec<(PathBuf, Chunks)>,
    /// The file of their labels, which are held: 4 or 8 bytes a row.
    labels: Option<PathBuf>,
    /// Bytes read so far.
    read: Arc<AtomicU64>,
}

impl Reader {
    /// None if a file cannot be read in pieces; a pipe is read once, and not looked at before.
    fn of(source: &Source, options: &ReadOptions) -> Result<Option<Self>> {
        let paths = match source {
            Source::Path(folder) if folder.is_dir() && !formats::knows_folder(folder) => {
                parts::in_folder(folder)?
            }
            Source::Path(path) => vec![path.clone()],
            Source::Files(text) => files(text)?,
            _ => return Ok(None),
        };
        if !paths.iter().all(|path| path.is_file()) {
            return Ok(None);
        }
        let mut all = Vec::new();
        for path in paths {
            match formats::chunks(Input::open(&path)?, options)? {
                Some(chunks) => all.push((path, chunks)),
                None => return Ok(None),
            }
        }
        Ok(Some(Self {
            files: all,
            labels: options.labels.clone(),
            read: Arc::default(),
        }))
    }

    /// Visits the rows of all files in their order, with the bytes read so far.
    fn each(
        &self,
        options: &ReadOptions,
        size: usize,
        visit: &mut dyn FnMut(Table, u64) -> Result<()>,
    ) -> Result<Vec<Note>> {
        let mut options = options.clone();
        let mut notes: Vec<Note> = Vec::new();
        self.read.store(0, Ordering::Relaxed);
        let mut labels = self.labels.as_deref().map(Labels::read).transpose()?;
        for (path, chunks) in &self.files {
            let input = Input::open_counted(path, &self.read)?;
            let (mut first, mut rows) = (None, 0);
            let more = chunks.each(input, &options, size, &mut |mut table| {
                // The next file may have more columns of sparse rows.
                let is_dense = table.sparse_width().is_none();
                let names = || table.names().map(str::to_owned).collect::<Vec<_>>();
                first.get_or_insert_with(|| is_dense.then(names));
                table.lines.get_or_insert_with(|| Lines::rows_from(rows));
                rows += table.rows as u64;
                if let Some(labels) = &mut labels {
                    labels.add_to(&mut table)?;
                }
                visit(table, self.read.load(Ordering::Relaxed))
            })?;
            if let Some(names) = first.flatten()
                && options.expected.is_none()
            {
                options.expected = Some(ExpectedColumns {
                    names,
                    is_of_part: true,
                    ..ExpectedColumns::default()
                });
            }
            notes.extend(
                more.into_iter()
                    .filter(|note| !notes.contains(note))
                    .collect::<Vec<_>>(),
            );
        }
        if let (Some(labels), [(path, _), ..]) = (labels, &self.files[..]) {
            labels.finish(&path.display().to_string())?;
        }
        Ok(notes)
    }
}

/// Visits the rows of a source in their order, about `size` at a time, each piece read as the options say; a source
/// that cannot be read in pieces as a whole.
///
/// # Errors
/// If it cannot be read, or `visit` fails.
pub(super) fn each_piece(
    source: &Source,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Loaded) -> Result<()>,
) -> Result<Vec<Note>> {
    match (source, Reader::of(source, options)?) {
        (_, Some(reader)) => {
            let files = Meanwhile::of(source.paths()?);
            let read = reader.each(options, size, &mut |table, _| {
                let mut loaded = table.into();
                interpret(&mut loaded, options)?;
                visit(loaded)
            });
            // What was found may be a row that was cut.
            files.check().and(read)
        }
        (Source::Path(path), None) if is_cache_file(path) && options.shuffle.is_none() => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| Error::reading(&name, error))?;
            let mut cache = Cache::open(file, &name)?;
            for blocks in cache.groups(size) {
                let mut loaded = cache.table(blocks)?.into();
                interpret(&mut loaded, options)?;
                visit(loaded)?;
            }
            Ok(cache.note_on_source().into_iter().collect())
        }
        _ => {
            let mut loaded = read(source, options)?;
            let notes = std::mem::take(&mut loaded.notes);
            visit(loaded)?;
            Ok(notes)
        }
    }
}

/// Numbers of some columns of a format with types as their texts.
fn spell(table: &mut Table, columns: &[String]) {
    let is_spelled = |name: &String| columns.contains(name) && table.has_types;
    for column in (table.columns.iter_mut()).filter(|column| is_spelled(&column.name)) {
        if let ColumnData::Numeric(numbers) = &column.data {
            column.data = ColumnData::Text(text_of_numbers(numbers));
        }
    }
}

impl Files {
    /// Passes over all rows.
    fn survey(
        reader: Reader,
        options: &ReadOptions,
        teller: &mut Teller,
    ) -> Result<(Self, Vec<Note>)> {
        let mut raw = options.clone();
        // Columns of formats with types whose numbers are spelled.
        let mut spelled: Vec<String> = Vec::new();
        let (survey, mut notes) = loop {
            let mut survey = Survey::new(reader.files.len() == 1);
            let notes = reader.each(&raw, PIECE, &mut |mut table, bytes| {
                survey.may_lack &= table.has_types;
                spell(&mut table, &spelled);
                survey.add(&table)?;
                let done = bytes as f64 / teller.all.max(1) as f64;
                teller.tell(Phase::Looking, survey.rows, bytes, Some(done));
                Ok(())
            })?;
            let (mixed, sparse) = (survey.mixed(), survey.sparse(options));
            if let Some(expected) = sparse.filter(|_| raw.expected.is_none()) {
                let stays = expected.sparse.is_some();
                raw.expected = Some(expected);
                if stays {
                    break (survey, notes);
                }
            } else if mixed.is_empty() {
                break (survey, notes);
            } else {
                // Numbers that are text in another piece are spelled as there.
                spelled.extend(mixed.clone());
                raw.categorical.extend(mixed);
            }
        };
        let (readings, more) = survey.readings(options)?;
        notes.extend(more);
        raw.columns.clone_from(&readings);
        (raw.categorical, raw.numeric, raw.date) = (survey.texts(), Vec::new(), Vec::new());
        let columns = survey.columns(&readings);
        let files = Self {
            reader,
            columns,
            readings,
            options: raw,
            rows: survey.rows,
            row_bytes: survey.row_bytes(),
        };
        Ok((files, notes))
    }

    fn each(
        &self,
        size: usize,
        teller: &mut Teller,
        visit: &mut dyn FnMut(Piece) -> Result<()>,
    ) -> Result<()> {
        let mut rows = 0u64;
        self.reader
            .each(&self.options, size, &mut |mut table, bytes| {
                if table.has_types {
                    spell(&mut table, &self.options.categorical);
                    self.columns.fill_up(&mut table);
                }
                let mut table = self.columns.arranged(table)?;
                apply(&mut table, &self.readings)?;
                self.columns.fit(&mut table);
                let first = u32::try_from(rows)
                    .ok()
                    .filter(|_| rows + table.rows as u64 <= u64::from(u32::MAX));
                let first = first.ok_or_else(|| {
                    let found = format!("more than {} rows", u32::MAX);
                    Error::invalid(table.location(), found, "fewer").remedy("use a part of them")
                })?;
                rows += table.rows as u64;
                if let Some(column) = self.columns.misfit(&table) {
                    let location = table.line_of(0).column(column);
                    let found = format!(
                        "values of another type than in the first pass, such as {}",
                        quote(column)
                    );
                    let error = Error::invalid(location, found, "a file that stays as it is");
                    return Err(error.remedy("run it again when nothing writes to the file"));
                }
                visit(Piece::new(table, first))?;
                let done = bytes as f64 / teller.all.max(1) as f64;
                teller.tell(Phase::Reading, rows, bytes, Some(done));
                Ok(())
            })?;
        Ok(())
    }
}
