//! Top-k accuracy: the weighted fraction of the rows whose class is among the k of the largest
//! scores; of equal scores the first come first, so that k = 1 is accuracy. It is left out where
//! there are no more than k classes.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
struct TopK {
    k: usize,
}

impl Metric for TopK {
    fn score(&self, answers: &Answers) -> Option<f64> {
        if answers.kind() != AnswerKind::Classes || answers.classes() <= self.k {
            return None;
        }
        let is_hit = |row: usize| {
            let Some(class) = answers.class(row) else {
                return false;
            };
            let scores = answers.prediction(row);
            let is_before = |(other, score): (usize, &f64)| {
                *score > scores[class] || (*score == scores[class] && other < class)
            };
            let scores = scores.iter().enumerate();
            scores.filter(|other| is_before(*other)).count() < self.k
        };
        answers.mean(|row| f64::from(u8::from(is_hit(row))))
    }
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "top_k",
        summary: "Fraction of the rows whose class is among the k likeliest, of more than k classes",
        equation: "Σ w·[y ∈ top k of p] / Σ w",
        source: "Russakovsky et al. 2015; scikit-learn, top_k_accuracy_score",
        parameters: &[Parameter {
            name: "k",
            summary: "how many classes",
            default: Default::Integer(5),
            domain: Domain::Integer(1, i64::MAX),
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(TopK {
            k: arguments.integer("k"),
        }))
    },
};
