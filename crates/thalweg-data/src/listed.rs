//! Tasks and weights, described as the entries of the engine's registries are.

use thalweg_core::registry::{Default, Description, Domain, Parameter};

/// What sets the task, by its path in a config file.
pub const TASK: &str = "data.target.task";

/// The tasks, in the order of [`Task::ALL`](crate::Task::ALL). Where no option sets the task, the
/// target decides.
pub static TASKS: [Description; 4] = [
    Description {
        name: "regression",
        summary: "One or several numbers; standardized inside the model, in the file's units outside",
        equation: "ŷ = mean + σ·z, or exp z for counts; one output a target",
        source: "Bishop 1995, section 6.1",
        parameters: &[],
    },
    Description {
        name: "binary",
        summary: "One of two classes: one logit, or a margin",
        equation: "P(1) = σ(z), the same as softmax of (0, z)",
        source: "Bishop 1995, section 6.7",
        parameters: &[],
    },
    Description {
        name: "multiclass",
        summary: "One of several classes: a logit for each; the largest is the prediction",
        equation: "P(k) = exp zₖ / Σ exp zⱼ",
        source: "Bishop 1995, section 6.9",
        parameters: &[],
    },
    Description {
        name: "multilabel",
        summary: "Any of several labels, each in a 0/1 column of its own (a target of a,b,c)",
        equation: "P(k) = σ(zₖ), independent of each other",
        source: "Bishop 1995, section 6.8",
        parameters: &[],
    },
];

/// Weights of rows in loss, gradient and metrics, each with what sets it. Both together are
/// multiplied.
pub static WEIGHTS: [(Description, &str); 3] = [
    (
        Description {
            name: "sample_weight",
            summary: "Rows count by the numbers ≥ 0 of a column, which is no input then; of mean 1 over the training rows, so that every batch size descends C; rows of weight 0 are left out",
            equation: "C = Σ wᵢ·lᵢ / Σ wᵢ; of a batch of m rows g = Σ wᵢ·∇lᵢ / m",
            source: "Bishop 1995, section 6.1; scikit-learn's sample_weight",
            parameters: &[Parameter {
                name: "sample_weight",
                summary: "the column",
                default: Default::Off,
                domain: Domain::Word(&["a column"]),
            }],
        },
        "data.fit.sample_weight",
    ),
    (
        Description {
            name: "class_weight",
            summary: "A weight for each class, in training and early stopping: balanced, by which rare classes count as much as frequent ones, or numbers such as A=1,B=50",
            equation: "balanced: wᵢ = W/(K·W_k) for the weights W_k of the rows of class k of K, W of all",
            source: "King & Zeng 2001; scikit-learn's class_weight",
            parameters: &[Parameter {
                name: "class_weight",
                summary: "how classes are weighted",
                default: Default::Off,
                domain: Domain::Word(&["balanced"]),
            }],
        },
        "data.fit.class_weight",
    ),
    (
        Description {
            name: "prior_correction",
            summary: "After class weights or balanced sampling, probabilities are corrected to the true shares of the classes; answers stay as the weights ask for",
            equation: "zₖ ← zₖ − ln vₖ for the factor vₖ of class k in training",
            source: "King & Zeng 2001; Saerens, Latinne & Decaestecker 2002",
            parameters: &[Parameter {
                name: "prior_correction",
                summary: "whether they are",
                default: Default::Flag(true),
                domain: Domain::Flag,
            }],
        },
        "data.fit.prior_correction",
    ),
];

/// What regression targets become, and what is predicted of them, each with what sets it.
pub static TARGETS: [(Description, &str); 8] = [
    (
        Description {
            name: "standard",
            summary: "Mean 0 and deviation 1 inside the model; predictions are in the units of the file",
            equation: "z = (y − mean)/σ",
            source: "Bishop 1995, section 8.2",
            parameters: &[],
        },
        "data.fit.target_transform",
    ),
    (
        Description {
            name: "robust",
            summary: "Median and quartiles in place of mean and deviation, so that outliers do not set the scale",
            equation: "z = (y − median)/s, s the distance of the quartiles over 1.349",
            source: "Huber 1981",
            parameters: &[],
        },
        "data.fit.target_transform",
    ),
    (
        Description {
            name: "log",
            summary: "The logarithm, for targets above 0; medians are predicted",
            equation: "z of ln y",
            source: "Box & Cox 1964",
            parameters: &[],
        },
        "data.fit.target_transform",
    ),
    (
        Description {
            name: "log1p",
            summary: "The logarithm of 1 + y, for targets above −1; medians are predicted",
            equation: "z of ln(1 + y)",
            source: "Box & Cox 1964",
            parameters: &[],
        },
        "data.fit.target_transform",
    ),
    (
        Description {
            name: "quantile",
            summary: "The quantiles of normal numbers, linear between points",
            equation: "z = Φ⁻¹(F(y))",
            source: "scikit-learn's QuantileTransformer",
            parameters: &[],
        },
        "data.fit.target_transform",
    ),
    (
        Description {
            name: "auto",
            summary: "The logarithm where it makes a long tail to the right short, else the target itself",
            equation: "by quantiles of y and of its logarithm",
            source: "a rule of this program",
            parameters: &[],
        },
        "data.fit.target_transform",
    ),
    (
        Description {
            name: "smearing",
            summary: "Means of targets that are learned as logarithms, in place of medians",
            equation: "y + shift = s·(ŷ + shift), s the mean of exp(ln y − ln ŷ) over validation rows",
            source: "Duan 1983",
            parameters: &[],
        },
        "smearing",
    ),
    (
        Description {
            name: "interval",
            summary: "Bounds around each number that hold a share of the targets, calibrated on rows that had no part in training",
            equation: "[l − m, h + m], m the ⌈p(n + 1)⌉-th smallest of max(l − y, y − h)",
            source: "Romano, Patterson & Candès 2019",
            parameters: &[],
        },
        "interval",
    ),
];

/// Which rows train, validate and test, and how a run goes on, each with what sets it.
pub static SPLITS: [(Description, &str); 7] = [
    (
        Description {
            name: "random",
            summary: "Rows are drawn by the seed; classes keep their shares",
            equation: "drawn without replacement",
            source: "Kohavi 1995",
            parameters: &[],
        },
        "data.split.by",
    ),
    (
        Description {
            name: "ordered",
            summary: "Later rows validate, and the last ones test",
            equation: "by the place in the file",
            source: "Bergmeir & Benítez 2012",
            parameters: &[],
        },
        "data.split.by",
    ),
    (
        Description {
            name: "column",
            summary: "A column names the part of each row: train, validation, test",
            equation: "as the column says",
            source: "for splits made elsewhere",
            parameters: &[],
        },
        "data.split.by",
    ),
    (
        Description {
            name: "group",
            summary: "Rows of one value of a column are in one part",
            equation: "groups are drawn",
            source: "scikit-learn's GroupShuffleSplit",
            parameters: &[],
        },
        "data.split.group",
    ),
    (
        Description {
            name: "refit",
            summary: "After the best epoch is found, the recipe is trained on all rows for as many epochs",
            equation: "all rows but those that calibrate an interval",
            source: "scikit-learn's refit",
            parameters: &[],
        },
        "refit",
    ),
    (
        Description {
            name: "extend_classes",
            summary: "Going on, classes that a model does not know get outputs, drawn anew",
            equation: "the other outputs keep their weights",
            source: "transfer learning",
            parameters: &[],
        },
        "extend.classes",
    ),
    (
        Description {
            name: "extend_columns",
            summary: "Going on, columns that a model does not know get inputs of weight 0",
            equation: "predictions begin as they were",
            source: "transfer learning",
            parameters: &[],
        },
        "extend.columns",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Task;

    #[test]
    fn every_task_is_described() {
        assert_eq!(TASKS.map(|task| task.name), Task::ALL.map(Task::name));
    }
}
