//! Tables to JSON lines.

use crate::csv::write::date_writer;
use crate::error::{Error, Result};
use crate::table::{Column, ColumnData, Table, number_text};

/// An object a row; missing values are null, dates text, blocks lists of numbers.
///
/// # Errors
/// If a number is infinite, which JSON has no word for.
pub fn write(table: &Table, _ending: &str) -> Result<Vec<u8>> {
    let names: Vec<String> = table.names().map(quoted).collect();
    let levels = |column: &Column| match &column.data {
        // Truth values have words of their own.
        ColumnData::Text(text) if text.levels.iter().all(|level| is_truth(level)) => {
            text.levels.clone()
        }
        ColumnData::Text(text) => text.levels.iter().map(|level| quoted(level)).collect(),
        _ => Vec::new(),
    };
    let levels: Vec<_> = table
        .columns
        .iter()
        .map(|column| (levels(column), date_writer(column)))
        .collect();
    let mut json = String::new();
    for row in 0..table.rows {
        for (j, (column, levels)) in table.columns.iter().zip(&levels).enumerate() {
            let before = if j == 0 { "{" } else { ", " };
            json.extend([before, &names[j], ": "]);
            value(&mut json, column, levels, row).map_err(|()| {
                let location = table.cell(row, &column.name);
                let error = Error::invalid(location, "an infinite value", "a finite number");
                error.remedy("write CSV or Parquet, which hold it")
            })?;
        }
        json.push_str("}\n");
    }
    Ok(json.into_bytes())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_truth(text: &str) -> bool {
    matches!(text, "true" | "false")
}

/// Writes a cell; the texts of the column as JSON, and how its dates are written.
fn value(
    json: &mut String,
    column: &Column,
    (levels, date): &(Vec<String>, fn(f64) -> String),
    row: usize,
) -> Result<(), ()> {
    let text = match &column.data {
        ColumnData::Numeric(numbers) => return number(json, numbers[row]),
        ColumnData::Block(block) => {
            let width = block.width();
            for i in 0..width {
                json.push_str(if i == 0 { "[" } else { ", " });
                number(json, block.value(row * width + i))?;
            }
            json.push(']');
            return Ok(());
        }
        ColumnData::Time(times) => (!times[row].is_nan()).then(|| quoted(&date(times[row]))),
        ColumnData::Text(text) => levels.get(text.codes[row] as usize).cloned(),
    };
    json.push_str(text.as_deref().unwrap_or("null"));
    Ok(())
}

fn number(json: &mut String, number: f64) -> Result<(), ()> {
    if number.is_infinite() {
        return Err(());
    }
    match number.is_nan() {
        true => json.push_str("null"),
        false => json.push_str(&number_text(number)),
    }
    Ok(())
}
