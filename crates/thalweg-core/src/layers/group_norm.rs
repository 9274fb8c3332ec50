//! Group normalization: each row by mean and variance of groups of neighbouring channels; γ and β
//! for each channel.
//!
//! Source: Wu & He 2018; the mathematics is in `normalize.rs`.

use super::normalize::{AFFINE, Affine, EPSILON, RowNorm, check_groups};
use super::{Context, Example, Part};
use crate::error::Error;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "group_norm",
        summary: "Normalizes groups of channels of every row; for small batches of images",
        equation: "y = γ·(x − μ)/√(σ² + ε) + β, μ and σ² over a group of channels of the row",
        source: "Wu & He 2018",
        parameters: &[
            Parameter {
                name: "groups",
                summary: "groups that the channels are cut into",
                default: Default::Required,
                domain: Domain::Integer(1, 1 << 24),
            },
            AFFINE,
            EPSILON,
        ],
    },
    build: |arguments, context| {
        let (groups, channels) = (arguments.integer("groups"), context.input.channels);
        if channels % groups != 0 {
            let found = format!("{groups} groups of {channels} channels");
            let expected = "a number of groups that divides the channels";
            return Err(Error::invalid("layer group_norm", found, expected));
        }
        check_groups("group_norm", context.input, groups)?;
        Ok(Part::layer(RowNorm {
            shape: context.input,
            groups,
            affine: match arguments.flag("affine") {
                true => Affine::Channels,
                false => Affine::None,
            },
            epsilon: arguments.number("epsilon"),
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::image(r#"[{"name": "group_norm", "groups": 2}]"#),
    Example::image(
        r#"[{"name": "group_norm", "groups": 2}, {"name": "conv2d", "channels": 3, "kernel": 2, "activation": "tanh"}]"#,
    ),
    Example::image(r#"[{"name": "group_norm", "affine": false, "groups": 2}]"#),
];
