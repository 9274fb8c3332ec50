//! The distinct texts of a column, numbered in the order in which they first appear.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Texts by their codes, and codes by their texts.
#[derive(Debug, Clone)]
pub struct Levels {
    texts: Texts,
    table: HashTable<(Key, u32)>,
    seeds: &'static Seeds,
}

/// Texts by their places.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// All of them, one after the other.
    bytes: Vec<u8>,
    /// Where each text ends.
    ends: Vec<usize>,
}

/// Of all columns, so that keys are the same in all parts of one.
static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    let hasher = RandomState::default();
    let words = [0_u64, 1].map(|i| hasher.hash_one(i));
    Seeds { hasher, words }
});

#[derive(Debug)]
struct Seeds {
    hasher: RandomState,
    words: [u64; 2],
}

/// A short text with its length, or the hash of a longer one: so most texts are found without a look at others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key([u64; 2]);

/// With its length such a text has 16 bytes.
const SHORT: usize = 15;
const LONG: u64 = 0xff << 56;

/// Those of the first bytes of 16, by their number.
static MASKS: [u128; SHORT + 1] = {
    let (mut masks, mut i) = ([0; SHORT + 1], 0);
    while i <= SHORT {
        masks[i] = (1 << (8 * i)) - 1;
        i += 1;
    }
    masks
};

impl Key {
    /// That of the first `length` bytes.
    #[inline]
    fn of(bytes: &[u8], length: usize, seeds: &Seeds) -> Self {
        let Some(mask) = MASKS.get(length) else {
            return Self([seeds.hasher.hash_one(&bytes[..length]), LONG]);
        };
        let chunk = bytes.first_chunk().copied().unwrap_or_else(|| {
            let mut chunk = [0; SHORT + 1];
            chunk[..length].copy_from_slice(&bytes[..length]);
            chunk
        });
        let text = u128::from_le_bytes(chunk) & mask;
        Self([text as u64, (text >> 64) as u64 | (length as u64) << 56])
    }

    #[inline]
    fn is_short(self) -> bool {
        self.0[1] < LONG
    }

    /// The halves of a product with all bits of both words.
    #[inline]
    fn hash(self, seeds: &Seeds) -> u64 {
        let [a, b] = [0, 1].map(|i| u128::from(self.0[i] ^ seeds.words[i]));
        let product = a * b;
        product as u64 ^ (product >> 64) as u64
    }
}

impl Default for Levels {
    fn default() -> Self {
        let (texts, table) = Default::default();
        Self {
            texts,
            table,
            seeds: &SEEDS,
        }
    }
}

impl Texts {
    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where a text is.
    #[inline]
    fn place(&self, at: usize) -> Range<usize> {
        at.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[at]
    }
}

impl Levels {
    /// How many.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Forgets all of them, and keeps the room.
    pub fn clear(&mut self) {
        self.texts.bytes.clear();
        self.texts.ends.clear();
        self.table.clear();
    }

    /// Those whose codes are `first` and more.
    pub fn since(&self, first: usize) -> Texts {
        let Texts { bytes, ends } = &self.texts;
        let start = first.checked_sub(1).map_or(0, |before| ends[before]);
        Texts {
            bytes: bytes[start..].to_vec(),
            ends: ends[first..].iter().map(|end| end - start).collect(),
        }
    }

    /// The code of a text, a new one where it is new.
    #[inline]
    pub fn code(&mut self, text: &str) -> u32 {
        self.code_of(text.as_bytes(), text.len())
    }

    /// The code of the first `length` bytes if they are one of the texts.
    #[inline]
    pub fn known(&self, bytes: &[u8], length: usize) -> Option<u32> {
        let key = Key::of(bytes, length, self.seeds);
        self.find(key, &bytes[..length])
    }

    #[inline]
    fn find(&self, key: Key, text: &[u8]) -> Option<u32> {
        let is_its = |&(other, code): &(Key, u32)| {
            other == key
                && (key.is_short() || &self.texts.bytes[self.texts.place(code as usize)] == text)
        };
        let found = self.table.find(key.hash(self.seeds), is_its);
        found.map(|&(_, code)| code)
    }

    #[inline]
    fn code_of(&mut self, bytes: &[u8], length: usize) -> u32 {
        let (key, seeds) = (Key::of(bytes, length, self.seeds), self.seeds);
        let text = &bytes[..length];
        if let Some(code) = self.find(key, text) {
            return code;
        }
        let code = self.len() as u32;
        self.table
            .insert_unique(key.hash(seeds), (key, code), |&(key, _)| key.hash(seeds));
        self.texts.bytes.extend_from_slice(text);
        self.texts.ends.push(self.texts.bytes.len());
        code
    }

    /// Adds texts; the codes of all of them here.
    pub fn append(&mut self, texts: &Texts) -> impl Iterator<Item = u32> {
        (0..texts.len()).map(|at| {
            let place = texts.place(at);
            self.code_of(&texts.bytes[place.start..], place.len())
        })
    }

    /// The texts by their codes.
    pub fn into_texts(self) -> Vec<String> {
        let Texts { bytes, .. } = &self.texts;
        (0..self.len())
            .map(|at| String::from_utf8_lossy(&bytes[self.texts.place(at)]).into_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbered_as_they_first_appear_and_keep_their_numbers() {
        let mut levels = Levels::default();
        let text = |i: u32| format!("{}", i * i);
        for i in 0..5000 {
            assert_eq!(levels.code(&text(i)), i);
        }
        let mut others = Levels::default();
        for i in [4000, 6000, 17, 5000] {
            others.code(&text(i));
        }
        let of_text = others.known(b"289", 3);
        others.clear();
        assert_eq!((of_text, others.known(b"289", 3)), (Some(2), None));
        for i in [4000, 6000, 17, 5000] {
            others.code(&text(i));
        }
        let new: Vec<u32> = levels.append(&others.since(1)).collect();
        assert_eq!(new, [5000, 17, 5001]);
        assert_eq!(levels.code(""), 5002);
        assert!((0..5000).all(|i| levels.code(&text(i)) == i));
        let texts = levels.into_texts();
        assert_eq!(
            (texts.len(), &*texts[5000], &*texts[5001]),
            (5003, "36000000", "25000000")
        );
    }

    #[test]
    fn texts_of_every_length_are_told_apart_whatever_follows_them() {
        let mut levels = Levels::default();
        let mut texts = Vec::new();
        for length in 1..40 {
            let text = vec![b'x'; length];
            texts.push(text.clone());
            for other in [b'y', 0] {
                for at in 0..length {
                    let mut text = text.clone();
                    text[at] = other;
                    texts.push(text);
                }
            }
        }
        for (code, text) in texts.iter().enumerate() {
            let text = std::str::from_utf8(text).unwrap();
            assert_eq!(levels.code(text), code as u32, "{text:?}");
        }
        for (code, text) in texts.iter().enumerate() {
            let longer = [text, &b"\0xyz and so on for more than 16"[..]].concat();
            for bytes in [&longer[..], &longer[..text.len() + 1]] {
                assert_eq!(levels.known(bytes, text.len()), Some(code as u32));
            }
        }
        assert_eq!(levels.known(b"xz", 2), None);
        assert_eq!(levels.known(&[b'z'; 30], 30), None);
    }
}
