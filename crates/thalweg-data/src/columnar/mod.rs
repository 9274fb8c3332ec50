//! Arrow arrays to columns: what Parquet and Arrow files hold.
//!
//! Numbers are f64; integers that f64 cannot hold make text of their column, dates are
//! points in time, times of day seconds, categories and truth values text, lists of equal length blocks,
//! structs columns `a.b`. What has no meaning for a network is left out with a warning.

mod cells;
mod list;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StructArray, make_array};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use crate::error::{Error, Location, Note, Result, quote, quote_list};
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::reading::{ReadAs, Reading};
use crate::table::{Column, ColumnData, Lines, Table};
use crate::typed::{TypedColumn, wide_note};
use cells::{Faults, Texts};
use list::List;
pub use write::write;

/// The column of an index that pandas adds: it numbers the rows and says nothing of them.
const PANDAS_INDEX: &str = "__index_level_";

/// Collects a column, batch by batch.
pub struct Collector<'a> {
    name: String,
    content: Content,
    /// Rows so far.
    rows: usize,
    texts: Texts,
    faults: Faults,
    missing: &'a [String],
    /// Whether the type says that its values are categories.
    has_categories: bool,
}

enum Content {
    Single(TypedColumn),
    /// Seconds since 1970.
    Time(Vec<f64>),
    List(List),
    Struct(Vec<Collector<'static>>),
    /// Left out; why.
    LeftOut(String),
}

impl<'a> Collector<'a> {
    /// A column as the schema declares it.
    pub fn new(field: &Field, options: &'a ReadOptions) -> Self {
        Self::named(field.name().clone(), field.data_type(), &options.missing)
    }

    fn named(name: String, kind: &DataType, missing: &'a [String]) -> Self {
        let content = match kind {
            _ if name.starts_with(PANDAS_INDEX) => {
                Content::LeftOut("an index of pandas".to_owned())
            }
            DataType::Struct(fields) => {
                let inside = |field: &Arc<Field>| {
                    let name = format!("{name}.{}", field.name());
                    Collector::named(name, field.data_type(), &[])
                };
                Content::Struct(fields.iter().map(inside).collect())
            }
            kind if cells::is_time(kind) => Content::Time(Vec::new()),
            kind if list::element(kind).is_some() => Content::List(List::default()),
            kind => match cells::is_text(kind) {
                Some(true) => Content::Single(TypedColumn::text()),
                Some(false) => Content::Single(TypedColumn::missing(0)),
                None => Content::LeftOut(format!("type {kind}")),
            },
        };
        Self {
            name,
            content,
            rows: 0,
            texts: Texts::default(),
            faults: Faults::default(),
            missing,
            has_categories: matches!(kind, DataType::Dictionary(..))
                && cells::is_text(kind) == Some(true),
        }
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// If lists differ in length.
    pub fn append(&mut self, array: &dyn Array, file: &str) -> Result<()> {
        match &mut self.content {
            Content::LeftOut(_) => {}
            Content::Struct(columns) => append_struct(columns, array.as_struct(), file)?,
            Content::Time(seconds) => {
                self.faults.nanoseconds |= cells::has_nanoseconds(array);
                cells::append_times(seconds, array);
            }
            Content::List(list) => {
                if let Err((row, found)) = list.append(array) {
                    let mut location = Location::file(file).column(&self.name);
                    location.row = Some((self.rows + row) as u64 + 1);
                    let remedy = "bring all lists of the column to one length, or write it as columns of single numbers";
                    let error = Error::invalid(location, found, "lists of numbers of one length");
                    return Err(error.remedy(remedy));
                }
            }
            Content::Single(column) => {
                let (texts, faults) = (&mut self.texts, &mut self.faults);
                if let Err(why) = cells::append(column, array, self.missing, texts, faults) {
                    self.content = Content::LeftOut(why);
                }
            }
        }
        self.rows += array.len();
        Ok(())
    }

    /// The finished columns: several of a struct, none where it is left out.
    fn finish(self, columns: &mut Vec<Column>, notes: &mut Notes) {
        let name = self.name;
        let data = match self.content {
            Content::LeftOut(why) => {
                return notes.left_out.push(format!("{} ({why})", quote(&name)));
            }
            Content::Struct(inside) => {
                return inside
                    .into_iter()
                    .for_each(|one| one.finish(columns, notes));
            }
            Content::List(list) => match list.finish() {
                Some(block) => ColumnData::Block(block),
                None => {
                    return notes
                        .left_out
                        .push(format!("{} (empty lists)", quote(&name)));
                }
            },
            Content::Time(seconds) => {
                if self.faults.nanoseconds {
                    notes.nanoseconds.push(name.clone());
                }
                ColumnData::Time(seconds)
            }
            Content::Single(column) => {
                if column.is_wide() {
                    notes.wide.push(name.clone());
                }
                if self.has_categories {
                    notes.categories.push(name.clone());
                }
                if self.faults.rounded {
                    notes.rounded.push(name.clone());
                }
                column.finish()
            }
        };
        columns.push(Column { name, data });
    }
}

fn append_struct(columns: &mut [Collector], array: &StructArray, file: &str) -> Result<()> {
    for (column, inside) in columns.iter_mut().zip(array.columns()) {
        // Where the struct is missing, what is in it is missing, too.
        let masked = match array.nulls() {
            None => None,
            Some(nulls) => {
                let nulls = arrow_buffer::NullBuffer::union(Some(nulls), inside.nulls());
                let data = inside.to_data().into_builder().nulls(nulls).build();
                Some(make_array(
                    data.map_err(|error| refusal(file, &error.to_string()))?,
                ))
            }
        };
        column.append(masked.as_ref().unwrap_or(inside), file)?;
    }
    Ok(())
}

/// What is worth a note, by columns.
#[derive(Default)]
struct Notes {
    left_out: Vec<String>,
    wide: Vec<String>,
    rounded: Vec<String>,
    nanoseconds: Vec<String>,
    categories: Vec<String>,
}

/// The collectors of a schema.
pub fn collectors<'a>(schema: &Schema, options: &'a ReadOptions) -> Vec<Collector<'a>> {
    let new = |field: &Arc<Field>| Collector::new(field, options);
    schema.fields().iter().map(new).collect()
}

/// Adds a batch of all columns.
///
/// # Errors
/// As [`Collector::append`].
pub fn append(collectors: &mut [Collector], batch: &RecordBatch, file: &str) -> Result<()> {
    let mut pairs = collectors.iter_mut().zip(batch.columns());
    pairs.try_for_each(|(collector, array)| collector.append(array, file))
}

/// The table of complete columns.
///
/// # Errors
/// If no column is left, or two have one name.
pub fn finish(file: String, collectors: Vec<Collector>) -> Result<Loaded> {
    let rows = collectors.first().map_or(0, |collector| collector.rows);
    let (mut columns, mut notes) = (Vec::new(), Notes::default());
    for collector in collectors {
        collector.finish(&mut columns, &mut notes);
    }
    let mut train = Table::without_lines(file, rows, columns);
    train.has_types = true;
    let as_text = || Reading::of(ReadAs::Text, "the type says so");
    train
        .readings
        .extend(notes.categories.drain(..).map(|name| (name, as_text())));
    if train.columns.is_empty() {
        let found = match notes.left_out.is_empty() {
            true => "no column".to_owned(),
            false => format!("no column to read: {}", notes.left_out.join(", ")),
        };
        return Err(Error::invalid(
            train.location(),
            found,
            "columns of numbers or text",
        ));
    }
    let mut names: Vec<&str> = train.names().collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let found = format!("the name {} for two columns", quote(twice[0]));
        let error = Error::invalid(train.location(), found, "different names");
        return Err(error.remedy("rename one of them"));
    }
    let mut all = Vec::new();
    if !notes.left_out.is_empty() {
        let text = format!(
            "columns that are not read are left out: {}",
            notes.left_out.join(", ")
        );
        all.push(Note::warning(text));
    }
    all.extend(wide_note(notes.wide.iter().map(String::as_str)));
    if !notes.rounded.is_empty() {
        let names = quote_list(notes.rounded.iter().map(String::as_str));
        let text = format!("decimals of more than 15 digits are rounded: columns {names}");
        all.push(Note::warning(text));
    }
    if !notes.nanoseconds.is_empty() {
        let names = quote_list(notes.nanoseconds.iter().map(String::as_str));
        let text = format!("times are rounded to microseconds: columns {names}");
        all.push(Note::info(text));
    }
    Ok(Loaded {
        train,
        test: None,
        notes: all,
    })
}

/// Batches of a file as tables, one after the other.
pub struct Pieces<'a> {
    file: &'a str,
    schema: Arc<Schema>,
    options: &'a ReadOptions,
    notes: Vec<Note>,
    is_first: bool,
    rows: usize,
}

impl<'a> Pieces<'a> {
    /// Pieces of columns as the schema declares them.
    pub fn new(file: &'a str, schema: &Arc<Schema>, options: &'a ReadOptions) -> Self {
        Self {
            file,
            schema: Arc::clone(schema),
            options,
            notes: Vec::new(),
            is_first: true,
            rows: 0,
        }
    }

    /// Visits the rows of a batch.
    ///
    /// # Errors
    /// As [`Collector::append`] and [`finish`], and those of `visit`.
    pub fn add(
        &mut self,
        batch: &RecordBatch,
        visit: &mut dyn FnMut(Table) -> Result<()>,
    ) -> Result<()> {
        let mut columns = collectors(&self.schema, self.options);
        append(&mut columns, batch, self.file)?;
        self.visit(columns, visit)
    }

    fn visit(
        &mut self,
        columns: Vec<Collector>,
        visit: &mut dyn FnMut(Table) -> Result<()>,
    ) -> Result<()> {
        let loaded = finish(self.file.to_owned(), columns)?;
        let notes = loaded.notes.into_iter();
        let new: Vec<Note> = notes.filter(|note| !self.notes.contains(note)).collect();
        self.notes.extend(new);
        let mut table = loaded.train;
        let mut numbers = Lines::numbers(true);
        numbers.push(0, self.rows as u64 + 1);
        table.lines = Some(numbers);
        self.rows += table.rows;
        self.is_first = false;
        visit(table)
    }

    /// Visits a table without rows if there was no batch; what the user should know.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn finish(mut self, visit: &mut dyn FnMut(Table) -> Result<()>) -> Result<Vec<Note>> {
        if self.is_first {
            self.visit(collectors(&self.schema, self.options), visit)?;
        }
        Ok(self.notes)
    }
}

/// What `read` makes of a file. The crates that read it may panic on damage that they do not look
/// for: that is damage, too.
///
/// # Errors
/// As `read`, and if it panics.
pub fn guarded<T>(file: &str, read: impl FnOnce() -> Result<T>) -> Result<T> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
    caught.unwrap_or_else(|_| Err(refusal(file, "its reader gave up")))
}

/// The error for a file that a reader of the format refuses.
pub fn refusal(file: &str, found: &str) -> Error {
    let found = found.lines().next().unwrap_or_default();
    // As the crate says of a compression for which it has features.
    if let Some((_, codec)) = found.split_once("Disabled feature at compile time: ") {
        let found = format!("pages compressed by {codec}, which is not read");
        let error = Error::invalid(Location::file(file), found, "snappy, zstd, gzip or lz4");
        return error.remedy("write it again with one of these");
    }
    let found = format!("damaged data ({found})");
    let error = Error::invalid(Location::file(file), found, "a complete file");
    error.remedy("fetch or write the file again")
}

/// As [`refusal`], of an error of Arrow.
pub fn arrow_refusal(file: &str, error: &ArrowError) -> Error {
    refusal(file, &error.to_string())
}
