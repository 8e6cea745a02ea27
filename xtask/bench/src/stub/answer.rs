//! A response of the stub, built in a buffer that is used again.

use super::{FETCH_VERSION, Stub};
use anyhow::Result;
use protocol::api::fetch::FetchRequest;
use protocol::{CorrelationId, Message, ResponseHeader, Sink};

/// The length that stands before every frame.
const LENGTH: usize = size_of::<u32>();

/// Memory that never shrinks, and how much of it holds the response.
#[derive(Debug, Default)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    end: usize,
    correlation_id: CorrelationId,
}

impl Sink for Answer {
    fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
    }
}

impl Answer {
    /// Begins a response, or begins it anew.
    pub(super) fn start(&mut self, correlation_id: CorrelationId) {
        self.correlation_id = correlation_id;
        self.end = LENGTH;
        self.bytes.resize(self.bytes.len().max(LENGTH), 0);
    }

    pub(super) fn message<M: Message>(&mut self, message: &M, version: i16) {
        ResponseHeader { correlation_id: self.correlation_id }.write::<M>(version, self);
        message.write(version, self);
    }

    /// A fetch response, its records read to where they are sent from. Returns how many bytes of
    /// records it has.
    pub(super) fn fetched(&mut self, request: &FetchRequest, stub: &Stub) -> Result<usize> {
        const { assert!(FETCH_VERSION == 11, "what follows is written as version 11 has it") };
        const NONE: i32 = -1;
        let mut total = 0;
        self.put(&self.correlation_id.0.to_be_bytes());
        self.put(&[0; 4 + 2 + 4]); // throttle time, error, session
        self.count(request.topics.len());
        for topic in &request.topics {
            let name = topic.topic.as_str().as_bytes();
            self.put(&u16::try_from(name.len()).expect("a short name").to_be_bytes());
            self.put(name);
            self.count(topic.partitions.len());
            for asked in &topic.partitions {
                let partition = stub.partition(asked.partition.0)?;
                let bytes_max = u64::try_from(asked.partition_max_bytes).unwrap_or_default();
                let found = partition.find(asked.fetch_offset.0, bytes_max)?;
                self.put(&asked.partition.0.to_be_bytes());
                self.put(&[0; 2]); // error
                self.put(&found.high_watermark.to_be_bytes());
                self.put(&found.high_watermark.to_be_bytes()); // last stable offset
                self.put(&[0; 8]); // log start offset
                self.put(&NONE.to_be_bytes()); // aborted transactions
                self.put(&NONE.to_be_bytes()); // preferred read replica
                self.count(found.size);
                partition.read(found, self.room(found.size))?;
                total += found.size;
            }
        }
        Ok(total)
    }

    fn count(&mut self, count: usize) {
        self.put(&i32::try_from(count).expect("a count").to_be_bytes());
    }

    /// The whole frame.
    pub(super) fn finish(&mut self) -> &[u8] {
        let length = u32::try_from(self.end - LENGTH).expect("a response is below 2 GiB");
        self.bytes[..LENGTH].copy_from_slice(&length.to_be_bytes());
        &self.bytes[..self.end]
    }

    /// Space at the end.
    fn room(&mut self, size: usize) -> &mut [u8] {
        let start = self.end;
        self.end += size;
        if self.bytes.len() < self.end {
            self.bytes.resize(self.end, 0);
        }
        &mut self.bytes[start..self.end]
    }
}
