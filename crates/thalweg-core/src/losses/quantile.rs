//! Quantile (pinball) loss: for the quantile τ and e = y − z, l = max(τ·e, (τ − 1)·e); mean over the k
//! outputs of a row. ∂l/∂z = −τ where z < y, 1 − τ where z > y, 0 where they are equal; ∂²l/∂z² = 0.
//!
//! Its minimum is the value below which the share τ of the targets lies. Of n quantiles, in ascending
//! order, output j·n + i is that of target j by quantile i: a target is given once for each. What is
//! predicted never crosses: the [link](super::Link::Quantiles) sorts them, which brings them nearer to
//! the true ones (Chernozhukov, Fernández-Val & Galichon 2010). As scikit-learn's `mean_pinball_loss`.

use super::elementwise::is_missing;
use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows, TargetRows};
use crate::error::Error;
use crate::kernels::Scalar;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone)]
pub struct Quantile {
    /// Ascending.
    quantiles: Vec<f64>,
}

impl LossKind for Quantile {
    fn link(&self) -> Link {
        match self.quantiles.len() {
            1 => Link::Identity,
            count => Link::Quantiles(count),
        }
    }

    fn comparison(&self) -> Comparison {
        Comparison::Values
    }

    fn takes_logits(&self) -> bool {
        false
    }

    fn is_robust(&self) -> bool {
        true
    }

    fn masks_missing(&self) -> bool {
        true
    }

    fn quantiles(&self) -> &[f64] {
        &self.quantiles
    }
}

impl<T: Scalar> Loss<T> for Quantile {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        let share = 1.0 / rows.outputs as f64;
        let scale = T::from_f64(rows.scale * share);
        dz[..rows.rows * rows.stride].fill(T::ZERO);
        let TargetRows::Values(targets) = rows.targets else {
            return 0.0;
        };
        let mut sum = 0.0;
        for row in 0..rows.rows {
            let weight = rows.weight(row);
            let z = &rows.z[row * rows.stride..][..rows.outputs];
            let dz = &mut dz[row * rows.stride..][..rows.outputs];
            let y = &targets[row * rows.outputs..][..rows.outputs];
            let quantiles = self.quantiles.iter().cycle();
            for (((z, y), dz), quantile) in z.iter().zip(y).zip(dz).zip(quantiles) {
                if is_missing(*y) {
                    continue;
                }
                let (error, quantile) = (*y - *z, T::from_f64(*quantile));
                let slope = if error > T::ZERO {
                    -quantile
                } else if error < T::ZERO {
                    T::ONE - quantile
                } else {
                    T::ZERO
                };
                // NaN of a diverged pass is kept.
                let value = if error < T::ZERO {
                    quantile - T::ONE
                } else {
                    quantile
                } * error;
                sum += (weight * value).to_f64();
                *dz = weight * scale * slope;
            }
        }
        sum * share
    }

    fn hvp(&self, rows: LossRows<T>, _: &[T], product: &mut [T]) {
        product[..rows.rows * rows.stride].fill(T::ZERO);
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "quantile",
        summary: "Pinball loss: the value below which a share of the targets lies; several at once make intervals",
        equation: "l = (1/k) Σ max(τ·(y − z), (τ − 1)·(y − z))",
        source: "Koenker & Bassett 1978",
        parameters: &[Parameter {
            name: "quantiles",
            summary: "τ, the shares, such as 0.05,0.5,0.95: an output of each target for each",
            default: Default::Number(0.5),
            domain: Domain::Numbers(0.0, 1.0),
        }],
    },
    build: |arguments, ()| {
        let mut quantiles = arguments.numbers("quantiles").to_vec();
        quantiles.sort_unstable_by(f64::total_cmp);
        if let Some(pair) = quantiles.windows(2).find(|pair| pair[0] == pair[1]) {
            let found = format!("quantiles with {} twice", pair[0]);
            return Err(Error::invalid("loss quantile", found, "each once").at("quantiles"));
        }
        Ok(Box::new(Quantile { quantiles }))
    },
};
