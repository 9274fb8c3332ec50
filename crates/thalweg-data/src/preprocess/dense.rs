//! Bound columns written row by row into one dense matrix, without a copy in between.

use super::Numeric;
use super::bind::BoundColumn;
use super::element::Element;
use crate::threads;

/// Rows that are written together: few enough for the cache, enough to go down each column in runs.
const ROW_BLOCK: usize = 256;

/// Writes all inputs of `rows` into `values`, row-major and 0 before; returns the index of the first
/// that is not finite.
pub(super) fn write<T: Element>(
    columns: &[BoundColumn<'_>],
    width: usize,
    rows: &[usize],
    values: &mut [T],
) -> Option<usize> {
    let values = values.chunks_mut((ROW_BLOCK * width).max(1));
    let blocks = rows.chunks(ROW_BLOCK).zip(values).enumerate();
    let bad = threads::map(
        threads::for_rows(rows.len()),
        blocks,
        |(block, (rows, values))| {
            let at = write_block(columns, width, rows, values)?;
            Some(block * ROW_BLOCK * width + at)
        },
    );
    bad.into_iter().flatten().next()
}

/// The same for a few rows.
fn write_block<T: Element>(
    columns: &[BoundColumn<'_>],
    width: usize,
    rows: &[usize],
    values: &mut [T],
) -> Option<usize> {
    let (one, mut first) = (T::from_f64(1.0), 0);
    for column in columns {
        let outputs = values.chunks_mut(width.max(1)).map(|row| &mut row[first..]);
        let each = rows.iter().zip(outputs);
        match column {
            BoundColumn::Numbers(numbers, numeric) if numeric.is_linear() && !numeric.indicator => {
                let outputs = values[first..].iter_mut().step_by(width);
                write_linear(numbers, numeric, rows, outputs);
                first += 1;
            }
            BoundColumn::Numbers(numbers, numeric) => {
                for (&row, output) in each {
                    write_number(output, numbers[row], numeric);
                }
                first += numeric.width();
            }
            BoundColumn::OneHot(slots, count) => {
                for (&row, output) in each {
                    output[slots[row] as usize] = one;
                }
                first += count;
            }
            BoundColumn::Codes(codes) => {
                for (&row, output) in each {
                    output[0] = T::from_f64(f64::from(codes[row]));
                }
                first += 1;
            }
            BoundColumn::Dates(seconds, parts) => {
                for (&row, output) in each {
                    parts.write(output, seconds[row]);
                }
                first += parts.width();
            }
            BoundColumn::Image(block, scale, offset) => {
                let count = block.width();
                for (&row, output) in each {
                    for (j, output) in output.iter_mut().take(count).enumerate() {
                        *output = T::from_f64(block.value(row * count + j) * scale + offset);
                    }
                }
                first += count;
            }
            BoundColumn::Sparse(all, scales) => {
                for (&row, output) in each {
                    for (column, x) in all.view().entries(row) {
                        let scale = scales.get(column).copied().unwrap_or(1.0);
                        output[column] = T::from_f64(x * scale);
                    }
                }
                first += all.view().width();
            }
            BoundColumn::Matrix(block, places) => {
                for (&row, output) in each {
                    let mut at = 0;
                    for (j, numeric) in places.iter().enumerate() {
                        if let Some(numeric) = numeric {
                            let x = block.value(row * places.len() + j);
                            write_number(&mut output[at..], x, numeric);
                            at += numeric.width();
                        }
                    }
                }
                first += places.iter().flatten().map(Numeric::width).sum::<usize>();
            }
        }
    }
    // All of them at once, while they are in the cache.
    let fit = values.iter().fold(true, |fits, x| fits & x.is_finite());
    let bad = || values.iter().position(|x| !x.is_finite());
    if fit { None } else { bad() }
}

/// What has neither a curve nor a second input.
fn write_linear<'a, T: Element + 'a>(
    numbers: &[f64],
    numeric: &Numeric,
    rows: &[usize],
    outputs: impl Iterator<Item = &'a mut T>,
) {
    let &Numeric {
        fill,
        center,
        scale,
        ..
    } = numeric;
    for (&row, output) in rows.iter().zip(outputs) {
        let x = numbers[row];
        let x = if x.is_nan() { fill } else { x };
        *output = T::from_f64((x - center) * scale);
    }
}

#[inline]
fn write_number<T: Element>(output: &mut [T], x: f64, numeric: &Numeric) {
    output[0] = T::from_f64(numeric.apply(x));
    if numeric.indicator && x.is_nan() {
        output[1] = T::from_f64(1.0);
    }
}
