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
        (
            "u,v,kind\n45,43,b\n18,76,b\n68,10,a\nTotal,129,\n",
            "t.csv:5: the last row is left out",
        ),
        (
            "u,v,kind\n45,43,b\n18,76,b\n68,10,a\n,,Summe:\n",
            "one of sums: \"Summe:\"",
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
    let kinds = ["north", "south", "east"];
    let table = |sums: &str, amounts: [&str; 3], delimiter: char, is_first: bool| {
        let rows = kinds.iter().zip(amounts).zip(["b", "b", "a"]);
        let rows: String = rows
            .map(|((kind, amount), class)| format!("{kind};\"{amount}\";{class}\n"))
            .collect();
        let text = match is_first {
            true => format!("{sums}\n{rows}"),
            false => format!("{rows}{sums}\n"),
        };
        format!("u;v;kind\n{text}").replace(';', &delimiter.to_string())
    };
    let dollars = ["$1,200", "$800", "$2,000"];
    for (sums, amounts, delimiter) in [
        ("Total;\"$4,000\";", dollars, ','),
        ("Grand total:;\"4,000\";", dollars, ','),
        (" Total ;$4000.00;", dollars, ','),
        (";Total;", ["$1", "$2", "$3"], ','),
        (
            "Total général;4 000,5 €;",
            ["1 000,5 €", "2 000 €", "1 000 €"],
            ';',
        ),
        (
            "Gesamt;4.000,50;",
            ["1.000,50", "2.000,00", "1.000,00"],
            ';',
        ),
        ("Insgesamt;100 %;", ["20 %", "30,5 %", "49,5 %"], ';'),
        ("Summe;(6);", ["(1)", "2", "(7)"], ','),
        ("Moyenne;2;", ["1", "2", "3"], ','),
        ("Average;20.1%;", ["10.1%", "20.2%", "30.0%"], ','),
    ] {
        for is_first in [false, true] {
            if is_first && sums.starts_with(';') {
                continue;
            }
            let text = table(sums, amounts, delimiter, is_first);
            let loaded = read(&text);
            assert_eq!(loaded.train.rows, 3, "{text}");
            assert_eq!(loaded.train.column("u").unwrap().text(0).unwrap(), "north");
            let which = if is_first {
                "t.csv:2: the first"
            } else {
                "t.csv:5: the last"
            };
            let note = notes(&loaded);
            assert!(
                note.contains(&format!("{which} row is left out as one of sums")),
                "{text}: {note}"
            );
        }
    }
    // What only the row of sums made text are numbers, as without it.
    let loaded = read("n,x\n1,5\n2,7\n3,9.5\nTotal,21.5\n");
    assert_eq!(shown(&loaded), ["n,x", "1,5", "2,7", "3,9.5"]);
    assert_eq!(loaded.train.column("n").unwrap().kind(), Kind::Numeric);
    assert_eq!(loaded.notes.len(), 1, "{}", notes(&loaded));
    for text in [
        // Neither a sum nor the mean of each column.
        "u,v,w\nShell,5,1\nBP,7,2\nTotal,9,5\n",
        "u,v,w\na,5,1\nb,7,2\nmean,6,9\n",
        "u,v\nTotal,2\nb,2\n",
        // A class or a category that other rows have, too.
        "u,v,w\nTotal,5,1\nBP,7,2\nTotal,12,3\n",
        "u,w\nAverage,2\nGood,4\nAverage,3\n",
    ] {
        assert!(read(text).notes.is_empty(), "{text}");
    }
}

#[test]
fn several_rows_of_sums_are_left_out_if_each_is_one() {
    for (text, rows, note) in [
        (
            "u,v,w\na,1,10\nb,2,20\nc,6,60\nTotal,9,90\nAverage,3,30\n",
            ["a", "b", "c"].as_slice(),
            "t.csv:5: 2 rows, this the first, are left out as ones of sums: \"Average\", \"Total\"; if they are none, add",
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
            "u,v\nTotal,13\na,1\nb,2\nc,10\nTotal,13\n",
            &["a", "b", "c"],
            "t.csv:2: 2 rows, this the first, are left out as ones of sums: \"Total\"; if",
        ),
        // Behind it nothing but empty cells.
        (
            "u,v\na,1\nb,2\nc,10\nTotal,13\n,\n,\n",
            &["a", "b", "c", "", ""],
            "t.csv:5: the last row is left out as one of sums: \"Total\"",
        ),
    ] {
        let loaded = read(text);
        let first: Vec<String> = (shown(&loaded).iter().skip(1))
            .map(|row| row.split(',').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(first, rows, "{text}");
        assert!(notes(&loaded).contains(note), "{text}: {}", notes(&loaded));
    }
    for text in [
        // One of them is none, and the last has a text that others have, too.
        "u,v\na,1\nb,2\nSubtotal,4\nc,6\nd,4\nSubtotal,10\n",
        // More of them than of others.
        "u,v\na,1\nTotal,1\nb,2\nTotal,2\nTotal,3\n",
    ] {
        assert!(
            read(text).notes.is_empty(),
            "{text}: {}",
            notes(&read(text))
        );
    }
}

#[test]
fn rows_of_sums_are_found_in_formats_with_types() {
    let text = "{\"u\":\"a\",\"v\":1}\n{\"u\":\"b\",\"v\":2}\n{\"u\":\"c\",\"v\":10}\n{\"u\":\"Total\",\"v\":13}\n";
    let load = |name: &str, bytes: Vec<u8>| {
        let input = Input::bytes(name, bytes).unwrap();
        read_input(input, &ReadOptions::default()).unwrap()
    };
    let loaded = load("t.jsonl", text.as_bytes().to_vec());
    assert_eq!(shown(&loaded), ["u,v", "a,1", "b,2", "c,10"]);
    let note = "t.jsonl:4: the last row is left out as one of sums: \"Total\"";
    assert!(notes(&loaded).contains(note), "{}", notes(&loaded));
    let kept = ReadOptions {
        not_missing: vec!["Total".into()],
        ..ReadOptions::default()
    };
    let whole = read_with(text, &kept).unwrap().train;
    assert_eq!(whole.rows, 4);
    #[cfg(feature = "columnar")]
    {
        let loaded = load("t.parquet", formats::write(&whole, "t.parquet").unwrap());
        assert_eq!(shown(&loaded), ["u,v", "a,1", "b,2", "c,10"]);
        let note = "t.parquet: row 4: the last row is left out as one of sums: \"Total\"";
        assert!(notes(&loaded).contains(note), "{}", notes(&loaded));
    }
}

#[test]
fn rows_for_a_model_and_rows_that_are_kept_are_no_sums() {
    let text = "u,v\nShell,1\nGas,2\nTotal,3\n";
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
        loaded.train.rows == 3 && loaded.notes.is_empty(),
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
    assert_eq!(loaded.train.rows, 3);
    assert!(notes(&loaded).contains("t.csv:4: the last row seems to be one of sums: \"Total\""));
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
