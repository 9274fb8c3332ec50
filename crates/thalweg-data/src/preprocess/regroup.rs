//! The columns `X_1`, `X_2`, … of a text file and the matrix `X` of others are the same thing.

use std::collections::{HashMap, HashSet};

use thalweg_core::dataset::Values;

use super::{Encoding, Preprocessing};
use crate::block::place_name;
use crate::table::{Block, Column, ColumnData, Table};

impl Preprocessing {
    /// Makes a matrix of its columns, or columns of it, where the training file had the other.
    pub fn regroup(&self, table: &mut Table) {
        let block = |column: &Column| matches!(column.data, ColumnData::Block(_));
        match (self.inputs.as_slice(), table.columns.iter().position(block)) {
            ([input], None) => {
                let shape = match &input.encoding {
                    Encoding::Image { shape, .. } => shape.clone(),
                    Encoding::Matrix { places } => vec![places.len()],
                    _ => return,
                };
                join(table, &input.name, shape);
            }
            (inputs, Some(at)) if inputs.iter().all(|input| !input.encoding.is_of_blocks()) => {
                split(table, at, &self.columns);
            }
            _ => {}
        }
    }
}

/// Joins the columns of a matrix of this shape if all are there.
fn join(table: &mut Table, matrix: &str, shape: Vec<usize>) {
    let width = shape
        .iter()
        .fold(1, |width: usize, n| width.saturating_mul(*n));
    if width > table.columns.len() {
        return;
    }
    let names: Vec<String> = (1..=width).map(|place| place_name(matrix, place)).collect();
    let mut by_name: HashMap<&str, &Vec<f64>> = HashMap::new();
    for Column { name, data } in &table.columns {
        if let ColumnData::Numeric(numbers) = data {
            by_name.insert(name, numbers);
        }
    }
    let columns = names.iter().map(|name| by_name.get(name.as_str()).copied());
    let Some(columns) = columns.collect::<Option<Vec<_>>>() else {
        return;
    };
    let rows = 0..table.rows;
    let values = Values::F64(
        rows.flat_map(|row| columns.iter().map(move |one| one[row]))
            .collect(),
    );
    let names: HashSet<String> = names.into_iter().collect();
    table.columns.retain(|column| !names.contains(&column.name));
    let block = Column {
        name: matrix.to_owned(),
        data: ColumnData::Block(Block { shape, values }),
    };
    table.columns.insert(0, block);
}

/// Splits the matrix at this place if the training file had columns of it.
fn split(table: &mut Table, at: usize, known: &[String]) {
    let Column { name, data } = &table.columns[at];
    let ColumnData::Block(block) = data else {
        return;
    };
    let width = block.width();
    let names: Vec<String> = (1..=width).map(|place| place_name(name, place)).collect();
    if !known.iter().any(|name| names.contains(name)) {
        return;
    }
    let column = |(place, name): (usize, String)| {
        let value = |row: usize| block.value(row * width + place);
        let data = ColumnData::Numeric((0..table.rows).map(value).collect());
        Column { name, data }
    };
    let columns: Vec<Column> = names.into_iter().enumerate().map(column).collect();
    table.columns.splice(at..=at, columns);
}
