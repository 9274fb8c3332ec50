//! The race of `--preset best`, by successive halving. All candidates (`preset/best.rs`) are trained
//! for a quarter of their epochs, the best half of them for half of them. Of these the members of an
//! ensemble are selected greedily: a recipe joins where the mean with it is better on both halves of
//! the validation rows, so that none joins by the luck of a few rows. A linear model is among the
//! candidates.
//!
//! A race ends before anything is written: the run is one of the recipes that it finds, which
//! `config.toml` holds.

use std::time::Instant;

use thalweg_core::engine::{Batch, Engine, Rows as Which};
use thalweg_core::registry::Choice;

use crate::averaged::Averaged;
use crate::config::Ensemble;
use crate::ensemble;
use crate::error::Result;
use crate::fit::{Ended, Watch};
use crate::job::{Job, Options};
use crate::log::Raced;
use crate::model::Model;
use crate::preset::Reason;
use crate::preset::best::{Budget, Candidate, on_columns, portfolio};
use crate::rows::{Part, RunRows};
use crate::selection::columns_to_keep;
use crate::side_by_side::side_by_side;
use crate::threads::threads_or_all;

/// The part of the epochs that all candidates get, and that the finalists get: one of so many.
const PART: usize = 4;
const LAST_PART: usize = 2;
/// Candidates of the second heat, and recipes of the ensemble, at most.
const FINALISTS: usize = 4;
const RECIPES: usize = 2;

impl Job<'_> {
    /// Trains, judges the model on every part of the rows, and writes what belongs into the folder,
    /// if there is one.
    ///
    /// A run that diverges ends well here: its [`Ended::failure`] says why, and the model is that
    /// of the best epoch.
    ///
    /// # Errors
    /// If the network does not fit the rows or into memory, the observer fails, or a file cannot be
    /// written.
    pub fn train(mut self, watch: &mut dyn Watch) -> Result<Ended> {
        if let Some(budget) = self.race.take() {
            race(&mut self, budget, watch)?;
        }
        match self.config.ensemble.clone() {
            Some(ensemble) => ensemble::train(self, &ensemble, watch),
            None => self.train_single(watch),
        }
    }
}

/// A candidate that was trained.
struct Tried {
    candidate: Candidate,
    model: Model,
    /// On the validation rows.
    loss: f64,
    epochs: usize,
    seconds: f64,
}

impl Tried {
    fn raced(&self) -> Raced {
        Raced {
            epochs: Some(self.epochs),
            seconds: Some(self.seconds),
            ..Raced::new(self.candidate.name.to_string(), Some(self.loss))
        }
    }
}

/// Takes the recipes that win into the config of a job, with the reason.
fn race(job: &mut Job, budget: Budget, watch: &mut dyn Watch) -> Result<()> {
    let Some(ensemble) = job.config.ensemble.clone() else {
        return Ok(());
    };
    let threads = threads_or_all(job.options.threads);
    let rows = ensemble::rows(&job.rows, ensemble.fold(0));
    let candidates = portfolio(&job.config, &job.rows)?;
    let all = candidates.len();
    watch.race(all, PART);
    let begun = Instant::now();
    let first = train_all(job, &rows, candidates, PART, threads)?;
    let spent = all as f64 / PART as f64;
    let trainings = match budget {
        Budget::Trainings(trainings) => trainings,
        Budget::Seconds(seconds) => seconds / begun.elapsed().as_secs_f64() * spent,
    };
    let mut heats = vec![format!("at 1/{PART} of the epochs")];
    let mut raced: Vec<Raced> = first.iter().map(Tried::raced).collect();
    let mut last_heat = 0..raced.len();
    let members = ensemble.members as f64;
    let left = (trainings - spent - members) * LAST_PART as f64;
    let finalists = left.clamp(1.0, FINALISTS as f64) as usize;
    let fewer = match finalists {
        0 | 1 => None,
        _ => on_fewer_columns(&first, job, &rows)?,
    };
    let taken = finalists - usize::from(fewer.is_some());
    let finalists: Vec<Candidate> = (first.into_iter().map(|tried| tried.candidate))
        .take(taken)
        .chain(fewer)
        .collect();
    let chosen = match finalists.len() {
        0 | 1 => finalists,
        _ => {
            watch.race(finalists.len(), LAST_PART);
            let last = train_all(job, &rows, finalists, LAST_PART, threads)?;
            heats.push(format!("at 1/{LAST_PART}"));
            last_heat = raced.len()..raced.len() + last.len();
            raced.extend(last.iter().map(Tried::raced));
            let is_even = ensemble.members.is_multiple_of(RECIPES);
            let most = if is_even { RECIPES } else { 1 };
            select(&last, most, &rows, &job.config.network.loss, threads)?
        }
    };
    if chosen.is_empty() {
        return Ok(());
    }
    let clock = match budget {
        Budget::Trainings(_) => "",
        Budget::Seconds(_) => "; the clock decided how many were tried",
    };
    let names: Vec<&str> = chosen.iter().map(|candidate| &*candidate.name).collect();
    for one in &mut raced[last_heat] {
        one.is_taken = names.contains(&one.name.as_str());
    }
    job.raced = raced;
    take(job, ensemble, &chosen);
    job.reasons.insert(
        0,
        Reason {
            field: "preset",
            choice: names.join(" + "),
            why: format!("by validation loss {}{clock}", heats.join(" and ")).into(),
        },
    );
    Ok(())
}

/// The best network on the columns that it needs on the rows of the race, if it does without some.
fn on_fewer_columns(tried: &[Tried], job: &Job, rows: &RunRows) -> Result<Option<Candidate>> {
    // A linear model is solved, with all columns.
    let mut networks = (tried.iter()).filter(|tried| tried.candidate.name != "linear");
    let Some(best) = networks.next() else {
        return Ok(None);
    };
    let seed = job.config.training.seed;
    let kept = columns_to_keep(&mut *best.model.engine(1)?, rows, seed)?;
    let candidate = |kept: Vec<bool>| on_columns(&best.candidate, &kept, &job.rows);
    kept.map(candidate).transpose()
}

/// The recipes as those of equal parts of the members, whose folds stay as they were dealt.
fn take(job: &mut Job, ensemble: Ensemble, chosen: &[Candidate]) {
    let Some(best) = chosen.first() else {
        return;
    };
    let config = &mut job.config;
    if best.recipe.network != config.network {
        job.reasons.retain(|reason| {
            let is_of_recipe = ["mlp.", "training."]
                .iter()
                .any(|of| reason.field.starts_with(of));
            !is_of_recipe
        });
    }
    config.network = best.recipe.network.clone();
    config.training = best.recipe.training.clone();
    config.ensemble = Some(match chosen {
        [_] => ensemble,
        several => Ensemble {
            folds: ensemble.folds(),
            recipes: several
                .iter()
                .map(|candidate| candidate.recipe.clone())
                .collect(),
            ..ensemble
        },
    });
}

/// Trains candidates for one of `part` parts of their epochs; those that have a model, the least
/// validation loss first.
fn train_all(
    job: &Job,
    rows: &RunRows,
    candidates: Vec<Candidate>,
    part: usize,
    threads: usize,
) -> Result<Vec<Tried>> {
    let train = |number: usize, threads| {
        let mut config = ensemble::of_member(&job.config, 0);
        config.network = candidates[number].recipe.network.clone();
        config.training = candidates[number].recipe.training.clone();
        config.training.epochs = config.training.epochs.div_ceil(part);
        let options = Options {
            threads: Some(threads),
            ..Options::default()
        };
        let ended = job
            .member(config, ensemble::rows(rows, None), options)?
            .train_single(&mut ())?;
        let loss = ended.end.validation.and_then(|scores| scores.loss);
        let cost = (ended.end.epochs, ended.end.seconds);
        Ok(Some(ended.model.zip(loss).zip(Some(cost))))
    };
    let trained = side_by_side(candidates.len(), threads, train)?;
    let mut all: Vec<Tried> = (candidates.into_iter().zip(trained))
        .filter_map(|(candidate, trained)| {
            let ((model, loss), (epochs, seconds)) = trained.flatten()?;
            Some(Tried {
                candidate,
                model,
                loss,
                epochs,
                seconds,
            })
        })
        .collect();
    all.sort_by(|a, b| a.loss.total_cmp(&b.loss));
    Ok(all)
}

/// At most so many of the candidates whose mean is the best, the best one first.
fn select(
    all: &[Tried],
    most: usize,
    rows: &RunRows,
    loss: &Choice,
    threads: usize,
) -> Result<Vec<Candidate>> {
    let Some(validation) = rows.validation.as_ref().map(Part::view) else {
        return Ok(Vec::new());
    };
    let count = validation.features.rows() as u32;
    let halves = [0, 1].map(|first| (first..count).step_by(2).collect::<Vec<u32>>());
    let losses = |chosen: &[usize]| -> Result<[f64; 2]> {
        let engines = chosen.iter().map(|number| all[*number].model.engine(1));
        let mut mean = Averaged::new(engines.collect::<Result<Vec<_>>>()?, loss, threads)?;
        let mut of =
            |half: &Vec<u32>| mean.evaluate(&Batch::new(validation, Which::Listed(half)), None);
        Ok([of(&halves[0])?, of(&halves[1])?])
    };
    let mut chosen: Vec<usize> = (0..all.len().min(1)).collect();
    while (1..most).contains(&chosen.len()) {
        let before = losses(&chosen)?;
        let mut best: Option<(f64, usize)> = None;
        // A linear model is solved in double precision, which a model file has for all or none.
        let dtype = |number: usize| all[number].candidate.recipe.training.dtype;
        let fits = |other: &usize| !chosen.contains(other) && dtype(*other) == dtype(chosen[0]);
        for other in (0..all.len()).filter(fits) {
            let after = losses(&[chosen.as_slice(), &[other]].concat())?;
            let (sum, is_better) = (
                after[0] + after[1],
                after[0] < before[0] && after[1] < before[1],
            );
            if is_better && best.is_none_or(|(least, _)| sum < least) {
                best = Some((sum, other));
            }
        }
        match best {
            Some((_, other)) => chosen.push(other),
            None => break,
        }
    }
    Ok(chosen
        .into_iter()
        .map(|number| all[number].candidate.clone())
        .collect())
}
