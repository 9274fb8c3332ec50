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
        let inside = column >= 0.0 && row >= 0.0;
        let (column, row) = (column as usize, row as usize);
        if inside && column < width && row < height {
            cells[row][column] = sign;
        }
    };
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

#[cfg(test)]
mod tests {
    use crate::Panel;

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
