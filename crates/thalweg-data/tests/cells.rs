//! Cells as people write them, and how each column is read.

use thalweg_data::*;

fn read_with(text: &str, options: &ReadOptions) -> Result<Loaded> {
    read_input(Input::bytes("t.csv", text.as_bytes().to_vec())?, options)
}

fn read(text: &str) -> Loaded {
    read_with(text, &ReadOptions::default()).unwrap()
}

/// The cells of a column as messages show them.
fn shown(table: &Table, column: &str) -> Vec<String> {
    let column = table.column(column).unwrap();
    (0..table.rows)
        .map(|row| column.text(row).unwrap_or_default())
        .collect()
}

/// The numbers of a column, `None` where missing.
fn numbers(table: &Table, column: &str) -> Vec<Option<f64>> {
    match &table.column(column).unwrap().data {
        ColumnData::Numeric(numbers) => numbers
            .iter()
            .map(|&x| (!x.is_nan()).then_some(x))
            .collect(),
        other => panic!("{column} is not numeric: {other:?}"),
    }
}

fn notes(loaded: &Loaded) -> Vec<String> {
    loaded.notes.iter().map(Note::to_string).collect()
}

/// A file of one column `x` beside one that counts.
fn column(cells: &[&str]) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let rows = cells
        .iter()
        .enumerate()
        .map(|(i, cell)| format!("{},{}\n", quoted(cell), i % 7));
    format!("x,n\n{}", rows.collect::<String>())
}

#[test]
fn amounts_are_numbers_in_every_convention() {
    for (cells, expected) in [
        (["$240,000", "$1,000", "$999"], [240_000.0, 1000.0, 999.0]),
        (["18.2%", "7%", "100 %"], [18.2, 7.0, 100.0]),
        (["24,130", "3,917,288", "15"], [24_130.0, 3_917_288.0, 15.0]),
        (["12,34,567", "1,000", "5"], [1_234_567.0, 1000.0, 5.0]),
        (["9,40", "0,27", "-6,1"], [9.4, 0.27, -6.1]),
        (
            ["1.017,10", "871,81", "4.506,71"],
            [1017.1, 871.81, 4506.71],
        ),
        (["1 234,5 €", "12,0 €", "7 €"], [1234.5, 12.0, 7.0]),
        (["(1,234.50)", "2,000.00", "(5)"], [-1234.5, 2000.0, -5.0]),
        (["1,234-", "5", "6-"], [-1234.0, 5.0, -6.0]),
        (["\u{2212}5.5", "6", "\u{2212}1"], [-5.5, 6.0, -1.0]),
        (["1'234.5", "12'000", "1"], [1234.5, 12_000.0, 1.0]),
        (["78.81*", "1.55", "3†"], [78.81, 1.55, 3.0]),
        (["USD 5", "USD 1,200", "USD 7.5"], [5.0, 1200.0, 7.5]),
    ] {
        let loaded = read(&column(&cells));
        assert_eq!(numbers(&loaded.train, "x"), expected.map(Some), "{cells:?}");
        let note = notes(&loaded).join(" ");
        assert!(
            note.contains("column \"x\" read as numbers: "),
            "{cells:?}: {note}"
        );
        assert!(loaded.train.readings["x"].why.contains(" is "), "{cells:?}");
    }
}

#[test]
fn plain_numbers_and_texts_are_read_without_a_word() {
    let loaded = read("a,b,c\n1,x,yes\n2.50,250.0,no\n-3e2,250,yes\n");
    assert!(
        loaded.notes.is_empty() && loaded.train.readings.is_empty(),
        "{loaded:?}"
    );
    assert_eq!(
        numbers(&loaded.train, "a"),
        [Some(1.0), Some(2.5), Some(-300.0)]
    );
    // Text keeps its spelling, also where numbers came first.
    assert_eq!(shown(&loaded.train, "b"), ["x", "250.0", "250"]);
    let late = read("b\n250.0\n1e3\n+7\nx\n");
    assert_eq!(shown(&late.train, "b"), ["250.0", "1e3", "+7", "x"]);
}

#[test]
fn texts_that_look_a_little_like_numbers_stay_texts() {
    for cells in [
        ["s308", "s12", "s7"],
        ["1-2", "3-4", "5-6"],
        ["5 kg", "6 kg", "7 kg"],
        ["$5", "€6", "£7"],
        ["030 123 456", "040 555 666", "089 1 2"],
        ["50K", "2M", "3K"],
        ["1.2.3", "1.2.4", "2.0.0"],
    ] {
        let loaded = read(&column(&cells));
        let kind = loaded.train.column("x").unwrap().kind();
        assert_eq!(kind, Kind::Categorical, "{cells:?}");
        assert_eq!(shown(&loaded.train, "x"), cells);
    }
}

#[test]
fn decimal_commas_are_found_beside_semicolons_and_decide_on_thousands() {
    let text = "umsatz;filialen;gewinn;gewicht\n4.506,71;6;1.813;0,250\n871,81;5;325;1,250\n1.000,00;7;2.000;1,500\n";
    let loaded = read(text);
    let table = &loaded.train;
    assert_eq!(
        numbers(table, "umsatz"),
        [4506.71, 871.81, 1000.0].map(Some)
    );
    assert_eq!(numbers(table, "gewinn"), [1813.0, 325.0, 2000.0].map(Some));
    assert_eq!(numbers(table, "gewicht"), [0.25, 1.25, 1.5].map(Some));
    assert_eq!(numbers(table, "filialen"), [6.0, 5.0, 7.0].map(Some));
    // The same is set by hand, and set otherwise.
    let set = |decimal, thousands| ReadOptions {
        decimal,
        thousands,
        ..ReadOptions::default()
    };
    let ambiguous = "a;b\n1,250;1.017\n2,500;2.018\n";
    let read_as = |options: &ReadOptions| {
        let table = read_with(ambiguous, options).unwrap().train;
        (
            numbers(&table, "a")[0].unwrap(),
            numbers(&table, "b")[0].unwrap(),
        )
    };
    assert_eq!(read_as(&set(None, None)), (1.25, 1017.0));
    assert_eq!(read_as(&set(Some(','), None)), (1.25, 1017.0));
    assert_eq!(read_as(&set(Some('.'), Some(','))), (1250.0, 1.017));
}

#[test]
fn one_marker_among_numbers_is_a_missing_value() {
    let with = |marker: &str, others: usize| -> Vec<String> {
        let value = |i: usize| match i % 8 {
            0 => marker.to_owned(),
            _ => format!("{}.5", i % others),
        };
        (0..160).map(value).collect()
    };
    for (marker, others) in [
        ("-", 50),
        ("-", 3),
        (".", 50),
        ("*", 50),
        ("--", 50),
        ("#DIV/0!", 50),
        ("unknown", 50),
        ("-999", 50),
        ("-9999", 50),
    ] {
        let cells = with(marker, others);
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let loaded = read(&column(&cells));
        let missing = numbers(&loaded.train, "x")
            .iter()
            .filter(|x| x.is_none())
            .count();
        assert_eq!(missing, 20, "{marker}");
        let note = notes(&loaded).join(" ");
        assert!(
            note.starts_with("warning: ") && note.contains(marker),
            "{note}"
        );
        let options = ReadOptions {
            not_missing: vec![marker.to_owned()],
            ..ReadOptions::default()
        };
        let kept = read_with(&column(&cells), &options).unwrap();
        assert!(
            kept.train.column("x").unwrap().text(0).unwrap() == marker,
            "{marker}"
        );
    }
    // A word beside a few codes is a category, and so are several words.
    let few = with("A", 3);
    let few: Vec<&str> = few.iter().map(String::as_str).collect();
    assert_eq!(shown(&read(&column(&few)).train, "x"), few);
    // -999 within the range of the others is a number.
    let sums = column(&["-999", "-1000", "-998", "-999", "5"]);
    assert_eq!(numbers(&read(&sums).train, "x")[0], Some(-999.0));
}

#[test]
fn leading_zeros_count_where_most_cells_have_them() {
    let codes = read("zip,n\n00123,1\n01234,2\n10115,3\n");
    assert_eq!(shown(&codes.train, "zip"), ["00123", "01234", "10115"]);
    assert_eq!(codes.train.readings["zip"].kind, ReadAs::Text);
    assert!(notes(&codes)[0].contains("leading zeros"), "{codes:?}");
    let months = read("m,n\n01,1\n02,2\n03,3\n11,3\n12,3\n");
    assert_eq!(shown(&months.train, "m")[0], "01");
    let slip = read("x,n\n1,1\n02,2\n300,3\n4,3\n");
    assert_eq!(numbers(&slip.train, "x"), [1.0, 2.0, 300.0, 4.0].map(Some));
    let options = ReadOptions {
        numeric: vec!["zip".into()],
        ..ReadOptions::default()
    };
    let forced = read_with("zip,n\n00123,1\n01234,2\n", &options).unwrap();
    assert_eq!(numbers(&forced.train, "zip"), [123.0, 1234.0].map(Some));
}

#[test]
fn words_for_the_same_truth_are_doubted_and_two_lines_of_names_are_told() {
    let mixed = read("x,n\ntrue,1\n0,2\n1,3\nfalse,4\n");
    let expected = "t.csv: column \"x\": \"true\", \"1\" mean true, \"0\", \"false\" false, and each is a category";
    assert!(notes(&mixed).join(" ").contains(expected), "{mixed:?}");
    for cells in [
        "true,1\nTRUE,2\nno,3\n",
        "true,1\nfalse,2\n,3\n",
        "t,1\nf,2\nx,3\n",
    ] {
        assert!(notes(&read(&format!("x,n\n{cells}"))).is_empty(), "{cells}");
    }
    let names = read("A,A,B\nx,y,x\n1,2,3\n4,5,6\n7,8,9\n");
    let expected = "the names of two lines are joined, as in \"B x\"";
    assert!(notes(&names).join(" ").contains(expected), "{names:?}");
}

#[test]
fn numbers_of_19_digits_lose_none() {
    let loaded =
        read("id,n\n1234567890123456789,1\n1234567890123456790,2\n1234567890123456789,3\n");
    assert_eq!(shown(&loaded.train, "id")[1], "1234567890123456790");
    assert!(
        notes(&loaded)[0].contains("more digits than a number keeps"),
        "{loaded:?}"
    );
    let exact = read("x,n\n9007199254740992,1\n100000000000000000000,2\n");
    assert_eq!(numbers(&exact.train, "x")[1], Some(1e20));
    assert!(exact.notes.is_empty());
}

#[test]
fn the_user_says_what_a_column_is() {
    let text = "store,when,n\n308,01/02/2022,1\n7,01/03/2022,2\n308,01/04/2022,1\n";
    let options = ReadOptions {
        categorical: vec!["store".into()],
        date: vec!["when=dmy".into()],
        ..ReadOptions::default()
    };
    let table = read_with(text, &options).unwrap().train;
    assert_eq!(table.column("store").unwrap().kind(), Kind::Categorical);
    assert_eq!(
        shown(&table, "when"),
        ["2022-02-01", "2022-03-01", "2022-04-01"]
    );
    let refused = |options: ReadOptions| read_with(text, &options).unwrap_err().to_string();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(
        refused(ReadOptions {
            numeric: names(&["when"]),
            ..ReadOptions::default()
        }),
        "t.csv:2: column \"when\": found \"01/02/2022\", expected a number; correct the cell, or add it to \
         `data.read.missing` if it means a missing value"
    );
    assert_eq!(
        refused(ReadOptions {
            date: names(&["store"]),
            ..ReadOptions::default()
        }),
        "t.csv:2: column \"store\": found \"308\", expected a date; correct the cell, or add it to \
         `data.read.missing` if it means a missing value"
    );
    assert!(
        refused(ReadOptions {
            categorical: names(&["stor"]),
            ..ReadOptions::default()
        })
        .contains("no column \"stor\"")
    );
    let both = ReadOptions {
        categorical: names(&["n"]),
        numeric: names(&["n"]),
        ..ReadOptions::default()
    };
    assert!(refused(both).contains("read in two ways"));
}

#[test]
fn dates_are_found_by_looking_and_a_doubt_is_said() {
    let dates = |cells: &[&str]| {
        let loaded = read(&column(cells));
        (shown(&loaded.train, "x"), notes(&loaded).join(" "))
    };
    let (days, note) = dates(&["2022-01-01", "2022-01-02"]);
    assert_eq!(days, ["2022-01-01", "2022-01-02"]);
    assert!(
        note.starts_with("note: column \"x\" read as dates"),
        "{note}"
    );
    let (days, _) = dates(&["31.12.2021 23:00", "01.01.2022 01:30"]);
    assert_eq!(days, ["2021-12-31 23:00:00", "2022-01-01 01:30:00"]);
    let (_, note) = dates(&["3/4/2022", "1/2/2022", "2/3/2022"]);
    assert!(
        note.starts_with("warning: ") && note.contains("do not tell"),
        "{note}"
    );
}

#[test]
fn another_file_is_read_as_the_first() {
    let train = read(
        "price,when,zip,n\n\"$1,000\",1/2/22,00123,1\n$20,13/2/22,01234,2\n-,14/2/22,10115,2\n",
    );
    let options = ReadOptions {
        columns: train.train.readings.clone(),
        ..ReadOptions::default()
    };
    let new = read_with(
        "price,when,zip,n\n7,3/4/22,123,1\n-,1/1/22,00123,2\n",
        &options,
    )
    .unwrap()
    .train;
    assert_eq!(numbers(&new, "price"), [Some(7.0), None]);
    assert_eq!(shown(&new, "when"), ["2022-04-03", "2022-01-01"]);
    assert_eq!(shown(&new, "zip"), ["123", "00123"]);
    // Euros are no dollars.
    for cell in ["abc", "€7"] {
        let text = format!("price,n\n$7,1\n{cell},1\n");
        let error = read_with(&text, &options).unwrap_err().to_string();
        let found = format!(
            "t.csv:3: column \"price\": found \"{cell}\", expected a number, written as \"$1,000\""
        );
        assert!(error.starts_with(&found), "{error}");
    }
}

#[test]
fn two_units_in_one_column_are_doubted() {
    let doubt = |cells: &[&str]| notes(&read(&column(cells))).join(" ");
    let percent = ["12%", "7.5%", "30%", "18%", "7", "25%"];
    let expected = "t.csv: column \"x\": \"12%\" and \"7\" are numbers in two units";
    assert!(doubt(&percent).contains(expected), "{}", doubt(&percent));
    let money = ["$12", "$7.5", "€30", "$18", "$9", "$25"];
    let expected = "t.csv: column \"x\": \"$12\" and \"€30\" are numbers in two units";
    assert!(doubt(&money).contains(expected), "{}", doubt(&money));
    for cells in [
        ["$12", "7.5", "$30", "$18", "9", "$25"],
        ["12%", "7.5%", "30%", "18%", "-", "25%"],
        ["12%", "a", "30%", "b", "c", "25%"],
    ] {
        assert!(!doubt(&cells).contains("two units"), "{}", doubt(&cells));
    }
}

#[test]
fn dates_in_two_orders_are_doubted() {
    let doubt = |cells: &[&str]| notes(&read(&column(cells))).join(" ");
    let found = doubt(&["3/4/2022", "25/12/2021", "1/2/2022", "12/31/2021"]);
    let expected = "t.csv: column \"x\": \"25/12/2021\" and \"12/31/2021\" are dates in two orders";
    assert!(found.contains(expected), "{found}");
    for cells in [
        ["3/4/2022", "25/12/2021", "1/2/2022", "31/12/2021"],
        ["3/4/2022", "25/12/2021", "no date", "12/31/2021"],
    ] {
        assert!(!doubt(&cells).contains("two orders"), "{}", doubt(&cells));
    }
}

#[test]
fn shares_without_a_sign_are_doubted_where_training_had_it() {
    let train = read("share,n\n18.2%,1\n7%,2\n30%,3\n").train;
    let told = |text: &str| {
        let options = ReadOptions {
            columns: train.readings.clone(),
            ..ReadOptions::default()
        };
        notes(&read_with(text, &options).unwrap()).join(" ")
    };
    let expected = "t.csv:2: column \"share\": \"0.182\" has no %, which the cells of training have; it is read as 0.182 %";
    assert!(told("share,n\n0.182,1\n0.07,2\n").contains(expected));
    let expected = "t.csv:3: column \"share\": \"0.07\" has no %";
    assert!(told("share,n\n18.2%,1\n0.07,2\n").contains(expected));
    assert_eq!(told("share,n\n18%,1\n,2\n"), "");
    assert_eq!(told("share,n\n18%,1\n0,2\n"), "");
}

#[test]
fn a_sign_of_shares_that_training_had_not_is_doubted() {
    let names = || vec!["share".to_owned(), "n".to_owned()];
    let told = |text: &str| {
        let options = ReadOptions {
            expected: Some(ExpectedColumns {
                names: names(),
                ..Default::default()
            }),
            ..ReadOptions::default()
        };
        let loaded = read_with(text, &options).unwrap();
        let notes = loaded.notes.iter().filter(|note| note.warning);
        notes.map(Note::to_string).collect::<String>()
    };
    let expected = "t.csv:3: column \"share\": \"18.2 %\" has %, which the cells of training have not; it is read \
                    as 18.2: divide by 100 if those are fractions";
    let found = told("share,n\n,1\n18.2 %,1\n7%,2\n9%,3\n");
    assert!(found.contains(expected), "{found}");
    // Numbers as in training, and texts that are no numbers.
    assert_eq!(told("share,n\n0.182,1\n0.07,2\n"), "");
    assert_eq!(told("share,n\n5% off,1\nnew,2\n"), "");
    // Without a model there is nothing to compare with.
    assert!(
        read("share,n\n18.2%,1\n7%,2\n")
            .notes
            .iter()
            .all(|note| !note.warning)
    );
}

#[test]
fn times_of_day_are_not_lengths_of_time_and_months_have_names() {
    let first = |cells: &[&str]| {
        let loaded = read(&column(cells));
        (
            shown(&loaded.train, "x")[0].clone(),
            notes(&loaded).join(" "),
        )
    };
    let (_, note) = first(&["08:30", "17:45", "12:00"]);
    assert!(
        note.contains("as in \"08:30\", a time of day; `data.read.numeric` reads lengths of time"),
        "{note}"
    );
    let (midnight, note) = first(&["24:00", "08:30", "12:00"]);
    assert!(
        midnight == "1970-01-01" && note.contains("a time of day"),
        "{midnight}: {note}"
    );
    for (cells, seconds) in [
        (["08:30", "27:45", "12:00"], "30600"),
        (["08:30", "24:30", "12:00"], "30600"),
        (["0:08:30", "-0:05:00", "0:12:00"], "510"),
        (["1:08.5", "2:05.25", "0:12.0"], "68.5"),
        (
            ["0 days 00:05:00", "0 days 00:07:30", "0 days 01:00:00"],
            "300",
        ),
    ] {
        let (value, note) = first(&cells);
        assert_eq!(value, seconds, "{cells:?}");
        assert!(
            note.contains("read as numbers") && note.contains("seconds"),
            "{note}"
        );
    }
    // 0 is 0 in every unit.
    for cells in [
        ["5%", "7.5%", "0"],
        ["75:49:00", "30:00:00", "0"],
        ["€5", "€7", "0"],
    ] {
        let table = read(&column(&cells)).train;
        assert_eq!(numbers(&table, "x")[2], Some(0.0), "{cells:?}");
    }
    let options = ReadOptions {
        numeric: vec!["x".into()],
        ..ReadOptions::default()
    };
    let lengths = read_with(&column(&["08:30", "17:45", "12:00"]), &options).unwrap();
    assert_eq!(numbers(&lengths.train, "x")[0], Some(30_600.0));
    for cells in [
        ["5. März 2022", "1. Oktober 2022", "24. Dez. 2022"],
        ["5 mars 2022", "1er octobre 2022", "24 déc. 2022"],
        ["5 de marzo de 2022", "1 de octubre de 2022", "24 dic 2022"],
        ["sabato 5 marzo 2022", "1 ottobre 2022", "24 dic 2022"],
        ["Sa., 05.03.2022", "Sa., 01.10.2022", "Sa., 24.12.2022"],
        ["March 5th, 2022", "October 1st, 2022", "December 24, 2022"],
    ] {
        let days = shown(&read(&column(&cells)).train, "x");
        assert_eq!(
            days,
            ["2022-03-05", "2022-10-01", "2022-12-24"],
            "{cells:?}"
        );
    }
}

#[test]
fn many_fractions_in_texts_of_a_format_with_types_are_numbers() {
    let read = |cell: &dyn Fn(usize) -> String| {
        let rows = (0..50).map(|i| format!("{{\"x\": \"{}\", \"n\": {i}}}\n", cell(i)));
        let text = rows.collect::<String>().into_bytes();
        read_input(
            Input::bytes("t.jsonl", text).unwrap(),
            &ReadOptions::default(),
        )
        .unwrap()
    };
    let loaded = read(&|i| format!("{}.{:02}", i * 7, i));
    assert_eq!(numbers(&loaded.train, "x")[3], Some(21.03));
    let note = "note: column \"x\" read as numbers: \"0.00\" is 0; 50 of 50 cells are so; `data.read.categorical` keeps the texts";
    assert_eq!(notes(&loaded), [note]);
    // Codes and versions are none.
    for cell in [&|i| format!("{}", 10_000 + i), &|i| format!("1.{}", i % 15)]
        as [&dyn Fn(usize) -> String; 2]
    {
        let loaded = read(cell);
        assert_eq!(shown(&loaded.train, "x")[3], cell(3));
        assert_eq!(loaded.train.column("x").unwrap().kind(), Kind::Categorical);
    }
}

#[test]
fn a_byte_0_is_refused_with_its_line_wherever_it_is() {
    let expected = "t.csv:LINE: found a byte 0 (NUL), expected text; remove it";
    for columns in [1, 2] {
        for (place, cell) in [
            (3, "x\0"),
            (200_000, "x\0y"),
            (200_000, "\"a\nb\0\""),
            (399_999, "\0"),
        ] {
            let row = |i: usize| match (i == place, columns) {
                (true, 1) => format!("{cell}\n"),
                (true, _) => format!("7,{cell}\n"),
                (_, 1) => format!("{i}\n"),
                _ => format!("{i},{}\n", i % 13),
            };
            let names = if columns == 1 { "b\n" } else { "a,b\n" };
            let text = names.to_owned() + &(0..400_000).map(row).collect::<String>();
            let error = read_with(&text, &ReadOptions::default()).unwrap_err();
            let line = place + 2 + usize::from(cell.contains('\n'));
            let expected = expected.replace("LINE", &line.to_string());
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }
}

#[test]
fn exact_wide_integers_of_json_are_spelled_and_written_with_all_digits() {
    let ids = ["1152921504606846976", "100000000000000000000", "5"];
    let rows = ids.map(|id| format!("{{\"id\": {id}, \"n\": 1}}\n"));
    let read = |text: &str| {
        let input = Input::bytes("t.jsonl", text.as_bytes().to_vec()).unwrap();
        read_input(input, &ReadOptions::default()).unwrap().train
    };
    let numeric = read(&rows.concat());
    assert_eq!(numeric.column("id").unwrap().kind(), Kind::Numeric);
    assert_eq!(shown(&numeric, "id"), ids);
    for text in [
        "\"A\"",
        "9007199254740993",
        "0.5, \"n\": 2}\n{\"id\": \"A\"",
    ] {
        let beside = read(&format!("{}{{\"id\": {text}, \"n\": 3}}\n", rows.concat()));
        assert_eq!(beside.column("id").unwrap().kind(), Kind::Categorical);
        assert_eq!(shown(&beside, "id")[..3], ids, "{text}");
    }
}
