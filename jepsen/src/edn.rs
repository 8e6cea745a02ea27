//! EDN, the notation of Clojure's data: what Jepsen's histories are written in.
//!
//! Whole but for ratios and integers beyond 64 bits. Knows nothing of operations.

use std::fmt;

mod parser;
#[cfg(test)]
mod tests;

pub use parser::EdnError;

/// A value of EDN.
#[derive(Debug, Clone, PartialEq)]
pub enum Edn {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Char(char),
    String(String),
    Keyword(Name),
    Symbol(Name),
    List(Vec<Self>),
    Vector(Vec<Self>),
    /// In the order in which they were written. That no key comes twice is the writer's business.
    Map(Vec<(Self, Self)>),
    Set(Vec<Self>),
    /// `#tag value`. A tag begins with a letter.
    Tagged(Name, Box<Self>),
}

/// The text of a keyword, a symbol or a tag, without the sign before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// `None` if this text would read as something else.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let begins_like_a_number = {
            let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
            unsigned.starts_with(|c: char| c.is_ascii_digit())
        };
        let valid = !text.is_empty()
            && !begins_like_a_number
            && !text.starts_with([':', '#'])
            && !text.contains(ends_a_token)
            && !text.contains(['\\', '@', '^', '~', '`']);
        valid.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character cannot be part of a number, a name or a keyword.
fn ends_a_token(c: char) -> bool {
    is_space(c) || c.is_control() || matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '"' | ';')
}

/// A comma is a space in EDN.
fn is_space(c: char) -> bool {
    c == ',' || c.is_whitespace()
}

impl Edn {
    /// Reads text that holds one value and nothing else.
    ///
    /// # Errors
    ///
    /// When it does not, or when values are nested deeper than 64.
    pub fn parse(text: &str) -> Result<Self, EdnError> {
        parser::parse(text)
    }

    /// A keyword.
    ///
    /// # Panics
    ///
    /// On text that is no [`Name`]. For names known when the program is written.
    #[must_use]
    pub fn keyword(name: &str) -> Self {
        Self::Keyword(Name::new(name).expect("a constant name is valid"))
    }

    /// The value at a keyword of a map. A string of the same text will do, because JSON has no
    /// keywords.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(key, _)| key.as_name() == Some(name)).map(|(_, value)| value)
    }

    /// The text of a keyword or a string.
    #[must_use]
    pub fn as_name(&self) -> Option<&str> {
        match self {
            Self::Keyword(name) => Some(name.as_str()),
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// An integer, also one in a string: JSON's maps have no other keys.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The elements of a vector, a list or a set.
    #[must_use]
    pub fn as_elements(&self) -> Option<&[Self]> {
        match self {
            Self::Vector(elements) | Self::List(elements) | Self::Set(elements) => Some(elements),
            _ => None,
        }
    }
}

/// On one line, whatever the value holds.
impl fmt::Display for Edn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) if float.is_nan() => f.write_str("##NaN"),
            Self::Float(float) if float.is_infinite() && *float > 0.0 => f.write_str("##Inf"),
            Self::Float(float) if float.is_infinite() => f.write_str("##-Inf"),
            Self::Float(float) => write!(f, "{float:?}"),
            Self::Char(char) => write_char(f, *char),
            Self::String(text) => write_string(f, text),
            Self::Keyword(name) => write!(f, ":{name}"),
            Self::Symbol(name) => write!(f, "{name}"),
            Self::List(elements) => write_all(f, "(", elements, ")"),
            Self::Vector(elements) => write_all(f, "[", elements, "]"),
            Self::Set(elements) => write_all(f, "#{", elements, "}"),
            Self::Map(entries) => write_map(f, entries),
            Self::Tagged(tag, value) => write!(f, "#{tag} {value}"),
        }
    }
}

fn write_all(f: &mut fmt::Formatter<'_>, open: &str, all: &[Edn], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (i, element) in all.iter().enumerate() {
        write!(f, "{}{element}", if i == 0 { "" } else { " " })?;
    }
    f.write_str(close)
}

fn write_map(f: &mut fmt::Formatter<'_>, entries: &[(Edn, Edn)]) -> fmt::Result {
    f.write_str("{")?;
    for (i, (key, value)) in entries.iter().enumerate() {
        write!(f, "{}{key} {value}", if i == 0 { "" } else { ", " })?;
    }
    f.write_str("}")
}

/// The characters with names, which is how they must be written.
const NAMED_CHARS: [(&str, char); 6] = [
    ("newline", '\n'),
    ("return", '\r'),
    ("space", ' '),
    ("tab", '\t'),
    ("formfeed", '\u{c}'),
    ("backspace", '\u{8}'),
];

fn write_char(f: &mut fmt::Formatter<'_>, char: char) -> fmt::Result {
    let named = NAMED_CHARS.iter().find(|(_, named)| *named == char);
    match named {
        Some((name, _)) => write!(f, "\\{name}"),
        None if char.is_control() || char.is_whitespace() => {
            write!(f, "\\u{:04x}", u32::from(char))
        }
        None => write!(f, "\\{char}"),
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for char in text.chars() {
        match char {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
