//! The user's own files, for payloads and samples.
#![allow(clippy::disallowed_methods)] // They are read for measuring, which nobody simulates.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use crate::cli::Error;

/// The first bytes of a file: all, if there aren't as many.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max).read_to_end(&mut bytes));
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    read.map_err(|error| Error::Input(named(error)))?;
    Ok(bytes)
}
