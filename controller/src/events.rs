//! What happened to the cluster, for those who watch over it: who went down, who came back, which
//! leader moved, and why.
//!
//! Every controller derives the same story from the same log, as it applies it, and keeps the end of
//! it in memory: whoever is active can tell it, the next one too, and the one that is started again
//! from whatever entries it still has. An entry says when it was decided and by whom. That is the
//! deciding controller's wall clock, for people to read; nothing is decided by it.
//!
//! ClusterEvents (ours) asks for it. Kafka has no API for that, and so there is one of our own rather
//! than a port of its own: whoever reaches the cluster reaches it, and one rule says who may.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use metadata::{Event, LeaderChange};
use protocol::{BrokerId, ErrorCode, LeaderEpoch, PartitionIndex, Timestamp, TopicName};

use crate::{
    published::signed,
    raft::{Position, Stamp},
};

/// How many events are kept: the older ones are forgotten. A broker that goes down may be one for
/// each partition that it led.
const EVENTS_KEPT_MAX: usize = 10_000;
/// How many events one answer has, whatever it's asked for.
const RESPONSE_EVENTS_MAX: usize = 1_000;

protocol::api! {
    key ClusterEvents, versions 0..=0, flexible 0..;

    /// Asks for the latest events.
    request ClusterEventsRequest {
        /// Only those after this entry of the metadata log; -1 = all that are kept.
        after_index: i64 { 0.., default -1 },
        /// How many at most: the latest of them.
        limit: i32 { 0.., default i32::MAX },
    }

    /// What happened, the oldest first.
    response ClusterEventsResponse {
        error_code: ErrorCode { 0.. },
        /// The last entry that was looked at: to ask from there on.
        index: i64 { 0.., default -1 },
        /// How many that were asked for are left out, being older than those that are told.
        left_out: i32 { 0.. },
        events: Vec<ClusterEvent> { 0.. },
    }

    /// One event. What is said of it depends on its kind; other fields have their defaults.
    struct ClusterEvent {
        /// The entry of the metadata log that made it so.
        index: i64 { 0.. },
        /// When it was decided; -1 = not known.
        timestamp: Timestamp { 0.. },
        /// A word for it, such as `broker-fenced`.
        kind: String { 0.. },
        /// Why, in words. Of a leader: by what right it leads.
        reason: Option<String> { 0.. },
        /// What of the same entry made it necessary, in words.
        because: Option<String> { 0.. },
        /// Whom it's about.
        broker: BrokerId { 0.. },
        /// Whose leader changed.
        topic: Option<TopicName> { 0.. },
        partition: PartitionIndex { 0.. },
        /// Who led; -1 = nobody.
        previous_leader: BrokerId { 0.. },
        /// Who leads; -1 = nobody.
        leader: BrokerId { 0.. },
        leader_epoch: LeaderEpoch { 0.. },
    }
}

impl ClusterEventsRequest {
    /// Asks for what happened after an entry.
    #[must_use]
    pub fn after(index: i64) -> Self {
        Self { after_index: index, ..Self::default() }
    }
}

/// The end of the story.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    events: VecDeque<ClusterEvent>,
    /// The term of the last entry: whoever decides in a newer one is another controller.
    term: u64,
    /// The last entry.
    index: i64,
}

impl EventLog {
    /// From here on the log is known: what is before is in a snapshot, which tells no story.
    pub(crate) fn begin_after(&self, position: Option<Position>) {
        let mut told = self.told();
        told.term = position.map_or(0, |position| position.term);
        told.index = position.map_or(-1, |position| signed(position.index));
    }

    /// An entry was applied, and meant this.
    pub(crate) fn tell(&self, position: Position, stamp: Stamp, events: Vec<Event>) {
        let mut told = self.told();
        told.index = signed(position.index);
        let entry = ClusterEvent { index: told.index, timestamp: stamp.at, ..Default::default() };
        if position.term > told.term && stamp.by >= BrokerId(0) {
            told.term = position.term;
            let reason = Some(format!("elected in term {}", position.term));
            let kind = "controller-changed".to_owned();
            told.push(ClusterEvent { kind, reason, broker: stamp.by, ..entry.clone() });
        }
        for (place, event) in events.iter().enumerate() {
            let because = match event {
                Event::LeaderChanged(change) => {
                    events[..place].iter().rev().find_map(|earlier| cause(earlier, change))
                }
                _ => None,
            };
            told.push(describe(event, ClusterEvent { because, ..entry.clone() }));
        }
    }

    /// What was asked for.
    pub(crate) fn answer(&self, request: &ClusterEventsRequest) -> ClusterEventsResponse {
        let told = self.told();
        let limit = usize::try_from(request.limit).unwrap_or(0).min(RESPONSE_EVENTS_MAX);
        // In the order of their entries: those after one are at the end.
        let known = told.events.partition_point(|event| event.index <= request.after_index);
        let asked = told.events.len() - known;
        let left_out = asked.saturating_sub(limit);
        ClusterEventsResponse {
            index: told.index,
            left_out: i32::try_from(left_out).unwrap_or(i32::MAX),
            events: told.events.range(known + left_out..).cloned().collect(),
            ..ClusterEventsResponse::default()
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn push(&mut self, event: ClusterEvent) {
        if self.events.len() == EVENTS_KEPT_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// An event in words.
fn describe(event: &Event, entry: ClusterEvent) -> ClusterEvent {
    let of_broker = |kind: &str, broker: &BrokerId, reason| ClusterEvent {
        kind: kind.to_owned(),
        broker: *broker,
        reason,
        ..entry.clone()
    };
    match event {
        Event::Registered(broker) => of_broker("broker-registered", broker, None),
        Event::Unfenced(broker) => of_broker("broker-unfenced", broker, None),
        Event::Fenced(broker, why) => of_broker("broker-fenced", broker, Some(why.to_string())),
        Event::Leaving(broker) => of_broker("broker-leaving", broker, None),
        Event::LostDirectories(broker, count) => {
            let reason = format!("{count} of its log directories failed");
            of_broker("broker-lost-directories", broker, Some(reason))
        }
        Event::Unregistered(broker) => of_broker("broker-unregistered", broker, None),
        Event::LeaderChanged(LeaderChange { topic, partition, from, to, leader_epoch, .. }) => {
            let kind = if to.is_some() { "leader-changed" } else { "partition-offline" };
            ClusterEvent {
                kind: kind.to_owned(),
                reason: to.map(|(_, candidacy)| candidacy.to_string()),
                topic: Some(topic.clone()),
                partition: *partition,
                previous_leader: from.unwrap_or_default(),
                leader: to.map(|(leader, _)| leader).unwrap_or_default(),
                leader_epoch: *leader_epoch,
                ..entry
            }
        }
    }
}

/// How what happened to a broker made a leader change, if it did.
fn cause(event: &Event, change: &LeaderChange) -> Option<String> {
    let leads_no_more = |broker: &BrokerId| change.from == Some(*broker);
    match event {
        Event::Fenced(broker, why) if leads_no_more(broker) => {
            Some(format!("broker {broker} is out of service: {why}"))
        }
        Event::Leaving(broker) if leads_no_more(broker) => Some(format!("broker {broker} stops")),
        Event::LostDirectories(broker, count) if leads_no_more(broker) => {
            Some(format!("{count} log directories of broker {broker} failed"))
        }
        Event::Registered(broker) if leads_no_more(broker) => {
            Some(format!("broker {broker} was started anew"))
        }
        Event::Unregistered(broker) if leads_no_more(broker) => {
            Some(format!("broker {broker} is gone for good"))
        }
        Event::Unfenced(broker) if change.from.is_none() => {
            Some(format!("broker {broker} is in service"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use metadata::{Candidacy, record::FenceReason};
    use protocol::PartitionEpoch;

    use super::*;

    fn position(term: u64, index: u64) -> Position {
        Position { term, index }
    }

    fn stamp(at: i64) -> Stamp {
        Stamp { at: Timestamp(at), by: BrokerId(3) }
    }

    fn ask(log: &EventLog, after_index: i64, limit: i32) -> (Vec<(i64, String)>, i32, i64) {
        let answer = log.answer(&ClusterEventsRequest { after_index, limit });
        let events = answer.events.into_iter().map(|event| (event.index, event.kind)).collect();
        (events, answer.left_out, answer.index)
    }

    #[test]
    fn the_latest_events_after_an_entry_are_told_in_order() {
        let log = EventLog::default();
        log.begin_after(Some(position(1, 5)));
        let fenced = Event::Fenced(BrokerId(1), FenceReason::Gone);
        log.tell(position(1, 6), stamp(100), vec![fenced, Event::Unfenced(BrokerId(2))]);
        log.tell(position(1, 7), stamp(101), vec![]);
        log.tell(position(1, 8), stamp(102), vec![Event::Registered(BrokerId(1))]);
        let kinds = |all: &[(i64, &str)]| -> Vec<_> {
            all.iter().map(|(index, kind)| (*index, (*kind).to_owned())).collect()
        };
        let all = [(6, "broker-fenced"), (6, "broker-unfenced"), (8, "broker-registered")];
        assert_eq!(ask(&log, -1, 10), (kinds(&all), 0, 8));
        assert_eq!(ask(&log, -1, 2), (kinds(&all[1..]), 1, 8));
        assert_eq!(ask(&log, 6, 10), (kinds(&all[2..]), 0, 8));
        assert_eq!(ask(&log, 8, 10), (vec![], 0, 8));
        assert_eq!(ask(&log, -1, -1), (vec![], 3, 8));
        let first = &log.answer(&ClusterEventsRequest::default()).events[0];
        assert_eq!((first.timestamp, first.broker), (Timestamp(100), BrokerId(1)));
        assert_eq!(first.reason.as_deref(), Some("its listener refuses connections"));
    }

    #[test]
    fn a_leader_moves_because_of_what_happened_to_a_broker() {
        let moves = |from: Option<i32>, to: Option<i32>| {
            Event::LeaderChanged(LeaderChange {
                topic: "t".into(),
                partition: PartitionIndex(0),
                from: from.map(BrokerId),
                to: to.map(|id| (BrokerId(id), Candidacy::Eligible)),
                leader_epoch: LeaderEpoch(3),
                partition_epoch: PartitionEpoch(4),
            })
        };
        let log = EventLog::default();
        let events = vec![
            Event::Fenced(BrokerId(1), FenceReason::Silent),
            moves(Some(1), None),
            moves(Some(2), Some(3)),
            Event::Unfenced(BrokerId(3)),
            moves(None, Some(3)),
        ];
        log.tell(position(0, 1), stamp(0), events);
        let told = log.answer(&ClusterEventsRequest::default()).events;
        let because: Vec<_> = told.iter().map(|event| event.because.as_deref()).collect();
        let silent = "broker 1 is out of service: it was silent for its session timeout";
        let back = "broker 3 is in service";
        assert_eq!(because, [None, Some(silent), None, None, Some(back)]);
        let kinds: Vec<_> = told.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!((kinds[1], kinds[4]), ("partition-offline", "leader-changed"));
        assert_eq!(told[4].reason.as_deref(), Some("eligible"));
    }

    #[test]
    fn whoever_decides_in_a_newer_term_is_another_controller() {
        let log = EventLog::default();
        log.begin_after(Some(position(4, 5)));
        log.tell(position(4, 6), stamp(1), vec![]);
        assert!(ask(&log, -1, 10).0.is_empty());
        // An older build doesn't say who it is.
        log.tell(position(5, 7), Stamp::default(), vec![]);
        log.tell(position(5, 8), stamp(2), vec![]);
        log.tell(position(5, 9), stamp(3), vec![]);
        assert_eq!(ask(&log, -1, 10).0, [(8, "controller-changed".to_owned())]);
    }

    #[test]
    fn what_is_too_long_ago_is_forgotten() {
        let log = EventLog::default();
        for index in 0..EVENTS_KEPT_MAX as u64 + 1 {
            log.tell(position(0, index), stamp(0), vec![Event::Unfenced(BrokerId(1))]);
        }
        let answer = log.answer(&ClusterEventsRequest::default());
        assert_eq!(answer.events.len(), RESPONSE_EVENTS_MAX);
        assert_eq!(answer.left_out as usize, EVENTS_KEPT_MAX - RESPONSE_EVENTS_MAX);
        assert_eq!(log.told().events.front().unwrap().index, 1);
    }
}
