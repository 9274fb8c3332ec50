//! Files to datasets: formats, column types, preprocessing, splits.
//!
//! ```
//! use thalweg_data::{PrepareOptions, ReadOptions, Source, Task, prepare, read};
//!
//! let source = Source::parse("builtin:iris")?;
//! let loaded = read(&source, &ReadOptions::default())?;
//! let prepared = prepare(&loaded, None, None, &PrepareOptions::default())?;
//!
//! assert_eq!(prepared.preprocessing.task(), Task::Multiclass);
//! assert_eq!(prepared.preprocessing.classes(), ["setosa", "versicolor", "virginica"]);
//! assert_eq!(prepared.train.features.width, 4);
//! assert_eq!(prepared.train.rows(), 120);
//! # Ok::<(), thalweg_data::Error>(())
//! ```
//!
//! The path of the data: [`Source`] → [`read()`] → [`Table`] → [`Target`] →
//! [`split()`](split::split) → [`Preprocessing`] → [`thalweg_core::dataset::Dataset`];
//! [`prepare()`] takes it in one call. Nothing here knows a layer or a command line, prints, or
//! panics on input: errors and notes are values of one line each.

mod archive;
mod block;
pub mod builtin;
pub mod cache;
#[cfg(feature = "columnar")]
mod columnar;
mod compression;
mod csv;
mod encoding;
pub mod error;
mod first_row;
mod foreign;
pub mod formats;
#[cfg(feature = "images")]
mod images;
pub mod ingest;
mod input;
mod levels;
mod lines;
pub mod listed;
mod loaded;
mod numpy;
mod options;
mod part;
mod parts;
pub mod prepare;
pub mod preprocess;
pub mod reading;
mod shared_file;
mod shuffled;
pub mod source;
pub mod split;
pub mod stamp;
mod stray;
pub mod summary;
pub mod table;
pub mod target;
#[cfg(test)]
mod testing;
pub mod text;
mod text_lines;
mod threads;
mod totals;
mod typed;
pub mod usable;
mod weights;

pub use error::{Error, Note, Result};
pub use input::Input;
pub use loaded::Loaded;
pub use options::{ExpectedColumns, ReadOptions, TextOptions};
pub use part::Part;
pub use prepare::{PrepareOptions, Prepared, prepare, prepare_fitted};
pub use preprocess::{
    ClassWeight, Dtype, Encoding, Extend, FitOptions, Preprocessing, Scaling, TargetTransform,
};
pub use reading::{ReadAs, Reading, Readings};
pub use source::{Source, read, read_input};
pub use split::{Fold, Share, Split, SplitBy, SplitOptions};
pub use stray::notes_on_stray_cells;
pub use summary::summarize;
pub use table::{Column, ColumnData, Kind, Table};
pub use target::{Target, TargetOptions, Task};
