//! Random work, a crash in the middle of any change, crashes during recovery, and the comparison.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use protocol::{BrokerEpoch, LeaderEpoch, Offset, Timestamp, records::BatchHeader};
use simdisk::{Crash, Rng, SimDisk};
use storage::{Error, Log};

use crate::model::{Model, append, config, open_log};

/// What may be found after a crash in the middle of a step, besides what the model has.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Nothing,
    /// The log may end anywhere from here on.
    Truncating(Offset),
    /// The log may also be empty and start at `offset`, or have lost some or all of what it had.
    StartingAt {
        offset: Offset,
        end_before: Offset,
    },
}

struct Run {
    rng: Rng,
    disk: SimDisk,
    model: Model,
    doing: Doing,
}

impl Run {
    fn new(seed: u64) -> Self {
        let model = Model { epoch: LeaderEpoch(0), ..Model::default() };
        Self { rng: Rng::new(seed), disk: SimDisk::new(seed), model, doing: Doing::Nothing }
    }

    fn offset_below(&mut self, end: Offset) -> Offset {
        Offset(i64::try_from(self.rng.below(u64::try_from(end.0 + 1).unwrap())).unwrap())
    }

    fn step(&mut self, log: &mut Log) -> Result<(), Error> {
        let dice = self.rng.below(100);
        if std::env::var_os("TRACE").is_some() {
            let (start, end, synced) =
                (log.log_start_offset(), log.log_end_offset(), log.synced_end());
            let segments: Vec<i64> = log.segment_base_offsets().map(|base| base.0).collect();
            eprintln!("{start}..{end} synced {synced} segments {segments:?}: step {dice}");
        }
        match dice {
            0..50 => append(log, &mut self.model, &mut self.rng)?,
            50..55 => self.append_fetched(log)?,
            55..70 => self.sync(log)?,
            70..75 => log.log_dir().checkpoint()?,
            75..78 => log.roll(Timestamp(0), &self.model.snapshot())?,
            78..82 => self.retain(log)?,
            82..87 => self.truncate(log)?,
            87..89 => {
                let start = self.offset_below(log.log_end_offset());
                log.advance_log_start_offset(start)?;
            }
            89..93 => {
                self.model.epoch = LeaderEpoch(self.model.epoch.0 + 1);
                log.assign_epoch(self.model.epoch, log.log_end_offset());
            }
            93..95 => self.disk.evict(),
            95..99 => self.model.check(log, &mut self.rng),
            _ => self.restart(log)?,
        }
        Ok(())
    }

    fn append_fetched(&mut self, log: &mut Log) -> Result<(), Error> {
        let mut end = log.log_end_offset();
        let (mut bytes, mut headers) = (Vec::new(), Vec::new());
        for _ in 0..=self.rng.below(4) {
            let batch = self.model.new_batch(end, &mut self.rng);
            let header = BatchHeader::parse(&batch).unwrap();
            bytes.extend_from_slice(&batch);
            headers.push(header);
            end = header.next_offset();
        }
        let snapshot = || self.model.snapshot();
        let result = log.append_fetched(&bytes, &headers, Timestamp(0), snapshot);
        self.model.insert(&bytes);
        result
    }

    fn sync(&mut self, log: &mut Log) -> Result<(), Error> {
        let Some(job) = log.begin_sync() else { return Ok(()) };
        if self.rng.percent(30) {
            append(log, &mut self.model, &mut self.rng)?;
        }
        job.run()?;
        if self.rng.percent(30) {
            self.truncate(log)?;
        }
        log.finish_sync(job);
        self.model.promised = log.synced_end();
        Ok(())
    }

    fn retain(&mut self, log: &mut Log) -> Result<(), Error> {
        let bytes = log.size_in_bytes() / 2;
        let mut config = config();
        config.retention_bytes = self.rng.percent(80).then_some(bytes);
        config.retention_ms = self.rng.percent(10).then_some(0);
        log.set_config(config);
        let high_watermark = self.offset_below(log.log_end_offset());
        let now = Timestamp(log.log_end_offset().0 * 10);
        log.delete_old_segments(now, high_watermark, || self.model.snapshot())?;
        assert!(log.log_start_offset() <= high_watermark.max(log.log_start_offset()));
        Ok(())
    }

    fn truncate(&mut self, log: &mut Log) -> Result<(), Error> {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        let target = if self.rng.percent(10) {
            self.offset_below(end.plus(50))
        } else {
            start.plus(self.offset_below(Offset(end.0 - start.0)).0)
        };
        if target > end || target < start {
            self.doing = Doing::StartingAt { offset: target, end_before: end };
            log.truncate_fully_and_start_at(target, Timestamp(0))?;
            self.model.batches.clear();
            self.model.promised = target;
        } else {
            let expected = self.model.truncated_end(target);
            self.doing = Doing::Truncating(expected);
            let found = log.truncate_to(target, Timestamp(0))?;
            assert_eq!(found, if target == end { end } else { expected });
            self.model.truncate(found);
        }
        self.doing = Doing::Nothing;
        Ok(())
    }

    /// A clean stop and a new start.
    fn restart(&mut self, log: &mut Log) -> Result<(), Error> {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        log.close(&self.model.snapshot())?;
        self.model.promised = end;
        log.log_dir().close(BrokerEpoch(1))?;
        self.disk.crash(Crash::Power);
        self.disk = self.disk.reopen();
        let changes = self.disk.changes();
        let (opened, producers) = open_log(&self.disk, config())?;
        assert_eq!((opened.log_start_offset(), opened.log_end_offset()), (start, end));
        // Two for the directory itself: it "creates" what is there.
        assert!(self.disk.changes() <= changes + 2, "a clean start writes nothing");
        assert_eq!(opened.synced_end(), end);
        assert_eq!(opened.log_dir().previous_broker_epoch(), Some(BrokerEpoch(1)));
        self.model.check(&opened, &mut self.rng);
        self.model.check_producers(&opened, &producers);
        self.disk.crash_after(self.rng.below(150));
        *log = opened;
        Ok(())
    }

    /// The machine starts again, maybe crashes again while it recovers, and has a log.
    fn recover(&mut self) -> Log {
        if std::env::var_os("TRACE").is_some() {
            eprintln!("crash while {:?}, promised {}", self.doing, self.model.promised);
        }
        let crash = if self.rng.percent(70) { Crash::Power } else { Crash::Process };
        self.disk.crash(crash);
        self.disk = self.disk.reopen();
        for _ in 0..self.rng.below(3) {
            self.disk.crash_after(self.rng.below(12));
            let opened = open_log(&self.disk, config());
            if let Err(error) = &opened {
                assert!(self.disk.is_down(), "recovery fails only when it is interrupted: {error}");
            }
            drop(opened);
            let crash = if self.rng.percent(70) { Crash::Power } else { Crash::Process };
            self.disk.crash(crash);
            self.disk = self.disk.reopen();
        }
        let (log, producers) = open_log(&self.disk, config()).unwrap();
        self.accept(&log);
        self.model.check(&log, &mut self.rng);
        self.model.check_producers(&log, &producers);

        // Once more: what recovery made of the log needs no more recovery.
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        drop(log);
        self.disk.crash(Crash::Process);
        self.disk = self.disk.reopen();
        let (log, again) = open_log(&self.disk, config()).unwrap();
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, end));
        assert_eq!(again, producers);
        self.model.check(&log, &mut self.rng);
        log
    }

    /// Whether the log may have been left like this; the model then follows it.
    fn accept(&mut self, log: &Log) {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        match self.doing {
            Doing::StartingAt { offset, end_before } => {
                let is_new = start == end && end == offset;
                assert!(is_new || end <= end_before, "{start}..{end}");
            }
            Doing::Truncating(least) => {
                assert!(end >= least.min(self.model.promised), "{end} is before {least}");
            }
            Doing::Nothing => {
                let promised = self.model.promised;
                assert!(end >= promised, "the log ends at {end}, promised was {promised}");
            }
        }
        self.doing = Doing::Nothing;
        self.model.truncate(end);
        assert_eq!(log.synced_end(), end, "what recovery leaves is durable");
        self.model.promised = end;
    }
}

fn run(seed: u64) {
    let mut run = Run::new(seed);
    let mut log = open_log(&run.disk, config()).unwrap().0;
    for _ in 0..4 {
        let changes = 1 + run.rng.below(150);
        run.disk.crash_after(changes);
        while !run.disk.is_down() {
            if let Err(error) = run.step(&mut log) {
                assert!(run.disk.is_down(), "nothing but the crash fails: {error}");
            }
        }
        drop(log);
        log = run.recover();
    }
}

#[test]
fn after_any_crash_the_log_is_a_prefix_with_all_that_was_promised() {
    let seeds = std::env::var("SEEDS").map_or(0..300, |seeds| {
        let (from, to) = seeds.split_once("..").expect("SEEDS=from..to");
        from.parse().unwrap()..to.parse().unwrap()
    });
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("reproduce: SEEDS={seed}..{} cargo test -p simdisk crashes", seed + 1);
            resume_unwind(panic);
        }
    }
}
