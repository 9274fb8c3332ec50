//! The presets: what is chosen where the user sets nothing, and why. Each is a file; here is what
//! they share. What an explicit setting switches off is in `docs/presets.md`.

use std::borrow::Cow;

use thalweg_core::layers::usual_width;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::registry::Choice;
use thalweg_core::solvers;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::{FitOptions, Preprocessing, Scaling, Table, TargetTransform, Task};

use crate::config::OutputBias;
use crate::request::Request;
use crate::text::{count, short};

mod auto;
pub(crate) mod best;
mod fast;
mod tabm;

/// Which preset chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// A plain network and AdamW: `fast.rs`.
    Fast,
    /// The best recipe that is known at a low cost: `auto.rs`.
    Auto,
    /// TabM as published: `tabm.rs`.
    Tabm,
}

/// Fields beside which `auto` leaves everything to `fast`. Layers, initial weights, optimizer and
/// rate of its recipe go together: none of them suits one from elsewhere.
const OF_ONE_PIECE: [&str; 8] = [
    "mlp.file",
    "mlp.initializer",
    "network.loss",
    "interval",
    "initial_weights",
    "training.optimizer",
    "training.learning_rate",
    "training.scale_rate.from_batch_size",
];

/// Fields that describe a plain network: where no preset is named, it gets the training of `fast`.
const OF_A_PLAIN_NETWORK: [&str; 2] = ["mlp.hidden", "mlp.activation"];

/// The preset of a run, with a reason where it is not the one that is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chooser {
    name: Name,
    why: Option<&'static str>,
}

impl Chooser {
    /// The preset for rows of a program, which no preset prepares.
    pub const PLAIN: Self = Self {
        name: Name::Fast,
        why: None,
    };

    /// The preset that a request names, or the default.
    pub fn of(request: &Request) -> Self {
        let preset = request.text("preset");
        let is_linear = request.hidden().is_some_and(|widths| widths.is_empty());
        let has_any = |paths: &[&str]| paths.iter().any(|path| request.has(path));
        let sections = ["optimizer", "initializer", "loss"];
        let is_none = |path| request.text(path) == Some("none");
        let is_in_hand = is_linear
            || is_none("data.fit.scaling")
            || is_none("data.fit.target_transform")
            || request.has_network()
            || sections.iter().any(|section| request.has_settings(section))
            || has_any(&OF_ONE_PIECE);
        let is_plain = has_any(&OF_A_PLAIN_NETWORK) || request.has_settings("activation");
        let why = match preset {
            Some("fast") => return Self::PLAIN,
            Some("tabm") => {
                return Self {
                    name: Name::Tabm,
                    why: None,
                };
            }
            _ if is_in_hand => "the recipe of auto does not go with the settings that are given",
            None if is_plain => {
                "layers are described: they get a training that suits any plain network"
            }
            _ => {
                return Self {
                    name: Name::Auto,
                    why: None,
                };
            }
        };
        Self {
            name: Name::Fast,
            why: Some(why),
        }
    }

    /// The preset for rows on disk, at which it does not look.
    pub fn on_disk(self) -> Self {
        match self.name {
            Name::Fast | Name::Tabm => self,
            Name::Auto => Self {
                name: Name::Fast,
                why: Some("rows on disk, which the recipe of auto would pass over too often"),
            },
        }
    }

    /// The preset for a table that is read and not yet prepared, with what it chooses of the
    /// preparation, unless the request does.
    pub fn settle(self, request: &Request, table: &Table, fit: &mut FitOptions) -> Self {
        match self.name {
            Name::Fast => self,
            Name::Tabm => {
                tabm::prepare(request, fit);
                self
            }
            Name::Auto if table.sparse_width().is_some() => Self {
                name: Name::Fast,
                why: Some("sparse rows, whose columns are many and are not embedded"),
            },
            Name::Auto if auto::is_of_pixels(table) => Self {
                name: Name::Fast,
                why: Some("columns like pixels, which the recipe of auto does not suit"),
            },
            Name::Auto => {
                auto::prepare(request, fit);
                self
            }
        }
    }

    /// The choices for these data.
    pub fn choose(self, facts: &Facts) -> Preset {
        match self.name {
            Name::Fast => fast::choose(facts),
            Name::Auto => auto::choose(facts),
            Name::Tabm => tabm::choose(facts),
        }
    }

    /// Why the preset is not the one that is asked for.
    pub fn reason(self) -> Option<Reason> {
        Some(Reason {
            field: "preset",
            choice: "fast".to_owned(),
            why: self.why?.into(),
        })
    }
}

/// What the choices depend on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What is asked.
    pub task: Task,
    /// Rows to train on.
    pub rows: usize,
    /// Whether there are rows to watch training on.
    pub has_validation: bool,
    /// Whether the recipe is trained once more on all rows.
    pub refits: bool,
    /// Inputs of the network.
    pub inputs: usize,
    /// The optimizer, if the user names one.
    pub optimizer: Option<&'a Choice>,
    /// The epochs, if the user sets them.
    pub epochs: Option<usize>,
    /// The widths of the hidden layers, if the user sets them.
    pub hidden: Option<&'a [usize]>,
    /// Whether rows are sparse.
    pub is_sparse: bool,
}

/// A choice with its reason, for the summary.
#[derive(Debug, Clone)]
pub struct Reason {
    /// The field that would change it: see [`crate::fields`].
    pub field: &'static str,
    /// What was chosen.
    pub choice: String,
    /// Why.
    pub why: Cow<'static, str>,
}

/// What is chosen.
#[derive(Debug, Clone)]
pub struct Preset {
    /// The network; its inputs and outputs come from the data.
    pub network: NetworkSpec,
    /// How it is trained.
    pub training: TrainingSpec,
    /// Whether a linear model takes its place where that validates better.
    pub or_linear: bool,
    /// Whether its probabilities get a temperature.
    pub temperature: bool,
    /// Why, a reason for each choice.
    pub reasons: Vec<Reason>,
}

/// Reasons as they are collected.
#[derive(Default)]
struct Reasons(Vec<Reason>);

impl Reasons {
    fn say(
        &mut self,
        field: &'static str,
        choice: impl ToString,
        why: impl Into<Cow<'static, str>>,
    ) {
        self.0.push(Reason {
            field,
            choice: choice.to_string(),
            why: why.into(),
        });
    }
}

/// Probabilities start at the shares of the classes, counts at their mean. A scaled target has the
/// mean 0.
pub fn output_bias(loss: &Choice, reasons: &mut Vec<Reason>) -> OutputBias {
    let link = LOSSES.build(loss, &()).map(|loss| loss.link());
    let (choice, why) = match link {
        Ok(Link::Sigmoid | Link::Softmax) => (
            OutputBias::Prior,
            "training begins at the shares of the classes",
        ),
        Ok(Link::Exponential) => (
            OutputBias::Prior,
            "training begins at the mean of the targets",
        ),
        _ => return OutputBias::Zero,
    };
    reasons.push(Reason {
        field: "output_bias",
        choice: "prior".to_owned(),
        why: why.into(),
    });
    choice
}

/// Categories above which a column is embedded. Three seeds each, on test rows: Adult's 41
/// countries gained by it (accuracy 0.8566 in place of 0.8557, loss 0.3105 in place of 0.3110); its
/// columns of 16 and 14 categories beside lost that again (0.8553, 0.3112), bank marketing's of 12
/// made no clear difference (0.9071 in place of 0.9061, loss 0.2006 in place of 0.1993), and the
/// diamonds' of 5 to 8 lost (RMSE 578 in place of 566 dollars).
pub const EMBED_ABOVE: usize = 20;

/// What is embedded, and how, where anything is.
pub fn embedding(limit: usize, least: usize, codes: &[(&str, usize)], reasons: &mut Vec<Reason>) {
    const NAMED: usize = 3;
    let column = |(name, levels): &(&str, usize)| {
        let width = usual_width(*levels);
        format!("{} ({levels} codes as {width} numbers)", short(name))
    };
    let mut named: Vec<String> = codes.iter().take(NAMED).map(column).collect();
    if codes.len() > NAMED {
        named.push(format!("{} more", codes.len() - NAMED));
    }
    if !named.is_empty() {
        let why = format!(
            "many categories, so a learned vector for each of {} or more: {}",
            count(least, "row"),
            named.join(", ")
        );
        reasons.push(Reason {
            field: "data.fit.embed_above",
            choice: limit.to_string(),
            why: why.into(),
        });
    }
}

/// What a transform that looks for itself made of the targets, where that is not mean 0 and
/// deviation 1.
pub fn target(
    fit: &FitOptions,
    loss: &Choice,
    preprocessing: &Preprocessing,
    reasons: &mut Vec<Reason>,
) {
    let all = &preprocessing.target_scaling;
    let is_log = |name: &&str| name.starts_with("log");
    let curves = all.iter().filter_map(|one| one.curve.name());
    let curves: Vec<&str> = curves.filter(is_log).collect();
    let is_robust = LOSSES.build(loss, &()).is_ok_and(|loss| loss.is_robust());
    let (choice, why) = match curves.first() {
        _ if fit.target_transform != Some(TargetTransform::Auto) => return,
        Some(log) if curves.len() == all.len() => (*log, LONG_TAIL.into()),
        Some(log) => {
            let share = format!("{} of {} targets: {LONG_TAIL}", curves.len(), all.len());
            (*log, share.into())
        }
        None if is_robust || fit.scaling == Scaling::Robust => (
            "robust",
            "outliers do not set the scale, which is that of median and quartiles".into(),
        ),
        None => return,
    };
    reasons.push(Reason {
        field: "data.fit.target_transform",
        choice: choice.to_owned(),
        why,
    });
}

/// The loss that an interval asks for, in place of the task's.
pub fn interval(loss: &Choice, reasons: &mut Vec<Reason>) {
    reasons.retain(|reason| reason.field != "network.loss");
    reasons.push(Reason {
        field: "network.loss",
        choice: loss.to_string(),
        why: "the ends of the interval, and the median between them".into(),
    });
}

const LONG_TAIL: &str =
    "a long tail to the right, which the logarithm makes as short as that of normal numbers";

fn loss(task: Task) -> (&'static str, &'static str) {
    match task {
        Task::Regression => (
            "mse",
            "squared error, on targets scaled to mean 0 and deviation 1",
        ),
        Task::Binary => ("logistic", "two classes: cross-entropy of one probability"),
        Task::Multiclass => ("cross_entropy", "classes that exclude each other"),
        Task::Multilabel => ("logistic", "labels that are independent of each other"),
    }
}

/// The rate of the recipe that scales rates by the sizes of layers.
pub fn rate_by_ntk(task: Task) -> f64 {
    auto::learning_rate(task)
}

/// A rate that suits most data with this optimizer; any if there is no such optimizer, which others
/// say.
pub fn learning_rate(optimizer: &Choice, linear: bool) -> (f64, &'static str) {
    let usual = solvers::usual_rate(optimizer).unwrap_or(1e-3);
    match linear {
        _ if solvers::is_solver(optimizer) => (usual, "solvers find their own steps"),
        true => (2.0 * usual, "a linear model tolerates larger steps"),
        false => (usual, "a rate that suits most networks with this optimizer"),
    }
}

/// As the field `mlp.hidden` takes them: `128,64`, or `none`.
pub fn widths(hidden: &[usize]) -> String {
    match hidden {
        [] => "none".to_owned(),
        widths => widths
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(","),
    }
}
