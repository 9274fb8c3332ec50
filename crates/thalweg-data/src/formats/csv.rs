//! Delimited text: CSV, TSV and their relatives.

use std::collections::HashMap;

use thalweg_core::registry::{Description, Entry};

use super::Format;
use crate::csv::builder::{ColumnBuilder, is_code};
use crate::csv::dialect;
use crate::csv::records::{Record, Records};
use crate::error::{Error, Note, Place, Result, quote, quote_list};
use crate::input::Input;
use crate::source::{Loaded, ReadOptions};
use crate::table::{Column, ColumnData, Lines, Roles, Table};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    endings: &["csv", "tsv", "tab", "txt", "data", "test"],
    recognizes: |_| false,
    read,
};

/// Its line in the registry.
pub static ENTRY: Entry<&'static Format> = Entry {
    description: Description {
        name: "csv",
        summary: "delimited text (comma, tab, semicolon, pipe), also gzipped; header, types and missing values are found by looking",
        equation: "",
        source: "RFC 4180",
        parameters: &[],
    },
    build: |_, ()| Ok(&FORMAT),
};

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    let mut records = Records::new(input.file, input.reader)?;
    let place = Place::file(records.file.clone());
    let (sample, complete) = records.sample();
    if dialect::is_libsvm(sample, complete) {
        let found = "sparse rows as libsvm writes them (label index:value …)";
        return Err(
            Error::invalid(place.line(1), found, "a table of delimited cells")
                .remedy("sparse libsvm files are not supported yet; write a dense CSV or .npz"),
        );
    }
    let delimiter = match options.delimiter {
        None => dialect::delimiter(sample, complete),
        Some(c) => match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => byte,
            _ => {
                let found = format!("delimiter {}", quote(&c.to_string()));
                return Err(Error::invalid(
                    Place::default(),
                    found,
                    "an ASCII character",
                ));
            }
        },
    };
    let header = options.header.unwrap_or_else(|| {
        let mut expected = options.names.clone();
        expected.extend(
            options
                .expected
                .iter()
                .flat_map(|e| e.names.iter().cloned()),
        );
        dialect::header(sample, complete, delimiter, &options.missing, &expected)
    });
    records.delimiter = delimiter;

    let mut names: Option<Vec<String>> = (!options.names.is_empty()).then(|| options.names.clone());
    if header && let Some(first) = records.next()? {
        let found = header_names(&first, &place)?;
        let names = names.get_or_insert_with(|| found.clone());
        if names.len() != found.len() {
            return Err(count_error(
                &place,
                first.line,
                found.len(),
                names.len(),
                true,
            ));
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
            let by_user = rows == 0 && !header;
            return Err(count_error(
                &place,
                record.line,
                record.cells.len(),
                builders.len(),
                by_user,
            ));
        }
        for (j, (cell, builder)) in record.cells.iter().zip(&mut builders).enumerate() {
            let bytes = cell.bytes(record.bytes);
            let Ok(text) = std::str::from_utf8(&bytes) else {
                let column = names.as_ref().and_then(|names| names.get(j)).cloned();
                let place = place
                    .clone()
                    .line(record.line)
                    .column(column.unwrap_or_default());
                let found = quote(&String::from_utf8_lossy(&bytes));
                return Err(
                    Error::invalid(place, found, "UTF-8 text").remedy("save the file as UTF-8")
                );
            };
            builder.push(text, &options.missing);
        }
        lines.push(rows, record.line);
        rows += 1;
    }
    let Some(names) = names.filter(|_| rows > 0) else {
        let found = if header {
            "a header and no rows"
        } else {
            "an empty file"
        };
        return Err(Error::invalid(place, found, "rows of data")
            .remedy("check that this is the right file"));
    };
    check_unique(&names, &place)?;
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

/// A warning when columns hold numbers with decimal commas, which are read as text.
fn decimal_commas(columns: &[Column]) -> Option<Note> {
    let number = |level: &String| {
        level.matches(',').count() <= 1 && level.replace(',', ".").parse::<f64>().is_ok()
    };
    let names: Vec<&str> = (columns.iter())
        .filter(|column| match &column.data {
            ColumnData::Text(text) => {
                text.levels.iter().any(|level| level.contains(','))
                    && text.levels.iter().all(number)
            }
            _ => false,
        })
        .map(|column| column.name.as_str())
        .collect();
    let text = "numbers with decimal commas are read as text; write decimal points: columns";
    (!names.is_empty()).then(|| Note::warning(format!("{text} {}", quote_list(names))))
}

/// A note on the columns of numbers that are text because of leading zeros.
fn codes(columns: &[Column]) -> Option<Note> {
    let number = |level: &String| level.parse::<f64>().is_ok();
    let names: Vec<&str> = (columns.iter())
        .filter(|column| match &column.data {
            ColumnData::Text(text) => {
                text.levels.iter().any(|level| is_code(level)) && text.levels.iter().all(number)
            }
            _ => false,
        })
        .map(|column| column.name.as_str())
        .collect();
    let text = "numbers with leading zeros are codes and read as text (00123 is not 123); \
                remove the zeros to have them read as numbers: columns";
    (!names.is_empty()).then(|| Note::info(format!("{text} {}", quote_list(names))))
}

/// Names for columns without: `column_1`, `column_2`, ….
fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("column_{i}")).collect()
}

fn header_names(record: &Record<'_>, place: &Place) -> Result<Vec<String>> {
    if std::str::from_utf8(record.bytes).is_err() {
        let place = place.clone().line(record.line);
        let found = "names that are not UTF-8 text";
        return Err(Error::invalid(place, found, "UTF-8 text").remedy("save the file as UTF-8"));
    }
    let mut names = record.lossy();
    for (name, number) in names.iter_mut().zip(numbered(record.cells.len())) {
        if name.is_empty() {
            *name = number;
        }
    }
    check_unique(&names, &place.clone().line(record.line))?;
    Ok(names)
}

fn check_unique(names: &[String], place: &Place) -> Result<()> {
    let mut first = HashMap::new();
    for (j, name) in names.iter().enumerate() {
        if let Some(i) = first.insert(name, j) {
            let found = format!(
                "the name {} for columns {} and {}",
                quote(name),
                i + 1,
                j + 1
            );
            return Err(Error::invalid(place.clone(), found, "different names")
                .remedy("rename one of them"));
        }
    }
    Ok(())
}

fn count_error(place: &Place, line: u64, found: usize, expected: usize, by_user: bool) -> Error {
    let cells = |n: usize| {
        if n == 1 {
            "1 cell".to_owned()
        } else {
            format!("{n} cells")
        }
    };
    let (why, remedy) = if by_user {
        (
            "one for each name given",
            "give as many names as there are columns",
        )
    } else {
        (
            "as in the lines before",
            "check this line for missing or extra delimiters and quotes",
        )
    };
    Error::invalid(
        place.clone().line(line),
        cells(found),
        format!("{expected}, {why}"),
    )
    .remedy(remedy)
}
