//! The tensors of any safetensors file.

use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value;
use thalweg_core::error::Error;
use thalweg_core::memory;
use thalweg_core::model_file::{ModelFile, Tensor};

use crate::error::{Result, input};
use crate::format;
use crate::model::path_of;

/// What a file of weights holds, whatever program wrote it.
#[derive(Debug)]
pub struct TensorFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its tensors of numbers, in the order of their names, in which 10 comes after 9.
    pub tensors: Vec<Tensor>,
    /// Tensors of whole numbers, which are none of a network's: name, type and shape.
    pub left_out: Vec<String>,
    /// Whether it is one of our models whose weights were changed after it was written.
    pub is_changed: bool,
}

impl TensorFile {
    /// Reads a safetensors file, or the model of a run folder. Tensors of whole numbers, such as
    /// counts of batches, are left out.
    ///
    /// # Errors
    /// If it cannot be read, is no whole safetensors file, or a checkpoint.
    pub fn read(path: &Path) -> Result<Self> {
        let path = path_of(path)?;
        let name = path.display();
        let bytes = std::fs::read(&path).map_err(|error| {
            input(format!(
                "{name}: cannot be read: {error}; give a safetensors file, a model file or a run folder"
            ))
        })?;
        let refuse = |error: safetensors::SafeTensorError| {
            let error = format!("found no whole safetensors file ({error})");
            let remedy =
                "PyTorch writes one by safetensors.torch.save_file(net.state_dict(), FILE)";
            input(format!(
                "{name}: {}; {remedy}",
                error.replace(char::is_control, " ")
            ))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(refuse)?;
        let ours = (header.metadata().as_ref()).and_then(|metadata| metadata.get("thalweg"));
        let whole = ours.map(|_| ModelFile::from_bytes(&bytes, format::NEWEST));
        if let Some(Err(error @ Error::Unsupported(_))) = &whole {
            return Err(input(format!("{name}: {error}")));
        }
        let kind = ours.and_then(|text| serde_json::from_str::<Value>(text).ok());
        if kind.is_some_and(|object| object["kind"] == "checkpoint") {
            let error = Error::invalid(name.to_string(), "a checkpoint", "a model or weights");
            return Err(error.remedy("finish the run by `options.resume`").into());
        }
        let file = SafeTensors::deserialize(&bytes).map_err(refuse)?;
        let (mut tensors, mut left_out) = (Vec::new(), Vec::new());
        for (name, view) in file.tensors() {
            let shape = view.shape().to_vec();
            match values(&view)? {
                Some(values) => tensors.push(Tensor {
                    name,
                    shape,
                    values,
                }),
                None => left_out.push(format!("{name} {shape:?} of type {:?}", view.dtype())),
            }
        }
        left_out.sort_unstable();
        tensors.sort_by_cached_key(|tensor| natural(&tensor.name));
        Ok(Self {
            path,
            tensors,
            left_out,
            is_changed: matches!(whole, Some(Err(_))),
        })
    }
}

/// The values of a tensor of numbers with a fraction.
fn values(view: &TensorView) -> Result<Option<Vec<f64>>, Error> {
    fn each<const N: usize>(bytes: &[u8], read: fn([u8; N]) -> f64) -> Result<Vec<f64>, Error> {
        let (chunks, _) = bytes.as_chunks();
        memory::collect(chunks.iter().map(|chunk| read(*chunk)))
    }
    let bytes = view.data();
    Ok(Some(match view.dtype() {
        Dtype::F64 => each(bytes, f64::from_le_bytes)?,
        Dtype::F32 => each(bytes, |bytes| f64::from(f32::from_le_bytes(bytes)))?,
        Dtype::BF16 => each(bytes, |bytes| {
            f64::from(f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16))
        })?,
        Dtype::F16 => each(bytes, |bytes| half(u16::from_le_bytes(bytes)))?,
        _ => return Ok(None),
    }))
}

/// A number of 16 bits as IEEE 754 has it: sign, 5 bits of exponent, 10 of the fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let magnitude = match i32::from(bits >> 10 & 0x1f) {
        0 => fraction * f64::powi(2.0, -14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * f64::powi(2.0, exponent - 15),
    };
    if bits >> 15 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// A name as a key in whose order 10 comes after 9: texts and numbers in turn.
pub(super) fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = |c: char| c.is_ascii_digit();
        let (text, tail) = rest.split_at(rest.find(digits).unwrap_or(rest.len()));
        let (number, tail) = tail.split_at(tail.find(|c| !digits(c)).unwrap_or(tail.len()));
        parts.push((text.to_owned(), number.parse().unwrap_or(0)));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_ieee_754_says() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, f64::powi(2.0, -24)),
            (0x03ff, 1023.0 * f64::powi(2.0, -24)),
            (0x0400, f64::powi(2.0, -14)),
            (0x3555, 0.333251953125),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn ten_comes_after_nine() {
        let mut names = ["net.10.weight", "net.9.weight", "net.9.bias", "a"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a", "net.9.bias", "net.9.weight", "net.10.weight"]);
    }
}
