//! Whether a network fits into memory, before the system finds out.

use thalweg_core::error::Error;
use thalweg_core::layers;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Setting;
use thalweg_core::solvers::{self, is_solver};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::Note;

use crate::budget;
use crate::config::Config;
use crate::rows::RunRows;
use crate::text::whole;

/// Refuses a network that needs more memory than there is when a checkpoint of it is written: after
/// some time, and when a run is interrupted.
pub fn check(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
) -> thalweg_core::Result<()> {
    let Some(available) = available(threads) else {
        return Ok(());
    };
    let need = weights(network, training.dtype).saturating_mul(per_weight(training)?);
    if need <= available {
        return Ok(());
    }
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    Err(Error::invalid(
        "network",
        format!("layers that need about {}", gigabytes(need)),
        format!("at most the {} of free memory", gigabytes(available)),
    )
    .remedy("choose smaller layers"))
}

/// A warning where rows on disk, a network and what the process has are more than a cap of memory.
///
/// # Errors
/// If the optimizer is none.
pub fn note_on_least(
    config: &Config,
    rows: &RunRows,
    cap: Option<u64>,
) -> thalweg_core::Result<Option<Note>> {
    let (Some(cap), Some(block), Some(now)) = (cap, rows.block, budget::resident()) else {
        return Ok(None);
    };
    let weights = weights(&config.network, config.training.dtype)
        .saturating_mul(per_weight(&config.training)?);
    let least = now.saturating_add(rows.held).saturating_add(weights);
    let [least_text, cap_text, now, held, weights] =
        [least, cap, now, rows.held, weights].map(budget::text_of);
    let block = whole(block);
    Ok((least > cap).then(|| {
        Note::warning(format!(
            "the run will take about {least_text} of memory, more than the {cap_text} of `options.memory`: {now} are there \
             already, {held} go to blocks of {block} rows, of which an epoch holds up to 24, {weights} to the network; set it to \
             {least_text}, or choose a smaller `training.batches.block` or smaller layers"
        ))
    }))
}

/// Bytes that a run holds for a weight when it holds most: in the engine its value, what is derived
/// from it, its u and its slots; in double precision the best epoch's value, and value, slots and
/// best value of the checkpoint; of these the tensors of the file, and their bytes twice.
fn per_weight(training: &TrainingSpec) -> thalweg_core::Result<u64> {
    let size = match training.dtype {
        Dtype::F32 | Dtype::Bf16 => 4,
        Dtype::F64 => 8,
    };
    let slots = match training.optimizer.settings.get("memory") {
        // Pairs of vectors.
        Some(Setting::Integer(pairs)) if is_solver(&training.optimizer) => 2 * *pairs as u64,
        _ => solvers::chain(training)?.slots() as u64,
    };
    let tensors = 2 + slots;
    let saved = 3 + slots;
    Ok(size * (3 + slots) + 8 * saved + (8 + 2 * size) * tensors)
}

fn weights(network: &NetworkSpec, dtype: Dtype) -> u64 {
    let Ok(nodes) = layers::build(network.shape(), &network.layers, dtype) else {
        return u64::MAX;
    };
    let layers = nodes.iter().flat_map(|node| node.part.layers());
    let segments = layers.flat_map(|layer| layer.segments());
    segments.map(|segment| segment.len() as u64).sum()
}

/// What the C library keeps of the address space for the allocations of each thread but the first.
const ARENA: u64 = 64 << 20;

/// Bytes that can be had while a team of threads is at work. Beside it there is a thread that waits for Ctrl-C.
fn available(threads: usize) -> Option<u64> {
    budget::available_beside(ARENA * threads as u64)
}

#[cfg(test)]
mod tests {
    use thalweg_core::registry::Choice;

    use super::*;

    #[test]
    fn a_network_that_no_memory_holds_is_refused() {
        let mlp = |hidden| NetworkSpec::mlp(4, hidden, "relu", 3, Choice::new("mse"));
        assert_eq!(weights(&mlp(&[8]), Dtype::F32), 5 * 8 + 9 * 3);
        let training = TrainingSpec::default();
        assert!(check(&mlp(&[8]), &training, 1).is_ok());
        if available(1).is_some() {
            assert!(check(&mlp(&[1 << 24, 1 << 24]), &training, 1).is_err());
        }
    }
}
