//! Muon: momentum whose matrix is made orthogonal. For each matrix of weights W \[units, inputs\]:
//! m ← βm + (1 − β)g; n = (1 − β)g + βm (Nesterov); u = √max(1, units/inputs)·NS(n); decoupled
//! decay.
//!
//! NS is five steps of the Newton–Schulz iteration X ← aX + (bA + cA²)X with A = XXᵀ and (a, b, c)
//! = (3.4445, −4.7750, 2.0315), from X = n/(‖n‖ + 1e-7), on the transpose where units > inputs: it
//! drives the singular values near 1. A matrix is a tensor of weights with a row for each unit (a
//! segment of the layer; a kernel of a convolution counts as one row a channel). Biases, what
//! normalizes, and the tables of embeddings, of which a row of the data reads one line and
//! multiplies nothing, take Adam's direction, times `adam_ratio`, as the reference code's two rates
//! 0.02 and 3e-4 do.
//!
//! Source: Jordan et al. 2024, reference code `Muon` (there the iteration runs in bf16, here in the
//! precision of the run).

use std::fmt;

use super::adam::BETA1;
use super::decay::{AddDecayed, weight_decay};
use super::{
    AnyTransform, Chain, Constants, MAX_SLOTS, Rule, Scope, Stage, Strip, Time, Transform,
    bias_correction, number,
};
use crate::kernels::gemm::{Layout, Product, Start, Strided};
use crate::kernels::{Arch, Isa, Scalar, reduce};
use crate::registry::{Description, Domain, Entry};

const STEPS: usize = 5;
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];
const EPSILON: f64 = 1e-7;
/// Rows of matrices take a multiple of this many values: whole vectors in every instruction set.
const LINE: usize = 16;

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct Orthogonalize {
    momentum: f64,
}

impl fmt::Display for Orthogonalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "orthogonalize({})", self.momentum)
    }
}

impl Stage for Orthogonalize {
    fn scope(&self) -> Scope {
        Scope::Matrices
    }

    fn is_whole(&self) -> bool {
        true
    }
}

/// Of the iteration on a matrix with this many rows and columns, rows ≤ columns: its room, and
/// where in it X, Xᵀ, A, bA + cA² and (bA + cA²)·X begin.
fn sizes(rows: usize, columns: usize) -> ([usize; 5], usize) {
    let (line, square) = (columns.next_multiple_of(LINE), rows.next_multiple_of(LINE));
    let mut end = 0;
    let starts = [
        rows * line,
        columns * square,
        rows * square,
        rows * square,
        rows * line,
    ]
    .map(|length| {
        end += length;
        end - length
    });
    (starts, end)
}

impl<T: Scalar> Transform<T> for Orthogonalize {
    fn slots(&self) -> usize {
        1
    }

    fn room(&self, rows: usize, columns: usize) -> usize {
        sizes(rows.min(columns), rows.max(columns)).1
    }

    fn apply(&self, strip: Strip<T>) {
        let Strip {
            isa,
            u,
            slots: [m, ..],
            tensor,
            ..
        } = strip;
        let (beta, rest) = (T::from_f64(self.momentum), T::from_f64(1.0 - self.momentum));
        for (m, u) in m.iter_mut().zip(u.iter_mut()) {
            *m = (beta * *m + rest * *u).flush();
            *u = rest * *u + beta * *m;
        }
        let (units, inputs) = (tensor.rows, tensor.columns);
        let is_tall = units > inputs;
        let (rows, columns) = if is_tall {
            (inputs, units)
        } else {
            (units, inputs)
        };
        let line = columns.next_multiple_of(LINE);
        // Position of the weight of a unit and an input in X.
        let place = |index: usize| {
            let (unit, input) = (index / inputs, index % inputs);
            if is_tall {
                input * line + unit
            } else {
                unit * line + input
            }
        };
        let ([_, transposed, ..], _) = sizes(rows, columns);
        let x = &mut tensor.room[..transposed];
        x.fill(T::ZERO);
        let norm = reduce::sum_of_squares(isa, u).sqrt();
        let scale = T::from_f64(1.0 / (norm + EPSILON));
        for (index, from) in tensor.places.iter().enumerate() {
            x[place(index)] = u[*from as usize] * scale;
        }
        for _ in 0..STEPS {
            newton_schulz(isa, rows, columns, tensor.room);
        }
        let scale = T::from_f64((units as f64 / inputs as f64).max(1.0).sqrt());
        for (index, to) in tensor.places.iter().enumerate() {
            u[*to as usize] = scale * tensor.room[place(index)];
        }
    }
}

/// X ← aX + (bA + cA²)X with A = XXᵀ, in a room as [`sizes`] lays it out.
fn newton_schulz<T: Scalar>(isa: Isa, rows: usize, columns: usize, room: &mut [T]) {
    let [a, b, c] = COEFFICIENTS.map(T::from_f64);
    let (line, square) = (columns.next_multiple_of(LINE), rows.next_multiple_of(LINE));
    let ([_, transposed, gram, poly, _], _) = sizes(rows, columns);
    let (x, room) = room.split_at_mut(transposed);
    let (xt, room) = room.split_at_mut(gram - transposed);
    let (gram, room) = room.split_at_mut(poly - gram);
    let (poly, product) = room.split_at_mut(rows * square);
    for column in 0..columns {
        for row in 0..square {
            let value = if row < rows {
                x[row * line + column]
            } else {
                T::ZERO
            };
            xt[column * square + row] = value;
        }
    }
    let multiply = |a: &[T], a_row: usize, depth: usize, b: &[T], width: usize, c: &mut [T]| {
        Product {
            rows,
            columns: width,
            depth,
            a: Strided {
                data: a,
                row: a_row,
                column: 1,
            },
            b,
            b_layout: Layout::Rows(width),
            start: Start::Zero,
            c,
            c_layout: Layout::Rows(width),
        }
        .run(isa);
    };
    multiply(x, line, columns, xt, square, gram);
    multiply(gram, square, rows, gram, square, poly);
    for (poly, gram) in poly.iter_mut().zip(gram.iter()) {
        *poly = b * *gram + c * *poly;
    }
    let product = &mut product[..rows * line];
    multiply(poly, square, rows, x, line, product);
    for (x, product) in x.iter_mut().zip(product.iter()) {
        *x = a * *x + *product;
    }
}

/// Adam's direction for what is no matrix, times a factor.
#[derive(Debug, Clone, Copy)]
struct AdamForRest {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    ratio: f64,
}

impl fmt::Display for AdamForRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rest: {}·scale_by_adam({}, {})",
            self.ratio, self.beta1, self.beta2
        )
    }
}

impl Stage for AdamForRest {
    fn scope(&self) -> Scope {
        Scope::Rest
    }

    /// 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ).
    fn constants(&self, time: Time, _: usize) -> Constants {
        let [first, second] =
            [self.beta1, self.beta2].map(|beta| bias_correction(libm::log(beta), time.step));
        [first * self.ratio, second, 0.0, 0.0]
    }
}

impl Rule for AdamForRest {
    const SLOTS: usize = 2;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [first, second, ..]: [T; 4],
        _: T,
        g: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T {
        let (beta1, beta2) = (T::from_f64(self.beta1), T::from_f64(self.beta2));
        state[0] = beta1 * state[0] + T::from_f64(1.0 - self.beta1) * g;
        state[1] = beta2 * state[1] + T::from_f64(1.0 - self.beta2) * g * g;
        state[0] * first / ((state[1] * second).sqrt() + T::from_f64(self.epsilon))
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "muon",
        summary: "Momentum made orthogonal, for matrices of weights; Adam for the rest",
        equation: "m ← βm + (1 − β)g; θ ← θ − η·(√max(1, units/inputs)·NS((1 − β)g + βm) + λθ)",
        source: "Jordan et al. 2024",
        parameters: &[
            number("momentum", "β", 0.95, Domain::DECAY),
            weight_decay(0.0),
            number(
                "adam_ratio",
                "what multiplies the rate where Adam acts",
                0.015,
                Domain::NON_NEGATIVE,
            ),
            BETA1,
            number(
                "beta2",
                "β₂ of Adam, how long squared gradients are remembered",
                0.95,
                Domain::DECAY,
            ),
            number("epsilon", "ε of Adam", 1e-10, Domain::POSITIVE),
        ],
    },
    build: |arguments, ()| {
        let stages: Vec<Box<dyn AnyTransform>> = vec![
            Box::new(Orthogonalize {
                momentum: arguments.number("momentum"),
            }),
            Box::new(AdamForRest {
                beta1: arguments.number("beta1"),
                beta2: arguments.number("beta2"),
                epsilon: arguments.number("epsilon"),
                ratio: arguments.number("adam_ratio"),
            }),
            Box::new(AddDecayed::new(arguments)),
        ];
        Ok(Chain::new(stages, 2e-2))
    },
};
