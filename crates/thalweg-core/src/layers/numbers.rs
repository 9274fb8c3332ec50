//! What embeddings of numbers share: which inputs they embed, and into how many values each.

use super::Context;
use crate::error::{Error, Result};
use crate::registry::{AUTO, Arguments, Default, Domain, Parameter};

/// Which inputs are embedded.
pub(super) const COLUMNS: Parameter = Parameter {
    name: "columns",
    summary: "the inputs that are embedded, counted from 0; auto leaves them to the data of a run: numbers of more than two values",
    default: Default::Text(AUTO),
    domain: Domain::IntegersOrAuto(0, i64::MAX),
};

/// The length of a column's vector.
pub(super) const WIDTH: Parameter = Parameter {
    name: "width",
    summary: "length of each column's vector",
    default: Default::Integer(3),
    domain: Domain::Integer(1, 1024),
};

/// The inputs that layer `name` embeds.
///
/// # Errors
/// If one is not there, or there twice, or the layer reads an image.
pub(super) fn columns(name: &str, arguments: &Arguments, context: &Context) -> Result<Vec<usize>> {
    let Some(columns) = arguments.integers(COLUMNS.name) else {
        let expected = "the inputs to embed, where no data of a run name them";
        let error = Error::invalid(format!("layer {name}"), AUTO, expected);
        return Err(error.at(COLUMNS.name));
    };
    check(&columns, (name, COLUMNS.name), context)?;
    Ok(columns)
}

/// Refuses inputs of a layer's setting that are not there, or there twice, and those of an image.
pub(super) fn check(
    inputs: &[usize],
    (layer, setting): (&str, &'static str),
    context: &Context,
) -> Result<()> {
    let refuse = |found: String, expected: String| {
        Err(Error::invalid(format!("layer {layer}"), found, expected).at(setting))
    };
    let all = context.input.size();
    if !context.input.is_flat() {
        return refuse("an image".into(), "a list of numbers".into());
    }
    if let Some(input) = inputs.iter().find(|input| **input >= all) {
        return refuse(
            format!("column {input}"),
            format!("one of {all} inputs, counted from 0"),
        );
    }
    let mut sorted = inputs.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => refuse(format!("column {} twice", pair[0]), "each once".into()),
        None => Ok(()),
    }
}
