//! A step length α along a direction d that fulfils the strong Wolfe conditions, with φ(α) = C(θ + αd):
//! φ(α) ≤ φ(0) + c₁αφ′(0) and |φ′(α)| ≤ c₂|φ′(0)|.
//!
//! Source: Nocedal & Wright 2006, algorithms 3.5 and 3.6, with cubic interpolation (eq. 3.59). Where φ(0) and φ(α)
//! differ by no more than rounding, the first condition counts as fulfilled, so that minima are found to the last
//! digits of the gradient. At a kink such a point may not lower C: see [`gains`].

use super::vector::{dot, norm, plus};
use super::{Objective, Point};
use crate::error::Result;

const C1: f64 = 1e-4;
const C2: f64 = 0.9;
const MOST_TRIES: usize = 40;

/// A point along the line; where that begins it is no new one.
struct Trial {
    alpha: f64,
    loss: f64,
    slope: f64,
    point: Option<Point>,
}

/// What rounding may change in a loss.
fn slack(from: &Point) -> f64 {
    8.0 * f64::EPSILON * from.loss.abs()
}

/// Whether a point that a search found is better than where it began: C is lower by more than rounding, or as low and
/// the gradient shorter.
pub fn gains(from: &Point, to: &Point) -> bool {
    let (gain, slack) = (from.loss - to.loss, slack(from));
    gain > slack || (gain >= -slack && norm(&to.gradient) < norm(&from.gradient))
}

/// The line, from a point.
struct Line<'a> {
    from: &'a Point,
    direction: &'a [f64],
    slope: f64,
    /// What rounding may change in φ.
    slack: f64,
}

impl Line<'_> {
    fn at(&self, objective: &mut Objective, alpha: f64) -> Result<Trial> {
        let point = objective.at(&plus(&self.from.parameters, alpha, self.direction)?)?;
        Ok(Trial {
            alpha,
            loss: point.loss,
            slope: dot(&point.gradient, self.direction),
            point: Some(point),
        })
    }

    fn is_low(&self, trial: &Trial) -> bool {
        trial.loss <= self.from.loss + C1 * trial.alpha * self.slope + self.slack
    }

    fn is_flat(&self, trial: &Trial) -> bool {
        trial.slope.abs() <= -C2 * self.slope
    }
}

/// The point at a step length that fulfils the conditions, first trying `alpha`; nothing if the direction does not
/// lead downwards or no length is found.
///
/// # Errors
/// As [`Objective::at`].
pub fn search(
    objective: &mut Objective,
    from: &Point,
    direction: &[f64],
    mut alpha: f64,
) -> Result<Option<Point>> {
    let line = Line {
        from,
        direction,
        slope: dot(&from.gradient, direction),
        slack: slack(from),
    };
    if line.slope.is_nan() || line.slope >= 0.0 {
        return Ok(None);
    }
    let mut before = Trial {
        alpha: 0.0,
        loss: from.loss,
        slope: line.slope,
        point: None,
    };
    for number in 0..MOST_TRIES {
        let trial = line.at(objective, alpha)?;
        let rises = number > 0 && trial.loss > before.loss + line.slack;
        if !line.is_low(&trial) || rises || trial.loss.is_nan() {
            return zoom(objective, &line, before, trial);
        }
        if line.is_flat(&trial) {
            return Ok(trial.point);
        }
        if trial.slope >= 0.0 {
            return zoom(objective, &line, trial, before);
        }
        alpha *= 2.0;
        before = trial;
    }
    Ok(None)
}

/// Between two lengths of which the first is the lower point.
fn zoom(
    objective: &mut Objective,
    line: &Line,
    mut low: Trial,
    mut high: Trial,
) -> Result<Option<Point>> {
    for _ in 0..MOST_TRIES {
        let trial = line.at(objective, between(&low, &high))?;
        let is_worse = trial.loss > low.loss + line.slack;
        if !line.is_low(&trial) || is_worse || trial.loss.is_nan() {
            high = trial;
            continue;
        }
        if line.is_flat(&trial) {
            return Ok(trial.point);
        }
        if trial.slope * (high.alpha - low.alpha) >= 0.0 {
            high = low;
        }
        low = trial;
    }
    // Low enough is better than nothing.
    Ok(low.point.filter(|_| low.loss < line.from.loss))
}

/// The minimum of the cubic through both ends, kept away from them; else the middle.
fn between(low: &Trial, high: &Trial) -> f64 {
    let width = high.alpha - low.alpha;
    let d1 = low.slope + high.slope - 3.0 * (high.loss - low.loss) / width;
    let d2 = (d1 * d1 - low.slope * high.slope).sqrt().copysign(width);
    let alpha = high.alpha - width * (high.slope + d2 - d1) / (high.slope - low.slope + 2.0 * d2);
    let share = (alpha - low.alpha) / width;
    if (0.05..=0.95).contains(&share) {
        alpha
    } else {
        low.alpha + 0.5 * width
    }
}
