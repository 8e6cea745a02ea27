//! What a log knew about its idempotent producers at some offset: Kafka's `.snapshot` files.
//!
//! The file's name is the offset up to which the log has been taken in. A snapshot only shortens
//! start-up: the batches say the same. One that fails its checksum is ignored.
//!
//! ```text
//! version i16 = 1, CRC-32C u32 of what follows, count i32, entries of 46 bytes each
//! ```

use protocol::{
    Offset, ProducerEpoch, ProducerId, ProducerStateEntry, Sequence, Timestamp, records::crc32c,
};

const VERSION: i16 = 1;
const CRC_AT: usize = 2;
const COUNT_AT: usize = 6;
const ENTRIES_AT: usize = 10;
const ENTRY_SIZE: usize = 46;

/// The file's bytes.
pub(crate) fn encode(entries: &[ProducerStateEntry]) -> Vec<u8> {
    let count = i32::try_from(entries.len()).expect("producers are expired before 2^31 of them");
    let mut out = Vec::with_capacity(ENTRIES_AT + entries.len() * ENTRY_SIZE);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&count.to_be_bytes());
    for entry in entries {
        out.extend_from_slice(&entry.producer_id.0.to_be_bytes());
        out.extend_from_slice(&entry.producer_epoch.0.to_be_bytes());
        out.extend_from_slice(&entry.last_sequence.0.to_be_bytes());
        out.extend_from_slice(&entry.last_offset.0.to_be_bytes());
        out.extend_from_slice(&entry.offset_delta.to_be_bytes());
        out.extend_from_slice(&entry.timestamp.0.to_be_bytes());
        out.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
        let first = entry.current_txn_first_offset.unwrap_or(Offset(-1));
        out.extend_from_slice(&first.0.to_be_bytes());
    }
    let crc = crc32c(&out[COUNT_AT..]);
    out[CRC_AT..COUNT_AT].copy_from_slice(&crc.to_be_bytes());
    out
}

/// Reads the file's bytes; `None` for anything but a whole, unharmed snapshot.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<ProducerStateEntry>> {
    let header = bytes.get(..ENTRIES_AT)?;
    let version = i16::from_be_bytes(array(header, 0));
    let crc = u32::from_be_bytes(array(header, CRC_AT));
    let count = usize::try_from(i32::from_be_bytes(array(header, COUNT_AT))).ok()?;
    let entries = &bytes[ENTRIES_AT..];
    if version != VERSION || crc != crc32c(&bytes[COUNT_AT..]) {
        return None;
    }
    if entries.len() != count.checked_mul(ENTRY_SIZE)? {
        return None;
    }
    Some(entries.chunks_exact(ENTRY_SIZE).map(decode_entry).collect())
}

fn decode_entry(bytes: &[u8]) -> ProducerStateEntry {
    let first = Offset(i64::from_be_bytes(array(bytes, 38)));
    ProducerStateEntry {
        producer_id: ProducerId(i64::from_be_bytes(array(bytes, 0))),
        producer_epoch: ProducerEpoch(i16::from_be_bytes(array(bytes, 8))),
        last_sequence: Sequence(i32::from_be_bytes(array(bytes, 10))),
        last_offset: Offset(i64::from_be_bytes(array(bytes, 14))),
        offset_delta: i32::from_be_bytes(array(bytes, 22)),
        timestamp: Timestamp(i64::from_be_bytes(array(bytes, 26))),
        coordinator_epoch: i32::from_be_bytes(array(bytes, 34)),
        current_txn_first_offset: (first >= Offset(0)).then_some(first),
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the caller checked the length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(producer_id: i64, first: Option<i64>) -> ProducerStateEntry {
        ProducerStateEntry {
            producer_id: ProducerId(producer_id),
            producer_epoch: ProducerEpoch(2),
            last_sequence: Sequence(3),
            last_offset: Offset(4),
            offset_delta: 5,
            timestamp: Timestamp(6),
            coordinator_epoch: 7,
            current_txn_first_offset: first.map(Offset),
        }
    }

    #[test]
    fn the_bytes_are_kafkas() {
        let bytes = encode(&[entry(1, None)]);
        let expected: [&[u8]; 10] = [
            &[0, 0, 0, 1],             // One entry.
            &[0, 0, 0, 0, 0, 0, 0, 1], // Producer id.
            &[0, 2],                   // Epoch.
            &[0, 0, 0, 3],             // Last sequence.
            &[0, 0, 0, 0, 0, 0, 0, 4], // Last offset.
            &[0, 0, 0, 5],             // Offset delta.
            &[0, 0, 0, 0, 0, 0, 0, 6], // Timestamp.
            &[0, 0, 0, 7],             // Coordinator epoch.
            &[0xff; 8],                // No open transaction.
            &[],
        ];
        assert_eq!(bytes[..2], [0, 1], "version");
        assert_eq!(bytes[6..], expected.concat());
        assert_eq!(bytes[2..6], crc32c(&bytes[6..]).to_be_bytes());
    }

    #[test]
    fn what_is_written_is_read_and_a_flipped_bit_is_not() {
        let entries = [entry(1, None), entry(9, Some(100))];
        let bytes = encode(&entries);
        assert_eq!(decode(&bytes).unwrap(), entries);
        assert_eq!(decode(&encode(&[])).unwrap(), []);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes), None, "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len]), None, "cut to {len}");
        }
    }
}
