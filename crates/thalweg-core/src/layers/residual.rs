//! Residual block: y = f(x) + p(x), where f is a list of layers and p the identity, or a dense or
//! conv2d layer where f changes the shape. dx is the sum of both ways back.
//!
//! Source: He, Zhang, Ren & Sun 2016. The engine unfolds the block: f, then p, then the sum.

use super::{Context, Example, LAYERS, Part, network};
use crate::error::Error;
use crate::registry::{AUTO, Default, Description, Domain, Entry, Parameter};

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "residual",
        summary: "Adds what comes in to what its layers make of it, so that deep networks learn",
        equation: "y = f(x) + p(x), p(x) = x if it is auto",
        source: "He et al. 2016",
        parameters: &[
            Parameter {
                name: "layers",
                summary: "f",
                default: Default::Required,
                domain: Domain::Choices(|| &LAYERS),
            },
            Parameter {
                name: "projection",
                summary: "p, dense or conv2d, where f changes the shape; auto is the identity",
                default: Default::Text(AUTO),
                domain: Domain::ChoiceOrAuto(|| &LAYERS),
            },
        ],
    },
    build: |arguments, context| {
        let refuse =
            |found: String, expected: &str| Err(Error::invalid("layer residual", found, expected));
        let body = network::nodes(*context, arguments.choices("layers"))?;
        if body.iter().all(|node| node.part.layers().is_empty()) {
            return refuse(
                "layers that compute nothing".into(),
                "at least one that does",
            );
        }
        let output = body.last().map_or(context.input, |node| node.output);
        let choice = arguments.choice("projection");
        if choice.name == AUTO {
            if !output.matches(context.input) {
                let found = format!("{} → {} without a projection", context.input, output);
                return refuse(found, "the same shape, or a projection that makes it").map_err(
                    |e: Error| e.remedy("give projection = { name = \"dense\" or \"conv2d\", … }"),
                );
            }
            return Ok(Part::Residual {
                body,
                projection: None,
            });
        }
        if !["dense", "conv2d"].contains(&choice.name.as_str()) {
            return refuse(format!("projection = {}", choice.name), "dense or conv2d");
        }
        let mut at = *context;
        for node in &body {
            at = network::after(at, &node.part);
        }
        let bridge = Context {
            index: at.index,
            // Its output is added to the block's, so its rows have the same stride.
            is_last: false,
            ..*context
        };
        let projection = LAYERS
            .build(&choice, &bridge)
            .map_err(|error| error.within("layer residual: projection").at("projection"))?;
        let projected = projection.output(context.input);
        if !projected.matches(output) {
            let found = format!("a projection to {projected} beside layers to {output}");
            return refuse(found, "the same shape");
        }
        Ok(Part::Residual {
            body,
            projection: Some(Box::new(projection)),
        })
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "residual", "layers": [{"name": "dense", "units": 9, "activation": "tanh"}, {"name": "batch_norm"}, {"name": "dense", "units": 7, "activation": "identity"}]}]"#),
    Example::list(r#"[{"name": "residual", "layers": [{"name": "batch_norm"}, {"name": "residual", "layers": [{"name": "dense", "units": 7, "activation": "tanh"}]}]}]"#),
    Example::image(r#"[{"name": "residual", "layers": [{"name": "conv2d", "channels": 5, "kernel": 3, "activation": "tanh"}, {"name": "batch_norm"}], "projection": {"name": "conv2d", "channels": 5, "kernel": 3, "activation": "tanh"}}]"#),
    Example::list(r#"[{"name": "residual", "layers": [{"name": "dense", "units": 6, "activation": "tanh"}]}]"#).first(),
    Example::list(r#"[{"name": "residual", "layers": [{"name": "dropout"}], "projection": {"name": "dense", "units": 6, "activation": "tanh"}}]"#).first(),
];
