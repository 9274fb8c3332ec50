//! Runs on parts of the same rows: read once, trained side by side, each with preprocessing of its
//! own.

use std::sync::{Mutex, PoisonError};

use thalweg_core::engine::StepReport;
use thalweg_core::error::Error;
use thalweg_core::observe::EpochReport;
use thalweg_core::train::{Flow, Observer, Run};
use thalweg_data::{Note, SplitBy};

use crate::error::Result;
use crate::fit::{Ended, Watch};
use crate::job::{Base, Job, Member, Options};
use crate::load::Tables;
use crate::request::Request;
use crate::resolve;
use crate::side_by_side::side_by_side;
use crate::threads::threads_or_all;

/// What several runs report while they go on, from any of their threads.
pub enum Event<'a> {
    /// What should be known of the rows and the choices.
    Note(&'a Note),
    /// An update of some run.
    Step,
    /// So many runs are over.
    Trained(usize),
}

/// Hears of events, and says whether to go on.
pub type Listen<'a> = dyn Fn(Event) -> Flow + Sync + 'a;

/// What all members share.
pub(crate) struct Common<'a> {
    pub request: Request,
    pub base: &'a Base,
    pub threads: Option<usize>,
    pub tables: Tables,
    /// Whether no rows are kept for a final test.
    uses_all: bool,
}

/// A member that is trained.
pub(crate) struct Trained {
    pub ended: Ended,
    /// Its test rows, by their numbers in the table.
    pub tested: Vec<usize>,
    /// What it predicts for them, as [`Model::predict`](crate::Model::predict) does.
    pub predictions: Vec<f64>,
}

/// Where a listener is one of the observers of a run.
struct Listener<'a>(&'a Listen<'a>);

impl Observer for Listener<'_> {
    fn step(&mut self, _: &mut Run, _: &StepReport) -> thalweg_core::Result<Flow> {
        Ok((self.0)(Event::Step))
    }

    fn epoch(&mut self, _: &mut Run, _: &EpochReport) -> thalweg_core::Result<Flow> {
        Ok((self.0)(Event::Step))
    }
}

impl Watch for Listener<'_> {
    fn member(&mut self, _: usize, _: Option<&EpochReport>) -> Result<Flow> {
        Ok((self.0)(Event::Step))
    }
}

/// Refuses what has no place in runs that are judged and not kept.
fn check(request: &Request, base: &Base, what: &str) -> Result<()> {
    let config = base.config()?;
    let has = |path: &str, of_config: bool| request.has(path) || of_config;
    let config = config.as_ref();
    let goes_on = config.is_some_and(|config| config.continue_from.is_some());
    let refits = config.is_some_and(|config| config.refit);
    let refused = [("continue_from", goes_on), ("refit", refits)]
        .into_iter()
        .find(|(path, of_config)| has(path, *of_config));
    match refused {
        Some((path, _)) => {
            let found = format!("beside {what}, whose models are not kept");
            let error = Error::invalid(format!("`{path}`"), found, "`thalweg train`");
            Err(error.remedy(format!("leave out `{path}`")).at(path).into())
        }
        None => Ok(()),
    }
}

impl<'a> Common<'a> {
    /// Reads the rows of a request for members like this one. Folds take all rows where no rows are
    /// asked for that none of them sees.
    ///
    /// # Errors
    /// If something asked for has no place in `what` this is, or the rows cannot be read.
    pub fn read(
        request: &Request,
        base: &'a Base,
        threads: Option<usize>,
        (what, member): (&str, Member),
    ) -> Result<Self> {
        check(request, base, what)?;
        let config = base.config()?;
        let mut data = resolve::data(request, config.as_ref())?;
        let names_parts = matches!(data.split.by, SplitBy::Column(_));
        let is_asked = request.has("data.split.test_fraction") || config.is_some();
        let has_file = data.test.is_some();
        let uses_all = member.fold.is_some() && !names_parts && (has_file || !is_asked);
        let member = Member { uses_all, ..member };
        member.place(&mut data);
        Ok(Self {
            tables: Tables::read(&data, None)?,
            request: request.clone(),
            base,
            threads,
            uses_all,
        })
    }

    /// Trains all members; none if the listener stopped them.
    ///
    /// # Errors
    /// As [`Job::open`] and [`Job::train`], and if a member diverges.
    pub fn train(&self, members: &[Member], listen: &Listen) -> Result<Option<Vec<Trained>>> {
        let (threads, over) = (threads_or_all(self.threads), Mutex::new(0));
        let all = side_by_side(members.len(), threads, |number, threads| {
            let trained = self.one(members[number], threads, listen)?;
            if trained.is_some() {
                let mut over = over.lock().unwrap_or_else(PoisonError::into_inner);
                *over += 1;
                listen(Event::Trained(*over));
            }
            Ok(trained)
        });
        Ok(all?.into_iter().collect())
    }

    fn one(&self, member: Member, threads: usize, listen: &Listen) -> Result<Option<Trained>> {
        let uses_all = self.uses_all;
        let member = Member { uses_all, ..member };
        let options = Options {
            base: self.base.clone(),
            threads: Some(threads),
            member,
            ..Options::default()
        };
        // What is said of the rows of one says enough.
        let mut tell = |note: &Note| {
            if member.number == 0 {
                listen(Event::Note(note));
            }
        };
        let job = Job::open_on(&self.request, None, Some(&self.tables), options, &mut tell)?;
        let test = job.rows().test.clone();
        let tested = job.rows().numbers(&job.rows().split.test);
        let mut ended = job.train(&mut Listener(listen))?;
        if ended.is_interrupted() {
            return Ok(None);
        }
        if let Some(failure) = ended.failure {
            return Err(crate::Error::Diverged(failure));
        }
        ended.model = ended.model.map(|model| model.with_threads(threads));
        let predictions = match (&ended.model, &test) {
            (Some(model), Some(test)) => model.predict(test.view().features)?,
            _ => Vec::new(),
        };
        Ok(Some(Trained {
            ended,
            tested,
            predictions,
        }))
    }
}
