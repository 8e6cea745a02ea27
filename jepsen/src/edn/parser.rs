//! From text to EDN. Bounded in depth, and total: whatever the text, it answers.

use super::{Edn, NAMED_CHARS, Name, ends_a_token, is_space};

/// How deep values may nest. An operation needs seven.
const DEPTH_MAX: usize = 64;

/// What is wrong with a text, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct EdnError {
    /// Byte position in the text.
    pub at: usize,
    pub what: &'static str,
}

pub(super) fn parse(text: &str) -> Result<Edn, EdnError> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.skip_space(0)?;
    if parser.at < text.len() {
        return Err(parser.wrong("more than one value"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn wrong(&self, what: &'static str) -> EdnError {
        EdnError { at: self.at, what }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn take(&mut self, prefix: &str) -> bool {
        let taken = self.rest().starts_with(prefix);
        if taken {
            self.at += prefix.len();
        }
        taken
    }

    /// Skips spaces, comments and discarded values.
    fn skip_space(&mut self, depth: usize) -> Result<(), EdnError> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(is_space).len();
            if self.take(";") {
                let rest = self.rest();
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if self.take("#_") {
                self.value(depth + 1)?;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Edn, EdnError> {
        if depth > DEPTH_MAX {
            return Err(self.wrong("nested too deep"));
        }
        self.skip_space(depth)?;
        match self.peek() {
            None => Err(self.wrong("a value is missing")),
            Some('(') => Ok(Edn::List(self.elements(depth, ')')?)),
            Some('[') => Ok(Edn::Vector(self.elements(depth, ']')?)),
            Some('{') => self.map(depth),
            Some('"') => self.string(),
            Some('\\') => self.char(),
            Some(':') => self.keyword(),
            Some('#') => self.dispatch(depth),
            Some(_) => self.atom(),
        }
    }

    /// What stands between brackets; the opening one is next.
    fn elements(&mut self, depth: usize, close: char) -> Result<Vec<Edn>, EdnError> {
        self.next();
        let mut elements = Vec::new();
        loop {
            self.skip_space(depth)?;
            match self.peek() {
                None => return Err(self.wrong("a bracket is not closed")),
                Some(char) if char == close => {
                    self.next();
                    return Ok(elements);
                }
                Some(_) => elements.push(self.value(depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Edn, EdnError> {
        let mut elements = self.elements(depth, '}')?.into_iter();
        let mut entries = Vec::with_capacity(elements.len() / 2);
        while let Some(key) = elements.next() {
            let value = elements.next().ok_or_else(|| self.wrong("a key without a value"))?;
            entries.push((key, value));
        }
        Ok(Edn::Map(entries))
    }

    fn dispatch(&mut self, depth: usize) -> Result<Edn, EdnError> {
        self.next();
        if self.peek() == Some('{') {
            return Ok(Edn::Set(self.elements(depth, '}')?));
        }
        if self.take("#") {
            return match self.token() {
                "Inf" => Ok(Edn::Float(f64::INFINITY)),
                "-Inf" => Ok(Edn::Float(f64::NEG_INFINITY)),
                "NaN" => Ok(Edn::Float(f64::NAN)),
                _ => Err(self.wrong("an unknown symbolic value")),
            };
        }
        let tag = Name::new(self.token()).ok_or_else(|| self.wrong("not a tag"))?;
        Ok(Edn::Tagged(tag, Box::new(self.value(depth + 1)?)))
    }

    fn keyword(&mut self) -> Result<Edn, EdnError> {
        self.next();
        let name = Name::new(self.token()).ok_or_else(|| self.wrong("not a keyword"))?;
        Ok(Edn::Keyword(name))
    }

    /// A character: one that ends tokens stands for itself, others may be names.
    fn char(&mut self) -> Result<Edn, EdnError> {
        self.next();
        let first = self.next().ok_or_else(|| self.wrong("a character is missing"))?;
        if first.is_whitespace() || first.is_control() {
            return Err(self.wrong("a character that must be written by name"));
        }
        let begin = self.at - first.len_utf8();
        self.token();
        let name = &self.text[begin..self.at];
        if name.chars().nth(1).is_none() {
            return Ok(Edn::Char(first));
        }
        let named = NAMED_CHARS.iter().find(|(known, _)| *known == name).map(|(_, char)| *char);
        let hex = || name.strip_prefix('u').filter(|hex| hex.len() == 4).and_then(scalar);
        named.or_else(hex).map(Edn::Char).ok_or_else(|| self.wrong("an unknown character"))
    }

    fn string(&mut self) -> Result<Edn, EdnError> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.wrong("a string is not closed")),
                Some('"') => return Ok(Edn::String(text)),
                Some('\\') => text.push(self.escaped()?),
                Some(char) => text.push(char),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, EdnError> {
        match self.next() {
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some(char @ ('"' | '\\')) => Ok(char),
            Some('u') => {
                let hex = self.rest().get(..4).and_then(scalar);
                self.at += if hex.is_some() { 4 } else { 0 };
                hex.ok_or_else(|| self.wrong("not four hexadecimal digits of a character"))
            }
            _ => Err(self.wrong("an unknown escape")),
        }
    }

    /// A number, a symbol, or one of the three symbols with a meaning.
    fn atom(&mut self) -> Result<Edn, EdnError> {
        let begin = self.at;
        let token = self.token();
        let refuse = |what| Err(EdnError { at: begin, what });
        match token {
            "nil" => return Ok(Edn::Nil),
            "true" => return Ok(Edn::Bool(true)),
            "false" => return Ok(Edn::Bool(false)),
            _ => {}
        }
        let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
        if unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            return number(token).map_or_else(|| refuse("not a number that fits"), Ok);
        }
        Name::new(token).map_or_else(|| refuse("not a value"), |name| Ok(Edn::Symbol(name)))
    }

    /// The characters up to the next one that ends a token; may be none.
    fn token(&mut self) -> &'a str {
        let rest = self.rest();
        let token = &rest[..rest.find(ends_a_token).unwrap_or(rest.len())];
        self.at += token.len();
        token
    }
}

fn number(token: &str) -> Option<Edn> {
    if token.contains(['.', 'e', 'E', 'M']) {
        let float: f64 = token.strip_suffix('M').unwrap_or(token).parse().ok()?;
        return float.is_finite().then_some(Edn::Float(float));
    }
    token.strip_suffix('N').unwrap_or(token).parse().ok().map(Edn::Int)
}

/// The character of a hexadecimal number. `from_str_radix` alone would take a sign.
fn scalar(hex: &str) -> Option<char> {
    let digits = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u32::from_str_radix(hex, 16).ok()).flatten().and_then(char::from_u32)
}
