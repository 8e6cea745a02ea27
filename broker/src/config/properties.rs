//! Java's properties format: what `server.properties` is written in.
//!
//! Comments, three separators, escapes and continued lines, as `java.util.Properties` reads them.
//! It knows no keys and reads no file.

/// One `key=value`, and the line that it begins on, counted from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Text that isn't in the format, and the line where it stops being so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadEscape {
    pub(crate) line: usize,
}

/// All properties of a text in their order. A key that comes twice is there twice.
pub(crate) fn parse(text: &str) -> Result<Vec<Property>, BadEscape> {
    logical_lines(text)
        .into_iter()
        .map(|(line, content)| property(line, &content).ok_or(BadEscape { line }))
        .collect()
}

/// Whitespace within a line.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Lines as the format counts them: without comments and blank ones, continued ones joined.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, natural) in text.split('\n').enumerate() {
        let content = natural.trim_start_matches(is_blank);
        let (begun, mut joined) = match open.take() {
            Some(line) => line,
            None if content.is_empty() || content.starts_with(['#', '!']) => continue,
            None => (index + 1, String::new()),
        };
        let trailing = content.len() - content.trim_end_matches('\\').len();
        if trailing % 2 == 1 {
            joined.push_str(&content[..content.len() - 1]);
            open = Some((begun, joined));
        } else {
            joined.push_str(content);
            lines.push((begun, joined));
        }
    }
    lines.extend(open);
    lines
}

/// Splits a line at its first bare separator and takes the escapes out. `None` = a bad escape.
fn property(line: usize, content: &str) -> Option<Property> {
    let mut escaped = false;
    let end = content.find(|c: char| {
        let ends = !escaped && (is_blank(c) || c == '=' || c == ':');
        escaped = !escaped && c == '\\';
        ends
    });
    let (key, rest) = content.split_at(end.unwrap_or(content.len()));
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    let value = rest.trim_start_matches(is_blank);
    Some(Property { line, key: unescape(key)?, value: unescape(value)? })
}

/// Takes the backslashes out. Code points beyond 16 bits are written as two `\u` escapes, so the
/// text is put together in 16-bit units.
fn unescape(text: &str) -> Option<String> {
    let mut units = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                None => break,
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some('u') => {
                    let digits = chars.as_str().get(..4)?;
                    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                        return None;
                    }
                    units.push(u16::from_str_radix(digits, 16).ok()?);
                    chars.nth(3);
                    continue;
                }
                Some(other) => other,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().map(|p| (p.key, p.value)).collect()
    }

    fn pair(text: &str) -> (String, String) {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{text:?}");
        all.remove(0)
    }

    #[test]
    fn every_separator_splits_once() {
        for text in ["k=v", "k:v", "k v", "k = v", "k\t:\tv", "  k=v", "k   v", "\x0ck\x0cv"] {
            assert_eq!(pair(text), ("k".into(), "v".into()), "{text:?}");
        }
        assert_eq!(pair("listeners=PLAINTEXT://:9092").1, "PLAINTEXT://:9092");
        assert_eq!(pair("a==b").1, "=b");
        assert_eq!(pair("a = = b").1, "= b");
        assert_eq!(pair("alone"), ("alone".into(), String::new()));
        assert_eq!(pair("k=trailing  ").1, "trailing  ");
    }

    #[test]
    fn comments_and_blank_lines_are_nothing() {
        assert!(pairs("# one\n  ! two\n\n   \n#ends with \\\n").is_empty());
        assert_eq!(pairs("a=1 # no comment"), [("a".into(), "1 # no comment".into())]);
    }

    #[test]
    fn a_backslash_at_the_end_continues_the_line() {
        assert_eq!(pair("dirs=/a,\\\n    /b,\\\r\n\t/c").1, "/a,/b,/c");
        assert_eq!(pair("k=even\\\\\n").1, "even\\");
        assert_eq!(pair("k=odd\\\\\\\nnext").1, "odd\\next");
        // A comment sign within a continued line is text.
        assert_eq!(pair("k=a\\\n#b").1, "a#b");
        assert_eq!(pair("k=end\\").1, "end");
    }

    #[test]
    fn escapes_are_taken_out() {
        assert_eq!(pair(r"a\=b\:c\ d=e"), ("a=b:c d".into(), "e".into()));
        assert_eq!(pair(r"k=\t\n\r\f\z\#").1, "\t\n\r\x0cz#");
        assert_eq!(pair(r"k=\u0041\u00e4").1, "Aä");
        assert_eq!(pair(r"k=\uD83D\uDE00").1, "\u{1f600}");
        assert_eq!(pair(r"path=C:\\kafka").1, r"C:\kafka");
    }

    #[test]
    fn a_bad_escape_names_its_line() {
        for text in ["a=1\nb=\\u12", "a=1\nb=\\u12g4", "a=1\nb=\\uD83D", "#\nb=\\u+123"] {
            assert_eq!(parse(text), Err(BadEscape { line: 2 }), "{text:?}");
        }
    }

    #[test]
    fn a_property_knows_the_line_that_it_begins_on() {
        let lines: Vec<_> = parse("a=1\n\n# c\nb=\\\n2\nc=3").unwrap();
        assert_eq!(lines.iter().map(|p| p.line).collect::<Vec<_>>(), [1, 4, 6]);
    }

    /// Writes text so that it reads back as itself.
    fn escape(text: &str) -> String {
        let mut escaped = String::new();
        for c in text.chars() {
            match c {
                '\t' => escaped.push_str("\\t"),
                '\n' => escaped.push_str("\\n"),
                '\r' => escaped.push_str("\\r"),
                '\x0c' => escaped.push_str("\\f"),
                ' ' | '=' | ':' | '#' | '!' | '\\' => escaped.extend(['\\', c]),
                _ if c.is_ascii() => escaped.push(c),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        escaped.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        escaped
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            entries in prop::collection::vec(("[^\\x00]{1,12}", any::<String>()), 0..8),
        ) {
            let text: String =
                entries.iter().map(|(k, v)| format!("{} = {}\n", escape(k), escape(v))).collect();
            prop_assert_eq!(pairs(&text), entries);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn no_text_of_its_own_alphabet_makes_it_panic(text in "[\\\\u0dD8=: #!a\n\r\t]{0,40}") {
            let _ = parse(&text);
        }
    }
}
