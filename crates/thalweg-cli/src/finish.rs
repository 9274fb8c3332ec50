//! After training: the model is judged and written, and the user is told.

use thalweg_core::dataset::Dataset;
use thalweg_core::engine::Engine;
use thalweg_data::{Note, Prepared};

use crate::exit::{Failure, Result};
use crate::summary;
use crate::terminal::Terminal;
use thalweg::advice::useless;
use thalweg::config::Config;
use thalweg::log::End;
use thalweg::model::{Description, Outcome};
use thalweg::preset::Reason;
use thalweg::run_folder::{MODEL, RunFolder};
use thalweg::scores::{Judge, Scores, without_class_weights};

/// Fewer rows than these do not tell a model from a constant.
const FEW: usize = 20;

/// Judges and writes what training gave.
pub struct Finish<'a> {
    pub config: &'a Config,
    pub prepared: &'a Prepared,
    pub outcome: &'a Outcome,
    /// ‖g‖ of the last epoch.
    pub gradient_norm: f64,
    pub folder: &'a RunFolder,
    pub terminal: &'a Terminal,
    pub reasons: &'a [Reason],
}

impl<'a> Finish<'a> {
    /// Writes the model unless its loss is not finite, prints the summary, and gives the last event.
    pub fn end(&self, engine: &mut dyn Engine, has_model: bool, seconds: f64) -> Result<End<'a>> {
        let mut end = End {
            event: "end",
            epochs: self.outcome.epochs,
            best_epoch: has_model.then_some(self.outcome.best_epoch),
            stopped_by: &self.outcome.stopped_by,
            seconds,
            train: None,
            validation: None,
            test: None,
            best_constant: None,
            out: self.folder.to_string(),
            not_finite: None,
        };
        if !has_model {
            return Ok(end);
        }
        let Prepared {
            preprocessing,
            validation,
            test,
            ..
        } = self.prepared;
        let judge = Judge::new(preprocessing, &self.config.network.loss)?;
        let training = without_class_weights(&self.prepared.train, preprocessing);
        let mut score =
            |part: Option<&Dataset>| part.map(|part| judge.model(engine, part)).transpose();
        end.train = score(Some(&training))?;
        end.validation = score(validation.as_ref())?;
        let loss = |scores: &Option<Scores>| scores.as_ref().and_then(|scores| scores.loss);
        end.not_finite = [
            ("training loss", loss(&end.train)),
            ("validation loss", loss(&end.validation)),
        ]
        .into_iter()
        .find_map(|(name, loss)| Some((name, loss.filter(|loss| !loss.is_finite())?)));
        if end.not_finite.is_some() {
            (end.best_epoch, end.stopped_by) = (None, "diverged");
            (end.train, end.validation) = (None, None);
            return Ok(end);
        }
        end.test = score(test.as_ref())?;
        let judged = test.as_ref().or(validation.as_ref()).unwrap_or(&training);
        let constant = judge.constant(&training, judged)?;
        let of_judged = end.test.as_ref().or(end.validation.as_ref());
        let enough = of_judged.is_some_and(|scores| scores.rows >= FEW);
        let fails_there = enough && of_judged.is_some_and(|scores| !scores.beats(&constant));
        let of_training = judge.constant(&training, &training)?;
        let fails_here = (end.train.as_ref()).is_some_and(|train| !train.beats(&of_training));
        end.best_constant = Some(constant);

        let description = Description {
            kind: "model".to_owned(),
            network: self.config.network.clone(),
            training: self.config.training.clone(),
            preprocessing: preprocessing.clone(),
            missing: self.config.data.read.missing.clone(),
            outcome: self.outcome.clone(),
            metrics: thalweg::model::metadata(&Metrics {
                train: &end.train,
                validation: &end.validation,
                test: &end.test,
                best_constant: &end.best_constant,
            })?,
        };
        (self.folder.write(MODEL, &description.to_bytes(engine)?))
            .map_err(|error| Failure::Running(error.to_string()))?;
        self.print(&end, fails_there || fails_here);
        Ok(end)
    }

    fn print(&self, end: &End, is_useless: bool) {
        self.terminal.line(&summary::ending(
            self.outcome,
            end.seconds,
            self.gradient_norm,
        ));
        let parts = [
            ("test", &end.test),
            ("best constant", &end.best_constant),
            ("validation", &end.validation),
            ("train", &end.train),
        ];
        let mut named: Vec<(String, &Scores)> = Vec::new();
        for (name, scores) in parts {
            match scores {
                Some(scores) if name == "best constant" => named.push((name.to_owned(), scores)),
                Some(scores) => named.push((summary::part(name, scores), scores)),
                None => {}
            }
        }
        let parts = named
            .iter()
            .map(|(name, scores)| (name.as_str(), *scores))
            .collect();
        summary::print(self.terminal, &parts, self.reasons);
        if is_useless {
            let remedy = useless(self.config, &self.outcome.stopped_by);
            self.terminal.note(&Note::warning(format!(
                "the model is no better than the best constant: {remedy}"
            )));
        }
    }
}

#[derive(serde::Serialize)]
struct Metrics<'a> {
    train: &'a Option<Scores>,
    validation: &'a Option<Scores>,
    test: &'a Option<Scores>,
    best_constant: &'a Option<Scores>,
}
