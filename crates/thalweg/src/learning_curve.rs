//! Learning curves: how scores on the same test rows change as a recipe gets more rows.
//!
//! A share of the rows that do not test trains and validates, as if there were no others; a smaller
//! share is a part of a larger one. Each share is drawn several times.

use serde::Serialize;
use thalweg_core::error::Error;
use thalweg_data::{Note, Share};

use crate::config::Config;
use crate::cross_validation::{mean, standard_error};
use crate::error::Result;
use crate::job::{Base, Member};
use crate::members::{Common, Listen, Trained};
use crate::preset::Reason;
use crate::request::Request;
use crate::scores::Scores;

/// Trains on shares of the rows.
///
/// ```
/// use thalweg::{LearningCurve, Request, train::Flow};
///
/// let mut request = Request::default();
/// request.source("builtin:iris");
/// request.set("training.epochs", 20)?;
/// let curve = LearningCurve::new(request).shares(vec![0.5, 1.0]).repeats(1);
/// let points = curve.run(&|_| Flow::Continue)?.unwrap().points;
/// assert_eq!(points.iter().map(|point| point.rows).collect::<Vec<_>>(), [69, 135]);
/// # Ok::<(), thalweg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LearningCurve {
    request: Request,
    base: Base,
    shares: Vec<f64>,
    repeats: usize,
    threads: Option<usize>,
}

/// A share of the rows.
#[derive(Debug, Serialize)]
pub struct Point {
    /// The share.
    pub share: f64,
    /// Rows that it has, to train and to validate.
    pub rows: usize,
    /// Every score.
    pub scores: Vec<PointScore>,
}

/// A score over all draws of a share.
#[derive(Debug, Clone, Serialize)]
pub struct PointScore {
    /// Its name: `loss` or a metric.
    pub name: String,
    /// The mean on the test rows.
    pub test: f64,
    /// The standard error of that over the draws; none of a single one.
    pub standard_error: Option<f64>,
    /// The mean on the rows that trained.
    pub train: Option<f64>,
    /// The mean of the best constant on the test rows.
    pub best_constant: Option<f64>,
    /// The mean of a linear model on the test rows.
    pub linear_model: Option<f64>,
}

/// What came of it.
#[derive(Debug)]
pub struct Curve {
    /// By their shares, ascending.
    pub points: Vec<Point>,
    /// Rows of the test part.
    pub tested: usize,
    /// The config of the model of the largest share.
    pub config: Config,
    /// Why the preset chose what it chose for it.
    pub reasons: Vec<Reason>,
    /// What should be known of that model.
    pub notes: Vec<Note>,
}

/// The shares that are tried where none are given.
pub const SHARES: [f64; 5] = [0.0625, 0.125, 0.25, 0.5, 1.0];

/// How often each is drawn.
pub const REPEATS: usize = 3;

impl LearningCurve {
    /// Of what a request asks for.
    pub fn new(request: Request) -> Self {
        Self {
            request,
            base: Base::Preset,
            shares: SHARES.to_vec(),
            repeats: REPEATS,
            threads: None,
        }
    }

    /// What the request changes.
    #[must_use]
    pub fn base(self, base: Base) -> Self {
        Self { base, ..self }
    }

    /// The shares of the rows that do not test, each above 0 and at most 1.
    #[must_use]
    pub fn shares(self, shares: Vec<f64>) -> Self {
        Self { shares, ..self }
    }

    /// Draws each share so many times.
    #[must_use]
    pub fn repeats(self, repeats: usize) -> Self {
        Self { repeats, ..self }
    }

    /// Threads, on which results do not depend; else all of the machine's.
    #[must_use]
    pub fn threads(self, threads: Option<usize>) -> Self {
        Self { threads, ..self }
    }

    /// Trains and tests; none if `listen` stopped it.
    ///
    /// # Errors
    /// If the request, the rows or the shares are not as they should be; if a model diverges.
    pub fn run(mut self, listen: &Listen) -> Result<Option<Curve>> {
        self.shares.sort_by(f64::total_cmp);
        self.shares.dedup();
        let is_share = |share: &f64| *share > 0.0 && *share <= 1.0;
        if self.shares.is_empty() || !self.shares.iter().all(is_share) || self.repeats == 0 {
            let found = format!("{:?}, drawn {} times", self.shares, self.repeats);
            let expected = "one or more, each above 0 and at most 1, drawn once or more";
            return Err(Error::invalid("`shares`", found, expected).into());
        }
        // The largest first, whose notes count, and which takes the longest.
        let shares = self.shares.iter().rev();
        let draws = shares
            .flat_map(|&fraction| (0..self.repeats).map(move |repeat| Share { fraction, repeat }));
        let member = |(number, share)| Member {
            number,
            share: Some(share),
            ..Member::default()
        };
        let members: Vec<Member> = draws.enumerate().map(member).collect();
        let what = ("a learning curve", members[0]);
        let common = Common::read(&self.request, &self.base, self.threads, what)?;
        let Some(mut trained) = common.train(&members, listen)? else {
            return Ok(None);
        };
        let shares = self.shares.iter().rev();
        let draws = shares.zip(trained.chunks(self.repeats));
        let mut points = draws
            .map(|(share, draws)| point(*share, draws))
            .collect::<Result<Vec<Point>>>()?;
        points.reverse();
        let first = trained.swap_remove(0).ended;
        Ok(Some(Curve {
            points,
            tested: first.outcome.rows.test,
            config: first.config,
            reasons: first.reasons,
            notes: first.notes,
        }))
    }
}

fn point(share: f64, draws: &[Trained]) -> Result<Point> {
    let first = &draws[0].ended;
    let rows = first.outcome.rows;
    let Some(test) = &first.end.test else {
        let error = Error::invalid("`data.split.test_fraction`", "no test rows", "test rows");
        return Err(error
            .remedy("choose a larger fraction")
            .at("data.split.test_fraction")
            .into());
    };
    let value = |scores: Option<&Scores>, name: &str| match name {
        "loss" => scores?.loss,
        name => scores?.metric(name),
    };
    let score = |name: &str| {
        let of = |scores: fn(&Trained) -> Option<&Scores>| {
            let each = draws.iter().map(|draw| value(scores(draw), name));
            each.map(|x| x.filter(|x| x.is_finite()))
                .collect::<Vec<_>>()
        };
        let test = of(|draw| draw.ended.end.test.as_ref());
        Some(PointScore {
            name: name.to_owned(),
            test: mean(&test)?,
            standard_error: standard_error(&test, 0.0),
            train: mean(&of(|draw| draw.ended.end.train.as_ref())),
            best_constant: mean(&of(|draw| draw.ended.end.best_constant.as_ref())),
            linear_model: mean(&of(|draw| draw.ended.end.linear_model.as_ref())),
        })
    };
    let names = test.metrics.iter().map(|(name, _)| *name);
    Ok(Point {
        share,
        rows: rows.train + rows.validation,
        scores: names.chain(["loss"]).filter_map(score).collect(),
    })
}
