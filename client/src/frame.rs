//! Frames: four bytes of size, then that many bytes. Requests and responses travel in them.

use std::io::{self, IoSlice};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How much is allocated ahead of the bytes that arrive, at first: a length that lies costs its
/// reader this much, not what it claims. Beyond it the buffer doubles with what has arrived. A peer
/// that has sent a larger frame is believed as much the next time.
pub const RESERVED_BYTES_MAX: usize = 1 << 20;

/// How many slices one write is given: what Linux takes at most (`IOV_MAX`).
const SLICES_PER_WRITE_MAX: usize = 1024;

const SIZE_BYTES: usize = 4;

/// Why there is no next frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The size is below zero.
    #[error("negative frame size {0}")]
    Negative(i32),
    /// The size is above the limit.
    #[error("frame of {size} bytes, at most {max} are taken")]
    Oversized {
        /// Bytes that the frame claims.
        size: usize,
        /// Bytes that are taken.
        max: usize,
    },
    /// The stream ended within a frame.
    #[error("the stream ended within a frame, after {have} of {size} bytes")]
    Truncated {
        /// Bytes of the body that arrived.
        have: usize,
        /// Bytes that the frame claims; 0 where its size hadn't arrived either.
        size: usize,
    },
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads frames from one stream, one after the other, each into one buffer of its own.
///
/// ```
/// use bytes::Bytes;
/// use client::frame::{FrameReader, write_frame};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut near, mut far) = tokio::io::duplex(64);
/// write_frame(&mut near, &[Bytes::from_static(b"in two "), Bytes::from_static(b"pieces")]).await?;
/// drop(near);
///
/// let mut frames = FrameReader::new(1 << 20);
/// assert_eq!(frames.next(&mut far).await?.as_deref(), Some(&b"in two pieces"[..]));
/// assert_eq!(frames.next(&mut far).await?, None);
/// # Ok(())
/// # }
/// ```
///
/// It owns what has arrived of the next frame, so that dropping a read loses no byte; and it owns
/// no buffer while nothing has, so that an idle connection costs none.
#[derive(Debug)]
pub struct FrameReader {
    size_max: usize,
    size_bytes: [u8; SIZE_BYTES],
    size_have: usize,
    body: BytesMut,
    /// What may be allocated ahead of the bytes: as much as the largest frame took.
    reserved_max: usize,
}

impl FrameReader {
    /// A reader that refuses frames whose body is larger than `size_max` bytes.
    #[must_use]
    pub fn new(size_max: usize) -> Self {
        Self {
            size_max,
            size_bytes: [0; SIZE_BYTES],
            size_have: 0,
            body: BytesMut::new(),
            reserved_max: RESERVED_BYTES_MAX,
        }
    }

    /// Whether nothing of the next frame has arrived. A peer may take its time between frames; one
    /// that pauses within a frame is slow or broken.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.size_have == 0
    }

    /// The next frame's body, or `None` when the stream ended before it began.
    ///
    /// Cancel-safe: a dropped call is continued by the next one.
    ///
    /// # Errors
    /// Any [`FrameError`]. The stream has no further frame then.
    pub async fn next<S>(&mut self, stream: &mut S) -> Result<Option<Bytes>, FrameError>
    where
        S: AsyncRead + Unpin + ?Sized,
    {
        while self.size_have < SIZE_BYTES {
            match stream.read(&mut self.size_bytes[self.size_have..]).await? {
                0 if self.size_have == 0 => return Ok(None),
                0 => return Err(FrameError::Truncated { have: 0, size: 0 }),
                read => self.size_have += read,
            }
        }
        let size = self.size()?;
        while self.body.len() < size {
            self.grow(size);
            let missing = size - self.body.len();
            // The limit keeps the next frame's first bytes out of this one's buffer.
            let mut limited = (&mut *stream).take(missing as u64);
            if limited.read_buf(&mut self.body).await? == 0 {
                return Err(FrameError::Truncated { have: self.body.len(), size });
            }
        }
        self.size_have = 0;
        self.reserved_max = self.reserved_max.max(size);
        Ok(Some(std::mem::take(&mut self.body).freeze()))
    }

    fn size(&self) -> Result<usize, FrameError> {
        let size = i32::from_be_bytes(self.size_bytes);
        let size = usize::try_from(size).map_err(|_| FrameError::Negative(size))?;
        if size > self.size_max {
            return Err(FrameError::Oversized { size, max: self.size_max });
        }
        Ok(size)
    }

    fn grow(&mut self, size: usize) {
        if self.body.len() == self.body.capacity() {
            let step = self.body.len().max(self.reserved_max);
            self.body.reserve(step.min(size - self.body.len()));
        }
    }
}

/// Reads one frame, as [`FrameReader::next`]; not cancel-safe.
///
/// # Errors
/// Any [`FrameError`].
pub async fn read_frame<S>(stream: &mut S, size_max: usize) -> Result<Option<Bytes>, FrameError>
where
    S: AsyncRead + Unpin + ?Sized,
{
    FrameReader::new(size_max).next(stream).await
}

/// Writes one frame whose body is these chunks, and flushes it. Not cancel-safe: a stream that was
/// left within a frame is of no more use.
///
/// # Errors
/// What the stream says.
///
/// # Panics
/// When the chunks are 2 GiB or more.
pub async fn write_frame<S>(stream: &mut S, chunks: &[Bytes]) -> io::Result<()>
where
    S: AsyncWrite + Unpin + ?Sized,
{
    let size: usize = chunks.iter().map(Bytes::len).sum();
    let size = i32::try_from(size).expect("a frame is below 2 GiB").to_be_bytes();
    let mut slices = Vec::with_capacity(1 + chunks.len());
    slices.push(IoSlice::new(&size));
    slices.extend(chunks.iter().map(|chunk| IoSlice::new(chunk)));

    let mut left = &mut slices[..];
    while !left.is_empty() {
        let window = left.len().min(SLICES_PER_WRITE_MAX);
        let written = stream.write_vectored(&left[..window]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, written);
    }
    stream.flush().await
}

#[cfg(test)]
mod tests;
