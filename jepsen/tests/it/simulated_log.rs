//! Clients of logs that do nothing wrong, driven by a list of numbers, and what they record.

use std::collections::BTreeMap;

use jepsen::edn::Edn;
use jepsen::{Action, History, Key, Mop, Offset, Pending, Polled, Record, Recorder, Thread, Value};

const THREADS: [Thread; 4] = [Thread(0), Thread(1), Thread(2), Thread(3)];
const KEYS: [Key; 3] = [Key(1), Key(2), Key(3)];

/// Values acknowledged in key 1 before anything else happens, at offsets from 0.
pub(crate) const FIRST: i64 = 5;

/// A good history, and where key 1 ends in it.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    pub(crate) history: History,
    pub(crate) end: Offset,
}

/// What a thread is about.
enum Doing {
    /// The sends from this place on are not in the log yet.
    Sending {
        pending: Pending,
        mops: Vec<(Key, Value)>,
        next: usize,
    },
    Polling {
        pending: Pending,
        polls: usize,
    },
    Asking {
        pending: Pending,
    },
}

#[derive(Default)]
struct Client {
    doing: Option<Doing>,
    positions: BTreeMap<Key, usize>,
}

struct World {
    recorder: Recorder,
    clients: BTreeMap<Thread, Client>,
    /// A gap is `None`.
    logs: BTreeMap<Key, Vec<Option<Value>>>,
    values: i64,
    time: i64,
    choices: usize,
}

/// Runs one step of some thread for each number, then polls everything.
pub(crate) fn run(numbers: &[usize]) -> Good {
    let mut world = World {
        recorder: Recorder::new(4),
        clients: THREADS.map(|thread| (thread, Client::default())).into(),
        logs: KEYS.map(|key| (key, Vec::new())).into(),
        values: 0,
        time: 0,
        choices: 0,
    };
    for _ in 0..FIRST {
        world.send(THREADS[0], &[KEYS[0]]);
        world.finish_doing(THREADS[0]);
    }
    for number in numbers {
        world.choices = *number;
        let thread = THREADS[world.choose(THREADS.len())];
        world.step(thread);
    }
    world.choices = 0;
    THREADS.into_iter().for_each(|thread| world.finish_doing(thread));
    THREADS.into_iter().for_each(|thread| world.poll_everything(thread));
    let end = offset(world.logs[&KEYS[0]].len());
    let history = world.recorder.finish(world.time).expect("values are counted up");
    Good { history, end }
}

fn offset(place: usize) -> Offset {
    Offset(i64::try_from(place).expect("a log of a test is short"))
}

impl World {
    /// The next choice below a bound.
    fn choose(&mut self, bound: usize) -> usize {
        let choice = self.choices % bound;
        self.choices /= bound;
        choice
    }

    fn now(&mut self) -> i64 {
        self.time += 10;
        self.time
    }

    fn client(&mut self, thread: Thread) -> &mut Client {
        self.clients.get_mut(&thread).expect("every thread has a client")
    }

    fn step(&mut self, thread: Thread) {
        match self.client(thread).doing.take() {
            None => self.begin(thread),
            Some(Doing::Sending { pending, mops, next }) => self.go_on(thread, pending, mops, next),
            Some(Doing::Polling { pending, polls }) => self.end_poll(thread, pending, polls),
            Some(Doing::Asking { pending }) => self.answer(pending),
        }
    }

    fn begin(&mut self, thread: Thread) {
        match self.choose(10) {
            0..4 => {
                let count = self.choose(3) + 1;
                let keys: Vec<Key> = (0..count).map(|_| KEYS[self.choose(3)]).collect();
                self.send(thread, &keys);
            }
            4..7 => self.poll(thread),
            7 => self.assign(thread),
            8 => self.ask(thread),
            _ => {
                let now = self.now();
                self.recorder.nemesis(now, "kill", Edn::Int(1));
                self.recorder.crash(thread, now);
                *self.client(thread) = Client::default();
            }
        }
    }

    fn send(&mut self, thread: Thread, keys: &[Key]) {
        let mops: Vec<_> = keys.iter().copied().zip((self.values..).map(Value)).collect();
        self.values = mops.last().map_or(self.values, |(_, value)| value.0 + 1);
        let sends = mops.iter().map(|(key, value)| Mop::send(*key, *value)).collect();
        let now = self.now();
        let pending = self.recorder.invoke(thread, now, Action::Send(sends));
        self.client(thread).doing = Some(Doing::Sending { pending, mops, next: 0 });
    }

    /// Appends one value, or ends: failing only before anything was appended.
    fn go_on(
        &mut self,
        thread: Thread,
        mut pending: Pending,
        mops: Vec<(Key, Value)>,
        next: usize,
    ) {
        let now = self.now();
        match (self.choose(8), mops.get(next)) {
            (0, _) if next == 0 => self.recorder.fail(pending, now),
            (1, _) => {
                self.recorder.info(pending, now);
                *self.client(thread) = Client::default();
            }
            (_, None) => self.recorder.ok(pending, now),
            (_, Some(&(key, value))) => {
                if self.choose(5) == 4 {
                    self.logs.get_mut(&key).unwrap().push(None);
                }
                let log = self.logs.get_mut(&key).unwrap();
                let offset = offset(log.len());
                log.push(Some(value));
                // Nobody may have been told the offset.
                if self.choose(6) < 5 {
                    pending.sent(next, offset);
                }
                let doing = Doing::Sending { pending, mops, next: next + 1 };
                self.client(thread).doing = Some(doing);
            }
        }
    }

    fn poll(&mut self, thread: Thread) {
        let polls = self.choose(2) + 1;
        let now = self.now();
        let action = Action::Poll(vec![Mop::Poll(None); polls]);
        let pending = self.recorder.invoke(thread, now, action);
        self.client(thread).doing = Some(Doing::Polling { pending, polls });
    }

    /// Ends a poll. One that is not ok gives the same records, and they are polled again.
    fn end_poll(&mut self, thread: Thread, mut pending: Pending, polls: usize) {
        let before = self.clients[&thread].positions.clone();
        for place in 0..polls {
            let records_max = self.choose(4);
            let records = self.take(thread, records_max);
            pending.polled(place, records);
        }
        let now = self.now();
        match self.choose(6) {
            0 => {
                self.recorder.fail(pending, now);
                self.client(thread).positions = before;
            }
            1 => {
                self.recorder.info(pending, now);
                *self.client(thread) = Client::default();
            }
            _ => self.recorder.ok(pending, now),
        }
    }

    /// Some records of each key of a thread, from where it is.
    fn take(&mut self, thread: Thread, records_max: usize) -> Polled {
        let Self { clients, logs, .. } = self;
        let mut polled = Polled::new();
        for (key, position) in &mut clients.get_mut(&thread).unwrap().positions {
            let records = polled.entry(*key).or_default();
            while let Some(entry) = logs[key].get(*position).filter(|_| records.len() < records_max)
            {
                let offset = offset(*position);
                records.extend(entry.map(|value| Record { offset, value }));
                *position += 1;
            }
        }
        polled
    }

    fn assign(&mut self, thread: Thread) {
        let chosen = self.choose(8);
        let keys: Vec<Key> =
            KEYS.into_iter().filter(|key| chosen & (1 << (key.0 - 1)) > 0).collect();
        let seek_to_beginning = self.choose(4) == 3;
        let now = self.now();
        let assign = Action::Assign { keys: keys.clone(), seek_to_beginning };
        let pending = self.recorder.invoke(thread, now, assign);
        self.recorder.ok(pending, now);
        let old = std::mem::take(&mut self.client(thread).positions);
        let position = |key| if seek_to_beginning { 0 } else { *old.get(&key).unwrap_or(&0) };
        let positions = keys.into_iter().map(|key| (key, position(key))).collect();
        self.client(thread).positions = positions;
    }

    fn ask(&mut self, thread: Thread) {
        let now = self.now();
        let nothing = KEYS.map(|key| (key, None)).into();
        let pending = self.recorder.invoke(thread, now, Action::LatestOffsets(nothing));
        self.client(thread).doing = Some(Doing::Asking { pending });
    }

    fn answer(&mut self, mut pending: Pending) {
        for (key, log) in &self.logs {
            pending.latest(*key, offset(log.len()));
        }
        let now = self.now();
        self.recorder.ok(pending, now);
    }

    /// Ends what a thread is about, well.
    fn finish_doing(&mut self, thread: Thread) {
        while self.clients[&thread].doing.is_some() {
            // Choices that are neither a failure, nor an unknown outcome, nor a gap.
            self.choices = 2;
            self.step(thread);
        }
    }

    fn poll_everything(&mut self, thread: Thread) {
        let now = self.now();
        self.recorder.crash(thread, now);
        let assign = Action::Assign { keys: KEYS.to_vec(), seek_to_beginning: true };
        let pending = self.recorder.invoke(thread, now, assign);
        self.recorder.ok(pending, now);
        self.client(thread).positions = KEYS.map(|key| (key, 0)).into();
        loop {
            let now = self.now();
            let action = Action::Poll(vec![Mop::Poll(None)]);
            let mut pending = self.recorder.invoke(thread, now, action);
            let records = self.take(thread, 7);
            let done = records.values().all(Vec::is_empty);
            pending.polled(0, records);
            self.recorder.ok(pending, now);
            if done {
                return;
            }
        }
    }
}
