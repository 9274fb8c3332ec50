//! `thalweg list`: everything that can be named, from the registries; and the rules of a run, each with its flag and its
//! field of a config file.

use std::fmt;
use std::io::{self, Write};

use clap::Args;
use console::{Term, style};
use serde::Serialize;
use thalweg::fields::by_flags;
use thalweg_core::activations::ActivationScalar;
use thalweg_core::registry::{Choice, Default, Description, Parameter, did_you_mean};
use thalweg_core::schedules::{Progress, SCHEDULES};
use thalweg_core::spec::{Field, RuleKind, RunRule};
use thalweg_core::{
    Error, Isa, activations, augmentations, constraints, initializers, layers, losses, metrics,
    solvers,
};
use thalweg_data::listed;

use crate::exit::Result;
use crate::wrap;

/// Characters of a line, where it is not that of a terminal.
const WIDTH: usize = 80;

/// The arguments.
#[derive(Args)]
pub struct ListArgs {
    #[arg(help = help())]
    pub kind: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// A kind and what it holds.
struct Group {
    /// In the plural, and in the singular.
    names: [&'static str; 2],
    rows: Vec<Listed>,
}

/// An entry or a rule.
struct Listed {
    description: &'static Description,
    /// What sets each of its parameters, if it is no entry of a registry.
    said: Vec<How>,
}

/// The flag of `thalweg train`, if there is one, and the whole name of the field of a config file.
struct How {
    flag: Option<String>,
    field: String,
}

impl Listed {
    fn entry(description: &'static Description) -> Self {
        let said = Vec::new();
        Self { description, said }
    }

    fn said_by(description: &'static Description, field: &str) -> Self {
        let flag = thalweg::fields::field(field).and_then(|field| field.flag);
        let said = vec![How {
            flag: flag.map(|flag| flag.name.to_owned()),
            field: field.to_owned(),
        }];
        Self { description, said }
    }

    fn rule(rule: &'static RunRule) -> Self {
        let how = |field: &Field| How {
            flag: field.argument(),
            field: format!("training.{}", field.path),
        };
        Self {
            description: &rule.description,
            said: rule.fields.iter().map(how).collect(),
        }
    }
}

/// All kinds: tasks, the registries with what stands beside their entries, and the rules of a run.
fn groups() -> Vec<Group> {
    let tasks = listed::TASKS.iter();
    let tasks = tasks.map(|task| Listed::said_by(task, listed::TASK));
    let said = |all: &'static [(Description, &'static str)]| -> Vec<Listed> {
        let all = all.iter();
        all.map(|(described, how)| Listed::said_by(described, how))
            .collect()
    };
    let entries: [(_, Vec<&'static Description>); 10] = [
        (["layers", "layer"], layers::LAYERS.descriptions()),
        (
            ["activations", "activation"],
            activations::ACTIVATIONS.descriptions(),
        ),
        (["losses", "loss"], losses::LOSSES.descriptions()),
        (["optimizers", "optimizer"], solvers::descriptions()),
        (["schedules", "schedule"], SCHEDULES.descriptions()),
        (
            ["augmentations", "augmentation"],
            augmentations::AUGMENTATIONS.descriptions(),
        ),
        (
            ["initializers", "initializer"],
            initializers::INITIALIZERS.descriptions(),
        ),
        (
            ["constraints", "constraint"],
            constraints::CONSTRAINTS.descriptions(),
        ),
        (["metrics", "metric"], metrics::METRICS.descriptions()),
        (["formats", "format"], thalweg_data::formats::descriptions()),
    ];
    let entries = entries.into_iter().map(|(names, descriptions)| {
        let mut rows: Vec<_> = descriptions.into_iter().map(Listed::entry).collect();
        match names[1] {
            "loss" => rows.push(Listed::entry(&losses::CUSTOM)),
            "metric" => {
                rows.push(Listed::said_by(&metrics::SELECTION, "judging.metric"));
                rows.push(Listed::said_by(&metrics::THRESHOLD, "judging.threshold"));
                rows.push(Listed::entry(&thalweg::importance::DESCRIPTION));
            }
            "initializer" => rows.push(Listed::said_by(&initializers::OUTPUT_BIAS, "output_bias")),
            _ => {}
        }
        Group { names, rows }
    });
    let rules = RuleKind::ALL.iter().map(|kind| Group {
        names: kind.names(),
        rows: kind.rules().map(Listed::rule).collect(),
    });
    let of_rows = [
        Group {
            names: ["tasks", "task"],
            rows: tasks.collect(),
        },
        Group {
            names: ["weights", "weight"],
            rows: said(&listed::WEIGHTS),
        },
        Group {
            names: ["targets", "target"],
            rows: said(&listed::TARGETS),
        },
        Group {
            names: ["splits", "split"],
            rows: said(&listed::SPLITS),
        },
    ];
    of_rows.into_iter().chain(entries).chain(rules).collect()
}

fn kinds(groups: &[Group]) -> Vec<&'static str> {
    groups.iter().map(|group| group.names[0]).collect()
}

/// The help of the argument that names a kind.
fn help() -> String {
    let all = kinds(&groups());
    format!(
        "`all`, one entry such as `adam`, or a kind: {}",
        all.join(", ")
    )
}

/// Every kind with the names of what it holds, in lines of 80 characters.
fn overview(groups: &[Group]) -> Vec<String> {
    const INDENT: usize = 16;
    let mut lines = Vec::new();
    for group in groups {
        let mut line = format!("{:<INDENT$}", group.names[0]);
        for (i, row) in group.rows.iter().enumerate() {
            let comma = if i + 1 < group.rows.len() { "," } else { "" };
            let name = format!("{}{comma}", row.description.name);
            if line.chars().count() > INDENT
                && line.chars().count() + 1 + name.chars().count() > WIDTH
            {
                lines.push(line);
                line = " ".repeat(INDENT);
            }
            let space = if line.ends_with(',') { " " } else { "" };
            line = format!("{line}{space}{name}");
        }
        lines.push(line);
    }
    lines
}

/// The command.
pub fn run(args: &ListArgs) -> Result<()> {
    let mut groups = groups();
    if let Some(wanted) = args.kind.as_deref().filter(|wanted| *wanted != "all") {
        groups = wanted_of(groups, wanted)?;
    }
    let mut output = io::stdout().lock();
    if args.json {
        let rows: Vec<Row> = (groups.iter())
            .flat_map(|group| (group.rows.iter()).map(|row| Row::new(group.names[0], row)))
            .collect();
        serde_json::to_writer(&mut output, &rows).map_err(io::Error::from)?;
        writeln!(output)?;
        return Ok(output.flush()?);
    }
    let mut text = Vec::new();
    match args.kind.is_none() {
        true => {
            let hint =
                "`thalweg list KIND` and `thalweg list NAME` say what each is and can be set to";
            writeln!(text, "{}\n\n{hint}", overview(&groups).join("\n"))?;
        }
        false => write_all(&mut text, &groups)?,
    }
    let text = wrap::on(&Term::stdout(), &String::from_utf8_lossy(&text));
    let text = match args.kind {
        Some(_) => coloured(&text),
        None => text,
    };
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}

/// Headings and the names of entries stand out on a terminal.
fn coloured(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("  ") {
        Some(entry) if !entry.starts_with(' ') => {
            let (name, rest) = entry.split_at(entry.find(' ').unwrap_or(entry.len()));
            format!("  {}{rest}\n", style(name).cyan())
        }
        None if !line.is_empty() => format!("{}\n", style(line).bold()),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Every entry, under its kind.
fn write_all(output: &mut impl Write, groups: &[Group]) -> Result<()> {
    for (i, group) in groups.iter().enumerate() {
        let kind = group.names[0];
        let space = if i > 0 { "\n" } else { "" };
        writeln!(output, "{space}{}", kind.to_uppercase())?;
        for row in &group.rows {
            print(output, row)?;
            let name = row.description.name;
            let drawn = match kind {
                "schedules" => Some(schedule(name)?),
                "activations" => activation(name)?,
                _ => None,
            };
            if let Some(drawn) = drawn {
                writeln!(output, "  {:<20}{drawn}", "")?;
            }
        }
    }
    Ok(())
}

/// The kind of this name, or else the entries of this name.
fn wanted_of(mut groups: Vec<Group>, wanted: &str) -> Result<Vec<Group>> {
    let is_kind = |group: &Group| group.names.contains(&wanted);
    if groups.iter().any(is_kind) {
        groups.retain(is_kind);
        return Ok(groups);
    }
    let entries = groups.iter().flat_map(|group| &group.rows);
    let names: Vec<&str> = entries.map(|row| row.description.name).collect();
    if !names.contains(&wanted) {
        let all = kinds(&groups).into_iter().chain(["all"]);
        let expected = format!(
            "an entry, or one of {}",
            all.clone().collect::<Vec<_>>().join(", ")
        );
        let found = format!("`{}`", wanted.escape_debug());
        let remedy = did_you_mean(wanted, all.chain(names));
        return Err(Error::invalid("kind", found, expected)
            .remedy(remedy)
            .into());
    }
    for group in &mut groups {
        group.rows.retain(|row| row.description.name == wanted);
    }
    groups.retain(|group| !group.rows.is_empty());
    Ok(groups)
}

/// Values as bars, from the least to the largest of them and 0.
fn curve(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let low = values.iter().fold(0.0f64, |a, b| a.min(*b));
    let high = values
        .iter()
        .fold(low + f64::MIN_POSITIVE, |a, b| a.max(*b));
    let bar = |value: &f64| BARS[(((value - low) / (high - low) * 8.0) as usize).min(7)];
    values.iter().map(bar).collect()
}

/// φ(z) with its defaults; none where a row is taken as a whole.
fn activation(name: &str) -> Result<Option<String>> {
    const WIDTH: usize = 36;
    const FAR: f64 = 4.0;
    let activation = activations::ACTIVATIONS.build(&Choice::new(name), &())?;
    if activation.couples_values() {
        return Ok(None);
    }
    let place = |column| FAR * (2.0 * column as f64 / (WIDTH - 1) as f64 - 1.0);
    let mut values: Vec<f64> = (0..WIDTH).map(place).collect();
    let rows = activations::RowShape {
        width: WIDTH,
        stride: WIDTH,
    };
    f64::activation(&*activation).forward(Isa::detect(), rows, &mut values);
    Ok(Some(format!("{}  z from −4 to 4", curve(&values))))
}

/// The learning rate over 20 epochs of 100 updates, with the defaults, as bars up to its largest.
fn schedule(name: &str) -> Result<String> {
    const WIDTH: u64 = 48;
    let schedule = SCHEDULES.build(&Choice::new(name), &())?;
    let (steps, steps_per_epoch) = (2000, 100);
    let factor = |column| {
        schedule.factor(Progress {
            step: column * (steps - 1) / (WIDTH - 1),
            steps,
            steps_per_epoch,
        })
    };
    let factors: Vec<f64> = (0..WIDTH).map(factor).collect();
    Ok(curve(&factors))
}

fn print(output: &mut impl Write, listed: &Listed) -> Result<()> {
    let Description {
        name,
        summary,
        equation,
        source,
        parameters,
    } = listed.description;
    writeln!(output, "  {name:<20}{}", by_flags(summary))?;
    // Formats have no equation.
    let details: Vec<&str> = [*equation, *source]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    let together = details.join("  · ");
    let details = match together.chars().count() > WIDTH - 22 {
        true => details,
        false => vec![together.as_str()],
    };
    for line in details {
        writeln!(output, "  {:<20}{line}", "")?;
    }
    for (index, parameter) in parameters.iter().enumerate() {
        let default = match parameter.default.setting() {
            Some(setting) => setting.to_string(),
            None if parameter.default == Default::Off => "off".to_owned(),
            None => "required".to_owned(),
        };
        let (name, domain) = (parameter.name, parameter.domain);
        let summary = by_flags(parameter.summary);
        let how = listed.said.get(index);
        let how = how.map_or(String::new(), |how| format!(": {how}"));
        writeln!(
            output,
            "  {:<20}  {name} = {default}: {summary} ({domain}){how}",
            ""
        )?;
    }
    if let ([], [how]) = (*parameters, &listed.said[..]) {
        writeln!(output, "  {:<20}  {name}: {how}", "")?;
    }
    Ok(())
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(flag) = &self.flag {
            write!(f, "{flag}, or ")?;
        }
        write!(f, "{} in a config", self.field)
    }
}

#[derive(Serialize)]
struct Row {
    kind: &'static str,
    name: &'static str,
    summary: String,
    equation: &'static str,
    source: &'static str,
    settings: Vec<SettingRow>,
}

#[derive(Serialize)]
struct SettingRow {
    name: &'static str,
    summary: String,
    default: Option<thalweg_core::registry::Setting>,
    required: bool,
    domain: String,
    /// Of a rule alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Row {
    fn new(kind: &'static str, listed: &Listed) -> Self {
        let description = listed.description;
        let setting = |(index, parameter): (usize, &Parameter)| {
            let how = listed.said.get(index);
            SettingRow {
                name: parameter.name,
                summary: by_flags(parameter.summary),
                default: parameter.default.setting(),
                required: parameter.default == Default::Required,
                domain: parameter.domain.to_string(),
                flag: how.and_then(|how| how.flag.clone()),
                field: how.map(|how| how.field.clone()),
            }
        };
        let settings = description.parameters.iter().enumerate();
        Self {
            kind,
            name: description.name,
            summary: by_flags(description.summary),
            equation: description.equation,
            source: description.source,
            settings: settings.map(setting).collect(),
        }
    }
}
