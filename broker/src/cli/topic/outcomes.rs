//! What became of each of several topics: a line for each, or JSON.

use protocol::TopicName;
use serde::Serialize;

use crate::cli::{Error, Process, output::Output};

/// What became of each of several topics.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    lines: String,
    outcomes: Vec<Outcome>,
    failures: Vec<Error>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    topic: String,
    /// One word.
    outcome: &'static str,
    error: Option<String>,
}

impl Outcomes {
    /// It went well: a line for people, a word for programs.
    pub(super) fn good(&mut self, topic: &TopicName, line: String, outcome: &'static str) {
        self.lines.push_str(&line);
        self.lines.push('\n');
        self.outcomes.push(Outcome { topic: topic.to_string(), outcome, error: None });
    }

    /// It did not.
    pub(super) fn bad(&mut self, topic: &TopicName, error: Error) {
        let (topic, text) = (topic.to_string(), error.to_string());
        self.outcomes.push(Outcome { topic, outcome: "failed", error: Some(text) });
        self.failures.push(error);
    }

    /// Tells all of it, and ends with the first failure.
    pub(super) fn conclude(self, mut process: Process, output: &Output) -> Result<(), Error> {
        output.print_text(&mut *process.output, &self.outcomes, |_| self.lines)?;
        process.conclude(self.failures)
    }
}
