//! NumPy's arrays and archives.

mod array;
mod header;
pub mod zip;

pub use array::{Array, Elements, MAGIC};
