//! Columns as Kafka's console consumer prints them: `print.key=true` and the rest.

use super::format_string::{Field, Headers, Piece, Template};
use crate::cli::escape::unescape;

/// Which columns, and what is between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) timestamp: bool,
    pub(super) partition: bool,
    pub(super) offset: bool,
    pub(super) headers: bool,
    pub(super) key: bool,
    pub(super) value: bool,
    pub(super) separator: Vec<u8>,
    pub(super) line_end: Vec<u8>,
    pub(super) null: Vec<u8>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            timestamp: false,
            partition: false,
            offset: false,
            headers: false,
            key: false,
            value: true,
            separator: b"\t".to_vec(),
            line_end: b"\n".to_vec(),
            null: b"null".to_vec(),
        }
    }
}

impl Columns {
    /// Takes a setting such as `print.key=true`.
    pub(super) fn set(&mut self, property: &str) -> Result<(), String> {
        let (name, value) = property.split_once('=').ok_or("write NAME=VALUE")?;
        let flag = match name {
            "print.timestamp" => &mut self.timestamp,
            "print.partition" => &mut self.partition,
            "print.offset" => &mut self.offset,
            "print.headers" => &mut self.headers,
            "print.key" => &mut self.key,
            "print.value" => &mut self.value,
            _ => {
                let text = match name {
                    "key.separator" => &mut self.separator,
                    "line.separator" => &mut self.line_end,
                    "null.literal" => &mut self.null,
                    _ => return Err(format!("there is no {name}, but {NAMES}")),
                };
                *text = unescape(value).map_err(|mistake| mistake.to_string())?;
                return Ok(());
            }
        };
        *flag = value.parse().map_err(|_| format!("{name} is true or false"))?;
        Ok(())
    }

    /// The columns in Kafka's order.
    pub(super) fn template(&self) -> Template {
        let text = |text: &str| Piece::Text(text.into());
        let field = Piece::Field;
        let time = [field(Field::TimestampType), text(":"), field(Field::Timestamp)];
        let columns = [
            (self.timestamp, time.to_vec()),
            (self.partition, vec![text("Partition:"), field(Field::Partition)]),
            (self.offset, vec![text("Offset:"), field(Field::Offset)]),
            (self.headers, vec![field(Field::Headers(Headers::Colon))]),
            (self.key, vec![field(Field::Key)]),
            (self.value, vec![field(Field::Value)]),
        ];
        let mut pieces = Vec::new();
        for (_, column) in columns.into_iter().filter(|(is_printed, _)| *is_printed) {
            if !pieces.is_empty() {
                pieces.push(Piece::Text(self.separator.clone()));
            }
            pieces.extend(column);
        }
        pieces.push(Piece::Text(self.line_end.clone()));
        Template::new(pieces)
    }
}

const NAMES: &str = "print.timestamp, print.partition, print.offset, print.headers, print.key, \
                     print.value, key.separator, line.separator, null.literal";

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(properties: &[&str]) -> Columns {
        let mut columns = Columns::default();
        for property in properties {
            columns.set(property).unwrap();
        }
        columns
    }

    #[test]
    fn columns_stand_in_kafkas_order() {
        let all = ["print.key=true", "print.headers=true", "print.offset=true"];
        let more = ["print.partition=true", "print.timestamp=true"];
        let template = columns(&[&all[..], &more].concat()).template();
        let text = |text: &str| Piece::Text(text.into());
        let field = Piece::Field;
        let expected = [
            vec![field(Field::TimestampType), text(":"), field(Field::Timestamp), text("\t")],
            vec![text("Partition:"), field(Field::Partition), text("\t")],
            vec![text("Offset:"), field(Field::Offset), text("\t")],
            vec![field(Field::Headers(Headers::Colon)), text("\t")],
            vec![field(Field::Key), text("\t"), field(Field::Value), text("\n")],
        ];
        assert_eq!(template, Template::new(expected.into_iter().flatten()));
    }

    #[test]
    fn separators_may_have_escapes() {
        let columns = columns(&[r"key.separator=\x1f", "line.separator=;", "null.literal="]);
        assert_eq!((&columns.separator[..], &columns.line_end[..]), (&b"\x1f"[..], &b";"[..]));
        assert!(columns.null.is_empty());
    }

    #[test]
    fn what_is_unknown_is_refused() {
        let refusal = |property| Columns::default().set(property).unwrap_err();
        assert!(refusal("print.keys=true").contains("print.key, "));
        assert!(refusal("print.key=yes").contains("true or false"));
        assert!(refusal("print.key").contains("NAME=VALUE"));
    }
}
