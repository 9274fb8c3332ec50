//! Matthews correlation coefficient, the correlation of true and answered classes: with the
//! confusion matrix C, its sum s, its trace c, and the sums t of its rows and p of its columns,
//! (c·s − t·p) / √((s² − p·p)·(s² − t·t)); 0 where that is 0/0, as where one class is answered alone.

use super::{Answers, Metric, confusion};
use crate::registry::{Description, Entry};

/// See the module's text.
struct Mcc;

impl Metric for Mcc {
    fn score(&self, answers: &Answers) -> Option<f64> {
        let matrix = confusion(answers)?;
        let classes = 0..matrix.len();
        let truth: Vec<f64> = matrix.iter().map(|row| row.iter().sum()).collect();
        let answered = |class: usize| matrix.iter().map(|row| row[class]).sum();
        let answered: Vec<f64> = classes.clone().map(answered).collect();
        let right: f64 = classes.map(|class| matrix[class][class]).sum();
        let all: f64 = truth.iter().sum();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let covariance = right * all - dot(&truth, &answered);
        let variances = (all * all - dot(&answered, &answered)) * (all * all - dot(&truth, &truth));
        (all > 0.0).then_some(match variances > 0.0 {
            true => covariance / variances.sqrt(),
            false => 0.0,
        })
    }
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "mcc",
        summary: "Matthews correlation of true and answered classes: 1 is perfect, 0 is chance",
        equation: "(c·s − t·p) / √((s² − p·p)·(s² − t·t))",
        source: "Matthews 1975; Gorodkin 2004",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Mcc)),
};
