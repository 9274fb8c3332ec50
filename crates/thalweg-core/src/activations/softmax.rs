//! Softmax of every row: yⱼ = e^{zⱼ}/Σₖ e^{zₖ}; dz = y⊙(dy − ⟨dy, y⟩).
//!
//! Rows are shifted by their largest value, so nothing overflows. The Jacobian J = diag(y) − y·yᵀ
//! is symmetric. In a direction ż, with ẏ = J·ż: (J̇)·dy = ẏ⊙(dy − ⟨dy, y⟩) − y·⟨dy, ẏ⟩.
//!
//! For hidden layers and for losses of probabilities. Losses for classes take logits and have their
//! own.

use super::{Activation, AnyActivation, RowShape};
use crate::kernels::{Arch, Isa, Kernel, Scalar, math};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Softmax;

impl AnyActivation for Softmax {
    fn initializer(&self) -> &'static str {
        "glorot_uniform"
    }

    fn couples_values(&self) -> bool {
        true
    }

    fn is_probability(&self) -> bool {
        true
    }
}

/// The values of each row that count.
fn rows_mut<T>(shape: RowShape, values: &mut [T]) -> impl Iterator<Item = &mut [T]> {
    (values.chunks_exact_mut(shape.stride)).map(move |row| &mut row[..shape.width])
}

fn rows<T>(shape: RowShape, values: &[T]) -> impl Iterator<Item = &[T]> {
    (values.chunks_exact(shape.stride)).map(move |row| &row[..shape.width])
}

/// ⟨a, b⟩, in double precision.
fn dot<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

impl<T: Scalar> Activation<T> for Softmax {
    fn keeps_input(&self) -> bool {
        false
    }

    fn forward(&self, isa: Isa, shape: RowShape, values: &mut [T]) {
        struct Forward<'a, T>(RowShape, &'a mut [T]);
        impl<T: Scalar> Kernel for Forward<'_, T> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                for row in rows_mut(self.0, self.1) {
                    // Of an infinite value: the last number, in either precision.
                    let most = T::from_f64(f64::from(f32::MAX));
                    let mut largest = -most;
                    for z in &mut *row {
                        *z = if *z > most { most } else { *z };
                        *z = if *z < -most { -most } else { *z };
                        largest = z.maximum(largest);
                    }
                    for z in &mut *row {
                        *z = math::exp::<A, T>(*z - largest);
                    }
                    let total: f64 = row.iter().map(|e| e.to_f64()).sum();
                    for e in row {
                        *e = T::from_f64(e.to_f64() / total);
                    }
                }
            }
        }
        isa.run(Forward(shape, values));
    }

    fn backward(&self, _: Isa, shape: RowShape, y: &[T], gradient: &mut [T]) {
        for (y, dy) in rows(shape, y).zip(rows_mut(shape, gradient)) {
            let mean = dot(y, dy);
            for (dy, y) in dy.iter_mut().zip(y) {
                *dy = T::from_f64(y.to_f64() * (dy.to_f64() - mean));
            }
        }
    }

    fn add_curvature(
        &self,
        _: Isa,
        shape: RowShape,
        y: &[T],
        dy: &[T],
        direction: &[T],
        sum: &mut [T],
    ) {
        let given = rows(shape, y)
            .zip(rows(shape, dy))
            .zip(rows(shape, direction));
        for (((y, dy), dz), sum) in given.zip(rows_mut(shape, sum)) {
            let (mean, mean_direction) = (dot(y, dy), dot(y, dz));
            let moved = |j: usize| y[j].to_f64() * (dz[j].to_f64() - mean_direction);
            let across: f64 = (0..y.len()).map(|j| dy[j].to_f64() * moved(j)).sum();
            for (j, sum) in sum.iter_mut().enumerate() {
                let term = moved(j) * (dy[j].to_f64() - mean) - y[j].to_f64() * across;
                *sum += T::from_f64(term);
            }
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "softmax",
        summary: "Every row as probabilities that add up to 1; losses for classes have their own",
        equation: "φ(z)ⱼ = exp zⱼ / Σ exp zₖ",
        source: "Bridle 1990",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Softmax)),
};
