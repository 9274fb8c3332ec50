//! Gathering of augmented training rows: see [`crate::augmentations`].

use super::{Augmenting, Pass, RowBlock};
use crate::augmentations::Draw;
use crate::cpu::precision::Precision;
use crate::dataset::{TargetsRef, ValuesRef};
use crate::engine::Batch;
use crate::error::{Error, Result};
use crate::kernels::resample::Resample;
use crate::shape::stride;

/// A row of the dataset and its share of the row that the network sees.
#[derive(Clone, Copy)]
struct Source {
    row: usize,
    share: f64,
}

/// Checks that the rows of a batch can be augmented.
///
/// # Errors
/// If they come in columns.
pub fn check(batch: &Batch) -> Result<()> {
    match batch.features.values {
        ValuesRef::Columns(_) | ValuesRef::Sparse(_) => {
            let expected = "row-major values, which augmentation needs";
            Err(Error::invalid("batch", "columns or sparse rows", expected))
        }
        _ => Ok(()),
    }
}

impl<T: Precision> Pass<'_, T> {
    /// Puts features, targets and weights of a block into the arena, changed as `augmenting` draws.
    ///
    /// # Safety
    /// No other thread works on these rows of the arena.
    pub unsafe fn gather_augmented(&self, block: &RowBlock, augmenting: Augmenting) {
        let (inputs, outputs) = (self.plan.inputs, self.plan.outputs);
        let mixes = augmenting.augmenter.mixes();
        // SAFETY: the caller's promise.
        let (x, classes, values, weights) = unsafe {
            (
                self.arena.write(block.values(0, stride(inputs))),
                self.classes.write(block.places(1)),
                self.values.write(block.places(outputs)),
                self.weights.write(block.places(1)),
            )
        };
        let Augmenting {
            augmenter,
            seed,
            step,
        } = augmenting;
        let rows = self.batch.rows;
        let distance = augmenter.partner_distance(seed, step, rows.len());
        for (i, position) in block.rows.clone().enumerate() {
            let (draw, mut random) = augmenter.draw(seed, step, self.first + position);
            let own = Source {
                row: rows.at(position),
                share: draw.lambda,
            };
            let x = &mut x[i * stride(inputs)..][..inputs];
            self.see(x, &draw, own.row, None);
            let mut other = None;
            if distance > 0 {
                let partner = (position + distance) % rows.len();
                let share = 1.0 - draw.lambda;
                let row = rows.at(partner);
                let draw = augmenter.draw(seed, step, self.first + partner).0;
                self.see(x, &draw, row, Some(share));
                other = Some(Source { row, share });
            }
            if draw.noise > 0.0 {
                for x in x {
                    *x += T::from_f64(draw.noise * random.normal());
                }
            }
            let (own_share, weight) = self.weigh(own, other);
            weights[i] = T::from_f64(weight);
            match self.batch.targets {
                Some(TargetsRef::Classes(from)) if !mixes => classes[i] = from[own.row],
                Some(targets) => {
                    let y = &mut values[i * outputs..][..outputs];
                    mix(targets, y, own.row, other.map(|other| other.row), own_share);
                }
                None => {}
            }
        }
    }

    /// Writes a row as `draw` shows it, or mixes `share` of it with what is there.
    fn see(&self, to: &mut [T], draw: &Draw, row: usize, share: Option<f64>) {
        match self.batch.features.values {
            ValuesRef::F32(from) => {
                self.see_as(to, draw, row, from, share, |v| T::from_f64(v.into()))
            }
            ValuesRef::F64(from) => self.see_as(to, draw, row, from, share, T::from_f64),
            ValuesRef::U8 {
                bytes,
                scale,
                offset,
            } => {
                let (scale, offset) = (T::from_f64(scale.into()), T::from_f64(offset.into()));
                let convert = |byte: u8| T::from_f64(byte.into()) * scale + offset;
                self.see_as(to, draw, row, bytes, share, convert);
            }
            // A step refuses them.
            ValuesRef::Columns(_) | ValuesRef::Sparse(_) => {}
        }
    }

    fn see_as<S: Copy>(
        &self,
        to: &mut [T],
        draw: &Draw,
        row: usize,
        from: &[S],
        share: Option<f64>,
        convert: impl Fn(S) -> T,
    ) {
        Resample {
            view: draw.view,
            from: &from[row * to.len()..][..to.len()],
            to,
            convert,
            share: share.map(T::from_f64),
        }
        .run(self.isa);
    }

    /// λ' of the row itself, and the weight of the mixture.
    fn weigh(&self, own: Source, other: Option<Source>) -> (f64, f64) {
        let Some(weights) = self.batch.weights else {
            return (own.share, 1.0);
        };
        let weight = |row: usize| f64::from(weights[row]);
        let Some(other) = other else {
            return (1.0, weight(own.row));
        };
        let mine = own.share * weight(own.row);
        let all = mine + other.share * weight(other.row);
        (if all > 0.0 { mine / all } else { own.share }, all)
    }
}

/// Into `y` the target of row `own`, or its mixture with that of `other`. A class is 1 at its own
/// output; with a single output it is its number, 0 or 1.
fn mix<T: Precision>(
    targets: TargetsRef,
    y: &mut [T],
    own: usize,
    other: Option<usize>,
    own_share: f64,
) {
    let outputs = y.len();
    let value = |row: usize, output: usize| match targets {
        TargetsRef::Classes(classes) if outputs == 1 => f64::from(classes[row]),
        TargetsRef::Classes(classes) => {
            let class = classes[row] as usize;
            assert!(class < outputs, "class {class} of a network of {outputs}");
            f64::from(u8::from(class == output))
        }
        TargetsRef::Values { width, values } => values[row * width + output],
    };
    for (output, y) in y.iter_mut().enumerate() {
        let own_value = value(own, output);
        *y = T::from_f64(match other {
            None => own_value,
            Some(other) => own_share * own_value + (1.0 - own_share) * value(other, output),
        });
    }
}
