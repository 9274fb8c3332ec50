//! Files as people have them: every format to a run, and from one to another.

#[path = "../../thalweg-data/src/testing/packed.rs"]
pub mod packed;

use std::io::Write;

use crate::common::Workplace;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use packed::{gzip, zip};

/// Rows of a table whose class follows from its numbers.
fn rows() -> Vec<(f64, u32, &'static str)> {
    let row = |i: u32| {
        (
            f64::from(i * 37 % 100) / 100.0,
            i % 10,
            if i * 37 % 100 < 50 { "cat" } else { "dog" },
        )
    };
    (0..60).map(row).collect()
}

fn csv() -> String {
    let rows = rows();
    let lines = rows
        .iter()
        .map(|(x, n, label)| format!("{x},{n},{label}\n"));
    format!("x,n,label\n{}", lines.collect::<String>())
}

/// A gray PNG image of one line (W3C: Portable Network Graphics).
fn png(pixels: &[u8]) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let checked = [kind, data].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&checked);
        [
            &(data.len() as u32).to_be_bytes()[..],
            &checked,
            &crc.sum().to_be_bytes(),
        ]
        .concat()
    };
    let size = [(pixels.len() as u32).to_be_bytes(), 1u32.to_be_bytes()].concat();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&[&[0], pixels].concat()).unwrap();
    let data = encoder.finish().unwrap();
    let header = chunk(b"IHDR", &[size, vec![8, 0, 0, 0, 0]].concat());
    [
        b"\x89PNG\r\n\x1a\n",
        header.as_slice(),
        &chunk(b"IDAT", &data),
        &chunk(b"IEND", b""),
    ]
    .concat()
}

#[test]
fn a_folder_of_images_for_each_class_trains_and_single_images_are_predicted() {
    let place = Workplace::new();
    for (class, low) in [("cats", 0), ("dogs", 200)] {
        std::fs::create_dir_all(place.path("pets").join(class)).unwrap();
        for i in 0..12u8 {
            place.write(
                &format!("pets/{class}/{i}.png"),
                png(&[low + i, low + 2 * i, low]),
            );
        }
    }
    place.write("pets/.DS_Store", b"\0");
    place.succeed("train pets --epochs 30 --seed 1 --quiet --out run");
    place.write("new.png", png(&[4, 4, 4]));
    let cat = place.succeed("predict run new.png").stdout;
    assert_eq!(cat, "label\ncats\n");
    // Of another size.
    place.write("wide.png", png(&[210; 6]));
    let dog = place.succeed("predict run wide.png");
    assert_eq!(dog.stdout, "label\ndogs\n");
    assert!(
        dog.stderr
            .contains("1 of 1 images are resized to 3×1 pixels"),
        "{}",
        dog.stderr
    );
    // Of a folder each prediction stands beside its file.
    std::fs::create_dir(place.path("new")).unwrap();
    place.write("new/b.png", png(&[4, 4, 4]));
    place.write("new/a.png", png(&[210; 3]));
    let both = place.succeed("predict run new");
    assert_eq!(both.stdout, "file,label\na.png,dogs\nb.png,cats\n");
    assert!(!both.stderr.contains("ignored"), "{}", both.stderr);
    let all = place.succeed("predict run pets").stdout;
    assert!(all.contains("\ndogs/3.png,dogs\n"), "{all}");
    assert!(
        place
            .succeed("evaluate run pets --json")
            .stdout
            .contains("\"rows\":24")
    );
}

#[test]
fn libsvm_rows_train_and_files_without_some_indices_are_predicted() {
    let place = Workplace::new();
    let row = |i: u32| match i % 3 {
        0 => format!("+1 1:{}.5 4:1\n", i % 7),
        1 => format!("-1 2:{} 3:1 # comment\n", i % 5),
        _ => format!("-1 3:{}\n", i % 4),
    };
    place.write("a.libsvm", (0..60).map(row).collect::<String>());
    place.write("b.libsvm", "+1 1:2.5 4:1\n-1 3:1\n");
    place.succeed("train a.libsvm --epochs 40 --seed 1 --quiet --out run");
    assert_eq!(
        place.succeed("predict run b.libsvm").stdout,
        "label\n1\n-1\n"
    );
}

#[test]
fn what_is_not_read_is_named_with_the_way_out() {
    let place = Workplace::new();
    place.write(
        "data.csv",
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<title>data.csv at main</title>\n",
    );
    place.write(
        "lfs.csv",
        "version https://git-lfs.github.com/spec/v1\noid sha256:abab\nsize 1234567\n",
    );
    place.write(
        "book.xlsx",
        zip(&[
            ("[Content_Types].xml", b"<?xml"),
            ("xl/workbook.xml", b"<?xml"),
        ]),
    );
    place.write("md.txt", "| x | y |\n|---|:-:|\n| 1 | 2 |\n");
    for (file, expected) in [
        (
            "md.txt",
            "md.txt: found a Markdown table, expected a table; remove its second line",
        ),
        (
            "data.csv",
            "data.csv: found an HTML page, expected a table; download the file itself",
        ),
        (
            "lfs.csv",
            "lfs.csv: found a Git LFS pointer, not the file that it points to",
        ),
        (
            "book.xlsx",
            "book.xlsx: found an Excel file, expected a table; save the sheet as CSV",
        ),
    ] {
        let message = place.refused(&format!("train {file}"));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn json_lines_and_arff_train_as_the_same_csv_does() {
    let place = Workplace::new();
    place.write("a.csv", csv());
    let rows = rows();
    let json = rows
        .iter()
        .map(|(x, n, label)| format!("{{\"x\": {x}, \"n\": {n}, \"label\": \"{label}\"}}\n"));
    place.write("a.jsonl", json.collect::<String>());
    let header = "% comment\n@relation pets\n\n@attribute x numeric\n@attribute n numeric\n@attribute label {cat,dog}\n\n@data\n";
    let data = rows
        .iter()
        .map(|(x, n, label)| format!("{x},{n},{label}\n"));
    place.write("a.arff", format!("{header}{}", data.collect::<String>()));
    place.succeed("convert a.csv a.parquet");
    let models: Vec<Vec<u8>> = ["a.csv", "a.jsonl", "a.arff", "a.parquet"]
        .map(|file| {
            place.succeed(&format!(
                "train {file} --epochs 3 --seed 1 --quiet --out run-{file}"
            ));
            place.succeed(&format!("predict run-{file} {file} --proba -o {file}.csv"));
            place.read(&format!("{file}.csv"))
        })
        .into();
    assert!(models.iter().all(|predictions| *predictions == models[0]));
}

#[test]
fn compressed_tables_and_several_files_are_read_as_one() {
    let place = Workplace::new();
    let text = csv();
    place.write("whole.csv", &text);
    place.write("train.csv.zip", zip(&[("train.csv", text.as_bytes())]));
    let (header, rows) = text.split_once('\n').unwrap();
    let half = rows.len() / 2;
    let cut = half + rows[half..].find('\n').unwrap() + 1;
    place.write("part-1.csv", format!("{header}\n{}", &rows[..cut]));
    place.write(
        "part-2.csv.gz",
        gzip(format!("{header}\n{}", &rows[cut..]).as_bytes()),
    );
    let whole = place.succeed("convert whole.csv -").stdout;
    assert_eq!(whole.lines().count(), 61);
    for source in ["train.csv.zip", "part-*", "part-1.csv,part-2.csv.gz"] {
        assert_eq!(
            place.succeed(&format!("convert {source} -")).stdout,
            whole,
            "{source}"
        );
    }
    let message = place.refused("convert none-*.csv -");
    assert!(
        message.contains("found no file that matches \"none-*.csv\""),
        "{message}"
    );
    place.write("part-3.csv", "x,n\n1,2\n");
    let message = place.refused("convert part-*.csv -");
    assert!(
        message
            .contains("part-3.csv: found no column \"label\", expected the columns of part-1.csv"),
        "{message}"
    );
}

#[test]
fn every_written_format_reads_back_the_same() {
    let place = Workplace::new();
    let text = "x,when,label\n0.5,2024-01-31,\"a, b\"\n,2024-02-29,c\n-3,2023-12-01,c\n12,2024-05-06,a\n7,2024-05-07,a\n";
    place.write("a.csv", text);
    let expected = place.succeed("convert a.csv -").stdout;
    for file in [
        "b.tsv",
        "b.jsonl",
        "b.parquet",
        "b.csv.gz",
        "b.jsonl.zst",
        "b.csv.xz",
        "b.csv.bz2",
    ] {
        place.succeed(&format!("convert a.csv {file}"));
        assert_eq!(
            place.succeed(&format!("convert {file} -")).stdout,
            expected,
            "{file}"
        );
    }
    let message = place.refused("convert a.csv b.xlsx");
    assert!(
        message.contains("expected a name that ends in"),
        "{message}"
    );
    let message = place.refused("convert a.csv a.csv");
    assert!(message.contains("expected another file"), "{message}");
}

#[test]
fn predictions_are_written_in_the_format_of_the_ending() {
    let place = Workplace::new();
    place.write("a.csv", csv());
    place.succeed("train a.csv --epochs 1 --quiet --out run");
    for proba in ["", " --proba"] {
        let expected = place.succeed(&format!("predict run a.csv{proba}")).stdout;
        for file in ["p.jsonl", "p.parquet", "p.csv"] {
            place.succeed(&format!("predict run a.csv{proba} -o {file}"));
            assert_eq!(
                place.succeed(&format!("convert {file} -")).stdout,
                expected,
                "{file}"
            );
        }
    }
}

#[test]
fn text_in_utf_16_without_a_mark_is_read() {
    let place = Workplace::new();
    let text = csv().replace("cat", "Kätzchen");
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    place.write("utf16.csv", bytes);
    place.write("utf8.csv", &text);
    assert_eq!(
        place.succeed("convert utf16.csv -").stdout,
        place.succeed("convert utf8.csv -").stdout
    );
    place.succeed("train utf16.csv --epochs 1 --quiet --out run");
}

/// Rows of nine indices, of which two or three a row are not 0, and a class that follows from them.
fn sparse_rows(first: usize, count: usize) -> String {
    let row = |i: usize| {
        let (a, b) = (i * 7 % 9, i * i % 9);
        let class = u8::from(a + b > 8);
        match a == b {
            true => format!("{class} {a}:0.5\n"),
            false => format!("{class} {}:0.75 {}:-0.5\n", a.min(b), a.max(b)),
        }
    };
    (first..first + count).map(row).collect()
}

#[test]
fn sparse_rows_train_to_the_model_of_their_dense_table() {
    let place = Workplace::new();
    place.write("rows.libsvm", sparse_rows(0, 200));
    place.write("test.libsvm", sparse_rows(200, 60));
    let how = "--scaling none --dtype f64 --hidden 4 --optimizer adagrad --epochs 3 --seed 1";
    let mut losses = Vec::new();
    for (flag, out) in [("--sparse", "sparse"), ("--no-sparse", "dense")] {
        let result = place.train(&format!(
            "rows.libsvm --test test.libsvm {flag} {how} --out {out}"
        ));
        losses.push(result["test"]["loss"].as_f64().unwrap());
        let stored = place.text(&format!("{out}/config.toml"));
        assert_eq!(
            stored.contains("\"sparse\""),
            flag == "--sparse",
            "{stored}"
        );
    }
    assert!((losses[0] - losses[1]).abs() < 1e-12, "{losses:?}");
    // The same model from its config, and its scores from its file.
    place.succeed("train --config sparse/config.toml --quiet --out again");
    assert_eq!(
        place.read("sparse/model.safetensors"),
        place.read("again/model.safetensors")
    );
    let judged = place.succeed("evaluate sparse test.libsvm --json").stdout;
    let judged: serde_json::Value = serde_json::from_str(&judged).unwrap();
    assert!(
        (judged["loss"].as_f64().unwrap() - losses[0]).abs() < 1e-12,
        "{judged}"
    );
    // Indices that the model does not know count as 0; rows come from a cache as well.
    place.write("new.libsvm", "0:0.75 5:-0.5 70:3\n0:0.75 5:-0.5\n");
    let predicted = place.succeed("predict sparse new.libsvm --proba");
    let rows: Vec<&str> = predicted.stdout.lines().skip(1).collect();
    assert!(rows.len() == 2 && rows[0] == rows[1], "{predicted:?}");
    assert!(
        predicted
            .stderr
            .contains("1 value at indices that the model does not know is ignored"),
        "{predicted:?}"
    );
    place.succeed("convert rows.libsvm rows.cache --sparse --no-shuffle");
    let result = place.train(&format!("rows.cache --test test.libsvm {how} --out cached"));
    assert_eq!(result["test"]["loss"].as_f64(), Some(losses[0]));
}

#[test]
fn hashed_indices_are_hashed_by_the_model_alone() {
    let place = Workplace::new();
    let far = |rows: String| rows.replace(" 8:", " 99999999999:");
    place.write("rows.libsvm", far(sparse_rows(0, 200)));
    place.write("new.libsvm", far(sparse_rows(200, 50)));
    let refused = place.refused("train rows.libsvm --sparse --quiet --out none");
    assert!(refused.contains("--hash-columns"), "{refused}");
    let result = place.train(
        "rows.libsvm --test new.libsvm --hash-columns 64 --optimizer adam --epochs 4 --seed 1 --out run",
    );
    assert!(
        result["test"]["accuracy"].as_f64().unwrap() > 0.6,
        "{result}"
    );
    let judged = place.succeed("evaluate run new.libsvm --json").stdout;
    let judged: serde_json::Value = serde_json::from_str(&judged).unwrap();
    assert_eq!(judged["loss"], result["test"]["loss"]);
    // Adam moves all weights, and training says so.
    let told =
        place.succeed("train rows.libsvm --hash-columns 64 --optimizer adam --epochs 1 --out told");
    assert!(told.stderr.contains("by all 64 columns"), "{told:?}");
    place.write("bad.libsvm", "1 3:nan\n0 4:1\n");
    let refused = place.refused("train bad.libsvm --sparse --quiet --out bad");
    assert!(
        refused.contains("bad.libsvm:1") && refused.contains("NaN"),
        "{refused}"
    );
}
