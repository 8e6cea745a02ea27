//! Prometheus' text format 0.0.4, and OpenMetrics 1.0 for who asks for it. They differ in what a
//! counter's family is called, and in the last line.
//!
//! The crates that there are write one of the two; what is the same in both is a line for a number.

use std::fmt::Write as _;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    OpenMetrics,
}

impl Format {
    /// The one that a request's `Accept` asks for. Whoever names OpenMetrics reads it.
    pub(super) fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A page in the making.
#[derive(Debug)]
pub(super) struct Exposition {
    format: Format,
    text: String,
}

/// One metric: numbers of the same name, told apart by their labels.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: String,
}

impl Exposition {
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }

    /// What goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, name, "gauge", help)
    }

    /// What goes up. `_total` is put to its name.
    pub(super) fn counter(&mut self, name: &str, help: &str) -> Family<'_> {
        let sample = format!("{name}_total");
        let family = if self.format == Format::OpenMetrics { name } else { &sample };
        self.family(family, &sample, "counter", help)
    }

    fn family(&mut self, family: &str, sample: &str, kind: &str, help: &str) -> Family<'_> {
        write!(self.text, "# HELP {family} {help}\n# TYPE {family} {kind}\n").expect("it's memory");
        Family { text: &mut self.text, name: sample.to_owned() }
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

impl Family<'_> {
    /// One of its numbers.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Into<i128>) -> &mut Self {
        self.text.push_str(&self.name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(self.text, "{before}{label}=\"").expect("it's memory");
            self.push_escaped(text);
            self.text.push('"');
        }
        let after = if labels.is_empty() { "" } else { "}" };
        writeln!(self.text, "{after} {}", value.into()).expect("it's memory");
        self
    }

    /// Its only number.
    pub(super) fn value(&mut self, value: impl Into<i128>) {
        self.sample(&[], value);
    }

    fn push_escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                c => self.text.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let mut page = Exposition::new(format);
        page.gauge("a_lag", "How far.").sample(&[("topic", "t\\\"\n"), ("b", "")], -1_i64);
        page.counter("b", "How often.").sample(&[], 2_u64).sample(&[("c", "d")], 3_u64);
        page.finish()
    }

    #[test]
    fn a_counters_family_is_called_differently_in_the_two_formats() {
        assert_eq!(
            written(Format::Text),
            "# HELP a_lag How far.\n# TYPE a_lag gauge\na_lag{topic=\"t\\\\\\\"\\n\",b=\"\"} -1\n\
             # HELP b_total How often.\n# TYPE b_total counter\nb_total 2\nb_total{c=\"d\"} 3\n"
        );
        assert_eq!(
            written(Format::OpenMetrics),
            "# HELP a_lag How far.\n# TYPE a_lag gauge\na_lag{topic=\"t\\\\\\\"\\n\",b=\"\"} -1\n\
             # HELP b How often.\n# TYPE b counter\nb_total 2\nb_total{c=\"d\"} 3\n# EOF\n"
        );
    }

    #[test]
    fn who_names_openmetrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        assert_eq!(Format::accepted("*/*"), Format::Text);
        assert_eq!(Format::accepted(""), Format::Text);
    }
}
