//! Arrays of single values to cells.

use std::sync::Arc;

use arrow_array::array::AnyDictionaryArray;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};

use crate::reading::seconds_of;
use crate::table::{ColumnData, number_text};
use crate::typed::TypedColumn;

/// What was lost on the way.
#[derive(Default)]
pub struct Faults {
    /// Decimals of more digits than f64 has.
    pub rounded: bool,
    /// Points in time with nanoseconds.
    pub nanoseconds: bool,
}

/// Every whole number below it is a f64.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Decimals of so many digits f64 holds and gives back.
const EXACT_DIGITS: usize = 15;

/// Whether values of the type are text or numbers; `None` if they are not read.
pub fn is_text(kind: &DataType) -> Option<bool> {
    use DataType::*;
    match kind {
        Boolean | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => Some(true),
        // Whole numbers in a dictionary are categories; fractions are no more than packed.
        Dictionary(_, values) => is_text(values).map(|text| text || values.is_integer()),
        Time32(_) | Time64(_) | Duration(_) | Null => Some(false),
        kind if kind.is_numeric() => Some(false),
        _ => None,
    }
}

/// Adds the values of an array; an error says why they are not read after all.
pub fn append(
    column: &mut TypedColumn,
    array: &dyn Array,
    missing: &[String],
    known: &mut Texts,
    faults: &mut Faults,
) -> Result<(), String> {
    use DataType::*;
    match array.data_type() {
        Null => column.fill(column.len() + array.len()),
        Boolean => each(column, array.as_boolean().iter(), TypedColumn::push_truth),
        Int8 => numbers(column, array.as_primitive::<Int8Type>(), f64::from),
        Int16 => numbers(column, array.as_primitive::<Int16Type>(), f64::from),
        Int32 => numbers(column, array.as_primitive::<Int32Type>(), f64::from),
        UInt8 => numbers(column, array.as_primitive::<UInt8Type>(), f64::from),
        UInt16 => numbers(column, array.as_primitive::<UInt16Type>(), f64::from),
        UInt32 => numbers(column, array.as_primitive::<UInt32Type>(), f64::from),
        Int64 => integers(column, array.as_primitive::<Int64Type>(), |x| x as f64),
        UInt64 => integers(column, array.as_primitive::<UInt64Type>(), |x| x as f64),
        Float16 => numbers(column, array.as_primitive::<Float16Type>(), |x| x.to_f64()),
        Float32 => numbers(column, array.as_primitive::<Float32Type>(), f64::from),
        Float64 => numbers(column, array.as_primitive::<Float64Type>(), |x| x),
        Utf8 => texts(column, array.as_string::<i32>().iter(), missing),
        LargeUtf8 => texts(column, array.as_string::<i64>().iter(), missing),
        Utf8View => texts(column, array.as_string_view().iter(), missing),
        Binary => bytes(column, array.as_binary::<i32>().iter(), missing)?,
        LargeBinary => bytes(column, array.as_binary::<i64>().iter(), missing)?,
        BinaryView => bytes(column, array.as_binary_view().iter(), missing)?,
        Dictionary(..) => dictionary(column, array, missing, known, faults)?,
        Time32(_) | Time64(_) | Duration(_) => seconds(column, array),
        Decimal32(..) => decimals(column, array.as_primitive::<Decimal32Type>(), faults),
        Decimal64(..) => decimals(column, array.as_primitive::<Decimal64Type>(), faults),
        Decimal128(..) => decimals(column, array.as_primitive::<Decimal128Type>(), faults),
        Decimal256(..) => decimals(column, array.as_primitive::<Decimal256Type>(), faults),
        kind => return Err(format!("type {kind}")),
    }
    Ok(())
}

/// Adds times of day and durations, as seconds.
fn seconds(column: &mut TypedColumn, array: &dyn Array) {
    use DataType::*;
    match array.data_type() {
        Time32(unit) if *unit == TimeUnit::Second => {
            numbers(column, array.as_primitive::<Time32SecondType>(), f64::from)
        }
        Time32(_) => numbers(column, array.as_primitive::<Time32MillisecondType>(), |x| {
            f64::from(x) / 1e3
        }),
        Time64(TimeUnit::Microsecond) => {
            numbers(column, array.as_primitive::<Time64MicrosecondType>(), |x| {
                x as f64 / 1e6
            })
        }
        Time64(_) => numbers(column, array.as_primitive::<Time64NanosecondType>(), |x| {
            x as f64 / 1e9
        }),
        Duration(TimeUnit::Second) => {
            numbers(column, array.as_primitive::<DurationSecondType>(), |x| {
                x as f64
            })
        }
        Duration(TimeUnit::Millisecond) => numbers(
            column,
            array.as_primitive::<DurationMillisecondType>(),
            |x| x as f64 / 1e3,
        ),
        Duration(TimeUnit::Microsecond) => numbers(
            column,
            array.as_primitive::<DurationMicrosecondType>(),
            |x| x as f64 / 1e6,
        ),
        Duration(TimeUnit::Nanosecond) => numbers(
            column,
            array.as_primitive::<DurationNanosecondType>(),
            |x| x as f64 / 1e9,
        ),
        _ => column.fill(column.len() + array.len()),
    }
}

/// Adds each value with `push`.
fn each<T>(
    column: &mut TypedColumn,
    values: impl Iterator<Item = Option<T>>,
    push: impl Fn(&mut TypedColumn, T),
) {
    for value in values {
        match value {
            Some(value) => push(column, value),
            None => column.push_missing(),
        }
    }
}

fn numbers<T: ArrowPrimitiveType>(
    column: &mut TypedColumn,
    array: &PrimitiveArray<T>,
    number: impl Fn(T::Native) -> f64,
) {
    match array.null_count() {
        0 => column.extend(array.values().iter().map(|&value| number(value))),
        _ => column.extend(array.iter().map(|value| value.map_or(f64::NAN, &number))),
    }
}

fn integers<T: ArrowPrimitiveType<Native: Into<i128>>>(
    column: &mut TypedColumn,
    array: &PrimitiveArray<T>,
    number: impl Fn(T::Native) -> f64,
) {
    let small = |&value: &T::Native| number(value).abs() < EXACT;
    match array.values().iter().all(small) {
        true => numbers(column, array, number),
        false => each(column, array.iter(), |column, value| {
            column.push_integer(value.into())
        }),
    }
}

fn texts<'a>(
    column: &mut TypedColumn,
    values: impl Iterator<Item = Option<&'a str>>,
    missing: &[String],
) {
    let is_missing =
        |text: &&str| text.is_empty() || missing.iter().any(|word| word.eq_ignore_ascii_case(text));
    let present = values.map(|text| text.filter(|text| !is_missing(text)));
    each(column, present, TypedColumn::push_text);
}

/// Bytes that are text, as older writers of Parquet have it.
fn bytes<'a>(
    column: &mut TypedColumn,
    values: impl Iterator<Item = Option<&'a [u8]>>,
    missing: &[String],
) -> Result<(), String> {
    for value in values {
        let text = value.map(std::str::from_utf8).transpose();
        let text = text.map_err(|_| "bytes that are no text".to_owned())?;
        texts(column, std::iter::once(text), missing);
    }
    Ok(())
}

/// The texts of a dictionary, and those of their codes in a column that are known: batches of a file share it.
#[derive(Default)]
pub struct Texts {
    dictionary: Option<ArrayRef>,
    texts: Vec<Option<String>>,
    codes: Vec<Option<u32>>,
}

impl Texts {
    fn is_of(&self, values: &ArrayRef) -> bool {
        let is_same = |own: &ArrayRef| Arc::ptr_eq(own, values);
        self.dictionary.as_ref().is_some_and(is_same)
    }
}

fn dictionary(
    column: &mut TypedColumn,
    array: &dyn Array,
    missing: &[String],
    known: &mut Texts,
    faults: &mut Faults,
) -> Result<(), String> {
    let dictionary = array.as_any_dictionary();
    if dictionary.values().is_empty() {
        column.fill(column.len() + array.len());
        return Ok(());
    }
    if !known.is_of(dictionary.values()) {
        let Some(texts) = texts_of(column, dictionary, missing, faults)? else {
            return Ok(());
        };
        *known = Texts {
            dictionary: Some(Arc::clone(dictionary.values())),
            codes: vec![None; texts.len()],
            texts,
        };
    }
    let Texts { texts, codes, .. } = known;
    let keys = dictionary.keys();
    let nulls = keys.nulls().filter(|nulls| nulls.null_count() > 0);
    match (keys.as_primitive_opt::<Int32Type>(), nulls) {
        (Some(keys), None) => {
            let places = keys.values().iter().map(|&key| key as usize);
            column.extend_coded(texts, codes, places);
        }
        (_, None) => column.extend_coded(texts, codes, dictionary.normalized_keys().into_iter()),
        (_, Some(nulls)) => {
            let place = |(key, is_valid)| if is_valid { key } else { usize::MAX };
            let keys = dictionary.normalized_keys().into_iter();
            column.extend_coded(texts, codes, keys.zip(nulls).map(place));
        }
    }
    Ok(())
}

/// The texts of a dictionary; none where it holds fractions, which are added to the column.
fn texts_of(
    column: &mut TypedColumn,
    dictionary: &dyn AnyDictionaryArray,
    missing: &[String],
    faults: &mut Faults,
) -> Result<Option<Vec<Option<String>>>, String> {
    let text = is_text(dictionary.values().data_type()).unwrap_or_default();
    let mut values = if text {
        TypedColumn::text()
    } else {
        TypedColumn::missing(0)
    };
    let known = &mut Texts::default();
    append(&mut values, dictionary.values(), missing, known, faults)?;
    match &values.finish() {
        ColumnData::Text(texts) => {
            let level = |&code: &u32| texts.levels.get(code as usize).cloned();
            Ok(Some(texts.codes.iter().map(level).collect()))
        }
        ColumnData::Numeric(values) if !dictionary.values().data_type().is_integer() => {
            let keys = dictionary.normalized_keys().into_iter().enumerate();
            let is_null = |row: usize| dictionary.keys().is_null(row);
            let number =
                |(row, key): (usize, usize)| if is_null(row) { f64::NAN } else { values[key] };
            column.extend(keys.map(number));
            Ok(None)
        }
        ColumnData::Numeric(values) => {
            let text = |x: &f64| (!x.is_nan()).then(|| number_text(*x));
            Ok(Some(values.iter().map(text).collect()))
        }
        _ => Err("a dictionary of lists".to_owned()),
    }
}

/// Whether values of the type are points in time.
pub fn is_time(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_time(values),
        kind => matches!(
            kind,
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)
        ),
    }
}

/// Whether points in time have more digits than microseconds.
pub fn has_nanoseconds(array: &dyn Array) -> bool {
    let times = array.as_primitive_opt::<TimestampNanosecondType>();
    times.is_some_and(|times| times.iter().flatten().any(|time| time % 1000 != 0))
}

/// Adds points in time, as seconds since 1970-01-01 (UTC).
pub fn append_times(seconds: &mut Vec<f64>, array: &dyn Array) {
    fn each<T: ArrowPrimitiveType>(
        seconds: &mut Vec<f64>,
        array: &dyn Array,
        second: impl Fn(T::Native) -> f64,
    ) {
        let values = array.as_primitive::<T>().iter();
        seconds.extend(values.map(|value| value.map_or(f64::NAN, &second)));
    }
    use TimeUnit::*;
    match array.data_type() {
        DataType::Date32 => each::<Date32Type>(seconds, array, |days| f64::from(days) * 86_400.0),
        DataType::Date64 => each::<Date64Type>(seconds, array, |x| seconds_of(x, 1_000)),
        DataType::Timestamp(Second, _) => each::<TimestampSecondType>(seconds, array, |x| x as f64),
        DataType::Timestamp(Millisecond, _) => {
            each::<TimestampMillisecondType>(seconds, array, |x| seconds_of(x, 1_000));
        }
        DataType::Timestamp(Microsecond, _) => {
            each::<TimestampMicrosecondType>(seconds, array, |x| seconds_of(x, 1_000_000));
        }
        DataType::Timestamp(Nanosecond, _) => {
            each::<TimestampNanosecondType>(seconds, array, |x| seconds_of(x, 1_000_000_000));
        }
        _ => {
            let dictionary = array.as_any_dictionary();
            let mut values = Vec::new();
            append_times(&mut values, dictionary.values());
            let of_row = |row: usize, key: usize| match dictionary.keys().is_null(row) {
                true => f64::NAN,
                false => values[key],
            };
            match values.is_empty() {
                true => seconds.resize(seconds.len() + array.len(), f64::NAN),
                false => {
                    let keys = dictionary.normalized_keys();
                    seconds.extend(
                        keys.into_iter()
                            .enumerate()
                            .map(|(row, key)| of_row(row, key)),
                    );
                }
            }
        }
    }
}

fn decimals<T: DecimalType>(
    column: &mut TypedColumn,
    array: &PrimitiveArray<T>,
    faults: &mut Faults,
) {
    for row in 0..array.len() {
        if array.is_null(row) {
            column.push_missing();
            continue;
        }
        let text = array.value_as_string(row);
        if let Ok(integer) = text.parse::<i128>() {
            column.push_integer(integer);
            continue;
        }
        let number: f64 = text.parse().unwrap_or(f64::NAN);
        let digits = text.bytes().filter(u8::is_ascii_digit);
        if digits.skip_while(|&digit| digit == b'0').count() > EXACT_DIGITS {
            let exact = number_text(number);
            let (text, exact) = [&text, &exact]
                .map(|text| text.trim_end_matches('0'))
                .into();
            faults.rounded |= text.trim_end_matches('.') != exact.trim_end_matches('.');
        }
        column.push_number(number);
    }
}
