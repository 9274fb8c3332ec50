//! Tables, images and network files for the configurations: small, and the same on every machine.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::Result;
use crate::process::root;

/// Rows of each table, of the one of many, and images.
const ROWS: u64 = 400;
const MANY: u64 = 200_000;
const IMAGES: u64 = 160;

/// Network files by their names; those of `examples/networks` come beside them.
const NETWORKS: &[(&str, &str)] = &[
    (
        "norms.toml",
        "layers = [
  { name = 'dense', units = 24, activation = 'tanh', normalization = 'batch_norm' },
  { name = 'dense', units = 20, activation = 'gelu', normalization = 'layer_norm', dropout = 0.2 },
  { name = 'dense', units = 16, activation = 'silu', normalization = 'weight_norm' },
  { name = 'dense', units = 12, activation = 'elu', normalization = 'spectral_norm' },
  { name = 'dense' },
]",
    ),
    (
        "images.toml",
        "layers = [
  { name = 'conv2d', channels = 6, kernel = 5, stride = 2, activation = 'relu' },
  { name = 'group_norm', groups = 3 },
  { name = 'residual', layers = [{ name = 'conv2d', channels = 8, kernel = 3, padding = 1, groups = 2, activation = 'leaky_relu' }],
    projection = { name = 'conv2d', channels = 8, kernel = 1 } },
  { name = 'average_pool', kernel = 2 },
  { name = 'instance_norm' },
  { name = 'conv2d', channels = 5, kernel = 3, activation = 'mish' },
  { name = 'global_average_pool' },
  { name = 'dense' },
]",
    ),
    (
        "unflatten.toml",
        "layers = [
  { name = 'unflatten', channels = 1, height = 8, width = 8 },
  { name = 'conv2d', channels = 4, kernel = 3, padding = 1, activation = 'softplus' },
  { name = 'max_pool', kernel = 3, stride = 2, padding = 1 },
  { name = 'flatten' },
  { name = 'dense', units = 10, activation = 'hard_sigmoid' },
  { name = 'dense' },
]",
    ),
];

/// A pseudo-random number below 1,000.
fn noise(row: u64, column: u64) -> u64 {
    let mut x = row * 1_000_003 + column * 7919 + 12_345;
    for _ in 0..3 {
        x = (x ^ (x >> 15)).wrapping_mul(0x2c1b_3c6d_97a5_e3b1);
    }
    (x >> 40) % 1000
}

/// Writes them all into `folder`.
pub fn write(folder: &Path) -> Result<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    for (name, text) in tables() {
        fs::write(folder.join(name), text).map_err(failed)?;
    }
    for (name, text) in NETWORKS {
        fs::write(folder.join(name), text).map_err(failed)?;
    }
    for entry in fs::read_dir(root().join("examples/networks")).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        fs::copy(entry.path(), folder.join(entry.file_name())).map_err(failed)?;
    }
    images(folder).map_err(failed)
}

fn tables() -> [(&'static str, String); 5] {
    let mut houses = "city,area,rooms,price\n".to_owned();
    let mut risks = "age,income,region,weight,label\n".to_owned();
    let mut visits = "hour,load,visits\n".to_owned();
    let mut tags = "x,y,z,hot,wet,loud\n".to_owned();
    for row in 0..ROWS {
        let [a, b, c, d] = [0, 1, 2, 3].map(|column| noise(row, column));
        let city = a % 31;
        let rooms = if b % 13 == 0 {
            String::new()
        } else {
            (b % 7).to_string()
        };
        let price = city * 13 % 29 * 10 + b + 20 * (b % 7) + c % 50;
        let _ = writeln!(houses, "town{city},{b},{rooms},{price}");
        let label = if a + 2 * b > 2100 + c / 2 {
            "bad"
        } else {
            "good"
        };
        let _ = writeln!(risks, "{a},{b},r{},{},{label}", c % 4, 1 + d % 3);
        let _ = writeln!(visits, "{},{b},{}", a % 24, (a % 24 + b / 100 + c % 3) / 3);
        let tag = |yes: bool| u8::from(yes);
        let (hot, wet, loud) = (tag(a > 600), tag(a + b > 900), tag(c > b));
        let _ = writeln!(tags, "{a},{b},{c},{hot},{wet},{loud}");
    }
    let mut many = "a,b,c,d,label\n".to_owned();
    for row in 0..MANY {
        let [a, b, c, d] = [4, 5, 6, 7].map(|column| noise(row, column));
        let label = u8::from(a + b > c + d / 2 + 300);
        let _ = writeln!(many, "{a},{b},{c},{d},{label}");
    }
    [
        ("houses.csv", houses),
        ("risks.csv", risks),
        ("visits.csv", visits),
        ("tags.csv", tags),
        ("many.csv", many),
    ]
}

/// IDX files: 28 × 28 pixels, a bright square at a place that the class decides.
fn images(folder: &Path) -> std::io::Result<()> {
    let size = |number: u64| (number as u32).to_be_bytes();
    let mut pixels = [[0, 0, 8, 3], size(IMAGES), size(28), size(28)].concat();
    let mut labels = [[0, 0, 8, 1], size(IMAGES)].concat();
    for image in 0..IMAGES {
        let class = noise(image, 0) % 4;
        labels.push(class as u8);
        let (top, left) = (3 + 12 * (class / 2), 3 + 12 * (class % 2));
        for place in 0..28 * 28 {
            let (line, column) = (place / 28, place % 28);
            let is_bright = (top..top + 10).contains(&line) && (left..left + 10).contains(&column);
            let level = noise(image, 1 + place) / 8;
            pixels.push((level + if is_bright { 120 } else { 0 }) as u8);
        }
    }
    fs::write(folder.join("images.idx"), pixels)?;
    fs::write(folder.join("labels.idx"), labels)
}
