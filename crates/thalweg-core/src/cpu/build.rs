//! Engines as the rest of the program makes them.

use super::engine::CpuEngine;
use super::precision::Precision;
use crate::collective::Collective;
use crate::engine::Engine;
use crate::error::Result;
use crate::kernels::Isa;
use crate::losses::{AnyLoss, LOSSES};
use crate::precision::Dtype;
use crate::spec::{NetworkSpec, TrainingSpec};

/// Makes an engine for the CPU, with freshly initialized parameters.
///
/// `threads` is the most that it uses; small steps run on fewer. Results do not depend on it.
///
/// # Errors
/// If the specs do not fit, or the system refuses to start threads.
pub fn engine(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
) -> Result<Box<dyn Engine>> {
    let loss = LOSSES.build(&network.loss, &())?;
    engine_with_loss(network, training, threads, loss)
}

/// The same with a loss that is not in the registry, such as a [`Custom`](crate::losses::Custom)
/// one, in the place of `network.loss`.
///
/// # Errors
/// As [`engine()`].
pub fn engine_with_loss(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
    loss: Box<dyn AnyLoss>,
) -> Result<Box<dyn Engine>> {
    build(network, training, threads, loss, Start::Drawn(None))
}

/// One engine of several that train one network, each at its end of a collective: see
/// [`crate::collective`].
///
/// `training.batch_size` is that of all ranks together. Each takes
/// [`part`](crate::collective::part) number `rank` of `size` of every batch; all of them make the
/// same calls of [`Engine::step`] and start from the same parameters, which the same seed draws. A
/// step sums loss, Σw and gradient over the ranks before it updates: all of them then report the
/// same loss and have the same parameters, or stop with the same error. Dropout masks and
/// augmentations are those of a row's position in the whole batch; mixup takes a row's partner from
/// the rank's own rows (with `batches.groups`: from its group's). All other calls are a rank's own:
/// `loss_and_gradient` is that of the rows that it is given.
///
/// The bits depend on how many ranks there are, unless `batches.groups` is set. Hessian-vector
/// products then take the rows of one group at most.
///
/// # Errors
/// As [`engine()`]; and if a layer couples the rows of a batch, the optimizer is a solver, or the
/// groups cannot be shared among the ranks.
pub fn engine_with_collective(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
    collective: Box<dyn Collective>,
) -> Result<Box<dyn Engine>> {
    let loss = LOSSES.build(&network.loss, &())?;
    build(
        network,
        training,
        threads,
        loss,
        Start::Drawn(Some(collective)),
    )
}

/// The same as [`engine()`] for who loads parameters into it: nothing is drawn, and all of them are
/// 0.
///
/// # Errors
/// As [`engine()`].
pub fn engine_to_load(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
) -> Result<Box<dyn Engine>> {
    let loss = LOSSES.build(&network.loss, &())?;
    build(network, training, threads, loss, Start::Zero)
}

/// What parameters begin with, and whom an engine trains with.
enum Start {
    Zero,
    Drawn(Option<Box<dyn Collective>>),
}

fn build(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
    loss: Box<dyn AnyLoss>,
    start: Start,
) -> Result<Box<dyn Engine>> {
    let specs = (network, training);
    match training.dtype {
        Dtype::F32 | Dtype::Bf16 => boxed::<f32>(specs, threads, loss, start),
        Dtype::F64 => boxed::<f64>(specs, threads, loss, start),
    }
}

fn boxed<T: Precision>(
    (network, training): (&NetworkSpec, &TrainingSpec),
    threads: usize,
    loss: Box<dyn AnyLoss>,
    start: Start,
) -> Result<Box<dyn Engine>> {
    let (is_drawn, collective) = match start {
        Start::Zero => (false, None),
        Start::Drawn(collective) => (true, collective),
    };
    let isa = Isa::detect();
    let mut engine = CpuEngine::<T>::new(network, training, threads, isa, loss, collective)?;
    let parameters = match is_drawn {
        true => engine.initial(),
        false => vec![0.0; engine.positions().count()],
    };
    engine.load_parameters(&parameters)?;
    Ok(Box::new(engine))
}
