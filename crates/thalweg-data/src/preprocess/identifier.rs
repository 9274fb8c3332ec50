//! Numeric columns that number the rows or name things: row numbers, identifiers, codes.

use std::collections::{HashMap, HashSet};

use super::left_out::LeftOut;

/// Fewer rows may be numbered by chance.
const ROWS_TO_COUNT: usize = 10;
/// Fewer rows may be dense by chance, where the name says nothing.
const ROWS_TO_DOUBT: usize = 50;
/// So many rows show whether a column may be one of codes.
const ROWS_FOR_CODES: usize = 2000;
/// Names of columns whose different whole numbers are identifiers.
const NAMES: [&str; 9] = [
    "id", "uuid", "guid", "rowid", "rownames", "recordid", "index", "idx", "key",
];
/// Names that a measurement may have, too: only a dense range of numbers is one of row numbers.
const DOUBTFUL_NAMES: [&str; 14] = [
    "column_1",
    "instant",
    "row",
    "rownum",
    "rownumber",
    "row_number",
    "no",
    "no.",
    "nr",
    "nr.",
    "#",
    "serial",
    "record",
    "obs",
];
/// Names of what counts up and still is a quantity.
const QUANTITIES: [&str; 14] = [
    "day", "days", "time", "date", "year", "month", "week", "hour", "minute", "second", "step",
    "age", "epoch", "rank",
];

/// Looks at the numbers of a column block by block.
#[derive(Debug)]
pub(super) struct Identifier {
    name: String,
    rows: usize,
    /// Whether all are whole and none is missing.
    whole: bool,
    /// The different numbers so far, as long as they are all different.
    different: Option<HashSet<u64>>,
    /// Whether they count up by 1 from 0 or 1.
    counts: bool,
    least: f64,
    most: f64,
    last: f64,
    /// Rows of each number among the first.
    first: HashMap<u64, usize>,
}

/// What a column of numbers seems to be beside a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seems {
    /// The numbers of the rows, in any order.
    RowNumber,
    /// Codes of some things.
    Codes,
}

impl Identifier {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_lowercase(),
            rows: 0,
            whole: true,
            different: Some(HashSet::new()),
            counts: true,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            last: f64::NAN,
            first: HashMap::new(),
        }
        .with_camel_case(name)
    }

    /// `PassengerId` and `customerID` are names of identifiers, `paid` is not.
    fn with_camel_case(mut self, name: &str) -> Self {
        let before = name.strip_suffix("Id").or_else(|| name.strip_suffix("ID"));
        if before.is_some_and(|before| before.ends_with(|c: char| c.is_lowercase())) {
            self.name = "id".to_owned();
        }
        self
    }

    /// Adds all rows of a block.
    pub fn add(&mut self, numbers: &[f64]) {
        for &number in numbers {
            // A missing value has no whole part either.
            self.whole &= number.fract() == 0.0;
            if !self.whole {
                return;
            }
            self.counts &= match self.rows {
                0 => number == 0.0 || number == 1.0,
                _ => number == self.last + 1.0,
            };
            let bits = (number + 0.0).to_bits();
            if self.rows < ROWS_FOR_CODES {
                *self.first.entry(bits).or_default() += 1;
            } else if self.different.is_none() {
                return;
            }
            if self.different.as_mut().is_some_and(|all| !all.insert(bits)) {
                self.different = None;
            }
            self.rows += 1;
            self.last = number;
            self.least = self.least.min(number);
            self.most = self.most.max(number);
        }
    }

    fn is_dense(&self) -> bool {
        self.most - self.least + 1.0 == self.rows as f64
    }

    /// Why the column is no input, if it is none.
    pub fn left_out(&self) -> Option<LeftOut> {
        if !self.whole || self.different.is_none() || self.rows < ROWS_TO_COUNT {
            return None;
        }
        let name = self.name.as_str();
        let named = NAMES.contains(&name)
            || name.starts_with("unnamed:")
            || ["_id", " id", "-id", ".id"]
                .iter()
                .any(|end| name.ends_with(end));
        let doubtful = DOUBTFUL_NAMES.contains(&name);
        match (named || doubtful, self.counts) {
            (true, true) => Some(LeftOut::RowNumber),
            (true, false) if named || self.is_dense() => Some(LeftOut::IdentifierNumber),
            _ => None,
        }
    }

    /// What the column seems to be although it is kept.
    pub fn seems(&self) -> Option<Seems> {
        if !self.whole {
            return None;
        }
        let quantity =
            self.name.chars().count() < 2 || QUANTITIES.iter().any(|word| self.name.contains(word));
        if self.different.is_some() {
            let dense = self.rows >= ROWS_TO_DOUBT && self.is_dense();
            return (dense && !quantity).then_some(Seems::RowNumber);
        }
        let seen = self.first.values().sum::<usize>();
        let repeated = self.first.values().filter(|&&count| count > 2).count();
        let most = self.first.values().copied().max().unwrap_or_default();
        let count = self.first.len();
        let values = || self.first.keys().map(|&bits| f64::from_bits(bits));
        let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        let gaps = high - low > 3.0 * count as f64;
        // Amounts that are rounded have a common divisor.
        let rounded = values().fold(0.0, |divisor, x| gcd(divisor, x - low)) > 1.0;
        let codes = (5..=200).contains(&count) && 2 * repeated > count && 2 * most < seen;
        (codes && gaps && !rounded && !quantity).then_some(Seems::Codes)
    }
}

/// What a column of numbers seems to be beside a quantity, in words.
pub(crate) fn identifier_note(name: &str, numbers: &[f64]) -> Option<String> {
    let mut column = Identifier::new(name);
    column.add(numbers);
    match (column.left_out(), column.seems()) {
        (Some(_), _) => Some("identifier".to_owned()),
        (_, Some(Seems::RowNumber)) => Some("row number?".to_owned()),
        (_, Some(Seems::Codes)) => Some("codes?".to_owned()),
        (None, None) => None,
    }
}

/// The greatest common divisor of whole numbers.
fn gcd(mut a: f64, mut b: f64) -> f64 {
    // What is beyond f64 has a remainder that is no number.
    while b > 0.0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, numbers: &[f64]) -> (Option<LeftOut>, Option<Seems>) {
        let mut column = Identifier::new(name);
        numbers.chunks(7).for_each(|block| column.add(block));
        (column.left_out(), column.seems())
    }

    #[test]
    fn numbers_at_both_ends_of_f64_are_looked_at_in_finite_time() {
        let mut numbers: Vec<f64> = (0..58).map(f64::from).collect();
        numbers.extend([-1e308, 1.7e308, 1e308]);
        assert!(of("a", &numbers).0.is_none());
    }

    #[test]
    fn row_numbers_and_identifiers_are_noticed_in_any_order() {
        let rows: Vec<f64> = (0..100).map(|i| f64::from(i * 37 % 100)).collect();
        let counting: Vec<f64> = (1..=100).map(f64::from).collect();
        let gappy: Vec<f64> = rows.iter().map(|x| x * 13.0 + 5.0).collect();
        let number = (Some(LeftOut::IdentifierNumber), Some(Seems::RowNumber));
        for name in ["Unnamed: 0", "PassengerId", "id", "column_1", "customer_id"] {
            assert_eq!(of(name, &rows), number, "{name}");
        }
        assert_eq!(of("id", &counting).0, Some(LeftOut::RowNumber));
        assert_eq!(
            of("orderID", &gappy),
            (Some(LeftOut::IdentifierNumber), None)
        );
        assert_eq!(of("rooms", &rows), (None, Some(Seems::RowNumber)));
        for name in ["x", "day", "weekday_number"] {
            assert_eq!(of(name, &rows), (None, None), "{name}");
        }
        assert_eq!(of("column_1", &gappy), (None, None));
        assert_eq!(of("paid", &gappy), (None, None));
        let twice: Vec<f64> = rows.iter().map(|x| (x / 2.0).floor()).collect();
        assert_eq!(of("id", &twice), (None, None));
        let fractions: Vec<f64> = rows.iter().map(|x| x / 2.0).collect();
        assert_eq!(of("id", &fractions), (None, None));
    }

    #[test]
    fn codes_are_few_whole_numbers_far_apart() {
        let stores: Vec<f64> = (0..400)
            .map(|i| f64::from(100 + (i % 40) * (i % 40) * 7 % 1009))
            .collect();
        assert_eq!(of("store", &stores), (None, Some(Seems::Codes)));
        let ages: Vec<f64> = (0..400).map(|i| f64::from(20 + i % 50)).collect();
        let money: Vec<f64> = stores.iter().map(|x| x * 100.0).collect();
        assert_eq!(of("years", &ages), (None, None));
        assert_eq!(of("income", &money), (None, None));
    }
}
