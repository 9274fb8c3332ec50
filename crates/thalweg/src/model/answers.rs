//! What a model predicts for rows as the network sees them: of an ensemble the mean of its members.

use thalweg_core::cpu::Predictor;
use thalweg_core::dataset::FeaturesRef;
use thalweg_data::Task;

use super::{Description, Model};
use crate::averaged::prefix;
use crate::error::{Result, running};
use crate::scores::as_predicted;
use crate::threads::threads_or_all;

impl Model {
    /// The predictions for rows as the network sees them, row-major: of a regression in the units
    /// of the file (every quantile of a loss of several), of classes and labels the probabilities (of
    /// two classes, that of the second).
    /// Any number of threads may call it at once.
    ///
    /// # Errors
    /// If the rows are not as wide as the network's input.
    pub fn predict<'a>(&self, rows: impl Into<FeaturesRef<'a>>) -> Result<Vec<f64>> {
        let mut predictions = self.outputs(rows)?;
        self.to_user_units(&mut predictions);
        Ok(predictions)
    }

    /// The interval of every number to predict, in the units of the file: as many a row as targets;
    /// none if the model has no interval.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_intervals<'a>(
        &self,
        rows: impl Into<FeaturesRef<'a>>,
    ) -> Result<Option<Vec<[f64; 2]>>> {
        match self.description.interval {
            Some(_) => Ok(self.intervals(&self.outputs(rows)?)),
            None => Ok(None),
        }
    }

    /// What the network puts out, through the link, in the scale in which it learns.
    pub(crate) fn outputs<'a>(&self, rows: impl Into<FeaturesRef<'a>>) -> Result<Vec<f64>> {
        let (threads, rows) = (threads_or_all(self.threads), rows.into());
        let (first, others) = self.predictors()?;
        let mut mean = first.predict(rows, threads)?;
        for other in others {
            let own = other.predict(rows, threads)?;
            mean.iter_mut().zip(own).for_each(|(sum, y)| *sum += y);
        }
        self.divide(&mut mean);
        Ok(mean)
    }

    /// Sums over the members as their mean.
    fn divide(&self, sums: &mut [f64]) {
        let count = self.description.members.len();
        if count > 0 {
            sums.iter_mut().for_each(|sum| *sum /= count as f64);
        }
    }

    /// How far the members of an ensemble, or of a network of members, are apart in each prediction: the standard
    /// deviation of what they predict, s² = Σ(yₘ − ȳ)²/(members − 1), in the units of [`Model::predict`]. None of
    /// a model without members.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_spread<'a>(&self, rows: impl Into<FeaturesRef<'a>>) -> Result<Option<Vec<f64>>> {
        if !self.has_members()? {
            return Ok(None);
        }
        let (threads, rows) = (threads_or_all(self.threads), rows.into());
        let (first, others) = self.predictors()?;
        let outputs = first.outputs();
        let mut networks = Vec::new();
        for predictor in std::iter::once(first).chain(others) {
            let mut own = predictor.predict_members(rows, threads)?;
            self.to_user_units(&mut own);
            networks.push((own, predictor.members()));
        }
        let deviation = |at: usize| {
            let (row, output) = (at / outputs, at % outputs);
            let all = networks.iter().flat_map(|(own, members)| {
                let own = own[row * members * outputs..].chunks_exact(outputs);
                own.take(*members).map(|member| member[output])
            });
            let count = all.clone().count() as f64;
            let mean = all.clone().sum::<f64>() / count;
            let squares: f64 = all.map(|y| (y - mean).powi(2)).sum();
            (squares / (count - 1.0)).sqrt()
        };
        Ok(Some((0..rows.rows() * outputs).map(deviation).collect()))
    }

    /// Whether it is an ensemble, or a network of members.
    pub(crate) fn has_members(&self) -> Result<bool> {
        let (first, others) = self.predictors()?;
        Ok(first.members() + others.len() > 1)
    }

    /// The intervals of rows of such outputs.
    pub(crate) fn intervals(&self, outputs: &[f64]) -> Option<Vec<[f64; 2]>> {
        let preprocessing = &self.description.preprocessing;
        let interval = self.description.interval.as_ref()?;
        let rows = outputs.chunks_exact(preprocessing.output_width().max(1));
        Some(
            rows.flat_map(|row| interval.of_row(preprocessing, row))
                .collect(),
        )
    }

    /// The same into a slice of rows × outputs, in the calling thread and without allocations (but for
    /// one of an ensemble): the way for single rows.
    ///
    /// # Errors
    /// As [`Model::predict`], and if the slice is of another length.
    pub fn predict_into<'a>(
        &self,
        rows: impl Into<FeaturesRef<'a>>,
        predictions: &mut [f64],
    ) -> Result<()> {
        let (rows, (first, others)) = (rows.into(), self.predictors()?);
        first.predict_into(rows, predictions)?;
        let mut own = match others {
            [] => Vec::new(),
            _ => predictions.to_vec(),
        };
        for other in others {
            other.predict_into(rows, &mut own)?;
            predictions
                .iter_mut()
                .zip(&own)
                .for_each(|(sum, y)| *sum += y);
        }
        self.divide(predictions);
        self.to_user_units(predictions);
        Ok(())
    }

    pub(crate) fn to_user_units(&self, predictions: &mut [f64]) {
        let preprocessing = &self.description.preprocessing;
        if preprocessing.task() == Task::Regression {
            as_predicted(preprocessing, predictions);
        }
    }

    /// The networks, made when they are first needed: the first, and those of other members.
    fn predictors(&self) -> Result<(&Predictor, &[Predictor])> {
        if let Some(all) = self.predictors.get().and_then(|all| all.split_first()) {
            return Ok(all);
        }
        let Description {
            training, members, ..
        } = &self.description;
        let one = |member: usize| -> Result<Predictor> {
            let prefix = match members.len() {
                0 => String::new(),
                _ => prefix(member),
            };
            let own = self.own_parameters(&prefix, &self.bare(member, 1)?.parameters())?;
            Ok(Predictor::new(
                self.network_of(member),
                training.dtype,
                &own,
            )?)
        };
        let all = (0..members.len().max(1))
            .map(one)
            .collect::<Result<Vec<_>>>()?;
        let all = self.predictors.get_or_init(|| all).split_first();
        all.ok_or_else(|| running("model: no parameters".to_owned()))
    }
}
