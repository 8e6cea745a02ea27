//! Histories in a short notation: a line has process, type, `:f` and value.

use jepsen::{Anomaly, Finding, History, Op, Options, Setback, Skip, Verdict, analysis};

/// Reads `0 ok send [[:send 1 [0 11]]]` and the like. What follows the value stands in the map too.
pub(crate) fn history(lines: &str) -> History {
    let edn = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().expect("a line has four words");
        let (process, kind, f, value) = (word(), word(), word(), word());
        format!("{{:process {process}, :type :{kind}, :f :{f}, :value {value}}}\n")
    });
    History::from_edn(&edn.collect::<String>()).expect("a history")
}

/// The verdict on a test that assigns and tolerates nothing.
pub(crate) fn judge(history: &History) -> Verdict<'_> {
    analysis(history, &Options::default())
}

/// Key, values, delta, what was skipped, and the two operations.
pub(crate) type SkipTold = (i64, [i64; 2], isize, Vec<i64>, [usize; 2]);

pub(crate) fn skips(verdict: &Verdict<'_>, anomaly: Anomaly) -> Vec<SkipTold> {
    let told = |finding: &Finding<'_>| match finding {
        Finding::IntPollSkip(skip) | Finding::PollSkip(skip) | Finding::IntSendSkip(skip) => {
            let Skip { key, values, delta, skipped, ops } = skip;
            let skipped = skipped.iter().map(|value| value.0).collect();
            (key.0, values.map(|value| value.0), *delta, skipped, ops.map(index))
        }
        other => panic!("no skip: {other}"),
    };
    verdict.found(anomaly).iter().map(told).collect()
}

/// Key, values, delta, and the two operations.
pub(crate) type SetbackTold = (i64, [i64; 2], isize, [usize; 2]);

pub(crate) fn setbacks(verdict: &Verdict<'_>, anomaly: Anomaly) -> Vec<SetbackTold> {
    let told = |finding: &Finding<'_>| match finding {
        Finding::IntNonmonotonicPoll(setback)
        | Finding::NonmonotonicPoll(setback)
        | Finding::IntNonmonotonicSend(setback)
        | Finding::NonmonotonicSend(setback) => {
            let Setback { key, values, delta, ops } = setback;
            (key.0, values.map(|value| value.0), *delta, ops.map(index))
        }
        other => panic!("no setback: {other}"),
    };
    verdict.found(anomaly).iter().map(told).collect()
}

fn index(op: &Op) -> usize {
    op.index
}
