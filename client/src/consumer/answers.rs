//! What the answers mean that a consumer waits for. Where a partition is read on from is
//! [`super::reset`]'s business.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, TopicName, TopicPartition, api::fetch::PartitionData,
    records::BatchError,
};
use tokio::time::Instant;

use super::{
    Consumer,
    aborted::Aborted,
    assigned::Watermarks,
    fetch_session::{Answers, FetchSession, Wanted},
    fetched::{Fetched, Point},
    read_ahead::Held,
    requests::{self, Check, EpochEnd},
};
use crate::{
    error::Error,
    offsets::{Found, Place},
};

/// Something that was asked for has come.
pub(super) enum Event {
    Fetched {
        broker: BrokerId,
        session: FetchSession,
        partitions: Vec<TopicPartition>,
        is_partial: bool,
        result: Result<Answers, Error>,
    },
    Located {
        broker: BrokerId,
        sought: BTreeMap<TopicPartition, (Place, LeaderEpoch)>,
        result: Result<BTreeMap<TopicPartition, Result<Found, Error>>, Error>,
    },
    Checked {
        broker: BrokerId,
        checks: BTreeMap<TopicPartition, Check>,
        result: Result<BTreeMap<TopicPartition, Result<EpochEnd, Error>>, Error>,
    },
    MetadataAsked(Result<BTreeMap<TopicName, ErrorCode>, Error>),
}

impl Consumer {
    pub(super) fn on(&mut self, event: Event) {
        self.has_changed = true;
        match event {
            Event::Fetched { broker, session, partitions, is_partial, result } => {
                let peer = self.peers.entry(broker).or_default();
                peer.session_end = session.end();
                peer.session = Some(session);
                match result {
                    Ok(answers) => self.on_answers(broker, answers, is_partial),
                    Err(error) => self.on_broker_failed(broker, &partitions, &error),
                }
            }
            Event::Located { broker, sought, result } => {
                self.peers.entry(broker).or_default().is_locating = false;
                match result {
                    Ok(mut answers) => {
                        for (at, (place, leader_epoch)) in sought {
                            let answer = answers.remove(&at).unwrap_or_else(|| left_out(&at));
                            self.on_located(&at, place, leader_epoch, answer);
                        }
                    }
                    Err(error) => self.on_broker_failed(broker, sought.keys(), &error),
                }
            }
            Event::Checked { broker, checks, result } => {
                self.peers.entry(broker).or_default().is_checking = false;
                match result {
                    Ok(mut answers) => {
                        for (at, check) in checks {
                            let answer = answers.remove(&at).unwrap_or_else(|| left_out(&at));
                            self.on_checked(&at, check, answer);
                        }
                    }
                    // An old broker doesn't tell: there is nothing to go by.
                    Err(Error::UnsupportedVersion { .. }) => {
                        for (at, check) in checks {
                            let end = Some((check.point.epoch, check.point.offset));
                            self.on_checked(&at, check, Ok(end));
                        }
                    }
                    Err(error) => self.on_broker_failed(broker, checks.keys(), &error),
                }
            }
            Event::MetadataAsked(result) => self.on_metadata(result),
        }
    }

    fn on_answers(&mut self, broker: BrokerId, answers: Answers, is_partial: bool) {
        let bytes = answers.values().filter_map(|(_, data)| data.records.as_ref());
        let bytes = bytes.map(Bytes::len).sum();
        let peer = self.peers.entry(broker).or_default();
        let held = Arc::new(peer.memory.hold(bytes));
        let is_idle = is_partial && bytes == 0;
        peer.partial_from = is_idle.then(|| Instant::now() + self.options.max_wait);
        for (at, (wanted, data)) in answers {
            self.on_fetched(&at, &wanted, data, &held);
            self.stand_in_line(&at);
        }
    }

    fn on_fetched(
        &mut self,
        at: &TopicPartition,
        wanted: &Wanted,
        data: PartitionData,
        held: &Arc<Held>,
    ) {
        let Some(assigned) = self.assigned.get_mut(at) else { return };
        let from = Point { offset: wanted.offset, epoch: wanted.last_epoch };
        if data.error_code.is_none() {
            // That's true wherever the partition is read.
            assigned.watermarks = Some(Watermarks {
                high_watermark: data.high_watermark,
                last_stable_offset: data.last_stable_offset,
            });
        }
        if !assigned.is_fetching(from) {
            return;
        }
        if data.error_code == ErrorCode::OffsetOutOfRange {
            return self.on_out_of_range(at, from.offset);
        }
        if let Err(error) = Error::check(data.error_code, at, None) {
            let leader = &data.current_leader;
            // A leader of a later epoch can be asked at once (KIP-951).
            if !self.cluster.learn_leader(at, leader.leader_id, leader.leader_epoch) {
                self.on_failed(at, error);
            }
            return;
        }
        let diverging = &data.diverging_epoch;
        if let Some(end) = requests::epoch_end(diverging.epoch, diverging.end_offset) {
            return self.on_truncated(at, from, Some(end));
        }
        let Some(bytes) = data.records.filter(|bytes| !bytes.is_empty()) else {
            return assigned.fetched(wanted.leader_epoch, None);
        };
        let transactions = data.aborted_transactions.unwrap_or_default();
        let aborted = Aborted::new(self.options.isolation, transactions);
        match Fetched::new(from, bytes, aborted, held.clone()) {
            Ok(fetched) => assigned.fetched(wanted.leader_epoch, Some(fetched)),
            Err(source) => self.on_corrupt(at, from.offset, source),
        }
    }

    fn on_metadata(&mut self, result: Result<BTreeMap<TopicName, ErrorCode>, Error>) {
        let wait = self.cluster.options().backoff.after(1, &*self.cluster.doors().entropy);
        self.metadata_pace.end(Instant::now() + wait);
        match result {
            Ok(refused) => {
                let errors = refused
                    .into_iter()
                    .map(|(topic, code)| Error::answer(code, format_args!("topic {topic}"), None));
                self.errors.extend(errors.filter(|error| !error.is_retriable()));
            }
            Err(error) => tracing::debug!(%error, "no metadata"),
        }
    }

    fn on_broker_failed<'a>(
        &mut self,
        broker: BrokerId,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
        error: &Error,
    ) {
        self.cluster.invalidate_broker(broker);
        if !error.is_retriable() {
            self.errors.push_back(error.clone());
        }
        for partition in partitions {
            self.rest(partition);
        }
    }

    /// Lets a partition rest after an error. The caller hears of it unless it may pass.
    pub(super) fn on_failed(&mut self, at: &TopicPartition, error: Error) {
        tracing::debug!(partition = %at, %error, "not read");
        if error.is_of_stale_metadata() {
            self.cluster.invalidate(&at.topic);
        }
        if !error.is_retriable() {
            self.errors.push_back(error);
        }
        self.rest(at);
    }

    pub(super) fn on_corrupt(&mut self, at: &TopicPartition, offset: Offset, source: BatchError) {
        let source = Arc::new(source);
        self.on_failed(at, Error::Corrupt { partition: at.clone(), offset, source });
    }

    fn rest(&mut self, at: &TopicPartition) {
        self.has_changed = true;
        let Some(assigned) = self.assigned.get_mut(at) else { return };
        assigned.failures += 1;
        let entropy = &*self.cluster.doors().entropy;
        let wait = self.cluster.options().backoff.after(assigned.failures, entropy);
        assigned.rests_until = Some(Instant::now() + wait);
    }
}

fn left_out<T>(at: &TopicPartition) -> Result<T, Error> {
    let message = "the broker's answer leaves it out";
    Err(Error::answer(ErrorCode::UnknownServerError, at, Some(message)))
}
