//! Text in UTF-16, with a byte order mark or without.

use std::io::{self, Read};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use crate::error::CutCharacter;

/// The encoding of a file that begins as text in UTF-16 does; `None` for anything else.
pub fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    // Without a mark: nearly all letters of a table are ASCII, which leaves one byte of two zero.
    let pairs = head.as_chunks::<2>().0;
    let ascii = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    let mostly = |is: fn(&[u8; 2]) -> [u8; 2]| {
        let letters = pairs
            .iter()
            .map(is)
            .filter(|&[high, low]| high == 0 && ascii(low));
        let zeros = pairs.iter().map(is).any(|[_, low]| low == 0);
        !zeros && pairs.len() >= 4 && 4 * letters.count() >= 3 * pairs.len()
    };
    if mostly(|&[low, high]| [high, low]) {
        Some(UTF_16LE)
    } else if mostly(|&[high, low]| [high, low]) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Text in UTF-16, which is refused where it ends inside a character.
pub struct Whole<R> {
    inner: R,
    is_odd: bool,
}

impl<R> Whole<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            is_odd: false,
        }
    }
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.is_odd ^= count % 2 == 1;
        if count == 0 && self.is_odd && !buffer.is_empty() {
            return Err(io::Error::other(CutCharacter));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_recognized_with_and_without_a_mark() {
        let text = "städte,größe\nZürich,11\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(utf16(&little), Some(UTF_16LE));
        assert_eq!(utf16(&big), Some(UTF_16BE));
        assert_eq!(
            utf16(&[&[0xff, 0xfe], &little[..]].concat()),
            Some(UTF_16LE)
        );
        assert_eq!(utf16(&[&[0xfe, 0xff], &big[..]].concat()), Some(UTF_16BE));
    }

    #[test]
    fn text_that_ends_inside_a_character_is_refused() {
        for (length, fits) in [(6, true), (5, false)] {
            let mut text = Whole::new(&b"a\0b\0c\0"[..length]);
            assert_eq!(text.read_to_end(&mut Vec::new()).is_ok(), fits);
        }
    }

    #[test]
    fn nothing_else_is() {
        let idx = [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 0, 1, 0, 1];
        for bytes in [
            &b"a,b\n1,2\n"[..],
            b"",
            b"a\0b\0",
            &idx,
            &[0; 64],
            &[0, 1, 0, 2, 0, 3, 0, 4],
        ] {
            assert_eq!(utf16(bytes), None, "{bytes:?}");
        }
    }
}
