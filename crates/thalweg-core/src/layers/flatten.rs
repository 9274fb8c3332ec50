//! Flatten: an image as a list of its values, channel by channel. Nothing is computed or copied.

use super::{Context, Example, Part};
use crate::registry::{Description, Entry};
use crate::shape::Shape;

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "flatten",
        summary: "An image as a list of its values",
        equation: "y[c·H·W + i·W + j] = x[c, i, j]",
        source: "LeCun et al. 1998",
        parameters: &[],
    },
    build: |_, context| Ok(Part::View(Shape::flat(context.input.size()))),
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::image(r#"[{"name": "flatten"}]"#),
    Example::image(r#"[{"name": "flatten"}, {"name": "dense", "units": 5, "activation": "tanh"}]"#),
    Example::image(r#"[{"name": "flatten"}]"#).first(),
];
