//! BatchEnsemble: k members in one layer, each with its own d values of a row, whose weights are one
//! matrix but for factors and a bias of their own: y_g = φ(s_g ∘ (W·(r_g ∘ x_g)) + b_g), g = 1 … k.
//!
//! The first of such layers gives every member the whole row; those behind it each member its part.
//! So the members of B rows are k·B rows of one product. Without `shared` every member has a matrix
//! of its own, and there are no factors: y_g = φ(W_g·x_g + b_g), an ensemble packed into one network.
//! Where a network ends divided, its outputs are those of its members: see [`Facts::members`].
//!
//! Source: Wen, Tran & Ba 2020 (BatchEnsemble); Gorishniy, Kotelnikov & Babenko 2025 (TabM), from
//! where the start is: r of the first layer at random, r and s of all others 1.

#[cfg(doc)]
use super::Facts;
use super::dense::Members;
use super::diagonal::{Begin, Diagonal};
use super::units::{ACTIVATION, BIAS, INITIALIZER, UNITS};
use super::{Context, Example, Part, Pointwise};
use crate::activations::ACTIVATIONS;
use crate::constraints::CONSTRAINT;
use crate::error::{Error, Result};
use crate::registry::{AUTO, Arguments, Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
    let (members, units) = (arguments.integer("members"), arguments.integer("units"));
    let is_shared = arguments.flag("shared");
    // The first: every member reads the whole row.
    let is_first = context.members == 1;
    if !is_first && context.members != members {
        let found = format!("{members} members behind {}", context.members);
        let error = Error::invalid("layer batch_ensemble", found, "as many as before");
        return Err(error.at("members"));
    }
    let row = context.input.size();
    let inputs = if is_first { row } else { row / members };
    let begin = match arguments.text("start") {
        "signs" => Begin::Signs,
        "normal" => Begin::Normal,
        AUTO if is_first => Begin::Signs,
        _ => Begin::Ones,
    };
    let mut parts = Vec::new();
    let spread = Diagonal {
        members,
        width: inputs,
        input: row,
        from: if is_first { 0 } else { inputs },
        to: stride(inputs),
        factor: is_shared.then_some(("r", begin)),
        has_bias: false,
    };
    if is_shared || !spread.is_nothing() {
        parts.push(Part::layer(spread));
    }
    let has_gradient = context.has_gradient || is_shared;
    parts.push(Part::layer(Members::build(
        arguments,
        members,
        inputs,
        has_gradient,
    )?));
    let gathered = Diagonal {
        members,
        width: units,
        input: members * stride(units),
        from: stride(units),
        to: units,
        factor: is_shared.then_some(("s", Begin::Ones)),
        has_bias: is_shared && arguments.flag("bias"),
    };
    if is_shared || !gathered.is_nothing() {
        parts.push(Part::layer(gathered));
    }
    let activation = arguments.choice("activation");
    if activation.name != "identity" {
        parts.push(Part::layer(Pointwise {
            shape: Shape::flat(members * units),
            activation: ACTIVATIONS.build(&activation, &())?,
        }));
    }
    Ok(Part::Sequence(parts))
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "batch_ensemble",
        summary: "Members of an ensemble in one layer, which share its weights but for factors of their own",
        equation: "y_g = φ(s_g ∘ (W·(r_g ∘ x_g)) + b_g) of each member g; not shared: φ(W_g·x_g + b_g)",
        source: "Wen, Tran & Ba 2020; Gorishniy, Kotelnikov & Babenko 2025 (TabM)",
        parameters: &[
            Parameter {
                name: "members",
                summary: "k; a network that ends in such layers answers with the mean of its members",
                default: Default::Required,
                domain: Domain::Integer(1, 4096),
            },
            UNITS,
            Parameter {
                name: "shared",
                summary: "whether members share W; else each has its own, and there are no r and s",
                default: Default::Flag(true),
                domain: Domain::Flag,
            },
            Parameter {
                name: "start",
                summary: "of r: 1, signs at random, or normal; auto is signs in the first such layer, else 1",
                default: Default::Text(AUTO),
                domain: Domain::Word(&[AUTO, "ones", "signs", "normal"]),
            },
            ACTIVATION,
            BIAS,
            INITIALIZER,
            CONSTRAINT,
        ],
    },
    build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "batch_ensemble", "members": 3, "units": 5, "activation": "tanh"}]"#),
    Example::list(
        r#"[{"name": "batch_ensemble", "members": 2, "units": 16, "start": "normal", "activation": "softplus"}, {"name": "dropout", "rate": 0.2}, {"name": "batch_ensemble", "members": 2, "units": 3, "activation": "tanh", "bias": false}]"#,
    )
    .first(),
    Example::list(
        r#"[{"name": "batch_ensemble", "members": 3, "units": 17, "shared": false, "activation": "sigmoid"}, {"name": "batch_ensemble", "members": 3, "units": 2, "shared": false}]"#,
    )
    .first(),
    Example::list(
        r#"[{"name": "batch_ensemble", "members": 2, "units": 16, "activation": "tanh"}, {"name": "batch_ensemble", "members": 2, "units": 16, "shared": false, "activation": "tanh"}]"#,
    ),
];
