//! `or_linear`: a linear model of the same inputs, which takes the place of the trained network where
//! its loss on the validation rows is lower. It is fitted by L-BFGS with the penalties tried.

use thalweg_core::cpu;
use thalweg_core::dataset::DatasetRef;
use thalweg_core::engine::Engine;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Run, train};
use thalweg_data::Note;

use crate::classes::{self, Weighting};
use crate::config::Config;
use crate::error::Result;
use crate::log::Raced;
use crate::model::for_rows;
use crate::network_file;
use crate::rows::{Part, RunRows};
use crate::scores::Judge;
use crate::text::figure;

const ITERATIONS: usize = 60;
const PENALTIES: [f64; 2] = [1e-4, 1e-2];

/// What came of it.
#[derive(Default)]
pub(crate) struct Race {
    /// Who took part, with their losses on the validation rows.
    pub raced: Vec<Raced>,
    /// The linear model, if it is the better one.
    pub linear: Option<Linear>,
}

/// A linear model that is better than the network.
pub(crate) struct Linear {
    /// The config with it in the place of the network.
    pub config: Config,
    /// It.
    pub engine: Box<dyn Engine>,
    /// That it is the model.
    pub note: Note,
}

/// Compares linear models with the trained network on the validation rows. Only for a finished run
/// whose config sets `or_linear`, and that has such rows.
pub(crate) fn race(
    is_through: bool,
    config: &Config,
    rows: &RunRows,
    weighting: &Weighting,
    engine: &mut dyn Engine,
) -> Result<Race> {
    let validation = rows.validation.as_ref().map(Part::view);
    let Some(validation) = validation.filter(|_| is_through && config.or_linear) else {
        return Ok(Race::default());
    };
    // By the loss that chose the best epoch: probabilities are not corrected yet.
    let weights = classes::weights(validation, weighting.factors.as_deref());
    let validation = DatasetRef {
        weights: weights.as_deref(),
        ..validation
    };
    let judge = Judge::new(&rows.preprocessing, &config.network.loss)?;
    let of_network = judge.model(engine, validation)?.loss;
    let mut raced = vec![Raced::new("network".to_owned(), of_network)];
    let mut least = of_network.unwrap_or(f64::INFINITY);
    let (mut best, mut found) = (0, None);
    let dtype = config.training.dtype;
    let batch_size = for_rows(&config.training, rows.train.rows()).batch_size;
    for l2 in PENALTIES {
        let mut config = linear(config, rows, l2);
        config.network = config.network.resolve()?;
        let Some(fitted) = fit(&config, rows, weighting, engine.threads())? else {
            continue;
        };
        // Solved in double precision, it answers in that of the run, as which its rows are prepared.
        config.training.dtype = dtype;
        let answering = TrainingSpec {
            dtype,
            batch_size: batch_size.max(engine.evaluation_rows()),
            ..TrainingSpec::default()
        };
        let mut engine = cpu::engine_to_load(&config.network, &answering, engine.threads())?;
        engine.load_parameters(&fitted.save_parameters()?)?;
        let loss = judge.model(&mut *engine, validation)?.loss;
        raced.push(Raced::new(
            format!("linear model (l2 {})", figure(l2)),
            loss,
        ));
        if let Some(loss) = loss.filter(|loss| *loss < least) {
            (least, best) = (loss, raced.len() - 1);
            let note = Note::info(format!(
                "the model is a linear one: its validation loss is {}, that of the network {}",
                figure(loss),
                figure(of_network.unwrap_or(f64::NAN)),
            ));
            found = Some(Linear {
                config,
                engine,
                note,
            });
        }
    }
    raced[best].is_taken = true;
    Ok(Race {
        raced,
        linear: found,
    })
}

/// The config of a linear model: codes of categories are embedded first.
pub(crate) fn linear(config: &Config, rows: &RunRows, l2: f64) -> Config {
    let codes = rows.preprocessing.codes();
    let embedding = (!codes.is_empty()).then(|| network_file::embedding(&codes));
    let output = Choice::new(network_file::dense(rows.preprocessing.is_sparse()))
        .with(
            "units",
            Setting::Integer(rows.preprocessing.output_width() as i64),
        )
        .with("initializer", Setting::Text("zeros".to_owned()));
    Config {
        network: NetworkSpec {
            layers: embedding.into_iter().chain([output]).collect(),
            ..config.network.clone()
        },
        training: TrainingSpec {
            optimizer: Choice::new("lbfgs"),
            epochs: ITERATIONS,
            l2,
            dtype: Dtype::F64,
            seed: config.training.seed,
            ..TrainingSpec::default()
        },
        ..config.clone()
    }
}

/// None where it cannot be fitted.
fn fit(
    config: &Config,
    rows: &RunRows,
    weighting: &Weighting,
    threads: usize,
) -> Result<Option<Box<dyn Engine>>> {
    let engine = cpu::engine(&config.network, &config.training, threads)?;
    // A solver sees every row once: what the run samples more often weighs more.
    let source = classes::reweighted(rows.train.source()?, weighting.sampled.as_deref());
    let mut run = Run::with_sources(engine, &config.training, source, None)?;
    Ok(train(&mut run, &mut ()).is_ok().then(|| run.into_engine()))
}
