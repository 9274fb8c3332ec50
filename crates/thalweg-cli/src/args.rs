//! The arguments as a user types them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use thalweg::Model;
use thalweg::data::ReadOptions;
use thalweg::inspection::Inspect;
use thalweg::job::{Options, Output};
use thalweg_core::precision::Dtype;

use crate::cv::CvArgs;
use crate::exit::Result;
use crate::flags::ReadFlags;
use crate::learning_curve::LearningCurveArgs;
use crate::list::ListArgs;
use crate::pace;
use crate::parse::{Layout, dtype, layout, size, threads};
use crate::recipe::{DATA, Recipe};

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
    /// Predict new rows with a trained model
    Predict(PredictArgs),
    /// Score a trained model on rows whose targets are known
    Evaluate(EvaluateArgs),
    /// Score a recipe by cross-validation: each fold by a model of the others
    Cv(Box<CvArgs>),
    /// Show how scores change with the number of rows
    LearningCurve(Box<LearningCurveArgs>),
    /// Show runs beside one another: scores, curves, settings
    Compare(CompareArgs),
    /// Watch a run that goes on in another terminal
    Watch(WatchArgs),
    /// Show which columns a model relies on, by permuting each
    Importance(ImportanceArgs),
    /// Write a model's weights for another program
    Export(ExportArgs),
    /// Show what a data file or a model holds
    Info(InfoArgs),
    /// Write data in another format
    Convert(ConvertArgs),
    /// List what can be named or set: optimizers, losses, layers, penalties, stopping, …
    List(ListArgs),
    /// Measure how fast this machine trains
    Bench(BenchArgs),
    /// Print what makes a shell complete the arguments of thalweg
    Completions(CompletionsArgs),
}

/// How many threads.
#[derive(Args)]
pub struct Threads {
    /// Threads; results do not depend on it [default: all]
    #[arg(long, value_name = "N", hide_short_help = true, allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
}

impl Threads {
    /// A model that predicts with as many.
    pub fn load(&self, path: &Path) -> Result<Model> {
        let model = Model::load(path)?;
        Ok(match self.threads {
            Some(threads) => model.with_threads(threads),
            None => model,
        })
    }
}

/// How the files of DATA are read.
#[derive(Args)]
pub struct Reading {
    /// File of labels that belongs to DATA (IDX, .npy)
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    read: ReadFlags,
}

impl Reading {
    /// The options to read with.
    pub fn options(&self) -> Result<ReadOptions> {
        self.read.options(self.labels.as_deref())
    }

    /// Whether anything of it is given.
    pub fn is_given(&self) -> bool {
        self.labels.is_some() || self.read.is_given()
    }
}

#[derive(Args)]
#[command(
    after_help = "\
Examples:
  thalweg train builtin:digits
  thalweg train houses.csv --target price --test houses-2025.csv
  thalweg train --resume --out runs/houses-1

`thalweg train --help` shows all options.",
    after_long_help = "\
Everything that is not set is chosen by what the data are, and the summary says what and why. The run \
folder receives report.html, model.safetensors, config.toml, log.jsonl, and while training a checkpoint.

Examples:
  thalweg train builtin:digits
  thalweg train houses.csv --target price --test houses-2025.csv
  thalweg train adult.data --no-header --columns age,workclass,…,income
  thalweg train images.idx.gz --labels labels.idx.gz --hidden 256,128
  thalweg train houses.csv --optimizer sgd --set optimizer.momentum=0.9
  thalweg train houses.csv --ensemble 8 --ensemble-by folds
  # the same model again, bit for bit
  thalweg train --config runs/houses-1/config.toml
  # go on with new rows
  tail -n 500 log.csv | thalweg train - --continue runs/houses-1 --epochs 5
  # go on after an interruption
  thalweg train --resume --out runs/houses-1"
)]
pub struct TrainArgs {
    #[command(flatten)]
    pub recipe: Recipe,

    /// The most memory that the process takes, such as 2G; what does not fit is kept on disk [default: what the
    /// system, its limits and the container leave]
    #[arg(long, value_name = "SIZE", help_heading = "Run", hide_short_help = true, value_parser = size)]
    pub memory: Option<u64>,
    /// Folder of rows that do not fit into memory, kept for other runs [default: within the run folder, until the run
    /// is over]
    #[arg(long, value_name = "DIR", help_heading = "Run", hide_short_help = true)]
    pub cache: Option<PathBuf>,
    /// Read rows that do not fit into memory from the device in every epoch, past the page cache of the system, which
    /// stays free for other programs
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub direct_reads: bool,
    /// The run folder [default: runs/NAME-N]
    #[arg(long, value_name = "DIR", help_heading = "Run")]
    pub out: Option<PathBuf>,
    /// Go on with the run in --out, to the same result as without interruption
    #[arg(
        long,
        help_heading = "Run",
        requires = "out",
        conflicts_with_all = ["config", "continue"]
    )]
    pub resume: bool,
    /// Leave out report.html, the page that shows the run
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub no_report: bool,
    /// Show no values of single rows in the report
    #[arg(
        long,
        help_heading = "Run",
        hide_short_help = true,
        conflicts_with = "no_report"
    )]
    pub no_rows: bool,
    /// Record loss, rate and gradient norm of updates in the log and the report: of all up to 512,
    /// then of 256 for each doubling of their number
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub log_steps: bool,
    /// Write an event file for TensorBoard into the run folder: what the log has, by epoch or update
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub tensorboard: bool,
    /// Leave the checkpoint of the last epoch in the run folder, so that --continue goes on as if
    /// never stopped
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub keep_checkpoint: bool,
    /// With --ensemble-by folds or --preset best: where the predictions for each row go, by the member that has not
    /// trained on it: CSV, or what the ending says
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Ensemble",
        hide_short_help = true
    )]
    pub predictions: Option<PathBuf>,
    /// Say in the result of --json and in the log which columns the model relies on
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub importance: bool,
    /// Print errors only
    #[arg(short, long, help_heading = "Run")]
    pub quiet: bool,
    /// Print the result as one line of JSON on standard output, all else on standard error
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

impl TrainArgs {
    /// How the run is carried out.
    pub fn options(&self) -> Options {
        Options {
            base: self.recipe.base(),
            output: (self.out.clone()).map_or(Output::Numbered, Output::Folder),
            resume: self.resume,
            keep_checkpoint: self.keep_checkpoint,
            log_steps: self.log_steps,
            inspect: (!self.no_report).then(|| inspect(self.no_rows)),
            importance: self.importance,
            threads: self.recipe.threads,
            memory: self.memory,
            cache: self.cache.clone(),
            direct_reads: self.direct_reads,
            ingesting: (!self.quiet).then(pace::watcher),
            ..Options::default()
        }
    }
}

/// What a report may show.
fn inspect(no_rows: bool) -> Inspect {
    match no_rows {
        true => Inspect::WithoutRows,
        false => Inspect::All,
    }
}

#[derive(Args)]
#[command(after_help = "\
Columns may come in any order; the target need not be there.

Examples:
  thalweg predict runs/houses-1 new.csv -o prices.csv
  thalweg predict runs/houses-1 new.csv --keep id,street
  thalweg predict model.safetensors - --proba < new.csv")]
pub struct PredictArgs {
    /// A model file or a run folder
    pub model: PathBuf,
    #[arg(value_name = "DATA", help = DATA, long_help = thalweg_data::Source::help())]
    pub data: String,
    /// Columns of DATA, such as identifiers, in front of the predictions
    #[arg(long, value_name = "COLS", value_parser = names)]
    keep: Vec<Names>,
    /// Where the predictions go: CSV, or what the ending says (.tsv, .jsonl, .parquet; .csv.gz …)
    /// [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The probability of each class or label instead of the likeliest; models by margins (hinge,
    /// perceptron) have none
    #[arg(long)]
    pub proba: bool,
    /// Of an ensemble also how far its members are apart: the standard deviation of their predictions,
    /// of classes and labels beside --proba
    #[arg(long)]
    pub spread: bool,
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub read: ReadFlags,
}

/// The columns of an argument.
#[derive(Debug, Clone)]
struct Names(Vec<String>);

fn names(text: &str) -> std::result::Result<Names, std::convert::Infallible> {
    let names = thalweg::fields::items(text).into_iter();
    Ok(Names(names.map(Cow::into_owned).collect()))
}

impl PredictArgs {
    /// The columns in front of the predictions.
    pub fn keep(&self) -> Vec<String> {
        self.keep.iter().flat_map(|names| names.0.clone()).collect()
    }
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  thalweg evaluate runs/houses-1 houses-2025.csv
  thalweg evaluate runs/houses-1 houses-2025.csv --report houses-2025.html")]
pub struct EvaluateArgs {
    /// A model file or a run folder
    pub model: PathBuf,
    #[arg(value_name = "DATA", help = DATA, long_help = thalweg_data::Source::help())]
    pub data: String,
    /// Write a page that shows the scores and the errors
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Show no values of single rows in the report
    #[arg(long, requires = "report")]
    pub no_rows: bool,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub read: Reading,
}

impl EvaluateArgs {
    /// What the report may show, if there is to be one.
    pub fn inspect(&self) -> Option<Inspect> {
        self.report.as_ref().map(|_| inspect(self.no_rows))
    }
}

#[derive(Args)]
#[command(after_help = "\
A curve, its scores and its settings a run; with --report as a page to look at.

Examples:
  thalweg compare runs/houses-1 runs/houses-2
  thalweg compare runs/houses-* --report houses.html")]
pub struct CompareArgs {
    /// Folders of two runs or more
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    pub runs: Vec<PathBuf>,
    /// Write a page with curves on one another, scores and differences
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
The score of the rows is taken again with the values of each column permuted among them. Of a linear model, \
the coefficients stand beside, in the units of the file.

Examples:
  # on the validation rows of the run
  thalweg importance runs/houses-1
  thalweg importance runs/houses-1 houses-2025.csv --report houses.html")]
pub struct ImportanceArgs {
    /// A model file or a run folder
    pub model: PathBuf,
    /// Rows whose targets are known, as for `thalweg train` [default: the validation rows of the run]
    pub data: Option<String>,
    /// Seed of the permutations
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Write a page that shows the columns by their importance
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub read: Reading,
}

#[derive(Args)]
#[command(after_help = "\
Prints the module that takes the weights. It takes rows as the network sees them; of classes and labels it \
puts out logits.

Example:
  thalweg export runs/houses-1 weights.safetensors --layout torch")]
pub struct ExportArgs {
    /// A model file or a run folder
    pub model: PathBuf,
    /// The safetensors file to write
    pub file: PathBuf,
    /// What the tensors are called: torch, as in torch.nn.Sequential [default: torch]
    #[arg(long, value_name = "NAME", value_parser = layout)]
    pub layout: Option<Layout>,
}

#[derive(Args)]
pub struct InfoArgs {
    /// A model file, a run folder, or data as for `thalweg train`
    #[arg(value_name = "MODEL|DATA")]
    pub subject: String,
    /// Write a page that shows the columns of DATA
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Column that would be predicted [default: as `thalweg train` chooses it]
    #[arg(long, value_name = "COL")]
    pub target: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub read: Reading,
}

#[derive(Args)]
#[command(after_help = "\
Numbers, dates and missing values are written as they were read; an official test part goes to a file of \
its own beside OUT. A cache (.cache) holds typed columns in blocks, its rows in a random order: train, \
predict and evaluate read it in little memory, however large it is.

Examples:
  thalweg convert clicks.csv clicks.cache --memory 2G
  thalweg convert measures.arff measures.csv
  thalweg convert 'parts/*.csv.gz' all.parquet
  thalweg convert log.jsonl - | head")]
pub struct ConvertArgs {
    #[arg(value_name = "DATA", help = DATA, long_help = thalweg_data::Source::help())]
    pub data: String,
    /// The file to write; its ending says the format: .csv, .tsv, .jsonl, .parquet, also compressed
    /// (.csv.gz, .zst, .xz, .bz2), or .cache; - is CSV on standard output
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// A cache: seed of the order of its rows
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// A cache: leave rows in the order of DATA
    #[arg(long, conflicts_with = "seed")]
    pub no_shuffle: bool,
    /// A cache: the most memory that making it takes, such as 2G [default: what is free]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    #[command(flatten)]
    pub read: Reading,
}

#[derive(Args)]
#[command(after_help = "\
Trains networks of usual sizes on synthetic rows, some epochs each, after one to warm up; about half a minute \
and half a gigabyte of memory in all. Rows a second are of the median epoch, reshuffling included. GFLOP/s \
are the floating-point operations of forward and backward products; their share is of what the machine \
reaches in a loop of multiply-adds, measured first, on as many threads. Where reading the rows is the bound, \
their GB/s stand beside, as a share of what the machine reads from memory. \
Close other programs. THALWEG_CPU=avx512|avx2|portable forces an instruction set.

Examples:
  thalweg bench
  thalweg bench --only mnist-mlp --threads 1
  thalweg bench --json > speed.json")]
pub struct BenchArgs {
    /// One workload; a wrong name shows all
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    #[command(flatten)]
    pub threads: Threads,
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

#[derive(Args)]
#[command(after_help = "\
Shows the curves while they grow, until the run ends or you press Ctrl-C, which leaves the run as it is. \
In a pipe each epoch is a line.

Example:
  thalweg watch runs/houses-1")]
pub struct WatchArgs {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  thalweg completions bash > ~/.local/share/bash-completion/completions/thalweg
  thalweg completions zsh > ~/.zfunc/_thalweg
  thalweg completions fish > ~/.config/fish/completions/thalweg.fish")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}
