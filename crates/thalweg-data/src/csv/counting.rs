//! Numbers in the first line that count up: names of columns, such as years, or a row.

use std::ops::Range;

use super::builder::{Parsed, Words, parse};

/// Fewer numbers count up by chance.
const LEAST_NUMBERS: usize = 3;
/// Below fewer rows there is no telling.
const LEAST_ROWS: usize = 3;
/// At most one value in so many may look like a year below years, or be no number.
const VALUES_PER_ODD: usize = 10;
/// At most one row in so many counts up by chance.
const ROWS_PER_COUNT: usize = 10;

/// Whole numbers side by side, each one more than the one before; what is beside them is text or nothing.
struct Run {
    columns: Range<usize>,
    start: f64,
}

impl Run {
    fn of(first: &[String], words: Words<'_>) -> Option<Self> {
        let is_whole = |cell: &String| {
            !cell.is_empty() && cell.len() < 16 && cell.bytes().all(|byte| byte.is_ascii_digit())
        };
        let from = first.iter().position(is_whole)?;
        let count = first[from..]
            .iter()
            .take_while(|cell| is_whole(cell))
            .count();
        let columns = from..from + count;
        let numbers: Vec<f64> = first[columns.clone()]
            .iter()
            .filter_map(|cell| cell.parse().ok())
            .collect();
        let counts_up = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0);
        let is_number = |cell: &String| matches!(parse(cell, words), Parsed::Number(_));
        let others = first[..from].iter().chain(&first[columns.end..]);
        (count > 1 && counts_up && !others.into_iter().any(is_number)).then_some(Self {
            columns,
            start: numbers[0],
        })
    }

    fn are_years(&self) -> bool {
        is_year(self.start) && is_year(self.start + self.columns.len() as f64 - 1.0)
    }

    /// Whether rows below go on counting, as those of a matrix or of numbered rows do.
    fn goes_on(&self, rest: &[Vec<String>]) -> bool {
        let number = |row: &Vec<String>, at: usize| row.get(at)?.parse::<f64>().ok();
        let counts_up = |row: &Vec<String>| {
            let mut pairs = self.columns.clone().skip(1);
            pairs.all(|at| {
                let next = number(row, at - 1).map(|one| one + 1.0);
                next.is_some() && next == number(row, at)
            })
        };
        let is_next = |row: &Vec<String>| number(row, self.columns.start) == Some(self.start + 1.0);
        let count = rest.iter().filter(|row| counts_up(row)).count();
        rest.first().is_some_and(is_next) || count * ROWS_PER_COUNT > rest.len()
    }
}

fn is_year(number: f64) -> bool {
    (1900.0..2100.0).contains(&number)
}

/// Whether numbers of a line count up.
pub fn count_up(first: &[String], words: Words<'_>) -> bool {
    Run::of(first, words).is_some()
}

/// Whether the first line has names that are numbers: years above other numbers, or numbers most of which are none of their
/// columns: beyond all below them, or whole above fractions.
pub fn are_names(first: &[String], rest: &[Vec<String>], words: Words<'_>) -> bool {
    let Some(run) = Run::of(first, words) else {
        return false;
    };
    let (mut below, mut texts) = (vec![Vec::<f64>::new(); run.columns.len()], 0);
    // What has other cells is no row.
    for row in rest.iter().filter(|row| row.len() == first.len()) {
        for (values, cell) in below.iter_mut().zip(row.iter().skip(run.columns.start)) {
            match parse(cell, words) {
                Parsed::Number(number) => values.push(number),
                Parsed::Missing => {}
                Parsed::Text => texts += 1,
            }
        }
    }
    let all: usize = below.iter().map(Vec::len).sum();
    if texts * VALUES_PER_ODD > all {
        return false;
    }
    if run.are_years() && (first.len() > run.columns.len() || first.len() >= LEAST_NUMBERS) {
        let years = below.iter().flatten().filter(|value| is_year(**value));
        return all > 0 && years.count() * VALUES_PER_ODD <= all;
    }
    let is_other = |(values, at): (&Vec<f64>, usize)| {
        let top = run.start + at as f64;
        let is_beyond = values.iter().all(|x| *x > top) || values.iter().all(|x| *x < top);
        !values.is_empty() && (is_beyond || values.iter().all(|x| x.fract() != 0.0))
    };
    let others = below.iter().zip(0..).filter(|pair| is_other(*pair)).count();
    run.columns.len() >= LEAST_NUMBERS
        && rest.len() >= LEAST_ROWS
        && 2 * others > run.columns.len()
        && !run.goes_on(rest)
}

/// The first two numbers of a first line that may be names.
pub fn may_be_names(
    first: &[String],
    rest: &[Vec<String>],
    words: Words<'_>,
) -> Option<[String; 2]> {
    let run = Run::of(first, words)?;
    let may_be = run.columns.len() >= LEAST_NUMBERS && !run.goes_on(rest);
    let is_it = !rest.is_empty() && (may_be || run.are_years());
    let at = run.columns.start;
    is_it.then(|| [first[at].clone(), first[at + 1].clone()])
}
