//! Caches: typed columns in blocks, with checksums.

use std::io::Cursor;

use thalweg_core::registry::Description;

use super::format::Format;
use crate::cache::{Cache, is_cache};
use crate::error::Result;
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "cache",
        summary: "typed columns in blocks of rows, shuffled and checksummed, as `thalweg convert DATA OUT.cache` makes them",
        equation: "",
        source: "docs/size.md",
        parameters: &[],
    },
    endings: &["cache"],
    recognizes: is_cache,
    read,
    write: None,
    chunks: None,
    folder: None,
    #[cfg(test)]
    example: crate::cache::example,
};

fn read(mut input: Input, _options: &ReadOptions) -> Result<Loaded> {
    let bytes = input.take(u64::MAX)?;
    let mut cache = Cache::open(Cursor::new(bytes), &input.file)?;
    let blocks = 0..cache.blocks();
    Ok(Loaded {
        notes: cache.note_on_source().into_iter().collect(),
        ..cache.table(blocks)?.into()
    })
}
