//! Where the inputs of a network stand behind the layers in front of all others: an embedding of
//! categories, and a selection.

use std::ops::Range;

use thalweg_core::error::Error;
use thalweg_core::layers::usual_width;
use thalweg_core::registry::{Choice, Setting};

use crate::network_file::EMBEDDING;

/// The layer that keeps some of its inputs.
pub(crate) const SELECT: &str = "select";

/// Where the network's inputs stand behind the layers `before`, the first value of each; none where
/// it is left out.
///
/// # Errors
/// If these are other layers than an embedding of categories and a selection.
pub(crate) fn positions(
    before: &[Choice],
    inputs: usize,
) -> thalweg_core::Result<Vec<Option<usize>>> {
    let (embedding, others) = match before {
        [first, others @ ..] if first.name == EMBEDDING => (Some(first), others),
        others => (None, others),
    };
    let ranges = ranges(embedding, inputs);
    let places = ranges.iter().map(|range| range.start);
    match others {
        [] => Ok(places.map(Some).collect()),
        [select] if select.name == SELECT => {
            let kept = integers(select, "inputs").unwrap_or_default();
            let place = |own| kept.iter().position(|kept| *kept == own);
            Ok(places.map(place).collect())
        }
        others => {
            let found = format!("it behind {}", others[others.len() - 1].name);
            let expected =
                "it as the first layer, or right behind an embedding of categories or a selection";
            let error = Error::invalid("layer", found, expected);
            Err(error.remedy("write `columns` into it, or move it"))
        }
    }
}

/// The values of each input behind an embedding of categories, if there is one.
pub(crate) fn ranges(embedding: Option<&Choice>, inputs: usize) -> Vec<Range<usize>> {
    let widths = embedding.map_or_else(Vec::new, |embedding| {
        let usual =
            || integers(embedding, "levels").map(|of| of.into_iter().map(usual_width).collect());
        integers(embedding, "widths")
            .or_else(usual)
            .unwrap_or_default()
    });
    let widths = widths.into_iter().chain(std::iter::repeat(1));
    let mut next = 0;
    let range = |width| {
        next += width;
        next - width..next
    };
    widths.take(inputs).map(range).collect()
}

fn integers(layer: &Choice, setting: &str) -> Option<Vec<usize>> {
    match layer.settings.get(setting)? {
        Setting::Integers(list) => Some(list.iter().map(|number| *number as usize).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_stand_behind_the_vectors_of_categories() {
        let list = |numbers: &[i64]| Setting::Integers(numbers.to_vec());
        let embedding = Choice::new(EMBEDDING).with("levels", list(&[4, 5]));
        let own = embedding.clone().with("widths", list(&[3, 2]));
        assert_eq!(ranges(Some(&own), 4), [0..3, 3..5, 5..6, 6..7]);
        assert_eq!(ranges(None, 3), [0..1, 1..2, 2..3]);
        let usual = [usual_width(4), usual_width(5)];
        let [first, both] = [usual[0], usual[0] + usual[1]];
        assert_eq!(
            ranges(Some(&embedding), 3),
            [0..first, first..both, both..both + 1]
        );
    }
}
