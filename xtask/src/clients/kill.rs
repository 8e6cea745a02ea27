//! kill -9 under load, again and again: what was acknowledged stays, in order, each record once.

use super::{rdkafka_program, with_node};
use crate::journal::wait;
use crate::step::{Outcome, Stage};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const KILLS: u64 = 50;

/// The node serves again and acknowledges well within this.
const PROGRESS: Duration = Duration::from_secs(60);

/// For the last deliveries and for reading everything back.
const JUDGEMENT: Duration = Duration::from_secs(400);

pub(crate) fn kill_under_load(stage: &mut Stage<'_>) -> Result<Outcome> {
    let program = match rdkafka_program(stage)? {
        Ok(program) => program,
        Err(missing) => return Ok(Outcome::Skipped(missing)),
    };
    let mut acknowledged = 0;
    with_node(stage, "kill", |stage, node| {
        let mut load = Load::start(&program, &node.bootstrap(), stage)?;
        for kill in 1..=KILLS {
            // Uneven, so that it hits the node at ever other moments of its work.
            let more = 200 + kill * 137 % 1500;
            load.acknowledges(more).with_context(|| format!("before kill {kill}"))?;
            node.kill_and_restart().with_context(|| format!("after kill {kill}"))?;
            stage.journal.note(&format!("kill {kill}: {} acknowledged", load.so_far()))?;
        }
        load.acknowledges(1).context("after the last kill")?;
        acknowledged = load.so_far();
        load.end(stage)
    })?;
    Ok(Outcome::Passed(format!("{KILLS} kills, {acknowledged} records and more")))
}

/// The running producer.
struct Load {
    child: Child,
    acknowledged: Arc<AtomicU64>,
    reader: Option<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(program: &Path, bootstrap: &str, stage: &Stage<'_>) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["load", bootstrap])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stage.journal.output()?)
            .spawn()
            .context("starting the load")?;
        let output = child.stdout.take().context("the load's output")?;
        let acknowledged = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&acknowledged);
        // Ends with the process. Returns what is not a count.
        let reader = std::thread::spawn(move || {
            let mut other = Vec::new();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                match line.strip_prefix("acknowledged ").map(str::parse) {
                    Some(Ok(count)) => counter.store(count, Ordering::SeqCst),
                    _ => other.push(line),
                }
            }
            other
        });
        Ok(Self { child, acknowledged, reader: Some(reader) })
    }

    fn so_far(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Waits until that many more records are acknowledged.
    fn acknowledges(&mut self, more: u64) -> Result<()> {
        let goal = self.so_far() + more;
        let deadline = Instant::now() + PROGRESS;
        while self.so_far() < goal {
            if let Some(status) = self.child.try_wait().context("watching the load")? {
                bail!("the producer ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("{} of {goal} records were acknowledged in {PROGRESS:?}", self.so_far());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Has the producer deliver what is left, and judge.
    fn end(mut self, stage: &mut Stage<'_>) -> Result<()> {
        drop(self.child.stdin.take());
        let status = wait(&mut self.child, JUDGEMENT)?;
        let reader = self.reader.take().context("the load ends once")?;
        for line in reader.join().unwrap_or_default() {
            stage.journal.note(&line)?;
        }
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the producer's judgement: {status}"),
            None => bail!("the producer did not end within {JUDGEMENT:?}"),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended already. Nothing that fails here can be mended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
