//! A batch of one row through dense layers takes a fraction of a microsecond, of which a team and
//! row blocks would be most. One call forward and one back for each layer
//! ([`OneRow`](crate::layers::OneRow)) leave the gradient.

use crate::cpu::buffer::{Buffer, Shared};
use crate::cpu::pass::Pass;
use crate::cpu::plan::Plan;
use crate::cpu::precision::Precision;
use crate::cpu::strategy::Strategy;
use crate::cpu::team::Team;
use crate::cpu::update::{Sums, Update};
use crate::error::Result;

pub(super) struct SingleRow<T> {
    /// The gradient of the row.
    gradient: Buffer<T>,
}

impl<T: Precision> SingleRow<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            gradient: Buffer::new(plan.partials())?,
        })
    }
}

impl<T: Precision> Strategy<T> for SingleRow<T> {
    fn step<'a>(
        &'a mut self,
        _: &mut Team,
        pass: &mut Pass<'a, T>,
        update: &Update<T>,
        sums: Sums,
    ) -> Result<f64> {
        let gradient = self.gradient.share();
        pass.partials = Some(gradient);
        // SAFETY: such a plan has one member.
        let loss = unsafe { pass.one_row(gradient) } * pass.scale;
        if loss.is_finite() {
            for index in 0..pass.plan.items.len() {
                // SAFETY: as above. The gradient is in its place, so no room is needed.
                unsafe { pass.update_item(0, index, update, &mut [], sums) };
            }
        }
        Ok(loss)
    }

    fn partials(&mut self) -> Option<Shared<'_, T>> {
        Some(self.gradient.share())
    }
}
