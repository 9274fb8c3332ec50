//! Arrays of NumPy and files of labels come in pieces.

use super::*;

/// An array of NumPy.
fn array(kind: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
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
    is_what_is_read("vector.npy", array("<i4", "25500,", &bytes), &plain);
    // Texts, where f64 does not hold the numbers.
    is_what_is_read(
        "long.npy",
        array("<i8", "900,", longs.as_flattened()),
        &plain,
    );
    is_what_is_read("t.csv", table(17_000).into_bytes(), &labelled);

    for (rows, expected) in [
        (16_999, "expected 16999, one for each row"),
        (17_001, "expected more of them"),
    ] {
        let x = array("|u1", &format!("{rows}, 6"), &vec![1; rows * 6]);
        let file = Place::new("ingest-other", &[("x.npy", x)]);
        let how = Ingest {
            read: &labelled,
            shuffle: None,
            block_rows: None,
            memory: 1 << 20,
        };
        let (source, to) = (
            Source::Path(file.path().join("x.npy")),
            file.path().join("x.cache"),
        );
        let told = ingest(&source, &to, &how, &mut |_| {})
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("found 17000 labels") && told.contains(expected),
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
