//! The clients: programs in Python that tell of their progress line by line, write down their
//! histories, and come to their end when their input does.

use super::{PARTITIONS, Soak, TOPIC};
use crate::journal::wait;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What both producers together send in a second.
const RATE: u32 = 1500;

/// How many seconds the hasty producer waits for an acknowledgement. A failover may take longer:
/// this is how records come to fail.
const PATIENCE: &str = "1";

/// Until every client does something.
const WORKS_WITHIN: Duration = Duration::from_secs(60);

/// For the last deliveries, which may take as long as librdkafka tries, and for the last reads.
const ENDS_WITHIN: Duration = Duration::from_secs(900);

/// The processes of Jepsen's that one client may be.
const PROCESSES: u32 = 100_000_000;

#[derive(Debug)]
pub(super) struct Clients {
    producers: Vec<Client>,
    consumers: Vec<Client>,
}

impl Clients {
    /// A patient and a hasty producer, and a consumer by each library.
    pub(super) fn start(soak: &Soak, bootstrap: &str) -> Result<Self> {
        let producers: [(&str, &[&str]); 2] =
            [("patient", &[]), ("hasty", &["--patience", PATIENCE])];
        let consumers = ["confluent-kafka", "kafka-python"];
        let mut first_process = 0;
        let mut start = |name: &str, mut program: Command| {
            program.args(["--bootstrap", bootstrap, "--topic", TOPIC]);
            program.args(["--partitions", &PARTITIONS.to_string()]);
            program.args(["--first-process", &first_process.to_string()]);
            first_process += PROCESSES;
            Client::start(soak, name, program)
        };
        let mut clients = Self { producers: Vec::new(), consumers: Vec::new() };
        let writers = producers.len();
        for (writer, (name, options)) in producers.into_iter().enumerate() {
            let mut program = soak.program("producer.py");
            program.args(["--writer", &writer.to_string(), "--writers", &writers.to_string()]);
            let rate = f64::from(RATE) / f64::from(u32::try_from(writers)?);
            program.args(["--rate", &rate.to_string()]).args(options);
            clients.producers.push(start(name, program)?);
        }
        for library in consumers {
            let mut program = soak.program("consumer.py");
            program.arg(library);
            clients.consumers.push(start(library, program)?);
        }
        Ok(clients)
    }

    pub(super) fn until_all_work(&mut self) -> Result<()> {
        let deadline = Instant::now() + WORKS_WITHIN;
        while self.all().any(|client| client.progress.count() == 0) {
            self.watch()?;
            if Instant::now() > deadline {
                bail!("not every client did something within {WORKS_WITHIN:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.longest_gap();
        Ok(())
    }

    /// None of them ends by itself, unless something is wrong.
    pub(super) fn watch(&mut self) -> Result<()> {
        for client in self.producers.iter_mut().chain(&mut self.consumers) {
            if let Some(status) = client.child.try_wait().context("watching a client")? {
                bail!("{} ended with {status}: see {}", client.name, client.log.display());
            }
        }
        Ok(())
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.producers.iter().map(|producer| producer.progress.count()).sum()
    }

    pub(super) fn failed(&self) -> u64 {
        let failed = |producer: &Client| producer.progress.failed.load(Ordering::Relaxed);
        self.producers.iter().map(failed).sum()
    }

    /// How long a partition acknowledged nothing, since this was asked last.
    pub(super) fn longest_gap(&self) -> Duration {
        let gap = |producer: &Client| producer.progress.gap_ms.swap(0, Ordering::Relaxed);
        Duration::from_millis(self.producers.iter().map(gap).max().unwrap_or_default())
    }

    /// Lets the producers end and then the consumers, who so read all there is. Returns their
    /// histories.
    pub(super) fn end(self) -> Result<Vec<PathBuf>> {
        let mut histories = Vec::new();
        for mut clients in [self.producers, self.consumers] {
            clients.iter_mut().for_each(Client::ask_to_end);
            for client in clients {
                histories.push(client.end()?);
            }
        }
        Ok(histories)
    }

    fn all(&self) -> impl Iterator<Item = &Client> {
        self.producers.iter().chain(&self.consumers)
    }
}

/// What a client said last.
#[derive(Debug, Default)]
struct Progress {
    /// Records acknowledged, or read.
    count: AtomicU64,
    failed: AtomicU64,
    /// The longest that was told and not asked for yet.
    gap_ms: AtomicU64,
}

impl Progress {
    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// A count, which producers follow up with failures and a gap.
    fn note(&self, line: &str) {
        let mut numbers = line.split_whitespace().map_while(|word| word.parse().ok());
        if let Some(count) = numbers.next() {
            self.count.store(count, Ordering::Relaxed);
        }
        if let (Some(failed), Some(gap_ms)) = (numbers.next(), numbers.next()) {
            self.failed.store(failed, Ordering::Relaxed);
            self.gap_ms.fetch_max(gap_ms, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
struct Client {
    name: String,
    child: Child,
    progress: Arc<Progress>,
    reader: Option<JoinHandle<()>>,
    history: PathBuf,
    log: PathBuf,
}

impl Client {
    fn start(soak: &Soak, name: &str, mut program: Command) -> Result<Self> {
        let history = soak.file(&format!("{name}.json"));
        let mut child = program
            .arg("--history")
            .arg(&history)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(soak.log(name)?)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let output = child.stdout.take().context("the client's output")?;
        let progress = Arc::new(Progress::default());
        let told = Arc::clone(&progress);
        // Ends with the process.
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                told.note(&line);
            }
        });
        let (name, log) = (name.to_owned(), soak.file(&format!("{name}.log")));
        Ok(Self { name, child, progress, reader: Some(reader), history, log })
    }

    fn ask_to_end(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits until it has. Returns its history.
    fn end(mut self) -> Result<PathBuf> {
        let status = wait(&mut self.child, ENDS_WITHIN)?;
        if let Some(reader) = self.reader.take() {
            reader.join().ok().context("reading what a client says")?;
        }
        match status {
            Some(status) if status.success() => Ok(self.history.clone()),
            Some(status) => {
                bail!("{} ended with {status}: see {}", self.name, self.log.display())
            }
            None => bail!("{} did not end within {ENDS_WITHIN:?}", self.name),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended already. Nothing that fails here can be mended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_gap_is_remembered_until_it_is_asked_for() {
        let progress = Progress::default();
        for line in ["10 0 20", "30 2 900", "40 2 10", "no numbers"] {
            progress.note(line);
        }
        assert_eq!(progress.count(), 40);
        assert_eq!(progress.failed.load(Ordering::Relaxed), 2);
        assert_eq!(progress.gap_ms.load(Ordering::Relaxed), 900);
    }
}
