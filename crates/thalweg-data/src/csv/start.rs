//! Where the table of a text file begins, and what its first lines say of the rest.

use std::collections::HashMap;

use super::builder::Words;
use super::dialect;
use super::layout::{Layout, Preamble, are_units, below_header, joined, preamble};
use super::records::{Record, Records};
use crate::error::{Error, Location, Note, Result, quote};
use crate::options::ReadOptions;
use crate::table::number_text;
use crate::text::whole;

/// What is known before the first row; the records go on with it.
pub struct Start {
    /// The names in the file, or those that the user gave.
    pub names: Option<Vec<String>>,
    /// Whether a line of the file holds names.
    pub header: bool,
    /// Cells of most records, where there are enough to tell.
    pub width: Option<usize>,
    /// Whether the last cell of each row is none, but the end of a delimiter.
    pub trailing: bool,
    /// The decimal sign, where it is a comma.
    pub decimal: Option<char>,
    /// What was skipped.
    pub notes: Vec<Note>,
}

impl Start {
    /// Cells of most rows, where there are enough to tell.
    pub fn cells(&self) -> Option<usize> {
        self.width.map(|width| width - usize::from(self.trailing))
    }
}

/// The words for "missing" of the options.
pub fn words(options: &ReadOptions) -> Words<'_> {
    Words {
        missing: &options.missing,
        kept: &options.not_missing,
    }
}

/// Reads up to the first row.
///
/// # Errors
/// If the options or the header do not fit the file.
pub fn start(records: &mut Records, options: &ReadOptions) -> Result<Start> {
    let (mut notes, file) = (Vec::new(), Location::file(records.file.clone()));
    let preamble = skip_to_table(records, options, &file, &mut notes)?;
    records.delimiter = delimiter(records, options, preamble.delimiter)?;
    let (delimiter, words) = (records.delimiter, words(options));
    let (sample, complete) = records.sample();
    let layout = Layout::of(sample, complete, delimiter, words);
    for _ in 0..layout.titles {
        records.next()?;
    }
    notes.extend(note_on_titles(layout.titles, &file));
    let (sample, complete) = records.sample();
    let mut expected = options.names.clone();
    expected.extend(options.expected.iter().flat_map(|e| e.names.clone()));
    // The rows that a model knows without names have none here either, though a row may count up.
    let are_unnamed = !expected.is_empty() && expected == numbered(expected.len());
    let count_up = || dialect::numbers_that_may_be_names(sample, complete, delimiter, words);
    let looks = || {
        dialect::header(sample, complete, delimiter, words, &expected)
            && !(are_unnamed && count_up().is_some())
    };
    let row_names = layout.row_names && options.names.is_empty();
    let two = below_header(sample, complete, delimiter, words);
    let header = (options.header).unwrap_or_else(|| row_names || looks() || two.is_some());
    notes.extend(note_on_numbers(records, options, &expected, header, &file));
    let commented = (preamble.commented.filter(|_| !header))
        .and_then(|text| dialect::first_record(&text, delimiter))
        .filter(|names| names.len() > 1 && Some(names.len()) == layout.width);
    let (mut below, mut is_joined) = (two.filter(|_| header), false);
    let (decimal, grouped) = dialect::decimal_sign(sample, complete, delimiter);
    notes.extend(grouped.and_then(|cell| note_on_points(&cell, &file, options)));
    let trailing = layout.trailing && options.names.is_empty();
    let given = (!options.names.is_empty()).then(|| options.names.clone());
    let mut names = given.or(commented);
    if header && let Some(record) = records.next()? {
        let mut found = header_names(&record, &file, row_names, trailing, layout.width)?;
        let both = below
            .as_ref()
            .and_then(|[above, below]| joined(above, below));
        if let Some(both) = both.filter(|both| both.len() == found.len()) {
            is_joined = true;
            found = both;
        }
        below = below.filter(|[_, below]| is_joined || are_units(below));
        if names.is_none() {
            check_unique(&found, &file.clone().line(record.line))?;
        }
        let names = names.get_or_insert_with(|| found.clone());
        if row_names {
            let text = "the header has a name less than there are columns: the first column has the names of the rows";
            notes.push(Note::warning(format!("{file}: {text}")));
        }
        if names.len() != found.len() {
            let why = "one for each name given";
            let remedy = "give as many names as there are columns";
            return Err(count_error(&file, &record, names.len(), why, remedy));
        }
    }
    if below.is_some()
        && let Some(record) = records.next()?
    {
        notes.push(match is_joined {
            true => note_on_joined(names.as_deref(), &file),
            false => note_on_units(&record, &file),
        });
    }
    Ok(Start {
        names,
        header,
        width: layout.width,
        trailing,
        decimal,
        notes,
    })
}

/// Skips what stands before the table: the lines that were asked for, comments, `sep=`.
fn skip_to_table(
    records: &mut Records,
    options: &ReadOptions,
    file: &Location,
    notes: &mut Vec<Note>,
) -> Result<Preamble> {
    records.skip_lines(match options.skip {
        0 => skipped_before(records, options),
        skip => skip,
    })?;
    let preamble = preamble(records.sample().0);
    records.skip_lines(preamble.lines)?;
    if preamble.lines > 0 {
        let lines = counted(preamble.lines, "line");
        let text = format!("{file}: skipped before the table: {lines} (sep= or comments)");
        notes.push(Note::info(text));
    }
    Ok(preamble)
}

/// The delimiter: of the options, of the model where the first line has it, of a line `sep=`, or by looking.
fn delimiter(records: &Records, options: &ReadOptions, named: Option<u8>) -> Result<u8> {
    let before = options.before.delimiter.filter(|c| {
        let line = records.sample().0.split(|byte| *byte == b'\n').next();
        line.is_some_and(|line| line.iter().any(|byte| char::from(*byte) == *c))
    });
    match (options.delimiter.or(before), named) {
        (Some(c), _) => ascii(c),
        (None, Some(delimiter)) => Ok(delimiter),
        (None, None) => {
            let (sample, complete) = records.sample();
            Ok(dialect::delimiter(sample, complete))
        }
    }
}

/// What numbers in the first line that count up are read as, where nothing says what it holds.
fn note_on_numbers(
    records: &Records,
    options: &ReadOptions,
    expected: &[String],
    are_names: bool,
    file: &Location,
) -> Option<Note> {
    if options.header.is_some() || !expected.is_empty() {
        return None;
    }
    let ((sample, complete), words) = (records.sample(), words(options));
    let numbers =
        dialect::numbers_that_may_be_names(sample, complete, records.delimiter, words)?.join(", ");
    let first = format!("{file}: the numbers of the first line, {numbers}, …, are read as");
    Some(match are_names {
        true => Note::info(format!(
            "{first} names; `data.read.header` false reads them as a row"
        )),
        false => Note::warning(format!(
            "{first} a row; set `data.read.header` true if they are names"
        )),
    })
}

fn note_on_titles(lines: usize, file: &Location) -> Option<Note> {
    let titles = counted(lines, "line");
    let text =
        format!("{file}: skipped above the table: {titles} of a title; set `data.read.skip`");
    (lines > 0).then(|| Note::warning(text))
}

/// The lines that were skipped in the file on which a model was trained, if names that it knows follow as many.
fn skipped_before(records: &Records, options: &ReadOptions) -> usize {
    let skip = options.before.skip;
    let (Some(expected), true) = (&options.expected, skip > 0) else {
        return 0;
    };
    let line = |at: usize| records.sample().0.split(|byte| *byte == b'\n').nth(at);
    let text = |at: usize| line(at).map(String::from_utf8_lossy).unwrap_or_default();
    let has_names = |at: usize| expected.names.iter().any(|name| text(at).contains(&**name));
    match !has_names(0) && has_names(skip) {
        true => skip,
        false => 0,
    }
}

fn note_on_units(record: &Record, file: &Location) -> Note {
    let (place, cells) = (file.clone().line(record.line), record.lossy());
    let shown = cells.iter().find(|cell| !cell.is_empty());
    let shown = quote(shown.map_or("", String::as_str));
    Note::warning(format!(
        "{place}: a line of units below the header is skipped: {shown}, …"
    ))
}

fn note_on_joined(names: Option<&[String]>, file: &Location) -> Note {
    let last = names.and_then(<[_]>::last).map_or("", String::as_str);
    let text = format!(
        "{file}: the names of two lines are joined, as in {}",
        quote(last)
    );
    Note::warning(text)
}

/// A warning that a cell such as `1.250` may be one of thousands, where no option says what it is.
fn note_on_points(cell: &str, file: &Location, options: &ReadOptions) -> Option<Note> {
    if options.decimal.is_some() || options.thousands.is_some() || !options.columns.is_empty() {
        return None;
    }
    let number = number_text(cell.parse().ok()?);
    let text = format!("{file}: {} is read as {number}", quote(cell));
    let remedy = "set `data.read.thousands` to . if the points stand between thousands";
    Some(Note::warning(format!("{text}; {remedy}")))
}

/// `1 line`, `2 lines`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        n => format!("{} {noun}s", whole(n)),
    }
}

fn ascii(c: char) -> Result<u8> {
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(byte),
        _ => {
            let location = Location::field("data.read.delimiter");
            let found = quote(&c.to_string());
            Err(Error::invalid(location, found, "an ASCII character"))
        }
    }
}

/// Names for columns without: `column_1`, `column_2`, ….
pub fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("column_{i}")).collect()
}

fn header_names(
    record: &Record<'_>,
    file: &Location,
    row_names: bool,
    trailing: bool,
    width: Option<usize>,
) -> Result<Vec<String>> {
    let location = file.clone().line(record.line);
    if std::str::from_utf8(record.bytes).is_err() {
        let found = "names that are not UTF-8 text";
        return Err(Error::invalid(location, found, "UTF-8 text")
            .remedy("save the file as UTF-8, or set `data.read.encoding`"));
    }
    let mut names = record.lossy();
    if row_names {
        names.insert(0, "rownames".to_owned());
    }
    if trailing && width == Some(names.len()) {
        names.pop();
    }
    if let Some(width) = width
        && names.len() != width - usize::from(trailing)
    {
        let remedy =
            "give this line as many names as there are columns, or skip it by `data.read.skip`";
        return Err(count_error(
            file,
            record,
            width,
            "as in the lines below",
            remedy,
        ));
    }
    for (name, number) in names.iter_mut().zip(numbered(record.cells.len() + 1)) {
        if name.is_empty() {
            *name = number;
        }
    }
    Ok(names)
}

/// A record of another number of cells than is expected.
pub fn count_error(
    file: &Location,
    record: &Record<'_>,
    expected: usize,
    why: &str,
    remedy: &str,
) -> Error {
    let found = match record.cells.len() {
        1 => "1 cell".to_owned(),
        n => format!("{} cells", whole(n)),
    };
    let location = file.clone().line(record.line);
    Error::invalid(location, found, format!("{expected}, {why}")).remedy(remedy)
}

/// Refuses two columns of one name.
pub fn check_unique(names: &[String], location: &Location) -> Result<()> {
    let mut first = HashMap::new();
    for (j, name) in names.iter().enumerate() {
        if let Some(i) = first.insert(name, j) {
            let found = format!(
                "the name {} for columns {} and {}",
                quote(name),
                i + 1,
                j + 1
            );
            return Err(Error::invalid(location.clone(), found, "different names")
                .remedy("rename one of them"));
        }
    }
    Ok(())
}
