//! The loss of the best constants of a model of quantiles: those of the training rows. By squares they
//! are no baseline, since a quantile is no mean.

use thalweg_core::dataset::{DatasetRef, TargetsRef};

/// The mean quantile loss (`losses/quantile.rs`) on `judged` of the quantiles of `training`, whose targets
/// are given once for each of them; none where no target is known.
pub(crate) fn of_constants(
    quantiles: &[f64],
    training: DatasetRef,
    judged: DatasetRef,
) -> Option<f64> {
    let (TargetsRef::Values { width, .. }, TargetsRef::Values { values, .. }) =
        (training.targets, judged.targets)
    else {
        return None;
    };
    let constants: Vec<f64> = (0..width)
        .map(|output| {
            quantile(
                training,
                output,
                *quantiles.get(output % quantiles.len().max(1))?,
            )
        })
        .collect::<Option<_>>()?;
    let (mut sum, mut total) = (0.0, 0.0);
    for (row, targets) in values.chunks_exact(width).enumerate() {
        let weight = judged
            .weights
            .map_or(1.0, |weights| f64::from(weights[row]));
        for (output, (y, z)) in targets.iter().zip(&constants).enumerate() {
            let (error, share) = (y - z, quantiles[output % quantiles.len()]);
            if !error.is_nan() {
                let of_row = weight / width as f64;
                sum += of_row * f64::max(share * error, (share - 1.0) * error);
                total += of_row;
            }
        }
    }
    (total > 0.0).then(|| sum / total)
}

/// The value up to which the share of the weights lies.
fn quantile(rows: DatasetRef, output: usize, share: f64) -> Option<f64> {
    let TargetsRef::Values { width, values } = rows.targets else {
        return None;
    };
    let column = values.iter().skip(output).step_by(width).enumerate();
    let weight = |row: usize| rows.weights.map_or(1.0, |weights| f64::from(weights[row]));
    let known = column.filter(|(_, y)| !y.is_nan());
    let mut all: Vec<(f64, f64)> = known.map(|(row, y)| (*y, weight(row))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = all.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    let reached = all.iter().find(|(_, weight)| {
        below += weight;
        below >= share * total
    });
    reached.or(all.last()).map(|(y, _)| *y)
}

#[cfg(test)]
mod tests {
    use thalweg_core::dataset::FeaturesRef;

    use super::*;

    #[test]
    fn constants_are_the_quantiles_of_the_training_rows() {
        let part = |values: &'static [f64], weights: Option<&'static [f32]>| DatasetRef {
            features: FeaturesRef::f32(0, &[]),
            targets: TargetsRef::Values { width: 2, values },
            weights,
        };
        // 1 to 5: the quantile 0.2 is 1, 0.8 is 4.
        let training = part(&[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0], None);
        let judged = part(&[2.0, 2.0, 6.0, 6.0], None);
        // 0.2·1 and 0.2·2; 0.2·5 and 0.8·2; half of each row.
        let expected = (0.2 + 0.4 + 1.0 + 1.6) / 4.0;
        let loss = of_constants(&[0.2, 0.8], training, judged).unwrap();
        assert!((loss - expected).abs() < 1e-12, "{loss}");
        // A row without a target is none.
        const NAN: f64 = f64::NAN;
        let with_gap = part(&[2.0, 2.0, NAN, NAN, 6.0, 6.0], None);
        let same = of_constants(&[0.2, 0.8], training, with_gap).unwrap();
        assert!((same - expected).abs() < 1e-12, "{same}");
        // A row of weight 3 is three rows.
        let weighted = part(&[1.0, 1.0, 2.0, 2.0], Some(&[1.0, 3.0]));
        let repeated = part(&[1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], None);
        let of = |training| of_constants(&[0.2, 0.8], training, judged);
        assert_eq!(of(weighted), of(repeated));
    }
}
