//! Two log-log panels side by side as SVG, for light and dark pages.

use std::fmt::Write;

/// A picture: two panels over the same x.
pub struct Plot<'a> {
    pub title: &'a str,
    /// What x is, with its unit.
    pub x: &'a str,
    pub panels: [Panel<'a>; 2],
}

/// Positive points; where lines have names they stand at their last points.
pub struct Panel<'a> {
    /// What y is, with its unit.
    pub y: &'a str,
    pub series: Vec<(&'a str, Vec<(f64, f64)>)>,
    /// Drawn as a dashed line.
    pub limit: Option<f64>,
}

/// The frame of a panel: its size, and its left upper corners.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
const TOP: f64 = 46.0;
const LEFT: [f64; 2] = [70.0, 480.0];

const HEAD: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 840 320" width="840" height="320" font-family="system-ui, sans-serif" font-size="12">
<style>
text{fill:#24292f}.grid{stroke:#d0d7de;stroke-width:1}.frame{fill:none;stroke:#8c959f}
.line{fill:none;stroke-width:2}.s0{stroke:#0969da}.s1{stroke:#bc4c00}.dot0{fill:#0969da}.dot1{fill:#bc4c00}
.limit{stroke:#6e7781;stroke-width:1.5;stroke-dasharray:6 4}.back{fill:#ffffff}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}.frame{stroke:#6e7681}
.s0{stroke:#58a6ff}.s1{stroke:#f0883e}.dot0{fill:#58a6ff}.dot1{fill:#f0883e}.limit{stroke:#8b949e}.back{fill:#0d1117}}
</style>
<rect class="back" width="840" height="320"/>
"##;

impl Plot<'_> {
    /// The file.
    pub fn svg(&self) -> String {
        let mut svg = HEAD.to_owned();
        let _ = writeln!(
            svg,
            r#"<text x="420" y="22" text-anchor="middle" font-size="14">{}</text>"#,
            escape(self.title)
        );
        for (panel, left) in self.panels.iter().zip(LEFT) {
            self.panel(&mut svg, panel, left);
        }
        svg + "</svg>\n"
    }

    fn panel(&self, svg: &mut String, panel: &Panel, left: f64) {
        let points = || panel.series.iter().flat_map(|(_, points)| points);
        let x_axis = Axis::over(points().map(|point| point.0), left, WIDTH);
        let y_values = points().map(|point| point.1).chain(panel.limit);
        let y_axis = Axis::over(y_values, TOP + HEIGHT, -HEIGHT);
        let (right, bottom) = (left + WIDTH, TOP + HEIGHT);
        for (value, label) in x_axis.ticks() {
            let x = x_axis.place(value);
            let _ = writeln!(
                svg,
                r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{bottom}"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
                bottom + 16.0
            );
        }
        for (value, label) in y_axis.ticks() {
            let y = y_axis.place(value);
            let _ = writeln!(
                svg,
                r#"<line class="grid" x1="{left}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#,
                left - 6.0,
                y + 4.0
            );
        }
        if let Some(limit) = panel.limit {
            let y = y_axis.place(limit);
            let _ = writeln!(
                svg,
                r#"<line class="limit" x1="{left}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}">peak</text>"#,
                left + 6.0,
                y + 14.0
            );
        }
        let _ = writeln!(
            svg,
            r#"<rect class="frame" x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}"/>"#
        );
        for (k, (name, points)) in panel.series.iter().enumerate() {
            let places: Vec<(f64, f64)> = points
                .iter()
                .map(|(x, y)| (x_axis.place(*x), y_axis.place(*y)))
                .collect();
            let path: Vec<String> = places
                .iter()
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            let _ = writeln!(
                svg,
                r#"<polyline class="line s{k}" points="{}"/>"#,
                path.join(" ")
            );
            for (x, y) in &places {
                let _ = writeln!(
                    svg,
                    r#"<circle class="dot{k}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#
                );
            }
            if let Some((x, y)) = places.last() {
                let _ = writeln!(
                    svg,
                    r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                    x - 10.0,
                    y - 4.0,
                    escape(name)
                );
            }
        }
        let middle = left + WIDTH / 2.0;
        let _ = writeln!(
            svg,
            r#"<text x="{middle:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            bottom + 38.0,
            escape(self.x)
        );
        let (x, y) = (left - 50.0, TOP + HEIGHT / 2.0);
        let _ = writeln!(
            svg,
            r#"<text transform="translate({x:.1} {y:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
            escape(panel.y)
        );
    }
}

/// A logarithmic axis from `start` over `length` (negative: upwards).
struct Axis {
    low: f64,
    high: f64,
    start: f64,
    length: f64,
}

impl Axis {
    /// Covers the values with a little room, and at least a factor of two.
    fn over(values: impl Iterator<Item = f64>, start: f64, length: f64) -> Self {
        let (mut low, mut high) = (f64::MAX, f64::MIN_POSITIVE);
        for value in values.filter(|value| *value > 0.0) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (1.0, 1.0);
        }
        if high < 2.0 * low {
            (low, high) = (low / 1.5, high * 1.5);
        }
        let room = (high / low).powf(0.05);
        Self {
            low: low / room,
            high: high * room,
            start,
            length,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        self.start + self.length * share
    }

    /// Powers of ten, and if they are few their 2 and 5 as well.
    fn ticks(&self) -> Vec<(f64, String)> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let inside = |factors: &[f64]| -> Vec<f64> {
            let all = decades
                .clone()
                .flat_map(|k| factors.iter().map(move |f| f * 10f64.powi(k)));
            all.filter(|value| (self.low..=self.high).contains(value))
                .collect()
        };
        let tens = inside(&[1.0]);
        let ticks = if tens.len() >= 3 {
            tens
        } else {
            inside(&[1.0, 2.0, 5.0])
        };
        ticks
            .into_iter()
            .map(|value| (value, label(value)))
            .collect()
    }
}

/// `0.01`, `200`, `10⁶`.
fn label(value: f64) -> String {
    if value < 9.99e4 {
        let decimals = (-value.log10()).ceil().max(0.0) as usize;
        return format!("{value:.decimals$}");
    }
    let power = value.log10().floor();
    let digit = (value / 10f64.powf(power)).round();
    let superscripts = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];
    let power: String = format!("{power:.0}")
        .bytes()
        .map(|digit| superscripts[usize::from(digit - b'0')])
        .collect();
    if digit > 1.0 {
        format!("{digit}·10{power}")
    } else {
        format!("10{power}")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_factors_are_equal_distances() {
        let axis = Axis::over([1.0, 10.0, 100.0].into_iter(), 50.0, 200.0);
        let [a, b, c] = [1.0, 10.0, 100.0].map(|x| axis.place(x));
        assert!((b - a - (c - b)).abs() < 1e-9);
        assert!(50.0 < a && c < 250.0);
        let values: Vec<String> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(values, ["1", "10", "100"]);
    }

    #[test]
    fn narrow_axes_have_ticks_too() {
        let ticks = Axis::over([3.0].into_iter(), 0.0, 1.0).ticks();
        assert_eq!(ticks.len(), 1, "{ticks:?}");
        let labels = [0.05, 0.2, 5.0, 20_000.0, 1e5, 2e6].map(label);
        assert_eq!(labels, ["0.05", "0.2", "5", "20000", "10⁵", "2·10⁶"]);
    }

    #[test]
    fn every_point_is_drawn_inside_its_frame() {
        let line = vec![(1.0, 5.0), (4.0, 80.0), (16.0, 90.0)];
        let panel = || Panel {
            y: "y < z",
            series: vec![("name", line.clone())],
            limit: Some(500.0),
        };
        let svg = Plot {
            title: "t",
            x: "x",
            panels: [panel(), panel()],
        }
        .svg();
        let number = |text: &str, key: &str| -> f64 {
            let rest = text.split_once(&format!(" {key}=\"")).unwrap().1;
            rest.split('"').next().unwrap().parse().unwrap()
        };
        let circles: Vec<(f64, f64)> = (svg.lines().filter(|line| line.starts_with("<circle")))
            .map(|line| (number(line, "cx"), number(line, "cy")))
            .collect();
        assert_eq!(circles.len(), 6);
        for (k, (x, y)) in circles.into_iter().enumerate() {
            let left = LEFT[k / 3];
            assert!((left..left + WIDTH).contains(&x) && (TOP..TOP + HEIGHT).contains(&y));
        }
        assert!(svg.contains("y &lt; z") && svg.contains("prefers-color-scheme:dark"));
    }
}
