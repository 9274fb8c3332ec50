//! `thalweg list`: everything that can be named, from the registries; and the rules of a run, each with its flag and its
//! field of a config file.

use std::io::{self, Write};

use serde::Serialize;
use thalweg::registry::{Choice, Default, Description, Parameter, unknown};
use thalweg::rules::{RULES, Said};
use thalweg::schedules::{Progress, SCHEDULES};

use crate::args::ListArgs;
use crate::exit::Result;

/// A kind and what it holds.
struct Group {
    /// In the plural, and in the singular.
    names: [&'static str; 2],
    rows: Vec<(&'static Description, &'static [Said])>,
}

/// All kinds: the registries, and the rules of a run.
fn groups() -> Vec<Group> {
    let entries: [(_, Vec<&'static Description>); 10] = [
        (["layers", "layer"], thalweg::layers::LAYERS.descriptions()),
        (
            ["activations", "activation"],
            thalweg::activations::ACTIVATIONS.descriptions(),
        ),
        (["losses", "loss"], thalweg::losses::LOSSES.descriptions()),
        (
            ["optimizers", "optimizer"],
            thalweg::optimizers::descriptions(),
        ),
        (["schedules", "schedule"], SCHEDULES.descriptions()),
        (
            ["augmentations", "augmentation"],
            thalweg::augmentations::AUGMENTATIONS.descriptions(),
        ),
        (
            ["initializers", "initializer"],
            thalweg::initializers::INITIALIZERS.descriptions(),
        ),
        (
            ["constraints", "constraint"],
            thalweg::constraints::CONSTRAINTS.descriptions(),
        ),
        (
            ["metrics", "metric"],
            thalweg::metrics::METRICS.descriptions(),
        ),
        (
            ["formats", "format"],
            thalweg_data::formats::FORMATS.descriptions(),
        ),
    ];
    let entries = entries.into_iter().map(|(names, descriptions)| Group {
        names,
        rows: descriptions
            .into_iter()
            .map(|entry| (entry, &[][..]))
            .collect(),
    });
    let rules = RULES.iter().map(|kind| Group {
        names: [kind.plural, kind.kind],
        rows: (kind.rules.iter())
            .map(|rule| (&rule.description, rule.said))
            .collect(),
    });
    entries.chain(rules).collect()
}

/// The command.
pub fn run(args: &ListArgs) -> Result<()> {
    let mut groups = groups();
    if let Some(wanted) = &args.kind {
        let is_wanted = |group: &Group| group.names.contains(&wanted.as_str());
        if !groups.iter().any(is_wanted) {
            let names: Vec<&str> = groups.iter().map(|group| group.names[0]).collect();
            return Err(unknown("kind", wanted, names).into());
        }
        groups.retain(is_wanted);
    }
    let mut output = io::BufWriter::new(io::stdout().lock());
    if args.json {
        let rows: Vec<Row> = (groups.iter())
            .flat_map(|group| {
                let row = |(entry, said): &(&'static Description, &'static [Said])| {
                    Row::new(group.names[0], entry, said)
                };
                group.rows.iter().map(row)
            })
            .collect();
        serde_json::to_writer(&mut output, &rows).map_err(io::Error::from)?;
        writeln!(output)?;
        return Ok(output.flush()?);
    }
    for (i, group) in groups.iter().enumerate() {
        let kind = group.names[0];
        let space = if i > 0 { "\n" } else { "" };
        writeln!(output, "{space}{}", kind.to_uppercase())?;
        for (description, said) in &group.rows {
            print(&mut output, description, said)?;
            if kind == "schedules" {
                writeln!(output, "  {:<16}{}", "", curve(description.name)?)?;
            }
        }
    }
    Ok(output.flush()?)
}

/// The learning rate over 20 epochs of 100 updates, with the defaults, as bars up to its largest.
fn curve(schedule: &str) -> Result<String> {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const WIDTH: u64 = 48;
    let schedule = SCHEDULES.build(&Choice::new(schedule), &())?;
    let (steps, steps_per_epoch) = (2000, 100);
    let factor = |column| {
        schedule.factor(Progress {
            step: column * (steps - 1) / (WIDTH - 1),
            steps,
            steps_per_epoch,
        })
    };
    let factors: Vec<f64> = (0..WIDTH).map(factor).collect();
    let largest = factors.iter().fold(f64::MIN_POSITIVE, |a, b| a.max(*b));
    let bar = |factor: &f64| BARS[((factor / largest * 8.0) as usize).min(7)];
    Ok(factors.iter().map(bar).collect())
}

fn print(output: &mut impl Write, description: &Description, said: &[Said]) -> Result<()> {
    let Description {
        name,
        summary,
        equation,
        source,
        parameters,
    } = description;
    writeln!(output, "  {name:<20}{summary}")?;
    // Formats have no equation.
    let details: Vec<&str> = [*equation, *source]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    writeln!(output, "  {:<20}{}", "", details.join("  · "))?;
    for (index, parameter) in parameters.iter().enumerate() {
        let default = match parameter.default.setting() {
            Some(setting) => setting.to_string(),
            None if parameter.default == Default::Off => "off".to_owned(),
            None => "required".to_owned(),
        };
        let (name, summary, domain) = (parameter.name, parameter.summary, parameter.domain);
        let how = said.get(index).map(how).unwrap_or_default();
        writeln!(
            output,
            "  {:<20}  {name} = {default}: {summary} ({domain}){how}",
            ""
        )?;
    }
    Ok(())
}

/// How a parameter of a rule is said on the command line and in a config file.
fn how(said: &Said) -> String {
    let flag = said
        .flag
        .map_or(String::new(), |flag| format!("{flag}, or "));
    format!(": {flag}{} in a config", field(said))
}

/// The whole name of a field of a config file.
fn field(said: &Said) -> String {
    format!("training.{}", said.field)
}

#[derive(Serialize)]
struct Row {
    kind: &'static str,
    name: &'static str,
    summary: &'static str,
    equation: &'static str,
    source: &'static str,
    settings: Vec<SettingRow>,
}

#[derive(Serialize)]
struct SettingRow {
    name: &'static str,
    summary: &'static str,
    default: Option<thalweg::registry::Setting>,
    required: bool,
    domain: String,
    /// Of a rule alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Row {
    fn new(kind: &'static str, description: &Description, said: &[Said]) -> Self {
        let setting = |(index, parameter): (usize, &Parameter)| SettingRow {
            name: parameter.name,
            summary: parameter.summary,
            default: parameter.default.setting(),
            required: parameter.default == Default::Required,
            domain: parameter.domain.to_string(),
            flag: said.get(index).and_then(|said| said.flag),
            field: said.get(index).map(field),
        };
        let settings = description.parameters.iter().enumerate();
        Self {
            kind,
            name: description.name,
            summary: description.summary,
            equation: description.equation,
            source: description.source,
            settings: settings.map(setting).collect(),
        }
    }
}
