//! Where encoders write: a counter, or a list of chunks that a socket can send with one `writev`.

use bytes::{BufMut, Bytes, BytesMut};

/// What an encoder writes into.
pub trait Sink {
    /// Appends bytes by copying them.
    fn put(&mut self, bytes: &[u8]);

    /// Appends bytes that are already shared, without copying them where the sink can.
    fn put_shared(&mut self, bytes: &Bytes) {
        self.put(bytes);
    }

    /// Appends an unsigned varint: seven bits a byte, lowest first.
    fn put_uvarint(&mut self, mut value: u32) {
        let mut buffer = [0; 5];
        let mut length = 0;
        loop {
            let byte = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                buffer[length] = byte;
                return self.put(&buffer[..=length]);
            }
            buffer[length] = byte | 0x80;
            length += 1;
        }
    }
}

impl Sink for BytesMut {
    fn put(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts, and keeps nothing.
#[derive(Debug, Default)]
pub(crate) struct Counter(usize);

impl Counter {
    pub(crate) fn count(&self) -> usize {
        self.0
    }
}

impl Sink for Counter {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// Encoded bytes as a list of chunks, so that records travel from the page cache's read buffer to
/// the socket without a copy between them.
#[derive(Debug, Default)]
pub struct Chunks {
    done: Vec<Bytes>,
    tail: BytesMut,
}

/// Below this many bytes a copy is cheaper than another slice for `writev`.
const SHARED_BYTES_MIN: usize = 512;

impl Chunks {
    /// The chunks in order, none of them empty.
    pub fn finish(mut self) -> Vec<Bytes> {
        self.cut();
        self.done
    }

    /// The number of bytes written so far.
    pub fn len(&self) -> usize {
        self.done.iter().map(Bytes::len).sum::<usize>() + self.tail.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn cut(&mut self) {
        if !self.tail.is_empty() {
            self.done.push(self.tail.split().freeze());
        }
    }
}

impl Sink for Chunks {
    fn put(&mut self, bytes: &[u8]) {
        self.tail.put_slice(bytes);
    }

    fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED_BYTES_MIN {
            self.tail.put_slice(bytes);
        } else {
            self.cut();
            self.done.push(bytes.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_bytes_are_sent_from_where_they_are_once_they_are_long() {
        let (short, long) = (Bytes::from(vec![1; 511]), Bytes::from(vec![2; 512]));
        let mut chunks = Chunks::default();
        chunks.put(b"head");
        chunks.put_shared(&short);
        chunks.put_shared(&long);
        chunks.put_shared(&long);
        chunks.put(b"tail");
        assert_eq!(chunks.len(), 4 + 511 + 2 * 512 + 4);
        let chunks = chunks.finish();
        assert_eq!(chunks.iter().map(Bytes::len).collect::<Vec<_>>(), [515, 512, 512, 4]);
        assert_eq!(chunks[1].as_ptr(), long.as_ptr());
        assert_eq!(chunks[2].as_ptr(), long.as_ptr());
    }

    #[test]
    fn nothing_written_is_no_chunk() {
        let mut chunks = Chunks::default();
        assert!(chunks.is_empty());
        chunks.put_shared(&Bytes::new());
        assert!(chunks.finish().is_empty());
    }
}
