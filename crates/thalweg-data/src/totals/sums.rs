//! Sums and means of columns, and how the numbers of a row stand to them.

/// Sums and means may be rounded.
const ROUNDING: f64 = 0.005;
/// Of a sum near 0, by the size of what adds up to it.
const NEAR_ZERO: f64 = 1e-9;

/// Numbers of a column, added up.
#[derive(Debug, Clone, Copy)]
pub struct Sums {
    sum: f64,
    /// Of their absolute values.
    size: f64,
    count: usize,
    least: f64,
    most: f64,
    has_fractions: bool,
}

/// How the numbers of a row that is called one of sums stand to the others of their columns.
#[derive(Debug, Clone, Default)]
pub struct Agreement {
    /// How many are sums or means.
    pub agree: usize,
    /// The first column in which one is neither.
    pub not: Option<usize>,
    /// How many are those of numbers that differ.
    of_different: usize,
    /// Whether one of them is hardly a sum or a mean by chance.
    is_certain: bool,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            sum: 0.0,
            size: 0.0,
            count: 0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            has_fractions: false,
        }
    }
}

impl Sums {
    /// These and another number, if it is none that is missing.
    pub fn with(self, x: f64) -> Self {
        match x.is_nan() {
            true => self,
            false => Self {
                sum: self.sum + x,
                size: self.size + x.abs(),
                count: self.count + 1,
                least: self.least.min(x),
                most: self.most.max(x),
                has_fractions: self.has_fractions || x.fract() != 0.0,
            },
        }
    }

    /// These and others.
    pub fn and(self, other: &Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            size: self.size + other.size,
            count: self.count + other.count,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            has_fractions: self.has_fractions || other.has_fractions,
        }
    }

    /// Whether a number is their sum or their mean.
    fn has(&self, total: f64) -> bool {
        let is =
            |value: f64| (total - value).abs() <= ROUNDING * value.abs() + NEAR_ZERO * self.size;
        self.count > 0 && (is(self.sum) || is(self.sum / self.count as f64))
    }

    /// Whether they differ, and do not cancel.
    fn differ(&self) -> bool {
        self.least < self.most && self.sum.abs() > NEAR_ZERO * self.size
    }

    /// Whether a number that is their sum or mean is none that one of them might be.
    fn is_unlike(&self, total: f64) -> bool {
        let is_outside = !(self.least..=self.most).contains(&total);
        is_outside || (!self.has_fractions && total.fract() != 0.0)
    }
}

impl Agreement {
    /// Of numbers with their columns, which have these sums.
    pub fn of(numbers: impl Iterator<Item = (usize, f64)>, sums: &dyn Fn(usize) -> Sums) -> Self {
        let mut agreement = Self::default();
        for (j, number) in numbers.filter(|(_, number)| !number.is_nan()) {
            let sums = sums(j);
            match sums.has(number) {
                true => {
                    agreement.agree += 1;
                    agreement.of_different += usize::from(sums.differ());
                    agreement.is_certain |= sums.differ() && sums.is_unlike(number);
                }
                false => {
                    agreement.not.get_or_insert(j);
                }
            }
        }
        agreement
    }

    /// Whether it is hardly one by chance: a number is unlike the others of its column, or two are sums or means, or one
    /// where the row has empty cells. The mean of a few small numbers is often one of them.
    pub fn is_significant(&self, has_gaps: bool) -> bool {
        self.is_certain || self.of_different > usize::from(!has_gaps)
    }

    /// Whether there are numbers, and all of them are sums or means.
    pub fn is_whole(&self) -> bool {
        self.agree > 0 && self.not.is_none()
    }
}
