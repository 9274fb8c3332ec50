//! Dates and times of day in the forms that people write.

use super::calendar::{DAY, date_text, days, on_day};
use super::evidence::Evidence;
use super::markers::{MOST_MARKERS, are_markers};
use super::months::{is_weekday, month};
use super::stored::{DateOrder, ReadAs, Reading};
use crate::error::quote;

/// With fewer different texts, dates could be anything.
const LEAST_LEVELS: usize = 2;
/// With fewer there is no telling whether the others should be dates.
const LEVELS_TO_JUDGE: usize = 20;
const LEVELS_TO_PROBE: usize = 100;
/// At most one row in so many is no date by mistake.
const ROWS_PER_ODD: usize = 20;
const ORDERS: [DateOrder; 3] = [DateOrder::Ymd, DateOrder::Dmy, DateOrder::Mdy];
/// Two-digit years below it are of this century.
const PIVOT: i64 = 70;

/// Behind the number of a day.
const ORDINALS: [&str; 5] = ["st", "nd", "rd", "th", "er"];
/// Words between day, month and year.
const FILLERS: [&str; 8] = ["de", "del", "of", "den", "le", "el", "the", "do"];
/// How the note on a column names times without a date.
pub(super) const OF_DAY: &str = ", a time of day";

/// A text cut into what may be a date.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Parts {
    /// Three numbers; a month that is written as a word stands where it was.
    numbers: [i64; 3],
    /// Where the month is a word.
    month_at: Option<usize>,
    /// Whether the first number has four digits.
    year_first: bool,
    /// Whether the last one has.
    year_last: bool,
    /// Points between days, months and years are written in countries with the day first.
    points: bool,
    /// Seconds of the day, offset to UTC taken off.
    seconds: f64,
}

/// The seconds since 1970-01-01 of each text, in the order that fits all dates, if all texts but
/// those that mean "missing" are dates; `kept` do not mean that.
pub(super) fn look(evidence: &Evidence<'_>, kept: &[String]) -> Option<(Vec<f64>, Reading)> {
    let levels = evidence.levels;
    let (mut dates, mut markers) = (Vec::new(), Vec::new());
    for (i, text) in levels.iter().enumerate() {
        match parts(text).filter(is_date) {
            Some(parts) => dates.push(parts),
            // Most columns are no dates, which their first cells show.
            None if markers.len() == MOST_MARKERS || kept.contains(text) => return None,
            None => markers.push(i),
        }
    }
    let read = evidence.rows_where(|i| !markers.contains(&i));
    if dates.len() < LEAST_LEVELS
        || 2 * read <= evidence.rows()
        || !are_markers(evidence, &markers, dates.len())
    {
        return None;
    }
    let (order, why) = order(&dates)?;
    let mut dates = dates.iter();
    let second = |i: usize| match markers.contains(&i) {
        true => Some(f64::NAN),
        false => seconds(dates.next()?, order),
    };
    let seconds: Vec<f64> = (0..levels.len()).map(second).collect::<Option<_>>()?;
    let first = seconds.iter().position(|second| !second.is_nan())?;
    let (text, shown) = (&levels[first], date_text(seconds[first]));
    let is_of_day = seconds
        .iter()
        .all(|second| second.is_nan() || (0.0..DAY).contains(second));
    let why = match shown == *text {
        _ if is_of_day => format!("as in {}{OF_DAY}", quote(text)),
        true => format!("as in {}", quote(text)),
        false => format!("{} is {shown}{why}", quote(text)),
    };
    let reading = Reading {
        order: Some(order),
        missing: markers.iter().map(|&i| levels[i].clone()).collect(),
        ..Reading::of(ReadAs::Dates, why)
    };
    Some((seconds, reading))
}

/// The first text that is no date, and the rows of such texts, where nearly all others are dates.
pub(super) fn odd(evidence: &Evidence<'_>) -> Option<(usize, usize)> {
    let levels = evidence.levels;
    let is_odd = |text: &String| parts(text).is_none_or(|one| !is_date(&one));
    let probe = levels.iter().take(LEVELS_TO_PROBE);
    if levels.len() < LEVELS_TO_JUDGE
        || 10 * probe.filter(|text| is_odd(text)).count() > LEVELS_TO_PROBE
    {
        return None;
    }
    let mut odd = (0..levels.len()).filter(|&i| is_odd(&levels[i]));
    let first = odd.next()?;
    let rows = odd.fold(evidence.counts()[first], |rows, i| {
        rows + evidence.counts()[i]
    });
    (ROWS_PER_ODD * rows <= evidence.rows()).then_some((first, rows))
}

/// Two texts that no order makes dates both, where each text is a date by itself.
pub(super) fn two_orders<'a>(evidence: &Evidence<'a>) -> Option<[&'a str; 2]> {
    let levels = evidence.levels;
    let date = |text: &String| parts(text).filter(is_date);
    let dates: Vec<Parts> = levels.iter().map(date).collect::<Option<_>>()?;
    let fits = |order: &DateOrder, one: &Parts| seconds(one, *order).is_some();
    let mut left = ORDERS.to_vec();
    let last = dates.iter().position(|one| {
        left.retain(|order| fits(order, one));
        left.is_empty()
    })?;
    let is_apart = |one: &Parts| {
        !ORDERS
            .iter()
            .any(|order| fits(order, one) && fits(order, &dates[last]))
    };
    let first = dates[..last].iter().position(is_apart)?;
    Some([&levels[first], &levels[last]])
}

/// Whether it is one in some order.
fn is_date(parts: &Parts) -> bool {
    ORDERS.iter().any(|order| seconds(parts, *order).is_some())
}

/// The seconds since 1970-01-01 of a text that is a date in this order.
pub(super) fn read(text: &str, order: DateOrder) -> Option<f64> {
    seconds(&parts(text)?, order)
}

/// The order of texts that are all dates.
pub(super) fn order_of(levels: &[String]) -> Option<DateOrder> {
    let parts: Vec<Parts> = levels
        .iter()
        .map(|text| parts(text))
        .collect::<Option<_>>()?;
    order(&parts).map(|(order, _)| order)
}

/// The order under which every text is a date. Where two are, points mean that the day comes first;
/// else the order in which the rows follow one another, else the month first.
fn order(parts: &[Parts]) -> Option<(DateOrder, &'static str)> {
    let fits = |order: &DateOrder| parts.iter().all(|one| seconds(one, *order).is_some());
    let fitting: Vec<DateOrder> = ORDERS.into_iter().filter(fits).collect();
    match fitting.as_slice() {
        [] => None,
        [only] => Some((*only, "")),
        [DateOrder::Ymd, ..] if parts.iter().all(|one| one.year_first) => {
            Some((DateOrder::Ymd, ""))
        }
        _ if parts.iter().any(|one| one.month_at.is_some()) => Some((DateOrder::Dmy, "")),
        _ if parts.iter().all(|one| one.points) => Some((DateOrder::Dmy, ", day first")),
        _ => {
            let ascends = |order: &DateOrder| {
                let all: Vec<f64> = parts.iter().filter_map(|p| seconds(p, *order)).collect();
                all.is_sorted() || all.iter().rev().is_sorted()
            };
            let sorted: Vec<&DateOrder> = fitting.iter().filter(|o| ascends(o)).collect();
            match sorted.as_slice() {
                [DateOrder::Dmy] => Some((DateOrder::Dmy, ", day first as the rows are in order")),
                [DateOrder::Mdy] => {
                    Some((DateOrder::Mdy, ", month first as the rows are in order"))
                }
                _ => Some((DateOrder::Mdy, ", month first: the cells do not tell")),
            }
        }
    }
}

fn seconds(parts: &Parts, order: DateOrder) -> Option<f64> {
    let [a, b, c] = parts.numbers;
    let (year, month, day) = match (parts.month_at, order) {
        // A word tells which part is the month.
        (Some(0), _) => (c, a, b),
        (Some(1), DateOrder::Ymd) => (a, b, c),
        (Some(1), _) => (c, b, a),
        (Some(_), _) => return None,
        (None, DateOrder::Ymd) => (a, b, c),
        (None, DateOrder::Dmy) => (c, b, a),
        (None, DateOrder::Mdy) => (c, a, b),
    };
    let is_year_first = order == DateOrder::Ymd;
    if (parts.year_first && !is_year_first) || (is_year_first && !parts.year_first) {
        return None;
    }
    let year = match year {
        year if parts.year_first || parts.year_last => year,
        year if year < PIVOT => 2000 + year,
        year => 1900 + year,
    };
    let days = days(year, month, day)?;
    Some(on_day(days, parts.seconds))
}

/// Cuts `DATE`, `DATE TIME` or `DATETTIME`.
fn parts(text: &str) -> Option<Parts> {
    let text = text.trim();
    // Shortest 9:30, longest Miércoles, 30 de septiembre de 2020 12:00:00.123456 +02:00.
    if text.len() < 4 || text.len() > 64 {
        return None;
    }
    let at = text.find(':').map_or(text.len(), |colon| {
        let before = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit());
        before.len()
    });
    let (date, time) = text.split_at(at);
    let date = date.trim_end_matches(['T', 't', ' ', ',']);
    let seconds = if time.is_empty() {
        0.0
    } else {
        time_of_day(time)?
    };
    if date.is_empty() {
        // A time without a date is one of the first day, 24:00 too.
        return Some(Parts {
            numbers: [1970, 1, 1],
            month_at: None,
            year_first: true,
            year_last: false,
            points: false,
            seconds: seconds.rem_euclid(DAY),
        });
    }
    let words: Vec<&str> = date
        .split([' ', '-', '/', '.', ','])
        .filter(|word| !word.is_empty() && !FILLERS.contains(word))
        .collect();
    let words = match words.as_slice() {
        // The day of the week says nothing new.
        [day, rest @ ..] if rest.len() == 3 && is_weekday(day) => rest.to_vec(),
        all => all.to_vec(),
    };
    let [a, b, c] = <[&str; 3]>::try_from(words).ok()?;
    let mut month_at = None;
    let mut number = |at: usize, word: &str| -> Option<i64> {
        if let Some(month) = month(word) {
            return month_at.replace(at).is_none().then_some(month);
        }
        let word = ORDINALS
            .iter()
            .find_map(|end| word.strip_suffix(end))
            .unwrap_or(word);
        let short = matches!(word.len(), 1 | 2 | 4);
        (short && word.bytes().all(|b| b.is_ascii_digit())).then(|| word.parse().ok())?
    };
    let numbers = [number(0, a)?, number(1, b)?, number(2, c)?];
    // Dates with spaces between numbers are rather something else.
    let separated = date.contains(['-', '/', '.']) || month_at.is_some();
    let is_year = |word: &str| word.len() == 4 && word.starts_with(|c: char| c.is_ascii_digit());
    let (year_first, year_last) = (is_year(a), is_year(c));
    let one_year = !(is_year(b) || (year_first && year_last));
    // A year of one digit is none: 1.5.2 is a version.
    let has_year = year_first || c.len() > 1;
    (separated && one_year && has_year).then_some(Parts {
        numbers,
        month_at,
        year_first,
        year_last,
        points: date.contains('.'),
        seconds,
    })
}

/// `HH:MM`, `HH:MM:SS.fff`, with `am` or `pm`, with `Z` or an offset to UTC.
fn time_of_day(text: &str) -> Option<f64> {
    let lower = text.trim().to_ascii_lowercase();
    let (clock, offset) = zone(&lower)?;
    let (clock, afternoon) = match (clock.strip_suffix("am"), clock.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some(false)),
        (_, Some(clock)) => (clock, Some(true)),
        _ => (clock, None),
    };
    let mut fields = clock.trim().split(':');
    let whole = |text: Option<&str>, below: u32| -> Option<f64> {
        let number: u32 = text?.parse().ok()?;
        (number < below).then_some(f64::from(number))
    };
    let (hour, minute) = (whole(fields.next(), 25)?, whole(fields.next(), 60)?);
    let second = match fields.next() {
        None => 0.0,
        Some(text) => {
            let second: f64 = text.parse().ok()?;
            (0.0..61.0).contains(&second).then_some(second)?
        }
    };
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1.0..=12.0).contains(&hour) => return None,
        Some(pm) => hour % 12.0 + if pm { 12.0 } else { 0.0 },
    };
    let seconds = hour * 3600.0 + minute * 60.0 + second;
    (fields.next().is_none() && seconds <= DAY).then_some(seconds - offset)
}

/// A clock without its zone, and the zone's offset in seconds.
fn zone(text: &str) -> Option<(&str, f64)> {
    if let Some(clock) = text.strip_suffix('z').or_else(|| text.strip_suffix("utc")) {
        return Some((clock.trim(), 0.0));
    }
    let Some(at) = text.rfind(['+', '-']) else {
        return Some((text, 0.0));
    };
    let (clock, zone) = text.split_at(at);
    let digits: String = zone[1..].chars().filter(|&c| c != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = |range: &str| range.parse::<u32>().ok();
    let (hours, minutes) = match digits.len() {
        2 => (whole(&digits)?, 0),
        4 => (whole(&digits[..2])?, whole(&digits[2..])?),
        _ => return None,
    };
    let offset = f64::from(hours * 3600 + minutes * 60);
    let sign = if zone.starts_with('-') { -1.0 } else { 1.0 };
    Some((clock.trim(), sign * offset))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn days_in_every_form_are_read_back(day in 0i64..60_000) {
            let iso = date_text(day as f64 * DAY);
            let [year, month, date] = <[&str; 3]>::try_from(iso.split('-').collect::<Vec<_>>()).unwrap();
            let at = month.parse::<usize>().unwrap() - 1;
            for (text, order) in [
                (iso.clone(), DateOrder::Ymd),
                (format!("{date}.{month}.{year} 00:00"), DateOrder::Dmy),
                (format!("{month}/{date}/{year}"), DateOrder::Mdy),
                (format!("{date} {} {year}", ["Jan", "févr.", "März", "abr", "mai", "giugno", "Juli", "août", "Sept", "Okt", "nov", "diciembre"][at]), DateOrder::Dmy),
            ] {
                prop_assert_eq!(read(&text, order), Some(day as f64 * DAY), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_a_date_panic(text in "[-0-9.,:/ TZapm+\u{e4}\u{e9}Marzoct]{0,30}") {
            for order in ORDERS {
                let _ = read(&text, order);
            }
            let _ = super::super::durations::asked(&Evidence::counted(&[text], vec![1]), &[]);
        }
    }

    fn column(texts: &[&str]) -> Option<(Vec<String>, DateOrder)> {
        let levels: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let evidence = Evidence::counted(&levels, vec![1; levels.len()]);
        let (seconds, reading) = look(&evidence, &[])?;
        Some((seconds.into_iter().map(date_text).collect(), reading.order?))
    }

    #[test]
    fn dates_are_read_in_every_form() {
        for text in [
            "2022-03-05 14:30:00",
            "2022-03-05T14:30:00Z",
            "2022/03/05 14:30",
            "5 Mar 2022 2:30 PM",
            "March 5, 2022 14:30",
            "05-Mar-2022 14:30:00.000",
            "Sat, 05 Mar 2022 14:30:00",
            "2022-03-05 16:30:00+02:00",
        ] {
            let order = if text.starts_with("20") {
                DateOrder::Ymd
            } else {
                DateOrder::Dmy
            };
            let read = read(text, order).map(date_text);
            assert_eq!(read.as_deref(), Some("2022-03-05 14:30:00"), "{text}");
        }
        for (month, text) in [
            ("06", "June 3, 2022"),
            ("07", "3-July-2022"),
            ("06", "Friday, 03 June 2022"),
            ("03", "3. März 2022"),
            ("03", "Do., 3. Mrz. 2022"),
            ("08", "3 août 2022"),
            ("10", "Lunes, 3 de octubre de 2022"),
            ("05", "3 maggio 2022"),
            ("05", "May 3rd, 2022"),
        ] {
            let read = read(text, DateOrder::Dmy).map(date_text);
            assert_eq!(read, Some(format!("2022-{month}-03")), "{text}");
        }
        for text in [
            "12345",
            "1-2",
            "1.2.3.4",
            "2022-13-01",
            "10 11 12",
            "a-b-c",
            "123-456-7890",
            "1.5.2",
            "5/6/7",
            "24:30",
            "12:30+1\u{e9}0",
            "3 jui 2022",
        ] {
            assert_eq!(
                read(text, DateOrder::Ymd).or(read(text, DateOrder::Dmy)),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn the_order_of_day_and_month_follows_from_all_cells() {
        let read = |texts: &[&str]| column(texts).map(|(dates, order)| (dates[0].clone(), order));
        let date = |text: &str, order| Some((text.to_owned(), order));
        assert_eq!(
            read(&["1/2/22", "13/2/22"]),
            date("2022-02-01", DateOrder::Dmy)
        );
        assert_eq!(
            read(&["1/2/22", "1/13/22"]),
            date("2022-01-02", DateOrder::Mdy)
        );
        assert_eq!(
            read(&["01.02.2022", "02.02.2022"]),
            date("2022-02-01", DateOrder::Dmy)
        );
        // In order of the rows: 1 February, 1 March, 1 April; or the other way round.
        assert_eq!(
            read(&["1/2/22", "5/2/22", "1/3/22"]),
            date("2022-02-01", DateOrder::Dmy)
        );
        assert_eq!(
            read(&["1/2/22", "1/5/22", "2/1/22"]),
            date("2022-01-02", DateOrder::Mdy)
        );
        assert_eq!(read(&["13/1/22", "1/13/22"]), None);
        assert_eq!(read(&["2022-01-01", "2022-01-02", "soon"]), None);
    }

    #[test]
    fn times_alone_are_of_one_day_and_midnight_may_be_its_end() {
        let levels = ["24:00", "08:30", "23:30-02:00", "00:15+01:00"].map(str::to_owned);
        let evidence = Evidence::counted(&levels, vec![1; 4]);
        let (seconds, reading) = look(&evidence, &[]).unwrap();
        assert_eq!(seconds, [0.0, 30_600.0, 5_400.0, 83_700.0]);
        assert!(reading.why.ends_with(OF_DAY), "{}", reading.why);
        let midnight = read("2022-03-04 24:00", DateOrder::Ymd).map(date_text);
        assert_eq!(midnight.as_deref(), Some("2022-03-05"));
    }

    #[test]
    fn what_is_no_date_among_dates_means_missing_if_it_says_nothing() {
        let days = (1..29).map(|day| format!("2022-02-{day:02}"));
        let levels: Vec<String> = days
            .chain(["-".to_owned(), "0000-00-00".to_owned()])
            .collect();
        let evidence = Evidence::counted(&levels, vec![2; levels.len()]);
        let (seconds, reading) = look(&evidence, &[]).unwrap();
        assert_eq!(reading.missing, ["-", "0000-00-00"]);
        assert_eq!(seconds.iter().filter(|second| second.is_nan()).count(), 2);
        assert_eq!(date_text(seconds[27]), "2022-02-28");
        assert!(look(&evidence, &["-".to_owned()]).is_none());
        for (word, counts, is_date) in [
            ("unknown", 2, true),
            ("unknown", 1, false),
            ("30 kg", 2, false),
        ] {
            let levels = [&levels[..28], &[word.to_owned()]].concat();
            let evidence = Evidence::counted(&levels, vec![counts; 29]);
            assert_eq!(look(&evidence, &[]).is_some(), is_date, "{word} {counts}");
        }
    }
}
