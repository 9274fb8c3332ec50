//! The importance of a model's columns: on rows of a file, or on those of its run.

use thalweg_core::dataset::DatasetRef;
use thalweg_core::engine::Engine;
use thalweg_core::error::Error;
use thalweg_core::losses::LOSSES;
use thalweg_core::metrics::Decision;
use thalweg_core::spec::NetworkSpec;
use thalweg_data::{Extend, Note, Preprocessing, ReadOptions};

use crate::config::{Config, Ensemble, IN_MEMORY};
use crate::error::Result;
use crate::importance::{self, Importance, coefficients};
use crate::interval;
use crate::load::{self, Tables};
use crate::model::{Description, Model};
use crate::pieces::{News, Unusual};
use crate::rows::RunRows;
use crate::run_folder::CONFIG;
use crate::sample::Sample;
use crate::scores::Judge;
use crate::text::count;
use crate::threads::threads_or_all;

impl Model {
    /// How much each column matters on rows as the network sees them; permutations are drawn by
    /// the seed, and `name` says which rows these are.
    ///
    /// # Errors
    /// If the rows do not fit the model.
    pub fn importance<'a>(
        &self,
        rows: impl Into<DatasetRef<'a>>,
        name: &str,
        seed: u64,
    ) -> Result<Importance> {
        self.importance_by(None, rows.into(), name, seed)
    }

    /// The same, by the member that `held_out` has for each row, if it does.
    fn importance_by(
        &self,
        held_out: Option<Vec<usize>>,
        rows: DatasetRef,
        name: &str,
        seed: u64,
    ) -> Result<Importance> {
        let mut engine = self.engine_for(threads_or_all(self.threads()), held_out)?;
        importance_for(
            &mut *engine,
            Relying::of(self.description()),
            rows,
            name,
            seed,
        )
    }

    /// The same on the rows of a file whose targets are known; of many rows, on some that are drawn at random.
    ///
    /// # Errors
    /// As [`Model::evaluate_source`].
    pub fn importance_of_source(
        &self,
        source: &str,
        options: ReadOptions,
        seed: u64,
    ) -> Result<(Importance, Vec<Note>)> {
        let (mut news, mut unusual) = (News::default(), Unusual::of(self.description()));
        let (mut notes, mut sample) = (Vec::new(), Sample::new(seed));
        let more = load::each_for(self.description(), source, options, &mut |loaded| {
            let (rows, more) = self.rows_of(loaded, &mut unusual)?;
            notes.extend(more.into_iter().filter(|note| news.is_new(note)));
            sample.add(rows);
            Ok(())
        })?;
        notes.extend(more.into_iter().filter(|note| news.is_new(note)));
        notes.extend(unusual.notes()?);
        let seen = sample.seen;
        let rows = sample.rows().ok_or_else(|| no_rows(source, "no rows"))?;
        if rows.rows() < seen {
            let (some, all) = (count(rows.rows(), "row"), count(seen, "row"));
            notes.push(Note::info(format!(
                "{source}: {some} are permuted, drawn at random of {all}"
            )));
        }
        Ok((self.importance(&rows, "rows", seed)?, notes))
    }

    /// The same on the validation rows of the run in the model's folder, or else on its test rows,
    /// or else on its training rows.
    ///
    /// # Errors
    /// If there is no run beside the model, or its data cannot be read.
    pub fn importance_of_run(&self, seed: u64) -> Result<(Importance, Vec<Note>)> {
        let path = self.path().with_file_name(CONFIG);
        let mut config = match path.exists() {
            true => Config::read(&path)?,
            false => {
                return Err(no_rows(
                    &path.display().to_string(),
                    "no run beside the model",
                ));
            }
        };
        if config.data.source == IN_MEMORY {
            return Err(no_rows(
                &path.display().to_string(),
                "a run on rows in memory",
            ));
        }
        config.data.split.validation_folds = config.ensemble.as_ref().and_then(Ensemble::folds);
        let description = self.description();
        let dtype = description.training.dtype;
        let loss = Some(&config.network.loss);
        let fitted = Some(&description.preprocessing);
        let tables = Tables::read(&config.data, fitted)?;
        let prepared = tables.prepare(&config.data, loss, dtype, fitted, Extend::default())?;
        let mut rows = RunRows::from(prepared);
        interval::set_apart(&mut rows, config.interval, &config.data.split);
        let held_out = (rows
            .validation
            .as_ref()
            .map(|rows| (rows, "validation rows")))
        .or(rows.test.as_ref().map(|rows| (rows, "test rows")));
        let (part, name) = held_out.unwrap_or((&rows.train, "training rows"));
        let found = self.importance_by(rows.folds.clone(), part.view(), name, seed)?;
        Ok((found, Vec::new()))
    }
}

/// What relies on columns: a network, what it is fed, and how it answers.
#[derive(Clone, Copy)]
pub(crate) struct Relying<'a> {
    pub network: &'a NetworkSpec,
    pub preprocessing: &'a Preprocessing,
    pub decision: &'a Decision,
    /// The metric that chose the epoch, if one did.
    pub metric: Option<&'a str>,
}

impl<'a> Relying<'a> {
    /// A model.
    pub fn of(description: &'a Description) -> Self {
        Self {
            network: &description.network,
            preprocessing: &description.preprocessing,
            decision: &description.decision,
            metric: description.judging.metric_name(),
        }
    }
}

/// The importance of columns for the model in `engine`, with its coefficients if it is linear.
pub(crate) fn importance_for(
    engine: &mut dyn Engine,
    model: Relying,
    rows: DatasetRef,
    name: &str,
    seed: u64,
) -> Result<Importance> {
    let Relying {
        network,
        preprocessing,
        decision,
        metric,
    } = model;
    let judge = Judge::new(preprocessing, &network.loss)?.deciding(decision.clone());
    let mut found =
        importance::importance(engine, preprocessing, (&judge, metric), rows, name, seed)?;
    let outputs = preprocessing.output_width();
    let (parameters, weights) = (
        engine.save_parameters()?,
        outputs * preprocessing.input_width(),
    );
    // The coefficients of several members would be several.
    if is_linear(network) && parameters.len() <= weights + outputs {
        let (weights, biases) = parameters.split_at(weights.min(parameters.len()));
        match coefficients(preprocessing, weights, biases) {
            Ok(all) => {
                let link = LOSSES.build(&network.loss, &())?.link();
                (found.coefficients, found.outputs) =
                    (Some(all), importance::outputs(preprocessing, &link));
            }
            Err(why) => found.no_coefficients = Some(why),
        }
    }
    Ok(found)
}

/// Whether the network is one dense layer without activation.
fn is_linear(network: &NetworkSpec) -> bool {
    let [layer] = &network.layers[..] else {
        return false;
    };
    let activation = layer
        .settings
        .get("activation")
        .and_then(|setting| setting.clone().choice());
    layer.name == "dense" && activation.is_none_or(|activation| activation.name == "identity")
}

fn no_rows(place: &str, found: &str) -> crate::Error {
    let error = Error::invalid(place, found, "rows to permute");
    error.remedy("give DATA").into()
}
