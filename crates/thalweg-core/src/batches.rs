//! Which rows make the mini-batches of an epoch: an order of row numbers that is cut into batches.
//!
//! The order is a function of (seed, epoch, data) alone, so a resumed run needs no state. Without reshuffling it
//! is that of epoch 0 forever: a fixed partition.
//!
//! - Stratified: the k-th of the n rows of a class, in random order, gets the place (k + u)/n with one random u a
//!   class, and rows are sorted by place; any stretch of 1/k of the places has n/k rows of the class, up to one
//!   (systematic sampling, Madow & Madow 1944). B neighbours are such a stretch of B/N up to what all classes together
//!   were rounded by, so with many small classes a batch may be further from the proportions.
//! - Balanced: places are dealt to the classes in turn, and a class deals out its rows in random order, from the
//!   beginning again when there are no more.

use crate::dataset::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::random::Sequence;
use crate::shuffle::shuffle;
use crate::spec::{LastBatch, Sampling, TrainingSpec};

/// Checks that the rows can be drawn as the spec says.
///
/// # Errors
/// If classes are asked for and the targets have none.
pub(crate) fn check(spec: &TrainingSpec, dataset: &Dataset) -> Result<()> {
    match (spec.batches.sampling, &dataset.targets) {
        (Sampling::Uniform, _) | (_, Targets::Classes(_)) => Ok(()),
        _ => Err(
            Error::invalid("sampling", "targets that are numbers", "classes")
                .remedy("choose the sampling uniform"),
        ),
    }
}

/// Batches of an epoch of so many rows.
pub(crate) fn count(spec: &TrainingSpec, rows: usize) -> usize {
    match spec.batches.last {
        LastBatch::Drop if rows >= spec.batch_size => rows / spec.batch_size,
        _ => rows.div_ceil(spec.batch_size),
    }
}

/// What multiplies the rate of a batch with so many rows.
pub(crate) fn weight(spec: &TrainingSpec, rows: usize) -> f64 {
    match spec.batches.last {
        LastBatch::Weight => rows as f64 / spec.batch_size as f64,
        _ => 1.0,
    }
}

/// Puts the rows into the order of an epoch, counted from 0, on up to so many threads.
pub(crate) fn arrange(
    spec: &TrainingSpec,
    dataset: &Dataset,
    epoch: usize,
    threads: usize,
    order: &mut [u32],
) {
    let epoch = if spec.batches.reshuffle { epoch } else { 0 };
    let mut random = None;
    if spec.shuffle {
        random = Some(shuffle(spec.seed, epoch, threads, order));
    } else {
        order
            .iter_mut()
            .zip(0..)
            .for_each(|(place, row)| *place = row);
    }
    let Targets::Classes(classes) = &dataset.targets else {
        return;
    };
    if spec.batches.sampling == Sampling::Uniform {
        return;
    }
    let most = classes.iter().max().map_or(0, |class| *class as usize + 1);
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); most];
    for row in order.iter() {
        members[classes[*row as usize] as usize].push(*row);
    }
    members.retain(|rows| !rows.is_empty());
    if spec.batches.sampling == Sampling::Balanced {
        let count = members.len();
        for (place, row) in order.iter_mut().enumerate() {
            let rows = &members[place % count];
            *row = rows[place / count % rows.len()];
        }
        return;
    }
    let mut placed: Vec<(f64, u32)> = Vec::with_capacity(order.len());
    for rows in &members {
        let start = random.as_mut().map_or(0.5, Sequence::uniform);
        let place = |k: usize| (k as f64 + start) / rows.len() as f64;
        placed.extend(rows.iter().enumerate().map(|(k, row)| (place(k), *row)));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (to, (_, row)) in order.iter_mut().zip(placed) {
        *to = row;
    }
}
