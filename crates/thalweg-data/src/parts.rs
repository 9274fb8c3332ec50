//! Several files with the rows of one table.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::block::{Block, append as append_values};
use crate::compression::plain_name;
use crate::error::{Error, Location, Note, Result, quote, quote_list};
use crate::foreign;
use crate::formats;
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::{ExpectedColumns, ReadOptions};
use crate::table::{Column, ColumnData, MISSING, Table, TextColumn, number_text};
use crate::typed::TypedColumn;

/// Reads the files in this order, under a name for all of them.
///
/// # Errors
/// If a file cannot be read, or has other columns than the first.
pub fn read(name: &str, files: &[PathBuf], options: &ReadOptions) -> Result<Loaded> {
    let mut options = options.clone();
    let mut parts: Vec<Loaded> = Vec::with_capacity(files.len());
    for path in files {
        let part = formats::read(Input::open(path)?, &options)?;
        if part.test.is_some() {
            let found = "a test part of its own";
            let error = Error::invalid(part.train.location(), found, "rows of one table");
            return Err(error.remedy("give the file alone"));
        }
        // In later files the names tell a header from rows, and a file without one has them.
        if options.expected.is_none() && part.train.sparse_width().is_some() {
            // They may have more columns.
            options.sparse = Some(true);
        } else {
            options.expected.get_or_insert_with(|| ExpectedColumns {
                names: part.train.names().map(str::to_owned).collect(),
                image: part.train.image_shape(),
                is_of_part: true,
                ..Default::default()
            });
        }
        parts.push(part);
    }
    // Numbers that are text in another file are spelled as there.
    let mixed: Vec<String> = mixed(&parts);
    if !mixed.is_empty() {
        options.categorical.extend(mixed.iter().cloned());
        for (part, path) in parts.iter_mut().zip(files) {
            let is_number = |name: &String| part.train.column(name).is_some_and(has_numbers);
            if mixed.iter().any(is_number) {
                *part = formats::read(Input::open(path)?, &options)?;
            }
        }
    }
    let mut parts = parts.into_iter();
    let mut all = parts.next().ok_or_else(|| {
        Error::invalid(
            Location::field("data.source"),
            "no file",
            "the files of a table",
        )
    })?;
    all.train.parts.push((0, all.train.file.clone()));
    for part in parts {
        append(&mut all.train, part.train)?;
        let news = part
            .notes
            .into_iter()
            .filter(|note| !all.notes.contains(note));
        let news: Vec<Note> = news.collect();
        all.notes.extend(news);
    }
    all.train.file = name.to_owned();
    Ok(all)
}

/// The columns that are numbers in one file and text in another.
fn mixed(parts: &[Loaded]) -> Vec<String> {
    let columns = || parts.iter().flat_map(|part| &part.train.columns);
    let texts = columns().filter(|column| matches!(column.data, ColumnData::Text(_)));
    let texts: HashSet<&str> = texts.map(|column| column.name.as_str()).collect();
    let numbers =
        columns().filter(|column| texts.contains(column.name.as_str()) && has_numbers(column));
    let mut mixed: Vec<String> = numbers.map(|column| column.name.clone()).collect();
    mixed.sort();
    mixed.dedup();
    mixed
}

fn has_numbers(column: &Column) -> bool {
    matches!(&column.data, ColumnData::Numeric(numbers) if numbers.iter().any(|x| !x.is_nan()))
}

/// Reads a folder as one data set: one that a format knows, or one of files with the rows of one
/// table.
///
/// # Errors
/// As [`read`] and [`in_folder`].
pub fn read_folder(folder: &Path, options: &ReadOptions) -> Result<Loaded> {
    match formats::read_folder(folder, options)? {
        Some(loaded) => Ok(loaded),
        None => read(&folder.display().to_string(), &in_folder(folder)?, options),
    }
}

/// The files of a folder that no format knows, with the rows of one table, by name. Hidden files and those that
/// begin with `_` do not count: programs leave them as marks.
///
/// # Errors
/// If there are folders in it, no files, or files of several kinds.
pub fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let name = folder.display().to_string();
    let entries = std::fs::read_dir(folder).map_err(|error| Error::reading(&name, error))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with(['.', '_']) && !name.ends_with(".crc")
    });
    paths.sort();
    let (files, folders): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.into_iter().partition(|path| path.is_file());
    let fail = |found: String, expected: &str, remedy: &str| {
        Err(Error::invalid(Location::file(&name), found, expected).remedy(remedy))
    };
    if folders.iter().any(|folder| is_partition(folder)) {
        return fail(
            format!("folders in a folder ({})", names(&folders)),
            "files with the rows of one table",
            "give the files as a pattern such as FOLDER/*/*.parquet",
        );
    }
    if files.is_empty() || !folders.is_empty() {
        // Images of another kind, a folder for each class, perhaps.
        let inside = folders.first().and_then(|folder| first_file(folder));
        if let Some(file) = inside {
            let (name, head) = (file.display().to_string(), Input::open(&file)?.head);
            foreign::refusal(&name, &head).map_or(Ok(()), Err)?;
        }
        let expected = formats::help().replacen('A', "a", 1);
        return fail(
            "a folder of no known format".to_owned(),
            &expected,
            "give the file itself",
        );
    }
    let ending = |path: &PathBuf| {
        let name = path.to_string_lossy().to_lowercase();
        Path::new(plain_name(&name))
            .extension()
            .map(|ending| ending.to_owned())
    };
    if files
        .windows(2)
        .any(|pair| ending(&pair[0]) != ending(&pair[1]))
    {
        return fail(
            format!("files of several kinds ({})", names(&files)),
            "files with the rows of one table",
            "give the file itself, or a pattern such as FOLDER/*.csv",
        );
    }
    Ok(files)
}

fn first_file(folder: &Path) -> Option<PathBuf> {
    let paths = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    paths.filter(|path| path.is_file()).min()
}

/// Whether the name of a folder is a value of its rows: `year=2024`.
fn is_partition(folder: &Path) -> bool {
    folder
        .file_name()
        .is_some_and(|name| name.to_string_lossy().contains('='))
}

fn names(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let names: Vec<String> = paths.iter().map(name).collect();
    quote_list(names.iter().map(String::as_str))
}

/// Adds the rows of a table with the same columns, in any order.
fn append(table: &mut Table, mut other: Table) -> Result<()> {
    let first = table
        .parts
        .first()
        .map_or(&table.file, |(_, file)| file)
        .clone();
    for column in &mut table.columns {
        let Some(at) = other.columns.iter().position(|c| c.name == column.name) else {
            let found = format!("no column {}", quote(&column.name));
            let expected = format!("the columns of {first}");
            return Err(Error::invalid(other.location(), found, expected)
                .remedy("give files with the same columns"));
        };
        let added = other.columns.swap_remove(at).data;
        let data = std::mem::replace(&mut column.data, ColumnData::Numeric(Vec::new()));
        column.data = join(data, added).map_err(|found| {
            let location = other.location().column(&column.name);
            Error::invalid(location, found, format!("what the column is in {first}"))
        })?;
    }
    if let [column, ..] = other.columns.as_slice() {
        let found = format!("the column {}", quote(&column.name));
        let expected = format!("only the columns of {first}");
        return Err(Error::invalid(other.location(), found, expected)
            .remedy("give files with the same columns"));
    }
    match (&mut table.lines, &other.lines) {
        (Some(lines), Some(others)) => lines.append(table.rows, 0, others),
        _ => table.lines = None,
    }
    table.parts.push((table.rows, other.file));
    table.rows += other.rows;
    Ok(())
}

/// The values of two columns one after the other: numbers beside text become text.
fn join(data: ColumnData, added: ColumnData) -> Result<ColumnData, String> {
    Ok(match (data, added) {
        (ColumnData::Numeric(mut numbers), ColumnData::Numeric(added)) => {
            numbers.extend(added);
            ColumnData::Numeric(numbers)
        }
        (ColumnData::Time(mut seconds), ColumnData::Time(added)) => {
            seconds.extend(added);
            ColumnData::Time(seconds)
        }
        (ColumnData::Block(block), ColumnData::Block(added)) => {
            ColumnData::Block(join_blocks(block, added)?)
        }
        (ColumnData::Block(_), _) | (_, ColumnData::Block(_)) => {
            return Err("single values beside lists".to_owned());
        }
        (ColumnData::Time(_), _) | (_, ColumnData::Time(_)) => {
            return Err("dates beside other values".to_owned());
        }
        (data, added) => {
            let mut texts = text(data);
            let added = text(added);
            let index: HashMap<&String, u32> = texts.levels.iter().zip(0..).collect();
            let (mut codes, mut new) = (Vec::new(), Vec::new());
            for level in &added.levels {
                codes.push(match index.get(level) {
                    Some(&code) => code,
                    None => {
                        new.push(level.clone());
                        (texts.levels.len() + new.len() - 1) as u32
                    }
                });
            }
            // Words for "missing" of another file mean nothing more.
            let same_words = texts.words == added.words;
            let missing = |code: u32| if same_words { code } else { MISSING };
            let code = |&code: &u32| codes.get(code as usize).copied().unwrap_or(missing(code));
            texts.codes.extend(added.codes.iter().map(code));
            texts.levels.extend(new);
            ColumnData::Text(texts)
        }
    })
}

fn text(data: ColumnData) -> TextColumn {
    let numbers = match data {
        ColumnData::Text(text) => return text,
        ColumnData::Numeric(numbers) => numbers,
        ColumnData::Block(_) | ColumnData::Time(_) => return TextColumn::default(),
    };
    let mut column = TypedColumn::text();
    for number in numbers {
        match number.is_nan() {
            true => column.push_missing(),
            false => column.push_text(&number_text(number)),
        }
    }
    match column.finish() {
        ColumnData::Text(text) => text,
        _ => TextColumn::default(),
    }
}

fn join_blocks(mut block: Block, mut added: Block) -> Result<Block, String> {
    if block.sparse().is_some() && added.sparse().is_some() {
        // A file has as many columns as its largest index says.
        let width = block.width().max(added.width());
        block.widen(width);
        added.widen(width);
    }
    if block.shape != added.shape {
        return Err(format!(
            "rows of shape {:?} beside {:?}",
            added.shape, block.shape
        ));
    }
    append_values(&mut block.values, added.values);
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Place;
    use crate::testing::packed::gzip;
    use crate::{Source, read};

    fn load(source: &str) -> Result<Loaded> {
        read(&Source::parse(source)?, &ReadOptions::default())
    }

    fn texts(loaded: &Loaded, name: &str) -> Vec<Option<String>> {
        let column = loaded.train.column(name).unwrap();
        (0..loaded.train.rows).map(|row| column.text(row)).collect()
    }

    #[test]
    fn parts_are_one_table_whose_cells_know_their_files() {
        let place = Place::new(
            "parts",
            &[
                ("part-1.csv", b"a,b\n1,2.50\n3,4\n".to_vec()),
                ("part-2.csv.gz", gzip(b"b,a\n\nx,5\n7.0,6\n")),
                ("_SUCCESS", Vec::new()),
            ],
        );
        let folder = place.path().display().to_string();
        let pattern = format!("{folder}/part-*");
        for source in [
            &folder,
            &pattern,
            &format!("{folder}/part-1.csv,{folder}/part-2.csv.gz"),
        ] {
            let loaded = load(source).unwrap();
            assert_eq!(loaded.train.file, *source);
            let cells = |cells: [&str; 4]| cells.map(|cell| Some(cell.to_owned()));
            assert_eq!(texts(&loaded, "a"), cells(["1", "3", "5", "6"]));
            // Numbers beside the text of another file keep their spelling.
            assert_eq!(texts(&loaded, "b"), cells(["2.50", "4", "x", "7.0"]));
            let place = |row| loaded.train.cell(row, "b").to_string();
            assert_eq!(place(1), format!("{folder}/part-1.csv:3: column \"b\""));
            assert_eq!(place(2), format!("{folder}/part-2.csv.gz:3: column \"b\""));
            let kept = loaded.train.keep(&[0, 3]);
            assert_eq!(
                kept.cell(1, "b").to_string(),
                format!("{folder}/part-2.csv.gz:4: column \"b\"")
            );
        }
        assert_eq!(Source::parse(&pattern).unwrap().name(), "part");
    }

    #[test]
    fn a_folder_of_no_known_format_is_refused_with_what_can_be_read() {
        let error = load(env!("CARGO_MANIFEST_DIR")).unwrap_err().to_string();
        let expected = "a folder of no known format, expected a file (cache, idx";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn files_that_are_no_parts_of_one_table_are_named() {
        let place = Place::new(
            "no-parts",
            &[
                ("mixed/a.csv", b"a,b\n1,2\n".to_vec()),
                ("mixed/b.jsonl", b"{\"a\": 1}\n".to_vec()),
                ("other/a.csv", b"a,b\n1,2\n".to_vec()),
                ("other/b.csv", b"a,c\n1,2\n".to_vec()),
                ("more/a.csv", b"a\n1\n".to_vec()),
                ("more/b.csv", b"a,c\n1,2\n".to_vec()),
                ("hive/year=2024/a.csv", b"a\n1\n".to_vec()),
            ],
        );
        for (folder, expected) in [
            (
                "mixed",
                "found files of several kinds (\"a.csv\", \"b.jsonl\")",
            ),
            (
                "other",
                "b.csv: found no column \"b\", expected the columns of ",
            ),
            (
                "more",
                "b.csv: found the column \"c\", expected only the columns of ",
            ),
            ("hive", "found folders in a folder (\"year=2024\")"),
        ] {
            let message = load(&place.path().join(folder).display().to_string()).unwrap_err();
            assert!(message.to_string().contains(expected), "{message}");
        }
        let none = load("no-such-*.csv").unwrap_err().to_string();
        assert!(
            none.contains("found no file that matches \"no-such-*.csv\""),
            "{none}"
        );
    }
}
