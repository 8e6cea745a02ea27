use std::{cell::RefCell, collections::VecDeque};

use proptest::prelude::*;
use protocol::{
    ErrorCode, PartitionIndex, ProducerEpoch, ProducerId, Sequence,
    records::{Batch as Decoded, Compression},
};

use super::*;
use crate::{door::SystemEntropy, producer::ProducerOptions};

const ID: Identity = Identity { id: ProducerId(7), epoch: ProducerEpoch(0) };
const NEXT_ID: Identity = Identity { id: ProducerId(7), epoch: ProducerEpoch(1) };
/// Whom a settled batch concerns that is sent again.
const NOBODY: [usize; 0] = [];

fn settings() -> Settings {
    Settings {
        batch_bytes: 1000,
        linger: Duration::from_millis(10),
        delivery_timeout: Duration::from_secs(10),
        retries: u32::MAX,
        is_idempotent: true,
        in_flight_max: 5,
        codec: Codec::default(),
        backoff: Backoff { first: Duration::from_millis(1), max: Duration::from_millis(1) },
    }
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: PartitionIndex(partition) }
}

fn record(value: usize) -> ProducerRecord {
    ProducerRecord::new("orders", value.to_string())
}

/// A producer's accumulator whose clock stands still unless it's moved.
struct Bench {
    /// A batch's token lists its records.
    accumulator: Accumulator<RefCell<Vec<usize>>>,
    now: Instant,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        Self { accumulator: Accumulator::new(settings), now: Instant::now() }
    }

    fn append(&mut self, partition: i32, number: usize) -> bool {
        let time = Timestamp(i64::try_from(number).unwrap());
        let begin = || (self.now, RefCell::default());
        let added = self.accumulator.append(&at(partition), &record(number), time, begin);
        assert_eq!(usize::try_from(added.index).unwrap(), added.token.borrow().len());
        added.token.borrow_mut().push(number);
        added.is_due_earlier
    }

    /// Appends one record as a batch of its own, due at once.
    fn append_alone(&mut self, number: usize) {
        self.append(0, number);
        self.accumulator.lanes.get_mut(&at(0)).unwrap().lane.close();
        self.accumulator.flush();
    }

    /// Takes the partition's next batch, if it is ready.
    fn take(&mut self, identity: Identity) -> Option<Sending> {
        if self.accumulator.identity() != Some(identity) {
            self.accumulator.set_identity(Some(identity));
        }
        self.ready();
        (self.accumulator.lanes[&at(0)].place == Place::Out
            && !self.accumulator.unidentified.contains(&at(0)))
        .then(|| self.accumulator.take(&at(0), self.now))?
    }

    fn ready(&mut self) -> Vec<TopicPartition> {
        self.accumulator.ready(self.now)
    }

    /// Settles a batch. Returns whom that concerns, in order.
    fn settle(&mut self, id: BatchId, outcome: Outcome) -> Vec<usize> {
        self.accumulator.settle(&at(0), id, outcome, self.now, &SystemEntropy);
        self.told().into_iter().map(|(number, _)| number).collect()
    }

    /// Who has been told since this was last asked, and what.
    fn told(&mut self) -> Vec<(usize, Outcome)> {
        let settled = self.accumulator.settled().into_iter();
        let each = settled.filter_map(|Settled { receipt, result }| {
            let Receipt { token, records } = receipt?;
            let place = |index| usize::try_from(index).unwrap();
            let numbers = token.borrow()[place(records.start)..place(records.end)].to_vec();
            Some(numbers.into_iter().map(move |number| (number, result.clone())))
        });
        each.flatten().collect()
    }

    fn later(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }
}

fn appended() -> Outcome {
    Ok(Appended { base_offset: Some(Offset(0)), log_append_time: None })
}

fn refused(code: ErrorCode) -> Outcome {
    Err(Error::answer(code, "orders-0", None))
}

fn stamp(sending: &Sending) -> (i16, i32) {
    let header = *Decoded::decode(&sending.bytes, 1 << 20).unwrap().header();
    (header.producer_epoch.0, header.base_sequence.0)
}

fn values(bytes: &Bytes) -> Vec<usize> {
    let batch = Decoded::decode(bytes, 1 << 20).unwrap();
    let text = |record: protocol::records::Record| {
        String::from_utf8(record.value.unwrap().to_vec()).unwrap()
    };
    batch.owned_records().map(|record| text(record.unwrap()).parse().unwrap()).collect()
}

#[tokio::test]
async fn a_batch_waits_for_its_linger_or_until_it_is_full() {
    let mut bench = Bench::new(settings());
    assert!(bench.append(0, 1));
    assert!(!bench.append(0, 2));
    assert!(bench.ready().is_empty());
    let due = bench.now + Duration::from_millis(10);
    assert_eq!(bench.accumulator.wake_at(), Some(due));
    bench.later(10);
    assert_eq!(bench.ready(), [at(0)]);
    assert_eq!(values(&bench.take(ID).unwrap().bytes), [1, 2]);

    let mut count = 0;
    while bench.ready().is_empty() {
        bench.append(0, count);
        count += 1;
    }
    assert!((20..200).contains(&count), "{count}");
}

#[tokio::test]
async fn a_batch_takes_as_much_memory_at_once_as_the_last_one_needed() {
    let mut bench = Bench::new(settings());
    let capacity = |bench: &Bench| bench.accumulator.lanes[&at(0)].lane.capacity(1000);
    bench.append_alone(0);
    assert!(capacity(&bench) < 200, "{}", capacity(&bench));
    (0..200).for_each(|number| _ = bench.append(0, number));
    assert_eq!(capacity(&bench), 1000);
}

#[tokio::test]
async fn flush_makes_due_what_is_there_and_nothing_later() {
    let mut bench = Bench::new(settings());
    bench.append(0, 1);
    let flush = bench.accumulator.flush();
    assert!(!bench.accumulator.is_settled(flush));
    let sending = bench.take(ID).unwrap();
    bench.append(0, 2);
    assert!(bench.ready().is_empty());
    assert!(!bench.accumulator.is_settled(flush));
    assert_eq!(bench.settle(sending.id, appended()), [1]);
    assert!(bench.accumulator.is_settled(flush));
}

#[tokio::test]
async fn as_many_batches_are_under_way_as_the_partition_remembers_and_one_without_idempotence() {
    for (idempotence, in_flight_max, limit) in
        [(true, 5, 5), (true, 3, 3), (true, 9, 5), (true, 0, 1), (false, 5, 1)]
    {
        let options = ProducerOptions { idempotence, in_flight_max, ..Default::default() };
        let mut bench = Bench::new(options.settings(settings().backoff));
        (0..8).for_each(|number| bench.append_alone(number));
        let taken = std::iter::from_fn(|| bench.take(ID)).count();
        assert_eq!(taken, limit);
    }
}

#[tokio::test]
async fn nothing_is_sent_without_an_identity() {
    let mut bench = Bench::new(settings());
    bench.append_alone(1);
    assert_eq!(bench.ready(), [at(0)]);
    assert!(bench.accumulator.take(&at(0), bench.now).is_none());
    assert!(bench.accumulator.needs_identity());
    // It is in nobody's way until there is one.
    assert!(bench.ready().is_empty());
    assert_eq!(stamp(&bench.take(ID).unwrap()), (0, 0));
    assert!(!bench.accumulator.needs_identity());
}

#[tokio::test]
async fn what_happens_in_one_partition_hands_out_no_other() {
    let mut bench = Bench::new(Settings { linger: Duration::ZERO, ..settings() });
    for partition in 0..1000 {
        bench.append(partition, 0);
    }
    let ready = bench.ready();
    assert_eq!(ready.len(), 1000);
    assert!(!bench.append(7, 1), "what is handed out already is no news");
    assert!(bench.ready().is_empty());
    bench.accumulator.set_identity(Some(ID));
    let sending = bench.accumulator.take(&at(7), bench.now).unwrap();
    assert_eq!(values(&sending.bytes), [0, 1]);
    bench.append(7, 2);
    assert_eq!(bench.ready(), [at(7)]);
    bench.append(1000, 0);
    assert_eq!(bench.ready(), [at(1000)]);
}

#[tokio::test]
async fn a_retry_keeps_its_sequence_and_overtakes_what_is_new() {
    let mut bench = Bench::new(settings());
    (0..3).for_each(|number| bench.append_alone(number));
    let first = bench.take(ID).unwrap();
    let second = bench.take(ID).unwrap();
    assert_eq!(bench.settle(first.id, refused(ErrorCode::NotEnoughReplicas)), NOBODY);
    assert_eq!(bench.settle(second.id, refused(ErrorCode::OutOfOrderSequenceNumber)), NOBODY);
    bench.later(5);
    let again = bench.take(ID).unwrap();
    assert_eq!((again.id, again.bytes), (first.id, first.bytes));
    // One by one, until nothing is sent in vain any more.
    assert!(bench.take(ID).is_none());
    assert_eq!(bench.settle(first.id, appended()), [0]);
    assert_eq!(bench.take(ID).unwrap().id, second.id);
    assert_eq!(bench.settle(second.id, appended()), [1]);
    assert_eq!(stamp(&bench.take(ID).unwrap()), (0, 2));
}

#[tokio::test]
async fn those_behind_a_batch_that_failed_start_over_in_another_epoch() {
    let mut bench = Bench::new(settings());
    (0..4).for_each(|number| bench.append_alone(number));
    let sent: Vec<_> = (0..3).map(|_| bench.take(ID).unwrap()).collect();
    assert_eq!(bench.settle(sent[0].id, refused(ErrorCode::MessageTooLarge)), [0]);
    assert_eq!(bench.settle(sent[1].id, refused(ErrorCode::OutOfOrderSequenceNumber)), NOBODY);
    bench.later(5);
    // Not while something of the old epoch is under way.
    assert!(bench.take(ID).is_none());
    assert!(!bench.accumulator.needs_identity());
    assert_eq!(bench.settle(sent[2].id, refused(ErrorCode::OutOfOrderSequenceNumber)), NOBODY);
    bench.later(5);
    assert!(bench.take(ID).is_none());
    assert!(bench.accumulator.needs_identity());
    for number in 1..4 {
        let again = bench.take(NEXT_ID).unwrap();
        assert_eq!(values(&again.bytes), [number]);
        assert_eq!(stamp(&again), (1, i32::try_from(number - 1).unwrap()));
        assert_eq!(bench.settle(again.id, appended()), [number]);
    }
}

#[tokio::test]
async fn a_gap_that_is_not_ours_is_told() {
    let mut bench = Bench::new(settings());
    bench.append_alone(0);
    bench.append_alone(1);
    let first = bench.take(ID).unwrap();
    assert_eq!(bench.settle(first.id, appended()), [0]);
    let second = bench.take(ID).unwrap();
    let outcome = refused(ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(bench.settle(second.id, outcome), [1]);
}

#[tokio::test]
async fn whatever_takes_too_long_fails_even_under_way() {
    let mut bench = Bench::new(settings());
    bench.append_alone(0);
    bench.append_alone(1);
    let first = bench.take(ID).unwrap();
    bench.append(1, 2);
    bench.later(10_000);
    bench.accumulator.expire(bench.now);
    let told = bench.told();
    assert_eq!(told.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2]);
    for (_, result) in told {
        assert!(matches!(result, Err(Error::DeliveryTimedOut { last: None, .. })));
    }
    // Late now, it isn't sent again, and nobody is told twice. The epoch is lost.
    assert_eq!(bench.settle(first.id, refused(ErrorCode::NotLeaderOrFollower)), NOBODY);
    bench.append_alone(3);
    assert!(bench.take(ID).is_none());
    assert!(bench.accumulator.needs_identity());
    assert_eq!(stamp(&bench.take(NEXT_ID).unwrap()), (1, 0));
}

#[tokio::test]
async fn an_answer_that_comes_too_late_keeps_the_epoch() {
    let mut bench = Bench::new(settings());
    bench.append_alone(0);
    let first = bench.take(ID).unwrap();
    bench.later(10_000);
    bench.accumulator.expire(bench.now);
    assert_eq!(bench.told().len(), 1);
    assert_eq!(bench.settle(first.id, appended()), NOBODY);
    bench.append_alone(1);
    assert_eq!(stamp(&bench.take(ID).unwrap()), (0, 1));
}

#[tokio::test]
async fn a_batch_is_sent_again_as_often_as_retries_say() {
    let mut bench = Bench::new(Settings { retries: 2, ..settings() });
    bench.append_alone(0);
    for _ in 0..2 {
        let sending = bench.take(ID).unwrap();
        assert_eq!(bench.settle(sending.id, refused(ErrorCode::NotEnoughReplicas)), NOBODY);
        assert!(bench.take(ID).is_none(), "no wait between attempts");
        bench.later(5);
    }
    let sending = bench.take(ID).unwrap();
    assert_eq!(bench.settle(sending.id, refused(ErrorCode::NotEnoughReplicas)), [0]);
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_sent_again_in_halves_with_the_same_sequences() {
    let mut bench = Bench::new(settings());
    (0..5).for_each(|number| _ = bench.append(0, number));
    bench.append_alone(5);
    bench.append_alone(6);
    let large = bench.take(ID).unwrap();
    let behind = bench.take(ID).unwrap();
    assert_eq!(bench.settle(large.id, refused(ErrorCode::MessageTooLarge)), NOBODY);
    assert_eq!(bench.settle(behind.id, refused(ErrorCode::OutOfOrderSequenceNumber)), NOBODY);
    bench.later(5);
    let half = bench.take(ID).unwrap();
    assert_eq!((values(&half.bytes), stamp(&half)), (vec![0, 1, 2], (0, 0)));
    assert_eq!(bench.settle(half.id, refused(ErrorCode::MessageTooLarge)), NOBODY);
    for (expected, first) in [(vec![0], 0), (vec![1, 2], 1), (vec![3, 4, 5], 3), (vec![6], 6)] {
        let part = bench.take(ID).unwrap();
        assert_eq!((values(&part.bytes), stamp(&part)), (expected.clone(), (0, first)));
        assert_eq!(bench.settle(part.id, appended()), expected);
    }
    assert!(bench.accumulator.is_settled(BatchId { number: u64::MAX, first_record: 0 }));
}

#[tokio::test]
async fn what_may_have_been_appended_is_neither_split_nor_given_other_sequences() {
    // Its first attempt may yet arrive, or may have.
    let mut bench = Bench::new(settings());
    bench.append(0, 0);
    bench.append_alone(1);
    let large = bench.take(ID).unwrap();
    assert_eq!(bench.settle(large.id, lost()), NOBODY);
    bench.later(5);
    bench.take(ID).unwrap();
    bench.accumulator.settle(
        &at(0),
        large.id,
        refused(ErrorCode::MessageTooLarge),
        bench.now,
        &SystemEntropy,
    );
    for (_, result) in bench.told() {
        let code = result.unwrap_err().code();
        assert_eq!(code, Some(ErrorCode::NetworkException), "no refusal: it may be there");
    }

    // A broker that restarted may remember no more than the last of five batches.
    let mut bench = Bench::new(settings());
    (0..3).for_each(|number| bench.append_alone(number));
    let sent: Vec<_> = (0..3).map(|_| bench.take(ID).unwrap()).collect();
    sent.iter().for_each(|sending| assert_eq!(bench.settle(sending.id, lost()), NOBODY));
    for (number, sending) in (0..).zip(&sent[..2]) {
        bench.later(50);
        assert_eq!(bench.take(ID).unwrap().bytes, sending.bytes);
        let outcome = refused(ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(bench.settle(sending.id, outcome), [number]);
    }
    bench.later(50);
    assert_eq!(bench.take(ID).unwrap().bytes, sent[2].bytes);
    assert_eq!(bench.settle(sent[2].id, appended()), [2]);
}

/// A broker's memory of one producer in one partition.
#[derive(Default)]
struct Log {
    epoch: i16,
    next: Sequence,
    recent: Vec<(i16, Sequence, i32)>,
    values: Vec<usize>,
}

impl Log {
    fn append(&mut self, bytes: &Bytes) -> Outcome {
        let header = *Decoded::decode(bytes, 1 << 20).unwrap().header();
        let (epoch, base) = (header.producer_epoch.0, header.base_sequence);
        if self.recent.iter().rev().take(5).any(|r| *r == (epoch, base, header.record_count)) {
            return appended();
        }
        if epoch < self.epoch {
            return refused(ErrorCode::InvalidProducerEpoch);
        }
        if epoch > self.epoch {
            (self.epoch, self.next) = (epoch, Sequence(0));
        }
        if base != self.next {
            return refused(ErrorCode::OutOfOrderSequenceNumber);
        }
        self.next = base.plus(header.record_count);
        self.recent.push((epoch, base, header.record_count));
        self.values.extend(values(bytes));
        appended()
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Append,
    Take,
    /// The oldest under way arrives and is answered.
    Answer,
    /// It arrives, but its answer is lost.
    LoseAnswer,
    /// It's lost.
    LoseRequest,
    /// It's given up, and arrives later.
    Delay,
    /// What was given up first arrives.
    Arrive,
    /// It's refused for good.
    Refuse,
    /// It's found too large.
    FindTooLarge,
    /// The broker restarts, and knows no more than the last batch.
    Forget,
    /// Much time passes.
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Append),
        8 => Just(Step::Take),
        8 => Just(Step::Answer),
        2 => Just(Step::LoseAnswer),
        2 => Just(Step::LoseRequest),
        1 => Just(Step::Delay),
        1 => Just(Step::Arrive),
        1 => Just(Step::Refuse),
        2 => Just(Step::FindTooLarge),
        1 => Just(Step::Forget),
        1 => Just(Step::Wait),
    ]
}

fn lost() -> Outcome {
    refused(ErrorCode::NetworkException)
}

/// A producer's partition, and what is on its way to a broker.
struct World {
    bench: Bench,
    log: Log,
    epoch: i16,
    under_way: VecDeque<Sending>,
    delayed: VecDeque<Sending>,
    sent_count: usize,
    told: Vec<(usize, Outcome)>,
}

impl World {
    fn new(codec: Codec) -> Self {
        let settings = Settings { codec, batch_bytes: 160, ..settings() };
        Self {
            bench: Bench::new(settings),
            log: Log::default(),
            epoch: 0,
            under_way: VecDeque::new(),
            delayed: VecDeque::new(),
            sent_count: 0,
            told: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        self.bench.later(if matches!(step, Step::Wait) { 4000 } else { 2 });
        self.bench.accumulator.expire(self.bench.now);
        self.epoch += i16::from(self.bench.accumulator.needs_identity());
        match step {
            Step::Append => {
                self.bench.append(0, self.sent_count);
                self.sent_count += 1;
            }
            Step::Take if self.sent_count > 0 => {
                let identity = Identity { epoch: ProducerEpoch(self.epoch), ..ID };
                self.under_way.extend(self.bench.take(identity));
            }
            Step::Forget => _ = self.log.recent.drain(..self.log.recent.len().saturating_sub(1)),
            Step::Arrive => {
                let late = self.delayed.pop_front();
                late.into_iter().for_each(|late| _ = self.log.append(&late.bytes));
            }
            Step::Take | Step::Wait => {}
            _ => self.answer(step),
        }
        self.told.extend(self.bench.told());
    }

    /// Something happens to the oldest batch under way.
    fn answer(&mut self, step: Step) {
        let Some(oldest) = self.under_way.pop_front() else { return };
        let outcome = match step {
            Step::LoseRequest | Step::Delay => lost(),
            Step::Refuse => refused(ErrorCode::TopicAuthorizationFailed),
            Step::FindTooLarge => refused(ErrorCode::MessageTooLarge),
            Step::LoseAnswer => self.log.append(&oldest.bytes).and_then(|_| lost()),
            _ => self.log.append(&oldest.bytes),
        };
        let Bench { accumulator, now } = &mut self.bench;
        accumulator.settle(&at(0), oldest.id, outcome, *now, &SystemEntropy);
        if matches!(step, Step::Delay) {
            self.delayed.push_back(oldest);
        }
    }
}

proptest! {
    /// Whatever is lost on the way, or comes late: what is acknowledged is in the log, once and in
    /// order, and what was refused is not.
    #[test]
    fn acknowledged_records_are_there_once_and_in_order(
        steps in proptest::collection::vec(step(), 0..300),
        compression in prop_oneof![Just(Compression::None), Just(Compression::Lz4)],
    ) {
        let mut world = World::new(Codec { compression, level: None });
        // However it went, in the end everything arrives.
        let drain = std::iter::repeat_n([Step::Answer, Step::Take, Step::Arrive], 2000).flatten();
        steps.into_iter().chain(drain).for_each(|step| world.step(step));

        let World { bench, log, sent_count, mut told, .. } = world;
        let end = BatchId { number: u64::MAX, first_record: 0 };
        prop_assert!(bench.accumulator.is_settled(end), "something is never settled");
        told.sort_by_key(|(number, _)| *number);
        prop_assert!(told.iter().map(|(number, _)| *number).eq(0..sent_count), "told once");
        prop_assert!(log.values.is_sorted(), "{:?}", log.values);
        prop_assert!(log.values.windows(2).all(|two| two[0] != two[1]), "{:?}", log.values);
        for (number, result) in told {
            let is_there = log.values.contains(&number);
            match result {
                Ok(_) => prop_assert!(is_there, "{number} is lost"),
                Err(error) if error.leaves_in_doubt() => {}
                Err(error) => prop_assert!(!is_there, "{number} is there: {error}"),
            }
        }
    }
}
