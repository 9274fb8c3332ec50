//! Compressed files, archives, and files that are recognized and not read.

use super::*;
use crate::testing::packed::{gzip, zip};
use crate::testing::utf16;

const TABLE: &str = "a,b,c\n1,x,yes\n2,y,no\n3,z,yes\n";

fn read_file(name: &str, bytes: Vec<u8>) -> Result<Loaded> {
    read(Input::bytes(name, bytes)?, &ReadOptions::default())
}

fn message(name: &str, bytes: &[u8]) -> String {
    read_file(name, bytes.to_vec()).unwrap_err().to_string()
}

fn plain() -> Loaded {
    read_file("t", TABLE.into()).unwrap()
}

fn same_as_plain(name: &str, bytes: Vec<u8>) {
    let loaded = read_file(name, bytes).unwrap();
    assert_eq!(loaded.train.columns, plain().train.columns, "{name}");
    assert_eq!(loaded.train.file, name);
}

#[test]
fn a_table_may_be_compressed_whatever_its_name() {
    for name in ["t.csv.gz", "t"] {
        same_as_plain(name, gzip(TABLE.as_bytes()));
    }
}

#[cfg(feature = "codecs")]
#[test]
fn zstd_xz_and_bzip2_are_read_and_their_damage_is_named() {
    for name in ["t.csv.zst", "t.csv.xz", "t.csv.bz2"] {
        let packed = compression::compress(name, TABLE.into()).unwrap();
        same_as_plain(name, packed.clone());
        // Members one after the other, as parallel compressors write them.
        let twice = [packed.clone(), packed.clone()].concat();
        assert!(read_file(name, twice).unwrap().train.rows > 5, "{name}");
        let cut = message(name, &packed[..packed.len() - 7]);
        assert!(
            cut.contains("damaged or truncated compressed data"),
            "{cut}"
        );
    }
}

#[test]
fn text_that_begins_as_bzip2_does_is_text() {
    assert_eq!(
        read_file("t.csv", b"BZh,b\n1,2\n".to_vec())
            .unwrap()
            .train
            .rows,
        1
    );
}

#[test]
fn a_zip_archive_of_one_table_is_read() {
    let table = ("folder/t.csv", TABLE.as_bytes());
    let junk = [
        ("__MACOSX/._t.csv", &b"\0\0"[..]),
        ("folder/", b""),
        (".DS_Store", b"\0"),
    ];
    same_as_plain("t.csv.zip", zip(&[table]));
    same_as_plain("t.zip", zip(&[junk[0], junk[1], table, junk[2]]));
    let two = message("t.zip", &zip(&[table, ("u.csv", b"a\n1\n")]));
    assert_eq!(
        two,
        "t.zip: found 2 files in a ZIP archive (\"folder/t.csv\", \"u.csv\"), expected one table \
         in it; extract it and give the file"
    );
    assert!(message("t.zip", &zip(&[])).contains("an archive without files"));
}

#[test]
fn documents_in_zip_archives_are_named() {
    let office = ("[Content_Types].xml", &b"<?xml"[..]);
    for (members, expected) in [
        (
            &[office, ("xl/workbook.xml", b"<?xml")][..],
            "an Excel file, expected a table; save the sheet as CSV",
        ),
        (
            &[office, ("word/document.xml", b"<?xml")],
            "an Office document",
        ),
        (
            &[("mimetype", b"a"), ("META-INF/manifest.xml", b"<?xml")],
            "an OpenDocument file",
        ),
        (&[("model/data.pkl", b"\x80\x02")], "a file of torch.save"),
    ] {
        let found = message("book.xlsx", &zip(members));
        assert!(
            found.starts_with(&format!("book.xlsx: found {expected}")),
            "{found}"
        );
    }
}

#[test]
fn files_that_are_not_read_are_named_with_the_way_out() {
    let mut tar = vec![b'a'; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let model = [&40u64.to_le_bytes()[..], b"{\"__metadata__\":{}}"].concat();
    for (bytes, found, remedy) in [
        (
            &b"<!DOCTYPE html>\n<html>"[..],
            "an HTML page",
            "download the file itself",
        ),
        (b"\n <HTML><body>", "an HTML page", "download"),
        (b"<?xml version=\"1.0\"?>", "an XML document", "CSV"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n",
            "a Git LFS pointer",
            "git lfs pull",
        ),
        (
            b"\x80\x04\x95\x10\0\0\0\0\0\0\0",
            "a Python pickle",
            "to_csv",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "an Excel file of before 2007",
            "save the sheet as CSV",
        ),
        (b"SQLite format 3\0", "an SQLite database", "sqlite3"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "pandas"),
        (b"%PDF-1.4", "a PDF document", "CSV"),
        (b"GIF89a", "a GIF image", "PNG"),
        (&tar, "a tar archive", "extract"),
        (&model, "a model in safetensors format", "table"),
    ] {
        let message = message("data.csv", bytes);
        assert!(
            message.starts_with(&format!("data.csv: found {found}")),
            "{message}"
        );
        assert!(message.contains(remedy), "{message}");
    }
}

#[test]
fn text_in_utf_16_is_read_with_and_without_a_mark() {
    let text = "stadt,größe,art\nZürich,11,ja\nKöln,67,nein\n";
    let expected = read_file("t.csv", text.into()).unwrap().train.columns;
    for mark in ["", "\u{feff}"] {
        let loaded = read_file("t.csv", utf16(&format!("{mark}{text}"))).unwrap();
        assert_eq!(loaded.train.columns, expected);
    }
}

#[test]
fn what_is_packed_twice_is_named() {
    let twice = message("t.csv.gz.gz", &gzip(&gzip(TABLE.as_bytes())));
    assert!(
        twice.contains("found gzip inside gzip, expected data, compressed once"),
        "{twice}"
    );
    let archive = message("t.zip", &zip(&[("t.csv.gz", &gzip(TABLE.as_bytes()))]));
    assert!(archive.contains("gzip inside a ZIP archive"), "{archive}");
    let archives = message(
        "t.zip",
        &zip(&[("u.zip", &zip(&[("t.csv", TABLE.as_bytes())]))]),
    );
    assert!(
        archives.contains("a ZIP archive inside a ZIP archive"),
        "{archives}"
    );
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_memory() {
    // 300 MiB of blank lines, compressed a thousand times.
    let bomb = compression::compress("t.gz", vec![b'\n'; 300 << 20]).unwrap();
    let found = message("t.csv.gz", &bomb);
    assert!(
        found.contains("data that expand more than 250 times, beyond 256 MiB"),
        "{found}"
    );
    let mut archive = zip(&[("t.csv", TABLE.as_bytes())]);
    let directory = archive
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    archive[directory + 24..directory + 28].copy_from_slice(&u32::MAX.to_le_bytes());
    archive[directory + 27] = 0x7f;
    let found = message("t.zip", &archive);
    assert!(found.contains("data that expand"), "{found}");
}
