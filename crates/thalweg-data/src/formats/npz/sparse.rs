//! SciPy's sparse rows in `.npz`: the arrays of a CSR matrix, as `scipy.sparse.save_npz` writes them.

use thalweg_core::dataset::Values;
use thalweg_core::sparse::{Csr, Numbers};

use crate::block::{Block, to_f64};
use crate::compression::is_bomb;
use crate::error::{Error, Location, Result, quote};
use crate::formats::libsvm::{MOST_COLUMNS, SPARSE_COLUMN, ignored, is_sparse};
use crate::loaded::Loaded;
use crate::numpy::{Array, Elements};
use crate::options::ReadOptions;
use crate::table::{Column, ColumnData, Table};
use crate::text::{grouped, whole};

/// The arrays of a matrix that are not those of its format.
const ARRAYS: [&str; 4] = ["shape", "indptr", "indices", "data"];

/// Reads the rows of a sparse matrix; none if an archive holds none.
///
/// # Errors
/// If it is no CSR matrix.
pub(super) fn read(
    file: &str,
    array: &dyn Fn(&str) -> Result<Option<Array>>,
    options: &ReadOptions,
) -> Result<Option<Loaded>> {
    let (Some(shape), Some(format)) = (array("shape")?, array("format")?) else {
        return Ok(None);
    };
    let fail = |found: String| {
        let error = Error::invalid(Location::file(file), found, "a sparse matrix in CSR");
        error.remedy("write it by scipy.sparse.save_npz(FILE, X.tocsr())")
    };
    match &format.elements {
        Elements::Text(kind) if kind.len() == 1 && kind[0] == "csr" => {}
        Elements::Text(kind) if kind.len() == 1 => {
            return Err(fail(format!("a sparse matrix in {}", quote(&kind[0]))));
        }
        _ => return Ok(None),
    }
    let numbers = |name: &str| -> Result<Vec<f64>> {
        let found = match name {
            "shape" => Some(shape.elements.to_f64()),
            _ => array(name)?.map(|array| array.elements.to_f64()),
        };
        let found = found.flatten();
        found.ok_or_else(|| fail(format!("no array {name} of numbers")))
    };
    let [shape, ends, columns, values] = ARRAYS.map(numbers);
    let (shape, ends, columns, values) = (shape?, ends?, columns?, values?);
    let &[rows, width] = shape.as_slice() else {
        return Err(fail(format!("an array shape of {} numbers", shape.len())));
    };
    let (known, own) = (
        options.expected.as_ref().and_then(|known| known.sparse),
        width as usize,
    );
    let width = known.unwrap_or(own);
    if width > MOST_COLUMNS {
        return Err(fail(format!(
            "{} columns (at most {})",
            whole(width),
            whole(MOST_COLUMNS)
        )));
    }
    let mut made = Rows::default();
    let are_ends = ends.windows(2).all(|pair| pair[0] <= pair[1]) && ends.first() == Some(&0.0);
    if !are_ends
        || ends.len() as f64 != rows + 1.0
        || ends.last() != Some(&(columns.len() as f64))
        || values.len() != columns.len()
    {
        let found = "starts of rows that are none of its entries";
        return Err(fail(found.to_owned()));
    }
    for pair in ends.windows(2) {
        let entries = pair[0] as usize..pair[1] as usize;
        let pairs = columns[entries.clone()].iter().zip(&values[entries]);
        if !made.add(pairs.map(|(column, value)| (*column, *value)), own, width) {
            return Err(fail(format!("a column beyond its {own}")));
        }
    }
    made.into_loaded(file, width, options).map(Some)
}

#[derive(Default)]
struct Rows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
    /// Values at columns that the model does not know.
    beyond: usize,
}

impl Rows {
    /// Adds a row, whose entries of one column add up; whether the columns are below `own`.
    fn add(&mut self, pairs: impl Iterator<Item = (f64, f64)>, own: usize, width: usize) -> bool {
        self.starts.push(self.columns.len());
        let mut pairs: Vec<(f64, f64)> = pairs.collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let start = self.columns.len();
        for (column, value) in pairs {
            if !(0.0..own as f64).contains(&column) {
                return false;
            }
            let column = column as usize;
            match self.columns[start..].last() {
                Some(last) if *last as usize == column => {
                    if let Some(last) = self.values.last_mut() {
                        *last += value;
                    }
                }
                _ if column < width => {
                    self.columns.push(column as u32);
                    self.values.push(value);
                }
                _ => self.beyond += 1,
            }
        }
        true
    }

    fn into_loaded(mut self, file: &str, width: usize, options: &ReadOptions) -> Result<Loaded> {
        let rows = self.starts.len();
        self.starts.push(self.columns.len());
        let numbers = match self.values.iter().all(|x| f64::from(*x as f32) == *x) {
            _ if self.values.iter().all(|x| *x == 1.0) => Numbers::Ones,
            true => Numbers::F32(self.values.iter().map(|x| *x as f32).collect()),
            false => Numbers::F64(self.values),
        };
        let (count, location) = (self.columns.len(), Location::file(file));
        let made = Csr::new(width, self.starts, self.columns, numbers)
            .map_err(|error| Error::invalid(location, error.to_string(), "sparse rows"))?;
        let stays = match &options.expected {
            Some(expected) => expected.sparse.is_some(),
            None => (options.sparse)
                .unwrap_or_else(|| is_sparse(rows as u64, width as u64, count as u64)),
        };
        let mut values = Values::Sparse(made);
        if !stays {
            let dense = 8 * rows as u64 * width as u64;
            if is_bomb(8 * count as u64, dense) {
                let found = format!(
                    "{} rows of {} columns, {} MiB as dense ones",
                    whole(rows),
                    whole(width),
                    grouped(&(dense >> 20).to_string())
                );
                let error =
                    Error::invalid(Location::file(file), found, "rows that are not so sparse");
                return Err(error.remedy("let them stay sparse: `data.read.sparse` true"));
            }
            values = Values::F64(to_f64(&values));
        }
        let name = if stays { SPARSE_COLUMN } else { "X" }.to_owned();
        let data = ColumnData::Block(Block {
            shape: vec![width],
            values,
        });
        let beyond = (self.beyond > 0).then(|| ignored(self.beyond, "columns"));
        let table = Table::without_lines(file.to_owned(), rows, vec![Column { name, data }]);
        Ok(Loaded {
            notes: beyond.into_iter().collect(),
            ..table.into()
        })
    }
}
