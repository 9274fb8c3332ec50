//! Arrays of NumPy and files of labels come in pieces.

use super::*;

/// An array of NumPy.
fn array(kind: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    array_by(kind, shape, "False", bytes)
}

fn array_by(kind: &str, shape: &str, is_fortran: &str, bytes: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{kind}', 'fortran_order': {is_fortran}, 'shape': ({shape}), }}");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat()
}

#[test]
fn arrays_and_their_labels_come_in_pieces() {
    let bytes: Vec<u8> = (0..17_000 * 6u32).map(|i| (i * 7 % 251) as u8).collect();
    let singles: Vec<[u8; 4]> = (0..17_000 * 6)
        .map(|i| (i as f32 / 3.0).to_be_bytes())
        .collect();
    let longs: Vec<[u8; 8]> = (0..900)
        .map(|i| (i as i64 + (1 << 60)).to_le_bytes())
        .collect();
    let labels: String = (0..17_000)
        .map(|i| ["no\n", "yes\n"][usize::from(i % 3 == 0)])
        .collect();
    let place = Place::new(
        "ingest-labels",
        &[("y.csv", format!("y\n{labels}").into_bytes())],
    );
    let labelled = ReadOptions {
        labels: Some(place.path().join("y.csv")),
        ..ReadOptions::default()
    };
    let plain = ReadOptions::default();
    is_what_is_read(
        "matrix.npy",
        array(">f4", "17000, 6", singles.as_flattened()),
        &plain,
    );
    is_what_is_read("images.npy", array("|u1", "17000, 2, 3", &bytes), &labelled);
    let head = |kind: u8, dimensions: &[u32]| {
        let lengths: Vec<[u8; 4]> = dimensions.iter().map(|n| n.to_be_bytes()).collect();
        let start = [0, 0, kind, dimensions.len() as u8];
        [&start[..], lengths.as_flattened()].concat()
    };
    let idx = [head(0x08, &[17_000, 2, 3]), bytes.clone()].concat();
    is_what_is_read("images.idx3-ubyte", idx, &labelled);
    let idx = [head(0x0D, &[17_000, 6]), singles.as_flattened().to_vec()].concat();
    is_what_is_read("numbers.idx", idx, &plain);
    let y = array("|u1", "17000,", &bytes[..17_000]);
    let w = array(">f4", "17000,", singles[1..17_001].as_flattened());
    let x = array("|u1", "17000, 2, 3", &bytes);
    let members = [("X.npy", &x[..]), ("notes.npy", &w), ("y.npy", &y)];
    let npz = crate::testing::packed::zip(&members);
    is_what_is_read("some.npz", npz, &plain);
    let members = [("sample_weight.npy", &w[..]), ("y.npy", &y), ("x.npy", &x)];
    let npz = crate::testing::packed::zip(&members);
    is_what_is_read("weighted.npz", npz, &plain);
    let members = [("X.npy", &x[..]), ("y.npy", &y), ("X_test.npy", &x)];
    let npz = crate::testing::packed::zip(&members);
    let parts = Place::new("ingest-parts-of-npz", &[("parts.npz", npz)]);
    let source = Source::Path(parts.path().join("parts.npz"));
    assert!(pieces::size(&source, &plain).unwrap().is_none());
    is_what_is_read("vector.npy", array("<i4", "25500,", &bytes), &plain);
    // By columns: of three dimensions, too.
    for (name, kind, shape, bytes) in [
        ("columns.npy", ">f4", "17000, 6", singles.as_flattened()),
        ("pixels.npy", "|u1", "17000, 2, 3", &bytes),
    ] {
        is_what_is_read(name, array_by(kind, shape, "True", bytes), &labelled);
    }
    let small: Vec<[u8; 8]> = (0..34_000i64).map(|i| (i * i - 9).to_le_bytes()).collect();
    is_what_is_read(
        "small.npy",
        array("<i8", "17000, 2", small.as_flattened()),
        &plain,
    );
    // Texts, where f64 does not hold the numbers; and by columns where only what comes next can be read.
    let long = array("<i8", "900,", longs.as_flattened());
    assert!(!holds_what_is_read("long.npy", long, &plain));
    let packed = crate::testing::packed::gzip(&array_by("|u1", "17000, 6", "True", &bytes));
    assert!(!holds_what_is_read("packed.npy.gz", packed, &plain));
    is_what_is_read("t.csv", table(17_000).into_bytes(), &labelled);
}

#[test]
fn labels_are_as_many_as_rows() {
    let labels = "no\nyes\nno\n".repeat(5_666) + "no\nyes\n";
    let place = Place::new(
        "ingest-labels-of-others",
        &[("y.csv", format!("y\n{labels}").into_bytes())],
    );
    let labelled = ReadOptions {
        labels: Some(place.path().join("y.csv")),
        ..ReadOptions::default()
    };
    for (rows, expected) in [
        (16_999, "expected 16,999, one for each row"),
        (17_001, "expected more of them"),
    ] {
        let x = array("|u1", &format!("{rows}, 6"), &vec![1; rows * 6]);
        let file = Place::new("ingest-other", &[("x.npy", x)]);
        let how = Ingest {
            read: &labelled,
            shuffle: None,
            block_rows: None,
            memory: 1 << 20,
            again: None,
        };
        let (source, to) = (
            Source::Path(file.path().join("x.npy")),
            file.path().join("x.cache"),
        );
        let told = ingest(&source, &to, &how, &mut |_| {})
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("found 17,000 labels") && told.contains(expected),
            "{told}"
        );
    }
}

#[test]
fn arrays_that_are_cut_off_or_too_long_are_refused() {
    let bytes = [7u8; 17_000 * 6];
    for (length, found) in [
        (100, "found 72 bytes of data"),
        (1_000_000, "found more bytes than that"),
    ] {
        let mut cut = array("|u1", "17000, 6", &bytes);
        let header = cut.len() - bytes.len();
        cut.resize(if length == 100 { header + 72 } else { length }, 0);
        let file = Place::new("ingest-cut", &[("x.npy", cut)]);
        let (source, to) = (file.path().join("x.npy"), file.path().join("x.cache"));
        let told = make(&source, &to, None, 1 << 20).unwrap_err().to_string();
        assert!(
            told.contains(found) && told.contains("expected 102000 bytes"),
            "{told}"
        );
    }
}

#[test]
fn rows_of_arrays_have_their_numbers_in_the_file() {
    let whole = array("|u1", "17000, 6", &[7; 17_000 * 6]);
    let file = Place::new("ingest-numbers", &[("x.npy", whole)]);
    let (source, mut last) = (Source::Path(file.path().join("x.npy")), None);
    each_piece(&source, &ReadOptions::default(), 1000, &mut |loaded| {
        last = loaded.train.line_of(loaded.train.rows - 1).row;
        Ok(())
    })
    .unwrap();
    assert_eq!(last, Some(17_000));
}
