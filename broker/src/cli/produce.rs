//! `ottla produce`: sends records.

mod input;
mod pace;
mod recipe;
mod report;

use std::{future, mem, path::PathBuf};

use clap::Args;
use client::{Admin, Cluster, Producer, producer::Sent};
use futures_util::future::{BoxFuture, try_join};
use protocol::{PartitionIndex, TopicName};
use tokio::{
    select,
    sync::mpsc::{self, Receiver, Sender},
    time::Instant,
};

use self::{
    input::{Block, Framing, Input},
    pace::{Pace, Rate},
    recipe::{Recipe, RecipeOptions, some_bytes},
    report::Report,
};
use super::{
    Error, Process, advice::on_unknown_topic, connect::Connect, consume::no_such_partition,
    output::Output, progress::Progress, sending::Sending,
};

/// How many records may wait for their acknowledgement before no more are sent.
const UNACKNOWLEDGED_MAX: usize = 10_000;

/// Sends a record for each line of the standard input, or of files.
#[derive(Debug, Args)]
#[command(override_usage = "ottla produce [OPTIONS] <TOPIC> [FILE]...", after_help = EXAMPLES)]
#[command(mut_arg("format", |format| {
    format.help("What to print: nothing unless something fails, or JSON with each record's place")
}))]
pub(super) struct Produce {
    /// The topic.
    #[arg(value_name = "TOPIC", required_unless_present = "named")]
    topic: Option<String>,
    /// What to send, a record for each line; the standard input unless given.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The topic as an option: all arguments are files then.
    #[arg(short = 't', long = "topic", value_name = "TOPIC")]
    named: Option<String>,
    /// Send each file as one record.
    #[arg(long, conflicts_with = "delimiter")]
    whole_file: bool,
    /// What ends a record, in place of a line's end: text, \t, \0, \xNN.
    #[arg(long, short = 'D', value_parser = some_bytes)]
    delimiter: Option<bytes::Bytes>,
    /// How many records to send, at most, in a second (500 or 500/s), a minute (30/m) or an hour.
    #[arg(long, value_name = "N/s")]
    rate: Option<Rate>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
    /// Print at the end how many records went to each partition.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    recipe: RecipeOptions,
    #[command(flatten)]
    sending: Sending,
}

const EXAMPLES: &str = r"Examples:
  echo hello | ottla produce greetings
  ottla produce positions trucks.csv -K ,            the key is what stands before the comma
  ottla produce positions trucks.csv -z lz4 --rate 100/s
  ottla produce photos --whole-file -H type=jpeg a.jpg b.jpg
  echo truck-7: | ottla produce positions -K : -Z    delete a key of a compacted topic";

impl Produce {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let options = self.sending.options()?;
        let (topic, files) = self.topic_and_files();
        let input = Input::new(&files, self.framing(), options.request_bytes_max);
        let size = input.size_in_bytes()?;
        let recipe = self.recipe.recipe(topic.clone());
        let stop = mem::replace(&mut process.stop, Box::pin(future::pending()));
        let mut report = Report::new(&mut process, &self.output, self.verbose);
        // Where the input has no size, somebody may be typing it.
        let progress = size.filter(|_| report.leaves_terminal_alone());
        let progress = progress.map(|size| Progress::of_bytes(Some(size), "sending"));

        let (sent, unacknowledged) = mpsc::channel(UNACKNOWLEDGED_MAX);
        let mut producer = None;
        let sending = async {
            let cluster = self.connect.cluster(true).await?;
            self.check_topic(&cluster, &topic).await?;
            let producer = producer.insert(Producer::new(cluster, options));
            let pace = Pace::new(self.rate, Instant::now());
            send_all(producer, input.read(), &recipe, pace, sent, progress).await
        };
        let sending = unless_stopped(stop, sending);
        let settling = settle(unacknowledged, &mut report);
        let (is_whole, ()) = Box::pin(try_join(sending, settling)).await?;
        report.finish(&topic)?;
        if is_whole { Ok(()) } else { Err(Error::Interrupted) }
    }

    fn topic_and_files(&self) -> (TopicName, Vec<PathBuf>) {
        let mut files = self.files.clone();
        let topic = match (&self.named, &self.topic) {
            (Some(named), first) => {
                files.splice(0..0, first.iter().map(PathBuf::from));
                named
            }
            (None, topic) => topic.as_ref().expect("the command line requires one of them"),
        };
        (topic.as_str().into(), files)
    }

    fn framing(&self) -> Framing {
        match &self.delimiter {
            Some(delimiter) => Framing::Delimited(delimiter.as_ref().into()),
            None if self.whole_file => Framing::Whole,
            None => Framing::Line,
        }
    }

    /// The producer would wait for what may be about to come. Who waits here wants to know.
    async fn check_topic(&self, cluster: &Cluster, name: &TopicName) -> Result<(), Error> {
        let topic = match cluster.wait_for_topic(name).await {
            Ok(topic) => topic,
            Err(error) => {
                let admin = Admin::new(cluster.clone());
                return Err(on_unknown_topic(&admin, name, error).await);
            }
        };
        let partition = self.recipe.partition.map(PartitionIndex);
        match partition.filter(|partition| !topic.partitions.contains_key(partition)) {
            Some(missing) => Err(no_such_partition(&topic, missing)),
            None => Ok(()),
        }
    }
}

/// Does something, and says whether it was done before it was to stop.
async fn unless_stopped(
    mut stop: BoxFuture<'static, ()>,
    doing: impl Future<Output = Result<(), Error>>,
) -> Result<bool, Error> {
    select! {
        biased;
        () = &mut stop => Ok(false),
        done = doing => done.map(|()| true),
    }
}

async fn send_all(
    producer: &Producer,
    mut input: Receiver<Result<Block, Error>>,
    recipe: &Recipe,
    mut pace: Pace,
    sent: Sender<Sent>,
    progress: Option<Progress>,
) -> Result<(), Error> {
    loop {
        let idle_since = Instant::now();
        let Some(block) = input.recv().await else { return Ok(()) };
        pace.was_idle(idle_since, Instant::now());
        let Block { records, bytes } = block?;
        for record in records {
            pace.next().await;
            // Room first: a record that is queued is always waited for. There is none where
            // waiting for earlier ones failed, and then that is what the caller hears of.
            let Ok(room) = sent.reserve().await else { return Ok(()) };
            room.send(producer.queue(recipe.record(record)).await?);
        }
        if let Some(progress) = &progress {
            progress.advance(bytes);
        }
    }
}

/// Waits for acknowledgements, in the order of the records.
async fn settle(mut unacknowledged: Receiver<Sent>, report: &mut Report<'_>) -> Result<(), Error> {
    while let Some(sent) = report.wait(unacknowledged.recv()).await? {
        let delivery = report.wait(sent.delivery()).await??;
        report.delivered(&delivery)?;
    }
    Ok(())
}
