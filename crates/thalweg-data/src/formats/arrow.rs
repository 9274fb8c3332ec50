//! Arrow IPC: files (Feather version 2) and streams.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::Schema;
use thalweg_core::registry::Description;

use super::format::{Chunks, Format, always};
use crate::columnar::{Pieces, append, arrow_refusal, collectors, finish, guarded, refusal};
use crate::compression::{BOMB, is_bomb};
use crate::error::{Error, Location, Note, Result};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::Table;

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "arrow",
        summary: "Arrow IPC files (Feather version 2) and streams: numbers, text, categories, dates and lists of one length, as their types say",
        equation: "",
        source: "arrow.apache.org: Arrow columnar format",
        parameters: &[],
    },
    endings: &["arrow", "feather", "ipc", "arrows"],
    recognizes: |head| head.starts_with(MAGIC) || (head.starts_with(&MESSAGE) && head.len() > 8),
    read: |input, options| guarded(&input.file.clone(), || read(input, options)),
    write: None,
    chunks: Some(Chunks {
        read: |input, options, size, visit| {
            guarded(&input.file.clone(), || chunks(input, options, size, visit))
        },
        fits: always,
        size: |input, bytes| guarded(&input.file.clone(), || size_of(input, bytes)),
        sums: true,
    }),
    folder: None,
    #[cfg(test)]
    example: || include_bytes!("../../tests/small.arrow").to_vec(),
};

/// A file begins with it; then a stream follows.
const MAGIC: &[u8] = b"ARROW1\0\0";
/// Every message begins with it.
const MESSAGE: [u8; 4] = [0xff; 4];
/// A message without buffers has at most so many bytes.
const MAX_METADATA: u64 = 256 << 20;

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    let (file, mut columns) = (input.file.clone(), None);
    let schema = each(input, &mut |batch| {
        let new = || collectors(&batch.schema(), options);
        append(columns.get_or_insert_with(new), &batch, &file)
    })?;
    finish(
        file.clone(),
        columns.unwrap_or_else(|| collectors(&schema, options)),
    )
}

/// A batch of the file at a time.
fn chunks(
    input: Input,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Table) -> Result<()>,
) -> Result<Vec<Note>> {
    let file = input.file.clone();
    let mut pieces: Option<Pieces> = None;
    let schema = each(input, &mut |batch| {
        let pieces = pieces.get_or_insert_with(|| Pieces::new(&file, &batch.schema(), options));
        (0..batch.num_rows())
            .step_by(size.max(1))
            .try_for_each(|start| {
                let rows = size.min(batch.num_rows() - start);
                pieces.add(&batch.slice(start, rows), visit)
            })
    })?;
    let pieces = pieces.unwrap_or_else(|| Pieces::new(&file, &schema, options));
    pieces.finish(visit)
}

/// Rows and cells, by the bytes: four a cell.
fn size_of(input: &mut Input, bytes: u64) -> Result<(u64, u64)> {
    let mut decoder = StreamDecoder::new();
    begin(input)?;
    while decoder.schema().is_none() && batches(input, &mut decoder)?.is_some() {}
    let columns = decoder.schema().map_or(1, |schema| schema.fields().len());
    Ok((bytes / 4 / columns.max(1) as u64, bytes / 4))
}

/// Visits the batches; their schema.
fn each(mut input: Input, visit: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<Arc<Schema>> {
    let mut decoder = StreamDecoder::new();
    let (is_file, mut rows) = (begin(&mut input)?, 0usize);
    while let Some(batches) = batches(&mut input, &mut decoder)? {
        for batch in batches {
            // Columns of nothing but missing values take no bytes.
            rows = rows.saturating_add(batch.num_rows());
            let has_room = input.room.check(rows, batch.num_columns());
            has_room.map_err(|error| Error::reading(&input.file, error))?;
            visit(batch)?;
        }
    }
    end(&mut input, is_file)?;
    decoder
        .schema()
        .ok_or_else(|| refusal(&input.file, "no schema"))
}

/// Whether it is a file, of which the first bytes are taken.
fn begin(input: &mut Input) -> Result<bool> {
    let is_file = input.head.starts_with(MAGIC);
    if is_file {
        input.take(MAGIC.len() as u64)?;
    }
    Ok(is_file)
}

/// The batches of the next message; `None` behind the last.
fn batches(input: &mut Input, decoder: &mut StreamDecoder) -> Result<Option<Vec<RecordBatch>>> {
    let Some(message) = message(input)? else {
        return Ok(None);
    };
    let (mut buffer, mut batches) = (arrow_buffer::Buffer::from_vec(message), Vec::new());
    while !buffer.is_empty() {
        let batch = decoder.decode(&mut buffer);
        batches.extend(batch.map_err(|error| arrow_refusal(&input.file, &error))?);
    }
    Ok(Some(batches))
}

/// Refuses a file that is cut off: its footer repeats where the messages are.
fn end(input: &mut Input, is_file: bool) -> Result<()> {
    match is_file && !input.take(MAX_METADATA)?.ends_with(b"ARROW1") {
        true => Err(refusal(&input.file, "it is cut off")),
        false => Ok(()),
    }
}

/// The next message whole, its compressed buffers no larger than they may become; `None` at the
/// end of the stream.
fn message(input: &mut Input) -> Result<Option<Vec<u8>>> {
    let cut_off = |input: &Input| refusal(&input.file, "it is cut off");
    let start = input.take(8)?;
    let Some((&MESSAGE, length)) = start.split_first_chunk::<4>().filter(|_| start.len() == 8)
    else {
        return Err(cut_off(input));
    };
    let length = length
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let length = u64::from(length);
    if length == 0 {
        return Ok(None);
    }
    if length > MAX_METADATA {
        return Err(refusal(
            &input.file,
            "a message of more than 256 MiB without data",
        ));
    }
    let metadata = input.take(length)?;
    if (metadata.len() as u64) < length {
        return Err(cut_off(input));
    }
    let header = arrow_ipc::root_as_message(&metadata);
    let header = header.map_err(|error| refusal(&input.file, &error.to_string()))?;
    let body_length = u64::try_from(header.bodyLength()).unwrap_or(u64::MAX);
    let body = input.take(body_length)?;
    if (body.len() as u64) < body_length {
        return Err(cut_off(input));
    }
    if !buffers(&header).all(|buffer| slice(&body, buffer).is_some()) {
        return Err(refusal(
            &input.file,
            "a buffer beyond the end of its message",
        ));
    }
    if expands(&header, &body) {
        let error = Error::invalid(Location::file(&input.file), BOMB, "a file of data");
        return Err(error.remedy("fetch or write the file again"));
    }
    Ok(Some([start, metadata, body].concat()))
}

/// The batch of a message, of rows or of a dictionary.
fn batch<'a>(header: &arrow_ipc::Message<'a>) -> Option<arrow_ipc::RecordBatch<'a>> {
    header
        .header_as_record_batch()
        .or_else(|| header.header_as_dictionary_batch()?.data())
}

fn buffers<'a>(header: &arrow_ipc::Message<'a>) -> impl Iterator<Item = &'a arrow_ipc::Buffer> {
    batch(header)
        .and_then(|batch| batch.buffers())
        .into_iter()
        .flatten()
}

fn slice<'a>(body: &'a [u8], buffer: &arrow_ipc::Buffer) -> Option<&'a [u8]> {
    let start = usize::try_from(buffer.offset()).ok()?;
    body.get(start..start.checked_add(usize::try_from(buffer.length()).ok()?)?)
}

/// Whether the compressed buffers of a message become too large.
fn expands(header: &arrow_ipc::Message<'_>, body: &[u8]) -> bool {
    if batch(header).is_none_or(|batch| batch.compression().is_none()) {
        return false;
    }
    // A compressed buffer begins with its size, -1 where it is not compressed after all.
    let size = |buffer| {
        let size = slice(body, buffer)?.first_chunk()?;
        u64::try_from(i64::from_le_bytes(*size)).ok()
    };
    let sizes = buffers(header).filter_map(size);
    is_bomb(body.len() as u64, sizes.fold(0, u64::saturating_add))
}
