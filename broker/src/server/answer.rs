//! A response on its way out: header and body as chunks, none of them copied.

use bytes::Bytes;
use protocol::{Chunks, CorrelationId, Message, ResponseHeader};

use super::memory_budget::Share;

/// An encoded response without its length.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) chunks: Vec<Bytes>,
    pub(super) share: Share,
}

impl Answer {
    pub(crate) fn new<M: Message>(correlation_id: CorrelationId, version: i16, body: &M) -> Self {
        Self::holding(Share::default(), correlation_id, version, body)
    }

    /// One that is large enough to be counted: it holds a share of the memory until it's sent.
    pub(crate) fn holding<M: Message>(
        share: Share,
        correlation_id: CorrelationId,
        version: i16,
        body: &M,
    ) -> Self {
        let mut chunks = Chunks::default();
        ResponseHeader { correlation_id }.write::<M>(version, &mut chunks);
        body.write(version, &mut chunks);
        Self { chunks: chunks.finish(), share }
    }

    /// The bytes in one piece, for an answer that travels inside another message.
    pub(crate) fn into_bytes(self) -> Bytes {
        match <[Bytes; 1]>::try_from(self.chunks) {
            Ok([bytes]) => bytes,
            Err(chunks) => chunks.concat().into(),
        }
    }
}
