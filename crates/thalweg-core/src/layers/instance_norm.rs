//! Instance normalization: each channel of each row by its own mean and variance; γ and β for each
//! channel (PyTorch leaves them out by default).
//!
//! Source: Ulyanov, Vedaldi & Lempitsky 2016; the mathematics is in `normalize.rs`.

use super::normalize::{AFFINE, Affine, EPSILON, RowNorm};
use super::{Context, Example, Part};
use crate::error::Error;
use crate::registry::{Description, Entry};

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "instance_norm",
        summary: "Normalizes every channel of every image by itself",
        equation: "y = γ·(x − μ)/√(σ² + ε) + β, μ and σ² over the channel of the row",
        source: "Ulyanov, Vedaldi & Lempitsky 2016",
        parameters: &[AFFINE, EPSILON],
    },
    build: |arguments, context| {
        if context.input.area() == 1 {
            let found = match context.input.is_flat() {
                true => format!("a list of {} values", context.input),
                false => format!("images of one pixel, {}", context.input),
            };
            let error = Error::invalid("layer instance_norm", found, "images of several pixels");
            return Err(error.remedy("layer_norm normalizes lists"));
        }
        Ok(Part::layer(RowNorm {
            shape: context.input,
            groups: context.input.channels,
            affine: match arguments.flag("affine") {
                true => Affine::Channels,
                false => Affine::None,
            },
            epsilon: arguments.number("epsilon"),
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::image(r#"[{"name": "instance_norm"}]"#),
    Example::image(
        r#"[{"name": "instance_norm", "affine": false}, {"name": "conv2d", "channels": 2, "kernel": 2, "activation": "tanh"}]"#,
    ),
];
