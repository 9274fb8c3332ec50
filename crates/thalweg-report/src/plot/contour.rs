//! Contours of a grid by marching squares (Lorensen & Cline 1987, in two dimensions): in each cell, the points on
//! its edges where the value crosses the level, by linear interpolation, joined in pairs.

use super::{Grid, Point};

/// The segments along which the grid has the value `level`. Cells with a value that is not finite are left out.
pub(crate) fn segments(grid: &Grid, level: f64) -> Vec<(Point, Point)> {
    let (x, y) = (&grid.x, &grid.y);
    let height = |i: usize, j: usize| grid.values[i * y.len() + j] - level;
    let mut segments = Vec::new();
    for i in 0..x.len().saturating_sub(1) {
        for j in 0..y.len().saturating_sub(1) {
            // Around the cell.
            let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let heights = corners.map(|(i, j)| height(i, j));
            if heights.iter().any(|height| !height.is_finite()) {
                continue;
            }
            let crossings: Vec<Point> = (0..4)
                .filter_map(|k| {
                    let next = (k + 1) % 4;
                    let (a, b) = (heights[k], heights[next]);
                    ((a < 0.0) != (b < 0.0)).then(|| {
                        let share = a / (a - b);
                        let ((i, j), (m, n)) = (corners[k], corners[next]);
                        (x[i] + share * (x[m] - x[i]), y[j] + share * (y[n] - y[j]))
                    })
                })
                .collect();
            match crossings[..] {
                [a, b] => segments.push((a, b)),
                // A saddle: the sign in the middle says which corners belong together.
                [a, b, c, d] => {
                    let middle = heights.iter().sum::<f64>() < 0.0;
                    if middle == (heights[0] < 0.0) {
                        segments.extend([(a, b), (c, d)]);
                    } else {
                        segments.extend([(d, a), (b, c)]);
                    }
                }
                _ => {}
            }
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contours_of_a_cone_are_circles() {
        let grid = Grid::of((-2.0, 2.0), (-2.0, 2.0), 81, f64::hypot);
        let segments = segments(&grid, 1.5);
        let mut length = 0.0;
        for (a, b) in &segments {
            assert!((a.0.hypot(a.1) - 1.5).abs() < 1e-3);
            length += (a.0 - b.0).hypot(a.1 - b.1);
        }
        assert!(
            (length - 3.0 * std::f64::consts::PI).abs() < 0.02,
            "{length}"
        );
    }

    #[test]
    fn contours_keep_to_their_side_of_a_saddle() {
        let grid = Grid::of((-1.0, 1.0), (-1.0, 1.0), 2, |x, y| x * y);
        // Above the level 0.5 lie two corners; no segment passes through the middle.
        for (a, b) in segments(&grid, 0.5) {
            let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
            assert!(middle.0 * middle.1 > 0.5, "{a:?} {b:?}");
        }
    }
}
