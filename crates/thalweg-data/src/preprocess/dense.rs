//! Bound columns written row by row into one dense matrix, without a copy in between.

use super::Numeric;
use super::bind::BoundColumn;

/// Rows that are written together: few enough for the cache, enough to go down each column in runs.
const ROW_BLOCK: usize = 256;

/// What network inputs are stored as.
pub trait Element: Copy + Default {
    /// The nearest finite value.
    fn from_f64(x: f64) -> Self;
}

impl Element for f32 {
    fn from_f64(x: f64) -> Self {
        (x as f32).clamp(f32::MIN, f32::MAX)
    }
}

impl Element for f64 {
    fn from_f64(x: f64) -> Self {
        x.clamp(f64::MIN, f64::MAX)
    }
}

/// Writes all inputs of `rows` into `values`, row-major and 0 before.
pub(super) fn write<T: Element>(
    columns: &[BoundColumn<'_>],
    width: usize,
    rows: &[usize],
    values: &mut [T],
) {
    let one = T::from_f64(1.0);
    for (rows, values) in rows
        .chunks(ROW_BLOCK)
        .zip(values.chunks_mut((ROW_BLOCK * width).max(1)))
    {
        let mut first = 0;
        for column in columns {
            let outputs = values.chunks_mut(width.max(1)).map(|row| &mut row[first..]);
            let each = rows.iter().zip(outputs);
            match column {
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
    }
}

#[inline]
fn write_number<T: Element>(output: &mut [T], x: f64, numeric: &Numeric) {
    output[0] = T::from_f64(numeric.apply(x));
    if numeric.indicator && x.is_nan() {
        output[1] = T::from_f64(1.0);
    }
}
