//! Options as `--name value`, flags as `--name`, and words.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Options that take no value.
const FLAGS: [&str; 2] = ["quick", "sync"];

#[derive(Debug, Default)]
pub(crate) struct CommandLine {
    options: BTreeMap<String, String>,
    flags: Vec<String>,
    words: Vec<String>,
}

impl CommandLine {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut line = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix("--") {
                None => line.words.push(argument.clone()),
                Some(flag) if FLAGS.contains(&flag) => line.flags.push(flag.to_owned()),
                Some(name) => {
                    let value =
                        arguments.next().with_context(|| format!("--{name} wants a value"))?;
                    line.options.insert(name.to_owned(), value.clone());
                }
            }
        }
        Ok(line)
    }

    /// Takes an option that must be there.
    pub(crate) fn required(&mut self, name: &str) -> Result<String> {
        self.optional(name).with_context(|| format!("--{name} is missing"))
    }

    pub(crate) fn optional(&mut self, name: &str) -> Option<String> {
        self.options.remove(name)
    }

    pub(crate) fn number<T: FromStr>(&mut self, name: &str, default: T) -> Result<T> {
        match self.optional(name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(number) => Ok(number),
                Err(_) => bail!("--{name} wants a number, and was given {text:?}"),
            },
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.flags.len();
        self.flags.retain(|flag| flag != name);
        self.flags.len() < before
    }

    pub(crate) fn words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<()> {
        let left: Vec<String> = self
            .options
            .keys()
            .chain(&self.flags)
            .map(|name| format!("--{name}"))
            .chain(self.words)
            .collect();
        if left.is_empty() { Ok(()) } else { bail!("not understood: {}", left.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::CommandLine;

    fn parse(text: &str) -> CommandLine {
        let arguments: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        CommandLine::parse(&arguments).unwrap()
    }

    #[test]
    fn options_flags_and_words_may_be_mixed() {
        let mut line = parse("cold --dir somewhere --quick start --partitions 6");
        assert_eq!(line.required("dir").unwrap(), "somewhere");
        assert_eq!(line.number("partitions", 1).unwrap(), 6);
        assert_eq!(line.number("depth", 5).unwrap(), 5);
        assert!(line.flag("quick") && !line.flag("sync"));
        assert_eq!(line.words(), ["cold", "start"]);
        line.finish().unwrap();
    }

    #[test]
    fn what_nobody_takes_is_refused() {
        assert!(parse("--speed 9").finish().is_err());
        assert!(parse("fast").finish().is_err());
        assert!(CommandLine::parse(&["--dir".to_owned()]).is_err());
    }
}
