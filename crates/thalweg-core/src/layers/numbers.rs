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
    let refuse = |found: String, expected: String| {
        Err(Error::invalid(format!("layer {name}"), found, expected).at("columns"))
    };
    let inputs = context.input.size();
    let Some(columns) = arguments.integers("columns") else {
        return refuse(
            AUTO.into(),
            "the inputs to embed, where no data of a run name them".into(),
        );
    };
    if !context.input.is_flat() {
        return refuse("an image".into(), "a list of numbers".into());
    }
    if let Some(column) = columns.iter().find(|column| **column >= inputs) {
        return refuse(
            format!("column {column}"),
            format!("one of {inputs} inputs, counted from 0"),
        );
    }
    let mut sorted = columns.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => refuse(format!("column {} twice", pair[0]), "each once".into()),
        None => Ok(columns),
    }
}
