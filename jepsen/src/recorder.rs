//! Records what clients do as a well-formed history.
//!
//! A recorder knows threads, which live as long as the test. What Jepsen calls a process lives as
//! long as one producer and one consumer, and the recorder gives a thread another one whenever its
//! clients were given up. It has no clock: the time is told.

use std::collections::BTreeMap;

use crate::edn::{Edn, Name};
use crate::history::{History, HistoryError};
use crate::op::{Action, Key, Kind, Mop, Offset, Op, Polled, Process};

/// One of the actors of a test, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thread(pub u64);

/// An operation that has begun. What is learnt of it is noted here and kept even when the whole
/// ends badly.
#[derive(Debug)]
#[must_use = "an operation that isn't ended counts as one of unknown outcome"]
pub struct Pending {
    thread: Thread,
    process: u64,
    op: Op,
}

impl Pending {
    /// The offset of what the micro-operation in this place sent.
    ///
    /// # Panics
    ///
    /// If no send is in this place.
    pub fn sent(&mut self, place: usize, told: Offset) {
        let mop = self.op.action.mops_mut().get_mut(place);
        let Some(Mop::Send { offset, .. }) = mop else { panic!("no send in place {place}") };
        *offset = Some(told);
    }

    /// What the poll in this place returned.
    ///
    /// # Panics
    ///
    /// If no poll is in this place.
    pub fn polled(&mut self, place: usize, records: Polled) {
        let mop = self.op.action.mops_mut().get_mut(place);
        let Some(Mop::Poll(polled)) = mop else { panic!("no poll in place {place}") };
        *polled = Some(records);
    }

    /// Where this key ends.
    ///
    /// # Panics
    ///
    /// If the operation does not ask for latest offsets.
    pub fn latest(&mut self, key: Key, latest: Offset) {
        let Action::LatestOffsets(answers) = &mut self.op.action else {
            panic!("{} asks for no latest offsets", self.op.action.name())
        };
        answers.insert(key, Some(latest));
    }

    /// The assignment of these keys changed meanwhile.
    pub fn rebalanced(&mut self, keys: Vec<Key>) {
        self.op.rebalance_log.push(keys);
    }

    /// How long the poll may take, in milliseconds.
    pub fn poll_ms(&mut self, poll_ms: i64) {
        self.op.poll_ms = Some(poll_ms);
    }

    /// Why it ends badly.
    pub fn error(&mut self, error: &str) {
        self.op.error = Some(Edn::String(error.to_owned()));
    }
}

/// A history in the making.
#[derive(Debug)]
pub struct Recorder {
    concurrency: u64,
    ops: Vec<Op>,
    /// The process each thread is now.
    processes: BTreeMap<Thread, u64>,
    /// The invocation each thread has not ended.
    open: BTreeMap<Thread, usize>,
}

impl Recorder {
    /// For the threads below `concurrency`.
    ///
    /// # Panics
    ///
    /// If there are none.
    #[must_use]
    pub fn new(concurrency: u64) -> Self {
        assert!(concurrency > 0, "a test has a thread");
        Self {
            concurrency,
            ops: Vec::new(),
            processes: (0..concurrency).map(|id| (Thread(id), id)).collect(),
            open: BTreeMap::new(),
        }
    }

    /// A thread begins something. If it has not ended what it did before, that is of unknown
    /// outcome, and the thread goes on as another process: so does a client that was killed.
    ///
    /// # Panics
    ///
    /// If there is no such thread.
    pub fn invoke(&mut self, thread: Thread, time: i64, action: Action) -> Pending {
        if self.open.contains_key(&thread) {
            self.give_up(thread, time);
        }
        let process = *self.processes.get(&thread).expect("threads are numbered below concurrency");
        let index = self.push(time, Kind::Invoke, Process::Client(process), action);
        self.open.insert(thread, index);
        Pending { thread, process, op: self.ops[index].clone() }
    }

    /// It happened.
    pub fn ok(&mut self, pending: Pending, time: i64) {
        self.end(pending, time, Kind::Ok);
    }

    /// It certainly did not happen. Once bytes have left, only a definite answer says so.
    pub fn fail(&mut self, pending: Pending, time: i64) {
        self.end(pending, time, Kind::Fail);
    }

    /// It may have happened. Whoever runs the thread must start with new clients, as the recorder
    /// does with a new process.
    pub fn info(&mut self, pending: Pending, time: i64) {
        self.end(pending, time, Kind::Info);
    }

    /// The clients of a thread are torn down and will be made anew.
    pub fn crash(&mut self, thread: Thread, time: i64) {
        let pending = self.invoke(thread, time, Action::Crash);
        self.info(pending, time);
    }

    /// The nemesis begins or ends something.
    ///
    /// # Panics
    ///
    /// If `f` is no [`Name`].
    pub fn nemesis(&mut self, time: i64, f: &str, value: Edn) {
        let f = Name::new(f).expect("what a nemesis does has the name of a keyword");
        self.push(time, Kind::Info, Process::Nemesis, Action::Other { f, value });
    }

    /// The history. What has not ended is of unknown outcome.
    ///
    /// # Errors
    ///
    /// [`HistoryError::SentTwice`] when the clients sent a value twice.
    pub fn finish(mut self, time: i64) -> Result<History, HistoryError> {
        while let Some((&thread, _)) = self.open.first_key_value() {
            self.give_up(thread, time);
        }
        History::new(self.ops)
    }

    fn push(&mut self, time: i64, kind: Kind, process: Process, action: Action) -> usize {
        let index = self.ops.len();
        self.ops.push(Op::new(index, time, kind, process, action));
        index
    }

    /// Ends what is pending, unless its process was given up meanwhile: then it has ended before.
    fn end(&mut self, pending: Pending, time: i64, kind: Kind) {
        let Pending { thread, process, mut op } = pending;
        if self.processes.get(&thread) != Some(&process) {
            return;
        }
        self.open.remove(&thread);
        (op.index, op.time, op.kind) = (self.ops.len(), time, kind);
        self.ops.push(op);
        if kind == Kind::Info {
            self.retire(thread);
        }
    }

    fn give_up(&mut self, thread: Thread, time: i64) {
        let Some(invocation) = self.open.remove(&thread) else { return };
        let mut op = self.ops[invocation].clone();
        (op.index, op.time, op.kind) = (self.ops.len(), time, Kind::Info);
        self.ops.push(op);
        self.retire(thread);
    }

    /// No process is heard of again after an unknown outcome: the thread becomes the next one.
    fn retire(&mut self, thread: Thread) {
        let process = self.processes.get_mut(&thread).expect("only threads have operations");
        *process += self.concurrency;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Record, Value};

    const SEND: Mop = Mop::Send { key: Key(1), value: Value(7), offset: None };

    fn lines(recorder: Recorder) -> Vec<String> {
        recorder.finish(99).unwrap().ops().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_learnt_comes_with_the_completion() {
        let mut recorder = Recorder::new(2);
        let mut send = recorder.invoke(Thread(0), 5, Action::Send(vec![SEND]));
        let mut poll = recorder.invoke(Thread(1), 6, Action::Poll(vec![Mop::Poll(None)]));
        send.sent(0, Offset(3));
        recorder.ok(send, 8);
        poll.polled(0, [(Key(1), vec![Record { offset: Offset(3), value: Value(7) }])].into());
        poll.rebalanced(vec![Key(1), Key(2)]);
        poll.error("timed out");
        recorder.fail(poll, 9);
        assert_eq!(
            lines(recorder),
            [
                "{:index 0, :time 5, :type :invoke, :process 0, :f :send, :value [[:send 1 7]]}",
                "{:index 1, :time 6, :type :invoke, :process 1, :f :poll, :value [[:poll]]}",
                "{:index 2, :time 8, :type :ok, :process 0, :f :send, :value [[:send 1 [3 7]]]}",
                "{:index 3, :time 9, :type :fail, :process 1, :f :poll, \
                 :value [[:poll {1 [[3 7]]}]], :rebalance-log [{:keys [1 2]}], \
                 :error \"timed out\"}",
            ]
        );
    }

    #[test]
    fn a_process_ends_with_an_unknown_outcome() {
        let mut recorder = Recorder::new(3);
        let send = recorder.invoke(Thread(1), 0, Action::Send(vec![SEND]));
        recorder.info(send, 1);
        recorder.crash(Thread(1), 2);
        let assign = Action::Assign { keys: vec![Key(1)], seek_to_beginning: true };
        let assign = recorder.invoke(Thread(1), 3, assign);
        recorder.ok(assign, 4);
        recorder.nemesis(5, "kill", Edn::Int(2));
        let history = recorder.finish(6).unwrap();
        let processes: Vec<Process> = history.ops().iter().map(|op| op.process).collect();
        let expected = [1, 1, 4, 4, 7, 7].map(Process::Client);
        assert_eq!((&processes[..6], processes[6]), (&expected[..], Process::Nemesis));
    }

    #[test]
    fn a_client_that_was_killed_ends_as_unknown_and_its_late_answer_is_not_heard() {
        let mut recorder = Recorder::new(1);
        let late = recorder.invoke(Thread(0), 0, Action::Send(vec![SEND]));
        let subscribe = recorder.invoke(Thread(0), 1, Action::Subscribe(vec![Key(1)]));
        recorder.ok(late, 2);
        recorder.ok(subscribe, 3);
        let _ = recorder.invoke(Thread(0), 4, Action::Poll(vec![Mop::Poll(None)]));
        let history = recorder.finish(5).unwrap();
        let told: Vec<_> = history.ops().iter().map(|op| (op.kind, op.process)).collect();
        let (first, second) = (Process::Client(0), Process::Client(1));
        let expected = [
            (Kind::Invoke, first),
            (Kind::Info, first),
            (Kind::Invoke, second),
            (Kind::Ok, second),
            (Kind::Invoke, second),
            (Kind::Info, second),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_value_sent_twice_is_refused() {
        let mut recorder = Recorder::new(2);
        let _ = recorder.invoke(Thread(0), 0, Action::Send(vec![SEND]));
        let _ = recorder.invoke(Thread(1), 0, Action::Send(vec![SEND]));
        let refused = HistoryError::SentTwice { key: Key(1), value: Value(7), index: 1 };
        assert_eq!(recorder.finish(1), Err(refused));
    }
}
