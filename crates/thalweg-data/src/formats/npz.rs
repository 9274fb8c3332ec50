//! NumPy's `.npz`: arrays `X` and `y` by the names that people give them, and optionally
//! `X_test`, `y_test` and `sample_weight`.

mod pieces;
mod sparse;

use thalweg_core::dataset::Values;
use thalweg_core::registry::Description;

use super::format::{Chunks, Format};
use crate::error::{Error, Location, Note, Result, quote_list};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::numpy::{Array, Elements, zip};
use crate::options::ReadOptions;
use crate::table::{Column, ColumnData, Table};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "npz",
        summary: "NumPy arrays X and y (or data, features, images; labels, target), optionally X_test, y_test and sample_weight; integer y are classes; or a sparse matrix of SciPy in CSR",
        equation: "",
        source: "numpy.savez; scipy.sparse.save_npz",
        parameters: &[],
    },
    endings: &["npz"],
    recognizes: |head| head.starts_with(b"PK\x03\x04"),
    read,
    write: None,
    chunks: Some(Chunks {
        read: pieces::chunks,
        fits: pieces::fits,
        size: pieces::size,
        sums: false,
    }),
    folder: None,
    #[cfg(test)]
    example: || include_bytes!("../../tests/small.npz").to_vec(),
};

/// What an array holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Features,
    Targets,
    Weights,
}

/// What the array of that name holds, and whether it is of the test part; `None` if it is not used.
///
/// A name is one of a few words people use, with `train` or `test` before or after it.
fn role(name: &str) -> Option<(Role, bool)> {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> = lower.split(['_', '-', '.']).collect();
    let mut is_part = |parts: &[&str]| {
        let place = words.iter().position(|word| parts.contains(word));
        place.map(|place| words.remove(place)).is_some()
    };
    let is_test = is_part(&["test", "testing"]);
    if !is_test {
        is_part(&["train", "training"]);
    }
    let role = match words.join("_").as_str() {
        "x" | "data" | "features" | "inputs" | "images" | "arr_0" => Role::Features,
        "y" | "label" | "labels" | "target" | "targets" | "arr_1" => Role::Targets,
        "sample_weight" | "sample_weights" | "weight" | "weights" => Role::Weights,
        _ => return None,
    };
    Some((role, is_test))
}

fn read(mut input: Input, options: &ReadOptions) -> Result<Loaded> {
    let archive = input.take(u64::MAX)?;
    let file = input.file;
    let fail = |found: &str| {
        Error::invalid(Location::file(&file), found, "an .npz file")
            .remedy("write it again with numpy.savez")
    };
    let members = zip::members(&archive).map_err(fail)?;
    let name = |member: &zip::Member| member.name.trim_end_matches(".npy").to_owned();
    let unpacked = |member: &zip::Member| -> Result<Array> {
        let bytes = member.unpack().map_err(fail)?;
        let place = format!("{file}[{}]", name(member));
        Array::read(&mut Input::bytes(&place, bytes)?)
    };
    let named = |wanted: &str| {
        let mut found = members.iter().filter(|member| name(member) == wanted);
        found.next().map(unpacked).transpose()
    };
    if let Some(loaded) = sparse::read(&file, &named, options)? {
        return Ok(loaded);
    }
    let array = |wanted: Role, test: bool| -> Result<Option<Array>> {
        let is = |member: &&zip::Member| role(&name(member)) == Some((wanted, test));
        let found: Vec<&zip::Member> = members.iter().filter(is).collect();
        match found.as_slice() {
            [] => Ok(None),
            [member] => unpacked(member).map(Some),
            [first, second, ..] => {
                let names = [name(first), name(second)];
                let found = format!(
                    "the arrays {}",
                    quote_list(names.iter().map(String::as_str))
                );
                let error = Error::invalid(Location::file(&file), found, "one of them");
                Err(error.remedy("leave one out, or name the features X and the targets y"))
            }
        }
    };
    let Some(x) = array(Role::Features, false)? else {
        let names: Vec<String> = members.iter().map(name).collect();
        let found = match names.as_slice() {
            [] => "no array".to_owned(),
            names => format!(
                "the arrays {}",
                quote_list(names.iter().map(String::as_str))
            ),
        };
        let error = Error::invalid(Location::file(&file), found, "an array X of features");
        return Err(error.remedy("name the features X and the targets y"));
    };
    let weights = array(Role::Weights, false)?;
    let train = table(&file, x, array(Role::Targets, false)?, weights, "")?;
    let test = match array(Role::Features, true)? {
        Some(x) => Some(table(&file, x, array(Role::Targets, true)?, None, "_test")?),
        None => None,
    };
    let names: Vec<String> = members.iter().map(name).collect();
    let notes = note_on_unused(&names).into_iter().collect();
    Ok(Loaded { train, test, notes })
}

fn note_on_unused(names: &[String]) -> Option<Note> {
    let unused = names.iter().filter(|name| role(name).is_none());
    let unused: Vec<&str> = unused.map(String::as_str).collect();
    (!unused.is_empty()).then(|| {
        let names = quote_list(unused);
        Note::warning(format!("arrays that are not used: {names}"))
    })
}

fn table(
    file: &str,
    x: Array,
    y: Option<Array>,
    weights: Option<Array>,
    part: &str,
) -> Result<Table> {
    let rows = x.rows();
    let x = x.into_column("X", file)?;
    let mut table = beside(file, rows, y, weights, part)?;
    table.columns.insert(0, x);
    Ok(table)
}

/// The targets and weights of so many rows.
fn beside(
    file: &str,
    rows: usize,
    y: Option<Array>,
    weights: Option<Array>,
    part: &str,
) -> Result<Table> {
    let same_rows = |array: &Array, name: &str| {
        if array.rows() == rows && !array.shape.is_empty() {
            return Ok(());
        }
        let location = Location::file(file).column(format!("{name}{part}"));
        let found = format!("an array of shape {:?}", array.shape);
        let error = Error::invalid(location, found, format!("{rows} rows, as X{part} has"));
        Err(error.remedy("save both with a value for each row"))
    };
    let mut table = Table::without_lines(file.to_owned(), rows, Vec::new());
    if let Some(y) = y {
        same_rows(&y, "y")?;
        let classes = y.integer || matches!(y.elements, Elements::Text(_));
        table.roles.classes = Some(classes);
        let columns = target_columns(y, file)?;
        table.roles.target = columns.iter().map(|column| column.name.clone()).collect();
        table.columns.extend(columns);
    }
    if let Some(weights) = weights {
        same_rows(&weights, "sample_weight")?;
        let column = weights.into_column("sample_weight", file)?;
        table.roles.weights = Some(column.name.clone());
        table.columns.push(column);
    }
    Ok(table)
}

/// `y`, or `y_1`, `y_2`, … for a matrix of targets.
fn target_columns(y: Array, file: &str) -> Result<Vec<Column>> {
    if let (&[_, width], Some(values)) = (y.shape.as_slice(), y.elements.to_f64()) {
        let column = |j: usize| {
            let name = if width == 1 {
                "y".to_owned()
            } else {
                format!("y_{}", j + 1)
            };
            let values = values.iter().skip(j).step_by(width).copied();
            let data = ColumnData::Numeric(values.collect());
            Column { name, data }
        };
        return Ok((0..width).map(column).collect());
    }
    // Bytes of a vector become numbers here, too: only matrices stay bytes.
    let column = y.into_column("y", file)?;
    if let ColumnData::Block(block) = &column.data {
        let bytes = matches!(block.values, Values::U8 { .. });
        let bytes = if bytes { " (bytes)" } else { "" };
        let found = format!("a y of rows of shape {:?}{bytes}", block.shape);
        let expected = "a vector or a matrix of targets";
        return Err(Error::invalid(Location::file(file), found, expected));
    }
    Ok(vec![column])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::packed::zip;

    /// An array of rows of one byte.
    fn array(bytes: &[u8]) -> Vec<u8> {
        let rows = bytes.len();
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows},), }}");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat()
    }

    fn load(names: &[&str]) -> Result<Loaded> {
        let arrays: Vec<(String, Vec<u8>)> = (names.iter().zip(0..))
            .map(|(name, i)| (format!("{name}.npy"), array(&[i, i + 1])))
            .collect();
        let members: Vec<(&str, &[u8])> = (arrays.iter())
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let input = Input::bytes("t.npz", zip(&members)).unwrap();
        read(input, &ReadOptions::default())
    }

    fn first(table: &Table, name: &str) -> f64 {
        match &table.column(name).unwrap().data {
            ColumnData::Numeric(numbers) => numbers[0],
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arrays_are_found_by_the_names_people_use() {
        for names in [
            ["X", "y", "X_test", "y_test"],
            ["data", "target", "test_data", "test_target"],
            ["x_train", "y_train", "x_test", "y_test"],
            ["train_images", "train_labels", "test_images", "test_labels"],
            ["features", "labels", "features_test", "labels_test"],
            ["arr_0", "arr_1", "x_test", "y_test"],
        ] {
            let loaded = load(&names).unwrap();
            assert_eq!(
                (first(&loaded.train, "X"), first(&loaded.train, "y")),
                (0.0, 1.0),
                "{names:?}"
            );
            let test = loaded.test.unwrap();
            assert_eq!(
                (first(&test, "X"), first(&test, "y")),
                (2.0, 3.0),
                "{names:?}"
            );
            assert!(loaded.notes.is_empty());
        }
        let loaded = load(&["x", "y", "sample_weight", "x_val"]).unwrap();
        assert_eq!(loaded.train.roles.weights.as_deref(), Some("sample_weight"));
        assert_eq!(loaded.notes[0].text, "arrays that are not used: \"x_val\"");
        let twice = load(&["x", "data", "y"]).unwrap_err().to_string();
        assert!(
            twice.starts_with("t.npz: found the arrays \"x\", \"data\", expected one of them"),
            "{twice}"
        );
    }
}
