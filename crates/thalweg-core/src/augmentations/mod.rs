//! Augmentation: training rows are changed at random before the network sees them, evaluated rows
//! never.
//!
//! For the row at position i of the batch in update t, each entry of the list in turn draws from
//! the stream (seed, t, i) and changes the row's [`Draw`]. What the network sees is then
//!
//! - x̂ᵢ(k, l) = xᵢ(A(k, l)): the image resampled, where A is the composition of the list's maps of
//!   lines and of pixels. Between pixels it is linear along lines and columns; beyond its edges it
//!   goes on as the edge. All maps are composed first, so an image is resampled once, straight from
//!   the dataset.
//! - x̃ᵢ = λᵢ·x̂ᵢ + (1 − λᵢ)·x̂ⱼ, and its target likewise: mixup with the row at position j = (i +
//!   r) mod B, where r in 1..B is drawn once an update. Each row is the partner of one other.
//! - x̃ᵢ + σ·ε with ε ~ N(0, 1) in every value: noise comes last, in the units of the network's
//!   input.
//!
//! Weights of mixed rows: the loss of row i counts wᵢ' = λᵢ·wᵢ + (1 − λᵢ)·wⱼ, and its target is
//! mixed with λᵢ' = λᵢ·wᵢ / wᵢ'. For cross-entropy w'·l(ỹ) is then λᵢ·wᵢ·l(yᵢ) + (1 − λᵢ)·wⱼ·l(yⱼ).
//! The batch's loss is still divided by Σ wᵢ, which is what Σ wᵢ' is on average, and its gradient by
//! the number of rows.
//!
//! A draw is a function of (seed, update, position) alone, so it does not depend on threads, and a
//! resumed run needs no state.

pub use crate::kernels::resample::{Axis, View};

use crate::error::{Error, Result};
use crate::losses::Comparison;
use crate::random::{Purpose, Sequence, Stream};
use crate::registry::{Choice, entries};
use crate::shape::Shape;

entries! {
    /// All augmentations.
    AUGMENTATIONS: "augmentation" => Box<dyn Augmentation>, Shape;
    flip,
    shift,
    crop,
    noise,
    mixup,
}

/// One augmentation.
pub trait Augmentation: Send + Sync {
    /// Draws what becomes of one row.
    fn draw(&self, random: &mut Sequence, row: &mut Draw);

    /// Whether it mixes rows and their targets.
    fn mixes(&self) -> bool {
        false
    }
}

/// What becomes of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Where pixels come from.
    pub view: View,
    /// λ, the row's own share of the mixture.
    pub lambda: f64,
    /// σ of the noise.
    pub noise: f64,
}

/// A list of augmentations for rows of one shape.
pub struct Augmenter {
    shape: Shape,
    list: Vec<Box<dyn Augmentation>>,
    mixes: bool,
}

/// Draws of a stream are this far apart, in blocks of four words.
const APART: u64 = 1 << 32;

impl Augmenter {
    /// Makes the list for rows of `shape` and a loss that compares with `comparison`; none if it is
    /// empty.
    ///
    /// # Errors
    /// If an entry does not exist, has a wrong setting, comes twice, asks for images where there
    /// are none, or mixes targets that the loss does not take mixed.
    pub fn build(
        choices: &[Choice],
        shape: Shape,
        loss: (&str, Comparison),
    ) -> Result<Option<Self>> {
        if choices.is_empty() {
            return Ok(None);
        }
        let list = (choices.iter())
            .map(|choice| AUGMENTATIONS.build(choice, &shape))
            .collect::<Result<Vec<_>>>()?;
        let mixes = list.iter().any(|augmentation| augmentation.mixes());
        if mixes && matches!(loss.1, Comparison::LabelsOrBinary | Comparison::Classes) {
            let found = format!("the loss {}, whose targets cannot be mixed", loss.0);
            let expected =
                "one of probabilities or numbers, such as cross_entropy, logistic or mse";
            return Err(Error::invalid("augmentation mixup", found, expected)
                .remedy("leave it out, or choose another loss"));
        }
        Ok(Some(Self { shape, list, mixes }))
    }

    /// Whether rows are mixed.
    pub(crate) fn mixes(&self) -> bool {
        self.mixes
    }

    /// What becomes of the row at a position of the batch, and the random numbers that are left for
    /// its noise.
    pub fn draw(&self, seed: u64, step: u64, position: usize) -> (Draw, Sequence) {
        let stream = Stream::new(seed, Purpose::Augment, step);
        // The first draws are the batch's own.
        let mut random = stream.sequence_from((position as u64 + 1) * APART);
        let mut draw = Draw {
            view: View::whole(self.shape),
            lambda: 1.0,
            noise: 0.0,
        };
        for augmentation in &self.list {
            augmentation.draw(&mut random, &mut draw);
        }
        (draw, random)
    }

    /// r: distance from a row to its partner in a batch of `rows`; 0 if it has none.
    pub fn partner_distance(&self, seed: u64, step: u64, rows: usize) -> usize {
        if !self.mixes || rows < 2 {
            return 0;
        }
        let mut random = Stream::new(seed, Purpose::Augment, step).sequence();
        1 + random.below(rows as u32 - 1) as usize
    }
}

/// Every choice with its defaults written out, validated but for what depends on the rows.
///
/// # Errors
/// If an entry does not exist, has a wrong setting, or comes twice.
pub(crate) fn resolve(choices: &[Choice]) -> Result<Vec<Choice>> {
    for (index, choice) in choices.iter().enumerate() {
        if choices[..index]
            .iter()
            .any(|other| other.name == choice.name)
        {
            let found = format!("`{}` twice", choice.name);
            let error = Error::invalid("augmentation", found, "each at most once");
            return Err(error.at(&format!("{index}.name")));
        }
    }
    let resolve = |(index, choice): (usize, &Choice)| {
        let resolved = AUGMENTATIONS.resolve(choice);
        let resolved = resolved.map_err(|error| error.at(&index.to_string()))?;
        Ok(resolved.into_choice())
    };
    choices.iter().enumerate().map(resolve).collect()
}

/// Refuses rows that are no images.
fn check_image(name: &str, shape: &Shape) -> Result<()> {
    if !shape.is_flat() {
        return Ok(());
    }
    let found = format!("rows of {} values that are no image", shape.channels);
    let subject = format!("augmentation {name}");
    Err(Error::invalid(subject, found, "channels, lines and pixels")
        .remedy("leave it out, or give images (IDX, .npy or .npz of 3 or 4 dimensions)"))
}

/// Refuses a distance that leaves nothing of an image.
fn check_distance(name: &str, pixels: usize, shape: &Shape) -> Result<()> {
    check_image(name, shape)?;
    let least = shape.height.min(shape.width);
    if pixels < least {
        return Ok(());
    }
    let subject = format!("augmentation {name}");
    let expected = format!("less than the {least} of the image");
    Err(Error::invalid(
        subject,
        format!("{pixels} pixels"),
        expected,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Setting;

    fn augmenter(choices: &[Choice]) -> Augmenter {
        let shape = Shape::image([1, 8, 8]);
        let loss = ("mse", Comparison::Values);
        Augmenter::build(choices, shape, loss).unwrap().unwrap()
    }

    fn draws(name: &str, setting: &str, value: Setting) -> Vec<Draw> {
        let augmenter = augmenter(&[Choice::new(name).with(setting, value)]);
        (0..20_000).map(|i| augmenter.draw(3, 1, i).0).collect()
    }

    #[test]
    fn flips_happen_as_often_as_asked_and_shifts_are_uniform() {
        let flips = draws("flip", "probability", Setting::Number(0.3));
        let flipped = flips.iter().filter(|draw| draw.view.pixels.step < 0.0);
        let share = flipped.count() as f64 / 20_000.0;
        assert!((share - 0.3).abs() < 0.012, "{share}");

        let shifts = draws("shift", "pixels", Setting::Integer(2));
        let mut counts = [[0u32; 5]; 5];
        for draw in &shifts {
            let at = |axis: Axis| (axis.start + 2.0) as usize;
            counts[at(draw.view.lines)][at(draw.view.pixels)] += 1;
        }
        // Chi-squared with 24 degrees of freedom stays under 51.2 with probability 0.999.
        let chi2: f64 = (counts.iter().flatten())
            .map(|count| (f64::from(*count) - 800.0).powi(2) / 800.0)
            .sum();
        assert!(chi2 < 51.2, "{chi2}");
    }

    #[test]
    fn lambda_has_the_moments_of_the_beta_distribution() {
        for alpha in [0.05, 0.2, 0.5, 1.0, 3.0] {
            let draws = draws("mixup", "alpha", Setting::Number(alpha));
            let n = draws.len() as f64;
            let moment = |k: i32| {
                let each = draws.iter().map(|draw| (draw.lambda - 0.5).powi(k));
                each.sum::<f64>() / n
            };
            // Beta(α, α): mean 1/2, variance 1/(4(2α + 1)), fourth moment 3/(16(2α + 1)(2α + 3)).
            let variance = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            let fourth = 3.0 / (16.0 * (2.0 * alpha + 1.0) * (2.0 * alpha + 3.0));
            // Five standard errors.
            let near = |value: f64, expected: f64, square: f64| {
                (value - expected).abs() < 5.0 * (square / n).sqrt()
            };
            assert!(near(moment(1), 0.0, variance), "{alpha}: {}", moment(1));
            let (second, error) = (moment(2), fourth - variance * variance);
            assert!(
                near(second, variance, error),
                "{alpha}: {second} {variance}"
            );
            assert!(near(moment(4), fourth, moment(8)), "{alpha}: {}", moment(4));
            assert!(draws.iter().all(|draw| (0.0..=1.0).contains(&draw.lambda)));
        }
    }

    #[test]
    fn a_draw_depends_on_every_part_of_its_address_and_on_nothing_else() {
        let augmenter = augmenter(&[Choice::new("crop"), Choice::new("mixup")]);
        let draw = |seed, step, position| augmenter.draw(seed, step, position).0;
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        for other in [draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)] {
            assert_ne!(draw(1, 2, 3), other);
        }
        for rows in 2..40 {
            let distance = augmenter.partner_distance(1, rows as u64, rows);
            assert!((1..rows).contains(&distance));
        }
        assert_eq!(augmenter.partner_distance(1, 1, 1), 0);
    }
}
