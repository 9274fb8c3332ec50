//! What solvers minimize: C(θ) = Σ w·l / Σ w over all training rows + λ/2·‖W‖², with its gradient.

use super::vector::{norm, plus};
use crate::dataset::Dataset;
use crate::engine::{Batch, Engine, ParameterInfo, Rows, State};
use crate::error::Result;
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
        let parameters = self.engine.save().parameters;
        let rows = self.dataset.rows();
        let (mut loss, mut total) = (0.0, 0.0);
        let mut gradient = vec![0.0; parameters.len()];
        for start in (0..rows).step_by(self.batch_size.max(1)) {
            let rows = Rows::Range(start, rows.min(start + self.batch_size));
            let batch = Batch::new(self.dataset, rows);
            let weight = batch.total_weight();
            let (mean, slope) = self.engine.loss_and_gradient(&batch)?;
            loss += weight * mean;
            total += weight;
            super::vector::add(&mut gradient, weight, &slope);
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

    /// Leaves the engine with these parameters.
    ///
    /// # Errors
    /// If they are not as many as the network's.
    pub fn stay_at(&mut self, parameters: &[f64]) -> Result<()> {
        self.engine.load(&State {
            parameters: parameters.to_vec(),
            slots: Vec::new(),
        })
    }

    /// ∇²C(θ)·v by central differences of the gradient, (∇C(θ + hv) − ∇C(θ − hv))/2h with
    /// h = ∛ε·(1 + ‖θ‖)/‖v‖, in double precision. This is the one place to put exact products.
    ///
    /// # Errors
    /// As [`Objective::here`].
    pub fn hessian_times(&mut self, point: &Point, v: &[f64]) -> Result<Vec<f64>> {
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
