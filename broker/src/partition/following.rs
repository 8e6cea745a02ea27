//! A partition as a follower: where it fetches from, and what it does with what it gets.

use std::sync::Arc;

use protocol::{
    BrokerId, LeaderEpoch, Offset, Timestamp,
    api::fetch::{EpochEndOffset, PartitionData},
};
use replica::{FetchPosition, OutOfRange, out_of_range, truncation_offset};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{FetchedBatches, Partition, State};

/// What a follower asks its leader for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FollowerFetch {
    pub(crate) position: FetchPosition,
    /// Of the last record before the offset; -1 = there is none.
    pub(crate) last_fetched_epoch: LeaderEpoch,
    pub(crate) log_start_offset: Offset,
}

/// What came of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of it was used, or something newer is known here than when it was asked for.
    Done,
    /// Nothing came of it: to ask again at once would lead to the same.
    Nothing,
}

impl Partition {
    /// What to ask that leader for. `None` where it isn't the one to ask.
    pub(crate) fn follower_fetch(&self, leader: BrokerId) -> Option<FollowerFetch> {
        let state = self.state();
        let position = state.replica.fetch_position().filter(|at| at.leader == leader)?;
        Some(FollowerFetch {
            position,
            last_fetched_epoch: state.log.last_record_epoch().unwrap_or_default(),
            log_start_offset: state.log.log_start_offset(),
        })
    }

    /// Takes an answer without an error: records, or where the logs part.
    pub(crate) async fn take_fetched(
        self: &Arc<Self>,
        asked: &FetchPosition,
        mut data: PartitionData,
        now: Timestamp,
    ) -> Taken {
        if data.diverging_epoch != EpochEndOffset::default() {
            // The high watermark that came along is not looked at: what is here may be cut off
            // below it (KAFKA-14704).
            let EpochEndOffset { epoch, end_offset } = data.diverging_epoch;
            return self.cut_where_logs_part(*asked, (epoch, end_offset), now).await;
        }
        let records = data.records.take().unwrap_or_default();
        let bytes = records.len();
        // Checksums take their time: they are computed outside of the lock.
        let fetched = match FetchedBatches::check(records, asked) {
            Ok(fetched) => fetched,
            Err(unusable) => {
                error!(partition = %self.name, leader = %asked.leader, error = %unusable, "not appended");
                return Taken::Nothing;
            }
        };
        let mut state = self.state();
        if !state.is_in_use() || !state.replica.may_take(asked) {
            return Taken::Done;
        }
        if let Err(fault) = state.take_fetched(&fetched, &data, now) {
            self.fault(&mut state, &fault);
            return Taken::Nothing;
        }
        self.count_replicated(bytes);
        if state.wants_sync(Instant::now()) {
            self.log_dir.want_sync(Arc::clone(self));
        }
        Taken::Done
    }

    /// Cuts the log where it parts from the leader's.
    async fn cut_where_logs_part(
        self: &Arc<Self>,
        asked: FetchPosition,
        leader_end: (LeaderEpoch, Offset),
        now: Timestamp,
    ) -> Taken {
        self.cut(asked, now, move |state| {
            let own = state.log.epoch_end_offset(leader_end.0);
            let cut = truncation_offset(leader_end, own, asked.offset);
            (cut < asked.offset).then_some(Cut::To(cut))
        })
        .await
    }

    /// The leader doesn't have the offset that it was asked for.
    pub(crate) async fn fetched_out_of_range(
        self: &Arc<Self>,
        asked: FetchPosition,
        leader_log_start_offset: Offset,
        now: Timestamp,
    ) -> Taken {
        if leader_log_start_offset < Offset(0) {
            return Taken::Nothing;
        }
        self.cut(asked, now, move |state| {
            match out_of_range(state.replica.log(), leader_log_start_offset) {
                OutOfRange::StartAnewAt(offset) => Some(Cut::StartAnewAt(offset)),
                OutOfRange::AskAgain => None,
            }
        })
        .await
    }

    async fn cut(
        self: &Arc<Self>,
        asked: FetchPosition,
        now: Timestamp,
        decide: impl FnOnce(&State) -> Option<Cut> + Send + 'static,
    ) -> Taken {
        let done = self.blocking(move |partition| {
            let mut state = partition.state();
            if !state.is_in_use() || !state.replica.may_take(&asked) {
                return Taken::Done;
            }
            let Some(cut) = decide(&state) else {
                warn!(partition = %partition.name, ?asked, "the leader's log is another, and it isn't known where");
                return Taken::Nothing;
            };
            let before = state.replica.log();
            if let Err(fault) = state.cut(cut, now) {
                // It may be cut in part: only opening it anew tells.
                partition.fault(&mut state, &fault);
                state.take_offline();
                return Taken::Nothing;
            }
            let after = state.replica.log();
            info!(
                partition = %partition.name,
                leader_epoch = %asked.leader_epoch,
                from = %before.log_end_offset,
                to = %after.log_end_offset,
                log_start_offset = %after.log_start_offset,
                "truncated"
            );
            Taken::Done
        });
        done.await.unwrap_or(Taken::Nothing)
    }

    /// Asks for a sync, if what was appended may not be acknowledged before. Returns whether it has
    /// to be waited for.
    pub(crate) fn needs_sync(self: &Arc<Self>) -> bool {
        let needed = self.state().is_acknowledgement_pending();
        if needed {
            self.log_dir.want_sync(Arc::clone(self));
        }
        needed
    }

    /// Waits until all that was appended may be acknowledged, or never will be.
    pub(crate) async fn until_synced(&self) {
        let synced = Arc::clone(self.state().sync_ended());
        loop {
            let ended = synced.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if !self.state().is_acknowledgement_pending() {
                return;
            }
            ended.await;
        }
    }
}

/// How to cut a log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    To(Offset),
    StartAnewAt(Offset),
}
