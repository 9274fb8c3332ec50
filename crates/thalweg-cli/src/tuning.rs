//! The options of a training run that most runs do not need: penalties, clipping, averages, batches, stopping.

use clap::Args;
use thalweg_core::spec::{LastBatch, Plateau, Sampling, ScaleRate, TrainingSpec};

use crate::parse::{Augment, amount, augmentations, last_batch, number, sampling, steps};

/// See the module's text.
#[derive(Args, Clone, Default)]
pub struct Tuning {
    /// Penalty X·‖W‖₁ on the weights; with --l2, the elastic net
    #[arg(
        long,
        value_name = "X",
        help_heading = "Penalties and clipping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub l1: Option<f64>,
    /// Penalty X/(2m)·‖W‖², m being the rows of the mini-batch
    #[arg(
        long,
        value_name = "X",
        help_heading = "Penalties and clipping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub l2_sum: Option<f64>,
    /// Shorten the weights into each unit to a norm of at most X
    #[arg(
        long,
        value_name = "X",
        help_heading = "Penalties and clipping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub max_norm: Option<f64>,
    /// Shorten the whole gradient to a norm of at most X
    #[arg(
        long,
        value_name = "X",
        help_heading = "Penalties and clipping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub clip_norm: Option<f64>,
    /// Cut every component of the gradient to at most X
    #[arg(
        long,
        value_name = "X",
        help_heading = "Penalties and clipping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub clip_value: Option<f64>,
    /// Sharpness-aware minimization: take the gradient at a distance of X uphill
    #[arg(
        long,
        value_name = "X",
        help_heading = "Penalties and clipping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub sam: Option<f64>,
    /// Evaluate and keep a moving average of the weights, of which X remains at each update
    #[arg(
        long,
        value_name = "X",
        help_heading = "Penalties and clipping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub ema: Option<f64>,

    /// Change training rows at random: NAME or NAME=VALUE of `thalweg list augmentations`, such as
    /// flip,shift=2,noise=0.1,mixup=0.2; or none
    #[arg(long, value_name = "LIST", help_heading = "Batches", value_parser = augmentations)]
    pub augment: Option<Augment>,
    /// Shuffle once, and keep the same mini-batches in every epoch
    #[arg(long, help_heading = "Batches")]
    pub no_reshuffle: bool,
    /// What becomes of a last, short batch: keep, drop or weight (a smaller rate) [default: keep]
    #[arg(long, value_name = "HOW", help_heading = "Batches", value_parser = last_batch)]
    pub last_batch: Option<LastBatch>,
    /// How rows are drawn: uniform, stratified or balanced by class [default: uniform]
    #[arg(long, value_name = "HOW", help_heading = "Batches", value_parser = sampling)]
    pub sampling: Option<Sampling>,

    /// Multiply the rate by 0.1 after more than N epochs without a better loss
    #[arg(
        long,
        value_name = "N",
        help_heading = "Rate",
        allow_negative_numbers = true,
        value_parser = amount
    )]
    pub reduce_on_plateau: Option<usize>,
    /// Multiply it by X instead
    #[arg(
        long,
        value_name = "X",
        help_heading = "Rate",
        allow_negative_numbers = true,
        requires = "reduce_on_plateau",
        value_parser = number
    )]
    pub plateau_factor: Option<f64>,
    /// --lr is for batches of N rows: multiply it by batch size / N, with a warm-up
    #[arg(
        long,
        value_name = "N",
        help_heading = "Rate",
        allow_negative_numbers = true,
        value_parser = amount
    )]
    pub scale_lr_from: Option<usize>,
    /// Epochs of that warm-up [default: 5]
    #[arg(
        long,
        value_name = "X",
        help_heading = "Rate",
        allow_negative_numbers = true,
        requires = "scale_lr_from",
        value_parser = number
    )]
    pub scale_lr_warmup: Option<f64>,

    /// Stop after N updates
    #[arg(
        long,
        value_name = "N",
        help_heading = "Stopping",
        allow_negative_numbers = true,
        value_parser = steps
    )]
    pub max_steps: Option<u64>,
    /// Stop after X seconds of training
    #[arg(
        long,
        value_name = "X",
        help_heading = "Stopping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub max_time: Option<f64>,
    /// Stop when the validation loss (without validation rows, the training loss) is at most X
    #[arg(
        long,
        value_name = "X",
        help_heading = "Stopping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub target_loss: Option<f64>,
    /// Stop when an update moves the weights, max-norm included, by at most X in all
    #[arg(
        long,
        value_name = "X",
        help_heading = "Stopping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub min_change: Option<f64>,
    /// Stop when the norm of the loss's gradient is at most X; penalties do not count, so with them it stays larger
    #[arg(
        long,
        value_name = "X",
        help_heading = "Stopping",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub min_gradient: Option<f64>,
}

impl Tuning {
    /// Puts what was given in place of what is there.
    pub fn apply(&self, training: &mut TrainingSpec) {
        training.l1 = self.l1.unwrap_or(training.l1);
        training.l2_sum = self.l2_sum.unwrap_or(training.l2_sum);
        let stop = &mut training.stop;
        for (given, place) in [
            (self.max_norm, &mut training.max_norm),
            (self.clip_norm, &mut training.clip_norm),
            (self.clip_value, &mut training.clip_value),
            (self.sam, &mut training.sam),
            (self.ema, &mut training.ema),
            (self.max_time, &mut stop.max_time),
            (self.target_loss, &mut stop.target_loss),
            (self.min_change, &mut stop.min_change),
            (self.min_gradient, &mut stop.min_gradient),
        ] {
            *place = given.or(*place);
        }
        stop.max_steps = self.max_steps.or(stop.max_steps);
        let batches = &mut training.batches;
        batches.reshuffle &= !self.no_reshuffle;
        batches.last = self.last_batch.unwrap_or(batches.last);
        batches.sampling = self.sampling.unwrap_or(batches.sampling);
        if let Some(Augment(list)) = &self.augment {
            training.augment.clone_from(list);
        }
        if let Some(patience) = self.reduce_on_plateau {
            let plateau = training.plateau.get_or_insert(Plateau::new(patience));
            plateau.patience = patience;
            plateau.factor = self.plateau_factor.unwrap_or(plateau.factor);
        }
        if let Some(from) = self.scale_lr_from {
            let scale = training.scale_rate.get_or_insert(ScaleRate::new(from));
            scale.from_batch_size = from;
            scale.warmup = self.scale_lr_warmup.unwrap_or(scale.warmup);
        }
    }
}
