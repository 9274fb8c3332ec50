//! Layer normalization: each row by mean and variance of all its values; γ and β for each value.
//!
//! Source: Ba, Kiros & Hinton 2016; the mathematics is in `normalize.rs`.

use super::normalize::{AFFINE, Affine, EPSILON, RowNorm, check_groups};
use super::{Context, Example, Part};
use crate::registry::{Description, Entry};

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "layer_norm",
        summary: "Normalizes every row over its own values",
        equation: "y = γ·(x − μ)/√(σ² + ε) + β, μ and σ² over the row",
        source: "Ba, Kiros & Hinton 2016",
        parameters: &[AFFINE, EPSILON],
    },
    build: |arguments, context| {
        check_groups("layer_norm", context.input, 1)?;
        Ok(Part::layer(RowNorm {
            shape: context.input,
            groups: 1,
            affine: match arguments.flag("affine") {
                true => Affine::Values,
                false => Affine::None,
            },
            epsilon: arguments.number("epsilon"),
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "layer_norm"}]"#),
    Example::list(
        r#"[{"name": "layer_norm"}, {"name": "dense", "units": 5, "activation": "tanh"}]"#,
    ),
    Example::list(r#"[{"name": "layer_norm", "affine": false}]"#),
    Example::image(r#"[{"name": "layer_norm"}]"#),
    Example::list(r#"[{"name": "layer_norm"}]"#).first(),
];
