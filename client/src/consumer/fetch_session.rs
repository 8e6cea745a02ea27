//! The fetch session with one broker, as its client keeps it (KIP-227): the broker remembers what
//! is fetched, so that a request names only what changed, and an answer only what has news.
//!
//! A pure machine, which goes the way of Kafka's `FetchSessionHandler`. It counts on one request at
//! a time: each is answered, or lost, before the next.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName, TopicPartition,
    api::fetch::{
        FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, PartitionData,
    },
};

/// Epochs of a request that don't count: it ends the session, or asks for one.
const EPOCH_FINAL: i32 = -1;
const EPOCH_INITIAL: i32 = 0;

/// What is wanted of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) offset: Offset,
    /// Of the leader that is meant; -1 = not known.
    pub(super) leader_epoch: LeaderEpoch,
    /// Of the record before the offset; -1 = not known.
    pub(super) last_epoch: LeaderEpoch,
    pub(super) topic_id: Option<TopicId>,
    pub(super) bytes_max: i32,
}

/// What an answer says, partition by partition, and what it answers.
pub(super) type Answers = BTreeMap<TopicPartition, (Wanted, PartitionData)>;

/// An answer that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The session is gone, or not what this side takes it for: everything is to be asked anew.
    Session(ErrorCode),
    /// The broker's error.
    Answer(ErrorCode),
    /// It's about other partitions than those that were asked for.
    Mismatch,
}

/// What both sides know of a session.
#[derive(Debug, Default)]
pub(super) struct FetchSession {
    /// 0 = none.
    id: i32,
    /// Of the next request.
    epoch: i32,
    /// Whether requests give topics' ids: a session keeps to one way (KIP-516).
    by_id: bool,
    /// What the broker remembers, as soon as the last request has reached it.
    partitions: BTreeMap<TopicPartition, Wanted>,
    names: BTreeMap<TopicId, TopicName>,
}

impl FetchSession {
    /// Puts into a request what the broker needs to be told, if these partitions are wanted and no
    /// others. In a request that opens a session their order says who comes first when space is
    /// short; later the broker sees to it.
    pub(super) fn ask(
        &mut self,
        wanted: &[(TopicPartition, Wanted)],
        by_id: bool,
        request: &mut FetchRequest,
    ) {
        if by_id != self.by_id {
            self.lost();
        }
        if self.is_new() {
            self.names.clear();
            self.partitions.clear();
        }
        self.by_id = by_id;
        let next: BTreeMap<_, _> = wanted.iter().cloned().collect();
        let changed = wanted.iter().filter(|(at, wanted)| self.partitions.get(at) != Some(wanted));
        request.topics = topics(changed);
        request.forgotten_topics_data = forgotten(self.partitions.iter().filter(|(at, before)| {
            // A topic that was created anew is another one to a broker that goes by ids.
            next.get(at).is_none_or(|now| by_id && now.topic_id != before.topic_id)
        }));
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        for (at, wanted) in wanted {
            if let Some(id) = wanted.topic_id
                && !self.names.contains_key(&id)
            {
                self.names.insert(id, at.topic.clone());
            }
        }
        self.partitions = next;
    }

    /// Takes in the answer. What one of a running session leaves out has no news.
    ///
    /// # Errors
    /// An answer that can't be used; everything is then asked anew.
    pub(super) fn answered(&mut self, response: FetchResponse) -> Result<Answers, Refusal> {
        let answers = self.read(response);
        if answers.is_err() {
            self.lost();
        }
        answers
    }

    fn read(&mut self, response: FetchResponse) -> Result<Answers, Refusal> {
        match response.error_code {
            ErrorCode::None => {}
            code @ (ErrorCode::InvalidFetchSessionEpoch | ErrorCode::FetchSessionTopicIdError) => {
                return Err(Refusal::Session(code));
            }
            code @ ErrorCode::FetchSessionIdNotFound => {
                self.id = 0;
                return Err(Refusal::Session(code));
            }
            code => return Err(Refusal::Answer(code)),
        }
        let session_id = response.session_id;
        let answers = self.by_partition(response).ok_or(Refusal::Mismatch)?;
        let is_complete = answers.len() == self.partitions.len();
        let is_same = session_id == self.id || session_id == 0;
        if if self.is_new() { !is_complete } else { !is_same } {
            return Err(Refusal::Mismatch);
        }
        self.id = session_id;
        self.epoch = match session_id {
            // The broker has no session to give, or none any more.
            0 => EPOCH_INITIAL,
            _ => self.epoch.checked_add(1).unwrap_or(1),
        };
        Ok(answers)
    }

    /// The answers by partition; none if there is one that isn't wanted.
    fn by_partition(&self, response: FetchResponse) -> Option<Answers> {
        let mut answers = Answers::new();
        for topic in response.responses {
            let name = if self.by_id { self.names.get(&topic.topic_id)? } else { &topic.topic };
            for data in topic.partitions {
                let partition = data.partition_index;
                let at = TopicPartition { topic: name.clone(), partition };
                let wanted = self.partitions.get(&at)?;
                if self.by_id && wanted.topic_id != Some(topic.topic_id) {
                    return None;
                }
                let wanted = *wanted;
                answers.insert(at, (wanted, data));
            }
        }
        Some(answers)
    }

    /// The last request, or its answer, got lost: who knows what the broker remembers. The next
    /// request ends the session, as it names it, and asks for another.
    pub(super) fn lost(&mut self) {
        self.epoch = EPOCH_INITIAL;
    }

    /// Whether the next request names everything.
    pub(super) fn is_new(&self) -> bool {
        self.epoch == EPOCH_INITIAL
    }

    /// The request that ends the session, if there is one.
    pub(super) fn end(&self) -> Option<FetchRequest> {
        (self.id != 0).then(|| FetchRequest {
            session_id: self.id,
            session_epoch: EPOCH_FINAL,
            ..Default::default()
        })
    }
}

/// Groups neighbours of one topic, and keeps the order.
fn topics<'a>(partitions: impl Iterator<Item = &'a (TopicPartition, Wanted)>) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (TopicPartition { topic, partition }, wanted) in partitions {
        if topics.last().is_none_or(|last| last.topic != *topic) {
            let topic_id = wanted.topic_id.unwrap_or_default();
            topics.push(FetchTopic { topic: topic.clone(), topic_id, partitions: Vec::new() });
        }
        let group = topics.last_mut().expect("pushed above");
        group.partitions.push(FetchPartition {
            partition: *partition,
            current_leader_epoch: wanted.leader_epoch,
            fetch_offset: wanted.offset,
            last_fetched_epoch: wanted.last_epoch,
            partition_max_bytes: wanted.bytes_max,
            ..Default::default()
        });
    }
    topics
}

fn forgotten<'a>(
    partitions: impl Iterator<Item = (&'a TopicPartition, &'a Wanted)>,
) -> Vec<ForgottenTopic> {
    let mut topics: BTreeMap<(&TopicName, TopicId), BTreeSet<PartitionIndex>> = BTreeMap::new();
    for (at, wanted) in partitions {
        let key = (&at.topic, wanted.topic_id.unwrap_or_default());
        topics.entry(key).or_default().insert(at.partition);
    }
    let forgotten = |((topic, topic_id), partitions): ((&TopicName, _), BTreeSet<_>)| {
        let partitions = partitions.into_iter().collect();
        ForgottenTopic { topic: topic.clone(), topic_id, partitions }
    };
    topics.into_iter().map(forgotten).collect()
}

#[cfg(test)]
mod tests;
