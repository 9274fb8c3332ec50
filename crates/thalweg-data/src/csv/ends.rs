//! Where cells of many records end, found 64 bytes at a time.

use super::records::Cell;

/// The places of delimiters, line ends and quotes in some bytes.
#[derive(Default)]
pub struct Ends {
    places: Vec<u32>,
    /// Places before it are of records that were cut.
    next: usize,
    delimiter: u8,
}

impl Ends {
    /// Looks through the bytes.
    pub fn of(bytes: &[u8], delimiter: u8) -> Self {
        let mut places = Vec::with_capacity(bytes.len() / 4);
        let is_end = |byte: u8| byte == delimiter || matches!(byte, b'\n' | b'\r' | b'"');
        let (chunks, rest) = bytes.as_chunks::<64>();
        for (i, chunk) in chunks.iter().enumerate() {
            let mut ends = bits(&chunk.map(|byte| u8::from(is_end(byte))));
            while ends != 0 {
                places.push(64 * i as u32 + ends.trailing_zeros());
                ends &= ends - 1;
            }
        }
        let before = 64 * chunks.len();
        let others = rest.iter().enumerate().filter(|(_, byte)| is_end(**byte));
        places.extend(others.map(|(i, _)| (before + i) as u32));
        Self {
            places,
            next: 0,
            delimiter,
        }
    }

    /// Cuts the record that begins at `start` into `cells`, which are counted from the first byte,
    /// and gives its length; none where it has quotes, or no end.
    #[inline]
    pub fn cut(&mut self, bytes: &[u8], start: usize, cells: &mut Vec<Cell>) -> Option<usize> {
        cells.clear();
        // A record with quotes was cut by others.
        while self
            .places
            .get(self.next)
            .is_some_and(|&place| (place as usize) < start)
        {
            self.next += 1;
        }
        let mut from = start;
        for (i, &end) in self.places.get(self.next..)?.iter().enumerate() {
            let end = end as usize;
            let cell = bytes.get(from..=end)?;
            match cell.split_last() {
                Some((&b'"', _)) | None => return None,
                Some((&byte, cell)) => {
                    cells.push(trimmed(cell, from, self.delimiter));
                    from = end + 1;
                    if byte != self.delimiter {
                        let is_pair = byte == b'\r' && bytes.get(from)? == &b'\n';
                        self.next += i + 1 + usize::from(is_pair);
                        return Some(from + usize::from(is_pair) - start);
                    }
                }
            }
        }
        None
    }
}

/// The cell of these bytes, from `start` on, without blanks around it.
#[inline]
fn trimmed(bytes: &[u8], start: usize, delimiter: u8) -> Cell {
    match bytes {
        [first, .., last] if *first > b' ' && *last > b' ' => Cell::new(start, start + bytes.len()),
        bytes => {
            let is_blank = |byte: &&u8| **byte == b' ' || (**byte == b'\t' && **byte != delimiter);
            let before = bytes.iter().take_while(is_blank).count();
            let after = bytes[before..].iter().rev().take_while(is_blank).count();
            Cell::new(start + before, start + bytes.len() - after)
        }
    }
}

/// A bit for each byte, 0 or 1; that of the first is the lowest.
#[inline]
fn bits(bytes: &[u8; 64]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    let of_word = |word: &[u8; 8]| {
        // Byte i comes to bit 56 + i.
        u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    words
        .iter()
        .rev()
        .fold(0, |bits, word| bits << 8 | of_word(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::csv::records::{Scan, scan};

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn records_are_cut_as_one_by_one(text in "[a,; \t\"\r\n]{0,200}", delimiter in prop::sample::select(vec![b',', b';', b'\t'])) {
            let bytes = text.as_bytes();
            let mut ends = Ends::of(bytes, delimiter);
            let (mut own, mut others, mut start) = (Vec::new(), Vec::new(), 0);
            while let Scan::Record(length, _) = scan(&bytes[start..], delimiter, false, &mut others) {
                others.iter_mut().for_each(|cell| *cell = cell.shifted(start));
                if let Some(cut) = ends.cut(bytes, start, &mut own) {
                    prop_assert_eq!((cut, &own), (length, &others), "{} of {:?}", start, text);
                } else {
                    let record = &text[start..start + length];
                    prop_assert!(record.contains('"') || start + length == text.len(), "{} of {:?}", start, text);
                }
                start += length;
            }
        }
    }
}
