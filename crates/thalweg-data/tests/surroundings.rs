//! What stands around a table in a text file.

use thalweg_data::*;

fn read_with(text: &str, options: &ReadOptions) -> Result<Loaded> {
    read_input(Input::bytes("t.csv", text.as_bytes().to_vec())?, options)
}

fn read(text: &str) -> Loaded {
    read_with(text, &ReadOptions::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The names of the columns and the cells of each row.
fn shown(loaded: &Loaded) -> Vec<String> {
    let table = &loaded.train;
    let names = table.names().collect::<Vec<_>>().join(",");
    let cell = |row, column: &Column| column.text(row).unwrap_or_default();
    let row = |row| {
        table
            .columns
            .iter()
            .map(|c| cell(row, c))
            .collect::<Vec<_>>()
            .join(",")
    };
    [names]
        .into_iter()
        .chain((0..table.rows).map(row))
        .collect()
}

fn notes(loaded: &Loaded) -> String {
    loaded
        .notes
        .iter()
        .map(|note| note.to_string() + "\n")
        .collect()
}

const TABLE: [&str; 4] = ["u,v,kind", "45,43,b", "18,76,b", "68,10,a"];

#[test]
fn what_is_not_the_table_is_skipped_and_said() {
    for (text, note) in [
        (
            "sep=;\nu;v;kind\n45;43;b\n18;76;b\n68;10;a\n",
            "sep= or comments",
        ),
        (
            "\"sep=,\"\r\nu,v,kind\r\n45,43,b\r\n18,76,b\r\n68,10,a\r\n",
            "sep= or comments",
        ),
        (
            "# exported, on Monday\n#\nu,v,kind\n45,43,b\n18,76,b\n68,10,a\n",
            "skipped before the table: 2 lines",
        ),
        (
            "# u,v,kind\n45,43,b\n18,76,b\n68,10,a\n",
            "skipped before the table: 1 line",
        ),
        (
            "u,v,kind\n45,43,b\n# pause\n18,76,b\n68,10,a\n",
            "skipped between rows: 1 comment",
        ),
        (
            "Export of May\n\nu,v,kind\n45,43,b\n18,76,b\n68,10,a\n",
            "skipped above the table: 1 line",
        ),
        (
            "Export,,\n,,\nu,v,kind\n45,43,b\n18,76,b\n68,10,a\n",
            "skipped above the table: 2 lines",
        ),
        (
            "u,v,kind\n(cm),kg,\n45,43,b\n18,76,b\n68,10,a\n",
            "a line of units",
        ),
        ("u;v;kind;\n45;43;b;\n18;76;b;\n68;10;a;\n", ""),
        ("u;v;kind\n45;43;b;\n18;76;b;\n68;10;a;\n", ""),
        ("u,v,kind\n\n45,43,b\n\n18,76,b\n68,10,a\n\n\n", ""),
    ] {
        let loaded = read(text);
        assert_eq!(shown(&loaded), TABLE, "{text}");
        assert!(notes(&loaded).contains(note), "{text}: {}", notes(&loaded));
        if note.is_empty() {
            assert!(loaded.notes.is_empty(), "{text}: {}", notes(&loaded));
        }
    }
    let skip = ReadOptions {
        skip: 2,
        ..ReadOptions::default()
    };
    let loaded = read_with("a,b,c\n1,2,3\nu,v,kind\n45,43,b\n18,76,b\n68,10,a\n", &skip).unwrap();
    assert_eq!(shown(&loaded), TABLE);
    assert_eq!(loaded.train.cell(0, "u").line, Some(4));
}

#[test]
fn a_row_of_sums_is_left_out_whatever_stands_around_its_numbers() {
    let kinds = ["north", "south", "east", "west"];
    let table = |sums: &str, amounts: [&str; 4], delimiter: char, is_first: bool| {
        let rows = kinds.iter().zip(amounts).zip(["b", "b", "a", "a"]);
        let rows: String = rows
            .map(|((kind, amount), class)| format!("{kind};\"{amount}\";{class}\n"))
            .collect();
        let text = match is_first {
            true => format!("{sums}\n{rows}"),
            false => format!("{rows}{sums}\n"),
        };
        format!("u;v;kind\n{text}").replace(';', &delimiter.to_string())
    };
    let dollars = ["$1,200", "$800", "$2,000", "$500"];
    for (sums, amounts, delimiter) in [
        ("Total;\"$4,500\";", dollars, ','),
        ("Grand total:;\"4,500\";", dollars, ','),
        (" Total ;$4500.00;", dollars, ','),
        (";Total;", ["$1", "$2", "$3", "$4"], ','),
        (
            "Total général;4 500,5 €;",
            ["1 000,5 €", "2 000 €", "1 000 €", "500 €"],
            ';',
        ),
        (
            "Gesamt;4.500,50;",
            ["1.000,50", "2.000,00", "1.000,00", "500,00"],
            ';',
        ),
        ("Insgesamt;100 %;", ["20 %", "30,5 %", "40 %", "9,5 %"], ';'),
        ("Summe;(3);", ["(1)", "2", "(7)", "3"], ','),
        ("Moyenne;2.5;", ["1", "2", "3", "4"], ','),
        ("Average;20.1%;", ["10.1%", "20.2%", "30.0%", "20.1%"], ','),
    ] {
        for is_first in [false, true] {
            if is_first && sums.starts_with(';') {
                continue;
            }
            let text = table(sums, amounts, delimiter, is_first);
            let loaded = read(&text);
            assert_eq!(loaded.train.rows, 4, "{text}");
            assert_eq!(loaded.train.column("u").unwrap().text(0).unwrap(), "north");
            let which = if is_first {
                "t.csv:2: the first"
            } else {
                "t.csv:6: the last"
            };
            let note = notes(&loaded);
            assert!(
                note.contains(&format!("{which} row is left out as one of sums")),
                "{text}: {note}"
            );
        }
    }
    // What only the row of sums made text are numbers, as without it.
    let loaded = read("n,x\n1,5\n2,7\n3,9.5\n4,1\nTotal,22.5\n");
    assert_eq!(shown(&loaded), ["n,x", "1,5", "2,7", "3,9.5", "4,1"]);
    assert_eq!(loaded.train.column("n").unwrap().kind(), Kind::Numeric);
    assert_eq!(loaded.notes.len(), 1, "{}", notes(&loaded));
    for text in [
        // Other things are called so, too.
        "u,v,w\nShell,5,1\nBP,7,2\nPress,9,5\nTV,1,1\nMedia,7,4\n",
        "u,v\nGood,5\nPoor,7\nBad,1\nFair,2\nAverage,9\n",
        "u,v\nAlien,5\nBrazil,7\nHeat,1\nTotal recall,9\n",
        // A class or a category that other rows have, too.
        "u,v,w\nTotal,5,1\nBP,7,2\nTotal,12,3\n",
        "u,w\nAverage,2\nGood,4\nAverage,3\n",
    ] {
        assert!(read(text).notes.is_empty(), "{text}");
    }
}

#[test]
fn a_row_of_sums_stays_with_a_warning_where_it_may_be_none() {
    let seems = "the last row seems to be one of sums: \"Total\", …; remove it if it is";
    for (text, note) in [
        // Too few rows beside it, or none that differ.
        ("u,v\na,1\nb,2\nc,3\nTotal,6\n", format!("t.csv:5: {seems}")),
        ("u,v\na,2\nTotal,2\n", format!("t.csv:3: {seems}")),
        ("u,v\na,1\nb,2\nTotal,\n", format!("t.csv:4: {seems}")),
        ("u,v\na,2\nb,2\nc,2\nd,2\nTotal,2\n", format!("t.csv:6: {seems}")),
        (
            "u,v,w\na,0,2\nb,0,2\nc,0,2\nd,0,2\nTotal,0,8\n",
            format!("t.csv:6: {seems}"),
        ),
        (
            "u,v\nTotal,2\nb,2\n",
            "t.csv:2: the first row seems to be one of sums".to_owned(),
        ),
        // A column contradicts.
        (
            "u,v,w\na,1,1\nb,2,1\nc,3,1\nd,4,1\nTotal,10,7\n",
            "t.csv:6: the last row may be one of sums: \"Total\", …; it stays, for its \"w\" is neither the sum nor the mean \
             of the others; remove it if it is"
                .to_owned(),
        ),
        (
            "u,v,w\na,5,1\nb,7,2\nmean,6,9\n",
            "t.csv:4: the last row may be one of sums: \"mean\"".to_owned(),
        ),
        // All of them do, and it is called so outright.
        (
            "u,v\na,5\nb,7\nc,9\nGesamt:,9\n",
            "t.csv:5: the last row may be one of sums: \"Gesamt:\"".to_owned(),
        ),
        // One of several contradicts, or there are too many of them.
        (
            "u,v\na,1\nb,2\nSubtotal,4\nc,6\nd,4\nSubtotal,10\n",
            "t.csv:4: 2 rows, this the first, seem to be ones of sums: \"Subtotal\"".to_owned(),
        ),
        (
            "u,v\na,1\nTotal,1\nb,2\nTotal,2\nTotal,3\n",
            "t.csv:3: 3 rows, this the first, seem to be ones of sums: \"Total\"".to_owned(),
        ),
    ] {
        let loaded = read(text);
        assert_eq!(loaded.train.rows, text.lines().count() - 1, "{text}");
        let notes = notes(&loaded);
        assert!(loaded.notes.len() == 1 && notes.contains(&note), "{text}: {notes}");
    }
    // Sums of nothing, and of what adds up to 0, contradict nothing.
    let loaded = read("u,v,w,x\na,1,0,2\nb,2,0,-3\nc,3,0,1\nd,4,0,0\nTotal,10,0,0\n");
    assert_eq!(loaded.train.rows, 4, "{}", notes(&loaded));
}

#[test]
fn what_may_be_a_sum_or_a_mean_by_chance_stays() {
    for text in [
        "rating,score\naverage,3\nexcellent,5\ngood,4\npoor,2\nterrible,1\n",
        "brand,ev\nShell,0\nBP,0\nEsso,0\nAgip,1\nTotal,1\n",
        "brand,price\nShell,1.5\nBP,1.7\nEsso,1.4\nAgip,1.8\nTotal,1.6\n",
    ] {
        let loaded = read(text);
        assert_eq!(loaded.train.rows, 5, "{text}");
        let notes = notes(&loaded);
        assert!(notes.contains("row seems to be one of sums"), "{notes}");
    }
    // Beyond all others, or a fraction of whole numbers, or in two columns.
    for text in [
        "u,v\na,1\nb,2\nc,3\nd,4\nTotal,10\n",
        "u,v\na,1\nb,2\nc,3\nd,4\nMean,2.5\n",
        "u,v,w\na,1.5,8\nb,2.5,6\nc,3.5,4\nd,4.5,2\nMean,3,5\n",
    ] {
        assert_eq!(read(text).train.rows, 4, "{text}");
    }
}

#[test]
fn footnotes_hide_no_row_of_sums() {
    let rows = "u,v,w\na,1,3\nb,2,5\nc,3,9\nd,4,2\nTotal,10,19\n";
    let kept = ["u,v,w", "a,1,3", "b,2,5", "c,3,9", "d,4,2"];
    // A line of its own, and a row of the table.
    for (footnotes, note) in [
        (
            "* preliminary\n",
            "t.csv:7: skipped below the table: 1 line of footnotes: \"* preliminary\"",
        ),
        (
            "\nData of the office\nSource: the office, 2024\n",
            "t.csv:8: skipped below the table: 2 lines of footnotes",
        ),
        (
            "\"of the office, 2024\"\n",
            "t.csv:7: skipped below the table: 1 line of footnotes: \"of the office, 2024\"",
        ),
        (
            "Data of the office,,\n,,\nof 2024 and later,,\n",
            "t.csv:7: 2 rows behind the row of sums are left out as footnotes: \"Data of the office\"",
        ),
    ] {
        let loaded = read(&format!("{rows}{footnotes}"));
        assert_eq!(shown(&loaded), kept, "{footnotes}");
        let notes = notes(&loaded);
        assert!(
            notes.contains("t.csv:6: the last row is left out") && notes.contains(note),
            "{notes}"
        );
    }
    // A row is no footnote, and no error is lost by one before it.
    let loaded = read("u,v,w\na,1,3\nb,2,5\nc,3,9\nof 2024,,\n");
    assert!(
        loaded.train.rows == 4 && loaded.notes.is_empty(),
        "{}",
        notes(&loaded)
    );
    for (end, found) in [
        (
            "* preliminary\ne,5,6\n",
            "t.csv:7: found 1 cell, expected 3",
        ),
        ("* preliminary\n5,6\n", "t.csv:7: found 1 cell, expected 3"),
        ("e\n", "t.csv:7: found 1 cell, expected 3"),
        ("12 000\n", "t.csv:7: found 1 cell, expected 3"),
        ("e f,5\n", "t.csv:7: found 2 cells, expected 3"),
        // Of a row that was cut.
        ("New York\n", "t.csv:7: found 1 cell, expected 3"),
        ("12 May 2020\n", "t.csv:7: found 1 cell, expected 3"),
        ("2020-01-01 10:02\n", "t.csv:7: found 1 cell, expected 3"),
        ("10:02:\n", "t.csv:7: found 1 cell, expected 3"),
    ] {
        let error = read_with(&format!("{rows}{end}"), &ReadOptions::default()).unwrap_err();
        assert!(error.to_string().starts_with(found), "{error}");
    }
}

#[test]
fn rows_of_empty_cells_below_a_table_are_none() {
    let text = "u;v;w\na;1;2\n;;\nb;;3\n;;\n;;\n;;\n";
    let loaded = read(text);
    assert_eq!(shown(&loaded), ["u,v,w", "a,1,2", ",,", "b,,3"]);
    assert_eq!(
        notes(&loaded),
        "note: t.csv:5: skipped below the table: 3 rows of empty cells\n"
    );
    // Each row for a model has an answer.
    let expected = Some(ExpectedColumns {
        names: ["u", "v", "w"].map(str::to_owned).to_vec(),
        ..Default::default()
    });
    let of_a_model = ReadOptions {
        expected,
        ..ReadOptions::default()
    };
    assert_eq!(read_with(text, &of_a_model).unwrap().train.rows, 6);
}

#[test]
fn numbers_in_the_first_line_are_names_or_a_row_by_looking_and_by_option() {
    let years = "country,2019,2020\nDE,5,6\nFR,5,7\nIT,7,8\nSource: the office\n";
    let numbers = "1,2,3\n4,1,9\n7,5,8\n9,2,2\n";
    let with = |text: &str, header| {
        let loaded = read_with(
            text,
            &ReadOptions {
                header,
                ..ReadOptions::default()
            },
        )
        .unwrap();
        (loaded.train.rows, notes(&loaded).trim_end().to_owned())
    };
    assert_eq!(
        with(years.split("Source").next().unwrap(), None),
        (3, "note: t.csv: the numbers of the first line, 2019, 2020, …, are read as names; `data.read.header` false reads them as a row".to_owned())
    );
    assert_eq!(
        with(numbers, None),
        (4, "warning: t.csv: the numbers of the first line, 1, 2, …, are read as a row; set `data.read.header` true if they are names".to_owned())
    );
    assert_eq!((with(years, None).0, with(years, Some(false)).0), (3, 4));
    assert_eq!(with(numbers, Some(true)), (3, String::new()));
}

#[test]
fn several_rows_of_sums_are_left_out_if_each_is_one() {
    for (text, rows, note) in [
        (
            "u,v,w\na,1,10\nb,2,20\nc,6,60\nd,3,30\nTotal,12,120\nAverage,3,30\n",
            ["a", "b", "c", "d"].as_slice(),
            "t.csv:6: 2 rows, this the first, are left out as ones of sums: \"Average\", \"Total\"; if they are none, add",
        ),
        // Each below its group, and one of all.
        (
            "u,v,w\na,1,10\nb,2,20\nSubtotal,3,30\nc,6,60\nd,4,5\nSubtotal,10,65\nGrand total,13,95\n",
            &["a", "b", "c", "d"],
            "t.csv:4: 3 rows, this the first, are left out",
        ),
        // Each above its group.
        (
            "u,v\nTotal,13\nSum of x,3\na,1\nb,2\nSum of y,10\nc,6\nd,4\n",
            &["a", "b", "c", "d"],
            "t.csv:2: 3 rows, this the first, are left out",
        ),
        // At both ends.
        (
            "u,v\nTotal,15\na,1\nb,2\nc,10\nd,2\nTotal,15\n",
            &["a", "b", "c", "d"],
            "t.csv:2: 2 rows, this the first, are left out as ones of sums: \"Total\"; if",
        ),
        // Behind it nothing but empty cells.
        (
            "u,v\na,1\nb,2\nc,10\nd,4\nTotal,17\n,\n,\n",
            &["a", "b", "c", "d"],
            "t.csv:6: the last row is left out as one of sums: \"Total\"",
        ),
    ] {
        let loaded = read(text);
        let first: Vec<String> = (shown(&loaded).iter().skip(1))
            .map(|row| row.split(',').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(first, rows, "{text}");
        assert!(notes(&loaded).contains(note), "{text}: {}", notes(&loaded));
    }
    // Of one with a comma the remedy is an item of a list.
    let loaded = read("u,v\na,1\nb,2\nc,10\nd,4\n\"Total, all\",17\n");
    let note = "if it is none, add '\"Total, all\"' to `data.read.not_missing`";
    assert!(notes(&loaded).contains(note), "{}", notes(&loaded));
}

#[test]
fn rows_of_sums_are_found_in_formats_with_types() {
    let text = "{\"u\":\"a\",\"v\":1}\n{\"u\":\"b\",\"v\":2}\n{\"u\":\"c\",\"v\":10}\n{\"u\":\"d\",\"v\":3}\n{\"u\":\"Total\",\"v\":16}\n";
    let load = |name: &str, bytes: Vec<u8>| {
        let input = Input::bytes(name, bytes).unwrap();
        read_input(input, &ReadOptions::default()).unwrap()
    };
    let loaded = load("t.jsonl", text.as_bytes().to_vec());
    assert_eq!(shown(&loaded), ["u,v", "a,1", "b,2", "c,10", "d,3"]);
    let note = "t.jsonl:5: the last row is left out as one of sums: \"Total\"";
    assert!(notes(&loaded).contains(note), "{}", notes(&loaded));
    let kept = ReadOptions {
        not_missing: vec!["Total".into()],
        ..ReadOptions::default()
    };
    let whole = read_with(text, &kept).unwrap().train;
    assert_eq!(whole.rows, 5);
    #[cfg(feature = "columnar")]
    {
        let loaded = load("t.parquet", formats::write(&whole, "t.parquet").unwrap());
        assert_eq!(shown(&loaded), ["u,v", "a,1", "b,2", "c,10", "d,3"]);
        let note = "t.parquet: row 5: the last row is left out as one of sums: \"Total\"";
        assert!(notes(&loaded).contains(note), "{}", notes(&loaded));
    }
}

#[test]
fn rows_for_a_model_and_rows_that_are_kept_are_no_sums() {
    let text = "u,v\nShell,1\nGas,2\nOil,4\nCoal,3\nTotal,10\n";
    let note = notes(&read(text));
    assert!(
        note.contains("if it is none, add \"Total\" to `data.read.not_missing`"),
        "{note}"
    );
    let kept = ReadOptions {
        not_missing: vec!["Total".into()],
        ..ReadOptions::default()
    };
    let loaded = read_with(text, &kept).unwrap();
    assert!(
        loaded.train.rows == 5 && loaded.notes.is_empty(),
        "{}",
        notes(&loaded)
    );
    let expected = ExpectedColumns {
        names: vec!["u".into(), "v".into()],
        ..Default::default()
    };
    let of_a_model = ReadOptions {
        expected: Some(expected),
        ..ReadOptions::default()
    };
    let loaded = read_with(text, &of_a_model).unwrap();
    assert_eq!(loaded.train.rows, 5);
    assert!(notes(&loaded).contains("t.csv:6: the last row seems to be one of sums: \"Total\""));
}

#[test]
fn names_of_rows_as_r_writes_them_are_a_column() {
    let loaded = read("\"a\",\"b\"\n\"1\",5,x\n\"2\",6,y\n\"3\",7,x\n");
    assert_eq!(shown(&loaded), ["rownames,a,b", "1,5,x", "2,6,y", "3,7,x"]);
    assert!(notes(&loaded).contains("a name less than there are columns"));
}

#[test]
fn a_blank_line_of_one_column_is_a_missing_value_and_not_the_last() {
    let loaded = read("x\n1.0\n\n3.0\n\n\n5.0\n\n");
    assert_eq!(shown(&loaded), ["x", "1", "", "3", "", "", "5"]);
    assert_eq!(loaded.train.cell(5, "x").line, Some(7));
    assert_eq!(shown(&read("x\n1.0\n\"\"\n3.0\n")), ["x", "1", "", "3"]);
}

#[test]
fn an_error_blames_the_line_that_differs_from_the_others() {
    let message = |text: &str| {
        read_with(text, &ReadOptions::default())
            .unwrap_err()
            .to_string()
    };
    let rows = "1,2,3\n4,5,6\n7,8,9\n";
    for (text, expected) in [
        (
            format!("a,b,c,d\n{rows}"),
            "t.csv:1: found 4 cells, expected 3, as in the lines below",
        ),
        (
            // Names of rows are all different.
            "a,b\nx,1,2\nx,2,3\ny,3,4\n".to_owned(),
            "t.csv:1: found 2 cells, expected 3, as in the lines below",
        ),
        (
            format!("1,2\n{rows}"),
            "t.csv:1: found 2 cells, expected 3, as in the lines below",
        ),
        (
            format!("a,b,c\n{rows}1,2\n"),
            "t.csv:5: found 2 cells, expected 3, as in the lines before",
        ),
        (
            format!("a,b,c\n1\n{rows}"),
            "t.csv:2: found 1 cell, expected 3, as in the lines before",
        ),
    ] {
        let found = message(&text);
        assert!(found.starts_with(expected), "{text}: {found}");
    }
}

#[test]
fn text_in_another_encoding_is_read_when_it_is_named() {
    let latin1 = b"st\xe4dt,n\nZ\xfcrich,1\nK\xf6ln,2\n".to_vec();
    let read = |encoding: Option<&str>| {
        let options = ReadOptions {
            encoding: encoding.map(str::to_owned),
            ..ReadOptions::default()
        };
        read_input(Input::bytes("t.csv", latin1.clone()).unwrap(), &options)
    };
    for name in ["latin1", "windows-1252", "ISO-8859-1"] {
        assert_eq!(
            shown(&read(Some(name)).unwrap()),
            ["städt,n", "Zürich,1", "Köln,2"]
        );
    }
    let message = read(None).unwrap_err().to_string();
    assert!(message.ends_with("set `data.read.encoding`"), "{message}");
    let message = read(Some("latin")).unwrap_err().to_string();
    assert!(
        message.starts_with("`data.read.encoding`: found \"latin\", expected an encoding"),
        "{message}"
    );
}
