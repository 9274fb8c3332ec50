//! Delimited text: CSV, TSV and their relatives.

use thalweg_core::registry::Description;

use super::format::{Chunks, Format, always, size_of_text, whole};
use crate::compression::Room;
use crate::csv::builder::{ColumnBuilder, Parsed, Words, parse};
use crate::csv::parallel::{Blocks, Sink};
use crate::csv::records::{Record, Records};
use crate::csv::start::{Start, check_unique, count_error, counted, numbered, start, words};
use crate::error::{Error, Location, Note, Result, quote};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::reading::is_amount;
use crate::table::{Column, Lines, Table};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "csv",
        summary: "delimited text (comma, tab, semicolon, pipe, white space); header, types and missing values are detected",
        equation: "",
        source: "RFC 4180",
        parameters: &[],
    },
    endings: &["csv", "tsv", "tab", "txt", "data", "test"],
    recognizes: |_| false,
    read,
    write: Some(crate::csv::write::write),
    chunks: Some(Chunks {
        read: chunks,
        fits: always,
        size: size_of_text,
        sums: true,
    }),
    folder: None,
    #[cfg(test)]
    example: || b"a,b,c\n1,\"x, y\",yes\n2.5,?,no\n-3e4,z,yes\n".to_vec(),
};

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    whole(chunks, input, options, "rows of data")
}

fn chunks(
    input: Input,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Table) -> Result<()>,
) -> Result<Vec<Note>> {
    let input = input.text(options)?;
    let room = input.room.clone();
    let mut records = Records::new(input.file, input.reader)?;
    records.size = input.whole.and_then(|file| file.size());
    let start = start(&mut records, options)?;
    records.keeps_blank = start.names.as_ref().is_some_and(|names| names.len() == 1);
    let mut rows = Rows {
        file: Location::file(records.file.clone()),
        options,
        start,
        builders: Vec::new(),
        lines: Lines::default(),
        count: 0,
        before: 0,
        comments: 0,
        blank: Vec::new(),
        footnotes: Footnotes::default(),
        room,
    };
    let mut blocks = Blocks::new();
    while let Some(record) = records.next()? {
        if rows.count >= size {
            visit(rows.chunk()?)?;
        }
        let has_room = rows.room.check(rows.count, rows.builders.len());
        has_room.map_err(|error| Error::reading(&rows.file.to_string(), error))?;
        rows.add(record)?;
        records.keeps_blank |= rows.builders.len() == 1;
        if rows.builders.len() > 1 && rows.footnotes.count == 0 {
            blocks.advance(&mut records, rows.sink(size))?;
        }
    }
    rows.finish(visit)
}

/// The rows of a file as they come.
struct Rows<'a> {
    file: Location,
    options: &'a ReadOptions,
    start: Start,
    builders: Vec<ColumnBuilder>,
    lines: Lines,
    count: usize,
    /// Rows of earlier pieces.
    before: usize,
    /// Lines that begin as comments.
    comments: usize,
    /// Blank lines, which are missing values of a file of one column if another row follows.
    blank: Vec<u64>,
    /// Lines that are footnotes if no row follows, else an error.
    footnotes: Footnotes,
    room: Room,
}

impl Rows<'_> {
    fn add(&mut self, mut record: Record<'_>) -> Result<()> {
        if record.is_blank() {
            self.blank.push(record.line);
            return Ok(());
        }
        if self.start.trailing
            && let [cells @ .., last] = record.cells
            && last.is_empty()
        {
            record.cells = cells;
        }
        let cells = record.cells.len();
        if record.is_comment() && self.start.cells().is_some_and(|width| width != cells) {
            self.comments += 1;
            return Ok(());
        }
        if self.builders.is_empty() {
            self.begin(&record)?;
        }
        if cells != self.builders.len() {
            let (why, remedy) = match self.before + self.count == 0 && !self.start.header {
                true => (
                    "one for each name given",
                    "give as many names as there are columns",
                ),
                false => ("as in the lines before", CHECK),
            };
            let error = count_error(&self.file, &record, self.builders.len(), why, remedy);
            let has_rows = self.before + self.count > 0;
            let may_be = has_rows && cells < self.builders.len();
            if may_be && is_footnote(&record, self.options.are_for_model()) {
                self.footnotes.add(&record, error);
                return Ok(());
            }
            return Err(self.footnotes.error.take().unwrap_or(error));
        }
        if let Some(error) = self.footnotes.error.take() {
            return Err(error);
        }
        let words = words(self.options);
        if let [column] = self.builders.as_mut_slice() {
            for line in self.blank.drain(..) {
                column.push("", words);
                self.lines.push(self.count, line);
                self.count += 1;
            }
        }
        let names = self.start.names.as_deref().unwrap_or_default();
        push(&record, names, &mut self.builders, words, &self.file)?;
        self.lines.push(self.count, record.line);
        self.count += 1;
        Ok(())
    }

    /// Where many rows at once are added.
    fn sink(&mut self, most: usize) -> Sink<'_> {
        Sink {
            builders: &mut self.builders,
            lines: &mut self.lines,
            rows: &mut self.count,
            most,
            words: words(self.options),
            trailing: self.start.trailing,
            room: &self.room,
        }
    }

    /// Empty columns for the cells of the first row, and their names where there are none yet.
    fn begin(&mut self, record: &Record<'_>) -> Result<()> {
        let (cells, start, options) = (record.cells.len(), &mut self.start, self.options);
        let width = start.cells().filter(|width| *width != cells);
        if let (None, Some(width)) = (&start.names, width) {
            return Err(count_error(
                &self.file,
                record,
                width,
                "as in the lines below",
                CHECK,
            ));
        }
        let expected = || options.expected.as_ref()?.of_width(cells);
        let names =
            (start.names).get_or_insert_with(|| expected().unwrap_or_else(|| numbered(cells)));
        let decimal = options.decimal.or(start.decimal);
        let builder = |name: &String| ColumnBuilder::new(options.numbers_of(name, decimal));
        self.builders = names.iter().map(builder).collect();
        Ok(())
    }

    /// The rows so far as a table, after which others may come.
    fn chunk(&mut self) -> Result<Table> {
        let names = self.start.names.as_deref().unwrap_or_default();
        check_unique(names, &self.file)?;
        let fresh = self.builders.iter().map(ColumnBuilder::fresh).collect();
        let builders = std::mem::replace(&mut self.builders, fresh);
        let column = |(name, builder): (&String, ColumnBuilder)| Column {
            name: name.clone(),
            data: builder.finish(),
        };
        let columns = names.iter().zip(builders).map(column).collect();
        let mut table = Table::without_lines(self.file.file.clone(), self.count, columns);
        table.lines = Some(std::mem::take(&mut self.lines));
        table.decimal = self.start.decimal;
        self.before += self.count;
        self.count = 0;
        Ok(table)
    }

    fn finish(mut self, visit: &mut dyn FnMut(Table) -> Result<()>) -> Result<Vec<Note>> {
        if self.start.names.is_none() || self.before + self.count == 0 {
            let found = match self.start.header {
                true => "a header and no rows",
                false => "an empty file",
            };
            return Err(Error::invalid(self.file, found, "rows of data")
                .remedy("check that this is the right file"));
        }
        if self.count > 0 {
            visit(self.chunk()?)?;
        }
        let mut notes = self.start.notes;
        notes.extend(self.footnotes.note(&self.file));
        if self.comments > 0 {
            let comments = counted(self.comments, "comment");
            notes.push(Note::info(format!(
                "{}: skipped between rows: {comments}",
                self.file
            )));
        }
        Ok(notes)
    }
}

/// Lines with fewer cells than the rows before them.
#[derive(Default)]
struct Footnotes {
    count: usize,
    /// The line and the text of the first.
    first: Option<(u64, String)>,
    /// What is wrong with it if a row follows.
    error: Option<Error>,
}

impl Footnotes {
    fn add(&mut self, record: &Record<'_>, error: Error) {
        self.count += 1;
        let text = || record.lossy().swap_remove(0);
        self.first.get_or_insert_with(|| (record.line, text()));
        self.error.get_or_insert(error);
    }

    fn note(&self, file: &Location) -> Option<Note> {
        let (line, text) = self.first.as_ref()?;
        let (place, text) = (file.clone().line(*line), quote(text));
        let lines = counted(self.count, "line");
        Some(Note::warning(format!(
            "{place}: skipped below the table: {lines} of footnotes: {text}"
        )))
    }
}

/// Cells of fewer words may be names or dates, of a row that was cut.
const WORDS_OF_FOOTNOTE: usize = 4;

/// Whether a record with too few cells may stand below the table: one cell of several words, or cells behind a sign or
/// behind a word with a colon. Of rows for a model, which all have answers, it is marked so.
fn is_footnote(record: &Record<'_>, are_for_model: bool) -> bool {
    let cells = record.lossy();
    let Some(first) = cells.first() else {
        return false;
    };
    let is_text = matches!(parse(first, Words::default()), Parsed::Text) && !is_amount(first);
    let word = first.split(' ').next().unwrap_or_default();
    let is_word = |word: &str| !word.is_empty() && word.chars().all(char::is_alphabetic);
    let is_marked =
        first.starts_with(['*', '†', '‡', '¹']) || word.strip_suffix(':').is_some_and(is_word);
    let is_long =
        !are_for_model && cells.len() == 1 && first.split_whitespace().count() >= WORDS_OF_FOOTNOTE;
    is_text && (is_marked || is_long)
}

const CHECK: &str = "check this line for missing or extra delimiters and quotes";

/// Adds the cells of a record to its columns.
fn push(
    record: &Record<'_>,
    names: &[String],
    builders: &mut [ColumnBuilder],
    words: Words<'_>,
    location: &Location,
) -> Result<()> {
    for ((cell, builder), name) in record.cells.iter().zip(builders).zip(names) {
        let bytes = cell.bytes(record.bytes);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            let location = location.clone().line(record.line).column(name);
            let found = quote(&String::from_utf8_lossy(&bytes));
            let remedy = "save the file as UTF-8, or set `data.read.encoding`";
            return Err(Error::invalid(location, found, "UTF-8 text").remedy(remedy));
        };
        builder.push(text, words);
    }
    Ok(())
}
