//! Which inputs occur in the rows of a batch, and how many do before each.
//!
//! A mark is a bit. For each word of bits a byte says whether it has one, so that few inputs among
//! many are found without a look at every word.

use super::isa::{Isa, Kernel};
use super::simd::Arch;

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

/// A word of marks, and how many marks there are before it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(16))]
pub struct Ranked {
    bits: u64,
    before: u32,
}

/// How many marks there are before each, of inputs that have been listed.
#[derive(Debug, Clone, Copy)]
pub struct Ranks<'a>(pub &'a [Ranked]);

impl Ranks<'_> {
    /// How many there are before that of an input which is marked.
    #[inline(always)]
    pub fn before(self, input: usize) -> usize {
        let Ranked { bits, before } = self.0[input / WORD];
        let lower = bits & ((1 << (input % WORD)) - 1);
        before as usize + lower.count_ones() as usize
    }
}

impl Marks<'_> {
    /// Room that [`Marks::list`] wants for so many inputs.
    pub fn room(inputs: usize) -> usize {
        inputs + FEW
    }

    /// Marks an input.
    #[inline(always)]
    pub fn set(&mut self, input: usize) {
        self.bits[input / WORD] |= 1 << (input % WORD);
        self.words[input / WORD] = 1;
    }

    /// Adds the marks of another, which are taken away there.
    pub fn absorb(&mut self, mut other: Marks) {
        for group in (0..other.words.len()).step_by(WORD) {
            for word in other.take_group(group) {
                self.bits[word] |= std::mem::take(&mut other.bits[word]);
                self.words[word] = 1;
            }
        }
    }

    /// Lists the inputs that are marked, in order, and takes their marks away. `ranks` has a place
    /// for each word; before the first input there are `before` marks.
    ///
    /// # Panics
    /// If `list` is shorter than [`Marks::room`].
    pub fn list<'a>(
        self,
        isa: Isa,
        ranks: &mut [Ranked],
        before: usize,
        list: &'a mut [u32],
    ) -> &'a [u32] {
        struct List<'a, 'b>(Marks<'b>, &'a mut [Ranked], usize, &'a mut [u32]);
        impl Kernel for List<'_, '_> {
            type Output = usize;
            #[inline(always)]
            fn run<A: Arch>(self) -> usize {
                let List(mut marks, ranks, before, list) = self;
                marks.list_all(ranks, before as u32, list)
            }
        }
        let count = isa.run(List(self, ranks, before, &mut *list));
        &list[..count]
    }

    #[inline(always)]
    fn list_all(&mut self, ranks: &mut [Ranked], before: u32, list: &mut [u32]) -> usize {
        let mut count = 0;
        for group in (0..self.words.len()).step_by(WORD) {
            for word in self.take_group(group) {
                let (start, bits) = ((word * WORD) as u32, std::mem::take(&mut self.bits[word]));
                ranks[word] = Ranked {
                    bits,
                    before: before + count as u32,
                };
                // How many there are is not predictable: a few are listed, there or not.
                let mut rest = bits;
                for place in &mut list[count..count + FEW] {
                    *place = start + rest.trailing_zeros();
                    rest &= rest.wrapping_sub(1);
                }
                let end = count + bits.count_ones() as usize;
                if count + FEW < end {
                    for place in &mut list[count + FEW..end] {
                        *place = start + rest.trailing_zeros();
                        rest &= rest.wrapping_sub(1);
                    }
                }
                count = end;
            }
        }
        count
    }

    /// The words with marks among 64 from a word on; takes away that they have.
    #[inline(always)]
    fn take_group(&mut self, group: usize) -> impl Iterator<Item = usize> + use<> {
        let end = self.words.len().min(group + WORD);
        let words = &mut self.words[group..end];
        let mut ones = packed(words);
        words.fill(0);
        std::iter::from_fn(move || {
            (ones != 0).then(|| {
                let word = group + ones.trailing_zeros() as usize;
                ones &= ones - 1;
                word
            })
        })
    }
}

/// Bit i is byte i, of up to 64 bytes that are 0 or 1.
#[inline(always)]
fn packed(bytes: &[u8]) -> u64 {
    // Eight bytes of 0 and 1, multiplied by it, leave a bit each in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let bits = |eight: [u8; 8]| u64::from_le_bytes(eight).wrapping_mul(GATHER) >> 56;
    let (eights, rest) = bytes.as_chunks();
    let eights = eights.iter().zip(0..);
    let ones = eights.fold(0, |ones, (eight, at)| ones | bits(*eight) << (8 * at));
    let first = bytes.len() - rest.len();
    let rest = rest.iter().zip(first..);
    rest.fold(ones, |ones, (byte, at)| ones | u64::from(*byte) << at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn marked_inputs_are_listed_once_in_order_and_counted_and_their_marks_are_gone() {
        let mut random = Stream::new(1, Purpose::Synthesize, 0).sequence();
        for (isa, words) in
            Isa::available().flat_map(|isa| [1, 6, 8, 64, 71, 200].map(|n| (isa, n)))
        {
            let mut stored = [0, 1].map(|_| (vec![0; words], vec![0; words]));
            let inputs = words * WORD;
            for share in [0.0, 0.003, 0.05, 0.6, 1.0] {
                let marked: Vec<u32> = (0..inputs as u32)
                    .filter(|_| random.uniform() < share)
                    .collect();
                let [mut marks, mut other] =
                    stored.each_mut().map(|(bits, words)| Marks { bits, words });
                for input in marked.iter().rev().chain(&marked) {
                    match random.uniform() < 0.5 {
                        true => marks.set(*input as usize),
                        false => other.set(*input as usize),
                    }
                }
                for input in &marked {
                    marks.set(*input as usize);
                }
                marks.absorb(other);
                let (mut list, mut ranks) =
                    (vec![7; Marks::room(inputs)], vec![Ranked::default(); words]);
                let listed = marks.list(isa, &mut ranks, 5, &mut list);
                assert_eq!(listed, marked, "{share} of {words} words");
                let ranks = Ranks(&ranks);
                let before = listed.iter().map(|input| ranks.before(*input as usize));
                assert!(before.eq(5..5 + marked.len()));
            }
            let are_gone = |(bits, words): &(Vec<u64>, Vec<u8>)| {
                bits.iter().all(|bits| *bits == 0) && words.iter().all(|word| *word == 0)
            };
            assert!(stored.iter().all(are_gone));
        }
    }
}
