//! The broker's side of fetch sessions (KIP-227), as the rules have it and no further.

use std::collections::BTreeMap;

use protocol::{
    ErrorCode, Offset, PartitionIndex, TopicId, TopicName,
    api::fetch::{
        EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
    },
};

/// A request has either the name or the id.
type Key = (TopicName, TopicId, PartitionIndex);

#[derive(Debug, Default)]
pub(crate) struct FetchSessions {
    sessions: BTreeMap<i32, Session>,
    last_id: i32,
}

#[derive(Debug)]
pub(crate) struct Session {
    /// Of the next request.
    pub(crate) epoch: i32,
    by_id: bool,
    pub(crate) wanted: BTreeMap<Key, FetchPartition>,
    told: BTreeMap<Key, Offset>,
}

/// What to answer.
#[derive(Debug)]
pub(crate) struct Begun {
    /// 0 = outside of any session.
    pub(crate) session_id: i32,
    is_incremental: bool,
    /// All that is wanted.
    pub(crate) topics: Vec<FetchTopic>,
}

impl FetchSessions {
    pub(crate) fn begin(
        &mut self,
        request: &FetchRequest,
        by_id: bool,
        has_room: bool,
    ) -> Result<Begun, ErrorCode> {
        if request.session_epoch <= 0 {
            self.sessions.remove(&request.session_id);
            let topics = request.topics.clone();
            let mut begun = Begun { session_id: 0, is_incremental: false, topics };
            if request.session_epoch == 0 && has_room {
                self.last_id += 1;
                begun.session_id = self.last_id;
                let wanted = wanted(request).collect();
                let session = Session { epoch: 1, by_id, wanted, told: BTreeMap::new() };
                self.sessions.insert(self.last_id, session);
            }
            return Ok(begun);
        }
        let session = self.sessions.get_mut(&request.session_id);
        let session = session.ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        session.epoch = request.session_epoch.checked_add(1).unwrap_or(1);
        session.wanted.extend(wanted(request));
        for topic in &request.forgotten_topics_data {
            for partition in &topic.partitions {
                let key = (topic.topic.clone(), topic.topic_id, *partition);
                assert!(session.wanted.remove(&key).is_some(), "{key:?} was never wanted");
                session.told.remove(&key);
            }
        }
        let wanted = session.wanted.iter().map(|((topic, topic_id, _), partition)| FetchTopic {
            topic: topic.clone(),
            topic_id: *topic_id,
            partitions: vec![partition.clone()],
        });
        let topics = wanted.collect();
        Ok(Begun { session_id: request.session_id, is_incremental: true, topics })
    }

    /// Leaves out of an answer what isn't news.
    pub(crate) fn finish(&mut self, begun: &Begun, mut response: FetchResponse) -> FetchResponse {
        response.session_id = begun.session_id;
        let Some(session) = self.sessions.get_mut(&begun.session_id) else { return response };
        for topic in &mut response.responses {
            let (name, id) = (&topic.topic, topic.topic_id);
            topic.partitions.retain(|data| {
                let key = (name.clone(), id, data.partition_index);
                let before = session.told.insert(key, data.high_watermark);
                !begun.is_incremental || before != Some(data.high_watermark) || is_news(data)
            });
        }
        response.responses.retain(|topic| !topic.partitions.is_empty());
        response
    }

    pub(crate) fn forget_all(&mut self) {
        self.sessions.clear();
    }

    pub(crate) fn sessions(&mut self) -> &mut BTreeMap<i32, Session> {
        &mut self.sessions
    }
}

fn is_news(data: &PartitionData) -> bool {
    data.records.is_some()
        || !data.error_code.is_none()
        || data.diverging_epoch != EpochEndOffset::default()
}

fn wanted(request: &FetchRequest) -> impl Iterator<Item = (Key, FetchPartition)> {
    request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let key = (topic.topic.clone(), topic.topic_id, partition.partition);
            (key, partition.clone())
        })
    })
}
