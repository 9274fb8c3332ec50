//! Several numbers a row: images, rows of matrices, lists of one length.

use thalweg_core::dataset::Values;
use thalweg_core::memory::prefer_huge_pages;
use thalweg_core::sparse::{Csr, NumbersRef};

/// A column of several numbers a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Shape of one row, such as `[28, 28]` or `[13]`.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Values,
}

impl Block {
    /// Values a row.
    pub fn width(&self) -> usize {
        self.shape
            .iter()
            .fold(1, |width, &n| width.saturating_mul(n))
    }

    /// Value `i` of the row-major storage, bytes unscaled.
    #[inline]
    pub fn value(&self, i: usize) -> f64 {
        match &self.values {
            Values::F32(values) => f64::from(values[i]),
            Values::F64(values) => values[i],
            Values::U8 { bytes, .. } => f64::from(bytes[i]),
            Values::Sparse(rows) => rows.view().value(i / self.width(), i % self.width()),
        }
    }

    /// The rows, where they are sparse.
    pub fn sparse(&self) -> Option<&Csr> {
        match &self.values {
            Values::Sparse(rows) => Some(rows),
            _ => None,
        }
    }

    /// Gives sparse rows at least so many columns.
    pub(crate) fn widen(&mut self, width: usize) {
        if let Values::Sparse(rows) = &mut self.values {
            rows.widen(width);
            self.shape = vec![rows.view().width()];
        }
    }

    /// The values of some rows.
    pub(crate) fn keep(&self, rows: &[usize]) -> Self {
        let width = self.width();
        let values = match &self.values {
            Values::F32(values) => Values::F32(gather(values, width, rows)),
            Values::F64(values) => Values::F64(gather(values, width, rows)),
            Values::U8 {
                bytes,
                scale,
                offset,
            } => Values::U8 {
                bytes: gather(bytes, width, rows),
                scale: *scale,
                offset: *offset,
            },
            Values::Sparse(all) => {
                let is_double = matches!(all.view().numbers(), NumbersRef::F64(_));
                Values::Sparse(all.view().gather(rows.iter().copied(), is_double))
            }
        };
        Self {
            shape: self.shape.clone(),
            values,
        }
    }
}

/// The name of a value of a matrix, counted from 1, as text files have it.
pub(crate) fn place_name(matrix: &str, place: usize) -> String {
    format!("{matrix}_{place}")
}

/// Adds values; all become f64 where the types differ. Sparse rows of one width stay sparse.
pub(crate) fn append(all: &mut Values, added: Values) {
    match (&mut *all, added) {
        // Of one width, as blocks of one shape are.
        (Values::Sparse(all), Values::Sparse(added)) => drop(all.append(&added)),
        (Values::F32(all), Values::F32(added)) => all.extend(added),
        (Values::F64(all), Values::F64(added)) => all.extend(added),
        (Values::U8 { bytes, .. }, Values::U8 { bytes: added, .. }) => bytes.extend(added),
        (Values::F64(all), added) => all.extend(to_f64(&added)),
        (other, added) => *all = Values::F64([to_f64(other), to_f64(&added)].concat()),
    }
}

/// The values as f64, bytes unscaled.
pub(crate) fn to_f64(values: &Values) -> Vec<f64> {
    match values {
        Values::F64(values) => values.clone(),
        Values::F32(values) => values.iter().copied().map(f64::from).collect(),
        Values::U8 { bytes, .. } => bytes.iter().copied().map(f64::from).collect(),
        Values::Sparse(rows) => {
            let rows = rows.view();
            let mut values = vec![0.0; rows.rows() * rows.width()];
            for (row, values) in values.chunks_exact_mut(rows.width().max(1)).enumerate() {
                rows.entries(row)
                    .for_each(|(column, value)| values[column] = value);
            }
            values
        }
    }
}

/// The `rows` of row-major values, `width` a row.
pub(crate) fn gather<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    let mut gathered = Vec::with_capacity(rows.len() * width);
    prefer_huge_pages(&mut gathered);
    for &row in rows {
        gathered.extend_from_slice(&values[row * width..(row + 1) * width]);
    }
    gathered
}
