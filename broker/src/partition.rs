//! One partition on this broker: its replica and its log under one lock, and those who wait for it.
//!
//! A shell. The replica decides, the log stores, and this file joins the two: what is appended in
//! which order, and who is woken. An append under the lock touches memory and the page cache; disk
//! reads and syncs happen outside of it. Retention and a segment's end don't yet: they remove and
//! create files under the lock.

mod ack_queue;
mod fetch_waiter;
mod fetched_batches;
mod following;
mod leading;
mod produced_batch;
mod reading;
mod sight;
mod standing;
mod state;
mod upkeep;

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::BytesMut;
use metadata::config::TopicConfig;
use protocol::{
    ErrorCode, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId, TopicName, TopicPartition,
    records::{set_base_offset, set_partition_leader_epoch},
};
use replica::Append as Decided;
pub(crate) use replica::{Acks, ActiveBrokers, Assignment};
use tokio::time::Instant;
use tracing::error;

pub(crate) use ack_queue::Acknowledged;
pub(crate) use fetch_waiter::FetchWaiter;
use fetched_batches::FetchedBatches;
pub(crate) use following::{FollowerFetch, Taken};
pub(crate) use leading::Follower;
use produced_batch::ProducedBatch;
pub(crate) use produced_batch::RefusedBatch;
pub(crate) use reading::{Isolation, OffsetAt, OffsetFound, Read, ReadSpec};
pub(crate) use sight::Sight;
pub(crate) use standing::Standing;
pub(crate) use state::{State, log_config, log_offsets, replica_config};

use crate::{
    api::of_storage,
    log_dirs::LogDirHandle,
    metrics::{Metrics, Traffic},
};

/// A partition that this broker holds a replica of.
#[derive(Debug)]
pub(crate) struct Partition {
    name: TopicPartition,
    topic_id: TopicId,
    log_dir: Arc<LogDirHandle>,
    state: Mutex<State>,
    /// Whose turn it is to sync, retain, close or delete.
    upkeep: Arc<tokio::sync::Mutex<()>>,
    traffic: Traffic,
    /// Of the whole broker.
    metrics: Arc<Metrics>,
}

/// What a produce response says of an appended batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) base_offset: Offset,
    pub(crate) log_append_time: Option<Timestamp>,
    pub(crate) log_start_offset: Offset,
}

/// An appended batch, and its acknowledgement if that isn't there yet.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) appended: Appended,
    pub(crate) wait: Option<Acknowledged>,
}

impl Partition {
    pub(crate) fn new(
        name: TopicPartition,
        log_dir: Arc<LogDirHandle>,
        state: State,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            topic_id: state.sight.of.topic,
            log_dir,
            state: Mutex::new(state),
            upkeep: Arc::default(),
            traffic: Traffic::default(),
            metrics,
        })
    }

    /// The topic's id and the partition's number.
    pub(crate) fn key(&self) -> (TopicId, PartitionIndex) {
        (self.topic_id, self.name.partition)
    }

    pub(crate) fn name(&self) -> &TopicPartition {
        &self.name
    }

    pub(crate) fn topic(&self) -> &TopicName {
        &self.name.topic
    }

    pub(crate) fn log_dir(&self) -> &Arc<LogDirHandle> {
        &self.log_dir
    }

    /// Appends what a producer sent: the one place where offsets are given.
    pub(crate) fn append(
        self: &Arc<Self>,
        batch: BytesMut,
        acks: Acks,
        zstd_allowed: bool,
        now: Timestamp,
    ) -> Result<Append, RefusedBatch> {
        if self.log_dir.is_almost_full() {
            // Reading, replicating and deleting go on: that is how space comes back.
            let message =
                "The disk of this broker is almost full: nothing is taken until it has space.";
            return Err(RefusedBatch::new(ErrorCode::KafkaStorageError, message));
        }
        let config = Arc::clone(&self.state().config);
        let batch = ProducedBatch::check(batch, &config, zstd_allowed, now)?;
        let ProducedBatch { mut bytes, mut header, log_append_time } = batch;

        let mut state = self.state();
        let decided = state.replica.append(&header, acks)?;
        let wait = decided.wait(&header, acks);
        let mut appended = Appended {
            base_offset: decided.base_offset(),
            log_append_time,
            log_start_offset: state.replica.log().log_start_offset,
        };
        match decided {
            Decided::New { base_offset, leader_epoch } => {
                set_base_offset(&mut bytes, base_offset);
                set_partition_leader_epoch(&mut bytes, leader_epoch);
                (header.base_offset, header.partition_leader_epoch) = (base_offset, leader_epoch);
                state
                    .write(&bytes, &header, now)
                    .map_err(|fault| self.fault(&mut state, &fault))?;
                self.count_produced(bytes.len(), header.record_count);
                if state.wants_sync(Instant::now()) {
                    self.log_dir.want_sync(Arc::clone(self));
                }
            }
            Decided::Duplicate { batch, .. } => {
                appended.log_append_time = log_append_time.map(|_| batch.timestamp);
            }
        }
        let wait = match (acks, state.replica.completion(&wait)) {
            (Acks::None, _) => None,
            (_, Some(Ok(()))) => {
                state.sight.saw_acknowledged(&state.replica, &wait);
                None
            }
            (_, Some(Err(error))) => return Err(error.into()),
            (_, None) => Some(state.acks.push(wait)),
        };
        Ok(Append { appended, wait })
    }

    /// Takes a decision of the controller, made when these brokers were in service. Returns whether
    /// a follower may become in sync by that.
    pub(crate) fn assign(&self, assignment: &Assignment, active: &Arc<ActiveBrokers>) -> bool {
        let mut state = self.state();
        let advance = state.replica.brokers_changed(Arc::clone(active));
        state.advanced_by_others(advance);
        self.take_assignment(&mut state, assignment);
        state.replica.may_anyone_join_isr()
    }

    /// Takes over a changed configuration of the topic.
    pub(crate) fn configure(self: &Arc<Self>, config: Arc<TopicConfig>) {
        let mut state = self.state();
        state.configure(config);
        if state.has_unsynced() && state.config.flush_messages.is_some() {
            // What waits for a sync from now on was appended when nobody asked for one.
            self.log_dir.want_sync(Arc::clone(self));
        }
    }

    /// The end offset of a leader's epoch, for who compares logs (KIP-101, KIP-279).
    pub(crate) fn epoch_end_offset(
        &self,
        current_leader_epoch: LeaderEpoch,
        epoch: LeaderEpoch,
    ) -> Result<(LeaderEpoch, Offset), ErrorCode> {
        let state = self.state();
        state.replica.check_leader_epoch(current_leader_epoch)?;
        state.replica.leader()?;
        Ok(state.epoch_end_offset(epoch))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            // A panic under the lock is a bug in this partition: what it left is not to be used.
            self.state.clear_poison();
            let mut state = poisoned.into_inner();
            error!(partition = %self.name, "offline after a bug");
            state.take_offline();
            state
        })
    }

    /// A bug met outside of the lock: the replica is offline until it's opened anew.
    fn bug(&self, what: &str) {
        error!(partition = %self.name, what, "offline after a bug");
        self.state().take_offline();
    }

    /// A fault under this partition: what the client is told. The replica is offline from now on,
    /// but for a full disk, which it survives.
    pub(crate) fn fault(&self, state: &mut State, fault: &storage::Error) -> ErrorCode {
        error!(partition = %self.name, error = %fault, "storage failed");
        if self.log_dir.is_offline() {
            state.take_offline();
        }
        of_storage(fault)
    }
}
