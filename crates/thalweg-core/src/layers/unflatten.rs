//! Unflatten: a list as an image, channel by channel. Nothing is computed or copied.

use super::{Context, Example, Part};
use crate::error::Error;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::Shape;

const fn size(name: &'static str, summary: &'static str) -> Parameter {
    Parameter {
        name,
        summary,
        default: Default::Required,
        domain: Domain::Integer(1, 1 << 24),
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "unflatten",
        summary: "A list of values as an image",
        equation: "y[c, i, j] = x[c·H·W + i·W + j]",
        source: "the inverse of flatten",
        parameters: &[
            size("channels", "channels of the image"),
            size("height", "its lines"),
            size("width", "pixels of a line"),
        ],
    },
    build: |arguments, context| {
        let sizes = ["channels", "height", "width"].map(|name| arguments.integer(name));
        let shape = Shape::image(sizes);
        let size = sizes.into_iter().fold(1, usize::saturating_mul);
        if size != context.input.size() {
            let found = format!("images of {shape} from {} values", context.input.size());
            return Err(Error::invalid("layer unflatten", found, "as many values"));
        }
        Ok(Part::View(shape))
    },
};

pub(super) const EXAMPLES: &[Example] = &[Example::list(
    r#"[{"name": "unflatten", "channels": 1, "height": 7, "width": 1}, {"name": "conv2d", "channels": 2, "kernel": 1, "activation": "tanh"}]"#,
)];
