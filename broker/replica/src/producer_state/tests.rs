//! Kafka's rules one by one, and all together against a model that remembers everything.

use proptest::{collection::vec, prelude::*};
use protocol::{
    LeaderEpoch, ProducerEpoch,
    records::{Attributes, BatchHeader},
};

use super::*;

const DAY_MS: i64 = 86_400_000;

/// A batch as it stands in the log.
fn batch(offset: i64, id: i64, epoch: i16, base_sequence: i32, records: i32) -> BatchHeader {
    BatchHeader {
        base_offset: Offset(offset),
        batch_length: 100,
        partition_leader_epoch: LeaderEpoch(0),
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: records - 1,
        base_timestamp: Timestamp(1000 + offset),
        max_timestamp: Timestamp(1000 + offset),
        producer_id: ProducerId(id),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(base_sequence),
        record_count: records,
    }
}

fn in_transaction(mut header: BatchHeader) -> BatchHeader {
    header.attributes = header.attributes.with_transactional(true);
    header
}

fn control(offset: i64, id: i64, epoch: i16) -> BatchHeader {
    let mut header = in_transaction(batch(offset, id, epoch, -1, 1));
    header.attributes = header.attributes.with_control(true);
    header
}

fn marker(committed: bool) -> Option<EndTransactionMarker> {
    Some(EndTransactionMarker { committed, coordinator_epoch: 4 })
}

/// The state after these batches.
fn after(batches: &[BatchHeader]) -> ProducerStates {
    let mut states = ProducerStates::new();
    for header in batches {
        assert_eq!(states.replay(header, None), None);
    }
    states
}

fn offset_of(check: Result<SequenceCheck, ErrorCode>) -> Result<Option<Offset>, ErrorCode> {
    check.map(|check| match check {
        SequenceCheck::Next => None,
        SequenceCheck::Duplicate(batch) => Some(batch.first_offset()),
    })
}

fn check(states: &ProducerStates, header: BatchHeader) -> Result<Option<Offset>, ErrorCode> {
    offset_of(states.check(&header))
}

const NEXT: Result<Option<Offset>, ErrorCode> = Ok(None);

#[test]
fn a_batch_without_a_producer_id_always_comes_next() {
    let mut states = ProducerStates::new();
    assert_eq!(states.replay(&batch(0, -1, -1, -1, 3), None), None);
    assert!(states.is_empty());
    assert_eq!(check(&states, batch(0, -1, -1, -1, 3)), NEXT);
}

#[test]
fn a_duplicate_of_the_last_five_batches_has_its_first_offset() {
    let log: Vec<_> = (0..7).map(|n| batch(10 * i64::from(n), 1, 0, 2 * n, 2)).collect();
    let states = after(&log);
    for (index, header) in log.iter().enumerate() {
        let expected = match index {
            0 | 1 => Err(ErrorCode::OutOfOrderSequenceNumber),
            _ => Ok(Some(header.base_offset)),
        };
        assert_eq!(check(&states, *header), expected);
    }
}

#[test]
fn a_duplicate_has_the_same_last_sequence_too() {
    let states = after(&[batch(0, 1, 0, 0, 3)]);
    let shorter = check(&states, batch(0, 1, 0, 0, 2));
    assert_eq!(shorter, Err(ErrorCode::OutOfOrderSequenceNumber));
}

#[test]
fn a_gap_in_the_sequence_is_refused() {
    let states = after(&[batch(0, 1, 0, 0, 3)]);
    assert_eq!(check(&states, batch(0, 1, 0, 3, 1)), NEXT);
    for base_sequence in [1, 2, 4, 100, i32::MAX] {
        let refused = check(&states, batch(0, 1, 0, base_sequence, 1));
        assert_eq!(refused, Err(ErrorCode::OutOfOrderSequenceNumber));
    }
}

#[test]
fn after_the_greatest_sequence_comes_zero() {
    let states = after(&[batch(0, 1, 0, i32::MAX, 1)]);
    assert_eq!(check(&states, batch(0, 1, 0, 0, 1)), NEXT);
    // One batch on both sides of the end: MAX - 1, MAX, 0, 1.
    let across = batch(10, 2, 0, i32::MAX - 1, 4);
    let states = after(&[across]);
    assert_eq!(check(&states, across), Ok(Some(Offset(10))));
    assert_eq!(check(&states, batch(0, 2, 0, 2, 1)), NEXT);
    let gap = check(&states, batch(0, 2, 0, 3, 1));
    assert_eq!(gap, Err(ErrorCode::OutOfOrderSequenceNumber));
}

#[test]
fn an_older_epoch_is_refused() {
    let states = after(&[batch(0, 1, 3, 0, 1)]);
    assert_eq!(check(&states, batch(0, 1, 2, 0, 1)), Err(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn a_newer_epoch_starts_at_zero() {
    let states = after(&[batch(0, 1, 3, 0, 1)]);
    assert_eq!(check(&states, batch(0, 1, 4, 0, 1)), NEXT);
    let refused = check(&states, batch(0, 1, 4, 1, 1));
    assert_eq!(refused, Err(ErrorCode::OutOfOrderSequenceNumber));
    let states = after(&[batch(0, 1, 3, 0, 1), batch(1, 1, 4, 0, 1)]);
    assert_eq!(check(&states, batch(0, 1, 4, 0, 1)), Ok(Some(Offset(1))));
    assert_eq!(check(&states, batch(0, 1, 4, 1, 1)), NEXT);
}

#[test]
fn an_unknown_producer_may_start_anywhere() {
    let states = after(&[batch(0, 1, 0, 0, 1)]);
    assert_eq!(check(&states, batch(0, 2, 5, 4711, 1)), NEXT);
}

#[test]
fn an_idle_producer_is_forgotten() {
    let mut states = after(&[batch(0, 1, 0, 0, 1), batch(1, 2, 0, 0, 1)]);
    states.expire(Timestamp(1000 + DAY_MS), DAY_MS);
    let known: Vec<_> = states.entries().map(|entry| entry.producer_id).collect();
    assert_eq!(known, [ProducerId(2)]);
    assert_eq!(check(&states, batch(5, 1, 0, 17, 1)), NEXT);
}

#[test]
fn a_producer_with_an_open_transaction_is_not_forgotten() {
    let mut states = after(&[in_transaction(batch(0, 1, 0, 0, 1))]);
    states.expire(Timestamp(i64::MAX), DAY_MS);
    assert_eq!(states.len(), 1);
    states.replay(&control(1, 1, 0), marker(true)).unwrap();
    states.expire(Timestamp(i64::MAX), DAY_MS);
    assert!(states.is_empty());
}

#[test]
fn a_plain_batch_in_an_open_transaction_is_refused() {
    let states = after(&[in_transaction(batch(0, 1, 0, 0, 1))]);
    assert_eq!(check(&states, batch(0, 1, 0, 1, 1)), Err(ErrorCode::InvalidTxnState));
    assert_eq!(check(&states, in_transaction(batch(0, 1, 0, 1, 1))), NEXT);
}

#[test]
fn the_first_open_transaction_bounds_what_is_stable() {
    let mut states = after(&[
        in_transaction(batch(0, 1, 0, 0, 1)),
        in_transaction(batch(1, 2, 0, 0, 1)),
        in_transaction(batch(2, 1, 0, 1, 1)),
    ]);
    assert_eq!(states.first_unstable_offset(), Some(Offset(0)));
    let completed = states.replay(&control(3, 1, 0), marker(false)).unwrap();
    assert_eq!(
        completed,
        CompletedTransaction {
            producer_id: ProducerId(1),
            first_offset: Offset(0),
            last_offset: Offset(3),
            committed: false,
        }
    );
    assert_eq!(states.last_stable_offset(&completed), Offset(1));
    // The marker is at 3: replicated once the high watermark is beyond it.
    states.high_watermark_moved(Offset(3));
    assert_eq!(states.first_unstable_offset(), Some(Offset(0)));
    states.high_watermark_moved(Offset(4));
    assert_eq!(states.first_unstable_offset(), Some(Offset(1)));
    let completed = states.replay(&control(4, 2, 0), marker(true)).unwrap();
    assert_eq!(states.last_stable_offset(&completed), Offset(5));
    states.high_watermark_moved(Offset(5));
    assert_eq!(states.first_unstable_offset(), None);
}

#[test]
fn a_marker_without_a_transaction_completes_nothing() {
    let mut states = ProducerStates::new();
    assert_eq!(states.replay(&control(0, 1, 3), marker(true)), None);
    assert_eq!(states.first_unstable_offset(), None);
    let entry = states.entries().next().unwrap();
    assert_eq!(entry.producer_epoch, ProducerEpoch(3));
    assert_eq!(entry.coordinator_epoch, 4);
    assert_eq!((entry.last_sequence, entry.last_offset), (Sequence(-1), Offset(-1)));
    // The epoch is known, the sequence isn't: it starts at 0.
    assert_eq!(check(&states, batch(1, 1, 3, 0, 1)), NEXT);
    let refused = check(&states, batch(1, 1, 3, 1, 1));
    assert_eq!(refused, Err(ErrorCode::OutOfOrderSequenceNumber));
}

#[test]
fn an_epoch_that_a_marker_raises_fences_the_older_one() {
    let mut states = after(&[in_transaction(batch(0, 1, 0, 0, 1))]);
    states.replay(&control(1, 1, 1), marker(false)).unwrap();
    let zombie = check(&states, in_transaction(batch(2, 1, 0, 1, 1)));
    assert_eq!(zombie, Err(ErrorCode::InvalidProducerEpoch));
    assert_eq!(check(&states, in_transaction(batch(2, 1, 1, 0, 1))), NEXT);
}

#[test]
fn a_control_batch_that_compaction_emptied_changes_nothing() {
    let mut states = after(&[in_transaction(batch(0, 1, 0, 0, 1))]);
    let before = states.clone();
    assert_eq!(states.replay(&control(1, 1, 0), None), None);
    assert_eq!(states, before);
}

#[derive(Clone, Debug)]
enum Step {
    /// The producer's next batch.
    Next { id: usize, records: i32 },
    /// Again a batch that is already in the log, counted from its end.
    Again { back: usize },
    /// A sequence that is off by this much.
    Off { id: usize, by: i32 },
    /// The producer's epoch rises or falls by this much.
    Epoch { id: usize, by: i16, base_sequence: i32 },
    /// The open transaction ends.
    EndTransaction { id: usize },
    /// A snapshot is written at the log's end.
    Snapshot,
    /// The state is lost, and rebuilt from the last snapshot and the log after it.
    Restart,
    /// The state is lost, and rebuilt from the whole log.
    Recover,
}

const PRODUCERS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 0..PRODUCERS;
    let step = prop_oneof![
        8 => (id(), 1..4).prop_map(|(id, records)| Step::Next { id, records }),
        4 => (0_usize..12).prop_map(|back| Step::Again { back }),
        2 => (id(), -8..8).prop_map(|(id, by)| Step::Off { id, by }),
        1 => (id(), -1_i16..=1, 0..2).prop_map(|(id, by, base_sequence)| {
            Step::Epoch { id, by, base_sequence }
        }),
        1 => id().prop_map(|id| Step::EndTransaction { id }),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Restart),
        1 => Just(Step::Recover),
    ];
    vec(step, 1..80)
}

type Logged = (BatchHeader, Option<EndTransactionMarker>);

/// The whole log.
#[derive(Default)]
struct Model {
    log: Vec<Logged>,
    snapshot: Vec<ProducerStateEntry>,
    snapshot_at: usize,
}

impl Model {
    fn log_end_offset(&self) -> i64 {
        self.log.last().map_or(0, |(header, _)| header.next_offset().0)
    }

    fn of(&self, id: ProducerId) -> impl DoubleEndedIterator<Item = (usize, &BatchHeader)> {
        let log = self.log.iter().enumerate();
        log.filter(move |(_, (header, _))| header.producer_id == id)
            .map(|(index, (header, _))| (index, header))
    }

    /// The producer's data batches of its latest epoch, the latest first.
    fn known_batches(&self, id: ProducerId) -> Vec<BatchHeader> {
        let Some((_, last)) = self.of(id).next_back() else { return Vec::new() };
        self.of(id)
            .rev()
            .take_while(|(_, header)| header.producer_epoch == last.producer_epoch)
            .filter(|(_, header)| !header.attributes.is_control())
            .map(|(_, header)| *header)
            .collect()
    }

    fn open_transaction(&self, id: ProducerId) -> Option<Offset> {
        let open = |first: Option<Offset>, header: &BatchHeader| {
            if header.attributes.is_control() {
                None
            } else if header.attributes.is_transactional() {
                first.or(Some(header.base_offset))
            } else {
                first
            }
        };
        self.of(id).fold(None, |first, (_, header)| open(first, header))
    }

    /// What Kafka would answer if it never forgot anything, but for what the window leaves out.
    fn check(&self, header: &BatchHeader) -> Result<Option<Offset>, ErrorCode> {
        let Some((_, last)) = self.of(header.producer_id).next_back() else { return Ok(None) };
        let known = self.known_batches(header.producer_id);
        let same_epoch = header.producer_epoch == last.producer_epoch;
        let duplicate = known.iter().take(BATCHES_REMEMBERED).find(|batch| {
            batch.base_sequence == header.base_sequence
                && batch.last_offset_delta == header.last_offset_delta
        });
        if let (true, Some(batch)) = (same_epoch, duplicate) {
            return Ok(Some(batch.base_offset));
        }
        if header.producer_epoch < last.producer_epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        let expected = match known.first() {
            Some(batch) if same_epoch => batch.last_sequence().plus(1),
            _ => Sequence(0),
        };
        if header.base_sequence != expected {
            return Err(ErrorCode::OutOfOrderSequenceNumber);
        }
        if self.open_transaction(header.producer_id).is_some()
            && !header.attributes.is_transactional()
        {
            return Err(ErrorCode::InvalidTxnState);
        }
        Ok(None)
    }

    fn first_open_offset(&self) -> Option<Offset> {
        let ids = 0..i64::try_from(PRODUCERS).unwrap();
        ids.filter_map(|id| self.open_transaction(ProducerId(id))).min()
    }

    /// The batch that a step sends: the first starts close below the end of the sequences.
    fn sent(&self, id: usize, off: i32, records: i32) -> BatchHeader {
        let producer_id = i64::try_from(id).unwrap();
        let known = self.known_batches(ProducerId(producer_id));
        let epoch = self
            .of(ProducerId(producer_id))
            .next_back()
            .map_or(0, |(_, last)| last.producer_epoch.0);
        let first = if epoch == 0 { Sequence(i32::MAX - 9) } else { Sequence(0) };
        let next = known.first().map_or(first, |batch| batch.last_sequence().plus(1));
        let header = batch(self.log_end_offset(), producer_id, epoch, next.plus(off).0, records);
        // One of the producers is transactional.
        if id == 0 { in_transaction(header) } else { header }
    }
}

proptest! {
    #[test]
    fn the_window_answers_like_a_state_that_never_forgets(steps in steps()) {
        let mut model = Model::default();
        let mut states = ProducerStates::new();
        for step in steps {
            let header = match step {
                Step::Next { id, records } => Some(model.sent(id, 0, records)),
                Step::Off { id, by } => Some(model.sent(id, by, 1)),
                Step::Again { back } => {
                    let sent = model.log.iter().rev().filter(|(header, _)| {
                        !header.attributes.is_control()
                    });
                    sent.map(|(header, _)| *header).nth(back)
                }
                Step::Epoch { id, by, base_sequence } => {
                    let mut header = model.sent(id, 0, 1);
                    header.producer_epoch.0 = (header.producer_epoch.0 + by).max(0);
                    header.base_sequence = Sequence(base_sequence);
                    Some(header)
                }
                Step::EndTransaction { id } => {
                    let last = model.sent(id, 0, 1);
                    let header = control(model.log_end_offset(), last.producer_id.0, last.producer_epoch.0);
                    let open = model.open_transaction(last.producer_id);
                    let completed = states.replay(&header, marker(true));
                    prop_assert_eq!(completed.map(|completed| completed.first_offset), open);
                    model.log.push((header, marker(true)));
                    None
                }
                Step::Snapshot => {
                    model.snapshot = states.entries().collect();
                    model.snapshot_at = model.log.len();
                    None
                }
                Step::Restart => {
                    states = ProducerStates::from_snapshot(model.snapshot.iter().copied());
                    for (header, marker) in &model.log[model.snapshot_at..] {
                        states.replay(header, *marker);
                    }
                    None
                }
                Step::Recover => {
                    states = ProducerStates::new();
                    for (header, marker) in &model.log {
                        states.replay(header, *marker);
                    }
                    None
                }
            };
            if let Some(mut header) = header {
                let answer = check(&states, header);
                prop_assert_eq!(answer, model.check(&header));
                if answer == NEXT {
                    header.base_offset = Offset(model.log_end_offset());
                    prop_assert_eq!(states.replay(&header, None), None);
                    model.log.push((header, None));
                }
            }

            states.high_watermark_moved(Offset(model.log_end_offset()));
            prop_assert_eq!(states.first_unstable_offset(), model.first_open_offset());

            // What a snapshot would keep is the same whichever way the state came about, but for
            // the time of a batch that a marker followed: a snapshot has the marker's.
            let mut live = ProducerStates::new();
            for (header, marker) in &model.log {
                live.replay(header, *marker);
            }
            let timeless = |entry| ProducerStateEntry { timestamp: Timestamp(0), ..entry };
            prop_assert!(states.entries().map(timeless).eq(live.entries().map(timeless)));
        }
    }

    #[test]
    fn a_snapshot_of_a_snapshot_is_the_same(steps in vec((0_i64..5, 1..4), 0..40)) {
        let mut states = ProducerStates::new();
        let mut offset = 0;
        for (id, records) in steps {
            states.replay(&batch(offset, id, 0, 0, records), None);
            offset += i64::from(records);
        }
        let entries: Vec<_> = states.entries().collect();
        let restored = ProducerStates::from_snapshot(entries.iter().copied());
        prop_assert!(restored.entries().eq(entries));
    }
}
