//! The loss of an ensemble in one network: the mean of its members' losses. In a row of z the outputs
//! of a member come behind those of the member before; all have the target and the weight of the row.

use super::{Loss, LossRows, TargetRows};
use crate::kernels::Scalar;
use crate::shape::stride;

/// About so many values of members are computed in one call.
const ROOM: usize = 256;
/// Members in a call, at most.
const MOST: usize = 16;

/// See [`Loss::value_grad`], of so many members.
#[inline]
pub(crate) fn value_grad<T: Scalar>(
    loss: &dyn Loss<T>,
    members: usize,
    rows: LossRows<T>,
    dz: &mut [T],
) -> f64 {
    if members == 1 {
        return loss.value_grad(rows, dz);
    }
    let mut sum = 0.0;
    each(&rows, members, &[], dz, |own, [_, dz]| {
        sum += loss.value_grad(own, dz);
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
    each(&rows, members, direction, product, |own, room| {
        let [direction, product] = room;
        loss.hvp(own, direction, product);
    });
}

/// Calls `of` with members of a row as rows of their own, padded as rows are; with what `beside` has
/// for them, if it is not empty, and with room for what goes to `to`.
#[inline(never)]
fn each<T: Scalar>(
    rows: &LossRows<T>,
    members: usize,
    beside: &[T],
    to: &mut [T],
    of: impl FnMut(LossRows<T>, [&mut [T]; 2]),
) {
    let most = (ROOM / stride(rows.outputs)).clamp(1, MOST.min(members));
    let length = most * stride(rows.outputs);
    match length <= ROOM {
        true => in_room(rows, members, beside, to, [[T::ZERO; ROOM]; 4], of),
        // Of hundreds of classes.
        false => {
            let room = [(); 4].map(|()| vec![T::ZERO; length]);
            in_room(rows, members, beside, to, room, of);
        }
    }
}

fn in_room<T: Scalar>(
    rows: &LossRows<T>,
    members: usize,
    beside: &[T],
    to: &mut [T],
    room: [impl AsMut<[T]>; 4],
    mut of: impl FnMut(LossRows<T>, [&mut [T]; 2]),
) {
    let (outputs, padded) = (rows.outputs, stride(rows.outputs));
    let [mut z, mut direction, mut result, mut values] = room;
    let [z, direction, result, values] = [
        z.as_mut(),
        direction.as_mut(),
        result.as_mut(),
        values.as_mut(),
    ];
    let most = (z.len() / padded).clamp(1, MOST.min(members));
    let (mut classes, mut weights) = ([0; MOST], [T::ONE; MOST]);
    let spread = |to: &mut [T], from: &[T]| {
        for (to, from) in to.chunks_exact_mut(padded).zip(from.chunks_exact(outputs)) {
            to[..outputs].copy_from_slice(from);
        }
    };
    for row in 0..rows.rows {
        match rows.targets {
            TargetRows::Values(all) => {
                let own = &all[row * outputs..][..outputs];
                (values.chunks_exact_mut(outputs).take(most))
                    .for_each(|to| to.copy_from_slice(own));
            }
            TargetRows::Classes(all) => classes[..most].fill(all[row]),
        }
        weights[..most].fill(rows.weight(row));
        for first in (0..members).step_by(most) {
            let count = most.min(members - first);
            let start = row * rows.stride + first * outputs;
            let at = start..start + count * outputs;
            spread(z, &rows.z[at.clone()]);
            if !beside.is_empty() {
                spread(direction, &beside[at.clone()]);
            }
            let own = LossRows {
                rows: count,
                stride: padded,
                z,
                targets: match rows.targets {
                    TargetRows::Values(_) => TargetRows::Values(values),
                    TargetRows::Classes(_) => TargetRows::Classes(&classes),
                },
                weights: rows.weights.map(|_| &weights[..]),
                scale: rows.scale / members as f64,
                ..*rows
            };
            of(own, [direction, result]);
            let found = result.chunks_exact(padded);
            for (to, found) in to[at].chunks_exact_mut(outputs).zip(found) {
                to.copy_from_slice(&found[..outputs]);
            }
        }
        to[row * rows.stride..][..rows.stride][members * outputs..].fill(T::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Isa;
    use crate::losses::{LOSSES, LossScalar};
    use crate::registry::Choice;

    /// Numbers that look random.
    fn wave(count: usize, frequency: f64) -> Vec<f64> {
        (0..count)
            .map(|i| (frequency * i as f64 + 0.3).sin())
            .collect()
    }

    #[test]
    fn the_loss_is_the_mean_of_those_of_the_members_whatever_their_outputs() {
        const ROWS: usize = 3;
        for (outputs, members) in [(1, 20), (2, 3), (5, 4), (16, 17), (17, 2), (300, 3)] {
            let choice = Choice::new(if outputs == 1 {
                "logistic"
            } else {
                "cross_entropy"
            });
            let built = LOSSES.build(&choice, &()).unwrap();
            let loss = f64::loss(&*built);
            let row = stride(outputs * members);
            let (z, direction) = (wave(ROWS * row, 1.7), wave(ROWS * row, 0.9));
            let classes: Vec<u32> = (0..ROWS).map(|i| (i % outputs.max(2)) as u32).collect();
            let weights = [0.5, 1.0, 2.0];
            let rows = LossRows {
                isa: Isa::detect(),
                rows: ROWS,
                outputs,
                stride: row,
                z: &z[..],
                targets: TargetRows::Classes(&classes),
                weights: Some(&weights),
                scale: 0.25,
            };
            let (mut dz, mut product) = (vec![f64::NAN; ROWS * row], vec![f64::NAN; ROWS * row]);
            let value = value_grad(loss, members, rows, &mut dz);
            hvp(loss, members, rows, &direction, &mut product);

            let one = stride(outputs);
            let mut sum = 0.0;
            for at in 0..ROWS * members {
                let (index, member) = (at / members, at % members);
                let of = |all: &[f64]| {
                    let mut padded = all[index * row + member * outputs..][..outputs].to_vec();
                    padded.resize(one, 0.0);
                    padded
                };
                let (own_z, own_direction) = (of(&z), of(&direction));
                let own = LossRows {
                    rows: 1,
                    stride: one,
                    z: &own_z,
                    targets: TargetRows::Classes(&classes[index..=index]),
                    weights: Some(&weights[index..=index]),
                    scale: 0.25 / members as f64,
                    ..rows
                };
                let (mut own_dz, mut own_product) = (vec![0.0; one], vec![0.0; one]);
                sum += loss.value_grad(own, &mut own_dz);
                loss.hvp(own, &own_direction, &mut own_product);
                for (all, own) in [(&dz, &own_dz), (&product, &own_product)] {
                    for (got, want) in of(all).iter().zip(&own[..outputs]) {
                        assert!((got - want).abs() < 1e-14, "{outputs}: {got} {want}");
                    }
                }
            }
            assert!((value - sum / members as f64).abs() < 1e-13, "{outputs}");
            let padding = |all: &[f64]| all[outputs * members..row].iter().all(|x| *x == 0.0);
            assert!(padding(&dz) && padding(&product));
        }
    }
}
