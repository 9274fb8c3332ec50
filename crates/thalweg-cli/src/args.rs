//! The arguments as a user types them. What they mean together is worked out in `resolve`.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use thalweg_core::precision::Dtype;
use thalweg_core::spec::Reduction;
use thalweg_data::{ClassWeight, ReadOptions, Scaling, Task};

use crate::parse::{
    EmbedAbove, amount, class_weight, delimiter, dtype, embed_above, embed_least, number,
    output_bias, preset, reduction, scaling, seed, threads,
};
use crate::tuning::Tuning;
use thalweg::config::OutputBias;

/// Trains feed-forward networks, from a table or images to a model file.
#[derive(Parser)]
#[command(
    name = "thalweg",
    version,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  thalweg train builtin:digits
  thalweg train houses.csv --target price --hidden 128,64 --out runs/houses
  thalweg predict runs/houses new.csv -o prices.csv
  thalweg list optimizers

`thalweg COMMAND --help` says more."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Train a network on a table or images
    Train(Box<TrainArgs>),
    /// Answer new rows with a trained model, as CSV
    Predict(PredictArgs),
    /// Score a trained model on rows whose answers are known
    Evaluate(EvaluateArgs),
    /// Show what a data file or a model holds
    Info(InfoArgs),
    /// List what can be named or set: optimizers, losses, layers, penalties, stopping, …
    List(ListArgs),
    /// Measure how fast this machine trains
    Bench(BenchArgs),
}

#[derive(Args)]
#[command(after_help = "\
Everything that is not set is chosen by what the data are, and the summary says what and why.
The run folder receives model.safetensors, config.toml, log.jsonl, and while training a checkpoint.

Examples:
  thalweg train builtin:digits
  thalweg train houses.csv --target price --test houses-2025.csv
  thalweg train adult.data --no-header --columns age,workclass,…,income --test adult.test
  thalweg train images.idx.gz --labels labels.idx.gz --hidden 256,128 --epochs 20
  thalweg train houses.csv --optimizer sgd --set optimizer.momentum=0.9 --lr 0.05
  thalweg train --config runs/houses-1/config.toml      # the same model again, bit for bit
  tail -n 500 log.csv | thalweg train - --continue runs/houses-1 --epochs 5     # go on with new rows
  thalweg train --resume --out runs/houses-1            # go on after an interruption")]
pub struct TrainArgs {
    #[arg(value_name = "DATA", help = thalweg_data::Source::help())]
    pub data: Option<String>,

    /// Column to predict (several: a,b); else one named target, label, class or y; else the last
    #[arg(long, value_name = "COL", help_heading = "Data")]
    pub target: Option<String>,
    /// regression, binary, multiclass or multilabel; else by looking at the target
    #[arg(long, value_name = "TASK", help_heading = "Data")]
    pub task: Option<Task>,
    /// File of labels that belongs to DATA (IDX, .npy)
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub labels: Option<PathBuf>,
    /// File to test on at the end
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Data",
        conflicts_with = "test_fraction"
    )]
    pub test: Option<PathBuf>,
    /// Fraction of the rows to test on at the end [default: 0.1]
    #[arg(
        long,
        value_name = "X",
        help_heading = "Data",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub test_fraction: Option<f64>,
    /// File to watch training on
    #[arg(long, value_name = "FILE", help_heading = "Data",
          conflicts_with_all = ["validation_fraction", "no_validation"])]
    pub validation: Option<PathBuf>,
    /// Fraction of the rows to watch training on [default: 0.1]
    #[arg(
        long,
        value_name = "X",
        help_heading = "Data",
        allow_negative_numbers = true,
        conflicts_with = "no_validation",
        value_parser = number
    )]
    pub validation_fraction: Option<f64>,
    /// Train on all rows that are not test rows, all epochs long
    #[arg(long, help_heading = "Data")]
    pub no_validation: bool,
    /// Columns that the network must not see
    #[arg(
        long,
        value_name = "COLS",
        value_delimiter = ',',
        help_heading = "Data"
    )]
    pub drop: Vec<String>,
    /// Column of row weights
    #[arg(long, value_name = "COL", help_heading = "Data")]
    pub sample_weight: Option<String>,
    /// balanced: make rare classes count as much as frequent ones
    #[arg(long, value_name = "HOW", help_heading = "Data", value_parser = class_weight)]
    pub class_weight: Option<ClassWeight>,
    /// Give columns of more than N categories to an embedding, as codes, and not an input for each category; or none
    #[arg(long, value_name = "N", help_heading = "Data", value_parser = embed_above,
          allow_negative_numbers = true)]
    pub embed_above: Option<EmbedAbove>,
    /// Rows that a category needs for a code of its own, else it is unknown [default: 2]
    #[arg(long, value_name = "N", help_heading = "Data", value_parser = embed_least,
          allow_negative_numbers = true)]
    pub embed_least: Option<usize>,
    /// standard, robust (quartiles, outliers bent) or none [default: standard]
    #[arg(long, value_name = "HOW", help_heading = "Data", value_parser = scaling,
          conflicts_with = "no_standardize")]
    pub scaling: Option<Scaling>,
    /// Leave features and targets in the units of the file
    #[arg(long, help_heading = "Data")]
    pub no_standardize: bool,
    #[command(flatten)]
    pub read: ReadArgs,

    /// Widths of the hidden layers, such as 128,64; none for a linear model
    #[arg(
        long,
        value_name = "WIDTHS",
        help_heading = "Network",
        allow_hyphen_values = true
    )]
    pub hidden: Option<String>,
    /// Activation of the hidden layers
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub activation: Option<String>,
    /// A network from a file: its layers in order, a [[layers]] table each, by the names of `thalweg list layers`
    #[arg(long, value_name = "FILE", help_heading = "Network",
          conflicts_with_all = ["hidden", "activation", "dropout", "initializer"])]
    pub network: Option<PathBuf>,
    /// Leave out this fraction of every hidden layer's values at random while training
    #[arg(
        long,
        value_name = "X",
        help_heading = "Network",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub dropout: Option<f64>,
    /// Distribution of the weights before training; else the one that suits the activation
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub initializer: Option<String>,
    /// Where the biases of the output layer start: at prior, the shares of the classes (the mean of a number),
    /// or at zero [default: prior for classes and labels]
    #[arg(long, value_name = "HOW", help_heading = "Network", value_parser = output_bias,
          conflicts_with = "initial_weights")]
    pub output_bias: Option<OutputBias>,
    /// Go on from this model or run folder on new rows: DATA has its columns and classes; network, preprocessing
    /// and settings are its own, --epochs are further ones
    #[arg(long = "continue", value_name = "MODEL", help_heading = "Run",
          conflicts_with_all = ["initial_weights", "config", "preset", "resume", "target", "task", "drop",
                                "sample_weight", "class_weight", "embed_above", "embed_least", "scaling", "no_standardize", "hidden",
                                "activation", "initializer", "output_bias", "loss"])]
    pub continue_from: Option<PathBuf>,
    /// Start from the weights of this model
    #[arg(long, value_name = "MODEL", help_heading = "Network")]
    pub initial_weights: Option<PathBuf>,

    /// What is minimized
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    pub loss: Option<String>,
    /// How gradients become updates
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    pub optimizer: Option<String>,
    /// How the learning rate changes
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    pub schedule: Option<String>,
    /// What the gradient is of: the mean over the rows of a batch, or the sum, which asks for a smaller rate
    /// the larger the batch [default: mean]
    #[arg(long, value_name = "HOW", help_heading = "Training", value_parser = reduction)]
    pub reduction: Option<Reduction>,
    /// A setting of optimizer, schedule, loss, activation or initializer, such as optimizer.beta1=0.8 or
    /// schedule.then.floor=0.1; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Training")]
    pub set: Vec<String>,
    /// Learning rate
    #[arg(
        long,
        value_name = "X",
        help_heading = "Training",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub lr: Option<f64>,
    /// Rows of a mini-batch
    #[arg(
        long,
        value_name = "N",
        help_heading = "Training",
        allow_negative_numbers = true,
        value_parser = amount
    )]
    pub batch_size: Option<usize>,
    /// Passes over the rows
    #[arg(
        long,
        value_name = "N",
        help_heading = "Training",
        allow_negative_numbers = true,
        value_parser = amount
    )]
    pub epochs: Option<usize>,
    /// Epochs without a better validation loss before training stops
    #[arg(
        long,
        value_name = "N",
        help_heading = "Training",
        allow_negative_numbers = true,
        value_parser = amount
    )]
    pub patience: Option<usize>,
    /// Penalty X/2·‖W‖² on the weights
    #[arg(
        long,
        value_name = "X",
        help_heading = "Training",
        allow_negative_numbers = true,
        value_parser = number
    )]
    pub l2: Option<f64>,
    /// Take the rows in the order of the file
    #[arg(long, help_heading = "Training")]
    pub no_shuffle: bool,
    /// Precision: f32, f64, or bf16 (f32 with products of rounded numbers) [default: f32]
    #[arg(long, value_name = "TYPE", help_heading = "Training", value_parser = dtype)]
    pub dtype: Option<Dtype>,
    /// Seed of splits, weights and shuffles [default: 0]
    #[arg(long, value_name = "N", help_heading = "Training", allow_negative_numbers = true, value_parser = seed)]
    pub seed: Option<u64>,
    /// Threads; results do not depend on it [default: all]
    #[arg(long, value_name = "N", help_heading = "Training", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
    /// How what is not set is chosen: auto, by what the data are [default: auto]
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = preset)]
    pub preset: Option<Preset>,

    #[command(flatten)]
    pub tuning: Tuning,

    /// Take everything that is not set here from a run's config.toml
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Run",
        conflicts_with = "preset"
    )]
    pub config: Option<PathBuf>,
    /// The run folder [default: runs/NAME-N]
    #[arg(long, value_name = "DIR", help_heading = "Run")]
    pub out: Option<PathBuf>,
    /// Go on with the run in --out, to the same result as without interruption
    #[arg(
        long,
        help_heading = "Run",
        requires = "out",
        conflicts_with = "config"
    )]
    pub resume: bool,
    /// Leave the checkpoint of the last epoch in the run folder, so that --continue goes on as if never stopped
    #[arg(long, help_heading = "Run")]
    pub keep_checkpoint: bool,
    /// Print errors only
    #[arg(short, long, help_heading = "Run")]
    pub quiet: bool,
    /// Print the result as one line of JSON on standard output, all else on standard error
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

/// How text files are read.
#[derive(Args, Clone, Default)]
pub struct ReadArgs {
    /// Names of the columns of a text file, instead of those in it
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        help_heading = "Text files"
    )]
    pub columns: Vec<String>,
    /// The first line holds names [default: by looking]
    #[arg(long, help_heading = "Text files", conflicts_with = "no_header")]
    pub header: bool,
    /// The first line holds data
    #[arg(long, help_heading = "Text files")]
    pub no_header: bool,
    /// Character between cells, or tab [default: by looking]
    #[arg(long, value_name = "C", help_heading = "Text files", value_parser = delimiter)]
    pub delimiter: Option<char>,
    /// Cells that mean "missing", beside empty, ?, NA, NaN, null, …
    #[arg(
        long,
        value_name = "TEXTS",
        value_delimiter = ',',
        help_heading = "Text files",
        allow_hyphen_values = true
    )]
    pub missing: Vec<String>,
}

impl ReadArgs {
    /// The options that these arguments set.
    pub fn options(&self, labels: Option<&Path>) -> ReadOptions {
        let mut options = ReadOptions {
            labels: labels.map(Path::to_owned),
            ..ReadOptions::default()
        };
        self.apply(&mut options);
        options
    }

    /// Overrides what these arguments set.
    pub fn apply(&self, options: &mut ReadOptions) {
        if self.header || self.no_header {
            options.header = Some(self.header);
        }
        if self.delimiter.is_some() {
            options.delimiter = self.delimiter;
        }
        for (given, option) in [
            (&self.columns, &mut options.names),
            (&self.missing, &mut options.missing),
        ] {
            if !given.is_empty() {
                option.clone_from(given);
            }
        }
    }
}

#[derive(Args)]
#[command(after_help = "\
Columns may come in any order; the target need not be there.

Examples:
  thalweg predict runs/houses-1 new.csv -o prices.csv
  thalweg predict model.safetensors - --proba < new.csv")]
pub struct PredictArgs {
    /// A model file or a run folder
    pub model: PathBuf,
    #[arg(value_name = "DATA", help = thalweg_data::Source::help())]
    pub data: String,
    /// Where the answers go [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The probability of each class or label instead of the likeliest; models by margins (hinge, perceptron)
    /// have none
    #[arg(long)]
    pub proba: bool,
    /// Threads; results do not depend on it [default: all]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  thalweg evaluate runs/houses-1 houses-2025.csv")]
pub struct EvaluateArgs {
    /// A model file or a run folder
    pub model: PathBuf,
    #[arg(value_name = "DATA", help = thalweg_data::Source::help())]
    pub data: String,
    /// File of labels that belongs to DATA (IDX, .npy)
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Threads; results do not depend on it [default: all]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Args)]
pub struct InfoArgs {
    /// A model file, a run folder, or data as for `thalweg train`
    #[arg(value_name = "MODEL|DATA")]
    pub subject: String,
    /// File of labels that belongs to DATA (IDX, .npy)
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Args)]
pub struct ListArgs {
    /// layers, activations, losses, optimizers, schedules, augmentations, initializers, constraints, metrics, formats,
    /// penalties, clipping, gradients, averages, batches, rates or stopping
    pub kind: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Trains networks of usual sizes on synthetic rows, some epochs each, after one to warm up; about half a minute
and half a gigabyte of memory in all. Rows a second are of the median epoch, reshuffling included. GFLOP/s
are the floating-point operations of forward and backward products; their share is of what the machine
reaches in a loop of multiply-adds, measured first, on as many threads. Where reading the rows is the bound,
their GB/s stand beside, as a share of what the machine reads from memory.
Close other programs. THALWEG_CPU=avx512|avx2|portable forces an instruction set.

Examples:
  thalweg bench
  thalweg bench --only mnist-mlp --threads 1
  thalweg bench --json > speed.json")]
pub struct BenchArgs {
    /// One workload; a wrong name shows all
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// Threads [default: all]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
    /// Precision: f32, f64 or bf16 [default: each workload's own]
    #[arg(long, value_name = "TYPE", value_parser = dtype)]
    pub dtype: Option<Dtype>,
    /// Few rows and epochs: does everything run?
    #[arg(long)]
    pub quick: bool,
    /// Print one line of JSON on standard output, all else on standard error
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy)]
pub enum Preset {
    Auto,
}
