//! Commands one after the other, and the transcript that they leave.

use std::{
    io::Write as _,
    process::{Output, Stdio},
    thread,
};

use crate::node::{Node, ottla};

/// What stands for the port that the system chose: as wide, so that tables keep their shape.
const PORT: &str = "19092";

/// What stands for an id of 22 characters.
const ID: &str = "<--------- id ------->";

/// A transcript in the making.
pub(crate) struct Session {
    bootstrap: String,
    /// What differs from run to run, and what stands for it.
    replaced: Vec<(String, String)>,
    transcript: String,
}

impl Session {
    /// Commands that find this node without being told where it is.
    pub(crate) fn with(node: &Node) -> Self {
        let mut session = Self::at(node.address());
        let directory = node.directory().display().to_string();
        session.replaced.push((directory, "/node".to_owned()));
        session
    }

    /// Commands that need no cluster.
    pub(crate) fn alone() -> Self {
        Self {
            bootstrap: "127.0.0.1:9092".to_owned(),
            replaced: Vec::new(),
            transcript: String::new(),
        }
    }

    /// Commands that look for a cluster there.
    pub(crate) fn at(bootstrap: &str) -> Self {
        let port = bootstrap.rsplit(':').next().unwrap();
        let replaced = vec![(port.to_owned(), PORT.to_owned())];
        Self { bootstrap: bootstrap.to_owned(), replaced, transcript: String::new() }
    }

    /// Something else that differs from run to run, and what stands for it.
    pub(crate) fn replace(&mut self, own: &str, stands: &str) {
        self.replaced.push((own.to_owned(), stands.to_owned()));
    }

    /// Runs `ottla` with these words. Single quotes keep words together.
    pub(crate) fn run(&mut self, line: &str) -> &mut Self {
        self.run_with_input(line, "")
    }

    /// The same, with something to read.
    pub(crate) fn run_with_input(&mut self, line: &str, input: &str) -> &mut Self {
        let output = self.output(line, input);
        let code = output.status.code().unwrap_or(-1);
        self.transcript.push_str(&format!("$ ottla {line}\n"));
        for (stream, mark) in [(&output.stdout, ""), (&output.stderr, "! ")] {
            for text in String::from_utf8_lossy(stream).lines() {
                self.transcript.push_str(format!("{mark}{text}").trim_end());
                self.transcript.push('\n');
            }
        }
        if code != 0 {
            self.transcript.push_str(&format!("[exit code {code}]\n"));
        }
        self.transcript.push('\n');
        self
    }

    fn output(&self, line: &str, input: &str) -> Output {
        let mut child = ottla()
            .args(words(line))
            .env("OTTLA_BOOTSTRAP", &self.bootstrap)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_bytes().to_vec();
        // The command may print before it has read all, or end without reading anything.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// The transcript, with what differs from run to run replaced.
    pub(crate) fn transcript(&self) -> String {
        let text = self.replaced.iter().fold(self.transcript.clone(), |text, (own, stands)| {
            text.replace(own.as_str(), stands)
        });
        without_times(&without_ids(&text))
    }
}

/// Compares a transcript with the golden file of that name.
macro_rules! assert_golden {
    ($session:expr, $name:literal) => {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $session.transcript()));
    };
}
pub(crate) use assert_golden;

/// Splits a command line as a shell would that knows single quotes only.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            ' ' if !is_quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Replaces what looks like an id: 22 characters of base64url, the last of which carries two bits,
/// as that of 16 bytes does.
fn without_ids(text: &str) -> String {
    let is_of_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_id = |word: &str| word.len() == 22 && word.ends_with(['A', 'Q', 'g', 'w']);
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_of_id) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_of_id(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        replaced.push_str(before);
        replaced.push_str(if is_id(word) { ID } else { word });
        rest = after;
    }
    replaced + rest
}

/// What stands for a moment, and for the same in milliseconds.
const TIME: &str = "2026-01-31T12:30:00.123Z";
const TIMESTAMP: &str = "\"timestamp\": 1769862600123";

/// Replaces what looks like a moment of now.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| {
        let shape = |(own, like): (char, char)| {
            own.is_ascii_digit() && like.is_ascii_digit() || own == like
        };
        word.len() == TIME.len() && word.chars().zip(TIME.chars()).all(shape)
    };
    let line = |line: &str| {
        let words = line.split_inclusive([' ', '"']).map(|word| {
            let bare = word.trim_end_matches([' ', '"']);
            if is_time(bare) { word.replace(bare, TIME) } else { word.to_owned() }
        });
        let line = words.collect::<String>();
        match line.trim_start().strip_prefix("\"timestamp\": ") {
            Some(number) if number.trim_end_matches([',', '\n']).len() == 13 => {
                let own = format!("\"timestamp\": {}", number.trim_end_matches([',', '\n']));
                line.replace(&own, TIMESTAMP)
            }
            _ => line,
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

#[test]
fn moments_are_replaced() {
    let text = "at 2031-12-01T01:02:03.456Z \"2031-12-01T01:02:03.456Z\",\n  \"timestamp\": 1234567890123,\n";
    assert_eq!(without_times(text), format!("at {TIME} \"{TIME}\",\n  {TIMESTAMP},\n"));
    assert_eq!(without_times("2031-12-01 12"), "2031-12-01 12");
}

#[test]
fn quotes_keep_words_together() {
    assert_eq!(words("a 'b c'  d'e'"), ["a", "b c", "de"]);
    assert_eq!(words("''"), [""]);
}

#[test]
fn ids_are_replaced_and_names_are_not() {
    assert_eq!(without_ids("cluster 4L6g3nShT-eMCtK--X86sw."), format!("cluster {ID}."));
    assert_eq!(without_ids("u_ucTMKWRwGUGuWNYVmUTA"), ID);
    assert_eq!(without_ids("--replication-factor-22"), "--replication-factor-22");
}
