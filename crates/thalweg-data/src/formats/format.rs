//! What the registry holds of a file format.

use std::path::Path;

use thalweg_core::registry::Description;

use crate::error::{Error, Location, Note, Result};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::Table;
use crate::totals::Totals;

/// Makes the bytes of a file that holds a table; the text is the ending of its name.
pub type Writer = fn(&Table, &str) -> Result<Vec<u8>>;

/// How a file of any size is read in pieces.
#[derive(Clone, Copy)]
pub struct Chunks {
    /// Reads pieces of about so many rows, in their order, and visits each; what the user should know. Types are those of
    /// each piece, and where the format has types, so are the columns.
    pub read: ReadChunks,
    /// Whether this file can be: some are of one piece.
    pub fits: fn(&mut Input) -> Result<bool>,
    /// Rows and cells of a file, about, before it is read. Its bytes are those of the file, compressed or not.
    pub size: fn(&mut Input, u64) -> Result<(u64, u64)>,
    /// Whether such tables may have rows of sums, as people write them.
    pub sums: bool,
}

impl Chunks {
    /// Reads pieces as [`Self::read`], without rows of sums.
    ///
    /// # Errors
    /// If the file cannot be read, or `visit` fails.
    pub fn each(
        &self,
        input: Input,
        options: &ReadOptions,
        size: usize,
        visit: &mut dyn FnMut(Table) -> Result<()>,
    ) -> Result<Vec<Note>> {
        if !self.sums {
            return (self.read)(input, options, size, visit);
        }
        let (mut totals, mut last) = (Totals::new(options), None);
        let mut notes = (self.read)(input, options, size, &mut |piece| {
            let before = last.replace(piece);
            before.map_or(Ok(()), |before: Table| {
                totals.add(&before);
                visit(before)
            })
        })?;
        if let Some(last) = last {
            let (table, more) = totals.without(last);
            notes.extend(more);
            if table.rows > 0 {
                visit(table)?;
            }
        }
        Ok(notes)
    }
}

/// See [`Chunks::read`].
pub type ReadChunks =
    fn(Input, &ReadOptions, usize, &mut dyn FnMut(Table) -> Result<()>) -> Result<Vec<Note>>;

/// Any file can be read in pieces.
///
/// # Errors
/// Never.
pub fn always(_: &mut Input) -> Result<bool> {
    Ok(true)
}

/// All rows of a file in one table, by what reads it in pieces; `rows` names what it should hold.
///
/// # Errors
/// Those of `chunks`; if it visits no piece.
pub fn whole(
    chunks: ReadChunks,
    input: Input,
    options: &ReadOptions,
    rows: &str,
) -> Result<Loaded> {
    let mut all = None;
    let notes = chunks(input, options, usize::MAX, &mut |table| {
        all = Some(table);
        Ok(())
    })?;
    let train = all.ok_or_else(|| {
        let error = Error::invalid(Location::default(), "no rows", rows);
        error.remedy("check that this is the right file")
    })?;
    Ok(Loaded {
        notes,
        ..train.into()
    })
}

/// Rows and cells of a text file, by its first lines.
///
/// # Errors
/// Never.
pub fn size_of_text(input: &mut Input, bytes: u64) -> Result<(u64, u64)> {
    let count = |is: fn(&u8) -> bool| input.head.iter().filter(|byte| is(byte)).count() as f64;
    let lines = count(|byte| *byte == b'\n').max(1.0);
    let signs = count(|byte| b",;\t|".contains(byte)).max(count(|byte| *byte == b':'));
    let share = bytes as f64 / input.head.len().max(1) as f64;
    Ok(((lines * share) as u64, ((lines + signs) * share) as u64))
}

/// How files of a format are recognized and read.
pub struct Format {
    /// Its name, a line on what such files hold, and the source of the specification.
    pub description: Description,
    /// Endings of file names, before `.gz`.
    pub endings: &'static [&'static str],
    /// Whether a file with these first bytes (up to 4,096) is surely of this format.
    pub recognizes: fn(&[u8]) -> bool,
    /// Reads a file.
    pub read: fn(Input, &ReadOptions) -> Result<Loaded>,
    /// The bytes of a file with this ending that holds a table, if such files are written.
    pub write: Option<Writer>,
    /// Reads a file of any size in pieces, if such files can be read so.
    pub chunks: Option<Chunks>,
    /// How a folder of such files is read, if it can be.
    pub folder: Option<Folder>,
    /// A small valid file of three rows, on which the tests of all formats run.
    #[cfg(test)]
    pub example: fn() -> Vec<u8>,
}

/// How a folder is recognized and read as one data set.
pub struct Folder {
    /// What it holds, in a few words: `the four MNIST-named files`.
    pub summary: &'static str,
    /// Whether a folder is one.
    pub recognizes: fn(&Path) -> bool,
    /// Reads it.
    pub read: fn(&Path, &ReadOptions) -> Result<Loaded>,
}
