//! Bytes that are hard to type, written as text: `\n`, `\t`, `\x1f`.
//!
//! A text that can't be read is refused with the place pointed at, in the manner of a compiler.

use std::{fmt, ops::Range};

/// What is wrong with a text, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) struct Mistake {
    text: String,
    /// In bytes, at the borders of characters.
    at: Range<usize>,
    message: String,
}

impl Mistake {
    /// Points at a part of a text. A place that isn't there is its end.
    pub(super) fn new(text: &str, at: Range<usize>, message: impl Into<String>) -> Self {
        let (start, end) = (at.start.min(text.len()), at.end.min(text.len()));
        Self { text: text.to_owned(), at: start..end.max(start), message: message.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = |range: Range<usize>| self.text.get(range).unwrap_or("").chars().count();
        let (before, under) = (columns(0..self.at.start), columns(self.at.clone()).max(1));
        // A line break of the text would tear it from the mark below it.
        let text = self.text.replace(char::is_control, " ");
        write!(f, "{}", self.message)?;
        if text.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n  {text}")?;
        write!(f, "  {:before$}{:^<under$}", "", "")
    }
}

/// The bytes that a text with escapes stands for.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, Mistake> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text.as_bytes()[at] == b'\\' {
            let (byte, length) = escape(text, at)?;
            bytes.push(byte);
            at += length;
        } else {
            bytes.push(text.as_bytes()[at]);
            at += 1;
        }
    }
    Ok(bytes)
}

/// The byte of the escape whose backslash is here, and the escape's length.
pub(super) fn escape(text: &str, at: usize) -> Result<(u8, usize), Mistake> {
    let rest = &text[at..];
    let mistake = |length: usize, message: String| Mistake::new(text, at..at + length, message);
    let Some(letter) = rest.chars().nth(1) else {
        return Err(mistake(1, r"nothing follows the backslash; write \\ for one".to_owned()));
    };
    let byte = match letter {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        '0' => 0,
        '\\' => b'\\',
        'x' => {
            let digits =
                rest.get(2..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let none = || mistake(2, r"\x needs two hexadecimal digits, as in \x1f".to_owned());
            return Ok((byte.ok_or_else(none)?, 4));
        }
        other => {
            let message = format!(r"\{other} is no escape: there are \n \r \t \0 \xNN and \\");
            return Err(mistake(1 + other.len_utf8(), message));
        }
    };
    Ok((byte, 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_the_bytes_they_name() {
        assert_eq!(unescape(r"a\tb\n\r\0\\").unwrap(), b"a\tb\n\r\0\\");
        assert_eq!(unescape(r"\x1f\xFFü").unwrap(), [b"\x1f\xff", "ü".as_bytes()].concat());
        assert_eq!(unescape("").unwrap(), b"");
    }

    #[test]
    fn a_mistake_is_pointed_at() {
        let line = |text| unescape(text).unwrap_err().to_string();
        assert!(line(r"ab\q").ends_with("\n  ab\\q\n    ^^"), "{}", line(r"ab\q"));
        assert!(line(r"ü\").ends_with("\n  ü\\\n   ^"), "{}", line(r"ü\"));
        assert!(line(r"\xü0").contains("two hexadecimal digits"));
        assert!(line(r"\x+1").contains("two hexadecimal digits"));
        assert!(line("a\n\\x1").ends_with("\n  a \\x1\n    ^^"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r"[\\nxtü0-9]*|.*") {
            if let Err(mistake) = unescape(&text) {
                prop_assert!(mistake.to_string().ends_with('^'));
            }
        }

        #[test]
        fn text_without_backslash_is_itself(text in r"[^\\]*") {
            prop_assert_eq!(unescape(&text).unwrap(), text.into_bytes());
        }
    }
}
