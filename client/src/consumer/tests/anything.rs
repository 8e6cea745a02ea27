//! Whatever happens: each record once, in order, from where the partition was sent.

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append(i32, i64),
    Poll,
    Wait(u64),
    Seek(i32, i64),
    Pause(i32),
    Resume(i32),
    Reassign(i32),
    Refuse(ErrorCode),
    ForgetSessions,
    Elect(i32),
    Down(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let partition = || 0..3;
    prop_oneof![
        6 => (partition(), 1..30_i64).prop_map(|(at, count)| Step::Append(at, count)),
        8 => Just(Step::Poll),
        2 => (0..40_u64).prop_map(Step::Wait),
        2 => (partition(), 0..100_i64).prop_map(|(at, percent)| Step::Seek(at, percent)),
        1 => partition().prop_map(Step::Pause),
        2 => partition().prop_map(Step::Resume),
        1 => partition().prop_map(Step::Reassign),
        1 => prop::sample::select(vec![
            ErrorCode::NotLeaderOrFollower,
            ErrorCode::FencedLeaderEpoch,
            ErrorCode::UnknownLeaderEpoch,
            ErrorCode::UnknownTopicId,
        ]).prop_map(Step::Refuse),
        1 => Just(Step::ForgetSessions),
        1 => partition().prop_map(Step::Elect),
        1 => (0..20_u64).prop_map(Step::Down),
    ]
}

/// What the application knows of one partition.
#[derive(Default)]
struct Model {
    end: i64,
    next: i64,
    is_paused: bool,
}

struct Bench {
    broker: FakeBroker,
    consumer: Consumer,
    models: [Model; 3],
}

impl Bench {
    async fn new(has_sessions: bool) -> Self {
        let broker = FakeBroker::with_topic("orders", 3);
        if has_sessions {
            broker.open_fetch_sessions();
        }
        let options = ConsumerOptions {
            partition_max_bytes: 600,
            read_ahead_bytes: 4000,
            ..options(OffsetReset::Earliest)
        };
        let mut consumer = Consumer::new(broker.cluster().await, options);
        consumer.assign((0..3).map(at));
        Self { broker, consumer, models: Default::default() }
    }

    fn model(&mut self, partition: i32) -> &mut Model {
        &mut self.models[usize::try_from(partition).unwrap()]
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Append(partition, count) => {
                let model = self.model(partition);
                let begin = model.end;
                model.end += count;
                fill(&self.broker, partition, begin..begin + count);
            }
            Step::Poll => {
                self.poll(Duration::from_millis(3)).await;
            }
            Step::Wait(millis) => sleep(Duration::from_millis(millis)).await,
            Step::Seek(partition, percent) => {
                let model = self.model(partition);
                model.next = model.end * percent / 100;
                let place = Place::At(Offset(model.next));
                self.consumer.seek(&at(partition), place).unwrap();
            }
            Step::Pause(partition) => {
                self.model(partition).is_paused = true;
                self.consumer.pause([&at(partition)]).unwrap();
            }
            Step::Resume(partition) => {
                self.model(partition).is_paused = false;
                self.consumer.resume([&at(partition)]).unwrap();
            }
            Step::Reassign(partition) => {
                *self.model(partition) =
                    Model { end: self.model(partition).end, ..Default::default() };
                self.consumer.assign((0..3).filter(|other| *other != partition).map(at));
                self.consumer.assign((0..3).map(at));
            }
            Step::Refuse(code) => self.broker.fail_fetch([code]),
            Step::ForgetSessions => self.broker.forget_fetch_sessions(),
            Step::Elect(partition) => {
                let end = self.model(partition).end;
                self.broker.elect(&at(partition), end);
            }
            Step::Down(millis) => {
                self.broker.set_down(true);
                self.poll(Duration::from_millis(millis)).await;
                self.broker.set_down(false);
            }
        }
    }

    async fn poll(&mut self, at_most: Duration) {
        for record in self.consumer.poll(at_most).await.unwrap() {
            let model = self.model(record.partition.partition.0);
            assert!(!model.is_paused);
            assert_eq!(record.offset, Offset(model.next));
            assert_eq!(record.timestamp, Timestamp(model.next * 10));
            model.next += 1;
        }
        let held: usize = self.consumer.peers.values().map(|peer| peer.memory.bytes()).sum();
        assert!(held <= 4000, "{held} bytes");
    }

    async fn read_to_the_end(&mut self) {
        for partition in 0..3 {
            self.step(Step::Resume(partition)).await;
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.models.iter().any(|model| model.next < model.end) {
            assert!(Instant::now() < deadline, "records are missing");
            self.poll(Duration::from_millis(100)).await;
        }
        for partition in 0..3 {
            let position = self.consumer.position(&at(partition)).await.unwrap();
            assert_eq!(position, Offset(self.model(partition).end));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..Default::default() })]
    #[test]
    fn each_record_comes_once_and_in_order(
        has_sessions in any::<bool>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let mut bench = Bench::new(has_sessions).await;
            for step in steps {
                bench.step(step).await;
            }
            bench.read_to_the_end().await;
        });
    }
}
