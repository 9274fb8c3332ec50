//! Newton-CG: θ ← θ + αd with ∇²C·d ≈ −∇C, solved by conjugate gradients to a residual of
//! min(½, √‖∇C‖)·‖∇C‖, or until a direction of negative curvature; α fulfils the strong Wolfe conditions. Where d
//! fails, d = −∇C is tried.
//!
//! Needs products with the Hessian alone, which are exact: [`Objective::hessian_times`]. It keeps nothing between
//! iterations.
//! Source: Nocedal & Wright 2006, algorithm 7.1.

use super::line_search::{gains, search};
use super::vector::{add, dot, negative, norm, zeros};
use super::{Advance, Objective, Point, Solver, TOLERANCE};
use crate::error::Result;
use crate::memory;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
struct NewtonCg {
    tolerance: f64,
    inner: usize,
}

impl NewtonCg {
    fn direction(&self, objective: &mut Objective, from: &Point) -> Result<Vec<f64>> {
        let mut r = memory::copy(&from.gradient)?;
        let length = norm(&r);
        let bound = length.sqrt().min(0.5) * length;
        let mut z = zeros(r.len())?;
        let mut d = negative(&r)?;
        let mut square = dot(&r, &r);
        for number in 0..self.inner.min(2 * z.len()) {
            let product = objective.hessian_times(from, &d)?;
            let curvature = dot(&d, &product);
            if curvature <= 0.0 {
                return Ok(if number == 0 { d } else { z });
            }
            let alpha = square / curvature;
            add(&mut z, alpha, &d);
            add(&mut r, alpha, &product);
            let next = dot(&r, &r);
            if next.sqrt() <= bound {
                break;
            }
            let beta = next / square;
            square = next;
            for (d, r) in d.iter_mut().zip(&r) {
                *d = beta * *d - r;
            }
        }
        Ok(z)
    }
}

impl Solver for NewtonCg {
    fn advance(&mut self, objective: &mut Objective, from: &Point) -> Result<Advance> {
        let length = norm(&from.gradient);
        if length <= self.tolerance {
            return Ok(Advance::Converged);
        }
        let direction = self.direction(objective, from)?;
        let mut to = search(objective, from, &direction, 1.0)?;
        if to.is_none() {
            let downhill = negative(&from.gradient)?;
            to = search(objective, from, &downhill, (1.0 / length).min(1.0))?;
        }
        Ok(to.filter(|to| gains(from, to)).into())
    }
}

pub(super) const ENTRY: Entry<Box<dyn Solver>> = Entry {
    description: Description {
        name: "newton_cg",
        summary: "All rows at once: Newton's method, its equation solved by conjugate gradients",
        equation: "∇²C·d ≈ −∇C; θ ← θ + α·d",
        source: "Nocedal & Wright 2006",
        parameters: &[
            Parameter {
                name: "inner",
                summary: "iterations of conjugate gradients, at most",
                default: Default::Integer(100),
                domain: Domain::Integer(1, 1_000_000),
            },
            TOLERANCE,
        ],
    },
    build: |arguments, ()| {
        Ok(Box::new(NewtonCg {
            tolerance: arguments.number("tolerance"),
            inner: arguments.integer("inner"),
        }))
    },
};
