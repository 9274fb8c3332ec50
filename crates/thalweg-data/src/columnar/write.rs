//! Tables to Parquet: whole numbers as int64, texts as a dictionary, days as
//! dates, blocks as lists of one
//! length.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, FixedSizeListArray, Float32Array,
    Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt8Array,
};
use arrow_schema::{ArrowError, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use thalweg_core::dataset::Values;

use crate::error::{Error, Location, Result};
use crate::reading::micros;
use crate::table::{Block, ColumnData, Table, TextColumn};

/// Seconds.
const DAY: f64 = 86_400.0;

/// A Parquet file that holds the table.
///
/// # Errors
/// If Parquet cannot hold it.
pub fn write(table: &Table, _ending: &str) -> Result<Vec<u8>> {
    let fail = |error: String| {
        Error::invalid(
            Location::file(&table.file),
            error,
            "a table that Parquet holds",
        )
    };
    let arrays = table.columns.iter().map(|column| array(&column.data));
    let arrays: Vec<ArrayRef> = arrays
        .collect::<Result<_, ArrowError>>()
        .map_err(|error| fail(error.to_string()))?;
    let field =
        |(name, array): (&str, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
    let fields: Vec<Field> = table.names().zip(&arrays).map(field).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch =
        RecordBatch::try_new(schema.clone(), arrays).map_err(|error| fail(error.to_string()))?;
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let mut bytes = Vec::new();
    let written =
        ArrowWriter::try_new(&mut bytes, schema, Some(properties)).and_then(|mut writer| {
            writer.write(&batch)?;
            writer.close()
        });
    written.map_err(|error| fail(error.to_string()))?;
    Ok(bytes)
}

fn array(data: &ColumnData) -> Result<ArrayRef, ArrowError> {
    Ok(match data {
        ColumnData::Numeric(numbers) => {
            let whole = |x: &f64| x.is_nan() || (x.fract() == 0.0 && x.abs() <= 9007199254740992.0);
            let present = |&x: &f64| (!x.is_nan()).then_some(x);
            match numbers.iter().all(whole) && numbers.iter().any(|x| !x.is_nan()) {
                true => {
                    let integers = numbers.iter().map(present).map(|x| x.map(|x| x as i64));
                    Arc::new(integers.collect::<Int64Array>())
                }
                false => Arc::new(numbers.iter().map(present).collect::<Float64Array>()),
            }
        }
        ColumnData::Time(seconds) => {
            let present = || seconds.iter().map(|x| (!x.is_nan()).then_some(*x));
            match seconds.iter().all(|x| x.is_nan() || x % DAY == 0.0) {
                true => Arc::new(
                    present()
                        .map(|x| x.map(|x| (x / DAY) as i32))
                        .collect::<Date32Array>(),
                ),
                false => Arc::new(
                    present()
                        .map(|x| x.map(micros))
                        .collect::<TimestampMicrosecondArray>(),
                ),
            }
        }
        ColumnData::Text(text) => texts(text)?,
        ColumnData::Block(block) => list(block)?,
    })
}

fn texts(text: &TextColumn) -> Result<ArrayRef, ArrowError> {
    let truths = ["true", "false"];
    if !text.levels.is_empty()
        && text
            .levels
            .iter()
            .all(|level| truths.contains(&level.as_str()))
    {
        let truth = |&code: &u32| text.levels.get(code as usize).map(|level| level == "true");
        return Ok(Arc::new(
            text.codes.iter().map(truth).collect::<BooleanArray>(),
        ));
    }
    let known = |&code: &u32| ((code as usize) < text.levels.len()).then_some(code as i32);
    let keys: Int32Array = text.codes.iter().map(known).collect();
    let levels: StringArray = text.levels.iter().map(Some).collect();
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
        keys,
        Arc::new(levels),
    )?))
}

fn list(block: &Block) -> Result<ArrayRef, ArrowError> {
    let mut array: ArrayRef = match &block.values {
        Values::F64(values) => Arc::new(Float64Array::from(values.clone())),
        Values::F32(values) => Arc::new(Float32Array::from(values.clone())),
        Values::U8 { bytes, .. } => Arc::new(UInt8Array::from(bytes.clone())),
        Values::Sparse(_) => Arc::new(Float64Array::from(crate::block::to_f64(&block.values))),
    };
    for &length in block.shape.iter().rev() {
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        let field = Arc::new(Field::new_list_field(array.data_type().clone(), true));
        array = Arc::new(FixedSizeListArray::try_new(field, length, array, None)?);
    }
    Ok(array)
}
