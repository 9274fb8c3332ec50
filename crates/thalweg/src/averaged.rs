//! The engine of an ensemble: the mean of its members' predictions, and the loss of that mean.
//!
//! Averaged is behind the link: probabilities, and numbers in the scale in which the network learns;
//! quantiles one by one. The loss of the mean is that of outputs z of which the link makes it:
//! ln p for softmax, ln(p/(1 − p)) for probabilities, ln y for means that are positive. So it is at
//! most the mean of the members' losses where the loss is convex in the prediction, as squared error
//! and log loss are (Jensen).

use std::panic::resume_unwind;
use std::thread;

use thalweg_core::Isa;
use thalweg_core::dataset::TargetsRef;
use thalweg_core::engine::{
    Batch, Engine, LayerReport, LossSums, ParameterInfo, Rows, State, StepReport,
};
use thalweg_core::error::{Error, Result};
use thalweg_core::losses::{AnyLoss, LOSSES, Loss, LossRows, TargetRows};
use thalweg_core::memory;
use thalweg_core::optimizers::Time;
use thalweg_core::registry::Choice;

/// What the names of a member's tensors begin with.
pub(crate) fn prefix(member: usize) -> String {
    format!("members.{member}.")
}

/// Networks of one spec that answer together; they are not trained here.
pub(crate) struct Averaged {
    members: Vec<Box<dyn Engine>>,
    /// How many of them work at the same time.
    threads: usize,
    loss: Box<dyn AnyLoss>,
    /// The fold of each row whose target is known, for which the members of this fold answer, and how
    /// many folds there are; where absent, all members do.
    held_out: Option<(Vec<usize>, usize)>,
}

impl Averaged {
    /// The mean of all members, which have this loss, so many at a time. There is at least one.
    pub fn new(members: Vec<Box<dyn Engine>>, loss: &Choice, threads: usize) -> Result<Self> {
        Ok(Self {
            members,
            threads,
            loss: LOSSES.build(loss, &())?,
            held_out: None,
        })
    }

    /// The same, in which each row with a target is answered by the members of its fold, who have not
    /// trained on it: every `folds`-th. Rows without targets are new ones, which all answer.
    pub fn held_out(self, fold_of_row: Vec<usize>, folds: usize) -> Self {
        Self {
            held_out: Some((fold_of_row, folds)),
            ..self
        }
    }

    /// The members.
    pub fn members(&mut self) -> &mut [Box<dyn Engine>] {
        &mut self.members
    }

    /// Each row by the members of its fold.
    fn add_held_out(
        &mut self,
        batch: &Batch,
        sums: &mut LossSums,
        predictions: Option<&mut Vec<f64>>,
    ) -> Result<()> {
        let (fold_of_row, folds) = match &self.held_out {
            Some((fold_of_row, folds)) => (fold_of_row.as_slice(), *folds),
            None => (&[][..], 1),
        };
        let each = self.members.len() / folds;
        let (mut all, mut of_others) = (Vec::new(), LossSums::default());
        for (member, engine) in self.members.iter_mut().enumerate() {
            let fold = member % folds;
            let is_its =
                |position: &usize| fold_of_row.get(batch.rows.at(*position)) == Some(&fold);
            let positions: Vec<usize> = (0..batch.rows.len()).filter(is_its).collect();
            let rows: Vec<u32> = (positions.iter())
                .map(|position| batch.rows.at(*position) as u32)
                .collect();
            let own = Batch {
                rows: Rows::Listed(&rows),
                upcoming: Rows::NONE,
                ..*batch
            };
            let mut answers = Vec::new();
            // A fold with one member has its loss.
            let own_sums = match each {
                1 => &mut *sums,
                _ => &mut of_others,
            };
            engine.add_losses(&own, own_sums, Some(&mut answers))?;
            let width = answers.len() / rows.len().max(1);
            if all.is_empty() {
                all = memory::collect(std::iter::repeat_n(0.0, width * batch.rows.len()))?;
            }
            for (position, answer) in positions.into_iter().zip(answers.chunks(width.max(1))) {
                let sums = all[position * width..][..width].iter_mut();
                sums.zip(answer)
                    .for_each(|(sum, y)| *sum += y / each as f64);
            }
        }
        if let (2.., Some(targets)) = (each, batch.targets) {
            sums.weight += of_others.weight / each as f64;
            sums.loss += self.loss_of(&all, batch, targets);
        }
        if let Some(predictions) = predictions {
            *predictions = all;
        }
        Ok(())
    }

    /// Σ w·l of predictions for the rows of a batch.
    fn loss_of(&self, predictions: &[f64], batch: &Batch, targets: TargetsRef) -> f64 {
        /// Rows at once; a row of a buffer is padded to so many values.
        const ROWS: usize = 512;
        const PADDING: usize = 16;
        let all = batch.rows.len();
        let outputs = predictions.len() / all.max(1);
        let stride = outputs.next_multiple_of(PADDING);
        let mut z = vec![0.0; ROWS.min(all) * stride];
        let mut dz = z.clone();
        let (link, mut sum) = (self.loss.link(), 0.0);
        for first in (0..all).step_by(ROWS) {
            let rows = first..all.min(first + ROWS);
            let of_block = predictions[rows.start * outputs..rows.end * outputs].chunks(outputs);
            for (z, predictions) in z.chunks_mut(stride).zip(of_block) {
                for (z, prediction) in z.iter_mut().zip(predictions) {
                    *z = link.inverse(*prediction);
                }
            }
            let row = |position: usize| batch.rows.at(position);
            let weights = batch.weights.map(|weights| {
                let weights = rows.clone().map(|at| f64::from(weights[row(at)]));
                weights.collect::<Vec<f64>>()
            });
            let (mut values, mut classes) = (Vec::new(), Vec::new());
            let targets = match targets {
                TargetsRef::Values { width, values: all } => {
                    let of_row = |at| all[row(at) * width..][..width].iter().copied();
                    values.extend(rows.clone().flat_map(of_row));
                    TargetRows::Values(&values)
                }
                TargetsRef::Classes(all) => {
                    classes.extend(rows.clone().map(|at| all[row(at)]));
                    TargetRows::Classes(&classes)
                }
            };
            let rows = LossRows {
                isa: Isa::detect(),
                rows: rows.len(),
                outputs,
                stride,
                z: &z[..rows.len() * stride],
                targets,
                weights: weights.as_deref(),
                scale: 1.0,
            };
            let length = rows.rows * stride;
            sum += Loss::<f64>::value_grad(&*self.loss, rows, &mut dz[..length]);
        }
        sum
    }

    fn refused<T>(what: &str) -> Result<T> {
        let found = format!("an ensemble, whose networks {what} together");
        Err(Error::invalid("engine", found, "a single network"))
    }
}

/// The predictions of some members and their sums, computed at the same time.
fn together(members: &mut [Box<dyn Engine>], batch: &Batch) -> Vec<Result<(Vec<f64>, LossSums)>> {
    let one = |member: &mut Box<dyn Engine>| {
        let (mut sums, mut own) = (LossSums::default(), Vec::new());
        member.add_losses(batch, &mut sums, Some(&mut own))?;
        Ok((own, sums))
    };
    if let [only] = members {
        return vec![one(only)];
    }
    thread::scope(|scope| {
        let all: Vec<_> = (members.iter_mut())
            .map(|member| scope.spawn(|| one(member)))
            .collect();
        let joined = all.into_iter().map(|thread| thread.join());
        joined
            .map(|result| result.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

impl Engine for Averaged {
    fn threads(&self) -> usize {
        self.threads
    }

    fn step(&mut self, _: &Batch, _: Time) -> Result<StepReport> {
        Self::refused("do not step")
    }

    fn loss_and_gradient(&mut self, _: &Batch) -> Result<(f64, Vec<f64>)> {
        Self::refused("have no gradient")
    }

    fn evaluation_gradient(&mut self, _: &Batch) -> Result<(f64, Vec<f64>)> {
        Self::refused("have no gradient")
    }

    fn hvp(&mut self, _: &Batch, _: &[f64]) -> Result<(f64, Vec<f64>)> {
        Self::refused("have no Hessian")
    }

    fn add_losses(
        &mut self,
        batch: &Batch,
        sums: &mut LossSums,
        predictions: Option<&mut Vec<f64>>,
    ) -> Result<()> {
        if self.held_out.is_some() && batch.targets.is_some() {
            return self.add_held_out(batch, sums, predictions);
        }
        let (mut mean, mut weight) = (Vec::new(), 0.0);
        for some in self.members.chunks_mut(self.threads.max(1)) {
            for answers in together(some, batch) {
                let (own, of_member) = answers?;
                weight = of_member.weight;
                match mean.is_empty() {
                    true => mean = own,
                    false => mean.iter_mut().zip(&own).for_each(|(sum, p)| *sum += p),
                }
            }
        }
        let count = self.members.len() as f64;
        mean.iter_mut().for_each(|sum| *sum /= count);
        sums.weight += weight;
        if let Some(targets) = batch.targets {
            sums.loss += self.loss_of(&mean, batch, targets);
        }
        if let Some(predictions) = predictions {
            *predictions = mean;
        }
        Ok(())
    }

    fn evaluation_rows(&self) -> usize {
        (self.members.first()).map_or(1, |member| member.evaluation_rows())
    }

    /// Those of the first member.
    fn layers(&mut self, batch: &Batch) -> Result<Vec<LayerReport>> {
        let Some(first) = self.members.first_mut() else {
            return Ok(Vec::new());
        };
        let mut layers = first.layers(batch)?;
        for layer in &mut layers {
            layer.name.insert_str(0, &prefix(0));
        }
        Ok(layers)
    }

    fn watch_updates(&mut self, _: bool) -> Result<()> {
        Self::refused("do not step")
    }

    fn parameters(&self) -> Vec<ParameterInfo> {
        let named = |(member, all): (usize, Vec<ParameterInfo>)| {
            let all = all.into_iter();
            all.map(move |info| ParameterInfo {
                name: format!("{}{}", prefix(member), info.name),
                ..info
            })
        };
        let each = self.members.iter().map(|member| member.parameters());
        each.enumerate().flat_map(named).collect()
    }

    fn save(&self) -> Result<State> {
        Ok(State {
            parameters: self.save_parameters()?,
            slots: Vec::new(),
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.load_parameters(&state.parameters)
    }

    fn save_parameters(&self) -> Result<Vec<f64>> {
        let each: Vec<Vec<f64>> = (self.members.iter())
            .map(|member| member.save_parameters())
            .collect::<Result<_>>()?;
        let mut all = memory::room(each.iter().map(Vec::len).sum())?;
        all.extend(each.into_iter().flatten());
        Ok(all)
    }

    fn load_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        let mut rest = parameters;
        for member in &mut self.members {
            let shapes = member.parameters();
            let length: usize = (shapes
                .iter()
                .map(|info| info.shape.iter().product::<usize>()))
            .sum();
            let (own, after) = rest.split_at(length.min(rest.len()));
            member.load_parameters(own)?;
            rest = after;
        }
        Ok(())
    }

    fn check_trainable(&self) -> Result<()> {
        Self::refused("are not trained")
    }

    fn check_second_order(&self) -> Result<()> {
        Self::refused("have no Hessian")
    }

    fn check(&self, batch: &Batch, first: usize) -> Result<()> {
        (self.members.iter()).try_for_each(|member| member.check(batch, first))
    }
}

#[cfg(test)]
mod tests {
    use thalweg_core::cpu;
    use thalweg_core::dataset::{DatasetRef, FeaturesRef};
    use thalweg_core::spec::{NetworkSpec, TrainingSpec};

    use super::*;

    /// Networks of one layer, y = w·x + b, of one input.
    fn linear(loss: &str, outputs: usize, members: &[&[f64]]) -> Averaged {
        let network = NetworkSpec::mlp(1, &[], "identity", outputs, Choice::new(loss));
        let training = TrainingSpec {
            dtype: thalweg_core::precision::Dtype::F64,
            ..TrainingSpec::default()
        };
        let engine = |parameters: &&[f64]| {
            let mut engine = cpu::engine(&network, &training, 1).unwrap();
            engine.load_parameters(parameters).unwrap();
            engine
        };
        Averaged::new(members.iter().map(engine).collect(), &network.loss, 2).unwrap()
    }

    #[test]
    fn numbers_and_probabilities_are_averaged_and_the_loss_is_that_of_the_mean() {
        // 2x and 4x + 2 at 1 and 3 are 2, 6 and 6, 14; their means 4 and 10; of targets 4 and 7
        // the squared errors 0 and 9.
        let x = FeaturesRef::f32(1, &[1.0, 3.0]);
        let rows = DatasetRef {
            features: x,
            targets: (&[4.0, 7.0][..]).into(),
            weights: None,
        };
        let mut numbers = linear("mse", 1, &[&[2.0, 0.0], &[4.0, 2.0]]);
        let mut means = Vec::new();
        let loss = numbers
            .evaluate(&Batch::all(rows), Some(&mut means))
            .unwrap();
        assert_eq!((means, loss), (vec![4.0, 10.0], 4.5));
        // ln 3 and −ln 3 are the logits of ¾ and ¼: ½, whatever the label.
        let ln3 = 3f64.ln();
        let rows = DatasetRef {
            features: x,
            targets: (&[1u32, 0][..]).into(),
            weights: Some(&[1.0, 3.0]),
        };
        let mut labels = linear("logistic", 1, &[&[0.0, ln3], &[0.0, -ln3]]);
        let mut means = Vec::new();
        let loss = labels
            .evaluate(&Batch::all(rows), Some(&mut means))
            .unwrap();
        assert!(means.iter().all(|p| (p - 0.5).abs() < 1e-12), "{means:?}");
        assert!((loss - 2f64.ln()).abs() < 1e-12);
        // Of three classes (1, 0, 0) / (½, ½, 0) is (¾, ¼, 0): −ln ¾ and −ln ¼.
        let (far, near) = (
            [0.0, 0.0, 0.0, 0.0, -800.0, -800.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, -800.0],
        );
        let mut classes = linear("cross_entropy", 3, &[&far, &near]);
        let mut means = Vec::new();
        let loss = classes
            .evaluate(
                &Batch::all(DatasetRef {
                    weights: None,
                    targets: (&[0u32, 1][..]).into(),
                    ..rows
                }),
                Some(&mut means),
            )
            .unwrap();
        assert_eq!(means[..3], [0.75, 0.25, 0.0]);
        assert!(
            (loss + 0.5 * (0.75f64.ln() + 0.25f64.ln())).abs() < 1e-12,
            "{loss}"
        );
    }

    #[test]
    fn the_loss_of_the_mean_is_at_most_the_mean_loss() {
        let x: Vec<f32> = (0..40).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
        let values: Vec<f64> = (0..40).map(|i| (f64::from(i) * 1.3).cos()).collect();
        let classes: Vec<u32> = (0..40).map(|i| (i * 7 % 3) as u32).collect();
        let binary: Vec<u32> = classes.iter().map(|class| class % 2).collect();
        let counts: Vec<f64> = classes.iter().map(|class| f64::from(*class)).collect();
        // Large enough for probabilities that round to 0 and 1; means of counts stay small.
        let parameters = |loss: &str, outputs: usize, member: usize| -> Vec<f64> {
            let largest = if loss == "poisson" { 0.7 } else { 40.0 };
            (0..2 * outputs)
                .map(|i| ((i * 5 + member * 3) as f64 * 0.9).sin() * largest / (1 + i) as f64)
                .collect()
        };
        let cases: [(&str, usize, TargetsRef); 5] = [
            ("mse", 1, values.as_slice().into()),
            ("logistic", 1, binary.as_slice().into()),
            ("cross_entropy", 3, classes.as_slice().into()),
            ("mae", 1, values.as_slice().into()),
            ("poisson", 1, counts.as_slice().into()),
        ];
        for (loss, outputs, targets) in cases {
            let all: Vec<Vec<f64>> = (0..4)
                .map(|member| parameters(loss, outputs, member))
                .collect();
            let views: Vec<&[f64]> = all.iter().map(Vec::as_slice).collect();
            let mut ensemble = linear(loss, outputs, &views);
            let rows = DatasetRef {
                features: FeaturesRef::f32(1, &x),
                targets,
                weights: None,
            };
            let batch = Batch::all(rows);
            let of_mean = ensemble.evaluate(&batch, None).unwrap();
            let losses: Vec<f64> = (ensemble.members().iter_mut())
                .map(|member| member.evaluate(&batch, None).unwrap())
                .collect();
            let mean = losses.iter().sum::<f64>() / 4.0;
            assert!(of_mean <= mean, "{loss}: {of_mean} {mean}");
            assert!(
                of_mean < 0.99 * mean,
                "{loss}: members that agree show nothing"
            );
            // Of a single member it is its own, as long as probabilities do not round to 0 and 1.
            let small: Vec<f64> = all[0].iter().map(|x| 0.1 * x).collect();
            let mut one = linear(loss, outputs, &[&small]);
            let of_one = one.evaluate(&batch, None).unwrap();
            let own = one.members()[0].evaluate(&batch, None).unwrap();
            assert!(
                (of_one - own).abs() <= 1e-9 * own.abs(),
                "{loss}: {of_one} {own}"
            );
        }
    }

    #[test]
    fn rows_of_folds_are_answered_by_the_member_that_has_not_seen_them() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let rows = DatasetRef {
            features: FeaturesRef::f32(1, &x),
            targets: (&[0.0, 0.0, 0.0, 0.0][..]).into(),
            weights: None,
        };
        // x and 10x: rows 1 and 2 by the second. (1 + 400 + 900 + 16) / 4.
        let ensemble = linear("mse", 1, &[&[1.0, 0.0], &[10.0, 0.0]]);
        let mut ensemble = ensemble.held_out(vec![0, 1, 1, 0], 2);
        let mut answers = Vec::new();
        let loss = ensemble
            .evaluate(&Batch::all(rows), Some(&mut answers))
            .unwrap();
        assert_eq!((answers, loss), (vec![1.0, 20.0, 30.0, 4.0], 329.25));
        // New rows are answered by both: 5.5x.
        let mut answers = Vec::new();
        let new = Batch::unlabelled(rows.features);
        ensemble.evaluate(&new, Some(&mut answers)).unwrap();
        assert_eq!(answers, [5.5, 11.0, 16.5, 22.0]);
    }

    #[test]
    fn of_several_recipes_the_members_of_a_fold_answer_together() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let rows = DatasetRef {
            features: FeaturesRef::f32(1, &x),
            targets: (&[0.0, 0.0, 0.0, 0.0][..]).into(),
            weights: Some(&[1.0, 2.0, 1.0, 1.0]),
        };
        // x and 10x of one recipe, 3x and 20x of another: 2x in fold 0, 15x in fold 1.
        let members: [&[f64]; 4] = [&[1.0, 0.0], &[10.0, 0.0], &[3.0, 0.0], &[20.0, 0.0]];
        let mut ensemble = linear("mse", 1, &members).held_out(vec![0, 1, 1, 0], 2);
        let mut answers = Vec::new();
        let loss = ensemble
            .evaluate(&Batch::all(rows), Some(&mut answers))
            .unwrap();
        assert_eq!(answers, [2.0, 30.0, 45.0, 8.0]);
        assert_eq!(loss, (4.0 + 2.0 * 900.0 + 2025.0 + 64.0) / 5.0);
    }

    #[test]
    fn tensors_have_the_names_of_their_members() {
        let mut ensemble = linear("mse", 1, &[&[1.0, 2.0], &[3.0, 4.0]]);
        let names: Vec<String> = (ensemble.parameters().into_iter())
            .map(|info| info.name)
            .collect();
        assert_eq!(
            names,
            [
                "members.0.layers.0.weight",
                "members.0.layers.0.bias",
                "members.1.layers.0.weight",
                "members.1.layers.0.bias"
            ]
        );
        assert_eq!(ensemble.save_parameters().unwrap(), [1.0, 2.0, 3.0, 4.0]);
        ensemble.load_parameters(&[5.0, 6.0, 7.0, 8.0]).unwrap();
        assert_eq!(ensemble.save().unwrap().parameters, [5.0, 6.0, 7.0, 8.0]);
    }
}
