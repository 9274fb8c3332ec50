//! Mean of each channel over the whole image: y = Σ x / (H·W), a list of as many values as there
//! are channels.
//!
//! Source: Lin, Chen & Yan 2013. Computed as an average pool whose window is the image.

use super::average_pool::Mean;
use super::pool::Pool;
use super::window::Window;
use super::{Context, Example, Part};
use crate::registry::{Description, Entry};
use crate::shape::Shape;

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "global_average_pool",
        summary: "The mean pixel of every channel; makes a list of an image of any size",
        equation: "y[c] = 1/(H·W)·Σ x[c, i, j]",
        source: "Lin, Chen & Yan 2013",
        parameters: &[],
    },
    build: |_, context| {
        let input = context.input;
        // One window that reaches over the longer side.
        let edge = input.height.max(input.width);
        let pool = Pool {
            input,
            window: Window {
                kernel: edge,
                stride: edge,
                padding: 0,
                height: 1,
                width: 1,
            },
            rule: Mean(input.area()),
        };
        let list = Part::View(Shape::flat(input.channels));
        Ok(Part::Sequence(vec![Part::layer(pool), list]))
    },
};

pub(super) const EXAMPLES: &[Example] = &[Example::image(r#"[{"name": "global_average_pool"}]"#)];
