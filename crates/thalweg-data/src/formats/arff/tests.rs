//! ARFF, well made and not.

use super::*;
use crate::loaded::Loaded;

fn load(text: &str) -> Result<Loaded> {
    let options = ReadOptions::default();
    (FORMAT.read)(Input::bytes("t.arff", text.as_bytes().to_vec())?, &options)
}

fn cells(loaded: &Loaded) -> Vec<Vec<Option<String>>> {
    let of_row = |row| {
        loaded
            .train
            .columns
            .iter()
            .map(|column| column.text(row))
            .collect()
    };
    (0..loaded.train.rows).map(of_row).collect()
}

fn row(cells: &[&str]) -> Vec<Option<String>> {
    let cell = |cell: &&str| (!cell.is_empty()).then(|| (*cell).to_owned());
    cells.iter().map(cell).collect()
}

const HEADER: &str = "% sea\n@RELATION 'my sea'\n\n@Attribute 'depth of sea' REAL\n\
    @attribute kind {groupA, 'group B',5}\n@attribute note string\n% rows\n@DATA\n";

#[test]
fn declared_types_hold() {
    let rows = "1.5,groupA,'it\\'s, so'\n% between\n?, 'group B' ,?\n-3e2,5,\"?\"\n";
    let loaded = load(&format!("{HEADER}{rows}")).unwrap();
    let names: Vec<&str> = loaded.train.names().collect();
    assert_eq!(names, ["depth of sea", "kind", "note"]);
    assert_eq!(
        cells(&loaded),
        [
            row(&["1.5", "groupA", "it's, so"]),
            row(&["", "group B", ""]),
            row(&["-300", "5", "?"])
        ]
    );
    // A nominal 5 is a text.
    assert_eq!(loaded.train.columns[1].kind(), crate::Kind::Categorical);
    assert_eq!(loaded.train.cell(1, "kind").line, Some(11));
}

#[test]
fn declared_types_hold_against_what_cells_look_like() {
    let header = "@relation t\n@attribute store {308,652}\n@attribute day date \"dd/MM/yy\"\n\
        @attribute zip string\n@attribute x real\n@data\n";
    let load = |rows: &str| {
        let input = Input::bytes("t.arff", format!("{header}{rows}").into_bytes())?;
        crate::read_input(input, &ReadOptions::default())
    };
    let loaded = load("308,\"02/03/21\",10014,1\n652\t'05/03/21'\t10015\t2\n").unwrap();
    assert_eq!(
        cells(&loaded),
        [
            row(&["308", "2021-03-02", "10014", "1"]),
            row(&["652", "2021-03-05", "10015", "2"])
        ]
    );
    let kinds: Vec<crate::Kind> = loaded
        .train
        .columns
        .iter()
        .map(|column| column.kind())
        .collect();
    use crate::Kind::{Categorical, Date, Numeric};
    assert_eq!(kinds, [Categorical, Date, Categorical, Numeric]);
    let message = load("308,\"02/13/21\",a,1\n308,\"02/03/21\",a,1\n")
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("t.arff:7: column \"day\": found \"02/13/21\", expected a date"),
        "{message}"
    );
}

#[test]
fn sparse_rows_are_filled_up() {
    let rows = "{1 'group B', 2 x}\n{}\n{0 -2}\n";
    let loaded = load(&format!("{HEADER}{rows}")).unwrap();
    assert_eq!(
        cells(&loaded),
        [
            row(&["0", "group B", "x"]),
            row(&["0", "groupA", "0"]),
            row(&["-2", "groupA", "0"])
        ]
    );
}

#[test]
fn faults_are_named_with_line_and_column() {
    for (rows, expected) in [
        (
            "1,groupA\n",
            "t.arff:9: found 2 cells, expected 3, one for each @attribute",
        ),
        (
            "1,groupA,a\nx,groupA,a\n",
            "t.arff:10: column \"depth of sea\": found \"x\", expected a number, as declared",
        ),
        (
            "1,groupa,a\n",
            "t.arff:9: column \"kind\": found \"groupa\", expected a value that the @attribute declares; did you mean",
        ),
        (
            "1,'groupA,a\n",
            "t.arff:9: found a quote that is never closed",
        ),
        ("1,groupA,a,{2}\n", "t.arff:9: found a weight in braces"),
        (
            "{7 1}\n",
            "t.arff:9: found \"7 1\", expected an index from 0 to 2",
        ),
        (
            "{0 1,0 2}\n",
            "t.arff:9: found the index 0 twice, expected each index once",
        ),
    ] {
        let message = load(&format!("{HEADER}{rows}")).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    for (text, expected) in [
        (
            "@relation t\n@attribute a bool\n",
            "t.arff:2: found the type \"bool\"",
        ),
        (
            "@relation t\n@attribute a real\n@attribute a real\n",
            "t.arff:3: found the attribute \"a\" twice",
        ),
        (
            "@relation t\n@attribute a real\n1\n",
            "t.arff:3: found \"1\", expected @attribute",
        ),
        ("@relation t\n@data\n1\n", "t.arff:2: found no @attribute"),
        (
            "@relation t\n@attribute a real\n",
            "t.arff:2: found no line @data",
        ),
    ] {
        let message = load(text).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
}
