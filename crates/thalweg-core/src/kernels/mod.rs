//! Hot loops. Nothing here allocates. Private to the crate: kernels trust the sizes that they are
//! given.

pub mod bf16;
pub mod correlate;
pub mod descend;
pub mod dot;
pub mod gather;
pub mod gemm;
pub mod isa;
pub mod marks;
pub mod math;
pub mod moments;
pub mod normal;
pub mod pack;
pub mod pool;
pub mod probe;
pub mod reduce;
pub mod resample;
pub mod row;
pub mod simd;
pub mod softmax;
pub mod sparse;
pub mod transpose;
pub mod turns;

pub use isa::{Isa, Kernel};
pub use simd::{Arch, Scalar};
