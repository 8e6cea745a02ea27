//! A batch whose records can be read: decompressed, where they were compressed.

use bytes::Bytes;

use crate::records::{
    BatchError, BatchHeader, Compression, HEADER_SIZE, Record, Records, decompress, validate,
};

/// A valid batch and its records' bytes, decompressed.
#[derive(Clone, Debug)]
pub struct Batch {
    header: BatchHeader,
    records: Bytes,
}

impl Batch {
    /// Checks that bytes are exactly one batch, and decompresses its records to at most `limit`
    /// bytes. Records that aren't compressed share the memory of the batch.
    ///
    /// # Errors
    /// What [`validate`] and [`decompress`] find.
    pub fn decode(batch: &Bytes, limit: usize) -> Result<Self, BatchError> {
        let header = validate(batch)?;
        Self::decode_validated(header, batch, limit)
    }

    /// The same, for a batch that has been validated already.
    ///
    /// # Errors
    /// What [`decompress`] finds.
    ///
    /// # Panics
    /// If the bytes are shorter than a header.
    pub fn decode_validated(
        header: BatchHeader,
        batch: &Bytes,
        limit: usize,
    ) -> Result<Self, BatchError> {
        let stored = batch.slice(HEADER_SIZE..);
        let records = match header.attributes.compression()? {
            Compression::None => stored,
            // Compaction may leave nothing but the header, whatever codec it names.
            _ if header.record_count == 0 => Bytes::new(),
            compression => Bytes::from(decompress(compression, &stored, limit)?),
        };
        Ok(Self { header, records })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The records' bytes, decompressed.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.records
    }

    /// The records, borrowed.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.records, self.header.record_count)
    }

    /// The records, owned, sharing the memory of this batch.
    ///
    /// # Errors
    /// Bytes that are no records: the iterator's last item.
    pub fn owned_records(&self) -> impl Iterator<Item = Result<Record, BatchError>> {
        self.records().map(|record| record.map(|r| Record::share(&self.header, &self.records, &r)))
    }
}
