//! The distinct texts of a column, numbered in the order in which they first appear.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Texts by their codes, and codes by their texts.
#[derive(Debug, Clone)]
pub struct Levels {
    /// All texts, one after the other.
    texts: String,
    /// Where each text ends.
    ends: Vec<usize>,
    /// (hash, code); the hash spares most looks at texts, and all when tables grow and merge.
    table: HashTable<(u32, u32)>,
    hasher: RandomState,
}

/// Of all columns, so that hashes are the same in all parts of one.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl Default for Levels {
    fn default() -> Self {
        let (texts, ends, table) = Default::default();
        Self {
            texts,
            ends,
            table,
            hasher: HASHER.clone(),
        }
    }
}

/// The table looks at the lowest and the highest bits of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) | u64::from(hash) << 32
}

/// Where the text of a code is.
#[inline]
fn place(ends: &[usize], code: u32) -> Range<usize> {
    let code = code as usize;
    code.checked_sub(1).map_or(0, |before| ends[before])..ends[code]
}

/// Whether texts are equal; most are too short for a call.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    match a.len() == b.len() {
        true if (8..=16).contains(&a.len()) => {
            a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk()
        }
        true if (4..8).contains(&a.len()) => {
            a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk()
        }
        is_as_long => is_as_long && a == b,
    }
}

impl Levels {
    /// The code of a text, a new one where it is new.
    #[inline]
    pub fn code(&mut self, text: &str) -> u32 {
        self.code_of(self.hasher.hash_one(text.as_bytes()) as u32, text)
    }

    #[inline]
    fn code_of(&mut self, hash: u32, new: &str) -> u32 {
        let (texts, ends) = (self.texts.as_bytes(), &self.ends);
        let is_its = |&(other, code): &(u32, u32)| {
            other == hash && is_same(&texts[place(ends, code)], new.as_bytes())
        };
        if let Some(&(_, code)) = self.table.find(spread(hash), is_its) {
            return code;
        }
        let code = self.ends.len() as u32;
        self.table
            .insert_unique(spread(hash), (hash, code), |&(hash, _)| spread(hash));
        self.texts.push_str(new);
        self.ends.push(self.texts.len());
        code
    }

    /// Adds other texts; the codes of all of them here.
    pub fn append(&mut self, other: &Self) -> Vec<u32> {
        let mut hashes = vec![0; other.ends.len()];
        for &(hash, code) in &other.table {
            hashes[code as usize] = hash;
        }
        let texts = (0..).map(|code| &other.texts[place(&other.ends, code)]);
        hashes
            .into_iter()
            .zip(texts)
            .map(|(hash, text)| self.code_of(hash, text))
            .collect()
    }

    /// The texts by their codes.
    pub fn into_texts(self) -> Vec<String> {
        let codes = 0..self.ends.len() as u32;
        codes
            .map(|code| self.texts[place(&self.ends, code)].to_owned())
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
        assert_eq!(levels.append(&others), [4000, 5000, 17, 5001]);
        assert_eq!(levels.code(""), 5002);
        assert!((0..5000).all(|i| levels.code(&text(i)) == i));
        let texts = levels.into_texts();
        assert_eq!(
            (texts.len(), &*texts[5000], &*texts[5001]),
            (5003, "36000000", "25000000")
        );
    }

    #[test]
    fn texts_of_every_length_are_told_apart() {
        for length in 1..40 {
            let text = vec![b'x'; length];
            for at in 0..length {
                let mut other = text.clone();
                other[at] = b'y';
                assert!(
                    is_same(&text, &text.clone()) && !is_same(&text, &other),
                    "{other:?}"
                );
            }
            assert!(!is_same(&text, &text[1..]));
        }
    }
}
