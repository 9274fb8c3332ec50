//! From tables to network inputs and back.

mod categories;
mod columns;
mod sets;
mod targets;

use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_data::*;

fn table(text: &str) -> Table {
    let input = Input::bytes("t.csv", text.as_bytes().to_vec()).unwrap();
    read_input(input, &ReadOptions::default()).unwrap().train
}

fn fit(table: &Table, column: &str, options: &FitOptions) -> (Preprocessing, Vec<Note>) {
    let options_of_target = TargetOptions {
        column: Some(column.to_owned()),
        task: None,
    };
    let (target, ..) = Target::choose(table, &options_of_target).unwrap();
    fit_rows(table, target, options, &table.all_rows()).unwrap()
}

fn fit_rows(
    table: &Table,
    target: Target,
    options: &FitOptions,
    rows: &[usize],
) -> Result<(Preprocessing, Vec<Note>)> {
    Preprocessing::fit(&(table, &Part::new("rows", rows)), target, options)
}

fn dataset(p: &Preprocessing, table: &Table, rows: &[usize]) -> Result<Dataset> {
    p.bind(table)?.dataset(Part::new("rows", rows), Dtype::F64)
}

fn values(features: Features) -> Vec<f64> {
    match features.values {
        Values::F64(values) => values,
        other => panic!("{other:?}"),
    }
}

fn features(preprocessing: &Preprocessing, table: &Table) -> Vec<f64> {
    let bound = preprocessing.bind(table).unwrap();
    values(bound.features(&table.all_rows(), Dtype::F64).unwrap())
}

fn near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-12, "{found:?} is not {expected:?}");
    }
}

const PEOPLE: &str = "age,city,ok,weight,income
20,Rome,yes,1,100
,Paris,no,2,200
40,Rome,yes,1,150
60,Oslo,,0.5,400
";

fn choose(text: &str, column: Option<&str>, task: Option<Task>) -> Result<Target> {
    let column = column.map(str::to_owned);
    let (target, ..) = Target::choose(&table(text), &TargetOptions { column, task })?;
    Ok(target)
}
