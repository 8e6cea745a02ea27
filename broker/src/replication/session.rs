//! The fetch session with one leader, as its follower keeps it (KIP-227): the leader remembers what
//! is fetched, so that a request names only what changed, and an answer only what has news.
//!
//! A pure machine. It counts on one request at a time: each is answered, or lost, before the next.

use std::collections::BTreeMap;

use protocol::{
    ErrorCode, PartitionIndex, TopicId,
    api::fetch::{
        FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, PartitionData,
    },
};

use super::Key;
use crate::partition::FollowerFetch;

const EPOCH_INITIAL: i32 = 0;

/// What both sides know of the session.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// 0 = none.
    id: i32,
    /// Of the next request; 0 = it opens a session.
    epoch: i32,
    /// What the leader remembers, once the last request has reached it.
    asked: BTreeMap<Key, FollowerFetch>,
}

impl Session {
    /// Puts into a request what the leader needs to be told, if these partitions are wanted and no
    /// others.
    pub(super) fn ask(
        &mut self,
        wanted: BTreeMap<Key, FollowerFetch>,
        partition_bytes_max: i32,
        request: &mut FetchRequest,
    ) {
        if self.epoch == EPOCH_INITIAL {
            self.asked.clear();
        }
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        for (key, fetch) in &wanted {
            let known = self.asked.get(key);
            // The leader knows by itself which high watermark it has told.
            if known.is_none_or(|known| !is_same(known, fetch)) {
                name(&mut request.topics, *key, fetch, partition_bytes_max);
            }
        }
        for (topic_id, index) in self.asked.keys().filter(|key| !wanted.contains_key(key)) {
            forget(&mut request.forgotten_topics_data, *topic_id, *index);
        }
        self.asked = wanted;
    }

    /// Takes in the answer: what it says, partition by partition, and to which question. What it
    /// leaves out has no news.
    ///
    /// # Errors
    /// The leader's, or one for an answer to something else. Everything is asked anew then.
    pub(super) fn answered(
        &mut self,
        response: FetchResponse,
    ) -> Result<Vec<(Key, FollowerFetch, PartitionData)>, ErrorCode> {
        if !response.error_code.is_none() {
            if response.error_code == ErrorCode::FetchSessionIdNotFound {
                self.id = 0;
            }
            self.lost();
            return Err(response.error_code);
        }
        if self.epoch != EPOCH_INITIAL && ![0, self.id].contains(&response.session_id) {
            self.lost();
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        self.id = response.session_id;
        self.epoch = match response.session_id {
            // The leader has no session to give, or none any more.
            0 => EPOCH_INITIAL,
            _ => self.epoch.checked_add(1).unwrap_or(1),
        };
        let mut answers = Vec::new();
        for topic in response.responses {
            for data in topic.partitions {
                let key = (topic.topic_id, data.partition_index);
                if let Some(asked) = self.asked.get(&key) {
                    answers.push((key, *asked, data));
                }
            }
        }
        Ok(answers)
    }

    /// The last request, or its answer, got lost: who knows what the leader remembers. The next
    /// request opens another session, in this one's place.
    pub(super) fn lost(&mut self) {
        self.epoch = EPOCH_INITIAL;
    }
}

fn is_same(known: &FollowerFetch, fetch: &FollowerFetch) -> bool {
    let mut position = fetch.position;
    position.high_watermark = known.position.high_watermark;
    *known == FollowerFetch { position, ..*fetch }
}

fn name(topics: &mut Vec<FetchTopic>, key: Key, fetch: &FollowerFetch, bytes_max: i32) {
    let (topic_id, partition) = key;
    if topics.last().is_none_or(|last| last.topic_id != topic_id) {
        topics.push(FetchTopic { topic_id, ..FetchTopic::default() });
    }
    let group = topics.last_mut().expect("pushed above");
    group.partitions.push(FetchPartition {
        partition,
        current_leader_epoch: fetch.position.leader_epoch,
        fetch_offset: fetch.position.offset,
        last_fetched_epoch: fetch.last_fetched_epoch,
        log_start_offset: fetch.log_start_offset,
        partition_max_bytes: bytes_max,
        high_watermark: fetch.position.high_watermark,
        ..FetchPartition::default()
    });
}

fn forget(topics: &mut Vec<ForgottenTopic>, topic_id: TopicId, partition: PartitionIndex) {
    if topics.last().is_none_or(|last| last.topic_id != topic_id) {
        topics.push(ForgottenTopic { topic_id, ..ForgottenTopic::default() });
    }
    topics.last_mut().expect("pushed above").partitions.push(partition);
}

#[cfg(test)]
mod tests {
    use protocol::{BrokerId, LeaderEpoch, Offset, Uuid, api::fetch::FetchableTopicResponse};
    use replica::FetchPosition;

    use super::*;

    const TOPIC: TopicId = Uuid([7; 16]);

    fn key(index: i32) -> Key {
        (TOPIC, PartitionIndex(index))
    }

    fn fetch(offset: i64, high_watermark: i64) -> FollowerFetch {
        FollowerFetch {
            position: FetchPosition {
                leader: BrokerId(1),
                leader_epoch: LeaderEpoch(4),
                offset: Offset(offset),
                high_watermark: Offset(high_watermark),
                truncations: 0,
            },
            last_fetched_epoch: LeaderEpoch(3),
            log_start_offset: Offset(0),
        }
    }

    /// What a request names, and what it forgets.
    fn ask(session: &mut Session, wanted: &[(i32, FollowerFetch)]) -> (FetchRequest, Vec<i32>) {
        let mut request = FetchRequest::default();
        let wanted = wanted.iter().map(|(index, fetch)| (key(*index), *fetch)).collect();
        session.ask(wanted, 1 << 20, &mut request);
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        let named = partitions.map(|partition| partition.partition.0).collect();
        (request, named)
    }

    fn answer(session_id: i32, indexes: &[i32]) -> FetchResponse {
        let data = |index: &i32| PartitionData {
            partition_index: PartitionIndex(*index),
            ..PartitionData::default()
        };
        let topic = FetchableTopicResponse {
            topic_id: TOPIC,
            partitions: indexes.iter().map(data).collect(),
            ..FetchableTopicResponse::default()
        };
        FetchResponse { session_id, responses: vec![topic], ..FetchResponse::default() }
    }

    #[test]
    fn a_request_names_what_changed_and_forgets_what_left() {
        let mut session = Session::default();
        let both = [(0, fetch(5, 1)), (1, fetch(5, 1))];
        let (request, named) = ask(&mut session, &both);
        assert_eq!((request.session_id, request.session_epoch, named), (0, 0, vec![0, 1]));
        let answers = session.answered(answer(9, &[1])).unwrap();
        assert_eq!(answers.len(), 1);
        assert_eq!((answers[0].0, answers[0].1), (key(1), fetch(5, 1)));

        let (request, named) = ask(&mut session, &[(0, fetch(5, 3)), (1, fetch(6, 3))]);
        assert_eq!((request.session_id, request.session_epoch), (9, 1));
        assert_eq!(named, [1], "a high watermark alone is no news: the leader told it");
        session.answered(answer(9, &[])).unwrap();

        let (request, named) = ask(&mut session, &[(0, fetch(5, 3))]);
        assert_eq!((request.session_epoch, named), (2, vec![]));
        assert_eq!(request.forgotten_topics_data[0].partitions, [PartitionIndex(1)]);
    }

    #[test]
    fn after_a_lost_answer_another_session_takes_the_place_of_this_one() {
        let mut session = Session::default();
        ask(&mut session, &[(0, fetch(5, 1))]);
        session.answered(answer(9, &[0])).unwrap();
        ask(&mut session, &[(0, fetch(6, 1))]);
        session.lost();
        let (request, named) = ask(&mut session, &[(0, fetch(6, 1))]);
        assert_eq!((request.session_id, request.session_epoch, named), (9, 0, vec![0]));
    }

    #[test]
    fn refused_and_foreign_answers_end_the_session() {
        let mut session = Session::default();
        for (response, id_after) in [
            (
                FetchResponse { error_code: ErrorCode::InvalidFetchSessionEpoch, ..answer(9, &[]) },
                9,
            ),
            (FetchResponse { error_code: ErrorCode::FetchSessionIdNotFound, ..answer(9, &[]) }, 0),
            (answer(8, &[0]), 9),
        ] {
            session.lost();
            ask(&mut session, &[(0, fetch(5, 1))]);
            session.answered(answer(9, &[0])).unwrap();
            ask(&mut session, &[(0, fetch(5, 1))]);
            assert!(session.answered(response).is_err());
            let (request, named) = ask(&mut session, &[(0, fetch(5, 1))]);
            assert_eq!((request.session_id, request.session_epoch), (id_after, 0));
            assert_eq!(named, [0]);
        }
    }

    #[test]
    fn what_was_not_asked_for_is_not_heard() {
        let mut session = Session::default();
        ask(&mut session, &[(0, fetch(5, 1))]);
        assert!(session.answered(answer(9, &[3])).unwrap().is_empty());
    }
}
