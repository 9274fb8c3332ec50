//! The strategies, a file each, and the choice among them.

mod by_blocks;
pub(super) mod by_items;
mod caller_updates;
mod groups;
mod single_row;
mod touched;
mod whole;

use super::grouping::Grouping;
use super::plan::Plan;
use super::strategy::Strategy;
use crate::cpu::precision::Precision;
use crate::error::Result;
use crate::kernels::Isa;
use crate::optimizers::Chain;

use by_blocks::ByBlocks;
use by_items::ByItems;
use caller_updates::CallerUpdates;
use single_row::SingleRow;
use touched::Touched;
use whole::Whole;

/// The strategy for a plan, an optimizer, and batches that are shared or cut into groups, if they
/// are.
///
/// # Errors
/// If there is not enough memory.
pub(super) fn choose<T: Precision>(
    plan: &Plan,
    chain: &Chain,
    isa: Isa,
    grouping: Option<Grouping>,
) -> Result<Box<dyn Strategy<T>>> {
    Ok(if chain.is_whole() || grouping.is_some() {
        Box::new(Whole::new(plan, chain, isa, grouping)?)
    } else if plan.takes_one_row {
        Box::new(SingleRow::new(plan)?)
    } else if plan.caller_updates {
        Box::new(CallerUpdates::new(plan)?)
    } else if plan.adds_blocks {
        Box::new(ByBlocks::new(plan)?)
    } else if !plan.gathers_features && chain.skips_zeros() {
        Box::new(Touched::new(plan, chain)?)
    } else {
        Box::new(ByItems::new(plan)?)
    })
}
