//! A panel in characters.

use super::{Mark, Panel, Point};

/// One for each series, in turn.
const SIGNS: [char; 8] = ['*', 'o', '+', 'x', '#', '@', '%', '='];

/// See [`Panel::text`].
pub(crate) fn draw(panel: &Panel, width: usize, height: usize) -> String {
    let [x, y] = panel.axes();
    let place = |point: &Point| -> Option<(f64, f64)> {
        let column = x.share(point.0)? * width as f64;
        let row = (1.0 - y.share(point.1)?) * height as f64;
        Some((column, row))
    };
    let mut cells = vec![vec![' '; width]; height];
    let mut set = |(column, row): (f64, f64), sign| {
        // The far ends of both axes belong to the last cells.
        let across = (0.0..=width as f64).contains(&column);
        let down = (0.0..=height as f64).contains(&row);
        if across && down && width > 0 && height > 0 {
            cells[(row as usize).min(height - 1)][(column as usize).min(width - 1)] = sign;
        }
    };
    for (point, sign) in panel.marks.iter().flat_map(heights) {
        if let Some(at) = place(&point) {
            set(at, sign);
        }
    }
    let mut legend = String::new();
    let series = panel.marks.iter().filter(|mark| mark.is_series());
    for (mark, sign) in series.zip(SIGNS.into_iter().cycle()) {
        let (Mark::Line { points, .. } | Mark::Points { points, .. }) = mark else {
            continue;
        };
        let places: Vec<(f64, f64)> = points.iter().filter_map(place).collect();
        for at in &places {
            set(*at, sign);
        }
        if matches!(mark, Mark::Line { .. }) {
            for pair in places.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                let steps = (b.0 - a.0).abs().max((b.1 - a.1).abs()).min(1e3).ceil();
                for k in 1..steps as usize {
                    let share = k as f64 / steps;
                    set((a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1)), sign);
                }
            }
        }
        if let Some(name) = mark.legend() {
            legend += &format!("  {sign} {name}");
        }
    }

    let mut labels = vec![String::new(); height];
    for (share, label) in y.ticks() {
        let row = ((1.0 - share) * height as f64) as usize;
        if let Some(place) = labels.get_mut(row) {
            *place = label;
        }
    }
    let margin = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = format!("{:>margin$}  {}\n", "", y.label);
    for (label, cells) in labels.iter().zip(&cells) {
        let line: String = cells.iter().collect();
        text += &format!("{label:>margin$} │{}\n", line.trim_end());
    }
    text += &format!("{:margin$} └{}\n", "", "─".repeat(width));
    // One column more: a label stands in the middle under its tick.
    let mut under = vec![' '; width + 8];
    for (share, label) in x.ticks() {
        let middle = (share * width as f64) as usize;
        let start = middle.saturating_sub(label.chars().count() / 2);
        for (place, sign) in under[start..].iter_mut().zip(label.chars()) {
            *place = sign;
        }
    }
    let under: String = under.into_iter().collect();
    text += &format!("{:margin$}  {}   {}\n", "", under.trim_end(), x.label);
    if !legend.is_empty() {
        text += &format!("{:margin$}{legend}\n", "");
    }
    text
}

/// The points of a grid, each with a digit: how many levels lie below it, 9 being nine or more.
fn heights(mark: &Mark) -> Vec<(Point, char)> {
    let Mark::Contours { grid, levels } = mark else {
        return Vec::new();
    };
    let points = grid.x.iter().flat_map(|x| grid.y.iter().map(|y| (*x, *y)));
    (points.zip(&grid.values))
        .filter(|(_, value)| value.is_finite())
        .map(|(point, value)| {
            let below = levels.iter().filter(|level| *level < value).count();
            let digit = char::from_digit(below.min(9) as u32, 10);
            (point, digit.unwrap_or('9'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::plot::{Grid, Panel};

    #[test]
    fn contours_are_digits_that_rise_with_the_values() {
        let grid = Grid::of((0.0, 9.0), (0.0, 1.0), 40, |x, _| x);
        let panel = Panel::new("x", "y").contours(grid, (1..=9).map(f64::from));
        let text = panel.text(20, 3);
        let line = text.lines().nth(2).and_then(|line| line.split_once('│'));
        let signs = line.unwrap().1.chars();
        let digits: Vec<u32> = signs.filter_map(|sign| sign.to_digit(10)).collect();
        assert!(digits.len() >= 19, "{text}");
        assert!(digits.is_sorted() && digits[0] == 0, "{text}");
        assert!(digits[digits.len() - 1] >= 8, "{text}");
    }

    #[test]
    fn a_line_rises_from_corner_to_corner() {
        let panel = Panel::new("steps", "loss").line("up", [(0.0, 0.0), (10.0, 5.0)]);
        let text = panel.text(40, 10);
        let columns: Vec<usize> = text.lines().filter_map(|line| line.find('*')).collect();
        // Every line of the frame has a part of it, further left from top to bottom, and so has the legend.
        assert_eq!(columns.len(), 11, "{text}");
        assert!(
            columns[..10].windows(2).all(|pair| pair[0] > pair[1]),
            "{text}"
        );
        assert!(text.contains("loss") && text.contains("steps") && text.contains("* up"));
    }
}
