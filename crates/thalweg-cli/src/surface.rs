//! The error surface that an exhaustive search went over: drawn into the run folder, and reported
//! in a line.

use thalweg::run_folder::{RunFolder, SURFACE, unwritable};
use thalweg::text::{count, figure};
use thalweg_core::engine::ParameterInfo;
use thalweg_core::search::Surface;
use thalweg_data::Note;
use thalweg_report::plot::{Figure, Grid, Panel};

use crate::exit::Result;
use crate::terminal::Terminal;

/// The picture in characters, on a terminal.
const TEXT: (usize, usize) = (64, 18);
const LEVELS: u32 = 12;

/// Draws it into the folder; reports whether it has a lowest point to draw.
pub fn draw(
    surface: &Surface,
    parameters: &[ParameterInfo],
    folder: &RunFolder,
    terminal: &Terminal,
) -> Result<bool> {
    let Some((lowest, loss)) = surface.lowest() else {
        return Ok(false);
    };
    let names = names(parameters);
    let place: Vec<String> = (names.iter().zip(&lowest))
        .map(|(name, value)| format!("{name} = {}", figure(*value)))
        .collect();
    let points = surface.losses.len();
    terminal.line(&format!(
        "lowest of {}: {}, loss {}",
        count(points, "point"),
        place.join(", "),
        figure(loss)
    ));
    let at_border = names
        .iter()
        .zip(&lowest)
        .zip(&surface.axes)
        .find(|((_, value), axis)| {
            [axis.values.first(), axis.values.last()].contains(&Some(*value))
        });
    if let Some(((name, value), _)) = at_border {
        terminal.note(&Note::warning(format!(
            "{name} = {} is at the border of the grid, so the lowest point may lie outside: move it by --set \
             optimizer.from=… and --set optimizer.to=…",
            figure(*value)
        )));
    }
    let panel = panel(surface, &names, &lowest, loss);
    if terminal.is_seen() {
        terminal.line(&panel.text(TEXT.0, TEXT.1));
    }
    let svg = Figure::new("The error surface").panel(panel).svg();
    (folder.write(SURFACE, svg.as_bytes()))
        .map_err(|error| unwritable(&folder.file(SURFACE), &error))?;
    Ok(true)
}

/// A curve over one parameter, contours over two, and the lowest point.
fn panel(surface: &Surface, names: &[String], lowest: &[f64], loss: f64) -> Panel {
    let Surface { axes, losses } = surface;
    let mut values = axes.iter().map(|axis| axis.values.clone());
    match (values.next(), values.next(), names, lowest) {
        (Some(x), Some(y), [across, up], [a, b]) => {
            let finite = losses.iter().filter(|loss| loss.is_finite());
            let highest = finite.fold(loss, |a, b| a.max(*b));
            // Those of a parabola are equally far apart.
            let level = |k| {
                let share = (f64::from(k) + 0.5) / f64::from(LEVELS);
                loss + (highest - loss) * share * share
            };
            let values = losses.clone();
            Panel::new(across, up)
                .contours(Grid { x, y, values }, (0..LEVELS).map(level))
                .points("lowest of the grid", [(*a, *b)])
        }
        (Some(x), ..) => {
            let name = names.first().map_or("", String::as_str);
            Panel::new(name, "loss")
                .line("loss", x.into_iter().zip(losses.iter().copied()))
                .points(
                    "lowest of the grid",
                    lowest.iter().map(|value| (*value, loss)),
                )
        }
        _ => Panel::new("", "loss"),
    }
}

/// A name for each parameter: that of its tensor, with its number where the tensor has several.
fn names(tensors: &[ParameterInfo]) -> Vec<String> {
    let of = |tensor: &ParameterInfo| -> Vec<String> {
        match tensor.shape.iter().product() {
            1usize => vec![tensor.name.clone()],
            length => (0..length)
                .map(|i| format!("{}[{i}]", tensor.name))
                .collect(),
        }
    };
    tensors.iter().flat_map(of).collect()
}
