//! The precision that a network is computed in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The precision that a network is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Single precision.
    #[default]
    F32,
    /// Double precision.
    F64,
    /// Single precision, but the matrix products of dense layers with more than four units round
    /// their operands to bf16; not those inside weight norm or spectral norm.
    Bf16,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::Bf16 => "bf16",
        })
    }
}

impl Dtype {
    /// What parameters are stored in.
    pub fn storage(self) -> Self {
        match self {
            Dtype::F32 | Dtype::Bf16 => Dtype::F32,
            Dtype::F64 => Dtype::F64,
        }
    }
}
