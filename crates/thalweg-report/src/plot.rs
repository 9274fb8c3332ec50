//! Small pictures of lines, points and contours: SVG for light and dark pages, characters for terminals.
//!
//! ```
//! use thalweg_report::plot::{Figure, Panel};
//!
//! let parabola = (-10..=10).map(|x| f64::from(x) / 10.0).map(|x| (x, x * x));
//! let panel = Panel::new("w", "loss").line("L(w) = w²", parabola).points("minimum", [(0.0, 0.0)]);
//! let figure = Figure::new("A parabola").panel(panel);
//! assert!(figure.svg().starts_with("<svg"));
//! ```
//!
//! A figure is a grid of panels; a panel has two axes and marks, drawn in order. Points that an axis cannot
//! place (not finite, or not positive on a logarithmic axis) are left out.

mod axis;
mod contour;
mod svg;
mod text;

pub use axis::Scale;

/// A point (x, y) in the units of the axes.
pub type Point = (f64, f64);

/// A picture: a title over one panel or a grid of them, two in a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    title: String,
    panels: Vec<Panel>,
}

/// A frame with two axes and what is drawn in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    title: String,
    x: Axis,
    y: Axis,
    marks: Vec<Mark>,
}

/// An axis before its range is known.
#[derive(Debug, Clone, PartialEq)]
struct Axis {
    label: String,
    scale: Scale,
    range: Option<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Mark {
    Line {
        name: String,
        points: Vec<Point>,
        dashed: bool,
    },
    Points {
        name: String,
        points: Vec<Point>,
    },
    /// y = `at`, over the whole width.
    Level {
        name: String,
        at: f64,
    },
    Contours {
        grid: Grid,
        levels: Vec<f64>,
    },
}

/// Values over a rectangular grid: that at (`x[i]`, `y[j]`) is `values[i * y.len() + j]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Rising.
    pub x: Vec<f64>,
    /// Rising.
    pub y: Vec<f64>,
    /// `x.len() * y.len()` of them.
    pub values: Vec<f64>,
}

impl Grid {
    /// A function over `count` × `count` points.
    pub fn of(
        (left, right): (f64, f64),
        (bottom, top): (f64, f64),
        count: usize,
        f: impl Fn(f64, f64) -> f64,
    ) -> Self {
        let last = count.saturating_sub(1).max(1) as f64;
        let along = |low: f64, high: f64| -> Vec<f64> {
            let at = |i| low + (high - low) * (i as f64 / last);
            (0..count).map(at).collect()
        };
        let (x, y) = (along(left, right), along(bottom, top));
        let values = (x.iter())
            .flat_map(|x| y.iter().map(|y| f(*x, *y)))
            .collect();
        Self { x, y, values }
    }
}

impl Figure {
    /// A figure without panels.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            panels: Vec::new(),
        }
    }

    /// With one more panel.
    #[must_use]
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The file: self-contained, and readable on light and dark pages.
    pub fn svg(&self) -> String {
        svg::draw(self)
    }
}

impl Panel {
    /// An empty panel with the labels of its axes.
    pub fn new(x: impl Into<String>, y: impl Into<String>) -> Self {
        let axis = |label| Axis {
            label,
            scale: Scale::Linear,
            range: None,
        };
        Self {
            title: String::new(),
            x: axis(x.into()),
            y: axis(y.into()),
            marks: Vec::new(),
        }
    }

    /// With a title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// With a logarithmic x.
    #[must_use]
    pub fn log_x(mut self) -> Self {
        self.x.scale = Scale::Logarithmic;
        self
    }

    /// With a logarithmic y.
    #[must_use]
    pub fn log_y(mut self) -> Self {
        self.y.scale = Scale::Logarithmic;
        self
    }

    /// With this range of x, in place of that of the marks.
    #[must_use]
    pub fn over_x(mut self, low: f64, high: f64) -> Self {
        self.x.range = Some((low, high));
        self
    }

    /// With this range of y, in place of that of the marks.
    #[must_use]
    pub fn over_y(mut self, low: f64, high: f64) -> Self {
        self.y.range = Some((low, high));
        self
    }

    /// A line through points; without a name it is not in the legend.
    #[must_use]
    pub fn line(self, name: impl Into<String>, points: impl IntoIterator<Item = Point>) -> Self {
        self.mark(Mark::Line {
            name: name.into(),
            points: points.into_iter().collect(),
            dashed: false,
        })
    }

    /// A dashed line through points.
    #[must_use]
    pub fn dashed(self, name: impl Into<String>, points: impl IntoIterator<Item = Point>) -> Self {
        self.mark(Mark::Line {
            name: name.into(),
            points: points.into_iter().collect(),
            dashed: true,
        })
    }

    /// Points without a line.
    #[must_use]
    pub fn points(self, name: impl Into<String>, points: impl IntoIterator<Item = Point>) -> Self {
        self.mark(Mark::Points {
            name: name.into(),
            points: points.into_iter().collect(),
        })
    }

    /// A horizontal line at y, with its name beside it.
    #[must_use]
    pub fn level(self, name: impl Into<String>, at: f64) -> Self {
        self.mark(Mark::Level {
            name: name.into(),
            at,
        })
    }

    /// Contours of a grid at `levels`.
    ///
    /// # Panics
    /// If the grid does not have a value for each of its points.
    #[must_use]
    pub fn contours(self, grid: Grid, levels: impl IntoIterator<Item = f64>) -> Self {
        assert_eq!(grid.values.len(), grid.x.len() * grid.y.len());
        self.mark(Mark::Contours {
            grid,
            levels: levels.into_iter().collect(),
        })
    }

    /// The panel in characters, `width` × `height` of them without axes and legend. In the place of contours, each point
    /// of their grid is a digit: how many levels lie below it.
    pub fn text(&self, width: usize, height: usize) -> String {
        text::draw(self, width, height)
    }

    fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// Both axes with their ranges. The grid of contours fills the frame; marks outside of it are not shown.
    fn axes(&self) -> [axis::Placed<'_>; 2] {
        let ground = self.marks.iter().find_map(|mark| match mark {
            Mark::Contours { grid, .. } => Some(grid),
            _ => None,
        });
        let ends = |values: &Vec<f64>| Some((*values.first()?, *values.last()?));
        let x = self
            .marks
            .iter()
            .flat_map(|mark| mark.extent(|p| p.0, false));
        let y = self
            .marks
            .iter()
            .flat_map(|mark| mark.extent(|p| p.1, true));
        [
            axis::Placed::new(&self.x, ground.and_then(|grid| ends(&grid.x)), x),
            axis::Placed::new(&self.y, ground.and_then(|grid| ends(&grid.y)), y),
        ]
    }
}

impl Mark {
    /// The values of an axis: `of` takes a coordinate of a point; `is_y` where it is the second.
    fn extent(&self, of: fn(&Point) -> f64, is_y: bool) -> Vec<f64> {
        match self {
            Mark::Line { points, .. } | Mark::Points { points, .. } => {
                points.iter().map(of).collect()
            }
            Mark::Level { at, .. } if is_y => vec![*at],
            Mark::Level { .. } | Mark::Contours { .. } => Vec::new(),
        }
    }

    /// The name in the legend.
    fn legend(&self) -> Option<&str> {
        match self {
            Mark::Line { name, .. } | Mark::Points { name, .. } if !name.is_empty() => Some(name),
            _ => None,
        }
    }

    /// Whether it takes the next colour.
    fn is_series(&self) -> bool {
        matches!(self, Mark::Line { .. } | Mark::Points { .. })
    }
}
