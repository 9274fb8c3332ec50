//! Bound columns written row by row into one dense matrix, without a copy in between.

use thalweg_core::memory::prefer_huge_pages;

use super::Numeric;
use super::bind::Bound;
use crate::error::{Error, Location, Result};

/// Rows that are written together: few enough for the cache, enough to go down each column in runs.
const ROW_BLOCK: usize = 256;

/// Writes all inputs of all rows, row-major.
pub(super) fn dense<T: Copy + Default>(
    bound: &[Bound<'_>],
    width: usize,
    rows: &[usize],
    convert: impl Fn(f64) -> T,
) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let count = rows.len().checked_mul(width);
    if count.is_none_or(|count| values.try_reserve_exact(count).is_err()) {
        let found = format!(
            "{} rows of {width} inputs, which do not fit into memory",
            rows.len()
        );
        return Err(Error::invalid(Location::default(), found, "fewer of them")
            .remedy("leave out text columns of many categories, or use fewer rows"));
    }
    prefer_huge_pages(&mut values);
    values.resize(rows.len() * width, T::default());
    let one = convert(1.0);
    for (rows, values) in rows
        .chunks(ROW_BLOCK)
        .zip(values.chunks_mut((ROW_BLOCK * width).max(1)))
    {
        let mut first = 0;
        for bound in bound {
            let outputs = values.chunks_mut(width.max(1)).map(|row| &mut row[first..]);
            let each = rows.iter().zip(outputs);
            match bound {
                Bound::Numbers(numbers, numeric) => {
                    for (&row, output) in each {
                        write(output, numbers[row], numeric, &convert, one);
                    }
                    first += numeric.width();
                }
                Bound::OneHot(slots, count) => {
                    for (&row, output) in each {
                        output[slots[row] as usize] = one;
                    }
                    first += count;
                }
                Bound::Codes(codes) => {
                    for (&row, output) in each {
                        output[0] = convert(f64::from(codes[row]));
                    }
                    first += 1;
                }
                Bound::Image(block, scale, offset) => {
                    let count = block.width();
                    for (&row, output) in each {
                        for (j, output) in output.iter_mut().take(count).enumerate() {
                            *output = convert(block.value(row * count + j) * scale + offset);
                        }
                    }
                    first += count;
                }
                Bound::Matrix(block, places) => {
                    for (&row, output) in each {
                        let mut at = 0;
                        for (j, numeric) in places.iter().enumerate() {
                            if let Some(numeric) = numeric {
                                let x = block.value(row * places.len() + j);
                                write(&mut output[at..], x, numeric, &convert, one);
                                at += numeric.width();
                            }
                        }
                    }
                    first += places.iter().flatten().map(Numeric::width).sum::<usize>();
                }
            }
        }
    }
    Ok(values)
}

#[inline]
fn write<T: Copy>(output: &mut [T], x: f64, numeric: &Numeric, convert: impl Fn(f64) -> T, one: T) {
    output[0] = convert(numeric.apply(x));
    if numeric.indicator && x.is_nan() {
        output[1] = one;
    }
}
