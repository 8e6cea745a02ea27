//! Reading a partition: records from an offset, and offsets by name or by time.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, Timestamp, api::fetch::AbortedTransaction, bug,
};
use replica::ReadUpTo;
use storage::{FirstBatch, Slice};

use super::{FetchWaiter, Follower, Partition};
use crate::{blocking, fetch_session::Told, witness::Event};

/// How far a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// All there is: a replica.
    LogEnd,
    ReadUncommitted,
    ReadCommitted,
}

impl Isolation {
    /// How far a request may see: -1 and below is a consumer, everyone else a replica.
    pub(crate) fn of(replica: BrokerId, isolation_level: i8) -> Self {
        match (replica >= BrokerId(0), isolation_level) {
            (true, _) => Self::LogEnd,
            (false, 1) => Self::ReadCommitted,
            (false, _) => Self::ReadUncommitted,
        }
    }

    fn up_to(self) -> ReadUpTo {
        match self {
            Self::LogEnd => ReadUpTo::LogEnd,
            Self::ReadUncommitted => ReadUpTo::HighWatermark,
            Self::ReadCommitted => ReadUpTo::LastStableOffset,
        }
    }
}

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadSpec {
    pub(crate) offset: Offset,
    pub(crate) bytes_max: usize,
    /// Whether the first batch is read even if it's larger than that.
    pub(crate) first_whole: bool,
    pub(crate) isolation: Isolation,
    /// Whose acknowledgement the read is.
    pub(crate) follower: Option<Follower>,
    pub(crate) current_leader_epoch: LeaderEpoch,
    pub(crate) last_fetched_epoch: LeaderEpoch,
}

/// Where the records are, and what was true of the partition at that moment.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) told: Told,
    pub(crate) readable_end: Offset,
    /// The reader's log isn't this one's: its last epoch ends here at that offset (KIP-595).
    pub(crate) diverging: Option<(LeaderEpoch, Offset)>,
    pub(crate) aborted: Option<Vec<AbortedTransaction>>,
    /// Whether the follower may become in sync.
    pub(crate) may_join_isr: bool,
    pub(crate) slice: Option<Slice>,
}

/// Which offset somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffsetAt {
    Latest,
    Earliest,
    MaxTimestamp,
    /// The first record at or after it.
    Time(Timestamp),
    /// Where tiered storage would end: there is none.
    NoTier,
}

impl OffsetAt {
    /// What a timestamp of ListOffsets means at a version.
    pub(crate) fn from_request(timestamp: Timestamp, version: i16) -> Result<Self, ErrorCode> {
        match (timestamp.0, version) {
            (-1, _) => Ok(Self::Latest),
            (-2, _) | (-4, 8..) => Ok(Self::Earliest),
            (-3, 7..) => Ok(Self::MaxTimestamp),
            (-5, 9..) | (-6, 11..) => Ok(Self::NoTier),
            (0.., _) => Ok(Self::Time(timestamp)),
            _ => Err(ErrorCode::UnsupportedVersion),
        }
    }
}

/// An offset that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetFound {
    pub(crate) timestamp: Timestamp,
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
}

impl Partition {
    /// Locates records, all bounds taken at the same moment. The bytes are read by
    /// [`Partition::read_slice`].
    pub(crate) fn read(self: &Arc<Self>, spec: &ReadSpec) -> Result<Read, ErrorCode> {
        let mut state = self.state();
        let is_replica = spec.isolation == Isolation::LogEnd;
        let asks_epochs = !(is_replica && bug!(R7));
        if asks_epochs {
            state.replica.check_leader_epoch(spec.current_leader_epoch)?;
        }
        state.replica.leader()?;
        let bounds = state.replica.read_bounds(spec.isolation.up_to());
        let told = Told {
            high_watermark: bounds.high_watermark,
            last_stable_offset: bounds.last_stable_offset,
            log_start_offset: bounds.log_start_offset,
        };
        let committed = spec.isolation == Isolation::ReadCommitted;
        let mut read = Read {
            told,
            readable_end: bounds.up_to,
            diverging: None,
            aborted: committed.then(Vec::new),
            may_join_isr: false,
            slice: None,
        };
        if spec.last_fetched_epoch >= LeaderEpoch(0) && asks_epochs {
            let (epoch, end) = state.epoch_end_offset(spec.last_fetched_epoch);
            if epoch < LeaderEpoch(0) {
                return Err(ErrorCode::OffsetOutOfRange);
            }
            if epoch < spec.last_fetched_epoch || end < spec.offset {
                read.diverging = Some((epoch, end));
                return Ok(read);
            }
        }
        bounds.check(spec.offset)?;
        if let Some(follower) = spec.follower {
            // Only now that its log is known to be this one's up to there (KAFKA-8400).
            read.may_join_isr = Self::follower_fetched(&mut state, follower, spec.offset)?;
            read.told.high_watermark = state.replica.high_watermark();
            read.told.last_stable_offset = state.replica.last_stable_offset();
        } else if !is_replica {
            let (up_to, leader_epoch) = (bounds.up_to, bounds.leader_epoch);
            state.sight.saw(&Event::Served { from: spec.offset, up_to, leader_epoch });
        }
        if spec.offset < bounds.up_to && (spec.bytes_max > 0 || spec.first_whole) {
            let first = if spec.first_whole { FirstBatch::Whole } else { FirstBatch::Limited };
            let located = state.log.locate(spec.offset, spec.bytes_max, bounds.up_to, first);
            read.slice = Some(located.map_err(|fault| self.fault(&mut state, &fault))?);
        }
        Ok(read)
    }

    /// Reads what was located from an offset on: from memory here, from the disk on the blocking
    /// pool.
    pub(crate) async fn read_slice(
        self: &Arc<Self>,
        slice: Slice,
        offset: Offset,
    ) -> Result<Bytes, ErrorCode> {
        match slice.read_hot() {
            Ok(Some(bytes)) => return Ok(bytes),
            Ok(None) => {}
            Err(fault) => return Err(self.read_fault(&fault, offset)),
        }
        let read = blocking::begin(move || slice.read()).await;
        read.expect("reading doesn't panic").map_err(|fault| self.read_fault(&fault, offset))
    }

    /// Retention may delete what was located before it's read: then the offset is out of range by
    /// now, and nothing is wrong.
    fn read_fault(&self, fault: &storage::Error, offset: Offset) -> ErrorCode {
        let mut state = self.state();
        if fault.is_not_found() && offset < state.log.log_start_offset() {
            return ErrorCode::OffsetOutOfRange;
        }
        self.fault(&mut state, fault)
    }

    /// Where the log starts, if this broker leads it.
    pub(crate) fn leader_log_start_offset(&self) -> Option<Offset> {
        let state = self.state();
        state.replica.leader().ok().map(|_| state.replica.log().log_start_offset)
    }

    /// Lets a fetch wait for records here. Returns whether there are other ones already than those
    /// that were seen, or for a replica, another high watermark.
    pub(crate) fn enroll(
        &self,
        waiter: &Arc<FetchWaiter>,
        isolation: Isolation,
        (seen_end, seen_high_watermark): (Offset, Offset),
    ) -> bool {
        let mut state = self.state();
        let bounds = state.replica.read_bounds(isolation.up_to());
        let is_replica = isolation == Isolation::LogEnd;
        let changed = bounds.up_to != seen_end
            || (is_replica && bounds.high_watermark != seen_high_watermark);
        if changed || state.replica.leader().is_err() {
            return true;
        }
        let waiters = if is_replica { &mut state.followers } else { &mut state.consumers };
        waiters.enroll(waiter);
        false
    }

    /// Finds an offset by name or time.
    pub(crate) async fn find_offset(
        self: &Arc<Self>,
        at: OffsetAt,
        isolation: Isolation,
        current_leader_epoch: LeaderEpoch,
    ) -> Result<Option<OffsetFound>, ErrorCode> {
        loop {
            let (bounds, is_behind, search) = {
                let state = self.state();
                state.replica.check_leader_epoch(current_leader_epoch)?;
                state.replica.leader()?;
                let bounds = state.replica.read_bounds(isolation.up_to());
                let named = |offset, leader_epoch| {
                    Some(OffsetFound { timestamp: Timestamp(-1), offset, leader_epoch })
                };
                // A new leader learns from its followers' fetches how far the earlier one had got;
                // until then its latest offset may lie before one that was told (KIP-207).
                let epoch_start = state.replica.leader()?.epoch_start();
                let is_behind =
                    isolation != Isolation::LogEnd && bounds.high_watermark < epoch_start;
                let search = match at {
                    OffsetAt::Latest if is_behind => return Err(ErrorCode::OffsetNotAvailable),
                    OffsetAt::Latest => return Ok(named(bounds.up_to, bounds.leader_epoch)),
                    OffsetAt::Earliest => {
                        let start = bounds.log_start_offset;
                        let epoch = state.log.epoch_of(start).unwrap_or(bounds.leader_epoch);
                        return Ok(named(start, epoch));
                    }
                    OffsetAt::NoTier => return Ok(None),
                    OffsetAt::MaxTimestamp => state.log.find_max_timestamp(),
                    OffsetAt::Time(timestamp) => state.log.find_timestamp(timestamp),
                };
                (bounds, is_behind, search)
            };
            // Finding the record reads and decompresses batches.
            let found = blocking::begin(move || search.run()).await;
            match found.expect("searching doesn't panic") {
                Ok(found) => {
                    let found = found.filter(|found| found.offset < bounds.up_to);
                    if found.is_none() && is_behind {
                        return Err(ErrorCode::OffsetNotAvailable);
                    }
                    return Ok(found.map(|found| OffsetFound {
                        timestamp: found.timestamp,
                        offset: found.offset,
                        leader_epoch: found.leader_epoch.unwrap_or(LeaderEpoch(-1)),
                    }));
                }
                Err(fault) => match self.read_fault(&fault, bounds.log_start_offset) {
                    // Retention deleted what was searched: what is left is searched again.
                    ErrorCode::OffsetOutOfRange => {}
                    error => return Err(error),
                },
            }
        }
    }
}
