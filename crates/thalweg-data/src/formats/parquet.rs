//! Apache Parquet.

mod dictionaries;

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use thalweg_core::registry::Description;

use super::format::{Chunks, Format, always};
use crate::columnar::{Collector, Pieces, collectors, finish, guarded, refusal};
use crate::compression::{BOMB, is_bomb};
use crate::error::{Error, Location, Note, Result};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::shared_file::SharedFile;
use crate::table::Table;
use crate::threads;

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "parquet",
        summary: "Apache Parquet: numbers, text, categories, dates and lists of one length, as their types say",
        equation: "",
        source: "parquet.apache.org",
        parameters: &[],
    },
    endings: &["parquet", "pq"],
    recognizes: |head| head.starts_with(b"PAR1"),
    read: |input, options| guarded(&input.file.clone(), || read(input, options)),
    write: Some(crate::columnar::write),
    chunks: Some(Chunks {
        read: |input, options, size, visit| {
            guarded(&input.file.clone(), || chunks(input, options, size, visit))
        },
        fits: always,
        size: |input, _| guarded(&input.file.clone(), || size_of(input)),
        sums: true,
    }),
    folder: None,
    #[cfg(test)]
    example: || include_bytes!("../../tests/small.parquet").to_vec(),
};

const BATCH: usize = 1 << 16;
/// Headers of pages are small.
const PAGE_HEADER: usize = 1 << 10;
/// Bytes of a value of a chunk that is all in codes of its dictionary, at most.
const CODED: i64 = 6;

fn read(mut input: Input, options: &ReadOptions) -> Result<Loaded> {
    let (bytes, metadata) = open(&mut input)?;
    let file = input.file;
    let mut columns = collectors(metadata.schema(), options);
    check_dictionaries(&file, &bytes, &metadata)?;
    let metadata = with_dictionaries(metadata);
    // Each column for itself, so that threads change nothing.
    let read_column = |at: usize, column: &mut Collector| -> Result<()> {
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), [at]);
        let reader = builder.with_projection(mask).with_batch_size(BATCH).build();
        for batch in reader.map_err(|error| refusal(&file, &error.to_string()))? {
            let batch = batch.map_err(|error| refusal(&file, &error.to_string()))?;
            column.append(batch.column(0), &file)?;
        }
        Ok(())
    };
    let work = columns.iter_mut().enumerate();
    let read = threads::map(threads::available(), work, |(at, column)| {
        read_column(at, column)
    });
    read.into_iter().collect::<Result<()>>()?;
    finish(file, columns)
}

/// Reads batch by batch: of a group of rows only the pages of a batch are in memory.
fn chunks(
    mut input: Input,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Table) -> Result<()>,
) -> Result<Vec<Note>> {
    let (bytes, metadata) = open(&mut input)?;
    let (file, schema) = (input.file, metadata.schema().clone());
    check_dictionaries(&file, &bytes, &metadata)?;
    let metadata = with_dictionaries(metadata);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata);
    let reader = builder.with_batch_size(size.clamp(1, BATCH)).build();
    let reader = reader.map_err(|error| refusal(&file, &error.to_string()))?;
    let mut pieces = Pieces::new(&file, &schema, options);
    for batch in reader {
        let batch = batch.map_err(|error| refusal(&file, &error.to_string()))?;
        pieces.add(&batch, visit)?;
    }
    pieces.finish(visit)
}

fn check_dictionaries(file: &str, bytes: &Content, metadata: &ArrowReaderMetadata) -> Result<()> {
    let checked = dictionaries::check(bytes, metadata.metadata());
    checked.map_err(|error| refusal(file, &error.to_string()))
}

/// The bytes of a file, and what is in them.
fn open(input: &mut Input) -> Result<(Content, ArrowReaderMetadata)> {
    let bytes = Content::of(input)?;
    let fail = |error: ParquetError| refusal(&input.file, &error.to_string());
    let metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).map_err(fail)?;
    if is_bomb(bytes.len(), size(&metadata).1.saturating_mul(8)) {
        let error = Error::invalid(Location::file(&input.file), BOMB, "a file of data");
        return Err(error.remedy("write it with more columns or fewer rows"));
    }
    Ok((bytes, metadata))
}

/// Rows and cells.
fn size(metadata: &ArrowReaderMetadata) -> (u64, u64) {
    let groups = metadata.metadata().row_groups().iter();
    groups.fold((0, 0), |(rows, cells), group| {
        let own = u64::try_from(group.num_rows()).unwrap_or_default();
        let own_cells = own.saturating_mul(group.num_columns() as u64);
        (rows.saturating_add(own), cells.saturating_add(own_cells))
    })
}

/// The same of a file.
fn size_of(input: &mut Input) -> Result<(u64, u64)> {
    open(input).map(|(_, metadata)| size(&metadata))
}

/// The bytes of a file: in memory, or where they are.
#[derive(Clone)]
enum Content {
    Memory(Bytes),
    File(SharedFile, u64),
}

impl Content {
    fn of(input: &mut Input) -> Result<Self> {
        match input.whole.take() {
            None => Ok(Content::Memory(input.take(u64::MAX)?.into())),
            Some(mut file) => {
                let length = file.seek(SeekFrom::End(0));
                let length = length.map_err(|error| Error::reading(&input.file, error))?;
                Ok(Content::File(file, length))
            }
        }
    }
}

impl Length for Content {
    fn len(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::File(_, length) => *length,
        }
    }
}

impl ChunkReader for Content {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        match self {
            Content::Memory(bytes) => Ok(Box::new(bytes.get_read(start)?)),
            Content::File(file, _) => {
                let mut file = file.clone();
                file.seek(SeekFrom::Start(start))?;
                Ok(Box::new(BufReader::with_capacity(PAGE_HEADER, file)))
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let (file, all) = match self {
            Content::Memory(bytes) => return bytes.get_bytes(start, length),
            Content::File(file, all) => (file, *all),
        };
        // Before memory is taken.
        if start.saturating_add(length as u64) > all {
            return Err(ParquetError::EOF("the file is cut off".to_owned()));
        }
        let (mut file, mut bytes) = (file.clone(), Vec::with_capacity(length));
        file.seek(SeekFrom::Start(start))?;
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// The same, by which texts that the file has in dictionaries are read as such: each text is looked
/// at once a batch.
fn with_dictionaries(metadata: ArrowReaderMetadata) -> ArrowReaderMetadata {
    let is_coded = |name: &str| {
        metadata.metadata().row_groups().iter().all(|group| {
            let mut chunks = group.columns().iter();
            let chunk = chunks.find(|chunk| *chunk.column_path().parts() == [name]);
            chunk.is_some_and(|chunk| {
                let size = chunk.uncompressed_size();
                chunk.dictionary_page_offset().is_some() && size < CODED * chunk.num_values()
            })
        })
    };
    let coded = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 if is_coded(field.name()) => {
            let kind = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
            Arc::new(field.as_ref().clone().with_data_type(kind))
        }
        _ => field.clone(),
    };
    let schema = metadata.schema();
    let fields: Vec<Arc<Field>> = schema.fields().iter().map(coded).collect();
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).unwrap_or(metadata)
}
