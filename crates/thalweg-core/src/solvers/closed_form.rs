//! Closed form for linear models with squared error: ∂C/∂θ = 0 is the linear system of the normal equations,
//! (s·X̃ᵀDX̃ + λI′)·Θ = s·X̃ᵀDY, with X̃ the rows with a 1 for the bias, D the weights divided by their sum, I′ without
//! the bias, and s the factor of the loss: 2/outputs for `mse`, 1 for `half_mse`.
//!
//! Solved by Cholesky's method, and once more for what rounding left of the gradient. It takes one iteration, which is
//! the last. Source: Gauss 1809.

use super::vector::{add, dot, norm, plus, zeros};
use super::{Advance, Objective, Point, Solver};
use crate::dataset::{FeaturesRef, TargetsRef, ValuesRef};
use crate::error::{Error, Result};
use crate::memory;
use crate::registry::{Description, Entry};
use crate::source::{RowSource, TargetKind, scan};

/// See the module's text.
struct ClosedForm;

/// The largest system: its matrix takes 3.2 GB.
const MOST: usize = 20_000;

/// The normal equations of the rows of a source, without penalty and with s = 1.
struct Normal {
    /// Inputs, and columns of X̃.
    inputs: usize,
    size: usize,
    /// X̃ᵀDX̃, row-major.
    matrix: Vec<f64>,
    /// (X̃ᵀDY)ᵀ: one row an output.
    right: Vec<f64>,
}

impl Solver for ClosedForm {
    fn advance(&mut self, objective: &mut Objective, from: &Point) -> Result<Advance> {
        let tensors = objective.tensors();
        let (inputs, outputs, has_bias) = match &tensors[..] {
            [weight] if weight.shape.len() == 2 => (weight.shape[1], weight.shape[0], false),
            [weight, bias] if weight.shape.len() == 2 && bias.shape == [weight.shape[0]] => {
                (weight.shape[1], weight.shape[0], true)
            }
            _ => return Err(not_linear("other parameters than one layer's")),
        };
        let mut normal = Normal::new(objective.source(), inputs, outputs, has_bias)?;
        // At θ = 0 the gradient is −s·X̃ᵀDY.
        let origin = objective.at(&zeros(from.parameters.len())?)?;
        let right = normal.flat(&normal.right)?;
        let square = dot(&right, &right);
        let scale = if square > 0.0 {
            -dot(&origin.gradient, &right) / square
        } else {
            1.0
        };
        let expected = plus(&origin.gradient, scale, &right)?;
        if scale <= 0.0 || norm(&expected) > 1e-9 * norm(&origin.gradient) {
            return Err(not_linear("another loss or activation"));
        }
        for (index, value) in normal.matrix.iter_mut().enumerate() {
            *value *= scale;
            let (row, column) = (index / normal.size, index % normal.size);
            if row == column && row < inputs {
                *value += objective.l2();
            }
        }
        normal.factorize()?;
        let mut point = origin;
        for _ in 0..2 {
            let step = normal.solve(&point.gradient)?;
            point = objective.at(&plus(&point.parameters, -1.0, &step)?)?;
        }
        let is_solved = norm(&point.gradient) <= 1e-6 * (scale * norm(&right)).max(1e-300);
        if !is_solved && square > 0.0 {
            return Err(not_linear("a gradient that does not vanish"));
        }
        Ok(Advance::Solved(point))
    }
}

pub(super) fn not_linear(found: &str) -> Error {
    let subject = "optimizer closed_form";
    Error::invalid(subject, found, "a linear model with mse or half_mse").remedy(
        "leave out the hidden layers (`mlp.hidden` none), and set `network.loss` to mse for targets that are numbers, or \
         choose another `optimizer`",
    )
}

impl Normal {
    fn new(
        source: &mut dyn RowSource,
        inputs: usize,
        outputs: usize,
        has_bias: bool,
    ) -> Result<Self> {
        let size = inputs + usize::from(has_bias);
        let subject = "optimizer closed_form";
        if size > MOST {
            let expected = format!("at most {MOST}");
            return Err(Error::invalid(
                subject,
                format!("{size} weights an output"),
                expected,
            ));
        }
        let (found, expected) = match source.schema().targets {
            TargetKind::Values(width) if width == outputs => (String::new(), ""),
            TargetKind::Values(width) => (format!("{width} targets"), "one an output"),
            TargetKind::Classes => ("classes".into(), "targets that are numbers"),
        };
        if !found.is_empty() {
            return Err(Error::invalid(subject, found, expected));
        }
        let mut normal = Self {
            inputs,
            size,
            matrix: zeros(size * size)?,
            right: zeros(size * outputs)?,
        };
        let mut x = vec![1.0; size];
        let mut total = 0.0;
        scan::chunks(source, |batch, _| {
            let Some(TargetsRef::Values { values, .. }) = batch.targets else {
                return Ok(());
            };
            for row in batch.rows.iter() {
                read_row(batch.features, row, &mut x);
                let weight = batch.weights.map_or(1.0, |weights| f64::from(weights[row]));
                total += weight;
                let y = &values[row * outputs..][..outputs];
                if y.iter().any(|y| y.is_nan()) {
                    let found = "a row without one of its targets";
                    let error = Error::invalid(subject, found, "every target in every row");
                    return Err(error.remedy("choose another `optimizer`, such as lbfgs"));
                }
                normal.add(weight, &x, y);
            }
            Ok(())
        })?;
        for i in 0..size {
            for j in 0..=i {
                let value = normal.matrix[i * size + j] / total;
                normal.matrix[i * size + j] = value;
                normal.matrix[j * size + i] = value;
            }
        }
        normal.right.iter_mut().for_each(|value| *value /= total);
        Ok(normal)
    }

    /// Adds a row with its targets.
    fn add(&mut self, weight: f64, x: &[f64], y: &[f64]) {
        let size = self.size;
        for (i, xi) in x.iter().enumerate() {
            add(&mut self.matrix[i * size..][..i + 1], weight * xi, &x[..=i]);
        }
        for (right, y) in self.right.chunks_exact_mut(size).zip(y) {
            add(right, weight * y, x);
        }
    }

    /// Rows of \[weights, bias\] for each output, in the order of the parameters: all weights, then all biases.
    fn flat(&self, rows: &[f64]) -> Result<Vec<f64>> {
        let weights = rows.chunks(self.size).flat_map(|row| &row[..self.inputs]);
        let biases = rows.chunks(self.size).flat_map(|row| &row[self.inputs..]);
        let mut all = memory::room(rows.len())?;
        all.extend(weights.chain(biases));
        Ok(all)
    }

    /// The matrix becomes L with LLᵀ = the matrix, in its lower half.
    fn factorize(&mut self) -> Result<()> {
        let (n, matrix) = (self.size, &mut self.matrix);
        for i in 0..n {
            let largest = matrix[i * n + i];
            for j in 0..=i {
                let (head, tail) = matrix.split_at_mut(i * n);
                let (row, other) = if j < i {
                    (&mut tail[..n], &head[j * n..][..n])
                } else {
                    let value = tail[i] - dot(&tail[..i], &tail[..i]);
                    if value.is_nan() || value <= largest * n as f64 * f64::EPSILON {
                        return Err(singular(i));
                    }
                    tail[i] = value.sqrt();
                    continue;
                };
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
        }
        Ok(())
    }

    /// The solution for a right side in the order of the parameters, in that order.
    fn solve(&self, right: &[f64]) -> Result<Vec<f64>> {
        let (n, l) = (self.size, &self.matrix);
        let outputs = right.len() / n;
        let mut solution = memory::room(right.len())?;
        for output in 0..outputs {
            let mut x = right[output * self.inputs..][..self.inputs].to_vec();
            x.extend((self.inputs < n).then(|| right[outputs * self.inputs + output]));
            for i in 0..n {
                x[i] = (x[i] - dot(&l[i * n..][..i], &x[..i])) / l[i * n + i];
            }
            for i in (0..n).rev() {
                let below: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
                x[i] = (x[i] - below) / l[i * n + i];
            }
            solution.extend(x);
        }
        self.flat(&solution)
    }
}

fn singular(column: usize) -> Error {
    let found = format!("input {column} that is a combination of those before it");
    Error::invalid(
        "optimizer closed_form",
        found,
        "inputs that are independent",
    )
    .remedy("set a penalty such as `l2` 1e-6, or leave out the column (`data.fit.drop`)")
}

/// A row of features in double precision, into the first values of `x`.
fn read_row(features: FeaturesRef, row: usize, x: &mut [f64]) {
    match features.values {
        // In double precision from the byte on.
        ValuesRef::U8 {
            bytes,
            scale,
            offset,
        } => {
            for (x, byte) in x
                .iter_mut()
                .zip(&bytes[row * features.width..][..features.width])
            {
                *x = f64::from(*byte) * f64::from(scale) + f64::from(offset);
            }
        }
        _ => x
            .iter_mut()
            .zip(features.row(row))
            .for_each(|(x, value)| *x = value),
    }
}

pub(super) const ENTRY: Entry<Box<dyn Solver>> = Entry {
    description: Description {
        name: "closed_form",
        summary: "The minimum of a linear model with squared error, by the normal equations",
        equation: "∂C/∂θ = 0: (s·XᵀDX + λI)·Θ = s·XᵀDY",
        source: "Gauss 1809",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(ClosedForm)),
};
