//! How batches are shared among ranks and cut into groups of rows.

use crate::collective::{Alone, Collective};
use crate::error::{Error, Result};
use crate::layers::Node;
use crate::solvers;
use crate::spec::{NetworkSpec, TrainingSpec};

/// See the module's text.
pub(super) struct Grouping {
    pub collective: Box<dyn Collective>,
    /// Groups of this rank.
    pub groups: usize,
    /// Rows of a group at most.
    pub rows: usize,
    /// Whether a rank must have its very part of a batch, so that groups are the same for any
    /// number of ranks.
    pub is_exact: bool,
}

impl Grouping {
    /// The grouping of a run; none for a single rank without groups.
    ///
    /// # Errors
    /// If the ranks cannot share the groups, or the network or the optimizer needs all rows at
    /// once.
    pub fn new(
        spec: &NetworkSpec,
        nodes: &[Node],
        training: &TrainingSpec,
        collective: Option<Box<dyn Collective>>,
    ) -> Result<Option<Self>> {
        let groups = training.batches.groups;
        if groups.is_none() && collective.is_none() {
            return Ok(None);
        }
        let collective = collective.unwrap_or_else(|| Box::new(Alone));
        let (rank, size) = (collective.rank(), collective.size());
        if !size.is_power_of_two() || rank >= size {
            let found = format!("rank {rank} of {size}");
            let expected = "a rank below their number, a power of two";
            return Err(Error::invalid("collective", found, expected));
        }
        if let Some(groups) = groups.filter(|groups| groups % size != 0) {
            let found = format!("{groups} for {size} ranks");
            let error = Error::invalid("batches groups", found, "a multiple of the ranks");
            return Err(error.at("batches.groups"));
        }
        if size > 1 && solvers::is_solver(&training.optimizer) {
            let subject = format!("optimizer {}", training.optimizer.name);
            let found = "a solver on several ranks";
            let error = Error::invalid(subject, found, "an optimizer that takes steps");
            return Err(error.at("optimizer"));
        }
        let couples = |node: &Node| {
            node.part
                .layers()
                .iter()
                .any(|layer| layer.facts().statistics > 0)
        };
        if let Some(number) = nodes.iter().position(couples) {
            let name = &spec.layers[number].name;
            let found = match groups {
                Some(_) => "a batch that is cut into groups",
                None => "a batch that ranks share",
            };
            let expected = "whole batches: it compares their rows";
            let error = Error::invalid(format!("layer {name}"), found, expected);
            let error = error.of_layer(number, name);
            return Err(error.remedy("leave out `batches.groups`, or take layer_norm in its place"));
        }
        let parts = groups.unwrap_or(size);
        Ok(Some(Self {
            groups: parts / size,
            rows: training.batch_size.div_ceil(parts),
            is_exact: groups.is_some(),
            collective,
        }))
    }
}
