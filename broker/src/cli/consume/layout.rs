//! The options that say how records are printed.

use std::io::{self, Write};

use clap::Args;
use client::ConsumerRecord;

use super::{
    columns::Columns,
    format_string::{Nulls, Template},
    json,
};
use crate::cli::{
    Error,
    escape::{Mistake, unescape},
    output::{Format, Output},
};

#[derive(Debug, Args)]
#[command(next_help_heading = "How records are printed")]
pub(super) struct Layout {
    /// Print each record in this format. The notation stands below.
    #[arg(
        id = "format_string",
        long = "format",
        short = 'f',
        value_name = "FORMAT",
        allow_hyphen_values = true,
        conflicts_with_all = ["delimiter", "key_separator", "columns", "json"]
    )]
    format: Option<Template>,
    /// Print keys, with this between key and value.
    #[arg(long, short = 'K', value_name = "SEPARATOR", value_parser = unescape_text)]
    key_separator: Option<Bytes>,
    /// Print this behind each record, and not a line's end.
    #[arg(long, short = 'D', value_name = "DELIMITER", value_parser = unescape_text)]
    delimiter: Option<Bytes>,
    /// Print NULL where a key or a value is null, and not nothing.
    #[arg(short = 'Z', long)]
    show_nulls: bool,
    /// Print this where a key or a value is null.
    #[arg(long, value_name = "TEXT", conflicts_with = "show_nulls", value_parser = unescape_text)]
    null_marker: Option<Bytes>,
    #[command(flatten)]
    columns: ColumnOptions,
    /// Print JSON, as -o json does.
    #[arg(short = 'J')]
    json: bool,
}

/// The columns of Kafka's console consumer.
#[derive(Debug, Args)]
#[group(id = "columns", multiple = true)]
struct ColumnOptions {
    /// Print timestamps, as Kafka's console consumer does.
    #[arg(long)]
    print_timestamp: bool,
    /// Print partitions.
    #[arg(long)]
    print_partition: bool,
    /// Print offsets.
    #[arg(long)]
    print_offset: bool,
    /// Print headers.
    #[arg(long)]
    print_headers: bool,
    /// Print keys.
    #[arg(long)]
    print_key: bool,
    /// The same in the notation of Kafka's console consumer, such as print.key=true.
    #[arg(long, visible_alias = "formatter-property", value_name = "NAME=VALUE")]
    #[arg(value_parser = property)]
    property: Vec<String>,
}

/// Bytes as an option's value: a `Vec` would be several values.
type Bytes = Box<[u8]>;

/// What null is printed as, where it's printed.
const NULL: &[u8; 4] = b"NULL";

/// How to print records.
#[derive(Debug)]
pub(super) enum Printer {
    Json,
    Text {
        template: Template,
        /// In place of keys and values, and of headers' values.
        null: Bytes,
        null_header: Bytes,
    },
}

impl Layout {
    pub(super) fn printer(&self, output: &Output) -> Result<Printer, Error> {
        let is_json = self.json || output.format == Format::Json;
        if is_json && self.format.is_some() {
            return Err(Error::Usage("--format is for text: leave it or -o json out".to_owned()));
        }
        if is_json {
            return Ok(Printer::Json);
        }
        let asked = self.columns.columns();
        let (null, null_header): (Bytes, Bytes) = match (self.null_text(), &asked) {
            (Some(text), _) => (text.into(), text.into()),
            (None, Some(columns)) => (columns.null.clone().into(), columns.null.clone().into()),
            // As kcat has them.
            (None, None) => (Bytes::default(), (*NULL).into()),
        };
        let mut columns = asked.unwrap_or_default();
        if let Some(separator) = &self.key_separator {
            columns.key = true;
            columns.separator = separator.to_vec();
        }
        if let Some(delimiter) = &self.delimiter {
            columns.line_end = delimiter.to_vec();
        }
        let template = self.format.clone().unwrap_or_else(|| columns.template());
        Ok(Printer::Text { template, null, null_header })
    }

    /// What was asked for to be printed for null. kcat prints it for what is empty, too; here the
    /// two are told apart.
    fn null_text(&self) -> Option<&[u8]> {
        if self.show_nulls { Some(NULL.as_slice()) } else { self.null_marker.as_deref() }
    }
}

impl ColumnOptions {
    /// None unless any was asked for.
    fn columns(&self) -> Option<Columns> {
        let mut columns = Columns {
            timestamp: self.print_timestamp,
            partition: self.print_partition,
            offset: self.print_offset,
            headers: self.print_headers,
            key: self.print_key,
            ..Columns::default()
        };
        for property in &self.property {
            columns.set(property).expect("the command line was checked");
        }
        (!self.property.is_empty() || columns != Columns::default()).then_some(columns)
    }
}

impl Printer {
    /// Prints one record.
    pub(super) fn print(&self, record: &ConsumerRecord, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Json => json::print(record, out),
            Self::Text { template, null, null_header } => {
                template.print(record, Nulls { text: null, header_text: null_header }, out)
            }
        }
    }
}

fn property(text: &str) -> Result<String, String> {
    Columns::default().set(text).map(|()| text.to_owned())
}

fn unescape_text(text: &str) -> Result<Bytes, Mistake> {
    unescape(text).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use clap::Parser;
    use protocol::{
        LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicPartition, records::TimestampType,
    };

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        layout: Layout,
        #[command(flatten)]
        output: Output,
    }

    fn printed(arguments: &[&str]) -> Result<String, String> {
        let line = Line::try_parse_from([&["consume"], arguments].concat());
        let line = line.map_err(|error| error.to_string())?;
        let printer = line.layout.printer(&line.output).map_err(|error| error.to_string())?;
        let record = ConsumerRecord {
            partition: TopicPartition { topic: "orders".into(), partition: PartitionIndex(3) },
            offset: Offset(42),
            leader_epoch: LeaderEpoch(7),
            timestamp: Timestamp(1000),
            timestamp_type: TimestampType::LogAppendTime,
            key: None,
            value: Some(Bytes::from_static(b"value")),
            headers: vec![("a".to_owned(), None)],
        };
        let mut out = Vec::new();
        printer.print(&record, &mut out).unwrap();
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn without_options_it_is_the_value_on_a_line() {
        assert_eq!(printed(&[]).unwrap(), "value\n");
        assert_eq!(printed(&["-D", r"\0"]).unwrap(), "value\0");
        assert_eq!(printed(&["-D", ""]).unwrap(), "value");
    }

    #[test]
    fn null_is_nothing_unless_it_is_asked_for() {
        assert_eq!(printed(&["-K", r"\t"]).unwrap(), "\tvalue\n");
        assert_eq!(printed(&["-K", ":", "-Z"]).unwrap(), "NULL:value\n");
        assert_eq!(printed(&["-f", "%k %h", "--null-marker", "-"]).unwrap(), "- a=-");
        assert_eq!(printed(&["-f", "%k %h"]).unwrap(), " a=NULL");
    }

    #[test]
    fn columns_are_those_of_kafkas_console_consumer() {
        let own = ["--print-timestamp", "--print-headers", "--print-key"];
        let kafkas = ["print.timestamp=true", "print.headers=true", "print.key=true"];
        let kafkas = kafkas.map(|property| format!("--property={property}"));
        let kafkas = kafkas.each_ref().map(String::as_str);
        for arguments in [own, kafkas] {
            let line = printed(&arguments).unwrap();
            assert_eq!(line, "LogAppendTime:1000\ta:null\tnull\tvalue\n");
        }
        let offset = ["--print-offset", "-K", "|", "-Z"];
        assert_eq!(printed(&offset).unwrap(), "Offset:42|NULL|value\n");
    }

    #[test]
    fn json_is_asked_for_in_two_ways() {
        let json = printed(&["-J"]).unwrap();
        assert!(json.starts_with(r#"{"topic":"orders","partition":3,"#), "{json}");
        assert_eq!(printed(&["-o", "json"]).unwrap(), json);
    }

    #[test]
    fn one_way_of_printing_excludes_the_others() {
        let others: [&[&str]; 5] =
            [&["-K", ":"], &["-D", ";"], &["--print-key"], &["-J"], &["-o", "json"]];
        for other in others {
            let refusal = printed(&[&["-f", "%s"], other].concat()).unwrap_err();
            assert!(refusal.contains("--format"), "{refusal}");
        }
    }
}
