//! Folders of PNG and JPEG images, a folder for each class; single images to predict.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use thalweg_core::dataset::Values;
use thalweg_core::registry::Description;

use super::format::{Folder, Format};
use crate::compression::{BOMB, is_bomb};
use crate::error::{Error, Location, Note, Result, quote_list};
use crate::images::{Image, JPEG, PNG};
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::{Block, Column, ColumnData, Table};
use crate::text::whole;

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "images",
        summary: "PNG and JPEG images: a folder with a folder of them for each class, parts `train` and `test` if there are such, or images to predict",
        equation: "",
        source: "W3C: Portable Network Graphics; ITU-T T.81",
        parameters: &[],
    },
    endings: &["png", "jpg", "jpeg"],
    recognizes: |head| head.starts_with(PNG) || head.starts_with(JPEG),
    read: |mut input, options| {
        let bytes = input.take(u64::MAX)?;
        let images = vec![decode(&input.file, &bytes)?];
        let mut notes = Vec::new();
        let pixels = pixels(images, wanted(options), &mut notes);
        Ok(Loaded {
            notes,
            ..Table::without_lines(input.file, 1, vec![pixels]).into()
        })
    },
    write: None,
    chunks: None,
    folder: Some(Folder {
        summary: "images, a folder for each class",
        recognizes: |folder| {
            has_images(folder)
                || has_classes(folder)
                || part(folder, TRAIN).is_some_and(|folder| has_classes(&folder))
        },
        read: read_folder,
    }),
    #[cfg(test)]
    example: || crate::images::tests::encode(2, 1, png::ColorType::Grayscale, &[3, 200]),
};

const ENDINGS: &[&str] = &["png", "jpg", "jpeg"];
/// The column with the names of the files of images for a model.
const FILE: &str = "file";
const TRAIN: &[&str] = &["train", "training"];
const TEST: &[&str] = &["test", "testing"];

/// An image file and the folder that it lies in.
struct Found {
    path: PathBuf,
    class: Option<String>,
}

/// The folders inside, by name; hidden ones do not count.
fn folders(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut folders: Vec<(String, PathBuf)> =
        entries(folder).filter(|(_, path)| path.is_dir()).collect();
    folders.sort();
    folders
}

fn entries(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.map(|entry| {
        (
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        )
    });
    named.filter(|(name, _)| !name.starts_with('.'))
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ENDINGS
        .iter()
        .any(|image| ending.eq_ignore_ascii_case(image))
        && path.is_file()
}

fn has_images(folder: &Path) -> bool {
    entries(folder).any(|(_, path)| is_image(&path))
}

/// Whether most folders inside hold images.
fn has_classes(folder: &Path) -> bool {
    let folders = folders(folder);
    let with_images = folders.iter().filter(|(_, path)| has_images(path)).count();
    2 * with_images > folders.len()
}

/// The folder of a part of the data.
fn part(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let is = |name: &str| names.iter().any(|part| name.eq_ignore_ascii_case(part));
    folders(folder)
        .into_iter()
        .find_map(|(name, path)| is(&name).then_some(path))
}

fn read_folder(folder: &Path, options: &ReadOptions) -> Result<Loaded> {
    let mut notes = Vec::new();
    let train = part(folder, TRAIN).filter(|_| !has_images(folder));
    let test = train.as_ref().and_then(|_| part(folder, TEST));
    let first = read_part(
        train.as_deref().unwrap_or(folder),
        wanted(options),
        wanted(options).is_some(),
        &mut notes,
    )?;
    let shape = first.image_shape();
    let test = test
        .map(|test| read_part(&test, shape, wanted(options).is_some(), &mut notes))
        .transpose()?;
    if let Some(train) = &train {
        let used = [TRAIN, TEST].concat();
        let others = folders(folder).into_iter().map(|(name, _)| name);
        let others: Vec<String> = others
            .filter(|name| !used.contains(&name.to_lowercase().as_str()))
            .collect();
        if !others.is_empty() {
            let names = quote_list(others.iter().map(String::as_str));
            let text = format!("folders beside {} are not read: {names}", train.display());
            notes.push(Note::warning(text));
        }
    }
    Ok(Loaded {
        train: first,
        test,
        notes,
    })
}

/// The shape of the images that a model was trained on.
fn wanted(options: &ReadOptions) -> Option<Vec<usize>> {
    options.expected.as_ref()?.image.clone()
}

/// The images in a folder, or in the folders inside; by class and name.
fn list(folder: &Path, notes: &mut Vec<Note>) -> Vec<Found> {
    let (mut found, mut others) = (Vec::new(), Vec::new());
    let mut add = |folder: &Path, class: Option<&str>| {
        let mut files: Vec<(String, PathBuf)> =
            entries(folder).filter(|(_, path)| !path.is_dir()).collect();
        files.sort();
        for (name, path) in files {
            match is_image(&path) {
                true => found.push(Found {
                    path,
                    class: class.map(str::to_owned),
                }),
                false => others.push(name),
            }
        }
    };
    match has_images(folder) {
        true => add(folder, None),
        false => folders(folder)
            .iter()
            .for_each(|(class, path)| add(path, Some(class))),
    }
    if !others.is_empty() {
        let names = quote_list(others.iter().map(String::as_str));
        notes.push(Note::warning(format!(
            "files that are no PNG or JPEG images are left out: {names}"
        )));
    }
    found
}

/// The images of files, in their order, decoded on all threads.
fn decode_all(files: &[Found]) -> Result<Vec<Image>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let each = |files: &[Found]| {
        let (mut packed, mut unpacked) = (0, 0);
        let decode = |found: &Found| {
            let name = found.path.display().to_string();
            let bytes = fs::read(&found.path).map_err(|error| Error::reading(&name, error))?;
            let image = decode(&name, &bytes)?;
            packed += bytes.len() as u64;
            unpacked += image.pixels.len() as u64;
            match is_bomb(packed, unpacked) {
                true => Err(Error::invalid(Location::file(name), BOMB, "images")),
                false => Ok(image),
            }
        };
        files.iter().map(decode).collect::<Result<Vec<Image>>>()
    };
    let parts: Vec<Result<Vec<Image>>> = std::thread::scope(|scope| {
        let parts = files.chunks(files.len().div_ceil(threads).max(1));
        let threads: Vec<_> = parts
            .map(|part| (part, scope.spawn(move || each(part))))
            .collect();
        // What a thread lost, a decoder that panicked, is damage.
        let lost = |part: &[Found]| {
            let name = part.first().map(|found| found.path.display().to_string());
            let location = Location::file(name.unwrap_or_default());
            Err(Error::invalid(
                location,
                "a damaged image from here on",
                "a PNG or JPEG image",
            ))
        };
        let join = threads.into_iter();
        join.map(|(part, thread)| thread.join().unwrap_or_else(|_| lost(part)))
            .collect()
    });
    let parts: Vec<Vec<Image>> = parts.into_iter().collect::<Result<_>>()?;
    Ok(parts.into_iter().flatten().collect())
}

fn decode(file: &str, bytes: &[u8]) -> Result<Image> {
    Image::decode(bytes).map_err(|fault| {
        let location = Location::file(file);
        Error::invalid(location, fault.to_string(), "a PNG or JPEG image").remedy(fault.remedy())
    })
}

/// A column of pixels of this shape, or of the one that most images have.
fn pixels(images: Vec<Image>, shape: Option<Vec<usize>>, notes: &mut Vec<Note>) -> Column {
    let shape = match shape.as_deref() {
        Some(&[height, width]) => [1, height, width],
        Some(&[channels @ (1 | 3), height, width]) => [channels, height, width],
        _ => common_shape(&images),
    };
    let [channels, height, width] = shape;
    let (all, is_other) = (images.len(), |image: &&Image| {
        (image.height, image.width) != (height, width)
    });
    let others = images.iter().filter(is_other).count();
    if others > 0 {
        let [others, all] = [others, all].map(whole);
        let text = format!("{others} of {all} images are resized to {width}×{height} pixels");
        notes.push(Note::warning(text));
    }
    let in_color = images
        .iter()
        .filter(|image| image.channels > channels)
        .count();
    if in_color > 0 {
        let [in_color, all] = [in_color, all].map(whole);
        let text = format!("{in_color} of {all} images are in color and are turned gray");
        notes.push(Note::warning(text));
    }
    let mut bytes = Vec::with_capacity(all * channels * height * width);
    // Each image goes as soon as its pixels are copied.
    images
        .into_iter()
        .for_each(|image| bytes.extend(image.planes(shape)));
    let values = Values::U8 {
        bytes,
        scale: 1.0,
        offset: 0.0,
    };
    let shape = match channels {
        1 => vec![height, width],
        _ => shape.to_vec(),
    };
    Column {
        name: "pixels".to_owned(),
        data: ColumnData::Block(Block { shape, values }),
    }
}

/// The images of a folder, and their classes if there are folders inside.
fn read_part(
    folder: &Path,
    shape: Option<Vec<usize>>,
    is_for_model: bool,
    notes: &mut Vec<Note>,
) -> Result<Table> {
    let files = list(folder, notes);
    let pixels = pixels(decode_all(&files)?, shape, notes);
    let name = folder.display().to_string();
    let mut columns = vec![pixels];
    if is_for_model {
        let file = |found: &Found| {
            let file = found.path.strip_prefix(folder).unwrap_or(&found.path);
            file.display().to_string()
        };
        let files: Vec<String> = files.iter().map(file).collect();
        columns.push(Column {
            name: FILE.to_owned(),
            data: ColumnData::texts(files.iter().map(String::as_str)),
        });
    }
    let mut table = Table::without_lines(name, files.len(), columns);
    table.roles.names = is_for_model.then(|| FILE.to_owned());
    if files.iter().any(|found| found.class.is_some()) {
        let labels = files
            .iter()
            .map(|found| found.class.as_deref().unwrap_or_default());
        table.add_target("label", ColumnData::texts(labels))?;
    }
    Ok(table)
}

/// The most frequent size, the smaller one among equals; in color if any image is.
fn common_shape(images: &[Image]) -> [usize; 3] {
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for image in images {
        *counts.entry((image.height, image.width)).or_default() += 1;
    }
    let most = counts
        .iter()
        .max_by_key(|&(&(height, width), &count)| (count, std::cmp::Reverse(height * width)));
    let (height, width) = most.map_or((1, 1), |(&size, _)| size);
    let channels = images.iter().map(|image| image.channels).max().unwrap_or(1);
    [channels, height, width]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExpectedColumns;
    use crate::formats::read;
    use crate::images::tests::encode;
    use crate::input::Input;
    use crate::testing::Place;
    use png::ColorType::{Grayscale, Rgb};

    fn load(place: &Place, options: &ReadOptions) -> Result<Loaded> {
        read_folder(place.path(), options)
    }

    fn gray(value: u8) -> Vec<u8> {
        encode(2, 1, Grayscale, &[value, value])
    }

    fn pixels(table: &Table) -> (&[usize], &[u8]) {
        match &table.columns[0].data {
            ColumnData::Block(Block {
                shape,
                values: Values::U8 { bytes, .. },
            }) => (shape, bytes),
            other => panic!("{other:?}"),
        }
    }

    fn labels(table: &Table) -> Vec<String> {
        let column = table.column("label").unwrap();
        (0..table.rows)
            .map(|row| column.text(row).unwrap())
            .collect()
    }

    #[test]
    fn a_folder_for_each_class_is_read_by_class_and_name() {
        let place = Place::new(
            "classes",
            &[
                ("dogs/1.png", gray(3)),
                ("cats/b.PNG", gray(2)),
                ("cats/a.png", gray(1)),
                ("cats/notes.txt", b"text".to_vec()),
                (".DS_Store", vec![0]),
            ],
        );
        let loaded = load(&place, &ReadOptions::default()).unwrap();
        assert_eq!(
            pixels(&loaded.train),
            (&[1, 2][..], &[1, 1, 2, 2, 3, 3][..])
        );
        assert_eq!(labels(&loaded.train), ["cats", "cats", "dogs"]);
        assert_eq!(loaded.train.roles.classes, Some(true));
        assert!(loaded.notes[0].text.contains("left out: \"notes.txt\""));
    }

    #[test]
    fn parts_are_read_and_sizes_and_colors_become_one() {
        let color = encode(4, 2, Rgb, &[[8, 9, 10]; 8].concat());
        let place = Place::new(
            "parts",
            &[
                ("train/a/1.png", color),
                ("train/b/1.png", gray(7)),
                ("train/b/2.png", gray(9)),
                ("test/a/1.png", gray(5)),
                ("val/a/1.png", gray(5)),
            ],
        );
        let loaded = load(&place, &ReadOptions::default()).unwrap();
        let expected = [8, 8, 9, 9, 10, 10, 7, 7, 7, 7, 7, 7, 9, 9, 9, 9, 9, 9];
        assert_eq!(pixels(&loaded.train), (&[3, 1, 2][..], &expected[..]));
        assert_eq!(
            pixels(loaded.test.as_ref().unwrap()),
            (&[3, 1, 2][..], &[5; 6][..])
        );
        let notes: Vec<&str> = loaded.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(notes[0], "1 of 3 images are resized to 2×1 pixels");
        assert!(notes[1].ends_with("are not read: \"val\""), "{notes:?}");
    }

    #[test]
    fn images_to_predict_take_the_shape_of_the_model() {
        let place = Place::new("predict", &[("1.png", encode(1, 1, Rgb, &[4, 4, 4]))]);
        let options = ReadOptions {
            expected: Some(ExpectedColumns {
                image: Some(vec![1, 2]),
                ..Default::default()
            }),
            ..Default::default()
        };
        let loaded = load(&place, &options).unwrap();
        assert_eq!(pixels(&loaded.train), (&[1, 2][..], &[4, 4][..]));
        assert!(loaded.train.column("label").is_none());
        let single = read(Input::bytes("1.png", gray(6)).unwrap(), &options).unwrap();
        assert_eq!(pixels(&single.train), (&[1, 2][..], &[6, 6][..]));
    }

    #[test]
    fn a_damaged_image_is_named() {
        let place = Place::new(
            "damaged",
            &[("a/1.png", gray(1)), ("b/2.jpg", b"\xff\xd8\xff".to_vec())],
        );
        let message = load(&place, &ReadOptions::default())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("2.jpg: found a damaged image ("),
            "{message}"
        );
    }
}
