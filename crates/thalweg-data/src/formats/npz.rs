//! NumPy's `.npz`: arrays `X` and `y`, and optionally `X_test`, `y_test` and `sample_weight`.

use thalweg_core::dataset::Values;
use thalweg_core::registry::Description;

use super::format::Format;
use crate::error::{Error, Location, Result, quote_list};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::numpy::{Array, Elements, zip};
use crate::table::{Column, ColumnData, Table};

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "npz",
        summary: "NumPy arrays X and y, optionally X_test, y_test and sample_weight; integer y are classes",
        equation: "",
        source: "numpy.savez",
        parameters: &[],
    },
    endings: &["npz"],
    recognizes: |head| head.starts_with(b"PK\x03\x04"),
    read: |input, _| read(input),
    folder: None,
    #[cfg(test)]
    example: || include_bytes!("../../tests/small.npz").to_vec(),
};

fn read(mut input: Input) -> Result<Loaded> {
    let archive = input.take(u64::MAX)?;
    let file = input.file;
    let fail = |found: &str| {
        Error::invalid(Location::file(&file), found, "an .npz file")
            .remedy("write it again with numpy.savez")
    };
    let members = zip::members(&archive).map_err(fail)?;
    let array = |name: &str| -> Result<Option<Array>> {
        let Some(member) = members
            .iter()
            .find(|m| m.name.trim_end_matches(".npy") == name)
        else {
            return Ok(None);
        };
        let bytes = member.unpack().map_err(fail)?;
        Array::read(&mut Input::bytes(&format!("{file}[{name}]"), bytes)?).map(Some)
    };
    let Some(x) = array("X")? else {
        let names = members.iter().map(|m| m.name.trim_end_matches(".npy"));
        return Err(fail(&format!("the arrays {}", quote_list(names)))
            .remedy("name the features X and the targets y"));
    };
    let weights = array("sample_weight")?;
    let train = table(&file, x, array("y")?, weights, "")?;
    let test = match array("X_test")? {
        Some(x) => Some(table(&file, x, array("y_test")?, None, "_test")?),
        None => None,
    };
    Ok(Loaded {
        train,
        test,
        notes: Vec::new(),
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
    let same_rows = |array: &Array, name: &str| {
        if array.rows() == rows && !array.shape.is_empty() {
            return Ok(());
        }
        let location = Location::file(file).column(format!("{name}{part}"));
        Err(Error::invalid(
            location,
            format!("an array of shape {:?}", array.shape),
            format!("{rows} rows, as X{part} has"),
        ))
    };
    let x = x.into_column("X", file)?;
    let mut table = Table::without_lines(file.to_owned(), rows, vec![x]);
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
