//! The losses of runs drawn without a script: as SVG, and in the characters of a terminal.

use crate::plot::{Figure, Panel};
use serde_json::{Value, json};
use thalweg::run_folder::RunFolder;

use crate::history::{EPOCHS, History};

/// The losses of a page's data: of a run's training and validation rows, or of the validation rows
/// (else the training rows) of each run that is compared. None where there are no epochs.
fn losses(data: &Value) -> Option<Panel> {
    let mut lines = Vec::new();
    match data["runs"].as_array() {
        Some(runs) => {
            for run in runs {
                let name = run["name"].as_str().unwrap_or_default();
                let of = |key| points(&run["curves"], key);
                lines.extend(
                    (of("validation_loss").or_else(|| of("train_loss"))).map(|line| (name, line)),
                );
            }
        }
        None => {
            for (key, name) in [("train_loss", "train"), ("validation_loss", "validation")] {
                lines.extend(points(&data["curves"], key).map(|line| (name, line)));
            }
        }
    }
    let values = || {
        lines
            .iter()
            .flat_map(|(_, line)| line.iter().map(|(_, y)| *y))
    };
    let (low, high) = values().fold((f64::INFINITY, 0.0f64), |(low, high), y| {
        (low.min(y), high.max(y))
    });
    let mut panel = Panel::new("epoch", "loss");
    if low > 0.0 && high > 30.0 * low {
        panel = panel.log_y();
    }
    let has_lines = !lines.is_empty();
    let panel = (lines.into_iter()).fold(panel, |panel, (name, line)| panel.line(name, line));
    has_lines.then_some(panel)
}

/// A series over the epochs, averaged where it is.
fn points(curves: &Value, key: &str) -> Option<Vec<(f64, f64)>> {
    let averages = curves["averages"][key].as_array();
    let values = averages.or_else(|| curves["series"][key].as_array())?;
    let epochs = curves["series"]["epoch"].as_array()?;
    let point = |(x, y): (&Value, &Value)| Some((x.as_f64()?, y.as_f64()?));
    let points: Vec<_> = epochs.iter().zip(values).filter_map(point).collect();
    (points.len() > 1).then_some(points)
}

/// The losses as an SVG element.
pub(crate) fn svg(data: &Value) -> Option<String> {
    Some(Figure::new("Loss").panel(losses(data)?).svg())
}

/// The losses of a page's data in so many columns and lines.
pub fn in_characters(data: &Value, columns: usize, lines: usize) -> Option<String> {
    Some(losses(data)?.text(columns, lines))
}

/// The losses of the run in a folder, in so many columns and lines; none where there are no epochs.
pub fn curves(folder: &RunFolder, columns: usize, lines: usize) -> Option<String> {
    let history = History::read(folder).ok()?;
    in_characters(&json!({ "curves": history.curves(EPOCHS) }), columns, lines)
}
