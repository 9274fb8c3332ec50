//! Weights from and for other programs: any safetensors file is a start for a network whose tensors
//! it fits, and a model's weights go into a file that `torch.nn.Sequential` takes.

mod assign;
mod file;
mod torch;

pub use assign::{Assigned, Names, assign, names};
pub use file::TensorFile;
pub use torch::{Torch, to_torch};
