//! Histories as text: what is written is read back, and what isn't a history is refused.

use jepsen::edn::Edn;
use jepsen::{
    Action, DecodeError, History, HistoryError, Key, Kind, Mop, Offset, Op, Process, Record, Value,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

const JEPSENS: &str = "\
{:index 0, :time 280153467070, :type :invoke, :process 379, :f :send, :value [[:send 11 641]]}
{:index 1, :time 280169754615, :type :ok, :process 379, :f :send, :value [[:send 11 [537 641]]]}
{:index 2, :time 280169754700, :type :invoke, :process 7, :f :poll, :value [[:poll]], :poll-ms 1000}
{:index 3, :time 280169754800, :type :ok, :process 7, :f :poll, :value [[:poll {11 [[537 641]], 12 []}]], :poll-ms 1000, :rebalance-log [{:keys [11]}]}
{:index 4, :time 280169754900, :type :info, :process :nemesis, :f :start-partition, :value [:isolated {\"n1\" #{\"n2\"}}]}
{:index 5, :time 280169755000, :type :invoke, :process 7, :f :assign, :value [11 12], :seek-to-beginning? true}
{:index 6, :time 280169755100, :type :fail, :process 7, :f :assign, :value [11 12], :seek-to-beginning? true, :error [:unknown \"why\"]}
{:index 7, :time 280169755200, :type :invoke, :process 7, :f :crash, :value nil}
{:index 8, :time 280169755300, :type :info, :process 7, :f :crash, :value nil}
{:index 9, :time 280169755400, :type :invoke, :process 14, :f :latest-offsets, :value {11 nil}}
{:index 10, :time 280169755500, :type :ok, :process 14, :f :latest-offsets, :value {11 538}}
";

#[test]
fn a_history_as_jepsen_writes_it_is_read_and_written_alike() {
    let history = History::from_edn(JEPSENS).unwrap();
    assert_eq!(history.to_edn(), JEPSENS);
    let ops = history.ops();
    assert_eq!(ops[3].rebalance_log, [[Key(11)]]);
    let read = (Key(11), Record { offset: Offset(537), value: Value(641) });
    assert_eq!(ops[3].reads().collect::<Vec<_>>(), [read]);
    assert_eq!(history.invocation_of(&ops[8]).index, 7);
    assert_eq!(history.completion_of(&ops[9]).map(|op| op.index), Some(10));
    assert_eq!(history.client_ops().count(), 10);
}

#[test]
fn json_is_the_same_with_strings_for_keywords() {
    let history = History::from_edn(JEPSENS).unwrap();
    let json = history.to_json();
    let third = json.lines().nth(3).unwrap();
    assert!(third.contains(r#""value":[["poll",{"11":[[537,641]],"12":[]}]]"#), "{third}");
    let again = History::from_json(&json).unwrap();
    assert_eq!(again.ops()[..4], history.ops()[..4]);
    assert_eq!(again.to_json(), json);
}

#[test]
fn what_jepsen_leaves_out_and_adds_is_no_hindrance() {
    let history = History::from_edn(
        "#jepsen.history.Op{:type :invoke, :process 0, :f :send, :value [[:send 1 2]], :unseen {}}\n
         {:type :ok, :process 0, :f :send, :value ([:send 1 [nil 2]]), :end-process? true}",
    );
    let history = history.unwrap();
    assert_eq!((history.ops()[1].index, history.ops()[1].time), (1, -1));
    assert_eq!(history.ops()[1].sends().next(), Some((Key(1), Value(2), None)));
}

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    let refused = |text| History::from_edn(text).unwrap_err().to_string();
    assert_eq!(refused("\n[1"), "line 2: a bracket is not closed at byte 2");
    assert_eq!(
        refused("{:process 0 :f :poll :value []}"),
        "line 1: :type is not a type of operation"
    );
    let poll = "{:process 0 :type :ok :f :poll :value [[:poll {1 [] 1 []}]]}";
    assert_eq!(refused(poll), "line 1: :value is not a vector of what this operation does");
    let error = DecodeError { field: ":process", expected: "a process" };
    let no_process = History::from_json("{\"type\":\"ok\",\"process\":-1}");
    assert_eq!(no_process, Err(HistoryError::Op { line: 1, error }));
    let too_great = History::from_json("{\"index\":18446744073709551615}").unwrap_err();
    assert!(too_great.to_string().contains("does not fit"), "{too_great}");
}

#[test]
fn what_is_ill_formed_is_refused() {
    let send = |index, kind, process, value| {
        let mop = Mop::send(Key(1), Value(value));
        Op::new(index, 0, kind, Process::Client(process), Action::Send(vec![mop]))
    };
    let refused = |ops: &[Op]| History::new(ops.to_vec()).unwrap_err();
    let begun = send(0, Kind::Invoke, 3, 1);
    let process = Process::Client(3);
    assert_eq!(refused(&[send(1, Kind::Invoke, 3, 1)]), HistoryError::Index { place: 0, index: 1 });
    assert_eq!(
        refused(&[begun.clone(), send(1, Kind::Invoke, 3, 2)]),
        HistoryError::Busy { process, index: 1, open: 0 }
    );
    assert_eq!(refused(&[send(0, Kind::Ok, 3, 1)]), HistoryError::NotInvoked { process, index: 0 });
    assert_eq!(
        refused(&[begun.clone(), send(1, Kind::Ok, 3, 2)]),
        HistoryError::Mismatch { index: 1, invocation: 0 }
    );
    assert_eq!(
        refused(&[begun, send(1, Kind::Invoke, 4, 1)]),
        HistoryError::SentTwice { key: Key(1), value: Value(1), index: 1 }
    );
}

fn key() -> impl Strategy<Value = Key> {
    (0i64..4).prop_map(Key)
}

fn mop() -> impl Strategy<Value = Mop> {
    let record = (any::<i64>(), any::<i64>())
        .prop_map(|(offset, value)| Record { offset: Offset(offset), value: Value(value) });
    let polled = btree_map(key(), vec(record, 0..4), 0..3);
    prop_oneof![
        (key(), any::<i64>(), option::of(any::<i64>().prop_map(Offset)))
            .prop_map(|(key, value, offset)| Mop::Send { key, value: Value(value), offset }),
        option::of(polled).prop_map(Mop::Poll),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let keys = || vec(key(), 0..4);
    prop_oneof![
        keys().prop_map(Action::Subscribe),
        (keys(), any::<bool>())
            .prop_map(|(keys, seek_to_beginning)| Action::Assign { keys, seek_to_beginning }),
        vec(mop(), 0..4).prop_map(Action::Txn),
        Just(Action::Crash),
        any::<String>().prop_map(|text| Action::DebugTopicPartitions(Edn::String(text))),
        btree_map(key(), option::of(any::<i64>().prop_map(Offset)), 0..4)
            .prop_map(Action::LatestOffsets),
    ]
}

prop_compose! {
    fn op()(
        time in any::<i64>(),
        action in action(),
        poll_ms in option::of(any::<i64>()),
        rebalance_log in vec(vec(key(), 0..3), 0..3),
        error in option::of(any::<String>().prop_map(Edn::String)),
    ) -> Op {
        let op = Op::new(0, time, Kind::Invoke, Process::Client(0), action);
        Op { poll_ms, rebalance_log, error, ..op }
    }
}

proptest! {
    #[test]
    fn any_operation_is_read_back(op in op()) {
        let line = op.to_string();
        prop_assert_eq!(Op::from_edn(&Edn::parse(&line).unwrap(), 7), Ok(op.clone()));
        // A value that comes twice would make it no history, but nothing else would.
        if let Ok(history) = History::new(vec![op]) {
            prop_assert_eq!(History::from_edn(&history.to_edn()), Ok(history.clone()));
            prop_assert_eq!(History::from_json(&history.to_json()), Ok(history));
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = (History::from_edn(&text), History::from_json(&text));
    }

    #[test]
    fn any_damage_to_a_history_is_answered(at in 0..JEPSENS.len(), with in any::<char>()) {
        prop_assume!(JEPSENS.is_char_boundary(at));
        let damaged: String =
            JEPSENS[..at].chars().chain([with]).chain(JEPSENS[at..].chars().skip(1)).collect();
        if let Ok(history) = History::from_edn(&damaged) {
            let _ = jepsen::analysis(&history, &jepsen::Options::default()).to_string();
        }
    }
}
