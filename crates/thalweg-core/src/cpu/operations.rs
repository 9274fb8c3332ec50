//! The engine's operations, as the rest of the program asks for them.

use super::buffer::{Buffer, Shared};
use super::engine::{CpuEngine, Records, Watched};
use super::pass::Extent;
use super::precision::Precision;
use super::team::Member;
use super::twin::{self, Twin};
use super::update::{RUINED, Update};
use crate::dataset::FeaturesRef;
use crate::engine::{
    self, Batch, Engine, LayerReport, Limits, LossSums, ParameterInfo, State, StepReport,
};
use crate::error::{Error, Result};
use crate::layers::Mode;
use crate::optimizers::Time;

/// When gradients are taken that no update follows.
const FIRST: Time = Time::new(1, 0.0);

impl<T: Precision> Engine for CpuEngine<T> {
    fn threads(&self) -> usize {
        self.network.plan.members
    }

    fn step(&mut self, batch: &Batch, time: Time) -> Result<StepReport> {
        let fits = self.check_step(batch);
        let extent = self.strategy.extent(batch, fits)?;
        if let Some(watched) = &mut self.watched {
            (watched.change).copy_from_slice(&self.network.memory.weights.parameters);
            watched.has_step = false;
        }
        let mode = self.training(time);
        let mut pass = self.network.pass(batch, extent, mode, true);
        for (constants, stage) in self.constants.iter_mut().zip(&self.chain.stages) {
            *constants = stage.constants(time, extent.rows);
        }
        let update = Update {
            chain: &self.chain,
            constants: &self.constants,
            rate: time.rate,
            slots: self.slots.share(),
        };
        self.records.changes.fill(0.0);
        let sums = self.records.share();
        let loss = (self.strategy).step(&mut self.team, &mut pass, &update, sums)?;
        if let Some(watched) = &mut self.watched {
            let after = &self.network.memory.weights.parameters[..];
            let pairs = watched.change.iter_mut().zip(after);
            pairs.for_each(|(change, after)| *change = *after - *change);
            watched.has_step = true;
        }
        self.report(loss, time)
    }

    fn loss_and_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)> {
        self.gradient(batch, self.training(FIRST))
    }

    fn evaluation_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)> {
        self.gradient(batch, Mode::Evaluation)
    }

    fn hvp(&mut self, batch: &Batch, vectors: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.check_second_order()?;
        self.check_batch(batch, self.network.plan.batch_size)?;
        let parameters = self.network.plan.values();
        if vectors.is_empty() || !vectors.len().is_multiple_of(parameters.max(1)) {
            return Err(Error::invalid(
                "vectors",
                format!("{} values", vectors.len()),
                format!("one or more times {parameters}, the number of parameters"),
            ));
        }
        let mut twin = match self.twin.take() {
            Some(twin) => twin,
            None => {
                let plan = &self.network.plan;
                Box::new(Twin::new::<T>(plan, &self.spec, self.network.isa)?)
            }
        };
        let mode = self.training(FIRST);
        let pass = self.network.pass(batch, Extent::of(batch), mode, false);
        let products = twin.products(&mut self.team, &pass, vectors);
        self.twin = Some(twin);
        products
    }

    fn add_losses(
        &mut self,
        batch: &Batch,
        sums: &mut LossSums,
        predictions: Option<&mut Vec<f64>>,
    ) -> Result<()> {
        let plan = &self.network.plan;
        batch.check(plan.inputs, plan.outputs, usize::MAX)?;
        let (rows, outputs) = (batch.rows.len(), plan.outputs);
        let mut losses = vec![0.0; plan.evaluation.count(rows)];
        let mut nothing = Vec::new();
        let has_predictions = predictions.is_some();
        let predictions = predictions.unwrap_or(&mut nothing);
        predictions.clear();
        predictions.resize(if has_predictions { rows * outputs } else { 0 }, 0.0);
        let pass = self
            .network
            .pass(batch, Extent::of(batch), Mode::Evaluation, false);
        let link = pass.loss.link();
        let (loss_views, prediction_views) = (Shared::new(&mut losses), Shared::new(predictions));
        self.team.run(&|member: Member| {
            pass.prepare(member);
            for block in pass.row_blocks(pass.plan.evaluation, member, None) {
                // SAFETY: each member works in rows of its own; parameters do not change.
                unsafe {
                    let z = pass.answer(link, &block);
                    if has_predictions {
                        let range = block.rows.start * outputs..block.rows.end * outputs;
                        pass.link(link, z, prediction_views.write(range));
                    }
                    if pass.batch.targets.is_some() {
                        loss_views.write(block.index..block.index + 1)[0] = pass.loss(&block);
                    }
                }
            }
        });
        sums.loss = losses.iter().fold(sums.loss, |sum, loss| sum + loss);
        sums.weight = batch.add_known_weights(sums.weight);
        Ok(())
    }

    fn evaluation_rows(&self) -> usize {
        self.network.plan.evaluation.rows
    }

    fn layers(&mut self, batch: &Batch) -> Result<Vec<LayerReport>> {
        self.layer_reports(batch)
    }

    fn watch_updates(&mut self, is_watched: bool) -> Result<()> {
        let length = self.network.plan.parameters;
        self.watched = match (self.watched.take(), is_watched) {
            (_, false) => None,
            (Some(watched), true) => Some(watched),
            (None, true) => Some(Watched {
                change: Buffer::new(length)?,
                has_step: false,
            }),
        };
        Ok(())
    }

    fn parameters(&self) -> Vec<ParameterInfo> {
        let layers = self.network.plan.layers.iter();
        layers
            .flat_map(|planned| {
                planned
                    .layer
                    .segments()
                    .into_iter()
                    .map(move |segment| ParameterInfo {
                        name: format!("{}.{}", planned.path, segment.name),
                        is_trained: segment.is_trained,
                        shape: segment.shape,
                        decays: segment.decays,
                    })
            })
            .collect()
    }

    fn save(&self) -> Result<State> {
        let slots = self.slots.chunks_exact(self.network.plan.parameters.max(1));
        Ok(State {
            parameters: self.save_parameters()?,
            slots: slots
                .map(|slot| self.in_order(slot))
                .collect::<Result<_>>()?,
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.restore(&state.parameters, &state.slots)
    }

    fn save_parameters(&self) -> Result<Vec<f64>> {
        self.in_order(&self.network.memory.weights.parameters)
    }

    fn load_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.restore(parameters, &[])
    }

    fn check_trainable(&self) -> Result<()> {
        self.check_layers()
    }

    fn check_second_order(&self) -> Result<()> {
        twin::check(&self.network.plan, &self.spec)
    }

    fn check(&self, batch: &Batch, first: usize) -> Result<()> {
        let plan = &self.network.plan;
        let limits = Limits {
            inputs: plan.inputs,
            outputs: plan.outputs,
            comparison: self.network.loss.comparison(),
            masks_missing: self.network.loss.masks_missing(),
            fits: |value| T::from_f64(value).to_f64().is_finite(),
        };
        engine::check(batch, first, &limits)?;
        let Some(planned) = plan.layers.first().filter(|first| first.input == 0) else {
            return Ok(());
        };
        (0..batch.rows.len()).try_for_each(|position| {
            let row = batch.features.row(batch.rows.at(position));
            let mut row = row.map(|x| T::from_f64(x).to_f64());
            planned.layer.check_input(&mut row)
        })
    }
}

impl<T: Precision> CpuEngine<T> {
    fn training(&self, time: Time) -> Mode {
        Mode::Training {
            seed: self.seed,
            step: time.step,
            dropout: time.dropout,
        }
    }

    /// The report of a step, from what its members wrote.
    fn report(&self, loss: f64, time: Time) -> Result<StepReport> {
        let Records {
            squares, changes, ..
        } = &self.records;
        let gradient_norm = squares.iter().sum::<f64>().sqrt();
        let is_ruined = changes.contains(&RUINED);
        if loss.is_finite() && gradient_norm.is_finite() && !is_ruined {
            let change = || changes.iter().sum::<f64>().sqrt();
            return Ok(StepReport {
                loss,
                gradient_norm,
                change: self.chain.around.measures_change.then(change),
            });
        }
        let (quantity, value) = if !loss.is_finite() {
            ("loss", loss)
        } else if is_ruined {
            let mut parameters = self
                .network
                .memory
                .weights
                .parameters
                .iter()
                .map(|p| p.to_f64());
            let first = parameters.find(|p| !p.is_finite());
            ("largest parameter", first.map_or(f64::NAN, f64::abs))
        } else {
            ("gradient norm", gradient_norm)
        };
        Err(Error::Diverged {
            step: time.step,
            epoch: 0,
            quantity,
            value,
            rate: Some(time.rate),
        })
    }

    /// See [`Engine::load`].
    fn restore(&mut self, parameters: &[f64], slots: &[Vec<f64>]) -> Result<()> {
        let positions = self.all_positions()?;
        let count = self.chain.slots();
        let fits = parameters.len() == positions.len()
            && (slots.is_empty() || slots.len() == count)
            && slots.iter().all(|slot| slot.len() == positions.len());
        if !fits {
            return Err(Error::invalid(
                "parameters",
                format!("{} values, {} slots", parameters.len(), slots.len()),
                format!(
                    "{} values, {count} slots of the same length",
                    positions.len()
                ),
            ));
        }
        let copy = |values: &[f64], buffer: &mut [T]| {
            buffer.fill(T::ZERO);
            for (at, value) in positions.iter().zip(values) {
                buffer[*at] = T::from_f64(*value);
            }
        };
        copy(parameters, &mut self.network.memory.weights.parameters);
        self.slots.fill(T::ZERO);
        let buffers = self
            .slots
            .chunks_exact_mut(self.network.plan.parameters.max(1));
        for (slot, buffer) in slots.iter().zip(buffers) {
            copy(slot, buffer);
        }
        let no_rows = Batch::unlabelled(FeaturesRef::f32(self.network.plan.inputs, &[]));
        let pass = self
            .network
            .pass(&no_rows, Extent::of(&no_rows), Mode::Evaluation, false);
        // SAFETY: only this thread works on the engine.
        unsafe { pass.refresh_all() };
        Ok(())
    }
}
