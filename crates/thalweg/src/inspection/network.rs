//! The trained network: what its layers put out, and what the first one looks for in images.

use serde::Serialize;
use thalweg_core::dataset::DatasetRef;
use thalweg_core::engine::{Batch, Engine, ParameterInfo, Rows};
use thalweg_data::Preprocessing;

use super::rows::{Image, hexadecimal};
use crate::error::Result;
use crate::health::Layer;

const FILTERS: usize = 64;
/// Larger pictures are not shown.
const MOST_PIXELS: usize = 64;

/// What the units of the first layer weigh.
#[derive(Debug, Clone, Serialize)]
pub struct Filters {
    /// The tensor.
    pub name: String,
    /// The largest weight, by size: black is minus this, white this, gray 0.
    pub bound: f64,
    /// One picture a unit.
    pub filters: Vec<Image>,
}

/// Every layer on the first training rows, at most `batch` of them.
pub(super) fn layers(
    engine: &mut dyn Engine,
    training: DatasetRef,
    batch: usize,
) -> Result<Vec<Layer>> {
    let rows = Rows::Range(0, batch.min(training.features.rows()));
    let reports = engine.layers(&Batch::new(training, rows))?;
    Ok(reports.into_iter().map(Layer::from).collect())
}

/// None where the inputs are no images, or the first layer does not see them as such.
pub(super) fn filters(
    engine: &dyn Engine,
    preprocessing: &Preprocessing,
) -> Result<Option<Filters>> {
    let Ok(Some(image)) = preprocessing.image() else {
        return Ok(None);
    };
    let mut first = 0;
    for info in engine.parameters() {
        let size = info.shape.iter().product::<usize>();
        if info.name.ends_with(".weight") {
            let all = engine.save_parameters()?;
            let values = all.get(first..first + size).unwrap_or_default();
            return Ok(of_tensor(info, values, image));
        }
        first += size;
    }
    Ok(None)
}

fn of_tensor(tensor: ParameterInfo, values: &[f64], image: [usize; 3]) -> Option<Filters> {
    let [_, height, width] = match *tensor.shape {
        [_, inputs] if inputs == image.iter().product::<usize>() => image,
        [_, channels, height, width] if channels == image[0] => [channels, height, width],
        _ => return None,
    };
    let size: usize = tensor.shape[1..].iter().product();
    if height.max(width) > MOST_PIXELS || size == 0 {
        return None;
    }
    let channels = if size == 3 * height * width { 3 } else { 1 };
    let bound = values
        .iter()
        .fold(0.0f64, |bound, value| bound.max(value.abs()));
    let unit = if bound > 0.0 { bound } else { 1.0 };
    let filter = |values: &[f64]| {
        let shown = values.iter().take(channels * height * width);
        Image {
            shape: [channels, height, width],
            pixels: hexadecimal(shown.map(|value| value / unit / 2.0 + 0.5)),
        }
    };
    Some(Filters {
        name: tensor.name,
        bound,
        filters: values
            .chunks_exact(size)
            .take(FILTERS)
            .map(filter)
            .collect(),
    })
}
