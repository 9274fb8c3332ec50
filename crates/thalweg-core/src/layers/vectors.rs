//! Segments that are stored as they are written in files, one after the other.

use super::{LayerPlan, Segment, Tile};

/// Segments are padded to this many values, so that what follows begins on a cache line.
const LINE: usize = 16;
/// About this many parameters make a tile.
const TILE: usize = 3072;

/// Length of a segment with padding, which stays 0.
pub(super) fn padded(length: usize) -> usize {
    length.next_multiple_of(LINE)
}

/// Where each of these segments begins; last, the length of all.
pub(super) fn starts(segments: &[Segment]) -> Vec<usize> {
    let mut start = 0;
    let mut starts: Vec<usize> = (segments.iter())
        .map(|segment| {
            let begin = start;
            start += padded(segment.len());
            begin
        })
        .collect();
    starts.push(start);
    starts
}

/// Position of parameter `index` of a segment.
pub(super) fn locate(segments: &[Segment], segment: usize, index: usize) -> usize {
    segments[..segment]
        .iter()
        .map(|segment| padded(segment.len()))
        .sum::<usize>()
        + index
}

/// Tiles of one row for one segment. Columns count from the beginning of the segment.
pub(super) fn tiles(segment: usize, start: usize, length: usize) -> impl Iterator<Item = Tile> {
    let length = padded(length);
    (0..length).step_by(TILE).map(move |column| Tile {
        start: start + column,
        segment,
        row: 0,
        rows: 1,
        column,
        columns: TILE.min(length - column),
    })
}

/// The plan of a layer whose segments are all of this kind.
pub(super) fn plan(segments: &[Segment], stash: usize) -> LayerPlan {
    let starts = starts(segments);
    let of = |index: usize| tiles(index, starts[index], segments[index].len());
    LayerPlan {
        parameters: starts[segments.len()],
        derived: 0,
        stash,
        tiles: (0..segments.len()).flat_map(of).collect(),
    }
}
