//! One cell of the matrix: a load, and what is measured under it.

use crate::bench::Bench;
use crate::measure::Measure;
use anyhow::Result;

type Run = Box<dyn Fn(&Bench) -> Result<Findings>>;

pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) run: Run,
}

impl Cell {
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl Fn(&Bench) -> Result<Findings> + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// Whether one of the words is in its name, or there are none.
    pub(crate) fn is_meant_by(&self, words: &[String]) -> bool {
        let name = self.name.to_lowercase();
        words.is_empty() || words.iter().any(|word| name.contains(&word.to_lowercase()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) measures: Vec<Measure>,
    /// What a number alone would not say.
    pub(crate) notes: Vec<String>,
}

impl From<Vec<Measure>> for Findings {
    fn from(measures: Vec<Measure>) -> Self {
        Self { measures, notes: Vec::new() }
    }
}
