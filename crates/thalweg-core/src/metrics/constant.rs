//! The best constant prediction: the baseline that every model has to beat.

use crate::dataset::TargetsRef;
use crate::error::Result;
use crate::losses::Link;
use crate::source::{RowSource, scan};

/// One row of predictions, as a network with `outputs` outputs and this link would make it: the
/// weighted mean of each target, or the weighted share of each class or label among the rows of
/// `training` (less ½ as a margin). Of several targets, each counts where it is not missing.
///
/// # Errors
/// If the rows cannot be read.
pub fn best_constant(training: &mut dyn RowSource, link: Link, outputs: usize) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; outputs];
    let mut missing = vec![0.0; outputs];
    let mut total = 0.0;
    scan::chunks(training, |batch, _| {
        for row in batch.rows.iter() {
            let weight = (batch.weights).map_or(1.0, |weights| f64::from(weights[row]));
            total += weight;
            match batch.targets {
                Some(TargetsRef::Values { width, values }) => {
                    let all = sums.iter_mut().zip(&mut missing);
                    for ((sum, missing), value) in all.zip(&values[row * width..][..width]) {
                        match value.is_nan() {
                            true => *missing += weight,
                            false => *sum += weight * value,
                        }
                    }
                }
                Some(TargetsRef::Classes(classes)) => {
                    // A single output is that of class 1.
                    let class = classes[row] as usize;
                    let output = match link {
                        Link::Identity | Link::Sigmoid | Link::Margin => class.wrapping_sub(1),
                        _ => class,
                    };
                    if let Some(sum) = sums.get_mut(output) {
                        *sum += weight;
                    }
                }
                None => {}
            }
        }
        Ok(())
    })?;
    for (sum, missing) in sums.iter_mut().zip(missing) {
        let known = total - missing;
        *sum /= if known > 0.0 { known } else { 1.0 };
        if link == Link::Margin {
            // The sign is that of the majority.
            *sum -= 0.5;
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Features, Targets, Values};

    fn dataset(targets: Targets, weights: Option<Vec<f32>>) -> Dataset {
        let values = Values::F32(vec![0.0; targets.rows()]);
        Dataset {
            features: Features { width: 1, values },
            targets,
            weights,
        }
    }

    #[test]
    fn it_is_the_mean_or_the_share_of_each_class() {
        let numbers = Targets::Values {
            width: 2,
            values: vec![1.0, 10.0, 3.0, 20.0],
        };
        let of = |targets, weights, link, outputs| {
            best_constant(&mut dataset(targets, weights), link, outputs).unwrap()
        };
        assert_eq!(of(numbers.clone(), None, Link::Identity, 2), [2.0, 15.0]);
        let weights = Some(vec![3.0, 1.0]);
        assert_eq!(of(numbers, weights, Link::Identity, 2), [1.5, 12.5]);
        let missing = Targets::Values {
            width: 2,
            values: vec![1.0, f64::NAN, 3.0, 20.0, f64::NAN, 40.0],
        };
        assert_eq!(of(missing, None, Link::Identity, 2), [2.0, 30.0]);
        let classes = Targets::Classes(vec![0, 1, 1, 1]);
        assert_eq!(of(classes.clone(), None, Link::Sigmoid, 1), [0.75]);
        assert_eq!(of(classes.clone(), None, Link::Identity, 1), [0.75]);
        assert_eq!(of(classes, None, Link::Softmax, 3), [0.25, 0.75, 0.0]);
    }
}
