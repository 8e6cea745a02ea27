//! The corners of Jepsen's definitions that its published cases leave open.

use jepsen::{Anomaly, History};

use crate::short::{history, judge, setbacks};

fn found(history: &History, anomaly: Anomaly) -> bool {
    !judge(history).found(anomaly).is_empty()
}

fn is_lost(lines: &str) -> bool {
    found(&history(lines), Anomaly::LostWrite)
}

#[test]
fn a_failed_send_is_not_lost_even_if_a_failed_poll_saw_it() {
    let lines = |kind| {
        format!(
            "0 invoke send [[:send 1 11] [:send 1 22]]
             0 {kind} send [[:send 1 [0 11]] [:send 1 [1 22]]]
             1 invoke poll [[:poll]]
             1 fail poll [[:poll {{1 [[0 11]]}}]]
             2 invoke poll [[:poll]]
             2 ok poll [[:poll {{1 [[1 22]]}}]]"
        )
    };
    assert!(is_lost(&lines("ok")) && is_lost(&lines("info")) && !is_lost(&lines("fail")));
}

#[test]
fn the_unread_one_of_two_values_at_the_greatest_offset_read_is_lost() {
    let lines = "0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [0 11]]]
         1 invoke send [[:send 1 22]]
         1 ok send [[:send 1 [0 22]]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {1 [[0 22]]}]]";
    assert!(is_lost(lines));
}

#[test]
fn a_duplicate_must_be_read_only_where_it_is_last() {
    let lines = "0 invoke send [[:send 1 11] [:send 1 22]]
         0 ok send [[:send 1 [0 11]] [:send 1 [1 22]]]
         1 invoke poll [[:poll]]
         1 fail poll [[:poll {1 [[2 11]]}]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {1 [[1 22]]}]]";
    assert!(!is_lost(lines));
}

#[test]
fn a_duplicate_shows_a_reader_only_as_far_as_where_it_is_first() {
    let lines = "0 invoke send [[:send 1 11] [:send 1 22]]
         0 ok send [[:send 1 [0 11]] [:send 1 [1 22]]]
         1 invoke poll [[:poll]]
         1 fail poll [[:poll {1 [[2 11]]}]]
         2 invoke poll [[:poll]]
         2 ok poll [[:poll {1 [[0 11]]}]]";
    assert!(!is_lost(lines));
}

#[test]
fn what_only_a_failed_poll_saw_is_neither_seen_nor_an_aborted_read() {
    let acknowledged = "0 invoke send [[:send 1 11]]
         0 ok send [[:send 1 [0 11]]]
         1 invoke poll [[:poll]]
         1 fail poll [[:poll {1 [[0 11]]}]]";
    assert!(found(&history(acknowledged), Anomaly::Unseen));
    let failed = "0 invoke send [[:send 1 11]]
         0 fail send [[:send 1 11]]
         1 invoke poll [[:poll]]
         1 fail poll [[:poll {1 [[0 11]]}]]";
    assert!(!found(&history(failed), Anomaly::AbortedRead));
}

#[test]
fn a_failed_send_does_not_count_for_the_order_of_sends() {
    let lines = "0 invoke send [[:send 1 11]]
         0 fail send [[:send 1 11]]
         0 invoke send [[:send 1 22]]
         0 ok send [[:send 1 [1 22]]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[1 22] [2 11]]}]]";
    assert!(!found(&history(lines), Anomaly::NonmonotonicSend));
}

#[test]
fn an_assignment_that_failed_changes_nothing() {
    let lines = "0 invoke send [[:send 1 11] [:send 1 22]]
         0 ok send [[:send 1 [0 11]] [:send 1 [1 22]]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 11] [1 22]]}]]
         1 invoke assign [2]
         1 fail assign [2]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 11]]}]]";
    let told = setbacks(&judge(&history(lines)), Anomaly::NonmonotonicPoll);
    assert_eq!(told, [(1, [22, 11], -1, [3, 7])]);
}

#[test]
fn the_offset_of_a_failed_send_binds_nobody() {
    let lines = "0 invoke send [[:send 1 11]]
         0 fail send [[:send 1 [1 11]]]
         0 invoke send [[:send 1 22] [:send 1 33]]
         0 ok send [[:send 1 [0 22]] [:send 1 [2 33]]]
         1 invoke poll [[:poll]]
         1 ok poll [[:poll {1 [[0 22] [2 33]]}]]";
    let history = history(lines);
    let verdict = judge(&history);
    assert!(verdict.valid(), "{verdict}");
}

#[test]
fn a_history_whose_only_poll_never_ended_is_empty() {
    assert!(found(&history("0 invoke poll [[:poll]]"), Anomaly::EmptyHistory));
}
