//! What every format must do, on the example beside it.

use proptest::prelude::*;

use super::*;
use crate::testing::packed::gzip;
use crate::{FitOptions, PrepareOptions, Scaling, prepare, summarize};

fn read_as(format: Option<&str>, name: &str, bytes: &[u8]) -> Result<Loaded> {
    let options = ReadOptions {
        format: format.map(str::to_owned),
        ..Default::default()
    };
    read(Input::bytes(name, bytes.to_vec())?, &options)
}

/// Every example, plain and gzipped, with the endings of its file.
fn files() -> Vec<(&'static Format, String, Vec<u8>)> {
    let files = FORMATS.iter().flat_map(|format| {
        let ending = format.endings[0];
        let plain = (format.example)();
        let zipped = gzip(&plain);
        [(ending.to_owned(), plain), (format!("{ending}.gz"), zipped)]
            .map(|(ending, bytes)| (*format, ending, bytes))
    });
    files.collect()
}

#[test]
fn every_format_is_described() {
    for Format {
        description,
        endings,
        ..
    } in FORMATS
    {
        assert!(!description.summary.is_empty() && !endings.is_empty());
        assert!(help().contains(description.name));
    }
}

#[test]
fn files_are_recognized_by_their_first_bytes_their_ending_and_by_name() {
    for (format, ending, bytes) in files() {
        let name = Some(format.description.name);
        let rows = if name == Some("images") { 1 } else { 3 };
        let by_ending = format!("example.{ending}");
        for (format, file) in [(name, "example"), (None, "example"), (None, &by_ending)] {
            let loaded = read_as(format, file, &bytes).unwrap();
            assert_eq!(loaded.train.rows, rows, "{file} as {format:?}");
            assert_eq!(loaded.train.file, file);
        }
        let empty = Input::bytes(&by_ending, Vec::new()).unwrap();
        let found = find(&empty, &ReadOptions::default()).unwrap();
        assert_eq!(found.description.name, format.description.name);
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused_by_name() {
    for (format, ending, bytes) in files() {
        let name = format!("example.{ending}");
        // Text that ends early is the text of fewer rows.
        let is_text = !bytes.contains(&0);
        for length in 0..bytes.len() {
            for format in [None, Some(format.description.name)] {
                match read_as(format, &name, &bytes[..length]) {
                    Err(error) => assert!(error.to_string().starts_with(&name), "{error}"),
                    Ok(loaded) => assert!(is_text && loaded.train.rows <= 3, "{name} {length}"),
                }
            }
        }
    }
}

/// Reads the bytes as every format, and makes datasets of them where that succeeds.
fn survive(bytes: &[u8]) {
    for format in [None].into_iter().chain(names().into_iter().map(Some)) {
        let loaded = match read_as(format, "t.csv", bytes) {
            Ok(loaded) => loaded,
            Err(error) => {
                let line = error.to_string();
                assert!(!line.contains(char::is_control), "{line:?}");
                assert!(line.chars().count() < 2000, "{line:?}");
                continue;
            }
        };
        summarize(&loaded.train, &Default::default());
        for scaling in [Scaling::Standard, Scaling::Robust] {
            let fit = FitOptions {
                scaling,
                ..Default::default()
            };
            let options = PrepareOptions {
                fit,
                ..Default::default()
            };
            let _ = prepare(&loaded, None, None, &options);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        survive(&bytes);
        survive(&gzip(&bytes));
        for magic in [&b"\x93NUMPY\x01\x00"[..], b"PK\x03\x04", &[0, 0, 8, 2, 0, 0, 0], b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh9", b"PAR1", b"ARROW1\0\0\xff\xff\xff\xff", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"] {
            survive(&[magic, &bytes].concat());
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[-a0-9.,;\"\n\r\t? eE+]{0,200}") {
        survive(text.as_bytes());
    }

    #[test]
    fn no_text_of_a_format_makes_its_reader_panic(
        json in "(\\{(\"[ab.]\": ?([0-9eE.+-]{1,4}|null|true|\"[x\\\\\"]?\"|\\[[0-9,. ]{0,6}\\]|\\{\"c\": 1\\}),? ?){0,3}\\}?\n?){0,4}",
        arff in "@relation t\n(@attribute ['a-c ]{1,4} (real|string|\\{[a-c',]{0,5}\\})\n){0,3}@data\n([a-c0-9,?'{} \\\\\"]{0,9}\n){0,5}",
        libsvm in "([-+0-9.]{0,3}( (qid|[0-9]{1,3}):[-0-9.e]{0,4}){0,4}( #x)?\n){0,5}",
    ) {
        for text in [json, arff, libsvm] {
            survive(text.as_bytes());
        }
    }

    #[test]
    fn no_damage_to_a_valid_file_makes_a_reader_panic(
        which in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let (_, _, mut file) = which.get(&files()).clone();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if cut {
            file.truncate(keep.index(file.len()));
        }
        survive(&file);
    }
}

#[test]
fn a_sparse_matrix_of_scipy_is_sparse_rows() {
    let array = |kind: &str, shape: &str, bytes: Vec<u8>| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &bytes].concat()
    };
    let integers = |all: &[i32]| {
        let bytes: Vec<u8> = all.iter().flat_map(|x| x.to_le_bytes()).collect();
        array("<i4", &format!("{},", all.len()), bytes)
    };
    let load = |format: &[u8], ends: &[i32], options: &ReadOptions| {
        let numbers: Vec<u8> = [0.5f64, 2.0, 1.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let members = [
            ("indices.npy", integers(&[6, 1, 0])),
            ("indptr.npy", integers(ends)),
            ("format.npy", array("|S3", "", format.to_vec())),
            (
                "shape.npy",
                array("<i8", "2,", [3u64, 7].map(u64::to_le_bytes).concat()),
            ),
            ("data.npy", array("<f8", "3,", numbers)),
        ];
        let members: Vec<(&str, &[u8])> = members
            .iter()
            .map(|(name, all)| (*name, &all[..]))
            .collect();
        read(
            Input::bytes("t.npz", crate::testing::packed::zip(&members)).unwrap(),
            options,
        )
    };
    let sparse = ReadOptions {
        sparse: Some(true),
        ..ReadOptions::default()
    };
    let loaded = load(b"csr", &[0, 2, 2, 3], &sparse).unwrap();
    assert_eq!(
        (loaded.train.rows, loaded.train.sparse_width()),
        (3, Some(7))
    );
    let crate::table::ColumnData::Block(block) = &loaded.train.columns[0].data else {
        panic!("no block")
    };
    let values: Vec<f64> = (0..21).map(|i| block.value(i)).collect();
    let mut expected = [0.0; 21];
    (expected[1], expected[6], expected[14]) = (2.0, 0.5, 1.0);
    assert_eq!(values, expected);
    // By default so few cells make a dense table.
    let table = load(b"csr", &[0, 2, 2, 3], &ReadOptions::default()).unwrap();
    assert_eq!(table.train.sparse_width(), None);
    let refused = load(b"csc", &[0, 2, 2, 3], &sparse)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("a sparse matrix in \"csc\"") && refused.contains("tocsr()"),
        "{refused}"
    );
    for ends in [[0, 2, 1, 3], [1, 2, 2, 3], [0, 2, 2, 4]] {
        assert!(load(b"csr", &ends, &sparse).is_err(), "{ends:?}");
    }
}
