//! `thalweg info`: what a data file or a model holds.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::{Map, Value};
use thalweg_core::Error;
use thalweg_core::metrics::Decision;
use thalweg_core::precision::Dtype;
use thalweg_core::spec::NetworkSpec;
use thalweg_data::preprocess::notes_on_categories;
use thalweg_data::{Encoding, FitOptions, Preprocessing, Source, TargetOptions, summarize};

use crate::args::InfoArgs;
use crate::data_table::table;
use crate::exit::Result;
use crate::output;
use crate::terminal;
use crate::wrap;
use thalweg::config::{Config, DataConfig};
use thalweg::model::{Description, EnsembleMember, Model};
use thalweg::preset::EMBED_ABOVE;
use thalweg::run_folder::{CONFIG, MODEL};
use thalweg::text::{columns, count, figure, short, whole};

/// The command.
pub fn run(args: &InfoArgs) -> Result<()> {
    let path = Path::new(&args.subject);
    let mut output = io::BufWriter::new(io::stdout().lock());
    if is_model(path) {
        if args.report.is_some() {
            let found = format!("a report of the model {}", path.display());
            let error = Error::invalid("--report", found, "DATA to show");
            return Err(error.remedy("see the report.html of its run").into());
        }
        let model = Model::load(path)?;
        let config = path.join(CONFIG);
        let config = config.exists().then(|| Config::read(&config)).transpose()?;
        if args.json {
            let mut description = model.description().clone();
            // Of use to the model alone, and long.
            description.fingerprint = None;
            description.origins.clear();
            serde_json::to_writer(&mut output, &description).map_err(io::Error::from)?;
            writeln!(output)?;
        } else {
            wrap::print(&mut output, describe(&model, config.as_ref())?)?;
        }
        return Ok(output.flush()?);
    }
    let options = args.read.options()?;
    let loaded = thalweg_data::read(&Source::parse(&args.subject)?, &options)?;
    let usual = FitOptions {
        embed_above: Some(EMBED_ABOVE),
        ..FitOptions::default()
    };
    let rare = notes_on_categories(&loaded.train, &usual);
    for note in loaded.notes.iter().chain(&rare) {
        let _ = terminal::note(&note.to_string());
    }
    let target = TargetOptions {
        column: args.target.clone(),
        task: None,
    };
    let summary = summarize(&loaded.train, &target);
    if let Some(report) = &args.report {
        output::check("--report", report, None, &Source::parse(&args.subject)?)?;
        let notes = [&loaded.notes[..], &rare].concat();
        let page = thalweg_report::table(&args.subject, &loaded.train, &summary.columns, &notes);
        output::write(report, page.as_bytes())?;
    }
    if args.json {
        serde_json::to_writer(&mut output, &summary).map_err(io::Error::from)?;
        writeln!(output)?;
    } else {
        let lines = table(&summary, loaded.test.as_ref(), width());
        wrap::print(&mut output, lines)?;
    }
    Ok(output.flush()?)
}

/// Characters of a line on a terminal; any number elsewhere.
fn width() -> usize {
    match console::Term::stdout().is_term() {
        true => wrap::size().0,
        false => usize::MAX,
    }
}

/// A run folder, or a file that begins as safetensors files do: eight bytes of length, then an
/// object.
fn is_model(path: &Path) -> bool {
    if path.is_dir() {
        return [MODEL, CONFIG].iter().any(|name| path.join(name).exists());
    }
    let mut head = [0; 9];
    let named = path
        .extension()
        .is_some_and(|ending| ending == "safetensors");
    let mut begin = || File::open(path)?.read_exact(&mut head);
    path.is_file() && (named || (begin().is_ok() && head[5..] == [0, 0, 0, b'{']))
}

fn describe(model: &Model, config: Option<&Config>) -> Result<Vec<String>> {
    let Description {
        network,
        training,
        preprocessing,
        outcome,
        metrics,
        members,
        ..
    } = model.description();
    let parameters = model.engine(1)?.parameters();
    let total: usize = parameters
        .iter()
        .map(|info| info.shape.iter().product::<usize>())
        .sum();
    let mut lines = vec![
        format!(
            "{} model, {}",
            preprocessing.task(),
            count(total, "parameter")
        ),
        format!("target     {}", preprocessing.target.columns.join(", ")),
    ];
    if !preprocessing.classes().is_empty() {
        let classes: Vec<String> = preprocessing
            .classes()
            .iter()
            .take(20)
            .map(|class| short(class))
            .collect();
        let more = if preprocessing.classes().len() > 20 {
            ", …"
        } else {
            ""
        };
        lines.push(format!("classes    {}{more}", classes.join(", ")));
    }
    lines.extend(ensemble(members));
    lines.extend(answers(model.description()));
    lines.push(format!(
        "\nnetwork    {} inputs, loss {}",
        network.shape(),
        network.loss
    ));
    lines.extend(layers(network, training.dtype)?);
    lines.push(format!(
        "\ntraining   {}, schedule {}",
        training.optimizer, training.schedule
    ));
    lines.push(format!(
        "  lr {}, batch size {}, l2 {}, {}, seed {}",
        training.learning_rate, training.batch_size, training.l2, training.dtype, training.seed
    ));
    lines.push(format!(
        "  {} of {} epochs, stopped by {}; weights of epoch {}",
        outcome.epochs,
        outcome.last_epoch.unwrap_or(training.epochs),
        outcome.stopped_by.replace('_', " "),
        outcome.best_epoch
    ));
    lines.push(format!(
        "  rows: {} train, {} validation, {}{} test",
        whole(outcome.rows.train),
        whole(outcome.rows.validation),
        match outcome.rows.calibration {
            0 => String::new(),
            rows => format!("{} calibration, ", whole(rows)),
        },
        whole(outcome.rows.test)
    ));
    lines.extend(scores(metrics));
    lines.extend(inputs(preprocessing));
    let unread = || Config::new(DataConfig::of(""), network.clone(), training.clone());
    lines.extend(differences(&config.map_or_else(unread, Config::clone)));
    Ok(lines)
}

/// A line for each layer.
fn layers(network: &NetworkSpec, dtype: Dtype) -> Result<Vec<String>> {
    let nodes = thalweg_core::layers::build(network.shape(), &network.layers, dtype)?;
    let row = |node: &thalweg_core::layers::Node| {
        let layers = node.part.layers().into_iter();
        let segments = layers.flat_map(|layer| layer.segments());
        let size = segments.map(|segment| segment.len()).sum();
        vec![
            format!("  {}", node.path),
            format!("{} → {}", node.input, node.output),
            count(size, "parameter"),
        ]
    };
    let rows: Vec<_> = nodes.iter().map(row).collect();
    let aligned = columns(&rows).into_iter().zip(&network.layers);
    Ok(aligned
        .map(|(line, choice)| format!("{line}  {choice}"))
        .collect())
}

/// How many members there are, and in what they differ.
fn ensemble(members: &[EnsembleMember]) -> Option<String> {
    let by = match members.first()?.fold {
        Some(_) => "folds: each validated on one and trained on the others",
        None => "seeds",
    };
    Some(format!("ensemble   {} members, by {by}", members.len()))
}

/// What stands between the network's outputs and what is predicted, where that is not the usual.
fn answers(description: &Description) -> Vec<String> {
    let Description {
        preprocessing,
        interval,
        decision,
        prior_shift,
        outcome,
        ..
    } = description;
    let (target, mut lines) = (&preprocessing.target, Vec::new());
    for (name, scaling) in target.columns.iter().zip(&preprocessing.target_scaling) {
        if let Some(curve) = scaling.curve.name() {
            let (name, center, scale) =
                (short(name), figure(scaling.center), figure(scaling.scale));
            lines.push(format!(
                "transform  {name}: {curve}, less {center}, over {scale}"
            ));
            let factor = scaling.smearing.map(figure);
            lines.extend(factor.map(|factor| format!("smearing   {name}: medians times {factor}")));
        }
    }
    if !target.quantiles.is_empty() {
        let quantiles: Vec<String> = target.quantiles.iter().copied().map(figure).collect();
        lines.push(format!("quantiles  {}", quantiles.join(", ")));
    }
    if let Some(interval) = interval {
        let calibrated = match interval.rows {
            0 => String::new(),
            rows => format!(", calibrated on {}", count(rows, "row")),
        };
        lines.push(format!(
            "interval   {} %{calibrated}",
            figure(100.0 * interval.coverage)
        ));
    }
    let each = |numbers: &[f64], between: &str| {
        let names = match preprocessing.classes() {
            [_, positive] => std::slice::from_ref(positive),
            [] => target.columns.as_slice(),
            classes => classes,
        };
        let pairs = names.iter().zip(numbers);
        let pairs: Vec<String> = pairs
            .map(|(name, number)| format!("{}{between}{}", short(name), figure(*number)))
            .collect();
        pairs.join(", ")
    };
    match decision {
        Decision::Likeliest => {}
        Decision::Thresholds(thresholds) => {
            lines.push(format!(
                "threshold  {}",
                each(thresholds, " from a probability of ")
            ));
        }
        Decision::Weights(weights) => {
            lines.push(format!(
                "decision   by probability times weight: {}",
                each(weights, " × ")
            ));
        }
    }
    if let Some(shift) = prior_shift {
        lines.push(format!(
            "corrected  to the true shares of the classes, by what was added to log-odds: {}",
            each(shift, " ")
        ));
    }
    if let Some(rows) = outcome.refit {
        lines.push(format!("refit      on {}", count(rows, "row")));
    }
    lines
}

/// The scores of each part: a line for each score.
fn scores(metrics: &Map<String, Value>) -> Vec<String> {
    let parts = [
        "test",
        "linear_model",
        "best_constant",
        "validation",
        "train",
    ];
    let known = |part| Some((part, metrics.get(part)?.as_object()?));
    let parts: Vec<(&str, &Map<String, Value>)> = parts.into_iter().filter_map(known).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in parts.iter().flat_map(|(_, scores)| *scores) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let head = parts.iter().map(|(part, _)| part.replace('_', " "));
    let line = |name: &&String| {
        let score = |(_, scores): &(&str, &Map<String, Value>)| {
            let value = scores.get(*name).and_then(Value::as_f64);
            value.map_or("–".to_owned(), figure)
        };
        let scores = parts.iter().map(score);
        std::iter::once(format!("  {name}")).chain(scores).collect()
    };
    let head = std::iter::once("  ".to_owned()).chain(head).collect();
    let lines = std::iter::once(head).chain(names.iter().map(line));
    let table = wrap::columns(&lines.collect::<Vec<Vec<String>>>());
    std::iter::once("\nscores".to_owned())
        .chain(table)
        .collect()
}

/// The columns that the network sees, and those that it does not.
fn inputs(preprocessing: &Preprocessing) -> Vec<String> {
    let mut lines = vec!["\ninputs".to_owned()];
    let row = |input: &thalweg_data::preprocess::InputColumn| {
        let kind = match &input.encoding {
            Encoding::Numeric(_) => "numeric".to_owned(),
            Encoding::Boolean(_) => "boolean".to_owned(),
            Encoding::Categorical { levels } => {
                format!("categorical, {}", count(levels.len(), "level"))
            }
            Encoding::Codes { levels } => {
                format!("codes of {} and unknown", count(levels.len(), "level"))
            }
            Encoding::Date(_) => "date".to_owned(),
            Encoding::Image { shape, .. } => format!("image {shape:?}"),
            Encoding::Matrix { places } => format!("matrix of {}", places.len()),
            Encoding::Sparse { hashed: true, .. } => "sparse, hashed".to_owned(),
            Encoding::Sparse { .. } => "sparse".to_owned(),
        };
        vec![
            format!("  {}", short(&input.name)),
            kind,
            count(input.encoding.width(), "input"),
        ]
    };
    lines.extend(columns(
        &preprocessing.inputs.iter().map(row).collect::<Vec<_>>(),
    ));
    if !preprocessing.dropped.is_empty() {
        let dropped: Vec<String> = preprocessing
            .dropped
            .iter()
            .map(|name| short(name))
            .collect();
        lines.push(format!("  left out: {}", dropped.join(", ")));
    }
    lines
}

/// What was set, or chosen by what the data are, to something else than the default.
fn differences(config: &Config) -> Vec<String> {
    let row = |(path, value, default): (String, String, Option<String>)| {
        let default = default.map_or(String::new(), |default| {
            format!("default {}", short(&default))
        });
        vec![format!("  {path}"), short(&value), default]
    };
    let rows: Vec<Vec<String>> = config.differences().into_iter().map(row).collect();
    match rows.is_empty() {
        true => Vec::new(),
        false => ["\ndiffers from the defaults".to_owned()]
            .into_iter()
            .chain(columns(&rows))
            .collect(),
    }
}
