//! What weights of classes mean beyond the gradient.
//!
//! Class weights and balanced sampling multiply each class k in the objective by a factor vₖ. Where
//! they do, the best epoch is that of the same objective on the validation rows; and what the
//! network learns is p̃(k) ∝ vₖ·p(k), so that log vₖ is subtracted from its logits after training, for
//! probabilities by the true shares of the classes (King & Zeng 2001). A class is answered as the
//! weights ask for: the largest vₖ·p(k).

use std::borrow::Cow;

use thalweg_core::dataset::{DatasetRef, TargetsRef};
use thalweg_core::engine::{Batch, Engine, ParameterInfo};
use thalweg_core::initializers::output_bias;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::metrics::{Decision, Threshold};
use thalweg_core::source::{Request, RowSource, Schema};
use thalweg_core::spec::{NetworkSpec, Sampling};
use thalweg_data::error::quote;
use thalweg_data::{Note, Task};

use crate::config::Config;
use crate::error::Result;
use crate::rows::RunRows;
use crate::scores::Scores;
use crate::text::figure;

/// What balanced sampling multiplies each class by.
fn sampled(config: &Config, rows: &RunRows) -> Option<Vec<f64>> {
    let (TargetsRef::Classes(_), Sampling::Balanced) =
        (rows.train.view().targets, config.training.batches.sampling)
    else {
        return None;
    };
    let mut of_class = rows.train.class_rows();
    of_class.resize(rows.preprocessing.classes().len(), 0);
    let all: usize = of_class.iter().sum();
    let present = of_class.iter().filter(|rows| **rows > 0).count();
    let factor = |rows: usize| match rows {
        0 => 1.0,
        rows => all as f64 / (present * rows) as f64,
    };
    Some(of_class.into_iter().map(factor).collect())
}

/// vₖ of each class; none where all are the same.
fn factors(rows: &RunRows, sampled: Option<&[f64]>) -> Option<Vec<f64>> {
    let factors = match (&rows.preprocessing.class_weights, sampled) {
        (Some(weights), Some(sampled)) => weights.iter().zip(sampled).map(|(a, b)| a * b).collect(),
        (Some(weights), None) => weights.clone(),
        (None, sampled) => sampled?.to_vec(),
    };
    let is_same = factors.iter().all(|factor| *factor == factors[0]);
    (!is_same).then_some(factors)
}

/// The weights of rows times the factors of their classes.
pub(crate) fn weights<'a>(rows: DatasetRef<'a>, factors: Option<&[f64]>) -> Option<Cow<'a, [f32]>> {
    let (Some(factors), TargetsRef::Classes(classes)) = (factors, rows.targets) else {
        return rows.weights.map(Cow::Borrowed);
    };
    let weight = |(row, class): (usize, &u32)| {
        rows.weights.map_or(1.0, |weights| weights[row]) * factors[*class as usize] as f32
    };
    Some(classes.iter().enumerate().map(weight).collect())
}

/// Rows with other weights, as a source of batches.
pub(crate) fn weighted<'a>(
    rows: Option<DatasetRef<'a>>,
    weights: Option<&'a [f32]>,
) -> Option<Box<dyn RowSource + 'a>> {
    let source = |rows| -> Box<dyn RowSource + 'a> { Box::new(DatasetRef { weights, ..rows }) };
    rows.map(source)
}

/// Rows of any source with their weights times the factors of their classes.
pub(crate) fn reweighted<'a>(
    inner: Box<dyn RowSource + 'a>,
    factors: Option<&'a [f64]>,
) -> Box<dyn RowSource + 'a> {
    match factors {
        None => inner,
        Some(factors) => Box::new(Reweighted {
            inner,
            factors,
            weights: Vec::new(),
        }),
    }
}

struct Reweighted<'a> {
    inner: Box<dyn RowSource + 'a>,
    factors: &'a [f64],
    /// Those of the rows of the last batch, by their places in its buffers.
    weights: Vec<f32>,
}

impl RowSource for Reweighted<'_> {
    fn schema(&self) -> Schema {
        Schema {
            is_weighted: true,
            ..self.inner.schema()
        }
    }

    fn batch<'a>(&'a mut self, request: Request<'a>) -> thalweg_core::Result<Batch<'a>> {
        let batch = self.inner.batch(request)?;
        if let Some(TargetsRef::Classes(classes)) = batch.targets {
            self.weights.resize(classes.len(), 1.0);
            for row in batch.rows.iter() {
                let own = batch.weights.map_or(1.0, |weights| weights[row]);
                self.weights[row] = own * self.factors[classes[row] as usize] as f32;
            }
        }
        Ok(Batch {
            weights: Some(&self.weights),
            ..batch
        })
    }

    fn chunk(&self) -> usize {
        self.inner.chunk()
    }
}

/// What makes a network that learned p̃(k) ∝ vₖ·p(k) predict p(k), and answer as before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Correction {
    factors: Vec<f64>,
    /// Is added to the biases of the output layer.
    pub shift: Vec<f64>,
    /// Answers what the uncorrected network finds the likeliest.
    pub decision: Decision,
}

/// Factors vₖ of the classes, and the correction that they need.
#[derive(Debug, Default)]
pub(crate) struct Weighting {
    /// None where all are the same.
    pub factors: Option<Vec<f64>>,
    /// Those of balanced sampling alone, which the weights of the rows do not have.
    pub sampled: Option<Vec<f64>>,
    pub correction: Option<Correction>,
}

impl Weighting {
    /// Of a run whose network has these tensors. A note says why there is no correction, if it should
    /// be there.
    pub fn new(
        config: &Config,
        rows: &RunRows,
        tensors: &[ParameterInfo],
    ) -> Result<(Self, Option<Note>)> {
        let sampled = sampled(config, rows);
        let factors = factors(rows, sampled.as_deref());
        let link = LOSSES.build(&config.network.loss, &())?.link();
        let correction = match &factors {
            Some(factors) if config.data.fit.prior_correction => Correction::of(factors, link),
            _ => None,
        };
        let has_bias = output_bias(tensors, &config.network)?.is_some();
        let note = (correction.is_some() && !has_bias).then(|| {
            Note::warning(
                "probabilities stay as the weights of the classes make them: the last layer is not linear with a bias, \
                 by which they are corrected to the true shares",
            )
        });
        let correction = correction.filter(|_| has_bias);
        let weighting = Self {
            factors,
            sampled,
            correction,
        };
        Ok((weighting, note))
    }
}

impl Correction {
    /// None for a loss without probabilities.
    pub fn of(factors: &[f64], link: Link) -> Option<Self> {
        let (shift, decision) = match (link, factors) {
            (Link::Sigmoid, [zero, one]) => (
                vec![(zero / one).ln()],
                Decision::Thresholds(vec![zero / (zero + one)]),
            ),
            (Link::Softmax, factors) => (
                factors.iter().map(|factor| -factor.ln()).collect(),
                Decision::Weights(factors.to_vec()),
            ),
            _ => return None,
        };
        Some(Self {
            factors: factors.to_vec(),
            shift,
            decision,
        })
    }

    /// Adds the shift to the biases of the output layer.
    pub fn apply(&self, engine: &mut dyn Engine, network: &NetworkSpec) -> Result<()> {
        if let Some((biases, _)) = output_bias(&engine.parameters(), network)? {
            let mut parameters = engine.save_parameters()?;
            let biases = parameters[biases].iter_mut();
            biases
                .zip(self.shift.iter().cycle())
                .for_each(|(bias, shift)| *bias += shift);
            engine.load_parameters(&parameters)?;
        }
        Ok(())
    }

    /// What the corrected network predicts, from what it predicts as it is.
    pub fn corrected(&self, predictions: &[f64]) -> Vec<f64> {
        match &self.factors[..] {
            [zero, one] if self.shift.len() == 1 => predictions
                .iter()
                .map(|p| (p / one) / (p / one + (1.0 - p) / zero))
                .collect(),
            factors => {
                let row = |row: &[f64]| {
                    let parts = row.iter().zip(factors).map(|(p, factor)| p / factor);
                    let parts: Vec<f64> = parts.collect();
                    let sum: f64 = parts.iter().sum();
                    parts.into_iter().map(move |part| part / sum)
                };
                predictions.chunks(factors.len()).flat_map(row).collect()
            }
        }
    }
}

/// What makes a model answer a rare class of two: a threshold, where its probabilities tell the classes
/// apart. It does what weights of the classes do, and leaves the probabilities as they are.
fn by_threshold(
    config: &Config,
    judged: &Scores,
    (share, is_positive): (f64, bool),
    has_validation: bool,
) -> String {
    /// An area under the curve that few rows give by chance.
    const BY_CHANCE: f64 = 0.55;
    if let Some(auc) = judged.metric("auc").filter(|auc| *auc < BY_CHANCE) {
        let auc = figure(auc);
        return format!("no column tells it from the other (auc {auc}): look at the columns");
    }
    let has_probabilities =
        (LOSSES.build(&config.network.loss, &())).is_ok_and(|loss| loss.link() == Link::Sigmoid);
    let wanted = match (config.judging.threshold, has_validation) {
        _ if !has_probabilities => "`data.fit.class_weight` balanced".to_owned(),
        (Some(Threshold::Youden), _) => {
            return "give more rows of it, or look at the columns".to_owned();
        }
        // F1 is that of the positive class.
        (None, true) if is_positive => "`judging.threshold` f1, or youden".to_owned(),
        (_, true) => "`judging.threshold` youden".to_owned(),
        (_, false) => {
            let least = if is_positive { share } else { 1.0 - share };
            format!("`judging.threshold` {}", figure(least))
        }
    };
    format!("try {wanted}, which finds more of its rows with more false alarms")
}

/// A hint where a rare class is never answered rightly, and what to try.
pub(crate) fn rare(
    config: &Config,
    rows: &RunRows,
    training: DatasetRef,
    judged: &Scores,
) -> Option<Note> {
    /// A class is rare below this part of its even share.
    const RARE: f64 = 0.4;
    let (TargetsRef::Classes(classes), Some(matrix)) = (training.targets, &judged.confusion) else {
        return None;
    };
    let (preprocessing, has_validation) = (&rows.preprocessing, rows.validation.is_some());
    let mut shares = vec![0.0; matrix.len()];
    for (row, class) in classes.iter().enumerate() {
        shares[*class as usize] += training
            .weights
            .map_or(1.0, |weights| f64::from(weights[row]));
    }
    let all: f64 = shares.iter().sum();
    let of_class = |class: usize| match &preprocessing.class_weights {
        Some(weights) => weights[class],
        None => 1.0,
    };
    let weighty = |class: usize| shares[class] * of_class(class);
    let all_weighty: f64 = (0..shares.len()).map(weighty).sum();
    let even = RARE / matrix.len() as f64;
    let is_rare = |class: usize| shares[class] < even * all;
    let is_missed = |class: &usize| {
        let truth = matrix[*class].iter().sum::<f64>();
        let counts_little = weighty(*class) < even * all_weighty;
        shares[*class] > 0.0
            && (is_rare(*class) || counts_little)
            && truth > 0.0
            && matrix[*class][*class] == 0.0
    };
    let missed: Vec<usize> = (0..matrix.len()).filter(is_missed).collect();
    let rarest = *(missed.iter()).min_by(|a, b| shares[**a].total_cmp(&shares[**b]))?;
    let found = match missed.len() {
        1 => "is never found".to_owned(),
        2 => "and another class are never found".to_owned(),
        count => format!("and {} more classes are never found", count - 1),
    };
    let has_weights = config.data.fit.class_weight.is_some();
    let remedy = match preprocessing.task() {
        _ if has_weights && !is_rare(rarest) => {
            "its `data.fit.class_weight` is small beside those of the others: give it a larger one"
                .to_owned()
        }
        Task::Binary => {
            let share = (shares[rarest] / all, rarest == 1);
            by_threshold(config, judged, share, has_validation)
        },
        _ if has_weights => {
            "give it a larger `data.fit.class_weight`, or look at the columns".to_owned()
        }
        _ => "its probability is never the largest: `data.fit.class_weight` balanced answers it more often, at the cost \
              of the others"
            .to_owned(),
    };
    let name = quote(preprocessing.class(rarest)?);
    let share = 100.0 * shares[rarest] / all;
    let digits = usize::from(share < 10.0) + usize::from(share < 1.0);
    Some(Note::warning(format!(
        "class {name} ({share:.digits$} % of the training rows) {found}: {remedy}"
    )))
}
