//! What embeddings of numbers leave to the data: which inputs they embed, and the edges of their
//! bins, quantiles of the training rows.

use thalweg_core::dataset::ValuesRef;
use thalweg_core::error::Error;
use thalweg_core::layers::{self, LAYERS};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{AUTO, Choice, Setting};
use thalweg_core::shape::Shape;
use thalweg_core::spec::NetworkSpec;
use thalweg_data::preprocess::quantile_edges;

use crate::error::Result;
use crate::network_file::EMBEDDING;
use crate::rows::RunRows;
use crate::scores::user_weights;

/// The layers that embed numbers.
pub const NAMES: [&str; 2] = [PIECEWISE_LINEAR, "periodic"];

const PIECEWISE_LINEAR: &str = "piecewise_linear";

/// What is left to the data of them.
const LEFT: [&str; 3] = ["columns", "counts", "edges"];

/// Quantiles are those of so many rows at most, at equal distances: their shares then differ from
/// those of all rows by about a thousandth.
const ROWS: usize = 1 << 18;

/// Whether a layer embeds numbers.
pub fn embeds(layer: &Choice) -> bool {
    NAMES.contains(&layer.name.as_str())
}

/// Leaves what an embedding of numbers has from other data, or from other settings, to the data
/// again.
pub fn forget(layer: &mut Choice) {
    layer
        .settings
        .retain(|name, _| !LEFT.contains(&name.as_str()));
}

/// Fills in what a network leaves to the data. An embedding of numbers that finds none is left out.
pub fn fill_all(network: &mut NetworkSpec, rows: &RunRows) -> Result<()> {
    let mut filled = Vec::with_capacity(network.layers.len());
    for layer in std::mem::take(&mut network.layers) {
        match is_left(&layer) {
            true => filled.extend(fill(layer, &filled, rows)?),
            false => filled.push(layer),
        }
    }
    network.layers = filled;
    Ok(())
}

/// Whether a layer embeds numbers and leaves to the data which.
pub fn is_left(layer: &Choice) -> bool {
    let columns = layer.settings.get(LEFT[0]);
    embeds(layer) && columns.is_none_or(|columns| *columns == Setting::from(AUTO))
}

/// An embedding of numbers behind the layers `before` with what it leaves to the data; none if no
/// input is a number of more than two values.
///
/// # Errors
/// If it is neither the first layer nor right behind an embedding of categories.
pub fn fill(
    layer: Choice,
    before: &[Choice],
    rows: &RunRows,
) -> thalweg_core::Result<Option<Choice>> {
    let preprocessing = &rows.preprocessing;
    let codes = preprocessing.codes().len();
    let first = match before {
        [] => 0,
        [embedding] if embedding.name == EMBEDDING => {
            let input = Shape::flat(preprocessing.input_width());
            let nodes = layers::build(input, before, Dtype::default())?;
            nodes.last().map_or(0, |node| node.output.size()) - input.size() + codes
        }
        _ => {
            let found = format!("it behind {}", before[before.len() - 1].name);
            let expected = "it as the first layer, or right behind an embedding of categories";
            let error = Error::invalid(format!("layer {}", layer.name), found, expected);
            return Err(error.remedy("write `columns` into it, or move it"));
        }
    };
    let resolved = LAYERS.resolve(&layer)?;
    let bins = match layer.name == PIECEWISE_LINEAR {
        true => resolved.integer("bins"),
        false => 2,
    };
    let (mut columns, mut counts, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for input in preprocessing.quantities() {
        let edges = edges(rows, input, bins);
        if edges.len() > 2 {
            columns.push((input - codes + first) as i64);
            counts.push(edges.len() as i64 - 1);
            all.extend(edges);
        }
    }
    if columns.is_empty() {
        return Ok(None);
    }
    let layer = layer.with("columns", Setting::Integers(columns));
    Ok(Some(match layer.name == PIECEWISE_LINEAR {
        true => layer
            .with("counts", Setting::Integers(counts))
            .with("edges", Setting::Numbers(all)),
        false => layer,
    }))
}

/// The edges of at most so many bins of one input, ascending, each a number of the network's
/// precision.
fn edges(rows: &RunRows, input: usize, bins: usize) -> Vec<f64> {
    let train = rows.train.view();
    let (features, all) = (train.features, train.features.rows());
    let sampled = || {
        let count = all.min(ROWS);
        (0..count).map(move |number| number * all / count)
    };
    let is_double = matches!(features.values, ValuesRef::F64(_));
    let values = sampled().map(|row| features.value(row, input));
    let weights = user_weights(train, &rows.preprocessing);
    let weights = weights.map(|weights| sampled().map(|row| f64::from(weights[row])).collect());
    let mut edges = quantile_edges(values.collect(), weights, bins);
    if !is_double {
        // The shortest decimal that is the same number in single precision.
        let short = |edge: f64| (edge as f32).to_string().parse().unwrap_or(edge);
        edges.iter_mut().for_each(|edge| *edge = short(*edge));
    }
    edges.dedup_by(|next, edge| *next <= *edge);
    edges
}
