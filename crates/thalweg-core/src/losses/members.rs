//! The loss of an ensemble in one network: the mean of its members' losses. In a row of z the outputs
//! of a member come behind those of the member before; all have the target and the weight of the row.

use std::ops::Range;

use super::{Loss, LossRows, TargetRows};
use crate::kernels::Scalar;

/// About so many outputs of members are computed in one call.
const OUTPUTS: usize = 64;

/// See [`Loss::value_grad`], of so many members.
pub(crate) fn value_grad<T: Scalar>(
    loss: &dyn Loss<T>,
    members: usize,
    rows: LossRows<T>,
    dz: &mut [T],
) -> f64 {
    if members == 1 {
        return loss.value_grad(rows, dz);
    }
    clear(&rows, members, dz);
    let mut sum = 0.0;
    each(&rows, members, |own, at| {
        sum += loss.value_grad(own, &mut dz[at])
    });
    sum / members as f64
}

/// See [`Loss::hvp`], of so many members.
pub(crate) fn hvp<T: Scalar>(
    loss: &dyn Loss<T>,
    members: usize,
    rows: LossRows<T>,
    direction: &[T],
    product: &mut [T],
) {
    if members == 1 {
        return loss.hvp(rows, direction, product);
    }
    clear(&rows, members, product);
    each(&rows, members, |own, at| {
        loss.hvp(own, &direction[at.clone()], &mut product[at]);
    });
}

/// 0 into the padding of rows.
fn clear<T: Scalar>(rows: &LossRows<T>, members: usize, to: &mut [T]) {
    for row in to.chunks_exact_mut(rows.stride).take(rows.rows) {
        row[members * rows.outputs..].fill(T::ZERO);
    }
}

/// Calls `of` with members of a row as rows of their own, and with where their outputs are.
fn each<T: Scalar>(
    rows: &LossRows<T>,
    members: usize,
    mut of: impl FnMut(LossRows<T>, Range<usize>),
) {
    let outputs = rows.outputs;
    let most = (OUTPUTS / outputs).clamp(1, members);
    let (mut values, mut classes, mut weights) =
        ([T::ZERO; OUTPUTS], [0; OUTPUTS], [T::ONE; OUTPUTS]);
    for row in 0..rows.rows {
        match rows.targets {
            TargetRows::Values(all) if most > 1 => {
                let own = &all[row * outputs..][..outputs];
                (values.chunks_exact_mut(outputs).take(most))
                    .for_each(|to| to.copy_from_slice(own));
            }
            TargetRows::Values(_) => {}
            TargetRows::Classes(all) => classes[..most].fill(all[row]),
        }
        weights[..most].fill(rows.weight(row));
        for first in (0..members).step_by(most) {
            let count = most.min(members - first);
            let start = row * rows.stride + first * outputs;
            let at = start..start + count * outputs;
            let own = LossRows {
                rows: count,
                stride: outputs,
                z: &rows.z[at.clone()],
                targets: match rows.targets {
                    TargetRows::Values(_) if most > 1 => TargetRows::Values(&values),
                    TargetRows::Values(all) => TargetRows::Values(&all[row * outputs..]),
                    TargetRows::Classes(_) => TargetRows::Classes(&classes),
                },
                weights: rows.weights.map(|_| &weights[..]),
                scale: rows.scale / members as f64,
                ..*rows
            };
            of(own, at);
        }
    }
}
