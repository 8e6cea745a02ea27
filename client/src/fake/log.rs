//! One partition's log: batches as they were produced, and who led when.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};
use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence,
    api::fetch::{EpochEndOffset, FetchPartition, PartitionData},
    records::{Batch, BatchHeader, set_base_offset, set_partition_leader_epoch, validate_produced},
};

#[derive(Debug, Default)]
pub(super) struct Log {
    /// Where a request has placed it.
    pub(super) replicas: Vec<BrokerId>,
    /// How many leaders there were after the first, whose epoch is 3.
    pub(super) elections: i32,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) batches: Vec<(i64, Bytes)>,
    /// The last five batches of each producer and epoch.
    seen: BTreeMap<(ProducerId, ProducerEpoch), VecDeque<Seen>>,
}

/// A batch's first sequence, record count, and offset.
type Seen = (Sequence, i32, i64);

impl Log {
    pub(super) fn append(&mut self, batch: Bytes) -> Result<i64, ErrorCode> {
        let header = validate_produced(&batch).map_err(|error| error.error_code())?;
        if header.has_producer_id() {
            let seen = self.seen.entry((header.producer_id, header.producer_epoch)).or_default();
            let (first, count) = (header.base_sequence, header.record_count);
            if let Some((.., offset)) = seen.iter().find(|(s, c, _)| (*s, *c) == (first, count)) {
                return Ok(*offset);
            }
            let next = seen.back().map_or(Sequence(0), |(base, count, _)| base.plus(*count));
            if first != next {
                return Err(ErrorCode::OutOfOrderSequenceNumber);
            }
            seen.push_back((first, count, self.end));
            if seen.len() > 5 {
                seen.pop_front();
            }
        }
        let base = self.end;
        let mut bytes = BytesMut::from(&batch[..]);
        set_base_offset(&mut bytes, Offset(base));
        set_partition_leader_epoch(&mut bytes, self.leader_epoch());
        self.batches.push((base, bytes.freeze()));
        self.end += i64::from(header.last_offset_delta) + 1;
        Ok(base)
    }

    /// Whole batches, as many as there is space left for, and at least the first of all.
    pub(super) fn read(&self, wanted: &FetchPartition, left: &mut usize) -> PartitionData {
        let offset = wanted.fetch_offset.0;
        let mut data = PartitionData {
            partition_index: wanted.partition,
            high_watermark: Offset(self.end),
            ..Default::default()
        };
        if let Err(error_code) = self.check_epoch(wanted.current_leader_epoch) {
            data.error_code = error_code;
            return data;
        }
        if wanted.last_fetched_epoch.0 >= 0 {
            let (epoch, end_offset) = self.epoch_end(wanted.last_fetched_epoch);
            if epoch < wanted.last_fetched_epoch || end_offset < wanted.fetch_offset {
                data.diverging_epoch = EpochEndOffset { epoch, end_offset };
                return data;
            }
        }
        if offset < self.start || offset > self.end {
            data.error_code = ErrorCode::OffsetOutOfRange;
            return data;
        }
        if offset == self.end {
            return data;
        }
        let from = self.batches.partition_point(|(base, _)| *base <= offset).saturating_sub(1);
        let bytes_max = usize::try_from(wanted.partition_max_bytes).unwrap();
        let mut bytes = BytesMut::new();
        for (_, batch) in &self.batches[from..] {
            if bytes.len() + batch.len() > bytes_max.min(*left) && !bytes.is_empty() {
                break;
            }
            bytes.extend_from_slice(batch);
        }
        *left = left.saturating_sub(bytes.len());
        data.records = Some(bytes.freeze());
        data
    }

    pub(super) fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(3 + self.elections)
    }

    pub(super) fn check_epoch(&self, believed: LeaderEpoch) -> Result<(), ErrorCode> {
        match believed {
            LeaderEpoch(-1) => Ok(()),
            epoch if epoch < self.leader_epoch() => Err(ErrorCode::FencedLeaderEpoch),
            epoch if epoch > self.leader_epoch() => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// The epoch of the record at an offset, or of the leader at the end.
    pub(super) fn epoch_at(&self, offset: i64) -> LeaderEpoch {
        let covering = self.batches.iter().rev().find(|(base, _)| *base <= offset);
        match covering {
            Some((_, bytes)) if offset < self.end => epoch_of(bytes),
            _ => self.leader_epoch(),
        }
    }

    /// The largest epoch up to this one, and the offset behind its last record.
    pub(super) fn epoch_end(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        let later = self.batches.iter().find(|(_, bytes)| epoch_of(bytes) > epoch);
        let end = Offset(later.map_or(self.end, |(base, _)| *base));
        if epoch == self.leader_epoch() {
            return (epoch, end);
        }
        let before = self.batches.iter().rev().find(|(base, _)| Offset(*base) < end);
        match before {
            Some((_, bytes)) => (epoch_of(bytes), end),
            None => (LeaderEpoch(-1), Offset(-1)),
        }
    }

    pub(super) fn first_at(&self, time: i64) -> Option<i64> {
        let records = self.batches.iter().flat_map(|(_, bytes)| {
            let batch = Batch::decode(bytes, 1 << 30).unwrap();
            batch.owned_records().map(Result::unwrap).collect::<Vec<_>>()
        });
        records.into_iter().find(|r| r.timestamp.0 >= time).map(|r| r.offset.0)
    }
}

fn epoch_of(batch: &[u8]) -> LeaderEpoch {
    BatchHeader::parse(batch).unwrap().partition_leader_epoch
}
