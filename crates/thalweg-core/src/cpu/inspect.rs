//! Statistics of layers: activations over a batch, and norms of weights, gradients and updates.

use super::buffer::Shared;
use super::engine::CpuEngine;
use super::pass::{Extent, Forward, RowBlock, Upcoming};
use super::plan::PlannedLayer;
use super::precision::Precision;
use crate::engine::{Batch, LayerReport};
use crate::error::Result;
use crate::layers::{Mode, Order};

/// Number, mean, and sum of the squared distances from the mean of some values.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Of some values, and whether one of them is not 0. Distances are from the first, which is near the
    /// others beside what they are apart.
    fn of(mut values: impl Iterator<Item = f64>) -> (Self, bool) {
        let Some(first) = values.next() else {
            return (Self::default(), false);
        };
        let (mut count, mut sum, mut squares, mut is_alive) = (1.0, 0.0, 0.0, first != 0.0);
        for value in values {
            let apart = value - first;
            (count, sum, squares) = (count + 1.0, sum + apart, squares + apart * apart);
            is_alive |= value != 0.0;
        }
        let moments = Self {
            count,
            mean: first + sum / count,
            squares: (squares - sum * sum / count).max(0.0),
        };
        (moments, is_alive)
    }

    /// Of the values of both (Chan, Golub & LeVeque 1979).
    fn and(self, other: Self) -> Self {
        let (count, apart) = (self.count + other.count, other.mean - self.mean);
        let share = other.count / count.max(1.0);
        Self {
            count,
            mean: self.mean + apart * share,
            squares: self.squares + other.squares + apart * apart * self.count * share,
        }
    }
}

/// The layers to report: for each path the last of its planned layers.
fn reported(layers: &[PlannedLayer]) -> Vec<&PlannedLayer> {
    let is_last = |(index, planned): &(usize, &PlannedLayer)| {
        let mut later = layers[index + 1..].iter();
        !planned.path.is_empty() && later.all(|other| other.path != planned.path)
    };
    let layers = layers.iter().enumerate().filter(is_last);
    layers.map(|(_, planned)| planned).collect()
}

/// The activations of a unit in a row block, which went forward.
///
/// # Safety
/// No thread writes the block's rows.
unsafe fn activations<'a, T: Precision>(
    pass: &'a Forward<'a, T>,
    planned: &PlannedLayer,
    block: &RowBlock,
    unit: usize,
) -> impl Iterator<Item = f64> + 'a {
    let (width, area) = (planned.output_stride, planned.facts.output.area());
    // Of rows that lie one after the other each is a pack.
    let lanes = match planned.output_order {
        Order::Packs => pass.isa.lanes::<T>(),
        Order::Rows | Order::Any => 1,
    };
    let start = planned.output + block.place * width;
    let end = start + block.rows.len().next_multiple_of(lanes) * width;
    // SAFETY: the caller's promise.
    let values = unsafe { pass.arena.read(start..end) };
    (0..block.rows.len()).flat_map(move |row| {
        let first = row / lanes * lanes * width + row % lanes;
        let own = unit * area..(unit + 1) * area;
        own.map(move |value| values[first + value * lanes].to_f64())
    })
}

impl<T: Precision> CpuEngine<T> {
    /// See [`Engine::layers`](crate::engine::Engine::layers).
    pub fn layer_reports(&mut self, batch: &Batch) -> Result<Vec<LayerReport>> {
        let (_, gradient) = self.stored_gradient(batch, Mode::Evaluation)?;
        let mut reports = self.activation_reports(batch);
        let (plan, theta) = (&self.network.plan, &self.network.memory.weights.parameters);
        let watched = self.watched.as_ref().filter(|watched| watched.has_step);
        let of_layer = |planned: &PlannedLayer| {
            let own = reports
                .iter()
                .position(|report| report.name == planned.path)?;
            let segments = planned.layer.segments().into_iter();
            Some((own, segments.map(|segment| segment.is_trained).collect()))
        };
        let layers: Vec<Option<(usize, Vec<bool>)>> = plan.layers.iter().map(of_layer).collect();
        // A norm does not depend on the order of values, nor on padding, which is 0.
        for planned in &plan.tiles {
            let Some((own, is_trained)) = &layers[planned.layer] else {
                continue;
            };
            if !is_trained[planned.tile.segment] {
                continue;
            }
            let start = plan.tile_start(planned);
            let add = |norm: &mut f64, values: &[T]| {
                let values = values[start..start + planned.tile.len()].iter();
                let squares = values.map(|value| value.to_f64() * value.to_f64());
                *norm = norm.hypot(squares.sum::<f64>().sqrt());
            };
            let report = &mut reports[*own];
            add(&mut report.weight_norm, theta);
            add(&mut report.gradient_norm, &gradient);
            if let (Some(norm), Some(watched)) = (&mut report.update_norm, watched) {
                add(norm, &watched.change);
            }
        }
        Ok(reports)
    }

    /// The reports with activations, and norms of 0.
    fn activation_reports(&mut self, batch: &Batch) -> Vec<LayerReport> {
        let has_step = self
            .watched
            .as_ref()
            .is_some_and(|watched| watched.has_step);
        let (mode, extent) = (Mode::Evaluation, Extent::of(batch));
        let pass = self.network.pass(batch, extent, mode, false).forward;
        let plan = pass.plan;
        let layers = reported(&plan.layers);
        let units: Vec<usize> = (layers.iter())
            .map(|planned| planned.facts.output.channels)
            .collect();
        let (count, all) = (layers.len(), units.iter().sum::<usize>());
        let blocks = plan.evaluation.count(batch.rows.len());
        let mut moments = vec![Moments::default(); count * blocks];
        // For each member, which units of all layers it has seen alive.
        let mut alive = vec![false; all * plan.members];
        let (of_blocks, of_members) = (Shared::new(&mut moments), Shared::new(&mut alive));
        self.team.run(&|member| {
            pass.prepare(member);
            for block in pass.row_blocks(plan.evaluation, member, None) {
                // SAFETY: each member works in rows of its own, and each block and each member has
                // results of its own.
                unsafe {
                    pass.forward(&block, Upcoming::UNKNOWN);
                    let moments = of_blocks.write(block.index * count..(block.index + 1) * count);
                    let mut first = member.index * all;
                    for ((planned, units), moments) in layers.iter().zip(&units).zip(moments) {
                        let alive = of_members.write(first..first + units);
                        first += units;
                        for (unit, alive) in alive.iter_mut().enumerate() {
                            let values = activations(&pass, planned, &block, unit);
                            let (own, is_alive) = Moments::of(values);
                            *alive |= is_alive;
                            *moments = moments.and(own);
                        }
                    }
                }
            }
        });
        let mut first = 0;
        (layers.iter().zip(&units).enumerate())
            .map(|(index, (planned, units))| {
                let blocks = moments.iter().skip(index).step_by(count);
                let moments = blocks.fold(Moments::default(), |all, block| all.and(*block));
                let is_alive = |unit: &usize| alive.iter().skip(*unit).step_by(all).any(|a| *a);
                let dead = (first..first + units)
                    .filter(|unit| !is_alive(unit))
                    .count();
                first += units;
                LayerReport {
                    name: planned.path.clone(),
                    mean: moments.mean,
                    deviation: (moments.squares / moments.count.max(1.0)).sqrt(),
                    dead: dead as f64 / (*units).max(1) as f64,
                    weight_norm: 0.0,
                    gradient_norm: 0.0,
                    update_norm: has_step.then_some(0.0),
                }
            })
            .collect()
    }
}
