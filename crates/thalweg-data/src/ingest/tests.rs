//! Caches hold what the files hold, in the promised order; and nothing damaged is taken for one.

mod arrays;
mod sums;

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::*;
use crate::cache::Cache;
use crate::reading::ReadAs;
use crate::source::read;
use crate::table::{ColumnData, Table};
use crate::testing::Place;

/// Rows of every kind; some columns are text in late rows alone.
fn table(rows: usize) -> String {
    let mut text = String::from("id,amount,code,late,when,none,note,y\n");
    for i in 0..rows {
        let code = if i % 7 == 0 {
            format!("0{i}")
        } else {
            i.to_string()
        };
        let late = if i + 3 == rows {
            "x".to_owned()
        } else {
            format!("{}.50", i % 9)
        };
        let amount = match i % 11 {
            0 => "-999".to_owned(),
            _ => format!("{}", i % 50),
        };
        let none = ["None", "", "a b", "NA"][i % 4];
        let note = if i % 1000 == 5 {
            "\"two\nlines, \"\"quoted\"\"\""
        } else {
            "plain"
        };
        let day = 1 + i % 28;
        text += &format!(
            "{i},{amount},{code},{late},{day}.12.2024,{none},{note},{}\n",
            i as f64 / 3.0
        );
    }
    text
}

/// Rows of libsvm: of the first ones all numbers are 1, some rows are empty, a late one has the largest index.
fn sparse(rows: usize) -> String {
    let row = |i: usize| {
        let number = match (i < rows / 3, i % 5) {
            (true, _) => "1".to_owned(),
            (_, 0) => format!("0.{i}"),
            _ => format!("{}.5", i % 9),
        };
        let last = if i + 2 == rows { 3000 } else { 500 };
        let pairs = (0..i % 7).map(|at| format!(" {}:{}", i % 31 + at * last / 7, number));
        format!("{}{}\n", i % 2, pairs.collect::<String>())
    };
    (0..rows).map(row).collect()
}

/// Objects of which some columns come late, and some are text in late rows alone.
fn objects(rows: usize) -> String {
    let row = |i: usize| {
        let code = match i + 3 < rows {
            true => format!("{}", i % 50),
            false => format!("\"z{i}\""),
        };
        let late = match i * 2 < rows {
            true => String::new(),
            false => format!(
                ", \"late\": {}.25, \"word\": \"w{}\", \"v\": [{i}, 0.5]",
                i % 9,
                i % 3
            ),
        };
        let day = 1 + i % 28;
        format!("{{\"x\": {i}, \"code\": {code}, \"when\": \"2024-12-{day:02}\"{late}}}\n")
    };
    (0..rows).map(row).collect()
}

/// Rows of ARFF: numbers, declared values, dates and texts, some missing, some rows sparse.
fn arff(rows: usize) -> String {
    let head = "% A comment.\n@relation t\n@attribute x real\n@attribute kind {a,'b c'}\n\
                @attribute day date \"yyyy-MM-dd\"\n@attribute word string\n@data\n";
    let row = |i: usize| match i % 7 {
        0 => format!("{{0 {i}, 2 2024-01-02}}\n"),
        1 => "?,?,?,?\n".to_owned(),
        _ => format!(
            "{i}.5,{},2024-02-{:02},{}\n",
            ["a", "'b c'"][i % 2],
            1 + i % 28,
            // Numbers alone, until there is text.
            if i < 16_900 {
                i.to_string()
            } else {
                format!("w{i}")
            }
        ),
    };
    format!("{head}{}", (0..rows).map(row).collect::<String>())
}

fn make(source: &Path, to: &Path, shuffle: Option<u64>, memory: u64) -> Result<Ingested> {
    let how = Ingest {
        read: &ReadOptions::default(),
        shuffle,
        block_rows: Some(300),
        memory,
        again: None,
    };
    ingest(&Source::Path(source.to_owned()), to, &how, &mut |_| {})
}

fn open(path: &Path) -> Result<Cache<File>> {
    let file = File::open(path).map_err(|error| Error::reading("cache", error))?;
    Cache::open(file, &path.display().to_string())
}

fn whole(path: &Path) -> Table {
    let mut cache = open(path).unwrap();
    cache.table(0..cache.blocks()).unwrap()
}

/// What is in the columns, and where each row was.
fn contents(table: &Table) -> String {
    let lines: Vec<u64> = (0..table.rows).map(|row| table.number(row)).collect();
    format!("{:?} {:?} {lines:?}", table.columns, table.readings)
}

#[test]
fn a_cache_holds_what_reading_the_file_holds_in_the_order_of_the_seed() {
    // More rows than a piece of the first pass has.
    let place = Place::new("ingest-same", &[("t.csv", table(17_000).into_bytes())]);
    let (csv, cache) = (place.path().join("t.csv"), place.path().join("t.cache"));
    for shuffle in [None, Some(3)] {
        let options = ReadOptions {
            shuffle,
            ..ReadOptions::default()
        };
        let expected = read(&Source::Path(csv.clone()), &options).unwrap().train;
        assert!(
            expected
                .readings
                .values()
                .any(|reading| reading.kind == ReadAs::Dates)
        );
        assert!(matches!(
            expected.column("late").unwrap().data,
            ColumnData::Text(_)
        ));
        // Many buckets, and one.
        for memory in [1 << 20, 1 << 30] {
            let made = make(&csv, &cache, shuffle, memory).unwrap();
            assert_eq!((made.rows, made.columns), (17_000, 8));
            let read = whole(&cache);
            assert!(
                contents(&read) == contents(&expected),
                "{shuffle:?} {memory}"
            );
        }
    }
    // One column of a block alone.
    let mut cache = open(&cache).unwrap();
    let (block, all) = (
        cache.block(2, Some(&[7])).unwrap(),
        cache.table(0..57).unwrap(),
    );
    assert_eq!((block.columns.len(), block.rows), (1, 300));
    assert_eq!(block.columns[0].text(4), all.column("y").unwrap().text(604));
    assert_eq!(block.line_of(4), all.line_of(604));
}

/// A cache of a file is what reading it gives, in pieces.
fn is_what_is_read(name: &str, bytes: Vec<u8>, options: &ReadOptions) {
    assert!(
        holds_what_is_read(name, bytes, options),
        "{name} is read whole"
    );
}

/// A cache of a file is what reading it gives, in the order of the file and in one by a seed; whether it came in pieces.
fn holds_what_is_read(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> bool {
    let place = Place::new(&format!("ingest-{name}"), &[(name, bytes)]);
    let (file, cache) = (place.path().join(name), place.path().join("t.cache"));
    let source = Source::Path(file);
    for (shuffle, memory) in [(None, 1 << 20), (Some(3), 1 << 21)] {
        let own = ReadOptions {
            shuffle,
            ..options.clone()
        };
        let expected = read(&source, &own).unwrap().train;
        let how = Ingest {
            read: options,
            shuffle,
            block_rows: None,
            memory,
            again: None,
        };
        ingest(&source, &cache, &how, &mut |_| {}).unwrap();
        let made = whole(&cache);
        assert!(
            contents(&made) == contents(&expected),
            "{name} {shuffle:?} {memory}"
        );
        assert_eq!(made.roles, expected.roles, "{name}");
    }
    let pieces = pieces::Rows::of(&source, options, &mut Teller::new(&mut |_| {}, 1));
    matches!(pieces.unwrap().0, Rows::Files(_))
}

#[test]
fn caches_of_other_formats_hold_what_reading_the_file_holds() {
    let options = |sparse| ReadOptions {
        sparse,
        ..ReadOptions::default()
    };
    is_what_is_read(
        "sparse.svm",
        sparse(17_000).into_bytes(),
        &options(Some(true)),
    );
    // Less than a tenth of 51 million cells, and a table.
    is_what_is_read("much.svm", sparse(17_000).into_bytes(), &options(None));
    is_what_is_read("table.svm", sparse(2000).into_bytes(), &options(None));
    let hashed = ReadOptions {
        hash_columns: Some(97),
        ..ReadOptions::default()
    };
    is_what_is_read("hashed.svm", sparse(2000).into_bytes(), &hashed);
    is_what_is_read("t.jsonl", objects(17_000).into_bytes(), &options(None));
    let array: Vec<String> = objects(17_000).lines().map(str::to_owned).collect();
    let array = format!("[{}]", array.join(",\n"));
    let marked = [b"\xef\xbb\xbf \n", array.as_bytes()].concat();
    is_what_is_read("t.json", array.into_bytes(), &options(None));
    is_what_is_read("marked.json", marked, &options(None));
    is_what_is_read("t.arff", arff(17_000).into_bytes(), &options(None));
    let csv = Place::new(
        "ingest-as-parquet",
        &[("t.csv", table(17_000).into_bytes())],
    );
    let source = Source::Path(csv.path().join("t.csv"));
    let loaded = read(&source, &options(None)).unwrap().train;
    let parquet = crate::formats::write(&loaded, "t.parquet").unwrap();
    is_what_is_read("t.parquet", parquet, &options(None));
    let arrow = include_bytes!("../../tests/small.arrow").to_vec();
    is_what_is_read("small.arrow", arrow, &options(None));
}

#[test]
fn several_files_of_sparse_rows_have_the_columns_of_all() {
    let files = [
        ("a-1.svm", b"1 3:1\n".to_vec()),
        ("a-2.svm", b"0 8:0.5 1:2\n".to_vec()),
    ];
    let place = Place::new("ingest-sparse-parts", &files);
    let source = Source::parse(&format!("{}/a-*.svm", place.path().display())).unwrap();
    let options = ReadOptions {
        sparse: Some(true),
        ..ReadOptions::default()
    };
    let how = Ingest {
        read: &options,
        shuffle: None,
        block_rows: None,
        memory: 1 << 20,
        again: None,
    };
    let to = place.path().join("a.cache");
    ingest(&source, &to, &how, &mut |_| {}).unwrap();
    let (made, expected) = (whole(&to), read(&source, &options).unwrap().train);
    assert_eq!(made.sparse_width(), Some(9));
    assert_eq!(
        format!("{:?}", made.columns),
        format!("{:?}", expected.columns)
    );
}

#[test]
fn several_files_are_one_cache() {
    let place = Place::new(
        "ingest-parts",
        &[
            ("a-1.csv", b"a,b\n1,2.50\n3,4\n".to_vec()),
            ("a-2.csv", b"b,a\nx,5\n7.0,6\n".to_vec()),
        ],
    );
    let place_of = |name: &str| place.path().join(name);
    std::fs::write(place_of("_SUCCESS"), "").unwrap();
    let pattern = Source::parse(&format!("{}/a-*.csv", place.path().display())).unwrap();
    let other = Place::new("ingest-of-parts", &[("none", Vec::new())]);
    let to = other.path().join("a.cache");
    let (plain, mut made) = (ReadOptions::default(), Vec::new());
    let folder = || Source::Path(place.path().to_owned());
    for (source, shuffle) in [(pattern, None), (folder(), None), (folder(), Some(3))] {
        let read_options = ReadOptions {
            shuffle,
            ..plain.clone()
        };
        let how = Ingest {
            read: &plain,
            shuffle,
            block_rows: None,
            memory: 1 << 20,
            again: None,
        };
        ingest(&source, &to, &how, &mut |_| {}).unwrap();
        let (made_of, expected) = (whole(&to), read(&source, &read_options).unwrap().train);
        assert_eq!(
            format!("{:?}", made_of.columns),
            format!("{:?}", expected.columns)
        );
        let places = |table: &Table| (0..4).map(|row| table.line_of(row)).collect::<Vec<_>>();
        assert_eq!(places(&made_of), places(&expected));
        let all = open(&to).unwrap().columns(&[1]).unwrap();
        assert_eq!(places(&all), places(&expected));
        made.push(format!("{:?}", made_of.columns));
        let rows = Rows::of(&source, &plain, &mut Teller::new(&mut |_| {}, 1));
        assert!(matches!(rows.unwrap().0, Rows::Files(_)), "{source}");
    }
    assert_eq!(made[0], made[1]);
}

#[test]
fn a_file_that_changes_meanwhile_makes_no_cache_and_one_that_changed_since_is_noticed() {
    let place = Place::new("ingest-changed", &[("t.csv", table(50).into_bytes())]);
    let (csv, cache) = (place.path().join("t.csv"), place.path().join("t.cache"));
    let how = Ingest {
        read: &ReadOptions::default(),
        shuffle: Some(0),
        block_rows: None,
        memory: 1 << 20,
        again: None,
    };
    let mut changes = 0;
    let failed = ingest(&Source::Path(csv.clone()), &cache, &how, &mut |_| {
        changes += 1;
        std::fs::write(&csv, table(50 + changes)).unwrap();
    });
    assert!(
        failed
            .unwrap_err()
            .to_string()
            .contains("changed while it was read")
    );
    let files: Vec<PathBuf> = std::fs::read_dir(place.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files, std::slice::from_ref(&csv));
    make(&csv, &cache, None, 1 << 20).unwrap();
    assert_eq!(open(&cache).unwrap().stale(), None);
    std::fs::write(&csv, table(49)).unwrap();
    assert!(
        open(&cache)
            .unwrap()
            .stale()
            .unwrap()
            .contains("has another size since")
    );
}

/// Takes so many bytes, and no more.
#[derive(Default)]
struct Full {
    room: usize,
    bytes: Cursor<Vec<u8>>,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= bytes.len();
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Full {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl Read for Full {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(to)
    }
}

#[test]
fn a_disk_that_is_full_at_any_byte_leaves_no_cache() {
    fails_at_every_byte("t.csv", table(40), None);
    fails_at_every_byte("t.svm", sparse(40), Some(true));
}

fn fails_at_every_byte(name: &str, text: String, sparse: Option<bool>) {
    let place = Place::new(&format!("ingest-full-{name}"), &[(name, text.into_bytes())]);
    let source = Source::Path(place.path().join(name));
    let options = ReadOptions {
        sparse,
        ..ReadOptions::default()
    };
    let origin = origin(&source, &options).unwrap();
    let mut nothing = |_: &Progress| {};
    let mut teller = Teller::new(&mut nothing, 1);
    let (rows, _) = Rows::of(&source, &options, &mut teller).unwrap();
    let how = Ingest {
        read: &options,
        shuffle: Some(1),
        block_rows: Some(16),
        memory: 1 << 20,
        again: None,
    };
    let mut write_with = |room: usize, spill: usize| {
        let (mut out, mut on_disk) = (
            Full {
                room,
                ..Full::default()
            },
            Full {
                room: spill,
                ..Full::default()
            },
        );
        let written = write(
            &rows,
            &origin,
            (&mut out, &mut on_disk),
            "t.cache",
            &how,
            &mut teller,
        )
        .map(|_| ());
        (written, out.bytes, spill - on_disk.room)
    };
    let (written, whole, spilled) = write_with(1 << 20, 1 << 20);
    written.unwrap();
    let length = whole.get_ref().len();
    let mut made = Cache::open(whole, "t.cache").unwrap();
    assert_eq!(made.table(0..made.blocks()).unwrap().rows, 40);
    // The header is written twice.
    for room in 0..length {
        let (written, bytes, _) = write_with(room, 1 << 20);
        let told = written.unwrap_err().to_string();
        assert!(
            told.contains("a place that cannot be written"),
            "{room}: {told}"
        );
        assert!(
            Cache::open(bytes, "t.cache").is_err(),
            "{room} bytes are a cache"
        );
    }
    for room in 0..spilled {
        let (written, bytes, _) = write_with(1 << 20, room);
        assert!(
            written.is_err() && Cache::open(bytes, "t.cache").is_err(),
            "{room}"
        );
    }
}

#[test]
fn no_byte_of_a_cache_may_be_another_and_none_may_be_missing() {
    every_change_is_noticed("t.csv", table(30), None);
    every_change_is_noticed("t.svm", sparse(30), Some(true));
}

fn every_change_is_noticed(name: &str, text: String, sparse: Option<bool>) {
    let place = Place::new(
        &format!("ingest-damage-{name}"),
        &[(name, text.into_bytes())],
    );
    let to = place.path().join("t.cache");
    let options = ReadOptions {
        sparse,
        ..ReadOptions::default()
    };
    let how = Ingest {
        read: &options,
        shuffle: Some(1),
        block_rows: Some(12),
        memory: 1 << 20,
        again: None,
    };
    ingest(
        &Source::Path(place.path().join(name)),
        &to,
        &how,
        &mut |_| {},
    )
    .unwrap();
    let whole = std::fs::read(&to).unwrap();
    let read = |bytes: Vec<u8>| {
        Cache::open(Cursor::new(bytes), "t.cache")
            .and_then(|mut cache| cache.table(0..cache.blocks()))
    };
    read(whole.clone()).unwrap();
    for at in 0..whole.len() {
        for change in [1, 0x80, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let told = read(bytes).map(|_| ()).unwrap_err().to_string();
            let is_named = told.contains("a damaged cache") || told.contains("a cache of version");
            assert!(
                is_named && told.contains("make it anew"),
                "byte {at}: {told}"
            );
        }
    }
    for length in 0..whole.len() {
        assert!(read(whole[..length].to_vec()).is_err(), "{length} bytes");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert!(read(longer).is_err());
}

#[test]
fn what_killed_processes_left_is_removed() {
    let place = Place::new("ingest-left", &[("t.csv", table(9).into_bytes())]);
    let path = |name: &str| place.path().join(name);
    let (left, others) = (
        [
            ".t.cache.1-77.tmp",
            ".t.cache.1-77.spill",
            ".t.cache.42.tmp",
        ],
        [".u.cache.1-77.tmp", ".t.cache.a.tmp", ".t.cache.1-78.tmp"],
    );
    for name in left.iter().chain(&others) {
        std::fs::write(path(name), "x").unwrap();
    }
    // One that is being written, maybe by a process of the same number in another container.
    let written = std::fs::File::open(path(others[2])).unwrap();
    written.lock().unwrap();
    make(&path("t.csv"), &path("t.cache"), None, 1 << 20).unwrap();
    let is_there = |name: &&str| path(name).exists();
    assert!(!left.iter().any(is_there) && others.iter().all(is_there));
}

#[test]
fn clean_text_comes_in_pieces_of_the_size_that_is_asked_for() {
    let line = |i: usize| format!("{i},{},{}\n", i % 97, (i * i) % 1009);
    let text = format!("a,b,c\n{}", (0..150_000).map(line).collect::<String>());
    let place = Place::new("pieces", &[("t.csv", text.into_bytes())]);
    let source = Source::Path(place.path().join("t.csv"));
    let (mut rows, mut most, mut sum) = (0, 0, 0.0);
    each_piece(&source, &ReadOptions::default(), 1000, &mut |loaded| {
        let ColumnData::Numeric(numbers) = &loaded.train.columns[0].data else {
            panic!("numbers are numbers")
        };
        rows += numbers.len();
        most = most.max(numbers.len());
        sum += numbers.iter().sum::<f64>();
        Ok(())
    })
    .unwrap();
    assert_eq!((rows, sum), (150_000, 150_000.0 * 149_999.0 / 2.0));
    // A block of half a megabyte more, at most.
    assert!(most < 45_000, "{most}");
}
