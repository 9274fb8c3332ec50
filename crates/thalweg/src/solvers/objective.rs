//! What solvers minimize: C(θ) = Σ w·l / Σ w over all training rows + λ/2·‖W‖², with its gradient.

use super::vector::{add, norm, plus, zeros};
use crate::dataset::Dataset;
use crate::engine::{Batch, Engine, ParameterInfo, Rows, State};
use crate::error::Result;
use crate::memory;
use crate::spec::TrainingSpec;

/// A point of the objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// θ, in the order of [`State::parameters`].
    pub parameters: Vec<f64>,
    /// C(θ).
    pub loss: f64,
    /// ∇C(θ).
    pub gradient: Vec<f64>,
}

/// See the module's text.
pub struct Objective<'a> {
    engine: &'a mut dyn Engine,
    dataset: &'a Dataset,
    batch_size: usize,
    l2: f64,
    decays: Vec<bool>,
}

impl<'a> Objective<'a> {
    /// Of a dataset, through the engine, which takes `batch_size` rows at a time.
    pub fn new(engine: &'a mut dyn Engine, dataset: &'a Dataset, spec: &TrainingSpec) -> Self {
        let decays = (engine.parameters().iter())
            .flat_map(|info| {
                let length = info.shape.iter().product();
                std::iter::repeat_n(info.decays, length)
            })
            .collect();
        Self {
            engine,
            dataset,
            batch_size: spec.batch_size,
            l2: spec.l2,
            decays,
        }
    }

    /// The rows.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
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
        let (mut loss, mut total) = (0.0, 0.0);
        let mut gradient = zeros(parameters.len())?;
        for batch in batches(self.dataset, self.batch_size) {
            let weight = batch.total_weight();
            let (mean, slope) = self.engine.loss_and_gradient(&batch)?;
            loss += weight * mean;
            total += weight;
            add(&mut gradient, weight, &slope);
        }
        gradient.iter_mut().for_each(|g| *g /= total);
        loss /= total;
        for ((g, p), decays) in gradient.iter_mut().zip(&parameters).zip(&self.decays) {
            if *decays {
                loss += 0.5 * self.l2 * p * p;
                *g += self.l2 * p;
            }
        }
        Ok(Point {
            parameters,
            loss,
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

    /// C(θ) alone, with these parameters, where the engine then stays.
    ///
    /// # Errors
    /// As [`Objective::here`].
    pub fn loss_at(&mut self, parameters: &[f64]) -> Result<f64> {
        self.stay_at(parameters)?;
        let loss = self.engine.evaluate(&Batch::all(self.dataset), None)?;
        let weights = parameters.iter().zip(&self.decays);
        let squares = weights.filter(|(_, decays)| **decays).map(|(p, _)| p * p);
        Ok(loss + 0.5 * self.l2 * squares.sum::<f64>())
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
        let mut sum = vec![0.0; v.len()];
        for batch in batches(self.dataset, self.batch_size) {
            let weight = batch.total_weight();
            total += weight;
            add(&mut sum, weight, &engine.hvp(&batch, v)?.1);
        }
        for ((sum, v), decays) in sum.iter_mut().zip(v).zip(&self.decays) {
            *sum = *sum / total + if *decays { self.l2 * v } else { 0.0 };
        }
        Ok(sum)
    }

    /// See [`Objective::hessian_times`].
    fn difference(&mut self, point: &Point, v: &[f64]) -> Result<Vec<f64>> {
        let length = norm(v);
        if length == 0.0 {
            return Ok(vec![0.0; v.len()]);
        }
        let h = f64::EPSILON.cbrt() * (1.0 + norm(&point.parameters)) / length;
        let ahead = self.at(&plus(&point.parameters, h, v))?.gradient;
        let behind = self.at(&plus(&point.parameters, -h, v))?.gradient;
        let difference = ahead.iter().zip(&behind);
        Ok(difference.map(|(a, b)| (a - b) / (2.0 * h)).collect())
    }
}

/// All rows of a dataset, so many at a time.
fn batches(dataset: &Dataset, size: usize) -> impl Iterator<Item = Batch<'_>> {
    let rows = dataset.rows();
    let range = move |start| Rows::Range(start, rows.min(start + size));
    let starts = (0..rows).step_by(size.max(1));
    starts.map(move |start| Batch::new(dataset, range(start)))
}
