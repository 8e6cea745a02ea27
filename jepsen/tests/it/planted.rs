//! Good histories are valid, and an anomaly planted in one is found as that anomaly.

use jepsen::{Action, Anomaly, Finding, History, Key, Mop, Offset, Op, Options, Polled, analysis};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::simulated_log::{FIRST, Good, run};

fn good() -> impl Strategy<Value = Good> {
    vec(any::<usize>(), 0..300).prop_map(|numbers| run(&numbers))
}

/// What is done to a good history.
enum Plant {
    /// These lines come last, by processes of their own. `E` stands for the end of key 1, `F` for
    /// the offset after that, and `G` for the one after.
    Lines(&'static str),
    /// This value of key 1 is in no poll.
    Vanish(i64),
    /// Nothing is left.
    Nothing,
}

/// Key 1 begins with the values 0 to 4, at these offsets, acknowledged and read.
const PLANTS: [(Anomaly, Plant); 20] = [
    (Anomaly::EmptyHistory, Plant::Nothing),
    (Anomaly::InconsistentOffsets, Plant::Lines("900 poll {1 [[0 1]]}")),
    (Anomaly::Duplicate, Plant::Lines("900 poll {1 [[E 0]]}")),
    (Anomaly::PhantomRead, Plant::Lines("900 poll {1 [[E -1]]}")),
    (Anomaly::AbortedRead, Plant::Lines("900 fail -1\n901 poll {1 [[E -1]]}")),
    (Anomaly::PrecommittedRead, Plant::Lines("900 txn -1 E {1 [[E -1]]}")),
    (Anomaly::LostWrite, Plant::Vanish(0)),
    (Anomaly::LostWrite, Plant::Vanish(FIRST - 2)),
    (Anomaly::Unseen, Plant::Lines("900 send -1 E")),
    (Anomaly::IntPollSkip, Plant::Lines("900 poll {1 [[1 1] [3 3]]}")),
    (Anomaly::IntNonmonotonicPoll, Plant::Lines("900 poll {1 [[1 1] [1 1]]}")),
    (Anomaly::PollSkip, Plant::Lines("900 poll {1 [[1 1]]}\n900 poll {1 [[3 3]]}")),
    (Anomaly::NonmonotonicPoll, Plant::Lines("900 poll {1 [[2 2]]}\n900 poll {1 [[1 1]]}")),
    (Anomaly::IntSendSkip, Plant::Lines("900 send -1 E -3 G\n901 send -2 F")),
    (Anomaly::IntNonmonotonicSend, Plant::Lines("900 send -2 F -1 E")),
    (Anomaly::NonmonotonicSend, Plant::Lines("900 send -2 F\n900 send -1 E")),
    (Anomaly::NonlinearizableLog, Plant::Lines("900 send -2 F\n901 send -1 E")),
    (Anomaly::NonlinearizableLog, Plant::Lines("900 poll {1 [[1 1] [3 3]]}")),
    (Anomaly::NonlinearizableLog, Plant::Lines("900 poll {1 [[E -1]]}\n901 send -1 E")),
    (Anomaly::NonlinearizableLog, Plant::Lines("900 latest 4")),
];

fn planted(good: &Good, plant: &Plant) -> History {
    let mut ops = good.history.clone().into_ops();
    match plant {
        Plant::Lines(lines) => {
            let mut text = good.history.to_edn();
            lines.lines().for_each(|line| text.push_str(&written_out(line, good.end)));
            return History::from_edn(&text).unwrap();
        }
        Plant::Vanish(value) => ops.iter_mut().for_each(|op| remove(op, *value)),
        Plant::Nothing => ops.clear(),
    }
    History::new(ops).unwrap()
}

/// The two lines of a history for one of a plant.
fn written_out(line: &str, end: Offset) -> String {
    let mut line = line.to_owned();
    for (letter, after) in [('E', 0), ('F', 1), ('G', 2)] {
        line = line.replace(letter, &(end.0 + after).to_string());
    }
    let (process, rest) = line.split_once(' ').unwrap();
    let (what, rest) = rest.split_once(' ').unwrap();
    let numbers: Vec<&str> = rest.split(' ').collect();
    let asked = |pair: &[&str]| format!("[:send 1 {}]", pair[0]);
    let told = |pair: &[&str]| format!("[:send 1 [{} {}]]", pair[1], pair[0]);
    let each = |f: &dyn Fn(&[&str]) -> String| numbers.chunks(2).map(f).collect::<String>();
    let (kind, f, invoked, completed) = match what {
        "poll" => ("ok", "poll", "[[:poll]]".to_owned(), format!("[[:poll {rest}]]")),
        "latest" => ("ok", "latest-offsets", "{1 nil}".to_owned(), format!("{{1 {rest}}}")),
        "send" => ("ok", "send", format!("[{}]", each(&asked)), format!("[{}]", each(&told))),
        "fail" => ("fail", "send", format!("[{}]", each(&asked)), format!("[{}]", each(&asked))),
        "txn" => {
            let (pair, polled) = (&numbers[..2], numbers[2..].join(" "));
            let completed = format!("[{} [:poll {polled}]]", told(pair));
            ("ok", "txn", format!("[{} [:poll]]", asked(pair)), completed)
        }
        other => panic!("nothing is planted by {other}"),
    };
    format!(
        "{{:process {process} :type :invoke :f :{f} :value {invoked}}}\n\
         {{:process {process} :type :{kind} :f :{f} :value {completed}}}\n"
    )
}

fn remove(op: &mut Op, value: i64) {
    let (Action::Poll(mops) | Action::Txn(mops)) = &mut op.action else { return };
    let polls = mops.iter_mut().filter_map(|mop| match mop {
        Mop::Poll(polled) => polled.as_mut(),
        Mop::Send { .. } => None,
    });
    polls
        .filter_map(|polled: &mut Polled| polled.get_mut(&Key(1)))
        .for_each(|records| records.retain(|record| record.value.0 != value));
}

/// What Jepsen allows in good histories, too.
const EVERYDAY: Anomaly = Anomaly::IntSendSkip;

#[test]
fn every_anomaly_is_planted() {
    for anomaly in Anomaly::ALL {
        assert!(PLANTS.iter().any(|(planted, _)| planted == anomaly), "{anomaly}");
    }
}

proptest! {
    #[test]
    fn a_good_history_is_valid(good in good()) {
        let verdict = analysis(&good.history, &Options::default());
        prop_assert!(verdict.valid() && verdict.linearizable(), "{verdict}");
        prop_assert!(verdict.allowed.keys().all(|anomaly| *anomaly == EVERYDAY));
    }

    #[test]
    fn a_good_history_is_read_back(good in good()) {
        let (edn, json) = (good.history.to_edn(), good.history.to_json());
        prop_assert_eq!(History::from_edn(&edn), Ok(good.history.clone()));
        prop_assert_eq!(History::from_json(&json), Ok(good.history));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_planted_anomaly_is_found_as_what_it_is(good in good()) {
        for (anomaly, plant) in &PLANTS {
            let history = planted(&good, plant);
            let verdict = analysis(&history, &Options::default());
            let of_key_1 = |finding: &Finding<'_>| finding.key().is_none_or(|key| key == Key(1));
            prop_assert!(verdict.found(*anomaly).iter().any(of_key_1), "{anomaly}: {verdict}");
            prop_assert!(*anomaly == EVERYDAY || verdict.errors.contains_key(anomaly));
            prop_assert!(!verdict.to_string().is_empty());
        }
    }
}
