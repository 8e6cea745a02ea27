use proptest::prelude::*;
use protocol::{PartitionIndex, Uuid, api::fetch::FetchableTopicResponse};

use super::*;
use crate::fake::fetch_sessions::FetchSessions;

fn at(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.into(), partition: PartitionIndex(partition) }
}

fn wanted(offset: i64) -> Wanted {
    Wanted {
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(1),
        last_epoch: LeaderEpoch(-1),
        topic_id: Some(Uuid([7; 16])),
        bytes_max: 100,
    }
}

fn ask(session: &mut FetchSession, wanted: &[(TopicPartition, Wanted)]) -> FetchRequest {
    let mut request = FetchRequest::default();
    session.ask(wanted, true, &mut request);
    request
}

/// The offsets that a request names.
fn named(request: &FetchRequest) -> Vec<i64> {
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.fetch_offset.0).collect()
}

fn answer(session_id: i32, partitions: &[i32]) -> FetchResponse {
    let data = |index: &i32| PartitionData {
        partition_index: PartitionIndex(*index),
        ..Default::default()
    };
    let topic = FetchableTopicResponse {
        topic_id: Uuid([7; 16]),
        partitions: partitions.iter().map(data).collect(),
        ..Default::default()
    };
    FetchResponse { session_id, responses: vec![topic], ..Default::default() }
}

fn refused(error_code: ErrorCode) -> FetchResponse {
    FetchResponse { error_code, ..Default::default() }
}

#[test]
fn after_the_first_request_only_changes_are_named() {
    let mut session = FetchSession::default();
    let request = ask(&mut session, &[(at("t", 0), wanted(1)), (at("t", 1), wanted(2))]);
    assert_eq!((request.session_id, request.session_epoch), (0, 0));
    assert_eq!(named(&request), [1, 2]);
    session.answered(answer(9, &[0, 1])).unwrap();

    let request = ask(&mut session, &[(at("t", 0), wanted(5)), (at("t", 1), wanted(2))]);
    assert_eq!((request.session_id, request.session_epoch), (9, 1));
    assert_eq!(named(&request), [5]);
    let answers = session.answered(answer(9, &[1])).unwrap();
    assert_eq!(answers[&at("t", 1)].0, wanted(2));

    let request = ask(&mut session, &[(at("t", 0), wanted(5))]);
    assert_eq!((request.session_id, request.session_epoch), (9, 2));
    assert!(named(&request).is_empty());
    assert_eq!(request.forgotten_topics_data[0].partitions, [PartitionIndex(1)]);
}

#[test]
fn without_a_session_everything_is_named_each_time() {
    let mut session = FetchSession::default();
    for offset in [1, 1, 2] {
        let request = ask(&mut session, &[(at("t", 0), wanted(offset))]);
        assert_eq!((request.session_id, request.session_epoch), (0, 0));
        assert_eq!(named(&request), [offset]);
        session.answered(answer(0, &[0])).unwrap();
    }
    assert!(session.end().is_none());
}

#[test]
fn a_session_that_the_broker_lost_is_not_named_again() {
    let mut session = FetchSession::default();
    for (code, id) in [
        (ErrorCode::FetchSessionIdNotFound, 0),
        (ErrorCode::InvalidFetchSessionEpoch, 9),
        (ErrorCode::FetchSessionTopicIdError, 9),
    ] {
        ask(&mut session, &[(at("t", 0), wanted(1))]);
        session.answered(answer(9, &[0])).unwrap();
        ask(&mut session, &[(at("t", 0), wanted(1))]);
        assert_eq!(session.answered(refused(code)), Err(Refusal::Session(code)));
        let request = ask(&mut session, &[(at("t", 0), wanted(1))]);
        assert_eq!((request.session_id, request.session_epoch), (id, 0));
        assert_eq!(named(&request), [1]);
    }
}

#[test]
fn after_a_lost_request_another_session_replaces_the_old_one() {
    let mut session = FetchSession::default();
    ask(&mut session, &[(at("t", 0), wanted(1))]);
    session.answered(answer(9, &[0])).unwrap();
    ask(&mut session, &[(at("t", 0), wanted(2))]);
    session.lost();
    let request = ask(&mut session, &[(at("t", 0), wanted(2))]);
    assert_eq!((request.session_id, request.session_epoch), (9, 0));
    assert_eq!(named(&request), [2]);
    assert!(request.forgotten_topics_data.is_empty());
}

#[test]
fn another_way_of_naming_topics_takes_another_session() {
    let mut session = FetchSession::default();
    ask(&mut session, &[(at("t", 0), wanted(1))]);
    session.answered(answer(9, &[0])).unwrap();
    let mut request = FetchRequest::default();
    session.ask(&[(at("t", 0), wanted(1))], false, &mut request);
    assert_eq!((request.session_id, request.session_epoch), (9, 0));
    assert_eq!(named(&request), [1]);
}

#[test]
fn a_topic_that_was_created_anew_replaces_the_old_one() {
    let mut session = FetchSession::default();
    ask(&mut session, &[(at("t", 0), wanted(1))]);
    session.answered(answer(9, &[0])).unwrap();
    let anew = Wanted { topic_id: Some(Uuid([8; 16])), ..wanted(0) };
    let request = ask(&mut session, &[(at("t", 0), anew)]);
    assert_eq!(request.topics[0].topic_id, Uuid([8; 16]));
    assert_eq!(request.forgotten_topics_data[0].topic_id, Uuid([7; 16]));
    // What is still told of the old one is about nothing that is wanted.
    assert_eq!(session.answered(answer(9, &[0])), Err(Refusal::Mismatch));
}

#[test]
fn an_answer_about_something_else_is_refused() {
    let one = [(at("t", 0), wanted(1))];
    for wrong in [&[][..], &[0, 1]] {
        let mut session = FetchSession::default();
        ask(&mut session, &one);
        assert_eq!(session.answered(answer(9, wrong)), Err(Refusal::Mismatch));
        assert_eq!(named(&ask(&mut session, &one)), [1]);
    }
    let mut session = FetchSession::default();
    ask(&mut session, &one);
    session.answered(answer(9, &[0])).unwrap();
    ask(&mut session, &one);
    assert_eq!(session.answered(answer(8, &[])), Err(Refusal::Mismatch));
}

#[test]
fn the_epoch_after_the_largest_is_one() {
    let mut session = FetchSession::default();
    ask(&mut session, &[(at("t", 0), wanted(1))]);
    session.answered(answer(9, &[0])).unwrap();
    session.epoch = i32::MAX;
    ask(&mut session, &[(at("t", 0), wanted(1))]);
    session.answered(answer(9, &[])).unwrap();
    assert_eq!(ask(&mut session, &[(at("t", 0), wanted(1))]).session_epoch, 1);
}

#[test]
fn the_last_request_ends_the_session() {
    let mut session = FetchSession::default();
    ask(&mut session, &[(at("t", 0), wanted(1))]);
    session.answered(answer(9, &[0])).unwrap();
    let request = session.end().unwrap();
    assert_eq!((request.session_id, request.session_epoch), (9, -1));
}

/// What becomes of one request.
#[derive(Clone, Debug)]
enum Fate {
    Answered,
    RequestLost,
    AnswerLost,
    SessionsForgotten,
    EpochAlmostWraps,
    NoRoom,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Answered),
        1 => Just(Fate::RequestLost),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::SessionsForgotten),
        1 => Just(Fate::EpochAlmostWraps),
        1 => Just(Fate::NoRoom),
    ]
}

/// Topics of one of two ids, and offsets in their partitions.
fn many() -> impl Strategy<Value = Vec<(TopicPartition, Wanted)>> {
    let partitions = prop::collection::btree_map(0..3, 0..3_i64, 0..4);
    let topics = prop::collection::btree_map(0..3_u8, (0..2_u8, partitions), 0..4);
    topics.prop_map(|topics| {
        let mut list = Vec::new();
        for (topic, (incarnation, partitions)) in topics {
            let topic_id = Some(Uuid([1 + topic * 2 + incarnation; 16]));
            list.extend(partitions.into_iter().map(|(partition, offset)| {
                (at(&topic.to_string(), partition), Wanted { topic_id, ..wanted(offset) })
            }));
        }
        list
    })
}

proptest! {
    /// Whatever is lost or forgotten: a broker that accepts a request reads exactly what the
    /// client wants, and it refuses at most one in a row.
    #[test]
    fn the_broker_reads_what_the_client_wants(
        steps in prop::collection::vec((many(), prop::bool::weighted(0.9), fate()), 1..40),
    ) {
        let (mut session, mut broker) = (FetchSession::default(), FetchSessions::default());
        let (mut refused, mut orphans) = (0, 0);
        for (list, by_id, fate) in steps {
            match fate {
                Fate::SessionsForgotten => broker.forget_all(),
                Fate::EpochAlmostWraps if !session.is_new() => {
                    session.epoch = i32::MAX;
                    broker.sessions().get_mut(&session.id).unwrap().epoch = i32::MAX;
                }
                _ => {}
            }
            let mut request = FetchRequest::default();
            session.ask(&list, by_id, &mut request);
            strip(&mut request, by_id);
            if matches!(fate, Fate::RequestLost) {
                session.lost();
                continue;
            }
            let has_room = !matches!(fate, Fate::NoRoom);
            let response = match broker.begin(&request, by_id, has_room) {
                Ok(begun) => {
                    refused = 0;
                    prop_assert_eq!(reads(&begun.topics), wants(&list, by_id));
                    broker.finish(&begun, everything(&begun.topics, begun.session_id))
                }
                Err(error_code) => {
                    refused += 1;
                    prop_assert!(refused < 2, "{:?}", error_code);
                    FetchResponse { error_code, ..Default::default() }
                }
            };
            if matches!(fate, Fate::AnswerLost) {
                // A session of which only the broker knows is left to it.
                orphans += usize::from(request.session_epoch == 0);
                session.lost();
                continue;
            }
            let was_refused = !response.error_code.is_none();
            prop_assert_eq!(session.answered(response).is_err(), was_refused);
            prop_assert!(broker.sessions().len() <= 1 + orphans, "others are ended");
        }
    }
}

/// As the wire does: names or ids.
fn strip(request: &mut FetchRequest, by_id: bool) {
    let strip = |topic: &mut TopicName, id: &mut TopicId| match by_id {
        true => *topic = TopicName::default(),
        false => *id = TopicId::default(),
    };
    request.topics.iter_mut().for_each(|topic| strip(&mut topic.topic, &mut topic.topic_id));
    let forgotten = request.forgotten_topics_data.iter_mut();
    forgotten.for_each(|topic| strip(&mut topic.topic, &mut topic.topic_id));
}

type Reads = BTreeMap<(TopicName, TopicId, PartitionIndex), Offset>;

fn reads(topics: &[FetchTopic]) -> Reads {
    let mut reads = Reads::new();
    for topic in topics {
        for partition in &topic.partitions {
            let key = (topic.topic.clone(), topic.topic_id, partition.partition);
            reads.insert(key, partition.fetch_offset);
        }
    }
    reads
}

fn wants(list: &[(TopicPartition, Wanted)], by_id: bool) -> Reads {
    let wants = list.iter().map(|(at, wanted)| {
        let key = match by_id {
            true => (TopicName::default(), wanted.topic_id.unwrap(), at.partition),
            false => (at.topic.clone(), TopicId::default(), at.partition),
        };
        (key, wanted.offset)
    });
    wants.collect()
}

fn everything(topics: &[FetchTopic], session_id: i32) -> FetchResponse {
    let answer = |topic: &FetchTopic| FetchableTopicResponse {
        topic: topic.topic.clone(),
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| PartitionData {
                partition_index: partition.partition,
                high_watermark: partition.fetch_offset,
                ..Default::default()
            })
            .collect(),
    };
    let responses = topics.iter().map(answer).collect();
    FetchResponse { session_id, responses, ..Default::default() }
}
