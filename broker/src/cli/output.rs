//! What commands print: a table for people, JSON for programs.

use std::{fmt, io};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Error;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Output {
    /// How to print.
    #[arg(long = "output", short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(super) format: Format,
}

impl Output {
    /// Prints one thing, either way.
    pub(super) fn print<T: Serialize>(
        &self,
        out: &mut dyn io::Write,
        value: &T,
        table: impl FnOnce(&T) -> Table,
    ) -> Result<(), Error> {
        self.print_text(out, value, |value| table(value).to_string())
    }

    /// The same for what is no table: text for people, with its last line's end.
    pub(super) fn print_text<T: Serialize + ?Sized>(
        &self,
        out: &mut dyn io::Write,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Error> {
        match self.format {
            Format::Table => write!(out, "{}", text(value))?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
                writeln!(out)?;
            }
        }
        Ok(out.flush()?)
    }
}

/// Columns under headings, each as wide as it must be.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).into()] }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.rows[0].len(), "a row has a cell for every heading");
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column_count = self.rows[0].len();
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..column_count).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Whoever reads the output may stop reading, as `head` does: then the work is done, not failed.
pub(super) fn unless_closed(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(["TOPIC", "N"]);
        table.row(["orders-of-the-day".to_owned(), "1".to_owned()]);
        table.row(["ü".to_owned(), "20".to_owned()]);
        let expected = "TOPIC              N\norders-of-the-day  1\nü                  20\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(unless_closed(Err(Error::Output(closed))).is_ok());
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(unless_closed(Err(Error::Output(full))).is_err());
    }
}
