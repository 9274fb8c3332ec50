//! What a data file holds, as a table on a terminal.

use thalweg::text::{columns, count, figure, short, whole};
use thalweg_data::Table;
use thalweg_data::summary::{ColumnSummary, NumberSummary, Summary, TargetSummary};

/// More classes are not listed.
const CLASSES: usize = 20;
/// Of more columns only the first and the last are listed on a terminal.
const COLUMNS: usize = 100;
/// Intervals of a histogram at most.
const INTERVALS: usize = 10;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The lines: sizes, a line a column, how columns are read, the target, and pairs of columns. Lines
/// of columns have at most `width` characters where there is room for a range.
pub fn table(summary: &Summary, test: Option<&Table>, width: usize) -> Vec<String> {
    let sizes = [
        count(summary.rows, "row"),
        count(summary.columns.len(), "column"),
        count(summary.duplicates, "duplicate"),
    ];
    let mut lines = vec![sizes.join(", ")];
    if let Some(test) = test {
        lines.push(format!("and {} to test on", count(test.rows, "row")));
    }
    lines.push(String::new());
    let hidden = match width {
        usize::MAX => 0,
        _ => summary.columns.len().saturating_sub(COLUMNS),
    };
    let mut listed = by_column(&summary.columns, width);
    if hidden > 0 {
        // Below the head.
        let from = 1 + COLUMNS / 2;
        let text = format!("… {} more, which --json lists …", count(hidden, "column"));
        listed.splice(from..from + hidden, [text]);
    }
    lines.extend(listed);
    let said = summary.columns.iter().filter(|column| is_said(column));
    let how: Vec<String> = said
        .map(|column| format!("  {}: {}", short(&column.name), column.read))
        .collect();
    if !how.is_empty() {
        lines.push("\nread as".to_owned());
        lines.extend(how);
    }
    lines.extend(summary.target.iter().flat_map(of_target));
    if !summary.correlations.is_empty() {
        lines.push("\nnearly the same".to_owned());
    }
    for pair in &summary.correlations {
        let (a, b) = &pair.columns;
        lines.push(format!(
            "  {} and {}: r = {:.3}",
            short(a),
            short(b),
            pair.correlation
        ));
    }
    lines
}

/// Whether how a column is read is more than what its kind says.
fn is_said(column: &ColumnSummary) -> bool {
    column.read.contains(": ")
}

fn by_column(summaries: &[ColumnSummary], most: usize) -> Vec<String> {
    let head = ["column", "kind", "missing", "distinct", "r"]
        .map(str::to_owned)
        .to_vec();
    let row = |summary: &ColumnSummary| {
        let distinct = match (&summary.shape, summary.distinct) {
            (Some(shape), _) => {
                let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
                sizes.join("×")
            }
            (None, Some(distinct)) => whole(distinct),
            (None, None) => "–".to_owned(),
        };
        vec![
            short(&summary.name),
            summary.kind.clone(),
            whole(summary.missing),
            distinct,
            summary
                .correlation
                .map_or(String::new(), |r| format!("{r:.2}")),
        ]
    };
    let mut rows: Vec<Vec<String>> = [head]
        .into_iter()
        .chain(summaries.iter().map(row))
        .collect();
    if summaries
        .iter()
        .all(|summary| summary.correlation.is_none())
    {
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    let mut aligned = columns(&rows).into_iter();
    let width = |line: &String| line.chars().count();
    let lines: Vec<String> = aligned.by_ref().collect();
    let widest = lines.iter().map(width).max().unwrap_or(0);
    let room = most.saturating_sub(widest + 2);
    let values = ["values".to_owned()]
        .into_iter()
        .chain(summaries.iter().map(|summary| values(summary, room)));
    (lines.iter().zip(values))
        .map(|(line, values)| format!("{line}{}  {values}", " ".repeat(widest - width(line))))
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// The distribution and the range, or the most frequent texts, and a remark; in so many characters
/// if something fits.
fn values(summary: &ColumnSummary, room: usize) -> String {
    let remark = summary.remark.as_ref().map(|remark| format!("[{remark}]"));
    let lengths = |parts: &[String]| {
        parts
            .iter()
            .map(|part| 2 + part.chars().count())
            .sum::<usize>()
    };
    let mut shown: Vec<String> = Vec::new();
    let remarked = remark.as_slice();
    for part in parts(summary) {
        if (!shown.is_empty() || remark.is_some())
            && lengths(&shown) + lengths(std::slice::from_ref(&part)) + lengths(remarked) > room + 2
        {
            break;
        }
        shown.push(part);
    }
    shown.extend(remark);
    shown.join("  ")
}

/// What there is to show of a column, the most telling first.
fn parts(summary: &ColumnSummary) -> Vec<String> {
    match (&summary.numbers, &summary.dates) {
        (Some(numbers), Some((first, last))) => {
            // Days are enough where they differ.
            let day = |date: &str| date.split(' ').next().unwrap_or_default().to_owned();
            let (first, last) = match day(first) == day(last) {
                true => (first.clone(), last.clone()),
                false => (day(first), day(last)),
            };
            vec![histogram(numbers), format!("{first} to {last}")]
        }
        (Some(numbers), None) => {
            // Years have no comma.
            let is_year = |x: f64| x.fract() == 0.0 && (1500.0..2200.0).contains(&x);
            let are_years = is_year(numbers.min) && is_year(numbers.max);
            let place = |x: f64| match are_years {
                true => figure(x).replace(',', ""),
                false => figure(x),
            };
            let [min, max, mean] = [numbers.min, numbers.max, numbers.mean].map(place);
            let deviation = figure(numbers.deviation);
            let mut parts = vec![histogram(numbers), format!("{min} to {max}")];
            if let [_, _, median, ..] = numbers.quantiles.as_slice() {
                parts.push(format!("median {}", place(*median)));
            }
            parts.push(format!("mean {mean} ± {deviation}"));
            parts
        }
        _ => {
            let top = summary
                .top
                .iter()
                .map(|(text, count)| format!("{} ({})", short(text), whole(*count)));
            top.collect()
        }
    }
}

/// The distribution in characters: the highest for the most frequent interval.
fn histogram(numbers: &NumberSummary) -> String {
    let most = numbers.histogram.iter().copied().max().unwrap_or(0).max(1);
    let bar = |&count: &usize| match count {
        0 => ' ',
        count => BARS[(count * BARS.len()).div_ceil(most).clamp(1, BARS.len()) - 1],
    };
    let bars: String = numbers.histogram.iter().map(bar).collect();
    format!("{bars:<INTERVALS$}")
}

fn of_target(target: &TargetSummary) -> Vec<String> {
    let names: Vec<String> = target.columns.iter().map(|name| short(name)).collect();
    let mut lines = vec![format!(
        "\ntarget     {}: {}",
        names.join(", "),
        target.task
    )];
    let total: usize = target.classes.iter().map(|(_, count)| count).sum();
    let most = target
        .classes
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(1)
        .max(1);
    let row = |(class, count): &(String, usize)| {
        let share = 100.0 * *count as f64 / total.max(1) as f64;
        vec![
            format!("  {}", short(class)),
            whole(*count),
            match share < 0.1 && *count > 0 {
                true => "< 0.1 %".to_owned(),
                false => format!("{share:.1} %"),
            },
        ]
    };
    let shown = &target.classes[..target.classes.len().min(CLASSES)];
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let bar = |count: usize| "█".repeat((20 * count).div_ceil(most));
    let aligned = columns(&rows).into_iter().zip(shown);
    lines.extend(aligned.map(|(line, (_, count))| format!("{line}  {}", bar(*count))));
    if target.classes.len() > CLASSES {
        lines.push(format!("  and {} more", target.classes.len() - CLASSES));
    }
    lines
}

#[cfg(test)]
mod tests {
    use thalweg_data::{Input, ReadOptions, TargetOptions, read_input, summarize};

    use super::*;

    fn lines(text: String, width: usize) -> Vec<String> {
        let input = Input::bytes("t.csv", text.into_bytes()).unwrap();
        let loaded = read_input(input, &ReadOptions::default()).unwrap();
        table(
            &summarize(&loaded.train, &TargetOptions::default()),
            None,
            width,
        )
    }

    #[test]
    fn a_terminal_shows_some_of_many_columns_and_what_fits() {
        let cells = |cell: fn(usize) -> String| (0..300).map(cell).collect::<Vec<_>>().join(",");
        let rows: String = (0..12)
            .map(|row| format!("{row}{}\n", ",1".repeat(299)))
            .collect();
        let wide = format!("{}\n{rows}", cells(|i| format!("c{i}")));
        let shown = lines(wide.clone(), 80);
        assert!(
            shown.len() < 120
                && shown
                    .iter()
                    .any(|line| line.starts_with("… 200 columns more"))
        );
        for name in ["c0 ", "c49 ", "c250 ", "c299 "] {
            assert!(shown.iter().any(|line| line.starts_with(name)), "{name}");
        }
        assert!(lines(wide, usize::MAX).len() > 300);
        let rows: String = (0..12)
            .map(|i| {
                format!(
                    "a text of many letters {i},2024-01-{:02} 0{}:00,1\n",
                    i + 1,
                    i % 9
                )
            })
            .collect();
        let shown = lines(format!("a,when,y\n{rows}"), 80);
        assert!(
            shown.iter().all(|line| line.chars().count() <= 80),
            "{shown:?}"
        );
        assert!(
            shown.iter().any(|line| line.ends_with("  [all different]")),
            "{shown:?}"
        );
        assert!(
            shown
                .iter()
                .any(|line| line.ends_with("2024-01-01 to 2024-01-12")),
            "{shown:?}"
        );
    }
}
