//! Predictions without an engine: a trained network that is shared by reference between threads.
//!
//! A [`Predictor`] has the parameters and nothing of training: no optimizer, no thread team, no
//! loss. Each call borrows room for its rows from a pool, so calls from several threads at once do
//! not wait for each other.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::network::{Gathered, Room, Weights};
use super::pass::row_block;
use super::plan::{Cut, Plan};
use super::precision::Precision;
use super::team::Team;
use crate::dataset::FeaturesRef;
use crate::engine::{self, Batch, Rows};
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::layers::Mode;
use crate::losses::{LOSSES, Link};
use crate::memory;
use crate::precision::Dtype;
use crate::spec::{NetworkSpec, TrainingSpec};

/// Rows that a call works on at once; their activations stay in the caches of one core.
const ROWS: usize = 64;

/// A trained network that predicts, by `&self` and from any number of threads.
///
/// ```
/// use thalweg_core::cpu::Predictor;
/// use thalweg_core::dataset::FeaturesRef;
/// use thalweg_core::precision::Dtype;
/// use thalweg_core::registry::Choice;
/// use thalweg_core::spec::NetworkSpec;
///
/// // y = 2·x₁ − x₂ + ½
/// let network = NetworkSpec::mlp(2, &[], "identity", 1, Choice::new("mse"));
/// let predictor = Predictor::new(&network, Dtype::F32, &[2.0, -1.0, 0.5])?;
/// let mut y = [0.0];
/// predictor.predict_into(FeaturesRef::f32(2, &[3.0, 4.0]), &mut y)?;
/// assert_eq!(y, [2.5]);
/// # Ok::<(), thalweg_core::Error>(())
/// ```
pub struct Predictor(Box<dyn Predict>);

impl Predictor {
    /// A network with these parameters, in the order of
    /// [`State::parameters`](crate::engine::State::parameters), computed in `dtype`.
    ///
    /// # Errors
    /// If the spec is not valid, there are not as many parameters, or there is not enough memory.
    pub fn new(network: &NetworkSpec, dtype: Dtype, parameters: &[f64]) -> Result<Self> {
        let link = LOSSES.build(&network.loss, &())?.link();
        Self::with_link(network, dtype, parameters, link)
    }

    /// The same for a network that was trained with a loss outside the registry, in place of
    /// `network.loss`.
    ///
    /// # Errors
    /// As [`Predictor::new`].
    pub fn with_link(
        network: &NetworkSpec,
        dtype: Dtype,
        parameters: &[f64],
        link: Link,
    ) -> Result<Self> {
        let network = network.resolve()?;
        Ok(Self(match dtype {
            Dtype::F32 | Dtype::Bf16 => {
                Box::new(CpuPredictor::<f32>::new(&network, dtype, parameters, link)?)
            }
            Dtype::F64 => Box::new(CpuPredictor::<f64>::new(&network, dtype, parameters, link)?),
        }))
    }

    /// Features a row.
    pub fn inputs(&self) -> usize {
        self.0.inputs()
    }

    /// Predictions a row.
    pub fn outputs(&self) -> usize {
        self.0.outputs()
    }

    /// Members of the network: see the layer `batch_ensemble`. 1 if it has none.
    pub fn members(&self) -> usize {
        self.0.ensemble()
    }

    /// Writes the predictions of all rows, through the loss's link, row-major: rows ×
    /// [`Predictor::outputs`]. Works in the calling thread, and allocates nothing once as many
    /// calls as run at the same time have been made, unless the network has members to average.
    ///
    /// # Errors
    /// If the width of a row or the length of `predictions` does not fit, a feature is not finite,
    /// or a code is none of its embedding's.
    pub fn predict_into<'a>(
        &self,
        features: impl Into<FeaturesRef<'a>>,
        predictions: &mut [f64],
    ) -> Result<()> {
        let features = features.into();
        self.check(features, predictions.len())?;
        let rows = 0..features.rows();
        self.0.predict(features, rows, Answer::Mean, predictions)
    }

    /// The predictions of all rows, computed by up to `threads` threads. Their number changes no
    /// bit.
    ///
    /// # Errors
    /// As [`Predictor::predict_into`], and if there is not enough memory.
    pub fn predict<'a>(
        &self,
        features: impl Into<FeaturesRef<'a>>,
        threads: usize,
    ) -> Result<Vec<f64>> {
        self.in_parts(features.into(), threads, Answer::Mean)
    }

    /// As [`Predictor::predict`], but of each member: rows × [`Predictor::members`] × [`Predictor::outputs`].
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict_members<'a>(
        &self,
        features: impl Into<FeaturesRef<'a>>,
        threads: usize,
    ) -> Result<Vec<f64>> {
        self.in_parts(features.into(), threads, Answer::OfMembers)
    }

    fn in_parts(&self, features: FeaturesRef, threads: usize, answer: Answer) -> Result<Vec<f64>> {
        let (rows, width) = (features.rows(), self.0.width(answer));
        let mut predictions = memory::collect(std::iter::repeat_n(0.0, rows * width))?;
        self.check(features, rows * self.outputs())?;
        let share = rows.div_ceil(threads.max(1)).next_multiple_of(ROWS).max(1);
        let mut parts = predictions.chunks_mut(share * width.max(1)).enumerate();
        let job = |(part, predictions): (usize, &mut [f64])| {
            let first = part * share;
            let range = first..rows.min(first + share);
            self.0.predict(features, range, answer, predictions)
        };
        if rows <= share {
            parts.try_for_each(job)?;
        } else {
            thread::scope(|scope| {
                let threads: Vec<_> = parts.map(|part| scope.spawn(|| job(part))).collect();
                let mut results = threads.into_iter().map(|thread| thread.join());
                results.try_for_each(|result| {
                    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
            })?;
        }
        Ok(predictions)
    }

    fn check(&self, features: FeaturesRef, predictions: usize) -> Result<()> {
        engine::check_shape(&Batch::unlabelled(features), self.inputs(), self.outputs())?;
        let length = features.rows() * self.outputs();
        if predictions != length {
            let found = format!("room for {predictions} predictions");
            return Err(Error::invalid("predictions", found, length.to_string()));
        }
        Ok(())
    }
}

/// What a network with members predicts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Mean,
    OfMembers,
}

/// A [`Predictor`] of some precision.
trait Predict: Send + Sync {
    fn inputs(&self) -> usize;
    fn outputs(&self) -> usize;
    /// Members of the network.
    fn ensemble(&self) -> usize;

    /// Predictions a row.
    fn width(&self, answer: Answer) -> usize {
        match answer {
            Answer::Mean => self.outputs(),
            Answer::OfMembers => self.ensemble() * self.outputs(),
        }
    }

    /// The predictions of some of the rows.
    fn predict(
        &self,
        features: FeaturesRef,
        rows: Range<usize>,
        answer: Answer,
        predictions: &mut [f64],
    ) -> Result<()>;
}

struct CpuPredictor<T> {
    isa: Isa,
    plan: Plan,
    link: Link,
    weights: Weights<T>,
    /// Rooms that no call works in.
    rooms: Mutex<Vec<(Room<T>, Gathered<T>)>>,
    /// Whether the first layer reads codes, which are checked.
    takes_codes: bool,
}

impl<T: Precision> CpuPredictor<T> {
    fn new(network: &NetworkSpec, dtype: Dtype, parameters: &[f64], link: Link) -> Result<Self> {
        let isa = Isa::detect();
        let training = TrainingSpec {
            dtype,
            ..TrainingSpec::default()
        };
        let plan = Plan::new::<T>(network, &training, isa, ROWS, 1, Cut::Nowhere, false)?;
        if parameters.len() != plan.values() {
            let found = format!("{} values", parameters.len());
            let expected = format!("{}, as the network has", plan.values());
            return Err(Error::invalid("parameters", found, expected));
        }
        let mut weights = Weights::new(&plan)?;
        for ((at, _), value) in plan.places::<T>(isa).zip(parameters) {
            weights.parameters[at] = T::from_f64(*value);
        }
        let (mut room, mut gathered) = (Room::new(&plan)?, Gathered::new(&plan)?);
        let no_rows = Batch::unlabelled(FeaturesRef::f32(plan.inputs, &[]));
        let (mode, views) = (Mode::Evaluation, weights.share());
        let forward = room.forward(isa, &plan, &no_rows, mode, views, gathered.share());
        // SAFETY: this thread alone works on the weights.
        unsafe { forward.refresh_all() };
        Team::new(1)?.run(&|member| forward.prepare(member));
        let first = plan.layers.first().filter(|first| first.input == 0);
        Ok(Self {
            isa,
            link,
            takes_codes: first.is_some_and(|first| first.facts.takes_codes),
            weights,
            rooms: Mutex::new(vec![(room, gathered)]),
            plan,
        })
    }

    /// Checks the values of some rows.
    fn check(&self, features: FeaturesRef, rows: Range<usize>) -> Result<()> {
        for row in rows {
            let fits = |x: f64| T::from_f64(x).to_f64().is_finite();
            if let Some(column) = features.misfit(row, fits) {
                let found = format!("a value that is not finite in row {row}, column {column}");
                return Err(Error::invalid("features", found, "finite numbers"));
            }
            if self.takes_codes {
                let mut row = features.row(row).map(|x| T::from_f64(x).to_f64());
                self.plan.layers[0].layer.check_input(&mut row)?;
            }
        }
        Ok(())
    }
}

impl<T: Precision> Predict for CpuPredictor<T> {
    fn inputs(&self) -> usize {
        self.plan.inputs
    }

    fn outputs(&self) -> usize {
        self.plan.outputs
    }

    fn ensemble(&self) -> usize {
        self.plan.ensemble
    }

    fn predict(
        &self,
        features: FeaturesRef,
        rows: Range<usize>,
        answer: Answer,
        predictions: &mut [f64],
    ) -> Result<()> {
        self.check(features, rows.clone())?;
        let pool = || self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let free = pool().pop();
        let (mut room, mut gathered) = match free {
            Some(free) => free,
            None => (Room::new(&self.plan)?, Gathered::new(&self.plan)?),
        };
        let batch = Batch {
            rows: Rows::Range(rows.start, rows.end),
            ..Batch::unlabelled(features)
        };
        let (mode, weights) = (Mode::Evaluation, self.weights.share_constant());
        let forward = room.forward(
            self.isa,
            &self.plan,
            &batch,
            mode,
            weights,
            gathered.share(),
        );
        let (blocking, count) = (self.plan.evaluation, rows.len());
        for index in 0..blocking.count(count) {
            let block = row_block(&self.plan, blocking, count, index, 0);
            let width = self.width(answer);
            let to = &mut predictions[block.rows.start * width..block.rows.end * width];
            // SAFETY: this call alone works in its room, and no thread writes the weights.
            unsafe {
                match answer {
                    Answer::Mean => forward.link(self.link, forward.answer(self.link, &block), to),
                    Answer::OfMembers => {
                        let z = forward.outputs(&block);
                        forward.link_members(self.link, z, self.plan.ensemble, to);
                    }
                }
            }
        }
        pool().push((room, gathered));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu;
    use crate::dataset::{Features, Values};
    use crate::random::{Purpose, Stream};
    use crate::registry::{Choice, Setting};
    use crate::spec::TrainingSpec;

    fn layer(name: &str, settings: &[(&str, i64)]) -> Choice {
        let choice = Choice::new(name);
        (settings.iter()).fold(choice, |choice, (key, value)| {
            choice.with(key, Setting::Integer(*value))
        })
    }

    /// Networks with every kind of step: dense, packs and rows, prepared and tracked layers, a
    /// residual block, members.
    fn networks() -> Vec<NetworkSpec> {
        let network = |image, layers| NetworkSpec {
            inputs: 36,
            image,
            layers,
            loss: Choice::new("cross_entropy"),
        };
        let body = vec![layer("dense", &[("units", 20)])];
        let residual = Choice::new("residual").with("layers", Setting::Choices(body));
        vec![
            NetworkSpec::mlp(36, &[20, 7], "relu", 3, Choice::new("cross_entropy")),
            NetworkSpec::mlp(36, &[], "relu", 1, Choice::new("logistic")),
            network(
                Some([1, 6, 6]),
                vec![
                    layer("conv2d", &[("channels", 4), ("kernel", 3)]),
                    layer("max_pool", &[("kernel", 2)]),
                    layer("dense", &[("units", 3)]),
                ],
            ),
            network(
                None,
                vec![
                    layer("dense", &[("units", 20)]),
                    Choice::new("batch_norm"),
                    residual,
                    layer("dense", &[("units", 3)]),
                ],
            ),
            network(
                None,
                vec![
                    layer("batch_ensemble", &[("members", 4), ("units", 7)]),
                    layer("batch_ensemble", &[("members", 4), ("units", 3)]),
                ],
            ),
        ]
    }

    #[test]
    fn predictions_are_those_of_the_engine_to_the_last_bit() {
        let mut random = Stream::new(3, Purpose::Synthesize, 0).sequence();
        let values: Vec<f32> = (0..36 * 150).map(|_| random.normal() as f32).collect();
        let features = Features {
            width: 36,
            values: Values::F32(values.clone()),
        };
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for (network, dtype) in (networks().iter())
            .flat_map(|network| [Dtype::F32, Dtype::F64, Dtype::Bf16].map(|d| (network, d)))
        {
            let training = TrainingSpec {
                dtype,
                ..TrainingSpec::default()
            };
            let mut engine = cpu::engine(network, &training, 1).unwrap();
            let expected = bits(&engine.predict(&features).unwrap());
            let parameters = engine.save_parameters().unwrap();
            let predictor = Predictor::new(network, dtype, &parameters).unwrap();
            for threads in [1, 2, 5] {
                let predictions = predictor.predict(&features, threads).unwrap();
                assert_eq!(bits(&predictions), expected, "{network:?} {dtype}");
            }
            // The mean of the members is the prediction, but for the rounding of its logits.
            let (members, outputs) = (predictor.members(), predictor.outputs());
            let apart = predictor.predict_members(&features, 1).unwrap();
            assert_eq!(
                bits(&predictor.predict_members(&features, 3).unwrap()),
                bits(&apart)
            );
            for (at, expected) in expected.iter().enumerate() {
                let first = at / outputs * members * outputs + at % outputs;
                let of_members = apart[first..].iter().step_by(outputs).take(members);
                let mean = of_members.sum::<f64>() / members as f64;
                assert!(
                    (mean - f64::from_bits(*expected)).abs() < 1e-6,
                    "{network:?} {at}"
                );
            }
            assert!(members == 1 || apart.len() == 4 * expected.len());
            // Row by row, from several threads at once, through one reference.
            thread::scope(|scope| {
                for offset in 0..3 {
                    let (predictor, values, expected) = (&predictor, &values, &expected);
                    scope.spawn(move || {
                        for row in (offset..150).step_by(3) {
                            let mut prediction = vec![0.0; outputs];
                            let own = FeaturesRef::f32(36, &values[row * 36..(row + 1) * 36]);
                            predictor.predict_into(own, &mut prediction).unwrap();
                            let range = row * outputs..(row + 1) * outputs;
                            assert_eq!(bits(&prediction), expected[range], "row {row}");
                        }
                    });
                }
            });
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_names_it() {
        let network = NetworkSpec::mlp(2, &[3], "relu", 1, Choice::new("mse"));
        let predictor = Predictor::new(&network, Dtype::F32, &[0.5; 13]).unwrap();
        let error = |values: &[f32], width, room: usize| {
            let features = FeaturesRef::f32(width, values);
            let result = predictor.predict_into(features, &mut vec![0.0; room]);
            result.unwrap_err().to_string()
        };
        assert!(error(&[1.0; 3], 3, 1).contains("3 features a row"));
        assert!(error(&[1.0; 4], 2, 3).contains("room for 3 predictions"));
        assert!(error(&[1.0; 5], 2, 2).contains("5 values for rows of 2"));
        for column in [&[3.0][..], &[3.0, 4.0, 5.0]] {
            let columns: [&[f32]; 2] = [&[1.0, 2.0], column];
            let result = predictor.predict(FeaturesRef::columns(&columns), 1);
            assert!(result.is_err(), "a column of {}", column.len());
        }
        let message = error(&[1.0, 2.0, 3.0, f32::NAN], 2, 2);
        assert!(message.contains("row 1, column 1"), "{message}");
        let error = Predictor::new(&network, Dtype::F32, &[0.5; 12])
            .err()
            .unwrap();
        assert!(error.to_string().contains("12 values"), "{error}");
    }

    #[test]
    fn a_predictor_is_shared_between_threads() {
        fn is_shared<P: Send + Sync>() {}
        is_shared::<Predictor>();
    }
}
