//! Windows that slide over an image: what convolution and pooling share.

use crate::error::{Error, Result};
use crate::registry::{Arguments, Default, Domain, Parameter};
use crate::shape::Shape;

/// The most that a kernel is wide, or moves.
const MOST: i64 = 1 << 12;

/// Edge of the window.
pub(super) const KERNEL: Parameter = Parameter {
    name: "kernel",
    summary: "edge of the window",
    default: Default::Required,
    domain: Domain::Integer(1, MOST),
};

/// Zeros (for a maximum: nothing) around the image.
pub(super) const PADDING: Parameter = Parameter {
    name: "padding",
    summary: "lines added on every side",
    default: Default::Integer(0),
    domain: Domain::Integer(0, MOST),
};

/// How far the window moves, where 0 means its own width.
pub(super) const POOL_STRIDE: Parameter = Parameter {
    name: "stride",
    summary: "how far the window moves; 0: as far as it is wide",
    default: Default::Integer(0),
    domain: Domain::Integer(0, MOST),
};

/// How far the window moves.
pub(super) const STRIDE: Parameter = Parameter {
    name: "stride",
    summary: "how far the window moves",
    default: Default::Integer(1),
    domain: Domain::Integer(1, MOST),
};

/// A square window on an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Lines and pixels of the output.
    pub height: usize,
    pub width: usize,
}

impl Window {
    /// Reads the settings of the layer `name` for an image.
    ///
    /// # Errors
    /// If the window does not fit.
    pub fn new(name: &str, arguments: &Arguments, input: Shape) -> Result<Self> {
        let of = |name| arguments.integer(name);
        let (kernel, padding) = (of("kernel"), of("padding"));
        let stride = match of("stride") {
            0 => kernel,
            stride => stride,
        };
        let refuse = |found: String, expected: String| {
            Err(Error::invalid(format!("layer {name}"), found, expected))
        };
        if input.is_flat() && kernel > 1 {
            let found = format!("a list of {} values", input.channels);
            let expected = "an image; give the input as [channels, lines, pixels]";
            return refuse(found, expected.to_owned());
        }
        if padding >= kernel {
            let found = format!("padding {padding} for a kernel of {kernel}×{kernel}");
            return refuse(found, "a padding below the kernel's edge".to_owned());
        }
        let (height, width) = (input.height + 2 * padding, input.width + 2 * padding);
        if kernel > height || kernel > width {
            let found = format!("a kernel of {kernel}×{kernel}");
            let with = match padding {
                0 => String::new(),
                _ => format!(" with padding {padding}"),
            };
            let expected = format!("at most its input, {}×{}{with}", input.height, input.width);
            return refuse(found, expected);
        }
        Ok(Self {
            kernel,
            stride,
            padding,
            height: (height - kernel) / stride + 1,
            width: (width - kernel) / stride + 1,
        })
    }

    /// The output with this many channels.
    pub fn output(&self, channels: usize) -> Shape {
        Shape::image([channels, self.height, self.width])
    }
}
