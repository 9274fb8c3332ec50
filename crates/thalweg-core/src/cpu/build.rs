//! Engines as the rest of the program makes them.

use super::engine::CpuEngine;
use super::precision::Precision;
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

/// The same with a loss that is not in the registry, such as a [`Custom`](crate::losses::Custom) one, in the place
/// of `network.loss`.
///
/// # Errors
/// As [`engine()`].
pub fn engine_with_loss(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
    loss: Box<dyn AnyLoss>,
) -> Result<Box<dyn Engine>> {
    build(network, training, threads, loss, true)
}

/// The same as [`engine()`] for who loads parameters into it: nothing is drawn, and all of them are 0.
///
/// # Errors
/// As [`engine()`].
pub fn engine_to_load(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
) -> Result<Box<dyn Engine>> {
    let loss = LOSSES.build(&network.loss, &())?;
    build(network, training, threads, loss, false)
}

fn build(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
    loss: Box<dyn AnyLoss>,
    is_drawn: bool,
) -> Result<Box<dyn Engine>> {
    fn boxed<T: Precision>(mut engine: CpuEngine<T>, is_drawn: bool) -> Result<Box<dyn Engine>> {
        let parameters = match is_drawn {
            true => engine.initial(),
            false => vec![0.0; engine.positions().count()],
        };
        engine.load_parameters(&parameters)?;
        Ok(Box::new(engine))
    }
    let isa = Isa::detect();
    match training.dtype {
        Dtype::F32 | Dtype::Bf16 => boxed(
            CpuEngine::<f32>::new(network, training, threads, isa, loss)?,
            is_drawn,
        ),
        Dtype::F64 => boxed(
            CpuEngine::<f64>::new(network, training, threads, isa, loss)?,
            is_drawn,
        ),
    }
}
