//! Axes: ranges, positions of values, ticks and their labels.

use super::Axis;

/// The map from values to positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences have equal distances.
    Linear,
    /// Equal ratios have equal distances.
    Logarithmic,
}

/// An axis with its range.
pub(crate) struct Placed<'a> {
    pub label: &'a str,
    scale: Scale,
    low: f64,
    high: f64,
}

impl<'a> Placed<'a> {
    /// The range set for the axis, else `range`, else that of the values with a margin; on a logarithmic axis at least a
    /// factor of two.
    pub fn new(
        axis: &'a Axis,
        range: Option<(f64, f64)>,
        values: impl Iterator<Item = f64>,
    ) -> Self {
        let mut placed = Self {
            label: &axis.label,
            scale: axis.scale,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
        };
        if let Some((low, high)) = axis.range.or(range) {
            (placed.low, placed.high) = (low, high);
            return placed;
        }
        for value in values.filter(|value| axis.scale.takes(*value)) {
            placed.low = placed.low.min(value);
            placed.high = placed.high.max(value);
        }
        placed.widen();
        placed
    }

    fn widen(&mut self) {
        if self.low > self.high {
            (self.low, self.high) = (1.0, 1.0);
        }
        match self.scale {
            Scale::Linear => {
                if self.low == self.high {
                    let room = 0.5 * self.low.abs().max(1.0);
                    (self.low, self.high) = (self.low - room, self.high + room);
                }
                let room = 0.04 * (self.high - self.low);
                (self.low, self.high) = (self.low - room, self.high + room);
            }
            Scale::Logarithmic => {
                if self.high < 2.0 * self.low {
                    (self.low, self.high) = (self.low / 1.5, self.high * 1.5);
                }
                let room = (self.high / self.low).powf(0.05);
                (self.low, self.high) = (self.low / room, self.high * room);
            }
        }
    }

    /// The position of a value: 0 at the low end of the axis, 1 at the high end.
    pub fn share(&self, value: f64) -> Option<f64> {
        self.scale.takes(value).then(|| match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        })
    }

    /// Positions of ticks, from 0 to 1, and their labels.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let (values, step) = match self.scale {
            Scale::Linear => self.round_numbers(),
            Scale::Logarithmic => (self.powers(), None),
        };
        (values.into_iter())
            .filter_map(|value| Some((self.share(value)?, label(value, step))))
            .collect()
    }

    /// Four to eight multiples of 1, 2 or 5 times a power of ten, and their distance.
    fn round_numbers(&self) -> (Vec<f64>, Option<f64>) {
        let rough = (self.high - self.low) / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .find(|factor| factor * power >= 0.9 * rough)
            .unwrap_or(10.0);
        let step = factor * power;
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        let values = (first..=last).map(|k| k as f64 * step).collect();
        (values, Some(step))
    }

    /// Powers of ten, at most eight; where there are few, 2 and 5 times them as well.
    fn powers(&self) -> Vec<f64> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let inside = |factors: &[f64]| -> Vec<f64> {
            let all = decades
                .clone()
                .flat_map(|k| factors.iter().map(move |factor| factor * 10f64.powi(k)));
            all.filter(|value| (self.low..=self.high).contains(value))
                .collect()
        };
        let tens = inside(&[1.0]);
        match tens.len() {
            0..3 => inside(&[1.0, 2.0, 5.0]),
            count => tens.into_iter().step_by(count.div_ceil(8)).collect(),
        }
    }
}

impl Scale {
    fn takes(self, value: f64) -> bool {
        value.is_finite() && (self == Scale::Linear || value > 0.0)
    }
}

/// `0.01`, `200`, `10⁶`, `10⁻⁸`. With the decimals that the distance between ticks needs, if there is one.
pub(crate) fn label(value: f64, step: Option<f64>) -> String {
    let size = step.unwrap_or(value).abs();
    if value == 0.0 || (size > 0.9e-4 && value.abs() < 9.99e4) {
        let decimals = (-size.log10() - 1e-9).ceil().max(0.0) as usize;
        let text = format!("{value:.decimals$}");
        return text.replace('-', "−");
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let power = (value.abs().log10() + 1e-9).floor();
    let digits = value.abs() / 10f64.powf(power);
    let digits = format!("{}", (digits * 100.0).round() / 100.0);
    let power = superscript(power as i32);
    match digits.as_str() {
        "1" => format!("{sign}10{power}"),
        _ => format!("{sign}{digits}·10{power}"),
    }
}

fn superscript(power: i32) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    (power.to_string().chars())
        .map(|c| c.to_digit(10).map_or('⁻', |digit| digits[digit as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(scale: Scale, values: &[f64], look: impl Fn(&Placed)) {
        let axis = Axis {
            label: String::new(),
            scale,
            range: None,
        };
        look(&Placed::new(&axis, None, values.iter().copied()));
    }

    fn labels(axis: &Placed) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn equal_factors_or_differences_are_equal_distances() {
        over(Scale::Logarithmic, &[1.0, 10.0, 100.0], |axis| {
            let [a, b, c] = [1.0, 10.0, 100.0].map(|x| axis.share(x).unwrap());
            assert!((b - a - (c - b)).abs() < 1e-12 && 0.0 < a && c < 1.0);
            assert_eq!(labels(axis), ["1", "10", "100"]);
            assert_eq!(axis.share(0.0), None);
        });
        over(Scale::Linear, &[-1.0, 3.0], |axis| {
            let [a, b, c] = [-1.0, 1.0, 3.0].map(|x| axis.share(x).unwrap());
            assert!((b - a - (c - b)).abs() < 1e-12 && 0.0 < a && c < 1.0);
            assert_eq!(labels(axis), ["−1", "0", "1", "2", "3"]);
            assert_eq!(axis.share(f64::NAN), None);
        });
    }

    #[test]
    fn narrow_wide_and_empty_axes_have_ticks_too() {
        over(Scale::Logarithmic, &[3.0], |axis| {
            assert_eq!(axis.ticks().len(), 1)
        });
        over(Scale::Logarithmic, &[1e-30, 1.0], |axis| {
            assert!((4..9).contains(&axis.ticks().len()), "{:?}", axis.ticks());
        });
        for values in [&[][..], &[7.0], &[0.0, 1e-7], &[0.0, 3e9]] {
            over(Scale::Linear, values, |axis| {
                let ticks = axis.ticks();
                assert!((4..9).contains(&ticks.len()), "{ticks:?}");
                assert!(ticks.iter().all(|(at, _)| (0.0..=1.0).contains(at)));
            });
        }
    }

    #[test]
    fn labels_are_short() {
        let values = [0.05, 0.2, 5.0, 20_000.0, 1e5, 2e6, 1e-9];
        let expected = ["0.05", "0.2", "5", "20000", "10⁵", "2·10⁶", "10⁻⁹"];
        assert_eq!(values.map(|value| label(value, None)), expected);
        assert_eq!(label(-1.5, Some(0.5)), "−1.5");
    }
}
