//! Rows of sums of several files.

use super::*;

#[test]
fn rows_of_sums_of_every_part_are_left_out_alike_in_memory_and_on_disk() {
    let part = |first: i32, total: i32, more: &str| {
        let rows: String = (first..first + 5).map(|i| format!("a{i},{i}\n")).collect();
        format!("u,v\n{rows}Total,{total}\n{more}").into_bytes()
    };
    let files = [
        ("p1.csv", part(1, 15, "")),
        ("p2.csv", part(6, 40, "* preliminary\n")),
        // Of another sum: it stays, with a warning.
        ("p3.csv", part(11, 99, "")),
    ];
    let place = Place::new("ingest-sums", &files);
    let path = |name: &str| place.path().join(name).display().to_string();
    let pattern = Source::parse(&path("p*.csv")).unwrap();
    let folder = Source::Path(place.path().to_owned());
    let options = ReadOptions::default();
    let place_of_cache = Place::new("ingest-sums-cache", &[("any", Vec::new())]);
    for source in [&pattern, &folder] {
        let loaded = read(source, &options).unwrap();
        let names = |table: &Table| -> Vec<String> {
            (0..table.rows)
                .map(|row| table.columns[0].text(row).unwrap())
                .collect()
        };
        let mut expected: Vec<String> = (1..16).map(|i| format!("a{i}")).collect();
        expected.push("Total".to_owned());
        assert_eq!(names(&loaded.train), expected, "{source}");
        let texts = |notes: &[Note]| -> String {
            notes.iter().map(|note| note.text.clone() + "\n").collect()
        };
        let are_reported = |notes: &str| {
            let [one, two, three] = ["p1.csv", "p2.csv", "p3.csv"].map(path);
            [
                format!("{one}:7: the last row is left out as one of sums"),
                format!("{two}:7: the last row is left out as one of sums"),
                format!("{two}:8: skipped below the table"),
                format!("{three}:7: the last row may be one of sums"),
            ]
            .iter()
            .all(|note| notes.contains(note))
        };
        assert!(
            are_reported(&texts(&loaded.notes)),
            "{}",
            texts(&loaded.notes)
        );
        for size in [1, 3, 100] {
            let mut read = Vec::new();
            let notes = each_piece(source, &options, size, &mut |piece| {
                read.extend(names(&piece.train));
                Ok(())
            });
            assert_eq!(read, expected, "{size}");
            assert!(are_reported(&texts(&notes.unwrap())));
        }
        let cache = place_of_cache.path().join("t.cache");
        let how = Ingest {
            read: &options,
            shuffle: None,
            block_rows: None,
            memory: 1 << 20,
            again: None,
        };
        let made = ingest(source, &cache, &how, &mut |_| {}).unwrap();
        assert!(made.rows == 16 && are_reported(&texts(&made.notes)));
        assert_eq!(names(&whole(&cache)), expected);
    }
    // For a model all rows stay, of every file.
    let of_a_model = ReadOptions {
        expected: Some(crate::ExpectedColumns {
            names: vec!["u".into(), "v".into()],
            ..Default::default()
        }),
        ..ReadOptions::default()
    };
    assert_eq!(read(&pattern, &of_a_model).unwrap().train.rows, 18);
}
