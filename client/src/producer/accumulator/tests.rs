use proptest::prelude::*;
use protocol::{
    ErrorCode, PartitionIndex, ProducerEpoch, ProducerId, Sequence,
    records::{Batch as Decoded, Compression},
};

use super::*;
use crate::door::SystemEntropy;

const ID: Identity = Identity { id: ProducerId(7), epoch: ProducerEpoch(0) };
const NEXT_ID: Identity = Identity { id: ProducerId(7), epoch: ProducerEpoch(1) };

fn settings() -> Settings {
    Settings {
        batch_bytes: 1000,
        linger: Duration::from_millis(10),
        delivery_timeout: Duration::from_secs(10),
        is_idempotent: true,
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
    accumulator: Accumulator<usize>,
    now: Instant,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        Self { accumulator: Accumulator::new(settings), now: Instant::now() }
    }

    fn append(&mut self, partition: i32, number: usize) -> bool {
        let time = Timestamp(i64::try_from(number).unwrap());
        self.accumulator.append(&at(partition), &record(number), time, self.now, number)
    }

    /// Appends one record as a batch of its own, due at once.
    fn append_alone(&mut self, number: usize) {
        self.append(0, number);
        self.accumulator.flush();
        self.accumulator.lanes.get_mut(&at(0)).unwrap().close();
    }

    fn take(&mut self, identity: Identity) -> Option<Sending> {
        self.accumulator.take(&at(0), Some(identity), self.now)
    }

    fn settle(&mut self, id: BatchId, outcome: Outcome) -> Option<Vec<usize>> {
        let now = self.now;
        let settled = self.accumulator.settle(&at(0), id, outcome, now, &SystemEntropy)?;
        Some(settled.receipts.into_iter().map(|receipt| receipt.token).collect())
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
    assert!(bench.accumulator.ready(bench.now).is_empty());
    let due = bench.now + Duration::from_millis(10);
    assert_eq!(bench.accumulator.wake_at(bench.now), Some(due));
    bench.later(10);
    assert_eq!(bench.accumulator.ready(bench.now), [at(0)]);
    assert_eq!(values(&bench.take(ID).unwrap().bytes), [1, 2]);

    let mut count = 0;
    while bench.accumulator.ready(bench.now).is_empty() {
        bench.append(0, count);
        count += 1;
    }
    assert!((20..200).contains(&count), "{count}");
}

#[tokio::test]
async fn flush_makes_due_what_is_there_and_nothing_later() {
    let mut bench = Bench::new(settings());
    bench.append(0, 1);
    let flush = bench.accumulator.flush();
    assert!(!bench.accumulator.is_settled(flush));
    let sending = bench.take(ID).unwrap();
    bench.append(0, 2);
    assert!(bench.accumulator.ready(bench.now).is_empty());
    assert!(!bench.accumulator.is_settled(flush));
    assert_eq!(bench.settle(sending.id, appended()), Some(vec![1]));
    assert!(bench.accumulator.is_settled(flush));
}

#[tokio::test]
async fn five_batches_are_under_way_with_idempotence_and_one_without() {
    for (is_idempotent, limit) in [(true, 5), (false, 1)] {
        let mut bench = Bench::new(Settings { is_idempotent, ..settings() });
        (0..8).for_each(|number| bench.append_alone(number));
        let taken = std::iter::from_fn(|| bench.take(ID)).count();
        assert_eq!(taken, limit);
    }
}

#[tokio::test]
async fn nothing_is_sent_without_an_identity() {
    let mut bench = Bench::new(settings());
    bench.append_alone(1);
    assert!(bench.accumulator.needs_identity(None, bench.now));
    assert!(bench.accumulator.take(&at(0), None, bench.now).is_none());
    assert!(!bench.accumulator.needs_identity(Some(ID), bench.now));
    assert_eq!(stamp(&bench.take(ID).unwrap()), (0, 0));
}

#[tokio::test]
async fn a_retry_keeps_its_sequence_and_overtakes_what_is_new() {
    let mut bench = Bench::new(settings());
    (0..3).for_each(|number| bench.append_alone(number));
    let first = bench.take(ID).unwrap();
    let second = bench.take(ID).unwrap();
    assert_eq!(bench.settle(first.id, refused(ErrorCode::NotEnoughReplicas)), None);
    assert_eq!(bench.settle(second.id, refused(ErrorCode::OutOfOrderSequenceNumber)), None);
    bench.later(5);
    let again = bench.take(ID).unwrap();
    assert_eq!((again.id, again.bytes), (first.id, first.bytes));
    // One by one, until nothing is sent in vain any more.
    assert!(bench.take(ID).is_none());
    assert_eq!(bench.settle(first.id, appended()), Some(vec![0]));
    assert_eq!(bench.take(ID).unwrap().id, second.id);
    assert_eq!(bench.settle(second.id, appended()), Some(vec![1]));
    assert_eq!(stamp(&bench.take(ID).unwrap()), (0, 2));
}

#[tokio::test]
async fn those_behind_a_batch_that_failed_start_over_in_another_epoch() {
    let mut bench = Bench::new(settings());
    (0..4).for_each(|number| bench.append_alone(number));
    let sent: Vec<_> = (0..3).map(|_| bench.take(ID).unwrap()).collect();
    assert_eq!(bench.settle(sent[0].id, refused(ErrorCode::MessageTooLarge)), Some(vec![0]));
    assert_eq!(bench.settle(sent[1].id, refused(ErrorCode::OutOfOrderSequenceNumber)), None);
    bench.later(5);
    // Not while something of the old epoch is under way.
    assert!(bench.take(NEXT_ID).is_none());
    assert!(!bench.accumulator.needs_identity(Some(ID), bench.now));
    assert_eq!(bench.settle(sent[2].id, refused(ErrorCode::OutOfOrderSequenceNumber)), None);
    bench.later(5);
    assert!(bench.accumulator.needs_identity(Some(ID), bench.now));
    assert!(bench.take(ID).is_none());
    for number in 1..4 {
        let again = bench.take(NEXT_ID).unwrap();
        assert_eq!(values(&again.bytes), [number]);
        assert_eq!(stamp(&again), (1, i32::try_from(number - 1).unwrap()));
        assert_eq!(bench.settle(again.id, appended()), Some(vec![number]));
    }
}

#[tokio::test]
async fn a_gap_that_is_not_ours_is_told() {
    let mut bench = Bench::new(settings());
    bench.append_alone(0);
    bench.append_alone(1);
    let first = bench.take(ID).unwrap();
    assert_eq!(bench.settle(first.id, appended()), Some(vec![0]));
    let second = bench.take(ID).unwrap();
    let outcome = refused(ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(bench.settle(second.id, outcome), Some(vec![1]));
}

#[tokio::test]
async fn what_waits_too_long_fails_and_what_is_under_way_does_not() {
    let mut bench = Bench::new(settings());
    bench.append_alone(0);
    bench.append_alone(1);
    let first = bench.take(ID).unwrap();
    bench.append(1, 2);
    bench.later(10_000);
    let expired = bench.accumulator.expire(bench.now);
    let tokens: Vec<_> = expired.iter().map(|(_, settled)| settled.receipts[0].token).collect();
    assert_eq!(tokens, [1, 2]);
    assert!(matches!(expired[0].1.result, Err(Error::DeliveryTimedOut { last: None, .. })));
    // Late now, it isn't sent again.
    let outcome = refused(ErrorCode::NotLeaderOrFollower);
    assert_eq!(bench.settle(first.id, outcome), Some(vec![0]));
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
        if epoch > self.epoch {
            (self.epoch, self.next) = (epoch, Sequence(0));
        }
        assert_eq!(epoch, self.epoch, "an epoch comes back");
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
    /// It's refused for good.
    Refuse,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Append),
        4 => Just(Step::Take),
        4 => Just(Step::Answer),
        1 => Just(Step::LoseAnswer),
        1 => Just(Step::LoseRequest),
        1 => Just(Step::Refuse),
    ]
}

fn lost() -> Outcome {
    refused(ErrorCode::NetworkException)
}

proptest! {
    /// Whatever is lost on the way: what is acknowledged is in the log, once and in order, and what
    /// was refused is not.
    #[test]
    fn acknowledged_records_are_there_once_and_in_order(
        steps in proptest::collection::vec(step(), 0..200),
        compression in prop_oneof![Just(Compression::None), Just(Compression::Lz4)],
    ) {
        let codec = Codec { compression, level: None };
        let mut bench = Bench::new(Settings { codec, batch_bytes: 160, ..settings() });
        let (mut log, mut epoch, mut appended_count) = (Log::default(), 0, 0);
        let mut under_way = std::collections::VecDeque::new();
        let (mut acknowledged, mut failed) = (Vec::new(), Vec::new());
        // However it went, in the end everything arrives.
        let drain = std::iter::repeat_n([Step::Answer, Step::Take], 2000).flatten();
        for step in steps.into_iter().chain(drain) {
            bench.later(2);
            let current = Identity { epoch: ProducerEpoch(epoch), ..ID };
            if bench.accumulator.needs_identity(Some(current), bench.now) {
                epoch += 1;
            }
            let current = Identity { epoch: ProducerEpoch(epoch), ..ID };
            let oldest = match step {
                Step::Append => {
                    bench.append(0, appended_count);
                    appended_count += 1;
                    continue;
                }
                Step::Take => {
                    under_way.extend(bench.take(current));
                    continue;
                }
                _ => under_way.pop_front(),
            };
            let Some(Sending { id, bytes, .. }) = oldest else { continue };
            let outcome = match step {
                Step::LoseRequest => lost(),
                Step::Refuse => refused(ErrorCode::MessageTooLarge),
                Step::LoseAnswer => log.append(&bytes).and_then(|_| lost()),
                _ => log.append(&bytes),
            };
            let is_appended = outcome.is_ok();
            let settled = bench.settle(id, outcome).into_iter().flatten();
            if is_appended { acknowledged.extend(settled) } else { failed.extend(settled) }
        }
        prop_assert!(bench.accumulator.is_settled(BatchId::MAX), "something is never settled");
        prop_assert_eq!(acknowledged.len() + failed.len(), appended_count);
        prop_assert!(log.values.is_sorted(), "{:?}", log.values);
        prop_assert!(log.values.windows(2).all(|two| two[0] != two[1]), "{:?}", log.values);
        prop_assert!(acknowledged.iter().all(|value| log.values.contains(value)));
        // A batch may be refused after an attempt whose answer was lost; any other that failed is
        // not there.
        prop_assert!(log.values.len() <= appended_count);
    }
}
