//! A figure as SVG. Colours are classes, so that one file suits light and dark pages.

use std::fmt::Write;

use super::{Figure, Mark, Panel, Point, contour};

/// The frame of a panel, alone or one of several, and the room around it.
const ALONE: (f64, f64) = (520.0, 320.0);
const BESIDE: (f64, f64) = (310.0, 230.0);
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const HEADING: f64 = 34.0;
const PANEL_TITLE: f64 = 24.0;
const X_AXIS: f64 = 46.0;
/// A line of the legend, and about the width of a character.
const LINE: f64 = 18.0;
const CHARACTER: f64 = 6.8;

/// Colours of the series on light and on dark pages (Primer's, in an order that neighbours differ).
const COLOURS: [(&str, &str); 8] = [
    ("#0969da", "#58a6ff"),
    ("#bc4c00", "#f0883e"),
    ("#1a7f37", "#3fb950"),
    ("#8250df", "#bc8cff"),
    ("#bf3989", "#f778ba"),
    ("#9a6700", "#d29922"),
    ("#57606a", "#8b949e"),
    ("#1b7c83", "#39c5cf"),
];

/// See [`Figure::svg`].
pub(crate) fn draw(figure: &Figure) -> String {
    let columns = figure.panels.len().clamp(1, 2);
    let (width, height) = if columns == 1 { ALONE } else { BESIDE };
    let title = if figure.panels.iter().any(|panel| !panel.title.is_empty()) {
        PANEL_TITLE
    } else {
        8.0
    };
    let (mut body, mut top) = (String::new(), HEADING);
    for line in figure.panels.chunks(columns) {
        let mut lowest = top;
        for (column, panel) in line.iter().enumerate() {
            let mut frame = Frame {
                svg: &mut body,
                left: LEFT + column as f64 * (LEFT + width + RIGHT),
                top: top + title,
                width,
                height,
            };
            lowest = frame.panel(panel).max(lowest);
        }
        top = lowest + 14.0;
    }
    let across = columns as f64 * (LEFT + width + RIGHT);
    let (mut light, mut dark) = (String::new(), String::new());
    for (k, colours) in COLOURS.into_iter().enumerate() {
        for (style, colour) in [(&mut light, colours.0), (&mut dark, colours.1)] {
            let _ = write!(style, ".s{k}{{stroke:{colour}}}.d{k}{{fill:{colour}}}");
        }
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {top}" width="{across}" height="{top}" font-family="system-ui, sans-serif" font-size="12">
<style>
text{{fill:#24292f}}.grid{{stroke:#e4e8ec;stroke-width:1}}.frame{{fill:none;stroke:#8c959f}}.back{{fill:#ffffff}}
.line{{fill:none;stroke-width:2;stroke-linejoin:round}}.dashed{{stroke-dasharray:7 4}}.level{{stroke:#6e7781;stroke-width:1.5;stroke-dasharray:6 4}}
.contour{{fill:none;stroke:#8c959f;stroke-width:1}}{light}
@media (prefers-color-scheme:dark){{text{{fill:#e6edf3}}.grid{{stroke:#21262d}}.frame{{stroke:#6e7681}}.back{{fill:#0d1117}}
.level{{stroke:#8b949e}}.contour{{stroke:#6e7681}}{dark}}}
</style>
<rect class="back" width="{across}" height="{top}"/>
<text x="{}" y="22" text-anchor="middle" font-size="14">{}</text>
{body}</svg>
"##,
        across / 2.0,
        escape(&figure.title)
    )
}

/// Where a panel is drawn.
struct Frame<'a> {
    svg: &'a mut String,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Frame<'_> {
    /// Draws a panel and returns its lower end.
    fn panel(&mut self, panel: &Panel) -> f64 {
        let [x, y] = panel.axes();
        let (left, top, width, height) = (self.left, self.top, self.width, self.height);
        let (right, bottom) = (left + width, top + height);
        let middle = left + width / 2.0;
        let place = |point: &Point| -> Option<Point> {
            let at = (
                left + width * x.share(point.0)?,
                bottom - height * y.share(point.1)?,
            );
            // Far outside the frame, some viewers lose lines.
            let far = |value: f64| value.clamp(-1e4, 1e4);
            Some((far(at.0), far(at.1)))
        };
        if !panel.title.is_empty() {
            self.text(middle, top - 8.0, "middle", &panel.title);
        }
        for (share, label) in x.ticks() {
            let x = left + width * share;
            self.put(format_args!(
                r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{top}" y2="{bottom}"/>"#
            ));
            self.text(x, bottom + 16.0, "middle", &label);
        }
        for (share, label) in y.ticks() {
            let y = bottom - height * share;
            self.put(format_args!(
                r#"<line class="grid" x1="{left}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/>"#
            ));
            self.text(left - 6.0, y + 4.0, "end", &label);
        }
        self.put(format_args!(
            r#"<rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}"/>"#
        ));
        // What the axes' ranges do not cover is cut off.
        self.put(format_args!(
            r#"<svg x="{left}" y="{top}" width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">"#
        ));
        let mut series = 0;
        for mark in &panel.marks {
            self.mark(mark, series % COLOURS.len(), &place);
            series += usize::from(mark.is_series());
        }
        self.put(format_args!("</svg>"));
        self.text(middle, bottom + 34.0, "middle", x.label);
        self.put(format_args!(
            r#"<text transform="translate({:.1} {:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
            left - 54.0,
            top + height / 2.0,
            escape(y.label)
        ));
        self.legend(panel, bottom + X_AXIS)
    }

    fn mark(&mut self, mark: &Mark, colour: usize, place: &dyn Fn(&Point) -> Option<Point>) {
        match mark {
            Mark::Line { points, dashed, .. } => {
                let places: Vec<Point> = points.iter().filter_map(place).collect();
                let path: Vec<String> = (places.iter())
                    .map(|(x, y)| format!("{x:.1},{y:.1}"))
                    .collect();
                let dashed = if *dashed { " dashed" } else { "" };
                self.put(format_args!(
                    r#"<polyline class="line{dashed} s{colour}" points="{}"/>"#,
                    path.join(" ")
                ));
                // Few points are shown one by one.
                if places.len() <= 24 && dashed.is_empty() {
                    self.dots(&places, colour, 2.5);
                }
            }
            Mark::Points { points, .. } => {
                let places: Vec<Point> = points.iter().filter_map(place).collect();
                let radius = if places.len() > 60 { 1.5 } else { 4.0 };
                self.dots(&places, colour, radius);
            }
            Mark::Level { name, at } => {
                let (left, right) = (self.left, self.left + self.width);
                // x does not matter: any that the axis takes.
                let Some((_, y)) = place(&(1.0, *at)) else {
                    return;
                };
                self.put(format_args!(
                    r#"<line class="level" x1="{left}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/>"#
                ));
                let below = if y < self.top + 20.0 { 14.0 } else { -5.0 };
                self.text(left + 6.0, y + below, "start", name);
            }
            Mark::Contours { grid, levels } => {
                for level in levels {
                    let mut path = String::new();
                    for (a, b) in contour::segments(grid, *level) {
                        if let (Some(a), Some(b)) = (place(&a), place(&b)) {
                            let _ = write!(path, "M{:.1} {:.1}L{:.1} {:.1}", a.0, a.1, b.0, b.1);
                        }
                    }
                    if !path.is_empty() {
                        self.put(format_args!(r#"<path class="contour" d="{path}"/>"#));
                    }
                }
            }
        }
    }

    /// The names of the series, in as many lines as they need. Returns its lower end.
    fn legend(&mut self, panel: &Panel, top: f64) -> f64 {
        let (mut x, mut y) = (self.left, top + 8.0);
        let series = panel.marks.iter().filter(|mark| mark.is_series());
        let named = series
            .enumerate()
            .filter_map(|(k, mark)| Some((k % COLOURS.len(), mark, mark.legend()?)));
        let mut any = false;
        for (colour, mark, name) in named {
            any = true;
            let width = 32.0 + CHARACTER * name.chars().count() as f64 + 10.0;
            if x > self.left && x + width > self.left + self.width + RIGHT {
                (x, y) = (self.left, y + LINE);
            }
            match mark {
                Mark::Line { dashed, .. } => {
                    let dashed = if *dashed { " dashed" } else { "" };
                    self.put(format_args!(
                        r#"<line class="line{dashed} s{colour}" x1="{x:.1}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/>"#,
                        x + 22.0
                    ));
                }
                _ => self.dots(&[(x + 11.0, y)], colour, 4.0),
            }
            self.text(x + 28.0, y + 4.0, "start", name);
            x += width;
        }
        if any { y + LINE / 2.0 } else { top }
    }

    fn dots(&mut self, places: &[Point], colour: usize, radius: f64) {
        for (x, y) in places {
            self.put(format_args!(
                r#"<circle class="d{colour}" cx="{x:.1}" cy="{y:.1}" r="{radius}"/>"#
            ));
        }
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        self.put(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#,
            escape(text)
        ));
    }

    fn put(&mut self, line: std::fmt::Arguments) {
        let _ = writeln!(self.svg, "{line}");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use crate::plot::{Figure, Panel};

    #[test]
    fn every_point_is_drawn_inside_its_frame() {
        let line = [(1.0, 5.0), (4.0, 80.0), (16.0, 90.0)];
        let panel = || {
            Panel::new("x", "y < z")
                .log_x()
                .log_y()
                .line("name", line)
                .level("peak", 500.0)
        };
        let svg = Figure::new("t").panel(panel()).panel(panel()).svg();
        let number = |text: &str, key: &str| -> f64 {
            let rest = text.split_once(&format!(" {key}=\"")).unwrap().1;
            rest.split('"').next().unwrap().parse().unwrap()
        };
        let frames: Vec<[f64; 4]> = (svg.lines())
            .filter(|line| line.contains(r#"class="frame""#))
            .map(|line| ["x", "y", "width", "height"].map(|key| number(line, key)))
            .collect();
        assert_eq!(frames.len(), 2);
        let circles: Vec<&str> = svg
            .lines()
            .filter(|line| line.starts_with("<circle"))
            .collect();
        assert_eq!(circles.len(), 6);
        for (k, circle) in circles.into_iter().enumerate() {
            let [left, top, width, height] = frames[k / 3];
            let (x, y) = (number(circle, "cx"), number(circle, "cy"));
            assert!((left..left + width).contains(&x) && (top..top + height).contains(&y));
        }
        assert!(svg.contains("y &lt; z") && svg.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn what_cannot_be_placed_is_left_out() {
        let points = [
            (0.0, 1.0),
            (1.0, f64::NAN),
            (2.0, f64::INFINITY),
            (3.0, 0.0),
            (4.0, 10.0),
        ];
        let svg = Figure::new("t")
            .panel(Panel::new("x", "y").log_y().points("", points))
            .svg();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
