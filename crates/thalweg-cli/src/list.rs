//! `thalweg list`: everything that can be named, from the registries.

use std::io::{self, Write};

use serde::Serialize;
use thalweg::registry::{Choice, Default, Description, unknown};
use thalweg::schedules::{Progress, SCHEDULES};

use crate::args::ListArgs;
use crate::exit::Result;

/// The kinds, in the plural, and their entries.
fn kinds() -> Vec<(&'static str, Vec<&'static Description>)> {
    vec![
        ("layers", thalweg::layers::LAYERS.descriptions()),
        (
            "activations",
            thalweg::activations::ACTIVATIONS.descriptions(),
        ),
        ("losses", thalweg::losses::LOSSES.descriptions()),
        ("optimizers", thalweg::optimizers::descriptions()),
        ("schedules", thalweg::schedules::SCHEDULES.descriptions()),
        (
            "augmentations",
            thalweg::augmentations::AUGMENTATIONS.descriptions(),
        ),
        (
            "initializers",
            thalweg::initializers::INITIALIZERS.descriptions(),
        ),
        (
            "constraints",
            thalweg::constraints::CONSTRAINTS.descriptions(),
        ),
        ("metrics", thalweg::metrics::METRICS.descriptions()),
        ("formats", thalweg_data::formats::FORMATS.descriptions()),
    ]
}

/// The command.
pub fn run(args: &ListArgs) -> Result<()> {
    let mut kinds = kinds();
    if let Some(wanted) = &args.kind {
        let singular = |plural: &str| {
            plural
                .strip_suffix("es")
                .unwrap_or(plural)
                .trim_end_matches('s')
                .to_owned()
        };
        let is_wanted = |plural: &str| plural == wanted || singular(plural) == singular(wanted);
        if !kinds.iter().any(|(plural, _)| is_wanted(plural)) {
            let names: Vec<&str> = kinds.iter().map(|(plural, _)| *plural).collect();
            return Err(unknown("kind", wanted, names).into());
        }
        kinds.retain(|(plural, _)| is_wanted(plural));
    }
    let mut output = io::BufWriter::new(io::stdout().lock());
    if args.json {
        let rows: Vec<Row> = kinds
            .iter()
            .flat_map(|(kind, all)| all.iter().map(|d| Row::new(kind, d)))
            .collect();
        serde_json::to_writer(&mut output, &rows).map_err(io::Error::from)?;
        writeln!(output)?;
        return Ok(output.flush()?);
    }
    for (i, (kind, descriptions)) in kinds.iter().enumerate() {
        writeln!(
            output,
            "{}{}",
            if i > 0 { "\n" } else { "" },
            kind.to_uppercase()
        )?;
        for description in descriptions {
            print(&mut output, description)?;
            if *kind == "schedules" {
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

fn print(output: &mut impl Write, description: &Description) -> Result<()> {
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
    for parameter in *parameters {
        let default = parameter
            .default
            .setting()
            .map_or("required".to_owned(), |setting| setting.to_string());
        let (name, summary, domain) = (parameter.name, parameter.summary, parameter.domain);
        writeln!(
            output,
            "  {:<20}  {name} = {default}: {summary} ({domain})",
            ""
        )?;
    }
    Ok(())
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
}

impl Row {
    fn new(kind: &'static str, description: &Description) -> Self {
        let setting = |parameter: &thalweg::registry::Parameter| SettingRow {
            name: parameter.name,
            summary: parameter.summary,
            default: parameter.default.setting(),
            required: parameter.default == Default::Required,
            domain: parameter.domain.to_string(),
        };
        Self {
            kind,
            name: description.name,
            summary: description.summary,
            equation: description.equation,
            source: description.source,
            settings: description.parameters.iter().map(setting).collect(),
        }
    }
}
