//! The seam between training and devices: a whole step, not an operation on tensors.

mod batch;
mod check;
mod layer_report;

pub use batch::{Batch, Rows, new_generation};
pub(crate) use check::{Limits, check, check_shape};
pub use layer_report::LayerReport;

use crate::dataset::Features;
use crate::error::Result;
use crate::optimizers::Time;

/// What a step reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Weighted mean loss of the batch, before the update.
    pub loss: f64,
    /// L2 norm over all parameters of the gradient that the optimizer gets: see [`Engine::step`].
    pub gradient_norm: f64,
    /// ‖Δθ‖, by how much θ moved, where the run stops by it.
    pub change: Option<f64>,
}

/// Sums over the rows of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossSums {
    /// Σ w·l.
    pub loss: f64,
    /// Σ w, each times the share of the row's targets that is not missing.
    pub weight: f64,
}

impl LossSums {
    /// The weighted mean loss, of several targets over those that are not missing; 0 where no row has a weight.
    pub fn mean(&self) -> f64 {
        match self.weight > 0.0 {
            true => self.loss / self.weight,
            false => 0.0,
        }
    }
}

/// A tensor of parameters, as files and reports know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Name, such as `layers.0.weight`.
    pub name: String,
    /// Shape, such as \[outputs, inputs\].
    pub shape: Vec<usize>,
    /// Whether penalties and weight decay act on it.
    pub decays: bool,
    /// Whether it is learned by gradients; else its layer tracks it, as batch norm does its running statistics.
    pub is_trained: bool,
}

/// Everything about an engine that training changes: parameters and optimizer slots, each tensor after
/// the other in the order of [`Engine::parameters`], row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// θ.
    pub parameters: Vec<f64>,
    /// The optimizer's slots, each as long as θ; the last is the average of θ where one is kept.
    pub slots: Vec<Vec<f64>>,
}

/// A network on a device.
///
/// Nothing outside an engine knows where its memory lies or in what order. Results do not depend on the
/// number of threads.
pub trait Engine: Send {
    /// Threads that work on a step.
    fn threads(&self) -> usize;

    /// Forward, backward and update over one batch of at most the planned size.
    ///
    /// The update is by Σ w·∇l / (m·rows), with m the batch's [`Batch::mean_weight`]: whatever the size of the batch,
    /// its mean over all batches is the gradient of the weighted mean loss of all training rows. (Divided by its own
    /// Σ w, a batch of one row would know no weight.) With the reduction `sum` it is Σ w·∇l / m.
    ///
    /// # Panics
    /// If a class index is not one of the network's: see [`Engine::check`].
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if the batch does not fit the network.
    /// [`Error::Diverged`](crate::Error::Diverged) if the loss is not finite; the parameters are then as before the step. Also if a
    /// gradient or a parameter is not finite although the loss is; go back to a saved state then.
    fn step(&mut self, batch: &Batch, time: Time) -> Result<StepReport>;

    /// Weighted mean loss of the rows in training, to which a missing target adds 0, and its gradient (that of Σ w·l, if
    /// the run's reduction is the sum):
    /// as they are, without augmentation and without an update; in the order of [`State::parameters`].
    fn loss_and_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)>;

    /// The same in evaluation: the loss is that of [`Engine::evaluate`], with running statistics and without dropout,
    /// and the gradient is that loss's (of the sum, if that is the run's reduction). It does not change from update to
    /// update, so error surfaces and critical points of a trained network are those of this function.
    fn evaluation_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)>;

    /// The loss of the rows, and for each of `vectors` the product ∇²L·v, exact in double precision whatever the
    /// engine's own, at its θ and of the function whose gradient [`Engine::loss_and_gradient`] gives: with the
    /// statistics of these rows, the dropout masks of update 1, and the reduction of the run.
    ///
    /// `vectors` holds one or more of them, one after the other, each in the order of [`State::parameters`]; so are the products.
    /// Values and gradients of the rows are computed once for all vectors, so one call for all columns of a Hessian is
    /// the fastest. Values that are not trained count as 0 in v and are 0 in the product. At kinks
    /// φ″ is 0 (and φ′(0) = 0 for ReLU), and a maximum stays where it is.
    ///
    /// A dataset of more rows than a batch takes several calls: Σw·product / Σw over its batches (w the weight of a
    /// batch's rows) is the product with the Hessian of the mean loss. Where layers couple rows (batch norm), that is
    /// the mean of the batches' losses, each with its own statistics.
    ///
    /// The first call makes a second network in double precision beside the engine, with its memory; steps and
    /// parameters stay as they are.
    ///
    /// # Errors
    /// As [`Engine::loss_and_gradient`] and [`Engine::check_second_order`], and if the length of `vectors` is not that
    /// of one or more θ, or there is not enough memory.
    fn hvp(&mut self, batch: &Batch, vectors: &[f64]) -> Result<(f64, Vec<f64>)>;

    /// Adds the losses of any number of rows to `sums`, and replaces `predictions`, if given, by the network's
    /// outputs for each of them (through the loss's link), row-major.
    ///
    /// Rows that are evaluated in several calls give the bits of a single one if each call but the last takes a
    /// multiple of [`Engine::evaluation_rows`].
    ///
    /// # Errors
    /// If the rows do not fit the network.
    fn add_losses(
        &mut self,
        batch: &Batch,
        sums: &mut LossSums,
        predictions: Option<&mut Vec<f64>>,
    ) -> Result<()>;

    /// Rows that are evaluated together: see [`Engine::add_losses`].
    fn evaluation_rows(&self) -> usize;

    /// The [mean loss](LossSums::mean) over any number of rows, and into `predictions`, if given, the network's outputs for
    /// each of them (through the loss's link), row-major.
    ///
    /// # Errors
    /// If the rows do not fit the network.
    fn evaluate(&mut self, batch: &Batch, predictions: Option<&mut Vec<f64>>) -> Result<f64> {
        let mut sums = LossSums::default();
        self.add_losses(batch, &mut sums, predictions)?;
        Ok(sums.mean())
    }

    /// The network's outputs for each row (through the loss's link), row-major.
    ///
    /// # Errors
    /// If the rows do not fit the network.
    fn predict(&mut self, features: &Features) -> Result<Vec<f64>> {
        let mut predictions = Vec::new();
        self.evaluate(&Batch::unlabelled(features), Some(&mut predictions))?;
        Ok(predictions)
    }

    /// Statistics of every layer for rows of at most a batch, in the order of the network; those within residual
    /// blocks follow each other as they are computed. Views, such as `flatten`, have none.
    ///
    /// # Errors
    /// As [`Engine::evaluation_gradient`].
    fn layers(&mut self, batch: &Batch) -> Result<Vec<LayerReport>>;

    /// Whether [`Engine::layers`] reports the last update: every step then begins with a copy of θ.
    ///
    /// # Errors
    /// If there is not enough memory for it.
    fn watch_updates(&mut self, is_watched: bool) -> Result<()>;

    /// The tensors of parameters.
    fn parameters(&self) -> Vec<ParameterInfo>;

    /// A copy of what training has changed.
    ///
    /// # Errors
    /// If there is not enough memory for it.
    fn save(&self) -> Result<State>;

    /// Goes back to a saved state. Without slots they start anew.
    ///
    /// # Errors
    /// If the lengths are those of another network or optimizer, or there is not enough memory.
    fn load(&mut self, state: &State) -> Result<()>;

    /// A copy of θ alone: the parameters that [`Engine::save`] gives.
    ///
    /// # Errors
    /// If there is not enough memory for it.
    fn save_parameters(&self) -> Result<Vec<f64>>;

    /// Goes to these parameters, in the order of [`State::parameters`]; slots start anew.
    ///
    /// # Errors
    /// As [`Engine::load`].
    fn load_parameters(&mut self, parameters: &[f64]) -> Result<()>;

    /// Checks that every layer is differentiable, which predictions do not need.
    ///
    /// # Errors
    /// Names the layer that cannot, and why.
    fn check_trainable(&self) -> Result<()>;

    /// Checks that Hessian-vector products can go through every layer.
    ///
    /// # Errors
    /// Names the layer that has no second derivatives.
    fn check_second_order(&self) -> Result<()>;

    /// Checks that rows fit the network: width, kind of targets, class indices, weights. An error counts rows from
    /// `first`, the number of the batch's first row in its source.
    ///
    /// # Errors
    /// Says what does not fit.
    fn check(&self, batch: &Batch, first: usize) -> Result<()>;
}
