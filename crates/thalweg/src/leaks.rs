//! Columns that give the target away: one that decides it, two that decide it together, or a few
//! of which it is a linear combination. Found by looking at some training rows, whatever is trained.

use std::collections::HashMap;

use thalweg_core::dataset::{FeaturesRef, TargetsRef};
use thalweg_data::error::{quote, quote_list};
use thalweg_data::{Note, Task};

use crate::fields::list_argument;
use crate::places::{Place, PlaceKind, places};
use crate::rows::RunRows;
use crate::text::figure;

/// Rows that are looked at, at least to say something, and at most.
const ROWS: usize = 50;
const MOST_ROWS: usize = 4096;
/// Values that are looked at.
const MOST_VALUES: usize = 1 << 20;
/// Columns of which a target is a linear combination, and the R² that says so.
const COLUMNS: usize = 3;
const R2: f64 = 0.9999;
/// Columns among which pairs are tried.
const PAIRED: usize = 30;

/// Findings of one target, at most.
const FINDINGS: usize = 16;

/// A warning for every target that a few of the columns give away, and what leaves all of them out, with
/// those that are `dropped` already. Where these are all columns, to find that out is the task.
pub(crate) fn warnings(rows: &RunRows, dropped: &[String]) -> Vec<Note> {
    let (train, preprocessing) = (rows.train.view(), &rows.preprocessing);
    let count = train.features.rows();
    let places = places(preprocessing);
    let most = (MOST_VALUES / train.features.width.max(1))
        .clamp(ROWS, MOST_ROWS)
        .min(count);
    if count < ROWS || places.len() < 2 {
        return Vec::new();
    }
    let sample: Vec<usize> = (0..most).map(|i| i * count / most).collect();
    let values = columns(train.features, &places, &sample);
    let names = &preprocessing.target.columns;
    let task = preprocessing.task();
    let look = |y: &[f64]| all_giving_away(&places, train.features, &values, (&sample, y), task);
    let found: Vec<(usize, Vec<Found>)> = match train.targets {
        TargetsRef::Classes(classes) => {
            let y: Vec<f64> = sample.iter().map(|&row| f64::from(classes[row])).collect();
            vec![(0, look(&y))]
        }
        TargetsRef::Values { width, values: all } => {
            // A target stands there once for each of its quantiles.
            let each = preprocessing.target.each();
            let of = |j: usize| {
                let in_file = |&row: &usize| preprocessing.in_user_units(j, all[row * width + j]);
                let y: Vec<f64> = sample.iter().map(in_file).collect();
                (j / each, look(&y))
            };
            (0..width).step_by(each).map(of).collect()
        }
    };
    let leaking = found
        .iter()
        .flat_map(|(_, found)| found)
        .flat_map(|found| &found.columns);
    let mut all = dropped.to_vec();
    for column in leaking {
        if !all.contains(column) {
            all.push(column.clone());
        }
    }
    let listed = list_argument(&all);
    let warning = |(j, found): (usize, Vec<Found>)| {
        let target = quote(names.get(j).filter(|_| !found.is_empty())?);
        let how = |Found { columns, how }: &Found| {
            format!("{how} {}", quote_list(columns.iter().map(String::as_str)))
        };
        let how: Vec<String> = found.iter().map(how).collect();
        Some(Note::warning(format!(
            "target {target} {}: if that is not known where the model is to predict, set `data.fit.drop` {listed}",
            how.join(", and ")
        )))
    };
    found.into_iter().filter_map(warning).collect()
}

/// Columns that give a target away.
struct Found {
    columns: Vec<String>,
    /// Between target and columns, in a sentence.
    how: String,
}

/// All that gives the target `y` of some rows away: each without the columns of those before it, as long
/// as others are left.
fn all_giving_away(
    places: &[Place],
    features: FeaturesRef,
    values: &[Vec<f64>],
    (sample, y): (&[usize], &[f64]),
    task: Task,
) -> Vec<Found> {
    let (mut places, mut values) = (places.to_vec(), values.to_vec());
    let mut all: Vec<Found> = Vec::new();
    while let Some(found) = giving_away(&places, features, &values, (sample, y), task) {
        if found.columns.len() >= places.len() || all.len() == FINDINGS {
            break;
        }
        let is_left: Vec<bool> = places
            .iter()
            .map(|place| !found.columns.contains(&place.name))
            .collect();
        let mut left = is_left.iter();
        places.retain(|_| left.next().copied().unwrap_or(true));
        let mut left = is_left.iter();
        values.retain(|_| left.next().copied().unwrap_or(true));
        all.push(found);
    }
    all
}

/// What gives the target `y` of some rows away, by those rows of them where it is known.
fn giving_away(
    places: &[Place],
    features: FeaturesRef,
    values: &[Vec<f64>],
    (sample, y): (&[usize], &[f64]),
    task: Task,
) -> Option<Found> {
    let known: Vec<usize> = (0..y.len()).filter(|&i| y[i].is_finite()).collect();
    if known.len() < ROWS {
        return None;
    }
    if known.len() < y.len() {
        let of = |all: &Vec<f64>| known.iter().map(|&i| all[i]).collect::<Vec<f64>>();
        let values: Vec<Vec<f64>> = values.iter().map(of).collect();
        let (sample, y): (Vec<usize>, Vec<f64>) = known.iter().map(|&i| (sample[i], y[i])).unzip();
        return giving_away(places, features, &values, (&sample, &y), task);
    }
    match task {
        Task::Regression => {
            deciding(places, values, y, false).or_else(|| combination(places, values, y))
        }
        _ => deciding(places, values, y, true).or_else(|| gaps(places, features, sample, y)),
    }
}

/// Row-major features by columns, in the units of the file, read once.
fn columns(features: FeaturesRef, places: &[Place], sample: &[usize]) -> Vec<Vec<f64>> {
    let mut values = vec![Vec::with_capacity(sample.len()); places.len()];
    let mut row_values = Vec::with_capacity(features.width);
    for &row in sample {
        row_values.clear();
        row_values.extend(features.row(row));
        for (place, values) in places.iter().zip(&mut values) {
            let value = place.value(&row_values);
            values.push(match place.kind {
                PlaceKind::Number(scale) => place.number(scale, value),
                _ => value,
            });
        }
    }
    values
}

/// A column whose gaps decide the target, such as a date that is there only after the outcome.
fn gaps(places: &[Place], features: FeaturesRef, sample: &[usize], y: &[f64]) -> Option<Found> {
    let decides = |place: &&Place| {
        let indicator = place.inputs.start + 1;
        let is_missing = |&row: &usize| features.row(row).nth(indicator).unwrap_or(0.0);
        let missing: Vec<f64> = sample.iter().map(is_missing).collect();
        place.has_indicator && distinct(&missing) == 2 && is_constant_within(&missing, y)
    };
    let place = places.iter().find(decides).filter(|_| varies(y))?;
    Some(Found {
        columns: vec![place.name.clone()],
        how: "is decided by whether there is a value in the column".to_owned(),
    })
}

/// A column that decides the target, or two together.
fn deciding(places: &[Place], values: &[Vec<f64>], y: &[f64], is_class: bool) -> Option<Found> {
    if !varies(y) {
        return None;
    }
    let found = |columns: &[usize], how: &str| {
        Some(Found {
            columns: columns.iter().map(|&j| places[j].name.clone()).collect(),
            how: how.to_owned(),
        })
    };
    for (j, (place, x)) in places.iter().zip(values).enumerate() {
        let is_given = match (place.is_number(), is_class) {
            (true, true) => is_cut_into_classes(x, y),
            (true, false) => is_monotone(x, y),
            (false, _) => false,
        };
        if is_given || is_constant_within(x, y) {
            return found(&[j], "is decided by the column");
        }
    }
    let few = |j: &usize| distinct(&values[*j]) * 5 <= y.len();
    let few = (0..places.len()).filter(few);
    let of_few = |a: usize, b: usize| is_constant_within(&codes(&values[a], &values[b]), y);
    if let Some([a, b]) = pair(few, of_few) {
        return found(&[a, b], "is decided by the columns");
    }
    let numbers = (0..places.len()).filter(|&j| is_class && places[j].is_number());
    let differ = |a: usize, b: usize| {
        let cuts = |rows: usize| {
            let pairs = values[a].iter().zip(&values[b]).take(rows);
            let difference: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
            is_cut_into_classes(&difference, &y[..difference.len()])
        };
        // A look at some rows first: there are many pairs.
        cuts(ROWS) && cuts(y.len())
    };
    let [a, b] = pair(numbers, differ)?;
    found(&[a, b], "is decided by the difference of the columns")
}

/// The first pair of some columns that decides.
fn pair(
    columns: impl Iterator<Item = usize>,
    decides: impl Fn(usize, usize) -> bool,
) -> Option<[usize; 2]> {
    let columns: Vec<usize> = columns.take(PAIRED).collect();
    let pairs = (columns.iter().enumerate())
        .flat_map(|(i, &a)| columns[i + 1..].iter().map(move |&b| [a, b]));
    pairs.into_iter().find(|[a, b]| decides(*a, *b))
}

/// A number for each pair of values.
fn codes(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut known: HashMap<(u64, u64), usize> = HashMap::new();
    let mut code = |(a, b): (&f64, &f64)| {
        let next = known.len();
        *known.entry((a.to_bits(), b.to_bits())).or_insert(next) as f64
    };
    a.iter().zip(b).map(&mut code).collect()
}

fn distinct(x: &[f64]) -> usize {
    let mut bits: Vec<u64> = x.iter().map(|x| x.to_bits()).collect();
    bits.sort_unstable();
    bits.dedup();
    bits.len()
}

/// Whether enough rows are not of the most frequent value to tell decisions from chance.
fn varies(y: &[f64]) -> bool {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    y.iter()
        .for_each(|y| *counts.entry(y.to_bits()).or_default() += 1);
    let most = counts.values().max().copied().unwrap_or(0);
    y.len() - most >= 10
}

/// Whether rows with one value have one target, of values that repeat.
fn is_constant_within(x: &[f64], y: &[f64]) -> bool {
    let mut of_value: HashMap<u64, f64> = HashMap::new();
    let is_constant = x
        .iter()
        .zip(y)
        .all(|(x, y)| *of_value.entry(x.to_bits()).or_insert(*y) == *y);
    is_constant && 5 * of_value.len() <= x.len()
}

/// Whether values of one class lie together, apart from all others.
fn is_cut_into_classes(x: &[f64], y: &[f64]) -> bool {
    let pairs = sorted(x, y);
    let runs = 1 + pairs
        .windows(2)
        .filter(|pair| pair[0].1 != pair[1].1)
        .count();
    let is_apart = pairs
        .windows(2)
        .all(|pair| pair[0].0 < pair[1].0 || pair[0].1 == pair[1].1);
    is_apart && runs == distinct(y)
}

/// Whether the target rises, or falls, with every step of a column of many values.
fn is_monotone(x: &[f64], y: &[f64]) -> bool {
    let pairs = sorted(x, y);
    let steps = |rises: bool| {
        pairs.windows(2).all(|pair| match pair[0].0 < pair[1].0 {
            true => (pair[0].1 < pair[1].1) == rises && pair[0].1 != pair[1].1,
            false => pair[0].1 == pair[1].1,
        })
    };
    distinct(x) >= 20 && (steps(true) || steps(false))
}

fn sorted(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
    let mut pairs: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    pairs
}

/// A few columns of which the target is a linear combination: one after another the column that
/// goes best with what is left (orthogonal matching pursuit, Pati, Rezaiifar, Krishnaprasad 1993).
fn combination(places: &[Place], values: &[Vec<f64>], y: &[f64]) -> Option<Found> {
    let centered = |x: &[f64]| -> Vec<f64> {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        x.iter().map(|x| x - mean).collect()
    };
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let numbers: Vec<usize> = (0..places.len())
        .filter(|&j| places[j].is_number())
        .collect();
    let all: HashMap<usize, Vec<f64>> =
        numbers.iter().map(|&j| (j, centered(&values[j]))).collect();
    let whole = centered(y);
    let (mut rest, total) = (whole.clone(), dot(&whole, &whole));
    // Orthonormal directions of the columns so far, which carry their coefficients.
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < COLUMNS {
        let left = |j: &usize| {
            let mut x = all[j].clone();
            for direction in &basis {
                let along = dot(&x, direction);
                x.iter_mut()
                    .zip(direction)
                    .for_each(|(x, d)| *x -= along * d);
            }
            let norm = dot(&x, &x).sqrt();
            let is_new = norm > 1e-6 * dot(&all[j], &all[j]).sqrt();
            is_new.then(|| {
                x.iter_mut().for_each(|x| *x /= norm);
                (dot(&x, &rest).abs(), *j, x)
            })
        };
        let candidates = numbers
            .iter()
            .filter(|j| !chosen.contains(j))
            .filter_map(left);
        let (_, j, direction) = candidates.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let along = dot(&rest, &direction);
        rest.iter_mut()
            .zip(&direction)
            .for_each(|(rest, d)| *rest -= along * d);
        basis.push(direction);
        chosen.push(j);
        let r2 = 1.0 - dot(&rest, &rest) / total;
        if r2 > R2 {
            let fit: Vec<f64> = whole.iter().zip(&rest).map(|(y, rest)| y - rest).collect();
            let columns: Vec<&Vec<f64>> = chosen.iter().map(|j| &all[j]).collect();
            let terms = terms(places, &chosen, &coefficients(&columns, &basis, &fit));
            chosen.sort_unstable();
            return Some(Found {
                columns: chosen.iter().map(|&j| places[j].name.clone()).collect(),
                how: format!(
                    "is {terms} and a constant (R² {r2:.6}), by the {}",
                    if chosen.len() == 1 {
                        "column"
                    } else {
                        "columns"
                    }
                ),
            });
        }
    }
    None
}

/// What the columns of a fit are multiplied with: the triangular system of their directions.
fn coefficients(columns: &[&Vec<f64>], basis: &[Vec<f64>], fit: &[f64]) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let mut found = vec![0.0; columns.len()];
    for i in (0..columns.len()).rev() {
        let later: f64 = (i + 1..columns.len())
            .map(|k| dot(columns[k], &basis[i]) * found[k])
            .sum();
        found[i] = (dot(fit, &basis[i]) - later) / dot(columns[i], &basis[i]);
    }
    found
}

/// The combination in the units of the file: `1·casual + 1·registered`.
fn terms(places: &[Place], chosen: &[usize], coefficients: &[f64]) -> String {
    let term = |(&j, &value): (&usize, &f64)| {
        let rounded = (value * 1e4).round() / 1e4;
        let shown = match (value - rounded).abs() < 1e-6 * value.abs() {
            true => rounded.to_string(),
            false => figure(value),
        };
        format!("{shown}·{}", places[j].name)
    };
    let mut terms: Vec<(usize, String)> = chosen
        .iter()
        .zip(coefficients)
        .map(|pair| (*pair.0, term(pair)))
        .collect();
    terms.sort_unstable();
    terms
        .into_iter()
        .map(|(_, term)| term)
        .collect::<Vec<_>>()
        .join(" + ")
}
