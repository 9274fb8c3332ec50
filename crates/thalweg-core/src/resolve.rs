//! Validation of a spec against the registries: every default written out, or an error that names
//! what does not fit.

use crate::augmentations;
use crate::error::{Error, Result};
use crate::layers::{self, LAYERS};
use crate::losses::LOSSES;
use crate::precision::Dtype;
use crate::registry::{Arguments, Choice};
use crate::schedules::SCHEDULES;
use crate::solvers;
use crate::spec::{Batches, LastBatch, NetworkSpec, Reduction, Sampling, TrainingSpec};

impl NetworkSpec {
    /// Whether the outputs of its last layer are probabilities, as behind a sigmoid.
    ///
    /// # Errors
    /// If a layer does not fit.
    pub fn ends_in_probabilities(&self) -> Result<bool> {
        let nodes = layers::build(self.shape(), &self.layers, Dtype::default())?;
        Ok((nodes.iter()).fold(false, |input, node| node.part.is_probability(input)))
    }

    /// The same with every default written out, validated: all names exist, all settings are in
    /// range, all layers fit.
    ///
    /// # Errors
    /// Names the layer, setting or loss that does not fit.
    pub fn resolve(&self) -> Result<Self> {
        if self.inputs == 0 {
            return Err(Error::invalid("network", "no inputs", "at least 1").at("inputs"));
        }
        if self.layers.is_empty() {
            return Err(Error::invalid(
                "network",
                "no layers",
                "at least an output layer",
            ));
        }
        let values = |image: [usize; 3]| image.iter().try_fold(1usize, |a, b| a.checked_mul(*b));
        if self
            .image
            .is_some_and(|image| values(image) != Some(self.inputs))
        {
            let found = format!("images of {} for {} inputs", self.shape(), self.inputs);
            let expected = "channels · lines · pixels = inputs";
            return Err(Error::invalid("network", found, expected).at("image"));
        }
        let ends_in_probabilities = self.ends_in_probabilities()?;
        let of_loss = |error: Error| error.at("loss");
        let loss = LOSSES.build(&self.loss, &()).map_err(of_loss)?;
        if loss.takes_logits() && ends_in_probabilities {
            let last = self.layers.len() - 1;
            let (name, loss) = (&self.layers[last].name, &self.loss.name);
            let subject = format!("layer {} ({name}) and loss {loss}", last + 1);
            let found = "probabilities for a loss that takes logits";
            return Err(Error::invalid(subject, found, "a linear last layer")
                .remedy("leave out its activation: the loss has its own")
                .at(&format!("layers.{last}.activation")));
        }
        let resolve = |choice| Ok(LAYERS.resolve(choice)?.into_choice());
        Ok(Self {
            inputs: self.inputs,
            image: self.image,
            layers: self.layers.iter().map(resolve).collect::<Result<_>>()?,
            loss: LOSSES.resolve(&self.loss)?.into_choice(),
        })
    }
}

impl TrainingSpec {
    /// The same with every default written out, validated.
    ///
    /// # Errors
    /// Names what does not fit.
    pub fn resolve(&self) -> Result<Self> {
        self.check_ranges()?;
        self.check_batches()?;
        let of_optimizer = |error: Error| error.at("optimizer");
        let optimizer = solvers::resolve(&self.optimizer).map_err(of_optimizer)?;
        if solvers::is_solver(&optimizer) {
            self.check_solver()?;
        }
        let schedule = |choice: &Choice, field: &str| {
            (SCHEDULES.build(choice, &()))
                .and_then(|_| SCHEDULES.resolve(choice))
                .map(Arguments::into_choice)
                .map_err(|error| error.at(field))
        };
        let augment = augmentations::resolve(&self.augment);
        Ok(Self {
            optimizer,
            schedule: schedule(&self.schedule, "schedule")?,
            decay_schedule: schedule(&self.decay_schedule, "decay_schedule")?,
            dropout_schedule: schedule(&self.dropout_schedule, "dropout_schedule")?,
            augment: augment.map_err(|error| error.at("augment"))?,
            ..self.clone()
        })
    }

    /// Refuses combinations that would weight rows twice, or never visit some of them.
    fn check_batches(&self) -> Result<()> {
        let Batches {
            reshuffle,
            last,
            sampling,
            block,
            ..
        } = self.batches;
        if block.is_some() && (sampling != Sampling::Uniform || !self.shuffle) {
            let found = "blocks of rows that are sampled by class or not shuffled";
            let expected = "rows that are shuffled, with the sampling uniform";
            let error = Error::invalid("`batches.block`", found, expected).at("batches.block");
            return Err(error.remedy("leave out `batches.block`"));
        }
        if last == LastBatch::Weight && self.reduction == Reduction::Sum {
            let found =
                "weight with the gradient of the sum, where every row counts the same already";
            let error = Error::invalid("`batches.last`", found, "one of them").at("batches.last");
            return Err(error.remedy("set `batches.last` to keep, or `reduction` to mean"));
        }
        if sampling == Sampling::Balanced && !(self.shuffle && reshuffle) {
            let found = "balanced with the same rows of frequent classes in every epoch";
            let expected = "rows shuffled before every epoch";
            let error =
                Error::invalid("`batches.sampling`", found, expected).at("batches.sampling");
            return Err(error.remedy("leave out `shuffle` and `batches.reshuffle`, or set `batches.sampling` to stratified"));
        }
        Ok(())
    }

    /// Solvers see all rows at once, minimize mean loss and `l2` alone, and find their own steps.
    fn check_solver(&self) -> Result<()> {
        if self.dtype != Dtype::F64 {
            let expected = format!("f64, which the optimizer {} needs", self.optimizer.name);
            let error = Error::invalid("`dtype`", self.dtype.to_string(), expected).at("dtype");
            return Err(error.remedy("set `dtype` to f64"));
        }
        self.check_for_solver()
    }
}
