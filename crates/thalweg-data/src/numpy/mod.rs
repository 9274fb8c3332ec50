//! NumPy's arrays and archives.

mod array;
mod header;
mod pieces;
pub mod zip;

pub use array::{Array, Elements, MAGIC};
