//! The input: standard input or files, cut into records.
//!
//! Reading blocks, a terminal's for ever, so it has a thread. Records share the memory of the block
//! that they were read in, and travel in blocks: nothing is copied or woken for each of them.

#![allow(clippy::disallowed_methods)] // What people send from isn't the broker's disk.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::{blocking, cli::Error};

/// How much is read at once.
const BLOCK_BYTES: usize = 64 << 10;

/// How many blocks are read ahead of the producer.
const BLOCKS_AHEAD: usize = 4;

/// What is sent.
#[derive(Debug)]
pub(super) struct Input {
    sources: Vec<Source>,
    framing: Framing,
    /// No record is larger, in bytes.
    record_bytes_max: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Standard,
    File(PathBuf),
}

/// What a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// A line, whose end may be `\n` or `\r\n`.
    Line,
    /// What stands before this, or the input's end.
    Delimited(Box<[u8]>),
    /// A file.
    Whole,
}

/// Records, and how many bytes of the input they were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) records: Vec<Bytes>,
    pub(super) bytes: u64,
}

impl Input {
    /// The standard input, unless there are files. A file `-` is the standard input too.
    pub(super) fn new(files: &[PathBuf], framing: Framing, record_bytes_max: usize) -> Self {
        let source = |path: &PathBuf| match path.as_os_str() == "-" {
            true => Source::Standard,
            false => Source::File(path.clone()),
        };
        let mut sources: Vec<_> = files.iter().map(source).collect();
        if sources.is_empty() {
            sources.push(Source::Standard);
        }
        Self { sources, framing, record_bytes_max }
    }

    /// How many bytes there are; none where nobody can tell. What isn't there is refused before
    /// anything is sent.
    pub(super) fn size_in_bytes(&self) -> Result<Option<u64>, Error> {
        let mut size = Some(0);
        for source in &self.sources {
            let Source::File(path) = source else {
                size = None;
                continue;
            };
            let metadata = fs::metadata(path).map_err(|error| at(path, &error))?;
            if metadata.is_dir() {
                return Err(Error::Usage(format!("{}: a directory, not a file", path.display())));
            }
            // A pipe has no size, and some of the system's files claim to have none.
            let length = Some(metadata.len()).filter(|length| metadata.is_file() && *length > 0);
            size = size.zip(length).map(|(size, length)| size + length);
        }
        Ok(size)
    }

    /// Reads the input to its end, or to the first error.
    pub(super) fn read(self) -> Receiver<Result<Block, Error>> {
        let (blocks, received) = mpsc::channel(BLOCKS_AHEAD);
        blocking::begin(move || {
            for source in &self.sources {
                let read = match source {
                    Source::Standard => self.read_source(io::stdin().lock(), &blocks),
                    Source::File(path) => File::open(path)
                        .map_err(Error::Input)
                        .and_then(|file| self.read_source(file, &blocks))
                        .map_err(|error| match error {
                            Error::Input(error) => at(path, &error),
                            other => other,
                        }),
                };
                match read {
                    Ok(Wanted::More) => {}
                    Ok(Wanted::Nothing) => return,
                    Err(error) => {
                        // Nobody is left to tell where the receiver is gone.
                        let _ = blocks.blocking_send(Err(error));
                        return;
                    }
                }
            }
        });
        received
    }

    fn read_source(
        &self,
        mut source: impl Read,
        blocks: &Sender<Result<Block, Error>>,
    ) -> Result<Wanted, Error> {
        let mut cutter = Cutter::new(&self.framing, self.record_bytes_max);
        loop {
            let (block, is_end) = cutter.read(&mut source)?;
            let is_news = !block.records.is_empty() || block.bytes > 0;
            if is_news && blocks.blocking_send(Ok(block)).is_err() {
                return Ok(Wanted::Nothing);
            }
            if is_end {
                return Ok(Wanted::More);
            }
        }
    }
}

/// Whether anybody still takes what is read.
enum Wanted {
    More,
    Nothing,
}

/// Names the file.
fn at(path: &Path, error: &io::Error) -> Error {
    Error::Input(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Cuts one source into records.
struct Cutter<'a> {
    framing: &'a Framing,
    record_bytes_max: usize,
    /// What was read of records that aren't complete.
    rest: BytesMut,
    /// How much of that is known to hold no delimiter's beginning.
    searched: usize,
}

impl<'a> Cutter<'a> {
    fn new(framing: &'a Framing, record_bytes_max: usize) -> Self {
        Self { framing, record_bytes_max, rest: BytesMut::new(), searched: 0 }
    }

    /// Reads once. Returns the records that are complete, and whether it was the end.
    fn read(&mut self, source: &mut impl Read) -> Result<(Block, bool), Error> {
        let before = self.rest.len();
        self.rest.resize(before + BLOCK_BYTES, 0);
        let read = loop {
            match source.read(&mut self.rest[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(Error::Input)?,
            }
        };
        self.rest.truncate(before + read);
        let mut records = match self.framing {
            Framing::Line => self.cut(b"\n"),
            Framing::Delimited(delimiter) => self.cut(delimiter),
            Framing::Whole => Vec::new(),
        };
        let is_end = read == 0;
        // A whole file is a record even where it's empty.
        if is_end && (!self.rest.is_empty() || *self.framing == Framing::Whole) {
            records.push(self.rest.split().freeze());
        }
        if *self.framing == Framing::Line {
            records.iter_mut().for_each(strip_carriage_return);
        }
        if self.rest.len() > self.record_bytes_max {
            let max = self.record_bytes_max;
            let tip = "-X max.request.size=.. allows more, as far as the topic's max.message.bytes \
                       does; --delimiter says what ends a record";
            return Err(Error::Usage(format!("a record of more than {max} bytes")).with_tip(tip));
        }
        Ok((Block { records, bytes: u64::try_from(read).unwrap_or(u64::MAX) }, is_end))
    }

    /// Takes what stands before delimiters.
    fn cut(&mut self, delimiter: &[u8]) -> Vec<Bytes> {
        let mut ends = Vec::new();
        let mut from = self.searched;
        while let Some(at) = find(&self.rest[from..], delimiter) {
            ends.push(from + at);
            from += at + delimiter.len();
        }
        let behind_last = ends.last().map_or(0, |end| end + delimiter.len());
        let whole = self.rest.split_to(behind_last).freeze();
        // Its beginning may have been read, but not its end.
        self.searched = (self.rest.len() + 1).saturating_sub(delimiter.len());
        let mut start = 0;
        let mut record = |end: usize| {
            let record = whole.slice(start..end);
            start = end + delimiter.len();
            record
        };
        ends.into_iter().map(&mut record).collect()
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    match wanted {
        [byte] => bytes.iter().position(|other| other == byte),
        _ => bytes.windows(wanted.len()).position(|window| window == wanted),
    }
}

fn strip_carriage_return(line: &mut Bytes) {
    if line.last() == Some(&b'\r') {
        line.truncate(line.len() - 1);
    }
}

#[cfg(test)]
mod tests;
