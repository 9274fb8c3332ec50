//! PNG and JPEG images of 8 bits: decoded, and resized to one size.

mod resize;

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use resize::resize;

pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
pub const JPEG: &[u8] = b"\xff\xd8\xff";

/// More pixels than any camera's; what claims more is damaged or a bomb.
const MAX_PIXELS: usize = 1 << 26;

/// An image, pixel by pixel, line by line.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    /// 1 (gray) or 3 (red, green, blue).
    pub channels: usize,
    pub pixels: Vec<u8>,
}

impl Image {
    /// Decodes a PNG or JPEG file.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        match bytes {
            bytes if bytes.starts_with(PNG) => png(bytes),
            bytes if bytes.starts_with(JPEG) => jpeg(bytes),
            _ => Err(Fault::Foreign),
        }
    }

    /// The image in this size, gray or in color, one channel after the other.
    pub fn planes(&self, [channels, height, width]: [usize; 3]) -> Vec<u8> {
        let pixels = match (self.height, self.width) == (height, width) {
            true => std::borrow::Cow::Borrowed(&self.pixels),
            false => std::borrow::Cow::Owned(resize(
                &self.pixels,
                [self.height, self.width, self.channels],
                [height, width],
            )),
        };
        let gray = |pixel: &[u8]| match *pixel {
            // Luma of ITU-R BT.601, as Pillow has it.
            [r, g, b] => {
                ((u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114 + 500) / 1000) as u8
            }
            _ => pixel[0],
        };
        let each = pixels.chunks_exact(self.channels);
        match channels {
            1 => each.map(gray).collect(),
            _ => (0..channels)
                .flat_map(|c| each.clone().map(move |pixel| pixel[c % self.channels]))
                .collect(),
        }
    }
}

/// Why a file is no image that is read.
#[derive(Debug, PartialEq)]
pub enum Fault {
    Foreign,
    Damaged(String),
    /// Of this width and height.
    Large(usize, usize),
}

impl Fault {
    /// What helps.
    pub fn remedy(&self) -> &'static str {
        match self {
            Fault::Foreign | Fault::Damaged(_) => "remove it or save it again",
            Fault::Large(..) => "resize it; an image may have 2^26 pixels",
        }
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Fault::Damaged(why.lines().next().unwrap_or_default().to_owned())
    }
}

impl From<&str> for Fault {
    fn from(why: &str) -> Self {
        Fault::Damaged(why.to_owned())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Foreign => f.write_str("neither a PNG nor a JPEG image"),
            Fault::Damaged(why) => write!(f, "a damaged image ({why})"),
            Fault::Large(width, height) => write!(f, "an image of {width}×{height} pixels"),
        }
    }
}

fn png(bytes: &[u8]) -> Result<Image, Fault> {
    let limits = png::Limits {
        bytes: 8 * MAX_PIXELS,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    check_size(width, height)?;
    let size = reader.output_buffer_size().ok_or("its size")?;
    let mut pixels = vec![0; size];
    let frame = reader
        .next_frame(&mut pixels)
        .map_err(|error| error.to_string())?;
    reader.finish().map_err(|error| error.to_string())?;
    pixels.truncate(frame.buffer_size());
    let samples = frame.color_type.samples();
    let channels = if samples >= 3 { 3 } else { 1 };
    if samples != channels {
        pixels = over_white(&pixels, channels);
    }
    Ok(Image {
        width,
        height,
        channels,
        pixels,
    })
}

/// Pixels without their last sample, the opacity: as they look on white.
fn over_white(pixels: &[u8], channels: usize) -> Vec<u8> {
    let blend = |value: u8, opacity: u8| {
        let (value, opacity) = (u32::from(value), u32::from(opacity));
        ((value * opacity + 255 * (255 - opacity) + 127) / 255) as u8
    };
    let pixel = |pixel: &[u8]| {
        let opacity = pixel[channels];
        pixel[..channels]
            .iter()
            .map(|&value| blend(value, opacity))
            .collect::<Vec<u8>>()
    };
    pixels.chunks_exact(channels + 1).flat_map(pixel).collect()
}

fn jpeg(bytes: &[u8]) -> Result<Image, Fault> {
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), DecoderOptions::default());
    decoder
        .decode_headers()
        .map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("no header")?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    check_size(width, height)?;
    let is_gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (channels, space) = match is_gray {
        true => (1, ColorSpace::Luma),
        false => (3, ColorSpace::RGB),
    };
    let options = DecoderOptions::default().set_strict_mode(true);
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    match pixels.len() == width * height * channels {
        true => Ok(Image {
            width,
            height,
            channels,
            pixels,
        }),
        false => Err("its size".into()),
    }
}

fn check_size(width: usize, height: usize) -> Result<(), Fault> {
    match width.saturating_mul(height) {
        0 => Err("no pixels".into()),
        pixels if pixels > MAX_PIXELS => Err(Fault::Large(width, height)),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A PNG file of 8-bit samples.
    pub fn encode(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn png_images_of_every_color_are_decoded() {
        use png::ColorType::*;
        let gray = Image::decode(&encode(2, 1, Grayscale, &[3, 200])).unwrap();
        assert_eq!(
            gray,
            Image {
                width: 2,
                height: 1,
                channels: 1,
                pixels: vec![3, 200]
            }
        );
        let color = Image::decode(&encode(1, 2, Rgb, &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(
            (color.channels, color.pixels.as_slice()),
            (3, &[1, 2, 3, 4, 5, 6][..])
        );
        // What is transparent looks white.
        let veiled = encode(1, 3, Rgba, &[1, 2, 3, 255, 9, 9, 9, 0, 0, 100, 200, 51]);
        let veiled = Image::decode(&veiled).unwrap();
        assert_eq!(veiled.pixels, [1, 2, 3, 255, 255, 255, 204, 224, 244]);
    }

    #[test]
    fn channels_follow_each_other_and_gray_and_color_become_each_other() {
        let color = Image {
            width: 2,
            height: 1,
            channels: 3,
            pixels: vec![255, 0, 0, 1, 2, 3],
        };
        assert_eq!(color.planes([3, 1, 2]), [255, 1, 0, 2, 0, 3]);
        // 0.299 · 255 = 76.2; 0.299 + 2 · 0.587 + 3 · 0.114 = 1.8.
        assert_eq!(color.planes([1, 1, 2]), [76, 2]);
        let gray = Image {
            width: 2,
            height: 1,
            channels: 1,
            pixels: vec![7, 8],
        };
        assert_eq!(gray.planes([3, 1, 2]), [7, 8, 7, 8, 7, 8]);
    }

    #[test]
    fn a_jpeg_image_is_decoded_as_pillow_does() {
        // tests/make.py: pixels of Pillow.
        let image = Image::decode(include_bytes!("../../tests/gradient.jpg")).unwrap();
        assert_eq!((image.width, image.height, image.channels), (16, 8, 3));
        let expected = include_bytes!("../../tests/gradient.rgb");
        let far = image
            .pixels
            .iter()
            .zip(expected)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(far.is_some_and(|far| far <= 3), "{far:?}");
    }

    #[test]
    fn damaged_images_are_named() {
        let whole = encode(4, 4, png::ColorType::Grayscale, &[9; 16]);
        for length in 8..whole.len() {
            let message = Image::decode(&whole[..length]).unwrap_err().to_string();
            assert!(message.starts_with("a damaged image ("), "{message}");
        }
        let mut huge = whole.clone();
        huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        assert!(Image::decode(&huge).is_err());
        assert_eq!(
            check_size(65_536, 65_536),
            Err(Fault::Large(65_536, 65_536))
        );
        assert_eq!(Image::decode(b"GIF8"), Err(Fault::Foreign));
    }
}
