//! What we judge and Jepsen doesn't, or not so; and what a verdict allows.

use jepsen::{Anomaly, Finding, Options, SubVia, analysis};

use crate::short::{history, judge, setbacks, skips};

/// Which condition failed, with its value or offset and its operations.
fn nonlinearizable(lines: &str) -> Vec<(&'static str, i64, usize, usize)> {
    use jepsen::anomaly::NonlinearizableLog::{EndedBefore, LeftOut, NotYetSent, SentBefore};
    let history = history(lines);
    let verdict = judge(&history);
    let found = verdict.found(Anomaly::NonlinearizableLog);
    assert_eq!(verdict.linearizable(), found.is_empty());
    let told = |finding: &Finding<'_>| {
        let Finding::NonlinearizableLog(it) = finding else { panic!("another: {finding}") };
        match it {
            SentBefore { value, writer, known, .. } => {
                ("sent before", value.0, known.from.index, writer.index)
            }
            LeftOut { value, writer, reader, .. } => {
                ("left out", value.0, writer.index, reader.index)
            }
            NotYetSent { value, writer, reader, .. } => {
                ("not yet sent", value.0, reader.index, writer.index)
            }
            EndedBefore { latest, asked, known, .. } => {
                ("ended before", latest.0, known.from.index, asked.index)
            }
        }
    };
    found.iter().map(told).collect()
}

#[test]
fn a_later_send_gets_a_later_offset_but_concurrent_ones_need_not() {
    let concurrent = "0 invoke send [[:send 1 11]]
         1 invoke send [[:send 1 22]]
         0 ok send [[:send 1 [5 11]]]
         1 ok send [[:send 1 [3 22]]]";
    assert_eq!(nonlinearizable(concurrent), []);
    let one_after_the_other = "0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [5 11]]]
         1 invoke send [[:send 1 22]]
         1 ok send [[:send 1 [3 22]]]";
    assert_eq!(nonlinearizable(one_after_the_other), [("sent before", 22, 1, 3)]);
}

#[test]
fn an_offset_is_not_given_out_again_after_it_was_polled_or_the_end_was_told() {
    let polled = "0 invoke send [[:send 1 11]]
         1 invoke poll [[:poll]]
         1 fail poll [[:poll {1 [[5 11]]}]]
         2 invoke send [[:send 1 22]]
         2 info send [[:send 1 22]]
         3 invoke poll [[:poll]]
         3 ok poll [[:poll {1 [[4 22]]}]]";
    assert_eq!(nonlinearizable(polled), [("sent before", 22, 2, 4)]);
    let told = "0 invoke latest-offsets {1 nil}
         0 ok latest-offsets {1 9}
         1 invoke send [[:send 1 11]]
         1 ok send [[:send 1 [8 11]]]";
    assert_eq!(nonlinearizable(told), [("sent before", 11, 1, 3)]);
}

#[test]
fn a_poll_leaves_out_nothing_acknowledged_even_while_rebalanced() {
    let lines = "0 invoke send [[:send 1 11] [:send 1 22] [:send 1 33]]
         0 ok send [[:send 1 [0 11]] [:send 1 [1 22]] [:send 1 [4 33]]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 11] [4 33]]}]], :rebalance-log [{:keys [1]}]";
    assert_eq!(nonlinearizable(lines), [("left out", 22, 1, 3)]);
}

#[test]
fn a_poll_that_lags_is_no_anomaly() {
    let lines = "0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [0 11]]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 []}]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 11]]}]]";
    let history = history(lines);
    let verdict = judge(&history);
    assert!(verdict.valid() && verdict.linearizable(), "{verdict}");
}

#[test]
fn a_poll_knows_nothing_that_is_sent_after_it() {
    let lines = "1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 11]]}]]
         0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [0 11]]]";
    let told = [("not yet sent", 11, 1, 2), ("sent before", 11, 1, 3)];
    assert_eq!(nonlinearizable(lines), told);
}

#[test]
fn the_end_of_a_log_goes_back_neither_by_itself_nor_before_what_was_sent() {
    let by_itself = "0 invoke latest-offsets {1 nil, 2 nil}
         0 ok latest-offsets {1 5, 2 7}
         0 invoke latest-offsets {1 nil, 2 nil}
         0 ok latest-offsets {1 5, 2 6}
         1 invoke latest-offsets {2 nil}
         1 fail latest-offsets {2 nil}";
    assert_eq!(nonlinearizable(by_itself), [("ended before", 6, 1, 3)]);
    let before_a_send = "0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [5 11]]]
         1 invoke latest-offsets {1 nil}
         1 ok latest-offsets {1 5}";
    assert_eq!(nonlinearizable(before_a_send), [("ended before", 5, 1, 3)]);
}

#[test]
fn a_value_without_a_writer_is_told_once_where_it_was_seen_first() {
    let lines = "1 invoke poll [[:poll]]
         1 info poll [[:poll {1 [[4 11]]}]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {1 [[4 11]]}]]";
    let history = history(lines);
    let verdict = judge(&history);
    let [Finding::PhantomRead(read)] = verdict.found(Anomaly::PhantomRead) else {
        panic!("{verdict}")
    };
    assert_eq!((read.value.0, read.offset.0, read.reader.index), (11, 4, 1));
}

#[test]
fn a_send_that_never_ended_may_have_been_written() {
    let lines = "0 invoke send [[:send 1 11]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 11]]}]]";
    let history = history(lines);
    assert!(judge(&history).valid());
}

#[test]
fn a_key_that_was_rebalanced_is_exempt_within_the_operation() {
    let log = ":rebalance-log";
    let lines = |rebalanced| {
        format!(
            "0 invoke send [[:send 1 11] [:send 1 22] [:send 1 33]]
             0 ok send [[:send 1 [0 11]] [:send 1 [1 22]] [:send 1 [2 33]]]
             1 invoke poll [[:poll] [:poll]]
             1 ok poll [[:poll {{1 [[1 22]]}}] [:poll {{1 [[0 11]]}}]], {log} [{{:keys [{rebalanced}]}}]"
        )
    };
    let told =
        |rebalanced| setbacks(&judge(&history(&lines(rebalanced))), Anomaly::IntNonmonotonicPoll);
    assert_eq!((told(2), told(1)), (vec![(1, [22, 11], -1, [3, 3])], vec![]));
}

#[test]
fn a_poll_of_nothing_does_not_make_a_process_forget_its_place() {
    let lines = "0 invoke send [[:send 1 11] [:send 1 22] [:send 1 33]]
         0 ok send [[:send 1 [0 11]] [:send 1 [1 22]] [:send 1 [2 33]]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 11]]}]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 []}]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[2 33]]}]]";
    let told = skips(&judge(&history(lines)), Anomaly::PollSkip);
    assert_eq!(told, [(1, [11, 33], 2, vec![22], [3, 7])]);
}

#[test]
fn a_process_that_seeks_to_the_beginning_may_poll_everything_again() {
    let lines = |seek| {
        format!(
            "0 invoke send [[:send 1 11] [:send 1 22]]
             0 ok send [[:send 1 [0 11]] [:send 1 [1 22]]]
             1 invoke poll [[:poll]]
             1 ok poll [[:poll {{1 [[0 11] [1 22]]}}]]
             1 invoke assign [1], :seek-to-beginning? {seek}
             1 ok assign [1], :seek-to-beginning? {seek}
             1 invoke poll [[:poll]]
             1 ok poll [[:poll {{1 [[0 11] [1 22]]}}]]"
        )
    };
    let valid = |seek| judge(&history(&lines(seek))).valid();
    assert!(valid(true) && !valid(false));
}

#[test]
fn subscribers_may_skip_and_go_back_between_operations() {
    let history = history(
        "0 invoke send [[:send 1 11] [:send 1 22] [:send 1 33]]
         0 ok send [[:send 1 [0 11]] [:send 1 [1 22]] [:send 1 [2 33]]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 11]]}]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[2 33]]}]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[1 22] [2 33]]}]]",
    );
    let found = [Anomaly::PollSkip, Anomaly::NonmonotonicPoll];
    let assigned = judge(&history);
    assert_eq!(assigned.errors.keys().copied().collect::<Vec<_>>(), found);
    let options = Options { sub_via: SubVia::Subscribe, ..Options::default() };
    let subscribed = analysis(&history, &options);
    assert!(subscribed.valid());
    assert_eq!(subscribed.allowed.keys().copied().collect::<Vec<_>>(), found);
}

/// An idle retry: 11 is at offsets 0 and 2.
const RETRIED: &str = "0 invoke send [[:send 1 11]]
     1 invoke send [[:send 1 22]]
     1 ok send [[:send 1 [1 22]]]
     0 ok send [[:send 1 [2 11]]]
     2 invoke poll [[:poll]]
     2 ok poll [[:poll {1 [[0 11] [1 22]]}]]
     2 invoke poll [[:poll]]
     2 ok poll [[:poll {1 [[2 11]]}]]";

#[test]
fn a_tolerated_duplicate_brings_no_other_finding_with_it() {
    let history = history(RETRIED);
    let verdict = judge(&history);
    assert_eq!(verdict.errors.keys().copied().collect::<Vec<_>>(), [Anomaly::Duplicate]);
    let options = Options { tolerated: [Anomaly::Duplicate].into(), ..Options::default() };
    let verdict = analysis(&history, &options);
    assert!(verdict.valid() && !verdict.linearizable());
    assert_eq!(verdict.suspect.len(), 1);
}

#[test]
fn a_verdict_can_be_read() {
    let history = history(RETRIED);
    let expected = "\
invalid
duplicate: 1
 key 1: value 11 is at offsets 0 2
  {:index 3, :time -1, :type :ok, :process 0, :f :send, :value [[:send 1 [2 11]]]}";
    assert_eq!(judge(&history).to_string(), expected);
}
