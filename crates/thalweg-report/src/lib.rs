//! Pages that show a run, an evaluation, a comparison or a table: one file each, which opens without a
//! network.
//!
//! A page is its data as JSON and a script that draws them. The script puts every text of the user's
//! data into the page as text and never as markup, so nothing in a table can act on it.

mod comparison;
mod drawing;
mod evaluation;
mod history;
mod page;
mod run;
mod table;

pub use comparison::comparison;
pub use drawing::in_characters;
pub use evaluation::evaluation;
pub use page::{MOST_BYTES, data};
pub use run::run;
pub use table::table;
