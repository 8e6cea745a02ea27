//! How far a long command is: a line on standard error, for people who watch it on a terminal.
//!
//! Nothing is drawn where standard error is no terminal, so that logs and golden files have only
//! what counts. Programs ask for `-o json` and never see it either.

use std::{borrow::Cow, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner turns: often enough to look alive.
const TURN: Duration = Duration::from_millis(120);

/// What a long command shows of itself. It vanishes when it's dropped.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Work of unknown length.
    pub(super) fn spinner(message: impl Into<Cow<'static, str>>) -> Self {
        let bar = ProgressBar::new_spinner().with_message(message);
        bar.enable_steady_tick(TURN);
        Self { bar }
    }

    /// Work on so many bytes, or on as many as come.
    pub(super) fn of_bytes(total: Option<u64>, message: impl Into<Cow<'static, str>>) -> Self {
        let template = match total {
            Some(_) => "{msg} [{bar:30}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {msg} {bytes}, {bytes_per_sec}",
        };
        let style = ProgressStyle::with_template(template).expect("a test reads every template");
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = bar.with_style(style.progress_chars("=> ")).with_message(message);
        if total.is_none() {
            bar.enable_steady_tick(TURN);
        }
        Self { bar }
    }

    /// So many more are done.
    pub(super) fn advance(&self, by: u64) {
        self.bar.inc(by);
    }

    /// Says what is being done now.
    pub(super) fn say(&self, message: impl Into<Cow<'static, str>>) {
        self.bar.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_one() {
        for total in [None, Some(3)] {
            Progress::of_bytes(total, "reading").advance(1);
        }
        let progress = Progress::spinner("waiting");
        progress.say("still waiting");
    }
}
