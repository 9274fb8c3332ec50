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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Task;

    #[test]
    fn every_task_is_described() {
        assert_eq!(TASKS.map(|task| task.name), Task::ALL.map(Task::name));
    }
}
