//! Orthogonal: W = gain·Q, where the rows of Q (or its columns, if there are more rows than
//! columns) are orthonormal and evenly distributed over all such matrices.
//!
//! Q comes from normally distributed rows by Gram and Schmidt, each row freed twice of those before
//! it, so that rounding leaves no trace of them (Giraud et al. 2005).

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// Lengths and angles pass unchanged: for deep networks
#[derive(Debug, Clone, Copy)]
pub struct Orthogonal {
    gain: f64,
}

impl Initializer for Orthogonal {
    fn fill(&self, fan_in: usize, _: usize, random: &mut Sequence, weights: &mut [f64]) {
        let units = weights.len() / fan_in.max(1);
        let (count, length) = (units.min(fan_in), units.max(fan_in));
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(count);
        while rows.len() < count {
            let mut row: Vec<f64> = (0..length).map(|_| random.normal()).collect();
            for _ in 0..2 {
                for earlier in &rows {
                    let along = dot(&row, earlier);
                    for (value, earlier) in row.iter_mut().zip(earlier) {
                        *value -= along * earlier;
                    }
                }
            }
            let norm = dot(&row, &row).sqrt();
            row.iter_mut().for_each(|value| *value /= norm);
            rows.push(row);
        }
        for (index, weight) in weights.iter_mut().enumerate() {
            let (unit, input) = (index / fan_in, index % fan_in);
            *weight = self.gain
                * match units <= fan_in {
                    true => rows[unit][input],
                    false => rows[input][unit],
                };
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "orthogonal",
        summary: "Lengths and angles pass unchanged: for deep networks",
        equation: "W = gain·Q, Q·Qᵀ = 1 or Qᵀ·Q = 1",
        source: "Saxe, McClelland & Ganguli 2014",
        parameters: &[Parameter {
            name: "gain",
            summary: "length of every row",
            default: Default::Number(1.0),
            domain: Domain::POSITIVE,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(Orthogonal {
            gain: arguments.number("gain"),
        }))
    },
};
