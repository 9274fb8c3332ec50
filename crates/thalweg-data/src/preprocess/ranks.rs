//! Quantiles of values that are passed over several times and not kept: their bits, in an order that is that of
//! the numbers, are found 16 at a time by counting (radix selection). The result is exact.

use super::sorted::between;

/// Bits that a pass finds.
const DIGIT: u32 = 16;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Ranks {
    /// Number of values.
    count: usize,
    wanted: Vec<Wanted>,
    /// Leading bits that are found.
    known: u32,
    /// Of each beginning that a wanted value has, how often the digits behind it come.
    digits: Vec<(u64, Vec<u64>)>,
}

/// The value of a rank, as far as it is found.
#[derive(Debug)]
struct Wanted {
    rank: u64,
    beginning: u64,
    /// Values with smaller beginnings.
    before: u64,
}

impl Ranks {
    /// For these quantiles of so many values.
    pub fn new(count: usize, quantiles: &[f64]) -> Self {
        let ranks = quantiles.iter().flat_map(|q| places(count, *q).0);
        let mut ranks: Vec<u64> = ranks.map(|rank| rank as u64).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let wanted = ranks.into_iter().map(|rank| Wanted {
            rank,
            beginning: 0,
            before: 0,
        });
        Self {
            count,
            wanted: wanted.collect(),
            known: 0,
            digits: vec![(0, vec![0; 1 << DIGIT])],
        }
    }

    /// Adds a value, which is a number.
    pub fn add(&mut self, x: f64) {
        let key = key(x);
        let beginning = key.checked_shr(u64::BITS - self.known).unwrap_or(0);
        let digit = (key >> (u64::BITS - DIGIT - self.known)) & ((1 << DIGIT) - 1);
        if let Some((_, counts)) = self.digits.iter_mut().find(|(own, _)| *own == beginning) {
            counts[digit as usize] += 1;
        }
    }

    /// Ends a pass over all values; whether another one is needed.
    pub fn end_pass(&mut self) -> bool {
        for wanted in &mut self.wanted {
            let own = self.digits.iter().find(|(own, _)| *own == wanted.beginning);
            let counts = own.map_or(&[][..], |(_, counts)| counts);
            let mut digit = 0;
            for (at, count) in counts.iter().enumerate() {
                digit = at as u64;
                if wanted.before + count > wanted.rank {
                    break;
                }
                wanted.before += count;
            }
            wanted.beginning = wanted.beginning << DIGIT | digit;
        }
        self.known += DIGIT;
        self.digits.clear();
        if self.known == u64::BITS {
            return false;
        }
        let mut beginnings: Vec<u64> = self.wanted.iter().map(|one| one.beginning).collect();
        beginnings.dedup();
        (self.digits).extend(beginnings.into_iter().map(|own| (own, vec![0; 1 << DIGIT])));
        true
    }

    /// A quantile that was asked for, after the last pass.
    pub fn quantile(&self, q: f64) -> f64 {
        let ([low, high], share) = places(self.count, q);
        let value = |rank: usize| {
            let mut wanted = self.wanted.iter();
            wanted
                .find(|one| one.rank == rank as u64)
                .map_or(f64::NAN, |one| number(one.beginning))
        };
        between(value(low), value(high), share)
    }
}

/// The ranks of the neighbours of a quantile, and how far it is from the first of them.
fn places(count: usize, q: f64) -> ([usize; 2], f64) {
    let at = q * count.saturating_sub(1) as f64;
    ([at.floor() as usize, at.ceil() as usize], at - at.floor())
}

/// Bits that are ordered as [`f64::total_cmp`] orders numbers.
fn key(x: f64) -> u64 {
    let bits = x.to_bits();
    match bits >> 63 {
        0 => bits | 1 << 63,
        _ => !bits,
    }
}

fn number(key: u64) -> f64 {
    f64::from_bits(match key >> 63 {
        1 => key & !(1 << 63),
        _ => !key,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sorted::Sorted;
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_values_to_the_bit() {
        let many = (0..5000u64).map(|i| ((i * i * 7919) % 4001) as f64 * 0.37 - 700.0);
        let ties = (0..1000u64).map(|i| (i % 3) as f64);
        for values in [
            vec![3.5],
            vec![-0.0, 0.0, -1e300, 1e300, 5e-324, -2.0],
            many.collect(),
            ties.collect::<Vec<f64>>(),
        ] {
            let asked = [0.0, 0.25, 0.5, 0.75, 1.0];
            let mut ranks = Ranks::new(values.len(), &asked);
            loop {
                values.iter().for_each(|x| ranks.add(*x));
                if !ranks.end_pass() {
                    break;
                }
            }
            let sorted = Sorted::of(values, None);
            for q in asked {
                let (ours, theirs) = (ranks.quantile(q), sorted.quantile(q));
                assert_eq!(ours.to_bits(), theirs.to_bits(), "{q}: {ours} for {theirs}");
            }
        }
    }
}
