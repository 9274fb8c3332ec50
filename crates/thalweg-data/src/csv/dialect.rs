//! Detection of the delimiter, and of a header in the first line.

use std::collections::HashSet;

use super::builder::{Parsed, Words, parse};
use super::counting;
use super::records::{Scan, scan};
use crate::reading::{Notation, Number, number};

/// Candidates, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
const RECORDS_FOR_DELIMITER: usize = 200;
/// Fewer numbers with a point before three digits are chance.
const LEAST_GROUPED: usize = 3;
const RECORDS_FOR_HEADER: usize = 1000;

/// The delimiter that cuts most records of the sample into the same number of cells, at least two;
/// among equals the one that gives more cells. A comma when none does; white space (a space) where
/// it alone makes a table, most of it numbers.
pub fn delimiter(sample: &[u8], complete: bool) -> u8 {
    let mut best = (0.0, 1, b',');
    for candidate in DELIMITERS.into_iter().chain([b' ']) {
        let mut counts: Vec<usize> = Vec::new();
        let (mut all, mut of_numbers) = (0, 0);
        each_record(
            sample,
            complete,
            candidate,
            RECORDS_FOR_DELIMITER,
            |cells| {
                counts.push(cells.len());
                all += cells.len();
                of_numbers += cells
                    .iter()
                    .filter(|cell| cell.parse::<f64>().is_ok())
                    .count();
            },
        );
        counts.sort_unstable();
        let Some(&median) = counts.get(counts.len() / 2) else {
            continue;
        };
        let same = counts.iter().filter(|&&count| count == median).count();
        let fraction = same as f64 / counts.len() as f64;
        let is_better = match candidate {
            // As in `18.0  8  307.0 …<tab>"a name"`, but not in `1 000<tab>2 000`.
            b' ' => {
                let beside = best.1 <= 2 && median > best.1 + 4 && fraction >= best.0;
                // Tabs in some lines, blanks in others.
                let mixed = best.2 == b'\t' && fraction == 1.0 && best.0 < 1.0;
                (best.0 == 0.0 || beside || mixed) && fraction > 0.9 && 2 * of_numbers > all
            }
            _ => (fraction, median) > (best.0, best.1),
        };
        if median > 1 && is_better {
            best = (fraction, median, candidate);
        }
    }
    best.2
}

/// The cells of the first record of a text.
pub fn first_record(text: &str, delimiter: u8) -> Option<Vec<String>> {
    let mut first = None;
    each_record(text.as_bytes(), true, delimiter, 1, |cells| {
        first = Some(cells.to_vec())
    });
    first
}

/// Calls `visit` with the cells of up to `limit` records of the sample.
pub fn each_record(
    sample: &[u8],
    complete: bool,
    delimiter: u8,
    limit: usize,
    mut visit: impl FnMut(&[String]),
) {
    let mut cells = Vec::new();
    let mut rest = sample;
    for _ in 0..limit {
        if rest.is_empty() {
            return;
        }
        // A record that the end of the sample cuts off does not count.
        let Scan::Record(length, _) = scan(rest, delimiter, complete, &mut cells) else {
            return;
        };
        let (record, after) = rest.split_at(length);
        rest = after;
        let texts: Vec<String> = (cells.iter())
            .map(|cell| String::from_utf8_lossy(&cell.bytes(record)).into_owned())
            .collect();
        if texts.len() > 1 || texts.iter().any(|text| !text.is_empty()) {
            visit(&texts);
        }
    }
}

/// Whether the first record of the sample holds names rather than data.
///
/// Each column votes: text above numbers is a vote for a header, a number in the first line one
/// against it. Numbers that count the columns (0, 1, 2, … beside some text) are names, too. Without
/// votes (a table of text) the first line is a header if its cells are distinct and do not occur
/// again in their columns. `expected` are names that a header would hold; if there are any, they
/// decide.
pub fn header(
    sample: &[u8],
    complete: bool,
    delimiter: u8,
    words: Words<'_>,
    expected: &[String],
) -> bool {
    let mut records: Vec<Vec<String>> = Vec::new();
    each_record(sample, complete, delimiter, RECORDS_FOR_HEADER, |cells| {
        records.push(cells.to_vec());
    });
    let Some((first, rest)) = records.split_first() else {
        return false;
    };
    if !expected.is_empty() {
        let known = first.iter().filter(|&name| expected.contains(name)).count();
        if 2 * known > first.len() {
            return true;
        }
    }
    let parsed: Vec<Parsed> = first.iter().map(|cell| parse(cell, words)).collect();
    let (mut votes_for, mut votes_against) = (0, 0);
    for (j, top) in parsed.iter().enumerate() {
        let mut numbers = 0;
        let mut texts = 0;
        for cell in rest.iter().filter_map(|record| record.get(j)) {
            match parse(cell, words) {
                Parsed::Number(_) => numbers += 1,
                Parsed::Text => texts += 1,
                Parsed::Missing => {}
            }
        }
        match top {
            Parsed::Text if numbers > 0 && texts == 0 => votes_for += 1,
            Parsed::Number(_) => votes_against += 1,
            _ => {}
        }
    }
    if numbers_are_names(first, &parsed, rest, words) || counting::are_names(first, rest, words) {
        return true;
    }
    // pandas names columns 0, 1, …; lines that begin with 1, 2, … are more likely data.
    if let Some(start) = counting(&parsed)
        && (start == 0.0 || votes_for > 0)
    {
        return true;
    }
    if votes_for + votes_against > 0 {
        return votes_for > votes_against;
    }
    let distinct: HashSet<&String> = first.iter().collect();
    let seen_again = |(j, name): (usize, &String)| rest.iter().any(|r| r.get(j) == Some(name));
    distinct.len() == first.len() && !first.iter().enumerate().any(seen_again)
}

/// Whether numbers in the first line, which count up, are names: as pandas writes them, beside an
/// empty cell above its index; from 0 above fractions; or from 0 above texts.
fn numbers_are_names(
    first: &[String],
    parsed: &[Parsed],
    rest: &[Vec<String>],
    words: Words<'_>,
) -> bool {
    let are_from_0 = |cells: &[Parsed]| {
        let mut counted = cells.iter().zip(0..);
        !cells.is_empty() && counted.all(|(cell, i)| *cell == Parsed::Number(f64::from(i)))
    };
    let is_index = |record: &Vec<String>| record.first().is_some_and(|cell| !cell.is_empty());
    if first.first().is_some_and(String::is_empty) && are_from_0(&parsed[1..]) {
        return rest.iter().all(is_index);
    }
    let (true, Some(start), false) = (parsed.len() > 2, counting_up(parsed), rest.is_empty())
    else {
        return false;
    };
    let all = |is: &dyn Fn(&Parsed) -> bool, least: usize| {
        rest.iter().all(|record| {
            let cells = record.iter().map(|cell| parse(cell, words));
            cells.filter(is).count() >= least
        })
    };
    let is_fraction = |cell: &Parsed| matches!(cell, Parsed::Number(x) if x.fract() != 0.0);
    let is_text = |cell: &Parsed| *cell == Parsed::Text;
    (start == 0.0 && all(&is_fraction, parsed.len() / 2 + 1))
        || (are_from_0(parsed) && rest.len() > 1 && all(&is_text, 1))
}

/// The first two of the numbers in the first line of the sample, if they count up and may be names.
pub fn numbers_that_may_be_names(
    sample: &[u8],
    complete: bool,
    delimiter: u8,
    words: Words<'_>,
) -> Option<[String; 2]> {
    let records = |limit: usize| {
        let mut records: Vec<Vec<String>> = Vec::new();
        each_record(sample, complete, delimiter, limit, |cells| {
            records.push(cells.to_vec())
        });
        records
    };
    if !counting::count_up(records(1).first()?, words) {
        return None;
    }
    let records = records(RECORDS_FOR_HEADER);
    let (first, rest) = records.split_first()?;
    counting::may_be_names(first, rest, words)
}

/// The decimal sign of a file, where it is the comma, and the first cell of a column whose points
/// may be between thousands.
///
/// A column of numbers shows a sign where a cell can only be so: `1,5` and `0.25`, but not `1,250`
/// or `1.250`. One sign holds for the file. Where none is shown and the delimiter is no comma,
/// `1,250` is read with a decimal comma, and `1.250` beside `950` as thousands. Beside `;` it is in
/// doubt where all numbers of a column are like `1.250`.
pub fn decimal_sign(
    sample: &[u8],
    complete: bool,
    delimiter: u8,
) -> (Option<char>, Option<String>) {
    let mut columns: Vec<Signs> = Vec::new();
    each_record(sample, complete, delimiter, RECORDS_FOR_HEADER, |cells| {
        columns.resize(cells.len().max(columns.len()), Signs::default());
        columns
            .iter_mut()
            .zip(cells)
            .for_each(|(signs, cell)| signs.add(cell));
    });
    let shows =
        |count: fn(&Signs) -> usize| columns.iter().any(|signs| 2 * count(signs) > signs.cells);
    let grouped = columns.iter().find_map(Signs::grouped);
    let points = shows(|signs| signs.points);
    let is_comma = match delimiter {
        b',' => false,
        _ if shows(|signs| signs.commas) => true,
        _ if points => false,
        _ => shows(|signs| signs.commas + signs.unclear_commas) || grouped.is_some(),
    };
    let unclear = columns.iter().filter(|_| delimiter == b';');
    let doubtful = grouped.or_else(|| unclear.into_iter().find_map(Signs::all_unclear));
    (
        is_comma.then_some(','),
        doubtful.filter(|_| !is_comma && !points),
    )
}

/// What the numbers of a column show of their signs.
#[derive(Clone, Default)]
struct Signs {
    /// Cells that are not empty.
    cells: usize,
    /// Numbers whose comma, or point, can only be a decimal one.
    commas: usize,
    points: usize,
    /// Numbers such as `1,250`.
    unclear_commas: usize,
    /// Numbers such as `1.250`, the first of them, and whole numbers below 1000.
    unclear_points: usize,
    unclear: Option<String>,
    small: usize,
    /// All numbers.
    numbers: usize,
}

impl Signs {
    fn add(&mut self, cell: &str) {
        self.cells += usize::from(!cell.is_empty());
        let read = |decimal, thousands| number(cell, Notation::new(decimal, Some(thousands)));
        let is = |read: &Option<Number>, is: fn(&Number) -> bool| read.as_ref().is_some_and(is);
        let (comma, point) = (read(',', '.'), read('.', ','));
        self.numbers += usize::from(comma.is_some() || point.is_some());
        let is_small = cell.len() < 4 && cell.bytes().all(|byte| byte.is_ascii_digit());
        match (
            is(&comma, |number| number.fractional),
            is(&point, |number| number.fractional),
        ) {
            (true, _) if is(&point, |number| number.grouped) => self.unclear_commas += 1,
            (true, _) => self.commas += 1,
            (_, true) if is(&comma, |number| number.grouped) => {
                self.unclear_points += 1;
                self.unclear.get_or_insert_with(|| cell.to_owned());
            }
            (_, true) => self.points += 1,
            _ => self.small += usize::from(is_small && !cell.is_empty()),
        }
    }

    /// A cell, where all numbers are below 1000 and whole, or have a point before three digits.
    fn grouped(&self) -> Option<String> {
        let are_all = self.unclear_points + self.small == self.numbers;
        let are_some = self.unclear_points >= LEAST_GROUPED && self.small > 0;
        self.unclear.clone().filter(|_| are_all && are_some)
    }

    /// A cell, where all numbers have a point before three digits.
    fn all_unclear(&self) -> Option<String> {
        let are_all = self.unclear_points == self.numbers && self.numbers >= LEAST_GROUPED;
        self.unclear.clone().filter(|_| are_all)
    }
}

/// The first number of a line with text whose numbers, at least two, increase by one each.
fn counting(parsed: &[Parsed]) -> Option<f64> {
    let text = parsed.iter().any(|cell| matches!(cell, Parsed::Text));
    counting_up(parsed).filter(|_| text)
}

/// The first number of a line whose numbers, at least two, increase by one each.
fn counting_up(parsed: &[Parsed]) -> Option<f64> {
    let numbers: Vec<f64> = (parsed.iter())
        .filter_map(|cell| match cell {
            Parsed::Number(number) => Some(*number),
            _ => None,
        })
        .collect();
    let up = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0);
    (numbers.len() > 1 && up).then(|| numbers[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_header(text: &str) -> bool {
        let delimiter = delimiter(text.as_bytes(), true);
        header(text.as_bytes(), true, delimiter, Words::default(), &[])
    }

    #[test]
    fn delimiters_are_detected() {
        for (text, expected) in [
            ("a,b\n1,2\n", b','),
            ("a\tb,c\n1\t2\n", b'\t'),
            ("a;b\n1,5;2,5\n1;2\n", b';'),
            ("a|b|c\n1|2|3\n", b'|'),
            ("\"x;y;z\",b\n\"1;2;3\",2\n", b','),
            ("alone\n1\n2\n", b','),
            ("  1.5   2 x\n 12.25  3 y\n", b' '),
            (
                "18.0  8 307.0 1 2 3\t\"a car\"\n15.0  8 350.0 4 5 6\t\"b\"\n",
                b' ',
            ),
            ("1 000\t2 000\n3 000\t4 000\n", b'\t'),
            ("a b  y\n  1   2\t1\n  2   2\t2\n", b' '),
            ("a word\nor two\n", b','),
            ("2024-01-01 12:00,3.5\n2024-01-02 12:00,4.5\n", b','),
        ] {
            assert_eq!(delimiter(text.as_bytes(), true), expected, "{text:?}");
        }
    }

    #[test]
    fn headers_are_detected() {
        for text in [
            "age,sex\n1,M\n2,F\n",
            "0,1,2,target\n5,6,7,a\n5,6,7,b\n",
            "id,2000,2001\n1,5,6\n2,5,7\n",
            ",x\n0,1\n1,2\n",
            "0,1,2\n0.5,1.5,2\n1.25,3.5,4.5\n",
            "2000,2001,2002\n0.5,1.5,2.5\n",
            "2000,2001,2002\n5,1,2\n",
            ",0,1,2\n0,5,1,2\n1,7,7,1\n",
            ",0,1\n0,-1.2,a\n1,0.5,2\n",
            "0,1,2\n5,a,7\n6,b,8\n",
            "country,2019,2020,2021\nDE,5,6,7\nFR,5.5,1950,\nIT,7,8,9\nES,1,1,1\n",
            "country,code,2019,2020\nDE,D,5,6\nFR,F,5,7\n",
            "1,2,3\n4,0.5,6\n7,1.5,6\n9,2.5,6\n",
            "1,2,3\n0.5,0.25,4.5\n2.5,1.5,6.5\n1.5,2.25,3.5\n",
            "city,1,2,3,4\nA,10,12,15,20\nB,9,9,14,18\nC,5,5,5,22\n",
            "color,shape\nred,round\nblue,square\n",
            "a,b\n",
        ] {
            assert!(has_header(text), "{text:?}");
        }
        for text in [
            "1,M\n2,F\n",
            "M,0.4,15\nF,0.3,7\n",
            "A,1,2\nB,5,1\n",
            "p,x\nq,y\np,x\n",
            "1,2,3\n4,5,6\n",
            "1,2,3\n",
            "0,1,2\n5,2000,7\n6,2001,8\n",
            "1,2,3\n4,5,6\n7,8,9\n10,11,12\n",
            "1,2,3\n2,5,9\n3,7,8\n4,9,6\n",
            "car,1999,2000\nbus,2001,2005\nvan,1995,1997\n",
            "A,1,2,3\nB,5,1,9\nC,7,8,2\nD,2,3,4\n",
            "1,2,3\n5,1,x\n7,9,y\n8,1,x\n",
            ",0,1\n,5,1\n,7,2\n",
        ] {
            assert!(!has_header(text), "{text:?}");
        }
    }
    #[test]
    fn one_decimal_sign_holds_for_a_file() {
        let sign = |text: &str, delimiter| {
            let (sign, grouped) = decimal_sign(text.as_bytes(), true, delimiter);
            (sign, grouped.is_some())
        };
        for (text, delimiter, expected) in [
            ("a;b\n1,5;2\n2,25;3\n", b';', (Some(','), false)),
            ("a;b\n1,250;2\n3,500;3\n", b';', (Some(','), false)),
            ("a\ty\n1,250\t0.5\n12,500\t1.5\n", b'\t', (None, false)),
            (
                "a;y\n950;1\n1.250;2\n12.500;3\n1.000;4\n",
                b';',
                (Some(','), false),
            ),
            (
                "a,y\n950,1\n1.250,2\n12.500,3\n1.000,4\n",
                b',',
                (None, true),
            ),
            ("a;y\n1.250;1\n12.500;3\n1.000;4\n", b';', (None, true)),
            ("a,y\n1.250,1\n12.500,3\n1.000,4\n", b',', (None, false)),
            (
                "a;y\n950;0.5\n1.250;1.5\n12.500;2.5\n1.000;3.5\n",
                b';',
                (None, false),
            ),
            (
                "a;y\n0.950;1\n1.250;2\n12.500;3\n1.000;4\n",
                b';',
                (None, false),
            ),
        ] {
            assert_eq!(sign(text, delimiter), expected, "{text:?}");
        }
    }
}
