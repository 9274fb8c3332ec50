//! By what rows are known again, in memory and on disk: checksums of what the network sees of them.

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use thalweg_core::dataset::{DatasetRef, FeaturesRef, TargetsRef, ValuesRef};

/// The CRC-32 of features, targets and weights of some rows in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsSum {
    /// Number of rows.
    pub rows: usize,
    features: u32,
    targets: u32,
    weights: u32,
}

impl RowsSum {
    /// That of these rows.
    pub fn of(rows: DatasetRef) -> Self {
        let mut summing = Summing::default();
        summing.add(rows);
        summing.finish()
    }
}

/// Rows that are added piece by piece; where they are cut does not matter.
#[derive(Debug, Clone, Default)]
pub(super) struct Summing {
    rows: usize,
    features: Hasher,
    targets: Hasher,
    weights: Hasher,
}

impl Summing {
    pub fn add(&mut self, rows: DatasetRef) {
        self.rows += rows.features.rows();
        add_features(&mut self.features, rows.features);
        match rows.targets {
            TargetsRef::Classes(classes) => add(&mut self.targets, classes, u32::to_le_bytes),
            TargetsRef::Values { values, .. } => add(&mut self.targets, values, f64::to_le_bytes),
        }
        add(
            &mut self.weights,
            rows.weights.unwrap_or_default(),
            f32::to_le_bytes,
        );
    }

    pub fn finish(self) -> RowsSum {
        RowsSum {
            rows: self.rows,
            features: self.features.finalize(),
            targets: self.targets.finalize(),
            weights: self.weights.finalize(),
        }
    }
}

fn add_features(hasher: &mut Hasher, features: FeaturesRef) {
    match features.values {
        ValuesRef::F32(values) => add(hasher, values, f32::to_le_bytes),
        ValuesRef::F64(values) => add(hasher, values, f64::to_le_bytes),
        ValuesRef::U8 { bytes, .. } => hasher.update(bytes),
        // As row-major values.
        ValuesRef::Columns(columns) => {
            let mut values = Vec::with_capacity(columns.len());
            for row in 0..features.rows() {
                values.clear();
                values.extend(columns.iter().map(|column| column[row]));
                add(hasher, &values, f32::to_le_bytes);
            }
        }
        ValuesRef::Sparse(rows) => {
            let (mut columns, mut values) = (Vec::new(), Vec::new());
            for row in 0..rows.rows() {
                columns.clear();
                values.clear();
                for (column, value) in rows.entries(row) {
                    columns.push(column as u32);
                    values.push(value);
                }
                // The number of entries stands before them.
                hasher.update(&(columns.len() as u64).to_le_bytes());
                add(hasher, &columns, u32::to_le_bytes);
                add(hasher, &values, f64::to_le_bytes);
            }
        }
    }
}

/// Adds values as bytes, some at a time.
fn add<T: Copy, const N: usize>(hasher: &mut Hasher, values: &[T], bytes_of: fn(T) -> [u8; N]) {
    let mut bytes = [[0; N]; 1024];
    for values in values.chunks(bytes.len()) {
        for (bytes, value) in bytes.iter_mut().zip(values) {
            *bytes = bytes_of(*value);
        }
        hasher.update(bytes[..values.len()].as_flattened());
    }
}

#[cfg(test)]
mod tests {
    use thalweg_core::sparse::{Csr, Numbers};

    use super::*;

    fn sum_of(pieces: &[DatasetRef]) -> RowsSum {
        let mut summing = Summing::default();
        pieces.iter().for_each(|piece| summing.add(*piece));
        summing.finish()
    }

    #[test]
    fn rows_have_one_sum_however_they_are_cut_and_laid_out_and_another_when_a_value_changes() {
        let x: Vec<f32> = (0..3 * 3000).map(|i| (i as f32).sin()).collect();
        let y: Vec<f64> = (0..3000).map(f64::from).collect();
        let w = vec![0.5; 3000];
        let of = |x: &'_ [f32], y: &'_ [f64], w: &'_ [f32]| {
            let targets = TargetsRef::Values {
                width: 1,
                values: y,
            };
            RowsSum::of(DatasetRef {
                features: FeaturesRef::f32(3, x),
                targets,
                weights: Some(w),
            })
        };
        let whole = of(&x, &y, &w);
        let part = |at: std::ops::Range<usize>| DatasetRef {
            features: FeaturesRef::f32(3, &x[3 * at.start..3 * at.end]),
            targets: TargetsRef::Values {
                width: 1,
                values: &y[at.clone()],
            },
            weights: Some(&w[at]),
        };
        assert_eq!(
            sum_of(&[part(0..1), part(1..1700), part(1700..3000)]),
            whole
        );
        let columns: Vec<Vec<f32>> = (0..3)
            .map(|j| x.iter().skip(j).step_by(3).copied().collect())
            .collect();
        let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        let laid_out = DatasetRef {
            features: FeaturesRef::columns(&columns),
            ..part(0..3000)
        };
        assert_eq!(sum_of(&[laid_out]), whole);
        for at in [0, 4321, 8999] {
            let mut other = x.clone();
            other[at] += 1e-6 + other[at].abs() * 1e-6;
            assert_ne!(of(&other, &y, &w), whole, "value {at}");
        }
        let mut others = (y.clone(), w.clone());
        others.0.swap(7, 8);
        others.1[2999] = 0.25;
        assert_ne!(of(&x, &others.0, &w), whole);
        assert_ne!(of(&x, &y, &others.1), whole);
        assert_ne!(sum_of(&[part(0..2999)]), whole);
    }

    #[test]
    fn sparse_rows_of_ones_are_those_with_their_numbers() {
        let rows =
            |numbers: Numbers| Csr::new(9, vec![0, 2, 2, 3], vec![1, 4, 8], numbers).unwrap();
        let of = |rows: &Csr| {
            RowsSum::of(DatasetRef {
                features: FeaturesRef {
                    width: 9,
                    values: ValuesRef::Sparse(rows.view()),
                },
                targets: TargetsRef::Classes(&[0, 1, 0]),
                weights: None,
            })
        };
        let ones = of(&rows(Numbers::Ones));
        assert_eq!(of(&rows(Numbers::F32(vec![1.0; 3]))), ones);
        assert_ne!(of(&rows(Numbers::F32(vec![1.0, 1.0, 0.5]))), ones);
        let moved = Csr::new(9, vec![0, 1, 2, 3], vec![1, 4, 8], Numbers::Ones).unwrap();
        assert_ne!(of(&moved), ones);
    }
}
