//! The corpora of the fuzz targets (`fuzz/`), replayed: nothing panics, and what is refused is
//! refused in one line.

use std::fs;
use std::path::Path;

use thalweg_data::{Input, PrepareOptions, ReadOptions, formats, prepare, summarize};

#[test]
fn every_file_of_the_corpora_is_read_or_refused_in_one_line() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let (mut read, mut refused) = (0, 0);
    for folder in fs::read_dir(corpus).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap();
        let known = formats::descriptions()
            .iter()
            .any(|format| format.name == name);
        let options = ReadOptions {
            format: (name != "any").then(|| name.to_owned()),
            ..ReadOptions::default()
        };
        if name != "any" && !known {
            continue;
        }
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let input = Input::open(&path);
            match input.and_then(|input| formats::read(input, &options)) {
                Ok(loaded) => {
                    summarize(&loaded.train, &Default::default());
                    let _ = prepare(&loaded, None, None, &PrepareOptions::default());
                    read += 1;
                }
                Err(error) => {
                    let line = error.to_string();
                    assert!(line.starts_with(&*path.to_string_lossy()), "{line}");
                    assert!(!line.contains(char::is_control), "{line:?}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read >= 20 && refused >= 5, "{read} read, {refused} refused");
}
