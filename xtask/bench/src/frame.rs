//! Frames read into a buffer that is used again.

use bytes::{Bytes, BytesMut};
use std::io::{self, BufReader, Read};

/// More than any frame of these measurements: a length beyond it means that the stream is broken.
const FRAME_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Small frames are read together, large ones straight into their buffer.
const READ_AHEAD: usize = 16 * 1024;

/// Reads frames: a length of four bytes, and as many bytes as it says.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    input: BufReader<R>,
    /// As long as the longest frame so far. It never shrinks, so that no byte is zeroed twice.
    buffer: Bytes,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(READ_AHEAD, input), buffer: Bytes::new() }
    }

    /// The next frame. Its memory is used again for the one after, if all slices of it are gone
    /// by then.
    pub(crate) fn next(&mut self) -> io::Result<Bytes> {
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no frame is that long"));
        }
        let mut buffer = std::mem::take(&mut self.buffer).try_into_mut().unwrap_or_default();
        if buffer.len() < length {
            buffer = BytesMut::zeroed(length);
        }
        self.input.read_exact(&mut buffer[..length])?;
        self.buffer = buffer.freeze();
        Ok(self.buffer.slice(..length))
    }

    /// Has the bytes of the last frame changed in place.
    ///
    /// # Panics
    /// If a slice of the frame is left.
    pub(crate) fn last_mut<T>(&mut self, work: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut buffer =
            std::mem::take(&mut self.buffer).try_into_mut().expect("no slice of the frame is left");
        let result = work(&mut buffer);
        self.buffer = buffer.freeze();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;

    fn framed(bodies: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for body in bodies {
            out.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
            out.extend_from_slice(body);
        }
        out
    }

    #[test]
    fn memory_is_used_again_once_the_frame_is_gone() {
        let stream = framed(&[b"a long frame", b"short", b"as long as it", b"kept"]);
        let mut frames = Frames::new(&stream[..]);
        let first = frames.next().unwrap();
        let at = first.as_ptr();
        drop(first);
        let second = frames.next().unwrap();
        assert_eq!((&second[..], second.as_ptr()), (&b"short"[..], at));
        let third = frames.next().unwrap();
        assert_eq!(&second[..], b"short", "a frame that is held is not written over");
        assert_eq!(&third[..], b"as long as it");
        assert_eq!(&frames.next().unwrap()[..], b"kept");
        assert!(frames.next().is_err());
    }

    #[test]
    fn a_frame_is_changed_in_place() {
        let stream = framed(&[b"batch"]);
        let mut frames = Frames::new(&stream[..]);
        drop(frames.next().unwrap());
        frames.last_mut(|bytes| {
            bytes[0] = b'c';
            assert_eq!(bytes, b"catch");
        });
    }

    #[test]
    fn an_absurd_length_is_refused() {
        assert!(Frames::new(&[0xff_u8; 8][..]).next().is_err());
    }
}
