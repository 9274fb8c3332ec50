//! What a run looks like: pages that show a run, an evaluation, a comparison, a cross-validation, a learning
//! curve, columns by their importance or a table, one file each, which opens without a network; curves as
//! SVG and in the characters of a terminal; event files of TensorBoard.
//!
//! A page is its data as JSON and a script that draws them. The script puts every text of the user's
//! data into the page as text and never as markup, so nothing in a table can act on it.

mod comparison;
mod cross_validation;
mod drawing;
mod evaluation;
mod history;
mod importance;
mod learning_curve;
mod live;
mod page;
pub mod plot;
mod run;
mod table;
mod tensorboard;

pub use comparison::comparison;
pub use cross_validation::cross_validation;
pub use drawing::{curves, in_characters};
pub use evaluation::evaluation;
pub use importance::importance;
pub use learning_curve::learning_curve;
pub use live::Live;
pub use page::{MOST_BYTES, data};
pub use run::run;
pub use table::table;
pub use tensorboard::Events;
