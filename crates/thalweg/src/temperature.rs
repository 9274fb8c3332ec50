//! Temperature: probabilities that mean what they say. After training, the logits are divided by the
//! T that gives the validation rows the least cross-entropy (Guo, Pleiss, Sun & Weinberger 2017);
//! the last layer takes it up, W ← W/T and b ← b/T, so that whatever reads the model has it.
//!
//! Of a network of members, whose probabilities are averaged, each member's logits are divided, and the cross-entropy
//! is that of the mean. The predicted classes of one network stay the same. ln T has a normal prior around 0, so that a small validation
//! part, perhaps without an error, does not make T tiny or large: T minimizes the sum of cross-entropies
//! plus (ln T)²/2σ². So the cross-entropy of these rows is never above that at T = 1. The derivative by
//! u = ln β, β = 1/T, of one member is β·Σ w·(Σ p·z − z of the class that holds) + u/σ²: its zero is found by
//! bisection, on the side of 0 to which it falls there.

use std::ops::Range;

use thalweg_core::cpu::Predictor;
use thalweg_core::dataset::{DatasetRef, TargetsRef};
use thalweg_core::engine::{Batch, Engine, ParameterInfo};
use thalweg_core::layers;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::metrics::Decision;
use thalweg_core::precision::Dtype;
use thalweg_core::spec::NetworkSpec;

use crate::error::Result;

/// T is between this and its reciprocal.
const LEAST: f64 = 0.05;
/// σ, the deviation of ln T before any row is seen.
const PRIOR: f64 = 0.5;
/// Where a probability is less than this, it is not told from 0.
const TINY: f64 = 1e-300;

/// The layer that is linear in each of its members.
const MEMBERS: &str = "batch_ensemble";

/// Where θ has what the outputs of the last layer are proportional to, if that is linear: dense, or of members,
/// and without activation.
///
/// # Errors
/// If the network is not valid.
fn last_layer(
    tensors: &[ParameterInfo],
    network: &NetworkSpec,
) -> Result<Option<Vec<Range<usize>>>> {
    let network = network.resolve()?;
    let is_linear = |name: &str| layers::is_dense(name) || name == MEMBERS;
    let Some(last) = (network.layers.last()).filter(|last| is_linear(&last.name)) else {
        return Ok(None);
    };
    let activation = last
        .settings
        .get("activation")
        .and_then(|setting| setting.choice());
    if activation.is_some_and(|activation| activation.name != "identity") {
        return Ok(None);
    }
    let prefix = format!("layers.{}.", network.layers.len() - 1);
    let names = tensors
        .iter()
        .map(|tensor| tensor.name.strip_prefix(&prefix));
    let factors = format!("{prefix}s");
    // Factors of outputs do for the weights that they multiply.
    let has_factors = tensors.iter().any(|tensor| tensor.name == factors);
    let mut end = 0;
    let ranges = tensors.iter().zip(names).filter_map(|(tensor, name)| {
        let start = end;
        end += tensor.shape.iter().product::<usize>();
        let is_one = match has_factors {
            true => ["s", "bias"].contains(&name?),
            false => ["weight", "bias"].contains(&name?),
        };
        is_one.then_some(start..end)
    });
    Ok(Some(ranges.collect()))
}

/// Whether a network has a temperature for such targets: probabilities of classes or labels by a
/// last layer that is linear.
///
/// # Errors
/// If the network is not valid.
pub(crate) fn has_one(
    tensors: &[ParameterInfo],
    network: &NetworkSpec,
    targets: TargetsRef,
) -> Result<bool> {
    let is_told = match LOSSES.build(&network.loss, &())?.link() {
        Link::Softmax => matches!(targets, TargetsRef::Classes(_)),
        link => link.makes_probabilities(),
    };
    Ok(is_told && last_layer(tensors, network)?.is_some())
}

/// Multiplies the logits of a network whose parameters are `values` by `factor`.
///
/// # Errors
/// If the network is not valid.
pub(crate) fn multiply_logits(
    values: &mut [f64],
    tensors: &[ParameterInfo],
    network: &NetworkSpec,
    factor: f64,
) -> Result<()> {
    for range in last_layer(tensors, network)?.into_iter().flatten() {
        values[range].iter_mut().for_each(|value| *value *= factor);
    }
    Ok(())
}

/// Divides the logits of the network in `engine` by T.
///
/// # Errors
/// If the network is not valid.
pub(crate) fn apply(
    engine: &mut dyn Engine,
    network: &NetworkSpec,
    temperature: f64,
) -> Result<()> {
    let mut values = engine.save_parameters()?;
    multiply_logits(
        &mut values,
        &engine.parameters(),
        network,
        1.0 / temperature,
    )?;
    engine.load_parameters(&values)?;
    Ok(())
}

/// The T of the network in `engine` for these rows, and their cross-entropy before and behind it.
///
/// # Errors
/// If the rows do not fit the network.
pub(crate) fn fit(
    engine: &mut dyn Engine,
    network: &NetworkSpec,
    rows: DatasetRef,
) -> Result<(f64, [f64; 2])> {
    let (link, mut predictions) = (LOSSES.build(&network.loss, &())?.link(), Vec::new());
    let parameters = engine.save_parameters()?;
    let predictor = Predictor::new(network, Dtype::F64, &parameters)?;
    let members = predictor.members();
    match members {
        1 => drop(engine.evaluate(&Batch::all(rows), Some(&mut predictions))?),
        _ => predictions = predictor.predict_members(rows.features, 1)?,
    }
    let each = Bets::of(&predictions, members, rows, link);
    let temperature = 1.0 / each.best();
    Ok((
        temperature,
        [1.0, 1.0 / temperature].map(|beta| each.loss(beta)),
    ))
}

/// How a network of another temperature answers as that of the decision.
pub(crate) fn tempered(decision: &Decision, temperature: f64) -> Decision {
    let odds = |p: f64| (p / (1.0 - p)).powf(1.0 / temperature);
    match decision {
        Decision::Likeliest => Decision::Likeliest,
        Decision::Thresholds(all) => {
            Decision::Thresholds(all.iter().map(|p| odds(*p) / (1.0 + odds(*p))).collect())
        }
        Decision::Weights(all) => {
            Decision::Weights(all.iter().map(|w| w.powf(1.0 / temperature)).collect())
        }
    }
}

/// Logits that exclude each other, those of all members one behind the other, with the one that holds and a weight; a
/// label of its own is one of two, the other logit being 0.
struct Bets {
    members: usize,
    width: usize,
    logits: Vec<f64>,
    held: Vec<usize>,
    weights: Vec<f64>,
}

impl Bets {
    fn of(predictions: &[f64], members: usize, rows: DatasetRef, link: Link) -> Self {
        let outputs = predictions.len() / (members * rows.features.rows()).max(1);
        let is_joint = link == Link::Softmax;
        let mut bets = Self {
            members,
            width: if is_joint { outputs } else { 2 },
            logits: Vec::new(),
            held: Vec::new(),
            weights: Vec::new(),
        };
        let all = predictions.chunks_exact((members * outputs).max(1));
        for (row, p) in all.enumerate() {
            let weight = rows.weights.map_or(1.0, |weights| f64::from(weights[row]));
            let of_label = |output: usize| p.iter().skip(output).step_by(outputs);
            match rows.targets {
                TargetsRef::Classes(classes) if is_joint => {
                    let logits = p.iter().map(|p| p.max(TINY).ln());
                    bets.push(logits, classes[row] as usize, weight);
                }
                TargetsRef::Classes(classes) => {
                    bets.push_label(of_label(0), classes[row] > 0, weight);
                }
                TargetsRef::Values { width, values } => {
                    let labels = values[row * width..][..width].iter().enumerate();
                    for (output, label) in labels.filter(|(_, label)| !label.is_nan()) {
                        bets.push_label(of_label(output), *label > 0.5, weight);
                    }
                }
            }
        }
        bets
    }

    fn push(&mut self, logits: impl Iterator<Item = f64>, held: usize, weight: f64) {
        self.logits.extend(logits);
        self.held.push(held);
        self.weights.push(weight);
    }

    fn push_label<'a>(&mut self, p: impl Iterator<Item = &'a f64>, holds: bool, weight: f64) {
        let logit = |p: &f64| p.max(TINY).ln() - (1.0 - p).max(f64::EPSILON).ln();
        let logits = p.flat_map(|p| [0.0, logit(p)]);
        self.push(logits, usize::from(holds), weight);
    }

    /// Each bet: the logits of its members, the one that holds, and its weight.
    fn each(&self) -> impl Iterator<Item = (&[f64], usize, f64)> {
        let pairs = self.held.iter().zip(&self.weights);
        let bets = self.logits.chunks_exact((self.members * self.width).max(1));
        bets.zip(pairs)
            .map(|(logits, (held, weight))| (logits, *held, *weight))
    }

    /// −ln p at β of each member, p being the probability of the one that holds.
    fn losses(&self, logits: &[f64], held: usize, beta: f64) -> impl Iterator<Item = f64> {
        let members = logits.chunks_exact(self.width.max(1));
        members.map(move |logits| {
            let (largest, sum) = exponentials(logits, beta);
            sum.ln() + beta * (largest - logits[held])
        })
    }

    /// Mean cross-entropy at β, of the mean of the members' probabilities.
    fn loss(&self, beta: f64) -> f64 {
        let of = |(logits, held, weight): (&[f64], usize, f64)| {
            let losses = || self.losses(logits, held, beta);
            let least = losses().fold(f64::INFINITY, f64::min);
            let sum: f64 = losses().map(|loss| (least - loss).exp()).sum();
            weight * (least - (sum / self.members as f64).ln())
        };
        self.each().map(of).sum::<f64>() / self.weights.iter().sum::<f64>()
    }

    /// The derivative by u = ln β of Σ w·loss + u²/2σ²: that of a member counts by its share of the mean.
    fn slope(&self, u: f64) -> f64 {
        let beta = u.exp();
        let of = |(logits, held, weight): (&[f64], usize, f64)| {
            let least = self
                .losses(logits, held, beta)
                .fold(f64::INFINITY, f64::min);
            let members = logits.chunks_exact(self.width.max(1));
            let (mut slope, mut shares) = (0.0, 0.0);
            for (logits, loss) in members.zip(self.losses(logits, held, beta)) {
                let (largest, sum) = exponentials(logits, beta);
                let p = |z: f64| (beta * (z - largest)).exp() / sum;
                let expected: f64 = logits.iter().map(|z| z * p(*z)).sum();
                let share = (least - loss).exp();
                slope += share * (expected - logits[held]);
                shares += share;
            }
            weight * slope / shares
        };
        beta * self.each().map(of).sum::<f64>() + u / (PRIOR * PRIOR)
    }

    /// The β of the least cross-entropy with the prior; of several members, whose slope may have more than one zero,
    /// 1 where that is better.
    fn best(&self) -> f64 {
        let (mut low, mut high) = match self.slope(0.0) > 0.0 {
            true => (LEAST.ln(), 0.0),
            false => (0.0, -LEAST.ln()),
        };
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            match self.slope(middle) > 0.0 {
                true => high = middle,
                false => low = middle,
            }
        }
        let beta = (0.5 * (low + high)).exp();
        match self.loss(beta) <= self.loss(1.0) {
            true => beta,
            false => 1.0,
        }
    }
}

/// The largest logit, and Σ exp(β·(z − that)).
fn exponentials(logits: &[f64], beta: f64) -> (f64, f64) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = logits.iter().map(|z| (beta * (z - largest)).exp()).sum();
    (largest, sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_is_that_of_the_least_cross_entropy() {
        // Of n rows each with the logits (0, z), a share σ(z/2) holds: T = 2, but for the prior.
        let mut bets = Bets {
            members: 1,
            width: 2,
            logits: Vec::new(),
            held: Vec::new(),
            weights: Vec::new(),
        };
        for z in [-3.0, -1.0, 0.5, 2.0] {
            let share = 1.0 / (1.0 + f64::exp(-z / 2.0));
            bets.push([0.0, z].into_iter(), 1, 1e4 * share);
            bets.push([0.0, z].into_iter(), 0, 1e4 * (1.0 - share));
        }
        let best = bets.best();
        assert!((best - 0.5).abs() < 2e-3, "{best}");
        assert!(bets.loss(best) < bets.loss(0.9 * best).min(bets.loss(1.1 * best)));
    }

    #[test]
    fn a_few_rows_leave_it_near_1_and_never_have_a_higher_loss() {
        let of = |count: usize, logit: f64, errors: usize| {
            let mut bets = Bets {
                members: 1,
                width: 3,
                logits: Vec::new(),
                held: Vec::new(),
                weights: Vec::new(),
            };
            (0..count).for_each(|row| {
                let logits = (0..3).map(|class| if class == row % 3 { logit } else { 0.0 });
                bets.push(logits, (row + usize::from(row < errors)) % 3, 1.0);
            });
            bets
        };
        // Nine rows without an error: 36·β·2/(e^(4β) + 2) = ln β/σ² at its zero.
        let sure = of(9, 4.0, 0);
        let beta = sure.best();
        let zero = 36.0 * beta * 2.0 / ((4.0 * beta).exp() + 2.0) - 4.0 * beta.ln();
        assert!(zero.abs() < 1e-9 && beta > 1.0 && beta < 1.25, "{beta}");
        for (count, logit, errors) in [(9, 4.0, 0), (15, 12.0, 0), (15, 12.0, 2), (6, 0.5, 3)] {
            let bets = of(count, logit, errors);
            let beta = bets.best();
            assert!(
                bets.loss(beta) <= bets.loss(1.0),
                "{count} {logit} {errors}: {beta}"
            );
        }
    }

    #[test]
    fn members_have_the_temperature_of_their_mean() {
        let (logits, held) = ([2.0, -1.0, 0.5, -3.0, 0.0, 1.5], 1);
        let softmax = |z: &[f64], beta: f64| {
            (beta * z[held]).exp() / z.iter().map(|z| (beta * z).exp()).sum::<f64>()
        };
        let bets = Bets {
            members: 2,
            width: 3,
            logits: [logits, [0.0, 4.0, 0.0, 1.0, 3.0, 0.0]].concat(),
            held: vec![held; 2],
            weights: vec![1.0, 5.0],
        };
        let loss = |beta: f64| {
            let each = bets.logits.chunks(6).zip([1.0, 5.0]);
            let sum: f64 = each
                .map(|(z, w)| {
                    let mean = 0.5 * (softmax(&z[..3], beta) + softmax(&z[3..], beta));
                    -w * mean.ln()
                })
                .sum();
            sum / 6.0
        };
        let of = |u: f64| 6.0 * loss(u.exp()) + u * u / (2.0 * PRIOR * PRIOR);
        for beta in [0.3, 1.0, 2.5] {
            assert!((bets.loss(beta) - loss(beta)).abs() < 1e-14, "{beta}");
            let (u, h) = (f64::ln(beta), 1e-5);
            let slope = (of(u + h) - of(u - h)) / (2.0 * h);
            assert!((bets.slope(u) - slope).abs() < 1e-8, "{beta}");
        }
        let best = bets.best().ln();
        assert!(bets.slope(best).abs() < 1e-9 && best != 0.0, "{best}");
        assert!(of(best) < of(best - 0.1).min(of(best + 0.1)), "{best}");
    }

    #[test]
    fn answers_stay_as_they_were() {
        let before = Decision::Thresholds(vec![0.2]);
        let Decision::Thresholds(after) = tempered(&before, 2.0) else {
            panic!("{before:?}")
        };
        // σ(logit(0.2)/2) = 1/(1 + √4).
        assert!((after[0] - 1.0 / 3.0).abs() < 1e-15);
        let weights = tempered(&Decision::Weights(vec![1.0, 9.0]), 2.0);
        assert_eq!(weights, Decision::Weights(vec![1.0, 3.0]));
    }
}
