//! Which inputs occur in the rows of a batch: a bit for each, and for each word of these bits
//! whether it has one, so that few inputs among many are found without a look at every word.

/// Bits of a word.
pub const WORD: usize = u64::BITS as usize;

/// Marks of a word that are looked for at once.
const FEW: usize = 4;

/// See the module's text.
pub struct Marks<'a> {
    /// A bit for each input.
    pub bits: &'a mut [u64],
    /// 1 for each word of them that is not 0, else 0.
    pub words: &'a mut [u8],
}

impl Marks<'_> {
    /// For no inputs.
    pub fn none() -> Self {
        Self {
            bits: &mut [],
            words: &mut [],
        }
    }

    /// Room that [`Marks::take`] wants for so many inputs.
    pub fn room(inputs: usize) -> usize {
        inputs + FEW
    }

    /// Marks an input, if it is one of these.
    #[inline(always)]
    pub fn set(&mut self, input: usize) {
        let word = input / WORD;
        if let (Some(bits), Some(has_one)) = (self.bits.get_mut(word), self.words.get_mut(word)) {
            *bits |= 1 << (input % WORD);
            *has_one = 1;
        }
    }

    /// Lists the inputs that are marked, in order, and takes their marks away.
    ///
    /// # Panics
    /// If `list` is shorter than [`Marks::room`].
    pub fn take<'a>(&mut self, list: &'a mut [u32]) -> &'a [u32] {
        let mut count = 0;
        for (group, words) in self.words.chunks_mut(WORD).enumerate() {
            let mut ones = packed(words);
            words.fill(0);
            while ones != 0 {
                let word = group * WORD + ones.trailing_zeros() as usize;
                ones &= ones - 1;
                let (start, mut rest) =
                    ((word * WORD) as u32, std::mem::take(&mut self.bits[word]));
                // How many there are is not predictable: a few are listed, there or not.
                for _ in 0..FEW {
                    list[count] = start + rest.trailing_zeros();
                    count += usize::from(rest != 0);
                    rest &= rest.wrapping_sub(1);
                }
                while rest != 0 {
                    list[count] = start + rest.trailing_zeros();
                    count += 1;
                    rest &= rest - 1;
                }
            }
        }
        &list[..count]
    }
}

/// Bit i is byte i, of up to 64 bytes that are 0 or 1.
fn packed(bytes: &[u8]) -> u64 {
    // Eight bytes of 0 and 1, multiplied by it, leave a bit each in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let bits = |eight: [u8; 8]| u64::from_le_bytes(eight).wrapping_mul(GATHER) >> 56;
    let (eights, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let ones =
        (eights.iter().zip(0..)).fold(0, |ones, (eight, at)| ones | bits(*eight) << (8 * at));
    match rest.is_empty() {
        true => ones,
        false => ones | bits(last) << (8 * eights.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn marked_inputs_are_listed_once_and_in_order_and_their_marks_are_gone() {
        let mut random = Stream::new(1, Purpose::Synthesize, 0).sequence();
        for words in [1, 6, 8, 64, 71, 200] {
            let (mut bits, mut used) = (vec![0; words], vec![0; words]);
            let inputs = words * WORD;
            for share in [0.0, 0.003, 0.05, 0.6, 1.0] {
                let marked: Vec<u32> = (0..inputs as u32)
                    .filter(|_| random.uniform() < share)
                    .collect();
                let mut marks = Marks {
                    bits: &mut bits,
                    words: &mut used,
                };
                for input in marked.iter().rev().chain(&marked) {
                    marks.set(*input as usize);
                }
                marks.set(inputs);
                let mut list = vec![0; Marks::room(inputs)];
                assert_eq!(marks.take(&mut list), marked, "{share} of {words} words");
                assert!(marks.take(&mut list).is_empty());
            }
            assert!(bits.iter().all(|bits| *bits == 0));
        }
        Marks::none().set(0);
    }
}
