//! Delimited text: CSV, TSV and their relatives.

use std::collections::HashMap;

use thalweg_core::registry::Description;

use super::format::Format;
use crate::csv::builder::{ColumnBuilder, is_code};
use crate::csv::dialect;
use crate::csv::records::{Record, Records};
use crate::error::{Error, Location, Note, Result, quote, quote_list};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::{Column, ColumnData, Lines, Roles, Table};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "csv",
        summary: "delimited text (comma, tab, semicolon, pipe), also gzipped; header, types and missing values are detected",
        equation: "",
        source: "RFC 4180",
        parameters: &[],
    },
    endings: &["csv", "tsv", "tab", "txt", "data", "test"],
    recognizes: |_| false,
    read,
    folder: None,
    #[cfg(test)]
    example: || b"a,b,c\n1,\"x, y\",yes\n2.5,?,no\n-3e4,z,yes\n".to_vec(),
};

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    let mut records = Records::new(input.file, input.reader)?;
    let location = Location::file(records.file.clone());
    let header = detect_dialect(&mut records, options)?;
    let mut names: Option<Vec<String>> = (!options.names.is_empty()).then(|| options.names.clone());
    if header && let Some(first) = records.next()? {
        let found = header_names(&first, &location)?;
        let names = names.get_or_insert_with(|| found.clone());
        if names.len() != found.len() {
            return Err(count_error(&location, &first, names.len(), true));
        }
    }
    let mut builders: Vec<ColumnBuilder> = Vec::new();
    let mut lines = Lines::default();
    let mut rows = 0;
    while let Some(record) = records.next()? {
        if builders.is_empty() {
            let width = record.cells.len();
            let expected = || options.expected.as_ref()?.of_width(width);
            let given = names.get_or_insert_with(|| expected().unwrap_or_else(|| numbered(width)));
            builders.resize_with(given.len(), ColumnBuilder::default);
        }
        if record.cells.len() != builders.len() {
            let given = rows == 0 && !header;
            return Err(count_error(&location, &record, builders.len(), given));
        }
        let names = names.as_deref().unwrap_or_default();
        push(&record, names, &mut builders, &options.missing, &location)?;
        lines.push(rows, record.line);
        rows += 1;
    }
    let Some(names) = names.filter(|_| rows > 0) else {
        let found = match header {
            true => "a header and no rows",
            false => "an empty file",
        };
        return Err(Error::invalid(location, found, "rows of data")
            .remedy("check that this is the right file"));
    };
    check_unique(&names, &location)?;
    let column = |(name, builder): (String, ColumnBuilder)| Column {
        name,
        data: builder.finish(),
    };
    let columns: Vec<Column> = names.into_iter().zip(builders).map(column).collect();
    let notes = (decimal_commas(&columns).into_iter())
        .chain(codes(&columns))
        .collect();
    let train = Table {
        file: records.file,
        columns,
        rows,
        lines: Some(lines),
        roles: Roles::default(),
    };
    Ok(Loaded {
        train,
        test: None,
        notes,
    })
}

/// Sets the delimiter, from the options or the first records; returns whether the first one is a
/// header.
fn detect_dialect(records: &mut Records, options: &ReadOptions) -> Result<bool> {
    let (sample, complete) = records.sample();
    if dialect::is_libsvm(sample, complete) {
        let location = Location::file(records.file.clone()).line(1);
        let found = "sparse rows as libsvm writes them (label index:value …)";
        return Err(
            Error::invalid(location, found, "a table of delimited cells")
                .remedy("sparse libsvm files are not supported yet; write a dense CSV or .npz"),
        );
    }
    let delimiter = match options.delimiter {
        None => dialect::delimiter(sample, complete),
        Some(c) => match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => byte,
            _ => {
                let location = Location::field("data.read.delimiter");
                let found = quote(&c.to_string());
                return Err(Error::invalid(location, found, "an ASCII character"));
            }
        },
    };
    let header = options.header.unwrap_or_else(|| {
        let mut expected = options.names.clone();
        expected.extend(options.expected.iter().flat_map(|e| e.names.clone()));
        dialect::header(sample, complete, delimiter, &options.missing, &expected)
    });
    records.delimiter = delimiter;
    Ok(header)
}

/// Adds the cells of a record to its columns.
fn push(
    record: &Record<'_>,
    names: &[String],
    builders: &mut [ColumnBuilder],
    missing: &[String],
    location: &Location,
) -> Result<()> {
    for ((cell, builder), name) in record.cells.iter().zip(builders).zip(names) {
        let bytes = cell.bytes(record.bytes);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            let location = location.clone().line(record.line).column(name);
            let found = quote(&String::from_utf8_lossy(&bytes));
            return Err(
                Error::invalid(location, found, "UTF-8 text").remedy("save the file as UTF-8")
            );
        };
        builder.push(text, missing);
    }
    Ok(())
}

/// A warning when columns hold numbers with decimal commas, which are read as text.
fn decimal_commas(columns: &[Column]) -> Option<Note> {
    let number = |level: &str| {
        level.matches(',').count() <= 1 && level.replace(',', ".").parse::<f64>().is_ok()
    };
    let names = columns_of(columns, |level| level.contains(','), number)?;
    let text = "numbers with decimal commas are read as text; write decimal points: columns";
    Some(Note::warning(format!("{text} {names}")))
}

/// A note on the columns of numbers that are text because of leading zeros.
fn codes(columns: &[Column]) -> Option<Note> {
    let names = columns_of(columns, is_code, |level| level.parse::<f64>().is_ok())?;
    let text = "numbers with leading zeros are codes and read as text (00123 is not 123); \
                remove the zeros to have them read as numbers: columns";
    Some(Note::info(format!("{text} {names}")))
}

/// The names of the text columns of which some text is `any` and every one is `all`, if there are
/// such.
fn columns_of(
    columns: &[Column],
    any: impl Fn(&str) -> bool,
    all: impl Fn(&str) -> bool,
) -> Option<String> {
    let is = |column: &&Column| match &column.data {
        ColumnData::Text(text) => {
            text.levels.iter().any(|level| any(level)) && text.levels.iter().all(|level| all(level))
        }
        _ => false,
    };
    let mut names = (columns.iter().filter(is).map(|column| column.name.as_str())).peekable();
    names.peek()?;
    Some(quote_list(names))
}

/// Names for columns without: `column_1`, `column_2`, ….
fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("column_{i}")).collect()
}

fn header_names(record: &Record<'_>, location: &Location) -> Result<Vec<String>> {
    if std::str::from_utf8(record.bytes).is_err() {
        let location = location.clone().line(record.line);
        let found = "names that are not UTF-8 text";
        return Err(Error::invalid(location, found, "UTF-8 text").remedy("save the file as UTF-8"));
    }
    let mut names = record.lossy();
    for (name, number) in names.iter_mut().zip(numbered(record.cells.len())) {
        if name.is_empty() {
            *name = number;
        }
    }
    check_unique(&names, &location.clone().line(record.line))?;
    Ok(names)
}

fn check_unique(names: &[String], location: &Location) -> Result<()> {
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

/// A record of another number of cells than the `expected` columns, whose names the user gave, or
/// earlier records.
fn count_error(location: &Location, record: &Record<'_>, expected: usize, given: bool) -> Error {
    let found = match record.cells.len() {
        1 => "1 cell".to_owned(),
        n => format!("{n} cells"),
    };
    let (why, remedy) = match given {
        true => (
            "one for each name given",
            "give as many names as there are columns",
        ),
        false => (
            "as in the lines before",
            "check this line for missing or extra delimiters and quotes",
        ),
    };
    let location = location.clone().line(record.line);
    Error::invalid(location, found, format!("{expected}, {why}")).remedy(remedy)
}
