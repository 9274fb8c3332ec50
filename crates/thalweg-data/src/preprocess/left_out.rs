//! Why a column is no input of the network.

use std::fmt;

/// The reason, in the order in which notes list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeftOut {
    Constant,
    Empty,
    Identifier,
    IdentifierNumber,
    RowNumber,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeftOut::Constant => "constant in the training rows",
            LeftOut::Empty => "no value in the training rows",
            LeftOut::Identifier => "every value is a different text",
            LeftOut::IdentifierNumber => {
                "every value is a different whole number, as in an identifier; `data.read.numeric` keeps it"
            }
            LeftOut::RowNumber => "it counts the rows",
        })
    }
}
