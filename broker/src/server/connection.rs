//! One client's connection: reads requests ahead within a bound, answers them in order.
//!
//! A request has two halves. Its *start* runs while no other request of the connection is starting,
//! so what a client sends first happens first: pipelined produce requests are appended in the order
//! they arrived. Its *answer* may come later (acks=all waits for replicas) and holds up no start of
//! the next one, but answers leave in the order of their requests. A client that doesn't take its
//! answers is not read from any more, and in the end given up.

use std::{collections::VecDeque, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use client::net::Stream;
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{
    io::{ReadHalf, WriteHalf},
    time::{Instant, sleep_until},
};
use tracing::{debug, warn};

use crate::{
    api,
    broker::Broker,
    server::{
        answer::Answer,
        answer_writer::AnswerWriter,
        frame_reader::{Frame, FrameError, FrameReader},
        request_context::ConnectionContext,
        shutdown::Shutdown,
    },
};

/// Requests read ahead of the one that is starting.
const REQUESTS_AHEAD_MAX: usize = 8;

/// Requests that have started and wait for their answers. A client keeps five in flight at most if
/// it's idempotent; others may go further before they are made to wait.
const ANSWERS_WAITING_MAX: usize = 64;

/// An answer may be held while the next requests are there already, so that one write takes the
/// answers of several: at most while this many bytes of requests were taken since the last write.
const HELD_BYTES_MAX: usize = 64 << 10;

/// What the smallest request counts for among them, since it takes time however small it is.
const HELD_BYTES_PER_REQUEST_MIN: usize = 8 << 10;

/// After the client closed its side, what it sent before may take this long to be done.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// What became of the start of a request.
pub(crate) enum Outcome {
    /// The answer is there.
    Answer(Answer),
    /// The answer comes later.
    Later(BoxFuture<'static, Option<Answer>>),
    /// The client wants no answer (acks=0).
    Nothing,
    /// The connection has to end: Kafka has no answer for this.
    Close(String),
}

pub(crate) struct Connection {
    broker: Arc<Broker>,
    context: Arc<ConnectionContext>,
    frames: FrameReader<ReadHalf<Stream>>,
    writer: AnswerWriter<WriteHalf<Stream>>,
    ahead: VecDeque<Frame>,
    starting: Option<BoxFuture<'static, Outcome>>,
    answers: VecDeque<BoxFuture<'static, Option<Answer>>>,
    /// The size of the requests taken since everything was written.
    held_bytes: usize,
    /// Off when no further request is taken: what was read is still done.
    reads: bool,
    /// Since when nothing was asked.
    idle_since: Instant,
    /// When the connection ends, done or not, since nobody may be there any more.
    closes_at: Option<Instant>,
}

impl Connection {
    pub(crate) fn new(broker: Arc<Broker>, context: ConnectionContext, stream: Stream) -> Self {
        let (read, write) = tokio::io::split(stream);
        let bytes_max = broker.config.socket_request_bytes_max;
        let frames = FrameReader::new(read, bytes_max, broker.request_memory(context.kind).clone());
        Self {
            broker,
            context: Arc::new(context),
            frames,
            writer: AnswerWriter::new(write),
            ahead: VecDeque::new(),
            starting: None,
            answers: VecDeque::new(),
            held_bytes: 0,
            reads: true,
            idle_since: Instant::now(),
            closes_at: None,
        }
    }

    /// Serves the connection to its end. After a shutdown was requested that's when all requests
    /// are answered that were read before.
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let peer = self.context.peer;
        match self.serve(&shutdown).await {
            Ok(()) => debug!(%peer, "connection closed"),
            Err(End::Frame(error)) => warn!(%peer, %error, "closing connection"),
            Err(End::Refused(reason)) => warn!(%peer, reason, "closing connection"),
            Err(End::Io(error)) => debug!(%peer, %error, "connection lost"),
        }
        let heartbeats_of = *self.context.heartbeats_of.lock().expect("no panic while it's set");
        if let (Some((id, epoch)), Ok(controller)) = (heartbeats_of, self.broker.controller()) {
            controller.broker_disconnected(id, epoch);
        }
    }

    async fn serve(&mut self, shutdown: &Shutdown) -> Result<(), End> {
        loop {
            self.start_next();
            if self.may_hold_answers()
                && let Some(frame) = self.frames.next().now_or_never()
            {
                self.take(frame.map_err(End::Frame)?);
                continue;
            }
            let busy = self.starting.is_some() || !self.answers.is_empty() || self.writer.is_busy();
            if !self.reads && !busy {
                return Ok(());
            }
            let idle = !busy && self.frames.is_between_frames();
            let ends_at = self.closes_at.or_else(|| idle.then(|| self.idle_until()));
            tokio::select! {
                biased;
                () = shutdown.requested(), if self.reads => self.reads = false,
                outcome = poll_in_place(&mut self.starting), if self.starting.is_some() => {
                    self.starting = None;
                    self.started(outcome)?;
                }
                answer = first(&mut self.answers),
                    if !self.answers.is_empty() && self.writer.has_room() =>
                {
                    self.answers.pop_front();
                    if let Some(answer) = answer {
                        self.writer.push(answer);
                    }
                }
                written = self.writer.write(), if self.writer.is_busy() => {
                    written.map_err(End::Io)?;
                    self.held_bytes = 0;
                }
                frame = self.frames.next(),
                    if self.reads && self.ahead.len() < REQUESTS_AHEAD_MAX =>
                {
                    self.take(frame.map_err(End::Frame)?);
                }
                () = sleep_until(ends_at.unwrap_or(self.idle_since)), if ends_at.is_some() => {
                    return Ok(());
                }
            }
        }
    }

    fn idle_until(&self) -> Instant {
        self.idle_since + self.broker.config.connections_max_idle
    }

    /// Whether a request that is there already goes before the answers that could be written.
    fn may_hold_answers(&self) -> bool {
        self.reads
            && self.writer.is_busy()
            && self.starting.is_none()
            && self.ahead.is_empty()
            && self.held_bytes < HELD_BYTES_MAX
    }

    fn take(&mut self, frame: Option<Frame>) {
        self.idle_since = Instant::now();
        match frame {
            Some(frame) => {
                self.held_bytes += frame.bytes.len().max(HELD_BYTES_PER_REQUEST_MIN);
                self.ahead.push_back(frame);
            }
            None => {
                self.reads = false;
                self.closes_at = Some(self.idle_since + DRAIN_TIME_MAX);
            }
        }
    }

    fn start_next(&mut self) {
        if self.starting.is_none()
            && self.answers.len() < ANSWERS_WAITING_MAX
            && self.writer.has_room()
            && let Some(frame) = self.ahead.pop_front()
        {
            let (broker, context) = (Arc::clone(&self.broker), Arc::clone(&self.context));
            self.starting = Some(Box::pin(api::start(broker, context, frame)));
        }
    }

    fn started(&mut self, outcome: Outcome) -> Result<(), End> {
        match outcome {
            Outcome::Answer(answer) if self.answers.is_empty() => self.writer.push(answer),
            Outcome::Answer(answer) => {
                self.answers.push_back(Box::pin(std::future::ready(Some(answer))));
            }
            Outcome::Later(answer) => self.answers.push_back(answer),
            Outcome::Nothing => {}
            Outcome::Close(reason) => return Err(End::Refused(reason)),
        }
        Ok(())
    }
}

enum End {
    Frame(FrameError),
    Refused(String),
    Io(std::io::Error),
}

async fn first<T>(queue: &mut VecDeque<BoxFuture<'static, T>>) -> T {
    queue.front_mut().expect("the branch is off while the queue is empty").await
}

/// Polls a future that stays where it is when this one is dropped.
async fn poll_in_place<T>(slot: &mut Option<BoxFuture<'static, T>>) -> T {
    poll_fn(|cx| match slot {
        Some(future) => future.as_mut().poll(cx),
        None => Poll::Pending,
    })
    .await
}
