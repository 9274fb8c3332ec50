//! Lists of numbers, of one length in every row, to a block.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt8Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use thalweg_core::dataset::Values;

use super::cells::{self, Faults, Texts};
use crate::block::{Block, append, to_f64};
use crate::table::ColumnData;
use crate::typed::TypedColumn;

/// The type of the numbers in a list, or in lists of lists; `None` if it is no list of numbers.
pub fn element(kind: &DataType) -> Option<&DataType> {
    match kind {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            let inner = field.data_type();
            element(inner).or_else(|| inner.is_numeric().then_some(inner))
        }
        _ => None,
    }
}

/// The rows so far.
#[derive(Default)]
pub struct List {
    /// The shape of a row; empty as long as all are missing.
    shape: Vec<usize>,
    /// Missing rows before the first list.
    missing: usize,
    values: Option<Values>,
}

impl List {
    /// Adds the rows of an array. An error says in which row of it what was found.
    pub fn append(&mut self, array: &dyn Array) -> Result<(), (usize, String)> {
        // Row by row only where some are missing.
        if array.null_count() == 0 {
            return self.append_rows(array, 0);
        }
        for row in 0..array.len() {
            match array.is_null(row) {
                true => self.append_missing(),
                false => self.append_rows(&array.slice(row, 1), row)?,
            }
        }
        Ok(())
    }

    fn append_missing(&mut self) {
        let width: usize = self.shape.iter().product();
        match &mut self.values {
            None => self.missing += 1,
            Some(Values::F64(values)) => values.resize(values.len() + width, f64::NAN),
            Some(Values::F32(values)) => values.resize(values.len() + width, f32::NAN),
            Some(bytes) => {
                let mut values = to_f64(bytes);
                values.resize(values.len() + width, f64::NAN);
                *bytes = Values::F64(values);
            }
        }
    }

    /// Adds rows that are all there; `first` is the first one's number.
    fn append_rows(&mut self, array: &dyn Array, first: usize) -> Result<(), (usize, String)> {
        if array.is_empty() {
            return Ok(());
        }
        let (shape, numbers) = flatten(array).map_err(|(row, found)| (first + row, found))?;
        if self.shape.is_empty() {
            self.shape.clone_from(&shape);
        }
        if self.shape != shape {
            let found = format!(
                "a list of shape {shape:?}, where earlier rows have {:?}",
                self.shape
            );
            return Err((first, found));
        }
        let width: usize = shape.iter().product();
        let added = values(&numbers).map_err(|found| (first, found))?;
        match &mut self.values {
            Some(values) => append(values, added),
            empty if self.missing == 0 => *empty = Some(added),
            empty => {
                let mut values = Values::F64(vec![f64::NAN; self.missing * width]);
                append(&mut values, added);
                *empty = Some(values);
            }
        }
        self.missing = 0;
        Ok(())
    }

    /// The block; `None` if all rows are missing or empty.
    pub fn finish(self) -> Option<Block> {
        let values = self.values.filter(|_| !self.shape.contains(&0))?;
        Some(Block {
            shape: self.shape,
            values,
        })
    }
}

/// The shape of each row and all numbers; or in which row what was found.
fn flatten(array: &dyn Array) -> Result<(Vec<usize>, ArrayRef), (usize, String)> {
    let rows = array.len();
    let (lengths, inner): (Vec<usize>, ArrayRef) = match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let (from, to) = (offsets[0] as usize, offsets[rows] as usize);
            let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
            (lengths.collect(), list.values().slice(from, to - from))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let offsets = list.value_offsets();
            let (from, to) = (offsets[0] as usize, offsets[rows] as usize);
            let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
            (lengths.collect(), list.values().slice(from, to - from))
        }
        _ => {
            let list = array.as_fixed_size_list();
            let length = list.value_length() as usize;
            let from = list.value_offset_at(0);
            (vec![length; rows], list.values().slice(from, rows * length))
        }
    };
    let length = lengths[0];
    if let Some(row) = lengths.iter().position(|&other| other != length) {
        let found = format!(
            "a list of {} values, where earlier rows have {length}",
            lengths[row]
        );
        return Err((row, found));
    }
    if element(inner.data_type()).is_none() || inner.is_empty() {
        return Ok((vec![length], inner));
    }
    if inner.null_count() > 0 {
        return Err((0, "a missing list in a list".to_owned()));
    }
    let (shape, numbers) = flatten(&inner).map_err(|(row, found)| (row / length.max(1), found))?;
    Ok(([vec![length], shape].concat(), numbers))
}

fn values(numbers: &ArrayRef) -> Result<Values, String> {
    match numbers.data_type() {
        DataType::UInt8 if numbers.null_count() == 0 => Ok(Values::U8 {
            bytes: numbers.as_primitive::<UInt8Type>().values().to_vec(),
            scale: 1.0,
            offset: 0.0,
        }),
        DataType::Float32 => {
            let numbers = numbers.as_primitive::<Float32Type>();
            Ok(Values::F32(
                numbers.iter().map(|x| x.unwrap_or(f32::NAN)).collect(),
            ))
        }
        _ => {
            let mut column = TypedColumn::missing(0);
            let (texts, faults) = (&mut Texts::default(), &mut Faults::default());
            cells::append(&mut column, numbers, &[], texts, faults)?;
            match column.finish() {
                ColumnData::Numeric(numbers) => Ok(Values::F64(numbers)),
                _ => Err("an integer of more than 53 bits in a list".to_owned()),
            }
        }
    }
}
