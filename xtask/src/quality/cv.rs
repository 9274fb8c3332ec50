//! The table of `thalweg cv` beside scikit-learn's `cross_validate`, from what `bench/peers/quality/cv.py` stored.

use std::fmt::Write;

use serde::Deserialize;

use crate::Result;

/// A set with one seed: scores of the folds of both sides, and CPU seconds.
#[derive(Debug, Deserialize)]
pub struct Run {
    set: String,
    ours: Vec<f64>,
    theirs: Vec<f64>,
    our_seconds: f64,
    their_seconds: f64,
}

#[derive(Debug, Deserialize)]
struct Runs {
    runs: Vec<Run>,
}

/// The section of `bench/QUALITY.md`; empty where nothing is stored.
pub fn section() -> Result<String> {
    let runs = super::runs::stored::<Runs>("cv.json")?;
    Ok(runs.map_or(String::new(), |runs| text(&runs.runs)))
}

fn text(runs: &[Run]) -> String {
    let mut text = HEAD.to_owned();
    let mut sets: Vec<&str> = runs.iter().map(|run| run.set.as_str()).collect();
    sets.dedup();
    for set in sets {
        let own = || runs.iter().filter(|run| run.set == set);
        let pairs: Vec<(f64, f64)> = own()
            .flat_map(|run| run.ours.iter().copied().zip(run.theirs.iter().copied()))
            .collect();
        let count = pairs.len() as f64;
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
        let (ours, theirs) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
        let centre = ours - theirs;
        let squares = mean(&|pair| (pair.0 - pair.1 - centre).powi(2)) * count;
        let error = (squares / (count - 1.0) / count).sqrt();
        let seconds = |of: fn(&Run) -> f64| own().map(of).sum::<f64>() / own().count() as f64;
        let (our, their) = (
            seconds(|run| run.our_seconds),
            seconds(|run| run.their_seconds),
        );
        let _ = writeln!(
            text,
            "| {set} | {ours:.4} | {theirs:.4} | {centre:+.4} ± {error:.4} | {our:.2} | {their:.2} | {:.2} |",
            our / their
        );
    }
    text
}

const HEAD: &str = "
## `thalweg cv` beside scikit-learn's `cross_validate`

The same five folds, network and training (`peers/quality/cv.py`): RMSE or share of wrong answers in the mean over folds
and seeds, the difference with its standard error over folds, CPU seconds of one thread.

| set | thalweg | scikit-learn | difference | seconds | theirs | ratio |
|---|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_a_row_with_the_difference_in_pairs() {
        let run = |ours: [f64; 2], theirs: [f64; 2]| Run {
            set: "s".to_owned(),
            ours: ours.to_vec(),
            theirs: theirs.to_vec(),
            our_seconds: 1.0,
            their_seconds: 4.0,
        };
        let all = text(&[run([1.0, 2.0], [2.0, 3.0]), run([3.0, 6.0], [4.0, 3.0])]);
        // Differences −1, −1, −1, 3: mean 0, deviation 2.
        let row = all.lines().last().unwrap();
        assert_eq!(
            row,
            "| s | 3.0000 | 3.0000 | +0.0000 ± 1.0000 | 1.00 | 4.00 | 0.25 |"
        );
    }
}
