//! Evidence in the length that a person reads.

use std::fmt::{self, Display};

use crate::op::Op;

/// How many characters of an operation are shown.
const OP_CHARS_MAX: usize = 240;

/// How many elements of a list are shown.
const LISTED_MAX: usize = 12;

/// An operation as its line of EDN, or the beginning of it.
pub(crate) struct Brief<'h>(pub &'h Op);

impl Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.to_string();
        match line.char_indices().nth(OP_CHARS_MAX) {
            Some((end, _)) => write!(f, "{} ...", &line[..end]),
            None => f.write_str(&line),
        }
    }
}

/// Writes the first of `total` things, and how many more there are.
pub(crate) fn list<T: Display>(
    f: &mut fmt::Formatter<'_>,
    things: &[T],
    total: usize,
) -> fmt::Result {
    let shown = things.len().min(LISTED_MAX);
    for (i, thing) in things[..shown].iter().enumerate() {
        write!(f, "{}{thing}", if i == 0 { "" } else { " " })?;
    }
    if total > shown {
        write!(f, " and {} more", total - shown)?;
    }
    Ok(())
}
