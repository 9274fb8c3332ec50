//! What embeddings of numbers leave to the data: which inputs they embed, and the edges of their
//! bins, quantiles of the training rows.

use thalweg_core::dataset::{FeaturesRef, ValuesRef};
use thalweg_core::layers::LAYERS;
use thalweg_core::registry::{AUTO, Choice, Setting};
use thalweg_core::spec::NetworkSpec;
use thalweg_data::preprocess::quantile_edges;

use crate::error::Result;
use crate::front::positions;
use crate::rows::RunRows;
use crate::scores::user_weights;

/// The layers that embed numbers.
pub const NAMES: [&str; 2] = [PIECEWISE_LINEAR, "periodic"];

const PIECEWISE_LINEAR: &str = "piecewise_linear";

/// What is left to the data of them.
const LEFT: [&str; 3] = ["columns", "counts", "edges"];

/// Quantiles are those of so many rows at most, at equal distances: their shares then differ from
/// those of all rows by about a thousandth.
const ROWS: usize = 1 << 16;

/// Bins by which a column is judged where an embedding has none of its own.
const BINS: usize = 16;

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

/// The same for all of a network's.
pub fn forget_all(network: &mut NetworkSpec) {
    let layers = network.layers.iter_mut();
    layers.filter(|layer| embeds(layer)).for_each(forget);
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
/// If there are other layers before it than an embedding of categories and a selection.
pub fn fill(
    layer: Choice,
    before: &[Choice],
    rows: &RunRows,
) -> thalweg_core::Result<Option<Choice>> {
    let positions = positions(before, rows.preprocessing.input_width())?;
    let resolved = LAYERS.resolve(&layer)?;
    let bins = match layer.name == PIECEWISE_LINEAR {
        true => resolved.integer("bins"),
        false => BINS,
    };
    let sample = Sample::of(rows);
    let (mut columns, mut counts, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for input in rows.preprocessing.quantities() {
        let Some(position) = positions[input] else {
            continue;
        };
        let edges = sample.edges(input, bins);
        if edges.len() > 2 {
            columns.push(position as i64);
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

/// Training rows at equal distances, with the weights that the user gave them.
struct Sample<'a> {
    features: FeaturesRef<'a>,
    rows: Vec<usize>,
    weights: Option<Vec<f64>>,
}

impl<'a> Sample<'a> {
    fn of(rows: &'a RunRows) -> Self {
        let train = rows.train.view();
        let (all, count) = (train.features.rows(), train.features.rows().min(ROWS));
        let sampled: Vec<usize> = (0..count).map(|number| number * all / count).collect();
        let weights = user_weights(train, &rows.preprocessing).map(|weights| {
            let weight = |row: &usize| f64::from(weights[*row]);
            sampled.iter().map(weight).collect()
        });
        Self {
            features: train.features,
            rows: sampled,
            weights,
        }
    }

    /// The edges of at most so many bins of one input, ascending, each a number of the network's
    /// precision.
    fn edges(&self, input: usize, bins: usize) -> Vec<f64> {
        let values = self.rows.iter().map(|row| self.features.value(*row, input));
        let mut edges = quantile_edges(values.collect(), self.weights.clone(), bins);
        if !matches!(self.features.values, ValuesRef::F64(_)) {
            // The shortest decimal that is the same number in single precision.
            let short = |edge: f64| (edge as f32).to_string().parse().unwrap_or(edge);
            edges.iter_mut().for_each(|edge| *edge = short(*edge));
        }
        edges.dedup_by(|next, edge| *next <= *edge);
        edges
    }
}
