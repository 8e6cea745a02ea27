//! Fetch sessions (KIP-227): what a client fetches is remembered, so that a request names only what
//! changed since the last one, and a response only what has something to say.
//!
//! A pure machine: it reads no clock and no partition. It isn't the place where a fetch waits.

use std::{collections::BTreeMap, time::Duration};

use protocol::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};
use tokio::time::Instant;

/// A session that was used within this time isn't evicted for a new one
/// (Kafka's `min.incremental.fetch.session.eviction.ms`).
const EVICTION_AGE_MIN: Duration = Duration::from_secs(120);

/// Epochs of a request: see [`FetchSessions::begin`].
const EPOCH_FINAL: i32 = -1;
const EPOCH_INITIAL: i32 = 0;

/// A topic as a request names it: by id from version 13 on, by name before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FetchTopic {
    Id(TopicId),
    Name(TopicName),
}

pub(crate) type FetchKey = (FetchTopic, PartitionIndex);

/// What a client wants of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchPartition {
    pub(crate) topic: FetchTopic,
    pub(crate) partition: PartitionIndex,
    pub(crate) fetch_offset: Offset,
    pub(crate) max_bytes: i32,
    pub(crate) current_leader_epoch: LeaderEpoch,
    pub(crate) last_fetched_epoch: LeaderEpoch,
    /// The one that the reader knows, and is told of a newer one than that. The largest number = it
    /// doesn't care.
    pub(crate) high_watermark: Offset,
}

/// The high watermark of a reader who doesn't care.
pub(crate) const ANY_HIGH_WATERMARK: Offset = Offset(i64::MAX);

impl FetchPartition {
    pub(crate) fn key(&self) -> FetchKey {
        (self.topic.clone(), self.partition)
    }
}

/// What a client was last told of one partition, records aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) high_watermark: Offset,
    pub(crate) last_stable_offset: Offset,
    pub(crate) log_start_offset: Offset,
}

/// What a session remembers of one partition.
#[derive(Clone, Debug)]
struct Remembered {
    wanted: FetchPartition,
    told: Option<Told>,
    /// Its place in the order in which partitions are read.
    turn: u64,
}

#[derive(Debug)]
struct Session {
    /// What the next request's epoch has to be.
    next_epoch: i32,
    partitions: BTreeMap<FetchKey, Remembered>,
    turns: BTreeMap<u64, FetchKey>,
    next_turn: u64,
    used_at: Instant,
    names_topics_by_id: bool,
}

impl Session {
    fn new(names_topics_by_id: bool, now: Instant) -> Self {
        Self {
            next_epoch: 1,
            partitions: BTreeMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
            used_at: now,
            names_topics_by_id,
        }
    }

    fn want(&mut self, wanted: FetchPartition) {
        let key = wanted.key();
        if let Some(remembered) = self.partitions.get_mut(&key) {
            if remembered.wanted.current_leader_epoch != wanted.current_leader_epoch {
                // What was told of another epoch may not have been taken.
                remembered.told = None;
            }
            remembered.wanted = wanted;
        } else {
            let turn = self.take_turn(key.clone());
            self.partitions.insert(key, Remembered { wanted, told: None, turn });
        }
    }

    fn forget(&mut self, key: &FetchKey) {
        if let Some(remembered) = self.partitions.remove(key) {
            self.turns.remove(&remembered.turn);
        }
    }

    fn take_turn(&mut self, key: FetchKey) -> u64 {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(turn, key);
        turn
    }

    /// Puts a partition behind all others, so that one with much to say doesn't starve them.
    fn move_last(&mut self, key: &FetchKey) {
        let turn = self.take_turn(key.clone());
        if let Some(remembered) = self.partitions.get_mut(key) {
            let before = std::mem::replace(&mut remembered.turn, turn);
            self.turns.remove(&before);
        }
    }

    fn in_turn(&self) -> Vec<FetchPartition> {
        self.turns.values().map(|key| self.partitions[key].wanted.clone()).collect()
    }
}

/// What a request says of its session.
#[derive(Debug)]
pub(crate) struct SessionRequest {
    pub(crate) session_id: i32,
    pub(crate) epoch: i32,
    pub(crate) names_topics_by_id: bool,
    pub(crate) partitions: Vec<FetchPartition>,
    pub(crate) forgotten: Vec<FetchKey>,
}

/// What to read, and how to answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The session's id for the response; 0 = the client has none and names all it wants each time.
    pub(crate) session_id: i32,
    /// Whether partitions without news may be left out of the response.
    pub(crate) incremental: bool,
    /// In the order in which they are to be read.
    pub(crate) partitions: Vec<FetchPartition>,
}

/// The sessions of one broker.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots_max: usize,
    sessions: BTreeMap<i32, Session>,
}

impl FetchSessions {
    /// At most `slots_max` sessions (`max.incremental.fetch.session.cache.slots`).
    pub(crate) fn new(slots_max: usize) -> Self {
        Self { slots_max, sessions: BTreeMap::new() }
    }

    /// Begins a fetch. Epoch -1 ends the session and fetches without one; 0 fetches all that the
    /// request names and opens a session if there is a slot; any other continues a session.
    /// `new_id` draws a session id.
    pub(crate) fn begin(
        &mut self,
        request: SessionRequest,
        now: Instant,
        mut new_id: impl FnMut() -> i32,
    ) -> Result<Begun, ErrorCode> {
        if matches!(request.epoch, EPOCH_FINAL | EPOCH_INITIAL) {
            self.sessions.remove(&request.session_id);
            let mut begun =
                Begun { session_id: 0, incremental: false, partitions: request.partitions };
            if request.epoch == EPOCH_INITIAL && self.make_room(now) {
                let session_id = std::iter::repeat_with(&mut new_id)
                    .find(|id| *id > 0 && !self.sessions.contains_key(id))
                    .expect("ids are drawn until one is free");
                let mut session = Session::new(request.names_topics_by_id, now);
                for wanted in &begun.partitions {
                    session.want(wanted.clone());
                }
                self.sessions.insert(session_id, session);
                begun.session_id = session_id;
            }
            return Ok(begun);
        }
        let session =
            self.sessions.get_mut(&request.session_id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.next_epoch != request.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.names_topics_by_id != request.names_topics_by_id {
            // KIP-516: a client that changed its version has to open another session.
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        session.next_epoch = request.epoch.checked_add(1).unwrap_or(1);
        session.used_at = now;
        for wanted in request.partitions {
            session.want(wanted);
        }
        for key in &request.forgotten {
            session.forget(key);
        }
        Ok(Begun {
            session_id: request.session_id,
            incremental: true,
            partitions: session.in_turn(),
        })
    }

    /// Notes what the client is about to be told. Returns whether the partition belongs into an
    /// incremental response: it has records, an error, or offsets that the client doesn't know.
    pub(crate) fn tell(
        &mut self,
        session_id: i32,
        key: &FetchKey,
        told: Option<Told>,
        has_records: bool,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(&session_id) else { return true };
        let Some(remembered) = session.partitions.get_mut(key) else { return true };
        // After an error everything is news again.
        let news = told.is_none() || remembered.told != told;
        remembered.told = told;
        if let Some(told) = told
            && remembered.wanted.high_watermark != ANY_HIGH_WATERMARK
        {
            remembered.wanted.high_watermark = told.high_watermark;
        }
        if has_records {
            session.move_last(key);
        }
        news || has_records
    }

    fn make_room(&mut self, now: Instant) -> bool {
        if self.sessions.len() < self.slots_max {
            return true;
        }
        let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used_at);
        let Some((&id, session)) = oldest else { return false };
        let evictable = now.duration_since(session.used_at) > EVICTION_AGE_MIN;
        if evictable {
            self.sessions.remove(&id);
        }
        evictable
    }

    /// The number of sessions, and of the partitions they remember.
    #[cfg(test)]
    fn sizes(&self) -> (usize, Vec<usize>) {
        (self.sessions.len(), self.sessions.values().map(|s| s.partitions.len()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(index: i32, offset: i64) -> FetchPartition {
        FetchPartition {
            topic: FetchTopic::Name("t".into()),
            partition: PartitionIndex(index),
            fetch_offset: Offset(offset),
            max_bytes: 1 << 20,
            current_leader_epoch: LeaderEpoch(-1),
            last_fetched_epoch: LeaderEpoch(-1),
            high_watermark: ANY_HIGH_WATERMARK,
        }
    }

    fn request(session_id: i32, epoch: i32, partitions: Vec<FetchPartition>) -> SessionRequest {
        SessionRequest {
            session_id,
            epoch,
            names_topics_by_id: false,
            partitions,
            forgotten: vec![],
        }
    }

    fn told(high_watermark: i64) -> Option<Told> {
        Some(Told {
            high_watermark: Offset(high_watermark),
            last_stable_offset: Offset(high_watermark),
            log_start_offset: Offset(0),
        })
    }

    #[test]
    fn a_session_remembers_what_its_first_request_named() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(10);
        let first = request(0, 0, vec![partition(0, 5), partition(1, 7)]);
        let begun = sessions.begin(first, now, || 9).unwrap();
        assert_eq!((begun.session_id, begun.incremental), (9, false));

        let begun = sessions.begin(request(9, 1, vec![partition(1, 8)]), now, || 0).unwrap();
        assert!(begun.incremental);
        assert_eq!(begun.partitions, [partition(0, 5), partition(1, 8)]);
    }

    #[test]
    fn a_forgotten_partition_is_not_read_again() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(10);
        sessions.begin(request(0, 0, vec![partition(0, 0), partition(1, 0)]), now, || 9).unwrap();
        let mut second = request(9, 1, vec![]);
        second.forgotten = vec![partition(0, 0).key()];
        let begun = sessions.begin(second, now, || 0).unwrap();
        assert_eq!(begun.partitions, [partition(1, 0)]);
        assert_eq!(sessions.sizes(), (1, vec![1]));
    }

    #[test]
    fn a_wrong_epoch_and_an_unknown_session_are_refused() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(10);
        sessions.begin(request(0, 0, vec![partition(0, 0)]), now, || 9).unwrap();
        let wrong = sessions.begin(request(9, 2, vec![]), now, || 0);
        assert_eq!(wrong, Err(ErrorCode::InvalidFetchSessionEpoch));
        let unknown = sessions.begin(request(8, 1, vec![]), now, || 0);
        assert_eq!(unknown, Err(ErrorCode::FetchSessionIdNotFound));
    }

    #[test]
    fn the_epoch_after_the_largest_is_one() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(10);
        sessions.begin(request(0, 0, vec![partition(0, 0)]), now, || 9).unwrap();
        sessions.sessions.get_mut(&9).unwrap().next_epoch = i32::MAX;
        sessions.begin(request(9, i32::MAX, vec![]), now, || 0).unwrap();
        assert!(sessions.begin(request(9, 1, vec![]), now, || 0).is_ok());
    }

    #[test]
    fn a_partition_without_news_is_left_out_of_an_incremental_response() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(10);
        sessions.begin(request(0, 0, vec![partition(0, 0)]), now, || 9).unwrap();
        let key = partition(0, 0).key();
        assert!(sessions.tell(9, &key, told(5), false), "the first answer is news");
        assert!(!sessions.tell(9, &key, told(5), false));
        assert!(sessions.tell(9, &key, told(5), true), "records are always told");
        assert!(sessions.tell(9, &key, told(6), false), "so is a new high watermark");
        assert!(sessions.tell(9, &key, None, false), "so is an error");
        assert!(sessions.tell(9, &key, told(6), false), "and that the error is gone");
    }

    #[test]
    fn what_a_follower_was_told_of_the_high_watermark_is_remembered() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(10);
        let first = FetchPartition { high_watermark: Offset(3), ..partition(0, 0) };
        sessions.begin(request(0, 0, vec![first.clone(), partition(1, 0)]), now, || 9).unwrap();
        sessions.tell(9, &first.key(), told(5), false);
        sessions.tell(9, &partition(1, 0).key(), told(5), false);
        let begun = sessions.begin(request(9, 1, vec![]), now, || 0).unwrap();
        let known: Vec<_> = begun.partitions.iter().map(|wanted| wanted.high_watermark).collect();
        assert_eq!(known, [Offset(5), ANY_HIGH_WATERMARK]);
    }

    #[test]
    fn a_partition_that_gave_records_is_read_last_the_next_time() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(10);
        sessions.begin(request(0, 0, vec![partition(0, 0), partition(1, 0)]), now, || 9).unwrap();
        sessions.tell(9, &partition(0, 0).key(), told(5), true);
        let begun = sessions.begin(request(9, 1, vec![]), now, || 0).unwrap();
        assert_eq!(begun.partitions, [partition(1, 0), partition(0, 0)]);
    }

    #[test]
    fn a_full_cache_evicts_only_what_was_not_used_for_long() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(1);
        sessions.begin(request(0, 0, vec![partition(0, 0)]), now, || 9).unwrap();
        let begun = sessions.begin(request(0, 0, vec![partition(0, 0)]), now, || 8).unwrap();
        assert_eq!(begun.session_id, 0, "the client goes on without a session");
        let later = now + EVICTION_AGE_MIN + Duration::from_millis(1);
        let begun = sessions.begin(request(0, 0, vec![partition(0, 0)]), later, || 8).unwrap();
        assert_eq!(begun.session_id, 8);
        assert_eq!(sessions.sizes().0, 1);
    }

    #[test]
    fn the_final_epoch_ends_the_session() {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(10);
        sessions.begin(request(0, 0, vec![partition(0, 0)]), now, || 9).unwrap();
        let begun = sessions.begin(request(9, -1, vec![partition(0, 3)]), now, || 0).unwrap();
        assert_eq!((begun.session_id, begun.incremental), (0, false));
        assert_eq!(sessions.sizes().0, 0);
    }
}
