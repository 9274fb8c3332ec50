//! The engine's operations, as the rest of the program asks for them.

use super::CpuEngine;
use super::buffer::Shared;
use super::deal;
use super::gather::Upcoming;
use super::pass::RowBlock;
use super::precision::Precision;
use super::team::Member;
use super::twin::{self, Twin};
use super::update::Update;
use super::whole::{self, Sums};
use crate::dataset::{FeaturesRef, ValuesRef};
use crate::engine::{self, Batch, Engine, Limits, LossSums, ParameterInfo, State, StepReport};
use crate::error::{Error, Result};
use crate::layers::Mode;
use crate::optimizers::Time;

impl<T: Precision> Engine for CpuEngine<T> {
    fn threads(&self) -> usize {
        self.plan.members
    }

    fn step(&mut self, batch: &Batch, time: Time) -> Result<StepReport> {
        if !self.is_trainable {
            self.check_trainable()?;
        }
        batch.check_training(self.plan.inputs, self.plan.outputs, self.plan.batch_size)?;
        if self.augmenter.is_some() && matches!(batch.features.values, ValuesRef::Columns(_)) {
            let expected = "row-major values, which augmentation needs";
            return Err(Error::invalid("batch", "columns", expected));
        }
        let (seed, step) = (self.seed, time.step);
        if let Some(deals) = &mut self.deals {
            let blocks = self.plan.blocks_of(batch.rows.len());
            let members = self.plan.members;
            let of_blocks = (0..members).map(|member| deal::share(blocks, member, members));
            deals.blocks.deal(of_blocks);
            deals.items.deal(self.shares.iter().cloned());
        }
        let (mut pass, rest) = self.split(batch, Mode::Training { seed, step });
        pass.deal = rest.deals.map(|deals| &deals.blocks);
        for (constants, stage) in rest.constants.iter_mut().zip(&rest.chain.stages) {
            *constants = stage.constants(time, batch.rows.len());
        }
        let update = Update {
            chain: rest.chain,
            constants: rest.constants,
            rate: time.rate,
            slots: rest.slots,
        };
        let blocks = pass.blocks();
        rest.item_changes.fill(0.0);
        let sums = Sums {
            losses: Shared::new(rest.block_losses),
            squares: Shared::new(rest.item_squares),
            changes: Shared::new(rest.item_changes),
            blocks,
        };
        let losses = sums.losses;
        let sum_losses = || {
            // SAFETY: only called when all row blocks are done, and nobody writes losses.
            let losses = unsafe { losses.read(0..blocks) };
            losses.iter().sum::<f64>() * pass.scale
        };
        let (gradients, shares, length) = (rest.gradients, rest.shares, rest.item_length);
        let update_item = |member: usize, index: usize| {
            let item = &pass.plan.items[index];
            let start = member * length;
            // SAFETY: each member has room of its own, nobody else took the item, and all rows are done.
            unsafe {
                let gradient = gradients.write(start..start + item.range.len());
                let updated = pass.update(member, item, &update, gradient);
                sums.squares.write(index..index + 1)[0] = updated.square;
                sums.changes.write(index..index + 1)[0] = updated.change;
            }
        };
        rest.team.run(&|member: Member| {
            pass.row_blocks(member, losses);
            match member.index {
                _ if !pass.plan.caller_updates => {}
                0 => {
                    member.collect();
                    if sum_losses().is_finite() {
                        (0..pass.plan.items.len()).for_each(|index| update_item(0, index));
                    }
                    return;
                }
                _ => {
                    member.hand_in();
                    // SAFETY: the member has done its blocks, and the caller reads nothing but their gradients.
                    unsafe { pass.gather_ahead(member) };
                    return;
                }
            }
            member.meet();
            if !sum_losses().is_finite() {
                return;
            }
            let items = member.share(shares);
            if let Some(whole) = &rest.whole {
                whole.update(&pass, &update, member, items, sums);
                return;
            }
            let deal = rest.deals.map(|deals| &deals.items);
            deal::pieces(deal, member, items).for_each(|index| update_item(member.index, index));
        });
        let loss = sum_losses();
        let gradient_norm = self.item_squares.iter().sum::<f64>().sqrt();
        let is_ruined = whole::is_ruined(&self.item_changes);
        if loss.is_finite() && gradient_norm.is_finite() && !is_ruined {
            let change = || self.item_changes.iter().sum::<f64>().sqrt();
            return Ok(StepReport {
                loss,
                gradient_norm,
                change: self.chain.around.measures_change.then(change),
            });
        }
        let (quantity, value) = if !loss.is_finite() {
            ("loss", loss)
        } else if is_ruined {
            let parameters = self.parameters.iter().map(|p| p.to_f64());
            let strange = parameters.into_iter().find(|p| !p.is_finite());
            ("largest parameter", strange.map_or(f64::NAN, f64::abs))
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

    fn loss_and_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)> {
        let (seed, step) = (self.seed, 1);
        self.gradient(batch, Mode::Training { seed, step })
    }

    fn evaluation_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)> {
        self.gradient(batch, Mode::Evaluation)
    }

    fn hvp(&mut self, batch: &Batch, vectors: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.check_trainable()?;
        self.check_second_order()?;
        batch.check_training(self.plan.inputs, self.plan.outputs, self.plan.batch_size)?;
        let parameters = self.plan.values();
        if vectors.is_empty() || !vectors.len().is_multiple_of(parameters.max(1)) {
            return Err(Error::invalid(
                "vectors",
                format!("{} values", vectors.len()),
                format!("one or more times {parameters}, the number of parameters"),
            ));
        }
        let mut twin = match self.twin.take() {
            Some(twin) => twin,
            None => Box::new(Twin::new::<T>(&self.plan, &self.network, self.isa)?),
        };
        let (seed, step) = (self.seed, 1);
        let (pass, rest) = self.split(batch, Mode::Training { seed, step });
        let answer = twin.products(rest.team, &pass, vectors);
        self.twin = Some(twin);
        answer
    }

    fn add_losses(
        &mut self,
        batch: &Batch,
        sums: &mut LossSums,
        predictions: Option<&mut Vec<f64>>,
    ) -> Result<()> {
        batch.check(self.plan.inputs, self.plan.outputs, usize::MAX)?;
        let (rows, outputs) = (batch.rows.len(), self.plan.outputs);
        let size = self.plan.evaluation_rows;
        let mut losses = vec![0.0; rows.div_ceil(size)];
        let mut nothing = Vec::new();
        let has_predictions = predictions.is_some();
        let predictions = predictions.unwrap_or(&mut nothing);
        predictions.clear();
        predictions.resize(if has_predictions { rows * outputs } else { 0 }, 0.0);
        {
            let losses = Shared::new(&mut losses);
            let predictions = Shared::new(predictions);
            let link = self.loss.link();
            let (pass, rest) = self.split(batch, Mode::Evaluation);
            rest.team.run(&|member: Member| {
                if pass.plan.prepared > 0 {
                    pass.prepare(member);
                    member.meet();
                }
                let blocks = rows.div_ceil(size);
                for index in (member.index..blocks).step_by(member.count()) {
                    let start = index * size;
                    let end = rows.min(start + size);
                    let block = RowBlock {
                        rows: start..end,
                        place: member.index * size,
                        room: pass.plan.room(end - start),
                        member: member.index,
                    };
                    // SAFETY: each member works in rows of its own; parameters do not change.
                    unsafe {
                        let z = pass.forward(&block, Upcoming::UNKNOWN);
                        if has_predictions {
                            let range = block.rows.start * outputs..block.rows.end * outputs;
                            let answers = predictions.write(range).chunks_exact_mut(outputs);
                            let z = z.chunks_exact(pass.plan.output_stride);
                            for (answer, z) in answers.zip(z) {
                                for (answer, z) in answer.iter_mut().zip(z) {
                                    *answer = z.to_f64();
                                }
                                link.apply(answer);
                            }
                        }
                        if pass.batch.targets.is_some() {
                            losses.write(index..index + 1)[0] = pass.loss(&block);
                        }
                    }
                }
            });
        }
        sums.loss = losses.iter().fold(sums.loss, |sum, loss| sum + loss);
        sums.weight = batch.add_weights(sums.weight);
        Ok(())
    }

    fn evaluation_rows(&self) -> usize {
        self.plan.evaluation_rows
    }

    fn parameters(&self) -> Vec<ParameterInfo> {
        let layers = self.plan.layers.iter();
        layers
            .flat_map(|planned| {
                planned
                    .layer
                    .segments()
                    .into_iter()
                    .enumerate()
                    .map(move |(number, segment)| ParameterInfo {
                        name: format!("{}.{}", planned.path, segment.name),
                        is_trained: planned.layer.is_trained(number),
                        shape: segment.shape,
                        decays: segment.decays,
                    })
            })
            .collect()
    }

    fn save(&self) -> Result<State> {
        let slots = self.slots.chunks_exact(self.plan.parameters.max(1));
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
        self.in_order(&self.parameters)
    }

    fn load_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.restore(parameters, &[])
    }

    fn check_trainable(&self) -> Result<()> {
        for planned in &self.plan.layers {
            let number = planned.number();
            let name = &self.network.layers[number].name;
            (planned.layer.check_trainable()).map_err(|error| error.of_layer(number, name))?;
        }
        Ok(())
    }

    fn check_second_order(&self) -> Result<()> {
        twin::check(&self.plan, &self.network)
    }

    fn check(&self, batch: &Batch, first: usize) -> Result<()> {
        let limits = Limits {
            inputs: self.plan.inputs,
            outputs: self.plan.outputs,
            comparison: self.loss.comparison(),
            fits: |value| T::from_f64(value).to_f64().is_finite(),
        };
        engine::check(batch, first, &limits)?;
        let Some(layer) = self.plan.layers.first().filter(|first| first.input == 0) else {
            return Ok(());
        };
        (0..batch.rows.len()).try_for_each(|position| {
            let row = batch.features.row(batch.rows.at(position));
            layer
                .layer
                .check_input(&mut row.map(|x| T::from_f64(x).to_f64()))
        })
    }
}

impl<T: Precision> CpuEngine<T> {
    /// See [`Engine::load`].
    fn restore(&mut self, parameters: &[f64], slots: &[Vec<f64>]) -> Result<()> {
        let places = self.all_places()?;
        let count = self.chain.slots();
        let fits = parameters.len() == places.len()
            && (slots.is_empty() || slots.len() == count)
            && slots.iter().all(|slot| slot.len() == places.len());
        if !fits {
            return Err(Error::invalid(
                "parameters",
                format!("{} values, {} slots", parameters.len(), slots.len()),
                format!("{} values, {count} slots of the same length", places.len()),
            ));
        }
        let copy = |values: &[f64], buffer: &mut [T]| {
            buffer.fill(T::ZERO);
            for (place, value) in places.iter().zip(values) {
                buffer[*place] = T::from_f64(*value);
            }
        };
        copy(parameters, &mut self.parameters);
        self.slots.fill(T::ZERO);
        let buffers = self.slots.chunks_exact_mut(self.plan.parameters.max(1));
        for (slot, buffer) in slots.iter().zip(buffers) {
            copy(slot, buffer);
        }
        let nobody = Batch::unlabelled(FeaturesRef::f32(self.plan.inputs, &[]));
        let (pass, _) = self.split(&nobody, Mode::Evaluation);
        // SAFETY: only this thread works on the engine.
        unsafe { pass.refresh_all() };
        Ok(())
    }
}
