//! The model file: a safetensors file with everything about a model in it.
//!
//! Tensors have the names and shapes of [`crate::engine::ParameterInfo`] (`layers.0.weight`
//! \[outputs, inputs\]) and are readable by any safetensors reader. Under the key `thalweg` of the
//! file's metadata is one JSON object: the metadata of the caller, the version, and a checksum
//! (CRC-32) over that object and all tensors, so that a damaged file is refused and not misread.
//!
//! Checkpoints are files of the same kind. What the numbers of their formats mean, the caller says.

use std::collections::HashMap;

use safetensors::tensor::{Dtype as FileDtype, SafeTensors, TensorView};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::memory;
use crate::precision::Dtype;

/// The key of the file's metadata that belongs to Thalweg.
const KEY: &str = "thalweg";
/// A named tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f64>,
}

/// The contents of a model file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelFile {
    /// The format of the metadata: a program that reads lower ones alone refuses the file.
    pub format: u64,
    /// Precision of the tensors in the file.
    pub dtype: Dtype,
    /// The tensors, in any order.
    pub tensors: Vec<Tensor>,
    /// What the caller stores with them.
    pub metadata: Map<String, Value>,
}

impl ModelFile {
    /// The file's bytes: the same for the same contents.
    ///
    /// # Errors
    /// If the tensors cannot be stored, such as two of the same name.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let stored: Vec<(&Tensor, Vec<u8>)> = (self.tensors.iter())
            .map(|tensor| Ok((tensor, bytes_of(&tensor.values, self.dtype)?)))
            .collect::<Result<_>>()?;
        let views = stored
            .iter()
            .map(|(tensor, bytes)| {
                let view = TensorView::new(file_dtype(self.dtype), tensor.shape.clone(), bytes);
                Ok((tensor.name.clone(), view.map_err(unfit)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut object = self.metadata.clone();
        object.insert("format".into(), self.format.into());
        object.insert("version".into(), env!("CARGO_PKG_VERSION").into());
        let checksum = checksum(&object, &views);
        object.insert("checksum".into(), checksum.into());
        let metadata = HashMap::from([(KEY.to_owned(), Value::Object(object).to_string())]);
        safetensors::serialize(views, Some(metadata)).map_err(unfit)
    }

    /// Reads a file's bytes, whose format is at most `newest`.
    ///
    /// # Errors
    /// [`Error::Damaged`] if they are not a whole, undamaged file of this kind, [`Error::Unsupported`]
    /// if their format is newer.
    pub fn from_bytes(bytes: &[u8], newest: u64) -> Result<Self> {
        let damaged = |what: &dyn std::fmt::Display| Error::Damaged(one_line(&what.to_string()));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
        let text = (header.metadata().as_ref())
            .and_then(|metadata| metadata.get(KEY))
            .ok_or_else(|| damaged(&"it has tensors, but no model of Thalweg"))?;
        let mut object: Map<String, Value> = serde_json::from_str(text).map_err(|e| damaged(&e))?;
        // First, as a newer one may have another checksum.
        let format = match object.get("format").and_then(Value::as_u64) {
            None | Some(0) => return Err(damaged(&"it has no known format")),
            Some(newer) if newer > newest => {
                let found = format!("written by a newer Thalweg (format {newer})");
                return Err(Error::Unsupported(format!(
                    "{found}; this one reads up to {newest}: update"
                )));
            }
            Some(format) => format,
        };
        let stored = object.remove("checksum").and_then(|value| value.as_u64());
        let views = file.tensors();
        if stored != Some(checksum(&object, &views).into()) {
            return Err(damaged(&"its checksum does not match its contents"));
        }
        object.remove("format");
        object.remove("version");
        let mut dtype = Dtype::F32;
        let tensors = views
            .into_iter()
            .map(|(name, view)| {
                let values;
                (dtype, values) = match view.dtype() {
                    FileDtype::F32 => (Dtype::F32, values_of(view.data(), f32::from_le_bytes)?),
                    FileDtype::F64 => (Dtype::F64, values_of(view.data(), f64::from_le_bytes)?),
                    other => return Err(damaged(&format!("a tensor of type {other:?}"))),
                };
                Ok(Tensor {
                    name,
                    shape: view.shape().to_vec(),
                    values,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            format,
            dtype,
            tensors,
            metadata: object,
        })
    }

    /// The tensor of that name, if it is there.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }
}

fn file_dtype(dtype: Dtype) -> FileDtype {
    match dtype {
        Dtype::F32 | Dtype::Bf16 => FileDtype::F32,
        Dtype::F64 => FileDtype::F64,
    }
}

fn bytes_of(values: &[f64], dtype: Dtype) -> Result<Vec<u8>> {
    fn bytes<const N: usize>(values: &[f64], write: fn(f64) -> [u8; N]) -> Result<Vec<u8>> {
        let mut bytes = memory::room(N * values.len())?;
        bytes.extend(values.iter().flat_map(|value| write(*value)));
        Ok(bytes)
    }
    match dtype {
        Dtype::F32 | Dtype::Bf16 => bytes(values, |value| (value as f32).to_le_bytes()),
        Dtype::F64 => bytes(values, f64::to_le_bytes),
    }
}

fn values_of<const N: usize, T: Into<f64>>(
    bytes: &[u8],
    read: fn([u8; N]) -> T,
) -> Result<Vec<f64>> {
    let (chunks, _) = bytes.as_chunks();
    memory::collect(chunks.iter().map(|chunk| read(*chunk).into()))
}

/// CRC-32 over the object and over name, type, shape and bytes of all tensors by name.
fn checksum(object: &Map<String, Value>, views: &[(String, TensorView)]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(Value::Object(object.clone()).to_string().as_bytes());
    let mut views: Vec<_> = views.iter().collect();
    views.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, view) in views {
        hasher.update(format!("{name} {:?} {:?}", view.dtype(), view.shape()).as_bytes());
        hasher.update(view.data());
    }
    hasher.finalize()
}

fn unfit(error: safetensors::SafeTensorError) -> Error {
    Error::invalid(
        "model file",
        error.to_string(),
        "tensors that fit their shapes",
    )
}

/// Third-party messages may quote bytes of the file.
fn one_line(message: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    message.chars().map(printable).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> ModelFile {
        let tensor = |name: &str, shape: &[usize]| Tensor {
            name: name.into(),
            shape: shape.to_vec(),
            values: (0..shape.iter().product())
                .map(|i: usize| i as f64 / 3.0)
                .collect(),
        };
        ModelFile {
            format: 3,
            dtype: Dtype::F64,
            tensors: vec![
                tensor("layers.0.bias", &[3]),
                tensor("layers.0.weight", &[3, 2]),
            ],
            metadata: Map::from_iter([("columns".into(), Value::from(vec!["a", "b"]))]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let file = example();
        let mut read = ModelFile::from_bytes(&file.to_bytes().unwrap(), 3).unwrap();
        read.tensors.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(read, file);
        assert_eq!(file.to_bytes().unwrap(), file.to_bytes().unwrap());
    }

    #[test]
    fn damage_to_any_byte_is_noticed() {
        let bytes = example().to_bytes().unwrap();
        for position in 0..bytes.len() {
            for mask in [0x01, 0x20, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[position] ^= mask;
                let result = ModelFile::from_bytes(&damaged, 3);
                let error = result
                    .expect_err(&format!("byte {position} ^ {mask}"))
                    .to_string();
                assert!(!error.contains('\n'), "{error}");
            }
        }
        for length in 0..bytes.len() {
            assert!(
                ModelFile::from_bytes(&bytes[..length], 3).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let error = ModelFile::from_bytes(&example().to_bytes().unwrap(), 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "written by a newer Thalweg (format 3); this one reads up to 2: update"
        );
    }

    #[test]
    fn a_safetensors_file_of_another_program_is_refused() {
        let data = [0; 8];
        let view = TensorView::new(FileDtype::F32, vec![2], &data).unwrap();
        let bytes = safetensors::serialize([("x", view)], None).unwrap();
        let error = ModelFile::from_bytes(&bytes, 3).unwrap_err().to_string();
        assert_eq!(
            error,
            "damaged file: it has tensors, but no model of Thalweg"
        );
    }
}
