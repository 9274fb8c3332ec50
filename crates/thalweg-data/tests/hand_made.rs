//! Files as people make them, in all formats: how each is read, or the error that says what to do.
//! What is meant by the readings stands in docs/tables.md and docs/formats.md.

use thalweg_data::{Input, ReadOptions, read_input};

/// What is read: `name=cell,cell` for each column, `–` where a cell is missing; or the error.
fn shown(file: &str, bytes: &[u8], options: &ReadOptions) -> String {
    let loaded = Input::bytes(file, bytes.to_vec()).and_then(|input| read_input(input, options));
    let table = match loaded {
        Ok(loaded) => loaded.train,
        Err(error) => return error.to_string(),
    };
    let cell =
        |column: &thalweg_data::Column, row| column.text(row).unwrap_or_else(|| "–".to_owned());
    let columns = table.columns.iter().map(|column| {
        let cells: Vec<String> = (0..table.rows).map(|row| cell(column, row)).collect();
        format!("{}={}", column.name, cells.join(","))
    });
    columns.collect::<Vec<_>>().join(" ")
}

/// Each case is what it shows, a file, and what must be read or said.
fn check(cases: &[(&str, &str, &[u8], &str)]) {
    let wrong: Vec<String> = (cases.iter())
        .map(|(what, file, bytes, expected)| {
            (what, shown(file, bytes, &ReadOptions::default()), expected)
        })
        .filter(|(_, read, expected)| {
            read != *expected && !(expected.contains(" found ") && read.starts_with(*expected))
        })
        .map(|(what, read, expected)| format!("{what}:\n  {read}\n  {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
#[rustfmt::skip]
fn what_stands_between_cells_and_around_them() {
    let utf16 = utf16("\u{feff}a,b\n1,ü\n2,x\n");
    check(&[
        ("commas", "t.csv", b"a,b\n1,x\n2,y\n", "a=1,2 b=x,y"),
        ("tabs", "t.txt", b"a\tb\n1\tx y\n2\tz\n", "a=1,2 b=x y,z"),
        ("semicolons", "t.csv", b"a;b\n1;x, y\n2;z\n", "a=1,2 b=x, y,z"),
        ("pipes", "t.csv", b"a|b|c\n1|2|x\n3|4|y\n", "a=1,3 b=2,4 c=x,y"),
        ("white space", "t.data", b" a  b\n 1   2.5\n 10\t4\n", "a=1,10 b=2.5,4"),
        ("quoted delimiters", "t.csv", b"a,b\n\"x, y\",1\n\"z\",2\n", "a=x, y,z b=1,2"),
        ("doubled quotes", "t.csv", b"a,b\n\"5\"\" disk\",1\nz,2\n", "a=5\" disk,z b=1,2"),
        ("quotes inside cells", "t.csv", b"a,b\n5\" disk,1\nz,2\n", "a=5\" disk,z b=1,2"),
        ("line ends in quotes", "t.csv", b"a,b\n\"x\ny\",1\nz,2\n", "a=x\ny,z b=1,2"),
        ("CRLF", "t.csv", b"a,b\r\n1,x\r\n2,y\r\n", "a=1,2 b=x,y"),
        ("CR alone", "t.csv", b"a,b\r1,x\r2,y\r", "a=1,2 b=x,y"),
        ("no last line end", "t.csv", b"a,b\n1,x\n2,y", "a=1,2 b=x,y"),
        ("blanks around cells", "t.csv", b"a , b\n 1, x \n2 ,y\n", "a=1,2 b=x,y"),
        ("UTF-8 with a mark", "t.csv", "\u{feff}ä,b\n1,x\n2,y\n".as_bytes(), "ä=1,2 b=x,y"),
        ("UTF-16", "t.csv", &utf16, "a=1,2 b=ü,x"),
        ("UTF-16 that is cut off", "t.csv", &utf16[..utf16.len() - 1], "t.csv: found text in UTF-16 that ends inside a character, expected a complete file"),
        ("Latin-1", "t.csv", b"a,b\n1,x\n2,\xfc\n", "t.csv:3: column \"b\": found \""),
        ("gzip", "t.csv.gz", &gzip(b"a,b\n1,x\n2,y\n"), "a=1,2 b=x,y"),
        ("gzip in gzip", "t.csv.gz", &gzip(&gzip(b"a,b\n1,2\n")), "t.csv.gz: found gzip inside gzip"),
        ("an unclosed quote", "t.csv", b"a,b\n\"x,1\nz,2\n", "t.csv:2: found a quote that is never closed"),
        ("text after a quote", "t.csv", b"a,b\n\"x\"y,1\nz,2\n", "t.csv:2: found \"y,1"),
        ("a line with more cells", "t.csv", b"a,b\n1,2\n3,4\n5,6,7\n8,9\n", "t.csv:4: found 3 cells, expected 2"),
        ("a header with fewer names", "t.csv", b"a,b\n1,2,x\n3,4,y\n5,6,z\n7,8,w\n", "rownames=1,3,5,7 a=2,4,6,8 b=x,y,z,w"),
        ("one name twice", "t.csv", b"a,a\n1,2\n3,4\n", "t.csv:1: found the name \"a\" for columns 1 and 2"),
        ("nothing", "t.csv", b"", "t.csv: found an empty file"),
        ("a header alone", "t.csv", b"a,b\n", "t.csv: found a header and no rows"),
    ]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
#[rustfmt::skip]
fn what_stands_around_a_table() {
    check(&[
        ("sep=", "t.csv", b"sep=;\na;b\n1;x\n2;y\n", "a=1,2 b=x,y"),
        ("comments above", "t.csv", b"# made by hand\na,b\n1,x\n2,y\n", "a=1,2 b=x,y"),
        ("names in a comment", "t.csv", b"# a,b\n1,2\n3,4\n5,6\n", "a=1,3,5 b=2,4,6"),
        ("a column called #", "t.csv", b"#,b\n1,x\n2,y\n3,z\n", "#=1,2,3 b=x,y,z"),
        ("a title", "t.csv", b"Sales of 2024,,\na,b,c\n1,2,x\n3,4,y\n5,6,z\n", "a=1,3,5 b=2,4,6 c=x,y,z"),
        ("two lines of names", "t.csv", b"id,A,A,B\n,x,y,x\n1,2,3,4\n5,6,7,8\n9,1,2,3\n", "id=1,5,9 A x=2,6,1 A y=3,7,2 B x=4,8,3"),
        ("names above several columns", "t.csv", b",height,,mass\nid,min,max,\n1,2,3,4\n5,6,7,8\n9,1,2,3\n", "id=1,5,9 height min=2,6,1 height max=3,7,2 mass=4,8,3"),
        ("two lines of equal names", "t.csv", b",A,A\nid,x,x\n1,2,3\n4,5,6\n7,8,9\n", "t.csv:1: found the name \"A\" for columns 2 and 3"),
        ("names of some columns", "t.csv", b",,y\n0,1,2\n1,2,0\n2,4,1\n", "column_1=0,1,2 column_2=1,2,4 y=2,0,1"),
        ("units", "t.csv", b"a,b\nkg,m\n1,2\n3,4\n5,6\n", "a=1,3,5 b=2,4,6"),
        ("a row of sums", "t.csv", b"a,b\nx,1\ny,2\nz,4\nw,1\nTotal,8\n", "a=x,y,z,w b=1,2,4,1"),
        ("a small table with a last row Total", "t.csv", b"a,b\nx,1\ny,2\nTotal,3\n", "a=x,y,Total b=1,2,3"),
        ("a table of psql", "t.txt", b" id | name\n----+------\n  1 | x\n(1 row)\n", "t.txt: found a table drawn with lines, as psql, mysql and SAP print it, expected a table; write it as text"),
        ("a table of mysql", "t.txt", b"+---+---+\n| a | b |\n+---+---+\n| 1 | x |\n+---+---+\n", "t.txt: found a table drawn with lines"),
        ("a list of SAP", "t.txt", b"---------\n|a |  b |\n---------\n|1 |2,50|\n---------\n", "t.txt: found a table drawn with lines"),
        ("a footnote", "t.csv", b"a,b,c\n1,2,x\n3,4,y\nSource: the office\n", "a=1,3 b=2,4 c=x,y"),
        ("years as names", "t.csv", b"a,2019,2020\nx,1,2\ny,3,4\nz,5,6\n", "a=x,y,z 2019=1,3,5 2020=2,4,6"),
        ("a zero byte", "t.csv", b"a,b\n1,x\n2,y\0\n3,z and more text here\n", "t.csv:3: found a byte 0 (NUL), expected text; remove it"),
        ("a category called Average", "t.csv", b"a,b\nGood,1\nPoor,2\nGood,4\nAverage,9\n", "a=Good,Poor,Good,Average b=1,2,4,9"),
        ("delimiters at line ends", "t.csv", b"a,b,\n1,x,\n2,y,\n3,z,\n", "a=1,2,3 b=x,y,z"),
        ("blank lines", "t.csv", b"a,b\n\n1,x\n\n2,y\n\n", "a=1,2 b=x,y"),
        ("blank lines of one column", "t.csv", b"a\n1\n\n3\n", "a=1,–,3"),
        ("the index of pandas", "t.csv", b",0,1\n0,5,x\n1,6,2\n2,7,z\n", "column_1=0,1,2 0=5,6,7 1=x,2,z"),
        ("years as names", "t.csv", b"2019,2020,2021\n5,1,2\n6,3,4\n", "2019=5,6 2020=1,3 2021=2,4"),
        ("no header", "t.csv", b"1,x\n2,y\n3,x\n", "column_1=1,2,3 column_2=x,y,x"),
    ]);
}

#[test]
#[rustfmt::skip]
fn numbers_as_people_write_them() {
    check(&[
        ("exponents and signs", "t.csv", b"a,b\n+1,-.5\n1e3,2E-2\n", "a=1,1000 b=-0.5,0.02"),
        ("decimal commas", "t.csv", b"a;b\n1,5;x\n2,25;y\n", "a=1.5,2.25 b=x,y"),
        ("points between thousands", "t.csv", b"a;b\n1.017,10;x\n2,25;y\n", "a=1017.1,2.25 b=x,y"),
        ("points beside whole numbers", "t.csv", b"a;b\n950;x\n1.250;y\n12.500;x\n2.000;z\n", "a=950,1250,12500,2000 b=x,y,x,z"),
        ("commas beside points", "t.tsv", b"a\tb\n1,250\t0.5\n870\t1.5\n12,500\t2.5\n", "a=1250,870,12500 b=0.5,1.5,2.5"),
        ("commas between thousands", "t.csv", b"a,b\n\"1,234\",x\n\"1,234,567\",y\n", "a=1234,1234567 b=x,y"),
        ("apostrophes and blanks", "t.csv", b"a,b\n1'234.5,1 000\n2'000.25,12 500\n", "a=1234.5,2000.25 b=1000,12500"),
        ("dollars", "t.csv", b"a,b\n\"$1,200\",x\n$35,y\n", "a=1200,35 b=x,y"),
        ("euros", "t.csv", "a;b\n12 €;x\n7,50 €;y\n".as_bytes(), "a=12,7.5 b=x,y"),
        ("two currencies", "t.csv", "a,b\n$12,x\n€7,y\n".as_bytes(), "a=$12,€7 b=x,y"),
        ("percent", "t.csv", b"a,b\n18.2%,x\n7%,y\n", "a=18.2,7 b=x,y"),
        ("accounting", "t.csv", b"a,b\n(12.50),x\n7.25,y\n", "a=-12.5,7.25 b=x,y"),
        ("a typographic minus", "t.csv", "a,b\n−5,x\n7,y\n".as_bytes(), "a=-5,7 b=x,y"),
        ("footnotes", "t.csv", b"a,b\n78.81*,x\n7,y\n", "a=78.81,7 b=x,y"),
        ("a dash", "t.csv", b"a,b\n1,x\n-,y\n3,z\n", "a=1,–,3 b=x,y,z"),
        ("errors of spreadsheets", "t.csv", b"a,b\n1,x\n#DIV/0!,y\n3,z\n", "a=1,–,3 b=x,y,z"),
        ("words for missing", "t.csv", b"a,b\n1,NA\nnull,y\n?,z\n", "a=1,–,– b=–,y,z"),
        ("-999", "t.csv", b"a\n1\n-999\n3\n5\n-999\n4\n2\n", "a=1,–,3,5,–,4,2"),
        ("leading zeros", "t.csv", b"a,b\n00123,1\n00456,2\n", "a=00123,00456 b=1,2"),
        ("19 digits", "t.csv", b"a,b\n1234567890123456789,1\n1234567890123456790,2\n", "a=1234567890123456789,1234567890123456790 b=1,2"),
        ("numbers beside texts", "t.csv", b"a,b\n250.0,1\nx,2\n250,3\n", "a=250.0,x,250 b=1,2,3"),
        ("lengths of time", "t.csv", b"a,b\n9:30:00,1\n26:00:30,2\n1 days 00:00:05,3\n", "a=34200,93630,86405 b=1,2,3"),
        ("truth", "t.csv", b"a,b\nTrue,1\nFALSE,2\n", "a=True,FALSE b=1,2"),
    ]);
}

#[test]
#[rustfmt::skip]
fn dates_as_people_write_them() {
    check(&[
        ("ISO", "t.csv", b"d,b\n2022-12-31,1\n2023-01-01,2\n", "d=2022-12-31,2023-01-01 b=1,2"),
        ("day first", "t.csv", b"d,b\n31/12/2022,1\n1/1/2023,2\n", "d=2022-12-31,2023-01-01 b=1,2"),
        ("month first", "t.csv", b"d,b\n12/31/22,1\n1/1/23,2\n", "d=2022-12-31,2023-01-01 b=1,2"),
        ("points", "t.csv", b"d,b\n1.2.2022,1\n2.2.2022,2\n", "d=2022-02-01,2022-02-02 b=1,2"),
        ("names of months", "t.csv", b"d,b\n\"June 3, 2022\",1\n\"July 4, 2022\",2\n", "d=2022-06-03,2022-07-04 b=1,2"),
        ("times", "t.csv", b"d,b\n2022-12-31T14:30:15.5Z,1\n2023-01-01 2:30 PM,2\n", "d=2022-12-31 14:30:15.5,2023-01-01 14:30:00 b=1,2"),
        ("a dash among dates", "t.csv", b"d,b\n2022-12-31,1\n-,2\n2023-01-01,3\n0000-00-00,4\n2023-01-02,5\n", "d=2022-12-31,–,2023-01-01,–,2023-01-02 b=1,2,3,4,5"),
        ("versions", "t.csv", b"d,b\n1.1.0,1\n2.2.1,2\n", "d=1.1.0,2.2.1 b=1,2"),
        ("no such day", "t.csv", b"d,b\n2022-02-30,1\n2022-03-01,2\n", "d=2022-02-30,2022-03-01 b=1,2"),
    ]);
}

#[test]
#[rustfmt::skip]
fn formats_with_types() {
    let parquet = include_bytes!("small.parquet");
    check(&[
        ("JSON lines", "t.jsonl", b"{\"a\": 1, \"b\": \"x\"}\n{\"b\": \"y\"}\n", "a=1,– b=x,y"),
        ("an array of objects", "t.json", b"[{\"a\": 1}, {\"a\": 2.5}]", "a=1,2.5"),
        ("objects in objects", "t.jsonl", b"{\"a\": {\"b\": 1}}\n{\"a\": {\"b\": 2}}\n", "a.b=1,2"),
        ("lists", "t.jsonl", b"{\"a\": [1, 2]}\n{\"a\": [3, 4]}\n", "a=2 values,2 values"),
        ("texts that are numbers", "t.jsonl", b"{\"zip\": \"10014\"}\n{\"zip\": \"10015\"}\n", "zip=10014,10015"),
        ("amounts in texts", "t.jsonl", b"{\"a\": \"$1,200\"}\n{\"a\": \"$35\"}\n", "a=1200,35"),
        ("dates in texts", "t.jsonl", b"{\"a\": \"2022-12-31\"}\n{\"a\": \"2023-01-01\"}\n", "a=2022-12-31,2023-01-01"),
        ("NaN in JSON", "t.jsonl", b"{\"a\": NaN}\n", "t.jsonl:1: found no JSON value at character 7, expected a JSON object; write null for a missing value (NaN and Infinity are not JSON)"),
        ("lists in JSON", "t.json", b"[[1, 2], [3, 4]]", "t.json:1: found a row that is no object"),
        ("one object of columns", "t.json", b"{\"a\": [1, 2], \"b\": [3, 4]}", "t.json: found one object of columns"),
        ("lists of one length no more", "t.jsonl", b"{\"a\": [1]}\n{\"a\": [1, 2]}\n", "t.jsonl:2: column \"a\": found a list of 2 numbers, where earlier rows have 1"),
        ("ARFF", "t.arff", b"@relation t\n@attribute k {308,652}\n@attribute x real\n@data\n308,1\n652,?\n", "k=308,652 x=1,–"),
        ("dates of ARFF", "t.arff", b"@relation t\n@attribute d date 'dd/MM/yy'\n@data\n'02/03/21'\n'03/03/21'\n", "d=2021-03-02,2021-03-03"),
        ("a value that is not declared", "t.arff", b"@relation t\n@attribute k {a,b}\n@data\nc\n", "t.arff:4: column \"k\": found \"c\", expected a value that the @attribute declares"),
        ("libsvm", "t.svm", b"1 1:0.5 3:2\n0 2:1 # a comment\n", "1=0.5,0 2=0,1 3=2,0 label=1,0"),
        ("an index twice", "t.svm", b"1 1:0.5 1:2\n0 2:1\n", "t.svm:1: found "),
        ("Parquet that is cut off", "t.parquet", &parquet[..100], "t.parquet: found damaged data"),
        ("NumPy", "t.npy", &npy("<f8", "(2,)", &[1.5f64.to_le_bytes(), 2f64.to_le_bytes()].concat()), "X=1.5,2"),
        ("integers of 64 bits", "t.npy", &npy("<i8", "(2,)", &[(1i64 << 60).to_le_bytes(), ((1i64 << 60) + 1).to_le_bytes()].concat()), "X=1152921504606846976,1152921504606846977"),
        ("objects of Python", "t.npy", &npy("|O", "(2,)", &[0; 16]), "t.npy: found array header"),
        ("IDX that is cut off", "t.idx", &[0, 0, 8, 1, 0, 0, 0, 9, 1], "t.idx: found "),
    ]);
}

/// A `.npy` file of version 1 (NumPy's format.py).
fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

#[test]
#[rustfmt::skip]
fn what_is_not_read_is_named_with_the_way_out() {
    let named: &[(&[u8], &str, &str)] = &[
        (b"<!DOCTYPE html><html>", "an HTML page", "download the file itself"),
        (b"<table><tr><th>a</th></tr>\n", "an HTML page", "download the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer", "git lfs pull"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel file of before 2007", "save the sheet as CSV"),
        (b"\x80\x04\x95\0\0\0\0", "a Python pickle", "DataFrame.to_csv"),
        (b"SQLite format 3\0", "an SQLite database", "sqlite3 -csv"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "pandas"),
        (b"%PDF-1.7", "a PDF document", "CSV"),
        (b"GIF89a", "a GIF image", "PNG"),
        (b"RIFF\0\0\0\0WEBP", "a WebP image", "PNG"),
        (b"II*\0", "a TIFF image", "PNG"),
        (b"Rar!\x1a\x07\0", "a RAR archive", "extract it"),
    ];
    for (bytes, found, remedy) in named {
        let message = shown("t.csv", bytes, &ReadOptions::default());
        assert!(message.starts_with(&format!("t.csv: found {found}")), "{message}");
        assert!(message.contains(remedy), "{message}");
    }
}

#[test]
#[rustfmt::skip]
fn what_looking_does_not_tell_is_set() {
    let set = |set: fn(&mut ReadOptions)| {
        let mut options = ReadOptions::default();
        set(&mut options);
        options
    };
    let cases: &[(&[u8], ReadOptions, &str)] = &[
        (b"a,b\n1,\xfc\n2,x\n", set(|o| o.encoding = Some("latin1".to_owned())), "a=1,2 b=ü,x"),
        (&utf16("a,b\n1,x\n2,y\n"), set(|o| o.encoding = Some("utf-16le".to_owned())), "a=1,2 b=x,y"),
        (b"x\ny\na,b\n1,2\n3,4\n", set(|o| o.skip = 2), "a=1,3 b=2,4"),
        (b"a,b\n308,1\n652,2\n", set(|o| o.categorical = vec!["a".to_owned()]), "a=308,652 b=1,2"),
        (b"a,b\n00123,1\n00456,2\n", set(|o| o.numeric = vec!["a".to_owned()]), "a=123,456 b=1,2"),
        (b"a,b\n03/04/2022,1\n05/04/2022,2\n", set(|o| o.date = vec!["a=dmy".to_owned()]), "a=2022-04-03,2022-04-05 b=1,2"),
        (b"a;b\n1.250;0.5\n2.500;1.5\n", set(|o| (o.decimal, o.thousands) = (Some(','), Some('.'))), "a=1250,2500 b=0.5,1.5"),
        (b"a,b\n1,x\n-,y\n3,z\n", set(|o| o.not_missing = vec!["-".to_owned()]), "a=1,-,3 b=x,y,z"),
        (b"a,b\n1,x\n7,y\n3,z\n", set(|o| o.missing = vec!["7".to_owned()]), "a=1,–,3 b=x,y,z"),
        (b"a,a\n1,2\n3,4\n", set(|o| o.names = vec!["p".to_owned(), "q".to_owned()]), "p=1,3 q=2,4"),
    ];
    for (bytes, options, expected) in cases {
        assert_eq!(&shown("t.csv", bytes, options), expected);
    }
}
