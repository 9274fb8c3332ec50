//! Files to datasets.

pub mod builtin;
mod csv;
pub mod error;
pub mod formats;
mod input;
pub mod source;
pub mod table;

pub use error::{Error, Note, Result};
pub use input::Input;
pub use source::{Loaded, ReadOptions, Source, read};
pub use table::{Column, ColumnData, Table};
