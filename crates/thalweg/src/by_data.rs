//! Data-dependent initialization: the weights into each unit are scaled so that its pre-activations
//! have deviation 1 over rows of the data, layer by layer; and its bias puts the zero of the unit
//! among these rows: b = −Σₖ aₖ·zₖ over five of them, drawn for each unit, with a drawn convex
//! combination a (Holzmüller, Grinsztajn & Steinwart 2024, RealMLP's "he+5"; the scale: Mishkin &
//! Matas 2016, LSUV).
//!
//! Dense layers that are layers of the network itself are treated, all but the last, whose biases
//! have their own start.

use std::ops::Range;

use thalweg_core::cpu::Predictor;
use thalweg_core::dataset::{Features, Values, ValuesRef};
use thalweg_core::engine::{Engine, ParameterInfo, Rows};
use thalweg_core::layers::is_dense;
use thalweg_core::losses::Link;
use thalweg_core::precision::Dtype;
use thalweg_core::random::{Purpose, Sequence, Stream};
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::source::Request;
use thalweg_core::spec::NetworkSpec;

use crate::error::Result;
use crate::rows::RunRows;

/// Rows that a bias is a combination of.
const POINTS: usize = 5;
/// Rows that deviations are of.
const ROWS: usize = 1024;
/// Beside the streams of the layers' own initializers.
const STREAMS: u64 = 1 << 62;

/// Rows of the training part at equal distances.
///
/// # Errors
/// If they cannot be read.
fn sample(rows: &RunRows) -> Result<Features> {
    let (all, count) = (rows.train.rows(), rows.train.rows().min(ROWS));
    let numbers: Vec<u32> = (0..count)
        .map(|number| (number * all / count) as u32)
        .collect();
    let mut source = rows.train.source()?;
    let batch = source.batch(Request {
        rows: Rows::Listed(&numbers),
        ..Request::range(0..0)
    })?;
    if let ValuesRef::Sparse(all) = batch.features.values {
        let rows = (0..batch.rows.len()).map(|position| batch.rows.at(position));
        return Ok(Features {
            width: batch.features.width,
            values: Values::Sparse(all.gather(rows, true)),
        });
    }
    let sampled = batch.rows.iter().flat_map(|row| batch.features.row(row));
    Ok(Features {
        width: batch.features.width,
        values: Values::F64(sampled.collect()),
    })
}

/// Sets weights and biases of the hidden dense layers of `engine`, made from `network` in `dtype` and
/// not yet trained, by the training rows.
///
/// # Errors
/// If the network is not valid or not that of the engine.
pub(crate) fn start(
    engine: &mut dyn Engine,
    network: &NetworkSpec,
    dtype: Dtype,
    rows: &RunRows,
    seed: u64,
) -> Result<()> {
    let rows = sample(rows)?;
    let network = network.resolve()?;
    let (tensors, mut parameters) = (engine.parameters(), engine.save_parameters()?);
    let hidden = 0..network.layers.len().saturating_sub(1);
    for index in hidden.filter(|index| is_dense(&network.layers[*index].name)) {
        let (before, end) = (before(&network, index), end(&tensors, index));
        let predictor = Predictor::with_link(&before, dtype, &parameters[..end], Link::Identity)?;
        let z = predictor.predict(&rows, 1)?;
        let mut random = Stream::new(seed, Purpose::Initialize, STREAMS | index as u64).sequence();
        let of = |part: &str| range(&tensors, &format!("layers.{index}.{part}"));
        if let Some(weights) = of("weight") {
            let bias = of("bias");
            let units = bias
                .as_ref()
                .map_or(z.len() / rows.rows().max(1), Range::len);
            for unit in 0..units {
                let z: Vec<f64> = z.iter().skip(unit).step_by(units).copied().collect();
                let scale = 1.0 / deviation(&z);
                let scale = if scale.is_finite() { scale } else { 1.0 };
                let inputs = weights.len() / units;
                let own = &mut parameters[weights.start + unit * inputs..][..inputs];
                own.iter_mut().for_each(|weight| *weight *= scale);
                if let Some(bias) = &bias {
                    let bias = &mut parameters[bias.start + unit];
                    *bias = -scale * (combination(&z, &mut random) - *bias);
                }
            }
        }
    }
    engine.load_parameters(&parameters)?;
    Ok(())
}

/// A drawn convex combination of drawn values.
fn combination(values: &[f64], random: &mut Sequence) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for _ in 0..POINTS {
        let at = (random.uniform() * values.len() as f64) as usize;
        // Shares of exponential numbers are distributed evenly over all combinations.
        let share = -(1.0 - random.uniform()).ln();
        sum += share * values[at.min(values.len() - 1)];
        total += share;
    }
    if total > 0.0 { sum / total } else { 0.0 }
}

/// The layers up to number `index`, which puts its pre-activations out.
fn before(network: &NetworkSpec, index: usize) -> NetworkSpec {
    let mut layers = network.layers[..=index].to_vec();
    layers[index] = (layers[index].clone()).with("activation", Setting::Text("identity".into()));
    NetworkSpec {
        layers,
        loss: Choice::new("mse"),
        ..network.clone()
    }
}

/// Where the parameters of layer number `index` end.
fn end(tensors: &[ParameterInfo], index: usize) -> usize {
    let is_up_to = |tensor: &&ParameterInfo| {
        let mut parts = tensor.name.split('.').skip(1);
        let number = parts.next().and_then(|number| number.parse::<usize>().ok());
        number.is_some_and(|number| number <= index)
    };
    let up_to = tensors.iter().take_while(is_up_to);
    up_to
        .map(|tensor| tensor.shape.iter().product::<usize>())
        .sum()
}

/// Where the tensor of that name is among the parameters.
fn range(tensors: &[ParameterInfo], name: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for tensor in tensors {
        let length: usize = tensor.shape.iter().product();
        if tensor.name == name {
            return Some(start..start + length);
        }
        start += length;
    }
    None
}

/// Population standard deviation.
fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|z| (z - mean) * (z - mean));
    (squares.sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use thalweg_core::cpu;
    use thalweg_core::dataset::{DatasetRef, FeaturesRef, TargetsRef};
    use thalweg_core::spec::TrainingSpec;

    use super::*;
    use crate::rows::Borrowed;

    /// W·x + b of every row.
    fn sums(x: &[f64], weights: &[f64], bias: &[f64]) -> Vec<f64> {
        let inputs = weights.len() / bias.len();
        let row = |x: &[f64]| -> Vec<f64> {
            let units = weights.chunks_exact(inputs).zip(bias);
            let dot = |w: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            units.map(|(w, b)| dot(w) + b).collect()
        };
        x.chunks_exact(inputs).flat_map(row).collect()
    }

    #[test]
    fn hidden_units_have_deviation_1_and_their_zeros_among_the_rows() {
        let mut random = Stream::new(5, Purpose::Synthesize, 0).sequence();
        let x: Vec<f64> = (0..300)
            .map(|i| 40.0 * random.normal() + f64::from(i % 3))
            .collect();
        let y = vec![0.0; 100];
        let train = DatasetRef {
            features: FeaturesRef {
                width: 3,
                values: ValuesRef::F64(&x),
            },
            targets: TargetsRef::Values {
                width: 1,
                values: &y,
            },
            weights: None,
        };
        let lent = Borrowed {
            train,
            validation: None,
            test: None,
        };
        let rows = RunRows::borrowed(lent, None, &[]).unwrap();
        let network = NetworkSpec::mlp(3, &[5, 4], "tanh", 1, Choice::new("mse"));
        let training = TrainingSpec {
            dtype: Dtype::F64,
            ..TrainingSpec::default()
        };
        let mut engine = cpu::engine(&network, &training, 1).unwrap();
        let before = engine.save_parameters().unwrap();
        start(&mut *engine, &network, Dtype::F64, &rows, 3).unwrap();
        let after = engine.save_parameters().unwrap();
        let (w1, rest) = after.split_at(15);
        let (b1, rest) = rest.split_at(5);
        let (w2, rest) = rest.split_at(20);
        let (b2, last) = rest.split_at(4);
        let z1 = sums(&x, w1, b1);
        let h: Vec<f64> = z1.iter().map(|z| z.tanh()).collect();
        let z2 = sums(&h, w2, b2);
        for (z, units) in [(z1, 5), (z2, 4)] {
            for unit in 0..units {
                let own: Vec<f64> = z.iter().skip(unit).step_by(units).copied().collect();
                assert!((deviation(&own) - 1.0).abs() < 1e-12);
                let above = own.iter().filter(|z| **z > 0.0).count();
                assert!((1..100).contains(&above), "{above} rows above 0");
            }
        }
        // The last layer keeps its own start.
        assert_eq!(last, &before[before.len() - last.len()..]);
    }
}
