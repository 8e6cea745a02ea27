//! The cases that Jepsen publishes for these checkers, with the results it expects.
//!
//! From `kafka_test.clj` of jepsen-io/jepsen; each test names its counterpart. Keys x and y are 1
//! and 2, values a, b, c .. are 11, 22, 33 ... Invocations are completed where the original leaves
//! them out or lets them differ from their completions.

use jepsen::{Anomaly, Facts, Finding, History, Key, Offset, Value, Verdict};

use crate::short::{history, judge, setbacks, skips};

/// Key, offset, index and values.
fn inconsistent(verdict: &Verdict<'_>) -> Vec<(i64, i64, usize, Vec<i64>)> {
    let told = |finding: &Finding<'_>| match finding {
        Finding::InconsistentOffsets(it) => {
            let values = it.values.iter().map(|witness| witness.value.0).collect();
            (it.key.0, it.offset.0, it.index, values)
        }
        other => panic!("another finding: {other}"),
    };
    verdict.found(Anomaly::InconsistentOffsets).iter().map(told).collect()
}

/// Key, value and offsets.
fn duplicates(verdict: &Verdict<'_>) -> Vec<(i64, i64, Vec<i64>)> {
    let told = |finding: &Finding<'_>| match finding {
        Finding::Duplicate(it) => {
            (it.key.0, it.value.0, it.offsets.iter().map(|offset| offset.0).collect())
        }
        other => panic!("another finding: {other}"),
    };
    verdict.found(Anomaly::Duplicate).iter().map(told).collect()
}

/// Key, value, index, writer, greatest index read, and its reader.
fn lost(history: &History) -> Vec<(i64, i64, usize, usize, usize, usize)> {
    let verdict = judge(history);
    let told = |finding: &Finding<'_>| match finding {
        Finding::LostWrite(it) => {
            let (writer, reader) = (it.writer.index, it.max_read.index);
            (it.key.0, it.value.0, it.index, writer, it.max_read_index, reader)
        }
        other => panic!("another finding: {other}"),
    };
    verdict.found(Anomaly::LostWrite).iter().map(told).collect()
}

fn unseen(history: &History) -> Vec<(i64, Vec<i64>)> {
    let verdict = judge(history);
    let told = |finding: &Finding<'_>| match finding {
        Finding::Unseen(it) => (it.key.0, it.values.iter().map(|value| value.0).collect()),
        other => panic!("another finding: {other}"),
    };
    verdict.found(Anomaly::Unseen).iter().map(told).collect()
}

#[test] // version-orders-test
fn version_orders_come_from_polls_and_from_sends_that_must_have_committed() {
    let history = history(
        "0 invoke txn [[:poll]]
         0 ok txn [[:poll {1 [[0 11] [1 22]]}]]
         1 invoke txn [[:send 1 33] [:send 1 22] [:send 1 44]]
         1 info txn [[:send 1 [1 33]] [:send 1 [3 22]] [:send 1 [4 44]]]",
    );
    let facts = Facts::of(&history);
    let order = facts.partition(Key(1)).unwrap().order();
    let log = order
        .log()
        .iter()
        .map(|(offset, values)| (offset.0, values.iter().map(|value| value.0).collect::<Vec<_>>()));
    let expected = [(0, vec![11]), (1, vec![22, 33]), (3, vec![22]), (4, vec![44])];
    assert_eq!(log.collect::<Vec<_>>(), expected);
    assert_eq!(order.by_index(), [11, 33, 22, 44].map(Value));
    for (value, index) in [(11, 0), (22, 2), (33, 1), (44, 3)] {
        assert_eq!(order.index_of(Value(value), None), Some(index));
    }
    assert_eq!(order.index_of(Value(22), Some(Offset(1))), Some(1));
    assert_eq!(inconsistent(&judge(&history)), [(1, 1, 1, vec![22, 33])]);
}

#[test] // version-orders-test, a real-world example
fn two_acknowledged_values_at_one_offset_are_inconsistent() {
    let history = history(
        "379 invoke send [[:send 11 641]]
         379 ok send [[:send 11 [537 641]]]
         363 invoke send [[:send 11 645]]
         363 ok send [[:send 11 [537 645]]]",
    );
    assert_eq!(inconsistent(&judge(&history)), [(11, 537, 0, vec![641, 645])]);
}

#[test] // inconsistent-offsets-test
fn offsets_of_an_unknown_outcome_count_once_one_of_its_values_is_seen() {
    let sends = "0 invoke send [[:send 1 1] [:send 2 1]]
         0 info send [[:send 1 [0 1]] [:send 2 1]]
         1 invoke send [[:send 1 2]]
         1 ok send [[:send 1 [0 2]]]\n";
    assert_eq!(inconsistent(&judge(&history(sends))), []);
    let seen = "2 invoke poll [[:poll]]
         2 ok poll [[:poll {2 [[5 1]]}]]";
    assert_eq!(inconsistent(&judge(&history(&(sends.to_owned() + seen)))), [(1, 0, 0, vec![1, 2])]);
}

#[test] // g1a-test
fn a_failed_send_that_is_read_is_an_aborted_read() {
    let history = history(
        "0 invoke send [[:send 1 2] [:send 2 3]]
         0 fail send [[:send 1 2] [:send 2 3]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 2]]}]]",
    );
    let verdict = judge(&history);
    let [Finding::AbortedRead(read)] = verdict.found(Anomaly::AbortedRead) else {
        panic!("{verdict}")
    };
    let told = (read.key, read.value, read.writer.index, read.reader.index);
    assert_eq!(told, (Key(1), Value(2), 1, 3));
}

#[test] // lost-write-test, consistent
fn what_is_before_a_value_that_was_read_must_have_been_read() {
    let history = history(
        "0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [0 11]]]
         0 invoke send [[:send 1 22] [:send 1 44]]
         0 ok send [[:send 1 [1 22]] [:send 1 [3 44]]]
         1 invoke send [[:send 1 33]]
         1 info send [[:send 1 33]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[2 33]]}]]",
    );
    assert_eq!(lost(&history), [(1, 11, 0, 1, 2, 7), (1, 22, 1, 3, 2, 7)]);
}

#[test] // lost-write-test, inconsistent
fn a_value_overwritten_at_its_offset_is_lost() {
    let history = history(
        "0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [0 11]]]
         0 invoke send [[:send 1 22] [:send 1 33]]
         0 ok send [[:send 1 [0 22]] [:send 1 [2 33]]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[0 22] [2 33]]}]]",
    );
    assert_eq!(lost(&history), [(1, 11, 0, 1, 1, 5)]);
}

#[test] // lost-write-test, atomic
fn a_read_of_one_value_makes_all_of_its_operation_liable_to_loss() {
    let sends = "0 invoke send [[:send 1 11] [:send 2 22]]
         0 info send [[:send 1 11] [:send 2 [0 22]]]
         1 invoke send [[:send 2 33]]
         1 info send [[:send 2 33]]\n";
    let poll_a = "2 invoke poll [[:poll]]
         2 ok poll [[:poll {1 [[0 11]]}]]\n";
    let poll_c = "3 invoke poll [[:poll]]
         3 ok poll [[:poll {2 [[1 33]]}]]\n";
    assert_eq!(lost(&history(&[sends, poll_c].concat())), []);
    let all = history(&[sends, poll_a, poll_c].concat());
    assert_eq!(lost(&all), [(2, 22, 0, 1, 1, 7)]);
}

/// Process 0 polls offsets 1, 2, then 4, then 7. Others show that 3 and 6 exist; 5 may be a gap.
fn skipping(second: &str, third: &str) -> History {
    let lines = [
        "0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[1 11] [2 22]]}]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[3 33]]}]]\n",
        second,
        "0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[4 44]]}]]\n",
        third,
        "2 invoke send [[:send 1 66]]
         2 ok send [[:send 1 [6 66]]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[7 77]]}]]
         3 invoke send [[:send 1 11] [:send 1 22] [:send 1 33] [:send 1 44] [:send 1 77]]
         3 info send [[:send 1 11] [:send 1 22] [:send 1 33] [:send 1 44] [:send 1 77]]",
    ];
    history(&lines.concat())
}

#[test] // poll-skip-test
fn a_process_that_passes_over_what_others_saw_skips() {
    let told = skips(&judge(&skipping("", "")), Anomaly::PollSkip);
    let expected = [(1, [22, 44], 2, vec![33], [1, 5]), (1, [44, 77], 2, vec![66], [5, 9])];
    assert_eq!(told, expected);
}

#[test] // poll-skip-test, with intermediate subscribe
fn a_process_may_skip_in_keys_that_it_gave_up_between() {
    let without = skipping(
        "0 invoke subscribe [2]\n 0 ok subscribe [2]\n",
        "0 invoke assign [2]\n 0 info assign [2]\n",
    );
    assert_eq!(skips(&judge(&without), Anomaly::PollSkip), []);
    let with = skipping(
        "0 invoke subscribe [1 2]\n 0 ok subscribe [1 2]\n",
        "0 invoke assign [1 2]\n 0 ok assign [1 2]\n",
    );
    let expected = [(1, [22, 44], 2, vec![33], [1, 7]), (1, [44, 77], 2, vec![66], [7, 13])];
    assert_eq!(skips(&judge(&with), Anomaly::PollSkip), expected);
}

#[test] // poll-skip-test, txn abort, good
fn after_an_aborted_poll_the_same_records_are_polled_again() {
    let history = history(
        "0 invoke send [[:send 1 0] [:send 1 1] [:send 1 2]]
         0 ok send [[:send 1 [0 0]] [:send 1 [1 1]] [:send 1 [2 2]]]
         1 invoke txn [[:poll]]
         1 ok txn [[:poll {1 [[0 0]]}]]
         1 invoke txn [[:poll]]
         1 fail txn [[:poll {1 [[1 1] [2 2]]}]]
         1 invoke txn [[:poll]]
         1 info txn [[:poll {1 [[1 1] [2 2]]}]]
         1 invoke txn [[:poll]]
         1 ok txn [[:poll {1 [[1 1] [2 2]]}]]",
    );
    let verdict = judge(&history);
    assert!(verdict.valid(), "{verdict}");
}

const SIX_SENT_ONE_POLLED_TWO_ABORTED: &str =
    "0 invoke send [[:send 1 0] [:send 1 1] [:send 1 2] [:send 1 3] [:send 1 4] [:send 1 5]]
     0 ok send [[:send 1 [0 0]] [:send 1 [1 1]] [:send 1 [2 2]] \
                [:send 1 [3 3]] [:send 1 [4 4]] [:send 1 [5 5]]]
     1 invoke txn [[:poll]]
     1 ok txn [[:poll {1 [[0 0]]}]]
     1 invoke txn [[:poll]]
     1 fail txn [[:poll {1 [[1 1] [2 2]]}]]\n";

#[test] // poll-skip-test, abort doesn't roll back
fn going_on_after_an_aborted_poll_is_a_skip_even_when_it_aborts_again() {
    let rest = "1 invoke txn [[:poll]]
         1 fail txn [[:poll {1 [[3 3] [4 4]]}]]
         1 invoke txn [[:poll]]
         1 ok txn [[:poll {1 [[5 5]]}]]";
    let history = history(&[SIX_SENT_ONE_POLLED_TWO_ABORTED, rest].concat());
    let expected = [(1, [0, 3], 3, vec![1, 2], [3, 7]), (1, [0, 5], 5, vec![1, 2, 3, 4], [3, 9])];
    assert_eq!(skips(&judge(&history), Anomaly::PollSkip), expected);
}

#[test] // poll-skip-test, info can be a poll-skip
fn going_on_after_an_aborted_poll_is_a_skip_even_when_the_outcome_is_unknown() {
    let rest = "1 invoke txn [[:poll]]
         1 info txn [[:poll {1 [[3 3] [4 4]]}]]";
    let history = history(&[SIX_SENT_ONE_POLLED_TWO_ABORTED, rest].concat());
    let expected = [(1, [0, 3], 3, vec![1, 2], [3, 7])];
    assert_eq!(skips(&judge(&history), Anomaly::PollSkip), expected);
}

/// Process 0 polls offsets 1, 2, 3, and then 2 again.
fn going_back(between: &str) -> History {
    let lines = [
        "0 invoke send [[:send 1 11] [:send 1 22] [:send 1 33] [:send 1 44]]
         0 ok send [[:send 1 11] [:send 1 22] [:send 1 33] [:send 1 44]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[1 11] [2 22] [3 33]]}]]\n",
        between,
        "0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[2 22] [3 33] [4 44]]}]]",
    ];
    history(&lines.concat())
}

#[test] // nonmonotonic-poll-test
fn a_process_that_polls_again_what_it_polled_goes_back() {
    let told = |between| setbacks(&judge(&going_back(between)), Anomaly::NonmonotonicPoll);
    assert_eq!(told(""), [(1, [33, 22], -1, [3, 5])]);
    assert_eq!(told("0 invoke subscribe [2]\n 0 ok subscribe [2]\n"), []);
    assert_eq!(told("0 invoke assign [2]\n 0 ok assign [2]\n"), []);
    let back = [(1, [33, 22], -1, [3, 7])];
    assert_eq!(told("0 invoke subscribe [1 2]\n 0 ok subscribe [1 2]\n"), back);
    assert_eq!(told("0 invoke assign [1 2]\n 0 ok assign [1 2]\n"), back);
}

/// Process 0 sends to offsets 3 and 4, and then to 1 and 2.
fn sending_back(between: &str) -> History {
    let lines = [
        "0 invoke send [[:send 1 33] [:send 1 44]]
         0 ok send [[:send 1 [3 33]] [:send 1 [4 44]]]\n",
        between,
        "0 invoke send [[:send 1 11] [:send 1 22]]
         0 ok send [[:send 1 [1 11]] [:send 1 [2 22]]]",
    ];
    history(&lines.concat())
}

#[test] // nonmonotonic-send-test
fn a_process_whose_later_send_comes_earlier_goes_back() {
    let told = |between| setbacks(&judge(&sending_back(between)), Anomaly::NonmonotonicSend);
    assert_eq!(told(""), [(1, [44, 11], -3, [1, 3])]);
    assert_eq!(told("0 invoke subscribe [2]\n 0 ok subscribe [2]\n"), []);
    assert_eq!(told("0 invoke assign [2]\n 0 info assign [2]\n"), []);
    let back = [(1, [44, 11], -3, [1, 5])];
    assert_eq!(told("0 invoke subscribe [1 2]\n 0 ok subscribe [1 2]\n"), back);
    assert_eq!(told("0 invoke assign [1 2]\n 0 ok assign [1 2]\n"), back);
}

#[test] // int-poll-skip-test
fn one_operation_skips_within_a_poll_and_between_polls() {
    let history = history(
        "1 invoke send [[:send 1 11] [:send 1 22] [:send 1 44]]
         1 info send [[:send 1 11] [:send 1 22] [:send 1 44]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[1 11] [4 44]]}]]
         0 invoke poll [[:poll] [:poll]]
         0 ok poll [[:poll {1 [[1 11]]}] [:poll {1 [[4 44]]}]]
         0 invoke poll [[:poll]]
         0 ok poll [[:poll {1 [[2 22]]}]]",
    );
    let expected = [(1, [11, 44], 2, vec![22], [3, 3]), (1, [11, 44], 2, vec![22], [5, 5])];
    assert_eq!(skips(&judge(&history), Anomaly::IntPollSkip), expected);
}

#[test] // int-send-skip-test
fn a_foreign_value_between_two_sends_of_an_operation_is_a_send_skip() {
    let history = history(
        "0 invoke send [[:send 1 11] [:send 1 33]]
         0 ok send [[:send 1 [1 11]] [:send 1 33]]
         1 invoke send [[:send 1 22]]
         1 info send [[:send 1 22]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {1 [[2 22] [3 33]]}]]",
    );
    let verdict = judge(&history);
    assert_eq!(skips(&verdict, Anomaly::IntSendSkip), [(1, [11, 33], 2, vec![22], [1, 1])]);
    assert!(verdict.allowed.contains_key(&Anomaly::IntSendSkip));
}

#[test] // int-nonmonotonic-poll-test
fn one_operation_that_polls_back_or_twice_is_nonmonotonic() {
    let history = history(
        "0 invoke send [[:send 1 11] [:send 1 22] [:send 1 33]]
         0 info send [[:send 1 11] [:send 1 22] [:send 1 33]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {1 [[3 33] [1 11]]}]]
         4 invoke poll [[:poll] [:poll]]
         4 ok poll [[:poll {1 [[2 22] [3 33]]}] [:poll {1 [[3 33]]}]]",
    );
    let expected = [(1, [33, 11], -2, [3, 3]), (1, [33, 33], 0, [5, 5])];
    assert_eq!(setbacks(&judge(&history), Anomaly::IntNonmonotonicPoll), expected);
}

#[test] // int-nonmonotonic-send-test
fn sends_out_of_order_are_told_by_their_offsets_or_by_polls() {
    let history = history(
        "0 invoke send [[:send 1 33] [:send 1 11]]
         0 ok send [[:send 1 [3 33]] [:send 1 [1 11]]]
         0 invoke send [[:send 2 44] [:send 2 22]]
         0 info send [[:send 2 44] [:send 2 22]]
         1 invoke send [[:send 2 33]]
         1 info send [[:send 2 33]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {2 [[2 22] [3 33] [4 44]]}]]",
    );
    let expected = [(1, [33, 11], -1, [1, 1]), (2, [44, 22], -2, [3, 3])];
    assert_eq!(setbacks(&judge(&history), Anomaly::IntNonmonotonicSend), expected);
}

#[test] // duplicate-test, basic
fn a_value_sent_to_one_offset_and_polled_at_another_is_a_duplicate() {
    let history = history(
        "0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [1 11]]]
         1 invoke send [[:send 1 22]]
         1 info send [[:send 1 22]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {1 [[2 22] [3 11]]}]]",
    );
    assert_eq!(duplicates(&judge(&history)), [(1, 11, vec![1, 3])]);
}

#[test] // duplicate-test, hash-insensitive
fn every_value_of_an_inconsistent_offset_can_be_a_duplicate() {
    let one = |value| {
        format!(
            "0 invoke send [[:send 1 {value}]]
             0 ok send [[:send 1 [0 {value}]]]
             1 invoke poll [[:poll]]
             1 ok poll [[:poll {{1 [[1 {value}]]}}]]\n"
        )
    };
    let history = history(&(0..10).map(one).collect::<String>());
    let verdict = judge(&history);
    let all: Vec<i64> = (0..10).collect();
    let told: Vec<i64> = duplicates(&verdict).iter().map(|(_, value, _)| *value).collect();
    assert_eq!(told, all);
    assert_eq!(inconsistent(&verdict), [(1, 0, 0, all.clone()), (1, 1, 1, all)]);
}

#[test] // duplicate-test, aborted txns
fn an_aborted_poll_shows_a_duplicate_of_an_acknowledged_send_only() {
    let history = history(
        "0 invoke send [[:send 1 0]]
         0 ok send [[:send 1 [1 0]]]
         0 invoke send [[:send 1 1]]
         0 fail send [[:send 1 [2 1]]]
         1 invoke poll [[:poll]]
         1 fail poll [[:poll {1 [[11 0] [12 1]]}]]",
    );
    assert_eq!(duplicates(&judge(&history)), [(1, 0, vec![1, 11])]);
}

#[test] // empty-history-test
fn a_history_without_sends_and_polls_is_not_valid() {
    let history = history("0 invoke assign [1]\n 0 ok assign [1]");
    let verdict = judge(&history);
    assert!(!verdict.valid());
    assert!(verdict.errors.contains_key(&Anomaly::EmptyHistory));
}

#[test] // unseen-test
fn acknowledged_values_are_unseen_until_they_are_polled() {
    let lines = [
        "0 invoke poll [[:poll]]\n 0 ok poll [[:poll {}]]\n",
        "0 invoke send [[:send 1 11] [:send 1 22]]
         0 ok send [[:send 1 [0 11]] [:send 1 [1 22]]]\n",
        "0 invoke poll [[:poll]]\n 0 ok poll [[:poll {1 [[0 11]]}]]\n",
        "0 invoke poll [[:poll]]\n 0 ok poll [[:poll {1 [[1 22]]}]]\n",
    ];
    let expected = [vec![], vec![(1, vec![11, 22])], vec![(1, vec![22])], vec![]];
    for (end, expected) in (1..).zip(expected) {
        assert_eq!(unseen(&history(&lines[..end].concat())), expected);
    }
}

#[test] // precommitted-read-test
fn a_transaction_must_not_see_its_own_send() {
    let history = history(
        "0 invoke txn [[:send 1 11] [:poll]]
         0 ok txn [[:send 1 [0 11]] [:poll {1 [[0 11]]}]]",
    );
    let verdict = judge(&history);
    let [Finding::PrecommittedRead(read)] = verdict.found(Anomaly::PrecommittedRead) else {
        panic!("{verdict}")
    };
    assert_eq!((read.op.index, read.key, read.value), (1, Key(1), Value(11)));
}
