//! Dictionaries that claim more values than their pages have bytes for: the decoder would take memory for all of them.

use std::sync::Arc;

use parquet::basic::Type;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use crate::threads;

/// Refuses a file with such a dictionary.
///
/// # Errors
/// If there is one, or a page cannot be read.
pub fn check<R: ChunkReader + Clone + 'static>(
    bytes: &R,
    metadata: &ParquetMetaData,
) -> Result<(), ParquetError> {
    let columns = 0..metadata.file_metadata().schema_descr().num_columns();
    let bytes = Arc::new(bytes.clone());
    let check_column = |column: usize| {
        (metadata.row_groups().iter())
            .filter_map(|group| Some((group.columns().get(column)?, group.num_rows())))
            .try_for_each(|(chunk, rows)| check_chunk(&bytes, chunk, rows))
    };
    let checked = threads::map(threads::available(), columns, check_column);
    checked.into_iter().collect()
}

fn check_chunk<R: ChunkReader + 'static>(
    bytes: &Arc<R>,
    chunk: &ColumnChunkMetaData,
    rows: i64,
) -> Result<(), ParquetError> {
    let rows = usize::try_from(rows).unwrap_or_default();
    let mut pages = SerializedPageReader::new(bytes.clone(), chunk, rows, None)?;
    if !pages.peek_next_page()?.is_some_and(|page| page.is_dict) {
        return Ok(());
    }
    let Some(Page::DictionaryPage {
        buf, num_values, ..
    }) = pages.get_next_page()?
    else {
        return Ok(());
    };
    let width = match chunk.column_type() {
        // Each text begins with its length.
        Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::FIXED_LEN_BYTE_ARRAY => chunk.column_descr().type_length().max(1) as usize,
        Type::BOOLEAN => return Ok(()),
    };
    match (num_values as usize).saturating_mul(width) > buf.len() {
        true => Err(ParquetError::General(format!(
            "a dictionary of {num_values} values in {} bytes",
            buf.len()
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Input, ReadOptions, formats};

    #[test]
    fn a_dictionary_that_claims_more_than_its_page_holds_is_refused() {
        let read = |bytes: &[u8]| {
            let input = Input::bytes("t.parquet", bytes.to_vec()).unwrap();
            formats::read(input, &ReadOptions::default())
        };
        let rows: String = (0..300)
            .map(|row| format!("text {},{row}\n", row % 100))
            .collect();
        let text = format!("a,b\n{rows}").into_bytes();
        let table = formats::read(
            Input::bytes("t.csv", text).unwrap(),
            &ReadOptions::default(),
        );
        let mut bytes = formats::write(&table.unwrap().train, "t.parquet").unwrap();
        assert_eq!(read(&bytes).unwrap().train.rows, 300);
        // A field of the header, 100 as a varint in zigzag, and in its place 8,191.
        let count = [0x15, 0xc8, 0x01];
        let at = bytes.windows(3).position(|three| three == count).unwrap();
        bytes[at + 1..at + 3].copy_from_slice(&[0xfe, 0x7f]);
        let message = read(&bytes).unwrap_err().to_string();
        assert!(
            message.contains("a dictionary of 8191 values in "),
            "{message}"
        );
    }
}
