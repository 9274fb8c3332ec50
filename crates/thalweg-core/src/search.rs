//! Exhaustive search: the loss at every point of a grid over one or two parameters, the others as
//! they are. It draws the error surface and finds the grid's lowest point; nothing between the
//! points is seen. As an optimizer it goes over all parameters: `exhaustive` of [`crate::solvers`].

use crate::engine::{Batch, Engine};
use crate::error::{Error, Result};

/// The values of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its index in [`crate::engine::State::parameters`].
    pub parameter: usize,
    /// What it is set to, in turn.
    pub values: Vec<f64>,
}

impl Axis {
    /// `count` values from `low` to `high`, both included, equally far apart.
    pub fn linear(parameter: usize, low: f64, high: f64, count: usize) -> Self {
        let last = count.saturating_sub(1).max(1) as f64;
        let value = |i: usize| low + (high - low) * (i as f64 / last);
        Self {
            parameter,
            values: (0..count).map(value).collect(),
        }
    }
}

/// The loss over a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// The axes, one or two.
    pub axes: Vec<Axis>,
    /// The losses; the last axis runs fastest.
    pub losses: Vec<f64>,
}

impl Surface {
    /// The lowest point: the values of the axes, and the loss. The first where several are equal.
    pub fn lowest(&self) -> Option<(Vec<f64>, f64)> {
        let finite = self.losses.iter().enumerate();
        let (index, loss) = finite
            .filter(|(_, loss)| !loss.is_nan())
            .min_by(|a, b| a.1.total_cmp(b.1))?;
        let mut rest = index;
        let mut at: Vec<f64> = Vec::new();
        for axis in self.axes.iter().rev() {
            at.push(axis.values[rest % axis.values.len()]);
            rest /= axis.values.len();
        }
        at.reverse();
        Some((at, *loss))
    }
}

/// Evaluates the loss of a batch of any size at every point. The engine is afterwards as it was.
///
/// # Errors
/// If there is not one axis or two, one has no values or no parameter, or the batch does not fit
/// the network.
pub fn grid(engine: &mut dyn Engine, batch: &Batch, axes: &[Axis]) -> Result<Surface> {
    let refuse = |found: String, expected: &str| Err(Error::invalid("grid", found, expected));
    if !(1..=2).contains(&axes.len()) {
        return refuse(format!("{} axes", axes.len()), "one or two");
    }
    let start = engine.save()?;
    let count = start.parameters.len();
    for axis in axes {
        if axis.parameter >= count {
            let expected = format!("parameters below {count}");
            return refuse(format!("parameter {}", axis.parameter), &expected);
        }
        if axis.values.is_empty() {
            return refuse("an axis without values".into(), "at least one value");
        }
    }
    let surface = over(axes, &start.parameters, |parameters| {
        engine.load_parameters(parameters)?;
        engine.evaluate(batch, None)
    });
    engine.load(&start)?;
    surface
}

/// A loss at every point of a grid; the parameters without an axis are those of `start`.
///
/// # Errors
/// Those of the loss.
///
/// # Panics
/// If an axis is of no parameter.
pub fn over(
    axes: &[Axis],
    start: &[f64],
    mut loss: impl FnMut(&[f64]) -> Result<f64>,
) -> Result<Surface> {
    let mut parameters = start.to_vec();
    let points = axes.iter().map(|axis| axis.values.len()).product();
    let mut losses = Vec::with_capacity(points);
    for index in 0..points {
        let mut rest = index;
        for axis in axes.iter().rev() {
            parameters[axis.parameter] = axis.values[rest % axis.values.len()];
            rest /= axis.values.len();
        }
        losses.push(loss(&parameters)?);
    }
    Ok(Surface {
        axes: axes.to_vec(),
        losses,
    })
}
