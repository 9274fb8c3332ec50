//! How well classes and labels are separated: curves over the threshold, calibration, confusion.

use serde::Serialize;
use thalweg_core::metrics::confusion;
use thalweg_data::Task;

use super::columns::shortened;
use super::interval::wilson;
use super::judged::Judged;
use crate::error::Result;

/// Classes or labels with curves of their own, the most frequent ones.
const CURVES: usize = 12;
/// Points of a curve.
const POINTS: usize = 160;
/// More classes make no readable matrix: then the pairs that are confused most are listed.
const MATRIX: usize = 30;
const PAIRS: usize = 40;
const BINS: usize = 10;

/// Figures of a model of classes or labels.
#[derive(Debug, Clone, Serialize)]
pub struct Classes {
    /// How well each class or label is found.
    pub classes: Vec<ClassScore>,
    /// Weight of the rows of each true class that were predicted as each class, up to 30 classes.
    pub confusion: Option<Vec<Vec<f64>>>,
    /// Of more classes: true class, predicted class and weight, those that are confused most.
    pub confused: Vec<(usize, usize, f64)>,
    /// One curve for two classes, else one for each class or label against the others.
    pub curves: Vec<Curve>,
    /// How often predictions of a probability come true.
    pub calibration: Vec<Bin>,
    /// Mean distance of the bins' probabilities from what came true.
    pub calibration_error: Option<f64>,
}

/// A class or label.
#[derive(Debug, Clone, Serialize)]
pub struct ClassScore {
    /// Its name.
    pub name: String,
    /// Weight of the rows that are of the class.
    pub weight: f64,
    /// Of those that were predicted to be.
    pub predicted: f64,
    /// Of those that are, and were predicted to be.
    pub correct: f64,
}

/// A class against the others, over all thresholds.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// The class that counts as positive.
    pub name: String,
    /// Weight of its rows.
    pub positives: f64,
    /// Weight of the others.
    pub negatives: f64,
    /// Area under the curve of true over false positives.
    pub auc: f64,
    /// Mean of the precision over the recall: Σ (R_n − R_{n−1}) P_n.
    pub average_precision: f64,
    /// From the highest threshold down: threshold, weight of true positives, of false positives.
    pub points: Vec<[f64; 3]>,
}

/// Rows whose predicted probability is alike.
#[derive(Debug, Clone, Serialize)]
pub struct Bin {
    /// Mean of the probability.
    pub predicted: f64,
    /// Share that came true.
    pub observed: f64,
    /// Wilson's 95 % interval of that share.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// Weight of the rows.
    pub weight: f64,
}

/// None for numbers.
pub(super) fn classes(judged: &Judged) -> Result<Option<Classes>> {
    let preprocessing = judged.preprocessing;
    let names = match preprocessing.task() {
        Task::Regression => return Ok(None),
        Task::Binary | Task::Multiclass => preprocessing.classes(),
        Task::Multilabel => &preprocessing.target.columns,
    };
    let matrix = confusion(&judged.answers(judged.weights.as_deref())?);
    let scores: Vec<ClassScore> = match &matrix {
        Some(matrix) => of_matrix(matrix, names),
        None => of_labels(judged, names),
    };
    let confused = match &matrix {
        Some(matrix) if matrix.len() > MATRIX => confused(matrix),
        _ => Vec::new(),
    };
    let (calibration, calibration_error) = calibration(judged);
    Ok(Some(Classes {
        curves: curves(judged, names, &scores),
        confusion: matrix.filter(|matrix| matrix.len() <= MATRIX),
        classes: scores,
        confused,
        calibration,
        calibration_error,
    }))
}

fn of_matrix(matrix: &[Vec<f64>], names: &[String]) -> Vec<ClassScore> {
    let score = |(class, name): (usize, &String)| ClassScore {
        name: shortened(name),
        weight: matrix[class].iter().sum(),
        predicted: matrix.iter().map(|row| row[class]).sum(),
        correct: matrix[class][class],
    };
    (names.iter().enumerate().take(matrix.len()))
        .map(score)
        .collect()
}

fn of_labels(judged: &Judged, names: &[String]) -> Vec<ClassScore> {
    let score = |(label, name): (usize, &String)| {
        let mut score = ClassScore {
            name: shortened(name),
            weight: 0.0,
            predicted: 0.0,
            correct: 0.0,
        };
        for row in 0..judged.rows {
            let Some(truth) = judged.value(row, label) else {
                continue;
            };
            let weight = judged.weight(row);
            let (is, says) = (
                truth >= 0.5,
                (judged.decision).has_label(judged.link, judged.prediction(row)[label], label),
            );
            score.weight += weight * f64::from(u8::from(is));
            score.predicted += weight * f64::from(u8::from(says));
            score.correct += weight * f64::from(u8::from(is && says));
        }
        score
    };
    (names.iter().enumerate().take(judged.outputs))
        .map(score)
        .collect()
}

fn confused(matrix: &[Vec<f64>]) -> Vec<(usize, usize, f64)> {
    let mut pairs: Vec<(usize, usize, f64)> = (matrix.iter().enumerate())
        .flat_map(|(truth, row)| {
            (row.iter().enumerate()).map(move |(answer, weight)| (truth, answer, *weight))
        })
        .filter(|(truth, answer, weight)| truth != answer && *weight > 0.0)
        .collect();
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
    pairs.truncate(PAIRS);
    pairs
}

fn curves(judged: &Judged, names: &[String], scores: &[ClassScore]) -> Vec<Curve> {
    if judged.preprocessing.task() == Task::Binary {
        let rows = (0..judged.rows).map(|row| {
            let is = judged.class(row) == Some(1);
            (judged.prediction(row)[0], is, judged.weight(row))
        });
        return names
            .get(1)
            .and_then(|name| curve(name, rows.collect(), judged.link.threshold()))
            .into_iter()
            .collect();
    }
    let mut frequent: Vec<usize> = (0..scores.len()).collect();
    frequent.sort_by(|&a, &b| scores[b].weight.total_cmp(&scores[a].weight));
    frequent.truncate(CURVES);
    frequent.sort_unstable();
    let of = |&class: &usize| {
        let rows = (0..judged.rows).filter_map(|row| {
            let is = match judged.class(row) {
                Some(truth) => truth == class,
                None => judged.value(row, class)? >= 0.5,
            };
            Some((judged.prediction(row)[class], is, judged.weight(row)))
        });
        curve(&names[class], rows.collect(), judged.link.threshold())
    };
    frequent.iter().filter_map(of).collect()
}

/// The curve of scores, where both kinds of rows are there.
fn curve(name: &str, mut rows: Vec<(f64, bool, f64)>, threshold: f64) -> Option<Curve> {
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let sum = |is: bool| {
        rows.iter()
            .filter(|row| row.1 == is)
            .map(|row| row.2)
            .sum::<f64>()
    };
    let (positives, negatives) = (sum(true), sum(false));
    if positives <= 0.0 || negatives <= 0.0 {
        return None;
    }
    let (mut hits, mut alarms) = (0.0, 0.0);
    let (mut auc, mut average_precision) = (0.0, 0.0);
    let mut points: Vec<[f64; 3]> = Vec::new();
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let (hits_before, alarms_before) = (hits, alarms);
        for (_, is, weight) in group {
            *(if *is { &mut hits } else { &mut alarms }) += weight;
        }
        auc += (alarms - alarms_before) * (hits + hits_before) / 2.0;
        if hits > hits_before {
            average_precision += (hits - hits_before) * hits / (hits + alarms);
        }
        points.push([group[0].0, hits, alarms]);
    }
    Some(Curve {
        name: shortened(name),
        positives,
        negatives,
        auc: auc / positives / negatives,
        average_precision: average_precision / positives,
        points: thinned(points, positives, negatives, threshold),
    })
}

/// Points that are at least a share of the whole way apart, with the first, the last and that of the
/// model's own threshold.
fn thinned(points: Vec<[f64; 3]>, positives: f64, negatives: f64, threshold: f64) -> Vec<[f64; 3]> {
    let way = |[_, hits, alarms]: &[f64; 3]| hits / positives + alarms / negatives;
    let (mut kept, last): (Vec<[f64; 3]>, _) = (Vec::new(), points.len() - 1);
    for (index, point) in points.iter().enumerate() {
        let is_far = |before: &[f64; 3]| way(point) - way(before) >= 2.0 / POINTS as f64;
        let is_own = point[0] >= threshold
            && points
                .get(index + 1)
                .is_some_and(|next| next[0] < threshold);
        if index == last || is_own || kept.last().is_none_or(is_far) {
            kept.push(*point);
        }
    }
    kept
}

/// Bins of equal width over the probability of class 1, of each label, or of the predicted class.
fn calibration(judged: &Judged) -> (Vec<Bin>, Option<f64>) {
    if !judged.has_probabilities() {
        return (Vec::new(), None);
    }
    let mut sums = [[0.0; 4]; BINS];
    let mut add = |p: f64, came_true: bool, weight: f64| {
        let bin = ((p * BINS as f64) as usize).min(BINS - 1);
        let is = f64::from(u8::from(came_true));
        for (sum, value) in sums[bin]
            .iter_mut()
            .zip([weight, weight * p, weight * is, 1.0])
        {
            *sum += value;
        }
    };
    for row in 0..judged.rows {
        let (answer, weight) = (judged.prediction(row), judged.weight(row));
        match (judged.class(row), answer) {
            (Some(class), [p]) => add(*p, class == 1, weight),
            (Some(class), many) => {
                let says = judged.decision.class(judged.link, many);
                add(many[says], says == class, weight);
            }
            (None, many) => {
                for (label, &p) in many.iter().enumerate() {
                    if let Some(truth) = judged.value(row, label) {
                        add(p, truth >= 0.5, weight);
                    }
                }
            }
        }
    }
    let total: f64 = sums.iter().map(|sum| sum[0]).sum();
    let bins = sums.iter().filter(|[weight, ..]| *weight > 0.0);
    let bins: Vec<Bin> = bins
        .map(|[weight, predicted, observed, rows]| {
            let observed = (observed / weight).clamp(0.0, 1.0);
            let (low, high) = wilson(observed, *rows);
            Bin {
                predicted: predicted / weight,
                observed,
                low,
                high,
                weight: *weight,
            }
        })
        .collect();
    let distance = |bin: &Bin| bin.weight / total * (bin.predicted - bin.observed).abs();
    let error = (total > 0.0).then(|| bins.iter().map(distance).sum());
    (bins, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_under_the_curves_are_those_of_scikit_learn() {
        // y = [0,0,1,1,0,1], p = [.1,.4,.35,.8,.4,.4], w = [1,2,1,1,1,3]:
        // roc_auc_score(y, p, sample_weight=w) = 0.625, average_precision_score = 0.6678571428571429
        let rows = [
            (0.1, false, 1.0),
            (0.4, false, 2.0),
            (0.35, true, 1.0),
            (0.8, true, 1.0),
            (0.4, false, 1.0),
            (0.4, true, 3.0),
        ];
        let curve = curve("yes", rows.to_vec(), 0.5).unwrap();
        assert!((curve.auc - 0.625).abs() < 1e-12, "{}", curve.auc);
        assert!(
            (curve.average_precision - 0.667_857_142_857_142_9).abs() < 1e-12,
            "{}",
            curve.average_precision
        );
        assert_eq!(curve.points.first(), Some(&[0.8, 1.0, 0.0]));
        assert_eq!(curve.points.last(), Some(&[0.1, 5.0, 4.0]));
    }
}
