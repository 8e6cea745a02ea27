use proptest::prelude::*;

use super::*;

/// Hands out bytes so many at a time.
struct Drip<'a> {
    bytes: &'a [u8],
    steps: Vec<usize>,
}

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = self.steps.pop().unwrap_or(usize::MAX).max(1);
        let count = step.min(self.bytes.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

fn cut(framing: &Framing, bytes: &[u8], steps: Vec<usize>) -> Result<Vec<Bytes>, Error> {
    let mut source = Drip { bytes, steps };
    let mut cutter = Cutter::new(framing, 1 << 20);
    let (mut records, mut total) = (Vec::new(), 0);
    loop {
        let (block, is_end) = cutter.read(&mut source)?;
        records.extend(block.records);
        total += block.bytes;
        if is_end {
            assert_eq!(total, bytes.len() as u64);
            return Ok(records);
        }
    }
}

fn delimited(delimiter: &str) -> Framing {
    Framing::Delimited(delimiter.as_bytes().into())
}

#[test]
fn lines_may_end_either_way_and_the_last_needs_no_end() {
    let lines = |text: &str| cut(&Framing::Line, text.as_bytes(), vec![]).unwrap();
    assert_eq!(lines("one\r\ntwo\nthree"), ["one", "two", "three"]);
    assert_eq!(lines("one\n\n"), ["one", ""]);
    assert_eq!(lines("one\r"), ["one"]);
    assert!(lines("").is_empty());
}

#[test]
fn another_delimiter_leaves_carriage_returns_alone() {
    assert_eq!(cut(&delimited("\n"), b"a\r\nb", vec![]).unwrap(), ["a\r", "b"]);
    assert_eq!(cut(&delimited("--"), b"a--b---c", vec![]).unwrap(), ["a", "b", "-c"]);
}

#[test]
fn a_whole_file_is_one_record() {
    assert_eq!(cut(&Framing::Whole, b"a\nb\r\n", vec![1, 2]).unwrap(), ["a\nb\r\n"]);
    assert_eq!(cut(&Framing::Whole, b"", vec![]).unwrap(), [""]);
}

#[test]
fn a_record_without_end_is_refused() {
    let bytes = vec![b'x'; (1 << 20) + 1];
    for framing in [Framing::Line, Framing::Whole] {
        let error = cut(&framing, &bytes, vec![]).unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }
}

#[test]
fn the_size_is_known_where_all_are_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    fs::write(&path, "one\ntwo\n").unwrap();
    let size = |files: &[PathBuf]| Input::new(files, Framing::Line, 10).size_in_bytes();
    assert_eq!(size(&[path.clone(), path.clone()]).unwrap(), Some(16));
    assert_eq!(size(&[path, "-".into()]).unwrap(), None);
    assert_eq!(size(&[]).unwrap(), None);
    let missing = size(&[directory.path().join("none")]).unwrap_err().to_string();
    assert!(missing.contains("/none: "), "{missing}");
    assert!(size(&[directory.path().into()]).unwrap_err().to_string().contains("directory"));
}

proptest! {
    /// However the input comes, it's cut at the same places.
    #[test]
    fn records_are_what_stands_between_delimiters(
        text in "[ab-]*",
        delimiter in "a|-|--|ab|aba",
        steps in prop::collection::vec(1..5_usize, 0..20),
    ) {
        let mut expected: Vec<_> = text.split(&delimiter).map(str::to_owned).collect();
        if expected.last().is_some_and(String::is_empty) {
            expected.pop();
        }
        prop_assert_eq!(cut(&delimited(&delimiter), text.as_bytes(), steps).unwrap(), expected);
    }
}
