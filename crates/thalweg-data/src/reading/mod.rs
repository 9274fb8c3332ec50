//! How the cells of a column are read: as numbers, texts or dates.
//!
//! `interpret` looks at the texts of each column, decides on the evidence of all of them, and
//! leaves a [`Reading`] where a column is more than plain numbers or plain text. Other files of the
//! same table, a config and a model read the column as it says. What people write around numbers is
//! in `marks/`, one file each; dates are in `dates.rs`.

mod calendar;
mod cell;
mod dates;
mod decide;
mod durations;
mod evidence;
mod extremes;
mod interpret;
mod markers;
mod marks;
mod months;
mod notation;
mod notes;
mod numbers;
mod stored;

pub(crate) use calendar::{date_text, day_of_year, micros, seconds_of, writer_of};
pub(crate) use cell::{Number, is_amount, number};
pub(crate) use decide::{Seen, apply, decide};
pub(crate) use evidence::Evidence;
pub(crate) use extremes::Extremes;
pub(crate) use interpret::interpret;
pub(crate) use notation::Notation;
pub(crate) use numbers::amounts;
pub use stored::{DateOrder, ReadAs, Reading, Readings};
