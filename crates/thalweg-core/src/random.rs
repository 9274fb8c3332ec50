//! Counter-based randomness: Philox4x32-10.
//!
//! A random number here is a pure function of (seed, purpose, substream, index), so shuffles,
//! dropout masks and initial weights do not depend on the number of threads or on the order in
//! which they are drawn, and a resumed run needs no generator state.
//!
//! Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
//! Known answers: the Random123 distribution's `kat_vectors`.

use crate::kernels::gather::prefetch_value;
use crate::kernels::{Arch, Isa, Kernel};

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// One round.
#[inline(always)]
fn round([c0, c1, c2, c3]: [u32; 4], [k0, k1]: [u32; 2]) -> [u32; 4] {
    let p0 = u64::from(MULTIPLIER[0]) * u64::from(c0);
    let p1 = u64::from(MULTIPLIER[1]) * u64::from(c2);
    [
        (p1 >> 32) as u32 ^ c1 ^ k0,
        p1 as u32,
        (p0 >> 32) as u32 ^ c3 ^ k1,
        p0 as u32,
    ]
}

/// The key of the next round.
#[inline(always)]
fn next_key([k0, k1]: [u32; 2]) -> [u32; 2] {
    [k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1])]
}

/// Ten rounds of Philox on one 128-bit counter under one 64-bit key.
pub fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        counter = round(counter, key);
        key = next_key(key);
    }
    counter
}

/// What random numbers are drawn for; streams of different purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial parameters; substream = layer.
    Initialize = 1,
    /// Order of the rows; substream = epoch.
    Shuffle = 2,
    /// Which rows are training, validation and test rows.
    Split = 3,
    /// Dropout masks; substream = step.
    Dropout = 4,
    /// Synthetic data of examples, tests and benchmarks.
    Synthesize = 5,
    /// How training rows are changed; substream = step.
    Augment = 6,
    /// Rows drawn with replacement, for confidence intervals.
    Resample = 7,
}

/// A stream of random numbers addressed by a 64-bit index.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    key: [u32; 2],
    substream: u32,
    purpose: u32,
}

impl Stream {
    /// The stream for one purpose and substream (an epoch, a step, a layer: see [`Purpose`]).
    pub fn new(seed: u64, purpose: Purpose, substream: u64) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32 ^ (substream >> 32) as u32],
            substream: substream as u32,
            purpose: purpose as u32,
        }
    }

    /// The four words at `index`.
    #[inline]
    pub fn block(&self, index: u64) -> [u32; 4] {
        let counter = [
            index as u32,
            (index >> 32) as u32,
            self.substream,
            self.purpose,
        ];
        philox4x32(counter, self.key)
    }

    /// The words at [`BLOCKS`] consecutive indices, in the vector registers of the caller. A word
    /// is the lower half of a lane, as products want it; what its upper half holds does not matter.
    #[inline(always)]
    pub(crate) fn blocks(&self, first: u64) -> [u32; 4 * BLOCKS] {
        let index = |lane: usize| first.wrapping_add(lane as u64);
        let mut c0: [u64; BLOCKS] = std::array::from_fn(index);
        let mut c1: [u64; BLOCKS] = std::array::from_fn(|lane| index(lane) >> 32);
        let mut c2 = [u64::from(self.substream); BLOCKS];
        let mut c3 = [u64::from(self.purpose); BLOCKS];
        let low = |x: u64| x & u64::from(u32::MAX);
        let mut key = self.key;
        for _ in 0..ROUNDS {
            let [k0, k1] = key.map(u64::from);
            for lane in 0..BLOCKS {
                let p0 = low(c0[lane]) * u64::from(MULTIPLIER[0]);
                let p1 = low(c2[lane]) * u64::from(MULTIPLIER[1]);
                c0[lane] = (p1 >> 32) ^ c1[lane] ^ k0;
                c2[lane] = (p0 >> 32) ^ c3[lane] ^ k1;
                (c1[lane], c3[lane]) = (p1, p0);
            }
            key = next_key(key);
        }
        let mut words = [0; 4 * BLOCKS];
        for lane in 0..BLOCKS {
            words[4 * lane] = c0[lane] as u32;
            words[4 * lane + 1] = c1[lane] as u32;
            words[4 * lane + 2] = c2[lane] as u32;
            words[4 * lane + 3] = c3[lane] as u32;
        }
        words
    }

    /// Reads the stream from its beginning, one number after the other.
    pub fn sequence(self) -> Sequence {
        self.sequence_from(0)
    }

    /// Reads the stream from the block at `index` on.
    pub fn sequence_from(self, index: u64) -> Sequence {
        Sequence {
            stream: self,
            next: index,
            words: [0; 4 * BLOCKS],
            used: 4 * BLOCKS,
        }
    }
}

/// Blocks that are computed at a time.
pub(crate) const BLOCKS: usize = 16;

/// A [`Stream`] read in order.
#[derive(Debug, Clone)]
pub struct Sequence {
    stream: Stream,
    /// The block after those in `words`.
    next: u64,
    words: [u32; 4 * BLOCKS],
    used: usize,
}

impl Sequence {
    /// Computes the next blocks.
    #[cold]
    fn refill(&mut self) {
        /// [`Stream::block`] for consecutive indices.
        struct Blocks<'a>(Stream, u64, &'a mut [u32; 4 * BLOCKS]);
        impl Kernel for Blocks<'_> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                *self.2 = self.0.blocks(self.1);
            }
        }
        Isa::detect().run(Blocks(self.stream, self.next, &mut self.words));
        self.next = self.next.wrapping_add(BLOCKS as u64);
        self.used = 0;
    }

    /// 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == self.words.len() {
            self.refill();
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    /// Uniform on [0, 1), with 53 random bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform on 0..bound without bias (Lemire 2019). `bound` must not be 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        let mut product = u64::from(self.next_u32()) * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }

    /// Standard normal (Box–Muller; logarithm and cosine in portable code, so the same on every
    /// machine).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Fisher–Yates: puts `items` into a uniformly random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        /// Partners drawn ahead of their swaps, so that they are on their way from memory
        /// meanwhile.
        const AHEAD: usize = 32;
        let mut partners = [0; AHEAD];
        let mut end = items.len();
        while end > 1 {
            let partners = &mut partners[..AHEAD.min(end - 1)];
            for (bound, partner) in (0..=end).rev().zip(&mut *partners) {
                *partner = self.below(bound as u32) as usize;
                prefetch_value(&items[*partner]);
            }
            for partner in partners {
                end -= 1;
                items.swap(end, *partner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        let max = u32::MAX;
        assert_eq!(
            philox4x32([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32([max; 4], [max; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn a_sequence_reads_its_stream_block_by_block() {
        let stream = Stream::new(5, Purpose::Synthesize, 3);
        let mut sequence = stream.sequence();
        for index in 0..100 {
            assert_eq!(
                std::array::from_fn(|_| sequence.next_u32()),
                stream.block(index)
            );
        }
    }

    #[test]
    fn bounded_numbers_are_uniform() {
        let mut sequence = Stream::new(7, Purpose::Synthesize, 0).sequence();
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[sequence.below(6) as usize] += 1;
        }
        // Chi-squared with 5 degrees of freedom stays under 20.5 with probability 0.999.
        let chi2: f64 = counts
            .iter()
            .map(|&c| (f64::from(c) - 10_000.0).powi(2) / 10_000.0)
            .sum();
        assert!(chi2 < 20.5, "chi-squared {chi2}, counts {counts:?}");
    }

    #[test]
    fn normal_numbers_have_the_moments_of_the_normal_distribution() {
        let mut sequence = Stream::new(1, Purpose::Synthesize, 0).sequence();
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| sequence.normal()).collect();
        let moment = |k: i32| draws.iter().map(|x| x.powi(k)).sum::<f64>() / f64::from(n);
        assert!(moment(1).abs() < 0.015);
        assert!((moment(2) - 1.0).abs() < 0.02);
        assert!((moment(4) - 3.0).abs() < 0.15);
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_depends_on_every_part_of_the_address() {
        let order = |seed, purpose, substream| {
            let mut items: Vec<u32> = (0..1000).collect();
            Stream::new(seed, purpose, substream)
                .sequence()
                .shuffle(&mut items);
            items
        };
        let reference = order(1, Purpose::Shuffle, 1);
        let mut sorted = reference.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_eq!(reference, order(1, Purpose::Shuffle, 1));
        assert_ne!(reference, order(2, Purpose::Shuffle, 1));
        assert_ne!(reference, order(1, Purpose::Split, 1));
        assert_ne!(reference, order(1, Purpose::Shuffle, 2));
    }
}
