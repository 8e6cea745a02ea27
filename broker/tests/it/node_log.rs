//! What a node logs, as its operator reads it.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tracing::Dispatch;

/// How long a line may take that a test waits for.
const LINE_TIME_MAX: Duration = Duration::from_secs(60);

/// The lines of all processes of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeLog {
    text: Arc<Mutex<String>>,
}

impl NodeLog {
    /// Has a thread log here that calls this as it starts.
    pub(crate) fn taken_by_threads(&self) -> impl Fn() + Send + Sync + 'static {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("info,openraft=error")
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        let dispatch = Dispatch::new(subscriber);
        // Until the thread ends.
        move || std::mem::forget(tracing::dispatcher::set_default(&dispatch))
    }

    /// The first line with all of these words, as soon as it's there.
    pub(crate) async fn line(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + LINE_TIME_MAX;
        loop {
            if let Some(line) = self.has(words) {
                return line;
            }
            assert!(Instant::now() < deadline, "no line with {words:?} in\n{self}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The first line with all of these words, if there is one.
    pub(crate) fn has(&self, words: &[&str]) -> Option<String> {
        let text = self.text.lock().unwrap();
        let line = text.lines().find(|line| words.iter().all(|word| line.contains(word)));
        line.map(str::to_owned)
    }

    /// Nobody was fenced, as far as this node has decided it.
    pub(crate) fn assert_nobody_was_fenced(&self) {
        assert_eq!(self.has(&["fenced"]), None);
    }
}

impl fmt::Display for NodeLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text.lock().unwrap())
    }
}

impl Write for NodeLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
