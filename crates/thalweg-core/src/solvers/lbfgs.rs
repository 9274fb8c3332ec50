//! L-BFGS: θ ← θ + αd with d = −H·∇C, H the inverse Hessian estimated from the last m pairs s = Δθ, y = Δ∇C, by the
//! two-loop recursion: q ← ∇C; for the newest pair to the oldest aᵢ = sᵢ·q/(sᵢ·yᵢ), q ← q − aᵢyᵢ;
//! r ← (s·y/y·y)·q; for the oldest to the newest r ← r + (aᵢ − yᵢ·r/(sᵢ·yᵢ))·sᵢ; d = −r.
//!
//! α fulfils the strong Wolfe conditions. Where d fails, the pairs are forgotten and d = −∇C is tried. At the kink of a
//! loss that is not smooth, a step may not lower C and yet find the gradient of the other side. An iteration takes up
//! to m such steps (the *null steps* of bundle methods) before one that lowers C; if none does, the run ends.
//! Source: Nocedal & Wright 2006, algorithms 7.4 and 7.5; Liu & Nocedal 1989.

use super::line_search::{gains, search};
use super::vector::{add, dot, negative, norm, plus};
use super::{Advance, Objective, Point, Solver, TOLERANCE, unfit};
use crate::error::Result;
use crate::memory;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
struct Lbfgs {
    memory: usize,
    tolerance: f64,
    /// Pairs (s, y), the oldest first.
    pairs: Vec<[Vec<f64>; 2]>,
}

impl Lbfgs {
    fn direction(&self, gradient: &[f64]) -> Result<Vec<f64>> {
        let mut r = negative(gradient)?;
        let mut shares = Vec::new();
        for [s, y] in self.pairs.iter().rev() {
            let a = dot(s, &r) / dot(s, y);
            add(&mut r, -a, y);
            shares.push(a);
        }
        if let Some([s, y]) = self.pairs.last() {
            let scale = dot(s, y) / dot(y, y);
            r.iter_mut().for_each(|r| *r *= scale);
        }
        for ([s, y], a) in self.pairs.iter().zip(shares.iter().rev()) {
            let b = dot(y, &r) / dot(s, y);
            add(&mut r, a - b, s);
        }
        Ok(r)
    }

    /// Where a line search leads, of which the pairs learn.
    fn step(&mut self, objective: &mut Objective, from: &Point) -> Result<Option<Point>> {
        let mut to = None;
        if !self.pairs.is_empty() {
            to = search(objective, from, &self.direction(&from.gradient)?, 1.0)?;
        }
        if to.is_none() {
            self.pairs.clear();
            let start = (1.0 / norm(&from.gradient)).min(1.0);
            to = search(objective, from, &self.direction(&from.gradient)?, start)?;
        }
        if let Some(to) = &to {
            let s = plus(&to.parameters, -1.0, &from.parameters)?;
            let y = plus(&to.gradient, -1.0, &from.gradient)?;
            // The Wolfe conditions give s·y > 0; rounding may not.
            if dot(&s, &y) > f64::EPSILON * dot(&y, &y) {
                self.pairs.push([s, y]);
                if self.pairs.len() > self.memory {
                    self.pairs.remove(0);
                }
            }
        }
        Ok(to)
    }
}

impl Solver for Lbfgs {
    fn advance(&mut self, objective: &mut Objective, from: &Point) -> Result<Advance> {
        if norm(&from.gradient) <= self.tolerance {
            return Ok(Advance::Converged);
        }
        let mut null = None;
        for _ in 0..=self.memory {
            let Some(to) = self.step(objective, null.as_ref().unwrap_or(from))? else {
                break;
            };
            if gains(from, &to) {
                return Ok(Advance::To(to));
            }
            null = Some(to);
        }
        Ok(Advance::Stuck)
    }

    fn save(&self) -> Result<Vec<Vec<f64>>> {
        let vectors = self.pairs.iter().flatten();
        vectors.map(|vector| memory::copy(vector)).collect()
    }

    fn load(&mut self, saved: &[Vec<f64>], parameters: usize) -> Result<()> {
        let (pairs, rest) = saved.as_chunks();
        let fits = rest.is_empty()
            && pairs.len() <= self.memory
            && saved.iter().all(|vector| vector.len() == parameters);
        if !fits {
            return Err(unfit(
                saved.len(),
                "pairs of vectors as long as the parameters",
            ));
        }
        self.pairs = (pairs.iter())
            .map(|[s, y]| Ok([memory::copy(s)?, memory::copy(y)?]))
            .collect::<Result<_>>()?;
        Ok(())
    }
}

pub(super) const ENTRY: Entry<Box<dyn Solver>> = Entry {
    description: Description {
        name: "lbfgs",
        summary: "All rows at once: steps by the curvature of the last ones, with a line search",
        equation: "θ ← θ − α·H·∇C; H from the last pairs Δθ, Δ∇C",
        source: "Liu & Nocedal 1989; Nocedal & Wright 2006",
        parameters: &[
            Parameter {
                name: "memory",
                summary: "m, the pairs that are remembered",
                default: Default::Integer(10),
                domain: Domain::Integer(1, 1000),
            },
            TOLERANCE,
        ],
    },
    build: |arguments, ()| {
        Ok(Box::new(Lbfgs {
            memory: arguments.integer("memory"),
            tolerance: arguments.number("tolerance"),
            pairs: Vec::new(),
        }))
    },
};
