//! What solvers minimize: C(θ) = Σ w·l / Σ w over all training rows + λ/2·‖W‖², with its gradient.

use std::ops::Range;

use super::vector::{add, norm, plus, zeros};
use crate::engine::{Engine, ParameterInfo};
use crate::error::Result;
use crate::source::{RowSource, scan};
use crate::spec::TrainingSpec;

/// A point of the objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// θ, in the order of [`crate::engine::State::parameters`].
    pub parameters: Vec<f64>,
    /// C(θ).
    pub loss: f64,
    /// The same where the mean is over the targets that are not missing.
    pub reported_loss: f64,
    /// ∇C(θ).
    pub gradient: Vec<f64>,
}

/// See the module's text.
pub struct Objective<'a> {
    engine: &'a mut dyn Engine,
    source: &'a mut dyn RowSource,
    batch_size: usize,
    l2: f64,
    /// The parts of θ on which the penalty acts.
    decaying: Vec<Range<usize>>,
}

impl<'a> Objective<'a> {
    /// Of the rows of a source, through the engine, which takes `batch_size` rows at a time.
    pub fn new(
        engine: &'a mut dyn Engine,
        source: &'a mut dyn RowSource,
        spec: &TrainingSpec,
    ) -> Self {
        let mut end = 0;
        let range = |info: ParameterInfo| {
            let start = end;
            end += info.shape.iter().product::<usize>();
            info.decays.then_some(start..end)
        };
        let decaying = engine.parameters().into_iter().filter_map(range).collect();
        Self {
            engine,
            source,
            batch_size: spec.batch_size,
            l2: spec.l2,
            decaying,
        }
    }

    /// The rows.
    pub fn source(&mut self) -> &mut dyn RowSource {
        &mut *self.source
    }

    /// λ.
    pub fn l2(&self) -> f64 {
        self.l2
    }

    /// The tensors of θ.
    pub fn tensors(&self) -> Vec<ParameterInfo> {
        self.engine.parameters()
    }

    /// The point where the engine is.
    ///
    /// # Errors
    /// If the data do not fit the network.
    pub fn here(&mut self) -> Result<Point> {
        let parameters = self.engine.save_parameters()?;
        let (mut loss, mut total, mut known) = (0.0, 0.0, 0.0);
        let mut gradient = zeros(parameters.len())?;
        scan::chunks_of(self.source, self.batch_size, |batch, _| {
            let weight = batch.total_weight();
            let (mean, slope) = self.engine.loss_and_gradient(batch)?;
            loss += weight * mean;
            total += weight;
            known = batch.add_known_weights(known);
            add(&mut gradient, weight, &slope);
            Ok(())
        })?;
        gradient.iter_mut().for_each(|g| *g /= total);
        let mut reported_loss = loss / known;
        loss /= total;
        for range in &self.decaying {
            let weights = &parameters[range.clone()];
            add(&mut gradient[range.clone()], self.l2, weights);
            let penalty = weights.iter().map(|p| 0.5 * self.l2 * p * p).sum::<f64>();
            loss += penalty;
            reported_loss += penalty;
        }
        Ok(Point {
            parameters,
            loss,
            reported_loss,
            gradient,
        })
    }

    /// The point with these parameters.
    ///
    /// # Errors
    /// As [`Objective::here`].
    pub fn at(&mut self, parameters: &[f64]) -> Result<Point> {
        self.stay_at(parameters)?;
        self.here()
    }

    /// C(θ) alone, as it is reported, with these parameters, where the engine then stays.
    ///
    /// # Errors
    /// As [`Objective::here`].
    pub fn loss_at(&mut self, parameters: &[f64]) -> Result<f64> {
        self.stay_at(parameters)?;
        let loss = scan::evaluate(self.engine, self.source)?;
        let weights = self
            .decaying
            .iter()
            .flat_map(|range| &parameters[range.clone()]);
        Ok(loss + 0.5 * self.l2 * weights.map(|p| p * p).sum::<f64>())
    }

    /// Leaves the engine with these parameters.
    ///
    /// # Errors
    /// If they are not as many as the network's.
    pub fn stay_at(&mut self, parameters: &[f64]) -> Result<()> {
        self.engine.load_parameters(parameters)
    }

    /// ∇²C(θ)·v: the engine's exact products, summed over the batches. Leaves the engine at the point.
    ///
    /// Where a layer has no second derivatives it is a central difference of the gradient instead,
    /// (∇C(θ + hv) − ∇C(θ − hv))/2h with h = ∛ε·(1 + ‖θ‖)/‖v‖: nine digits, with which Newton's method still works.
    ///
    /// # Errors
    /// As [`Objective::here`].
    pub fn hessian_times(&mut self, point: &Point, v: &[f64]) -> Result<Vec<f64>> {
        if self.engine.check_second_order().is_err() {
            return self.difference(point, v);
        }
        self.stay_at(&point.parameters)?;
        let engine = &mut *self.engine;
        let mut total = 0.0;
        let mut sum = zeros(v.len())?;
        scan::chunks_of(self.source, self.batch_size, |batch, _| {
            let weight = batch.total_weight();
            total += weight;
            add(&mut sum, weight, &engine.hvp(batch, v)?.1);
            Ok(())
        })?;
        sum.iter_mut().for_each(|sum| *sum /= total);
        for range in &self.decaying {
            add(&mut sum[range.clone()], self.l2, &v[range.clone()]);
        }
        Ok(sum)
    }

    /// See [`Objective::hessian_times`].
    fn difference(&mut self, point: &Point, v: &[f64]) -> Result<Vec<f64>> {
        let length = norm(v);
        if length == 0.0 {
            return zeros(v.len());
        }
        let h = f64::EPSILON.cbrt() * (1.0 + norm(&point.parameters)) / length;
        let mut at = |h| self.at(&plus(&point.parameters, h, v)?);
        let (mut ahead, behind) = (at(h)?.gradient, at(-h)?.gradient);
        for (a, b) in ahead.iter_mut().zip(&behind) {
            *a = (*a - b) / (2.0 * h);
        }
        Ok(ahead)
    }
}
