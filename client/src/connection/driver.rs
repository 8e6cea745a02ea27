//! The task that owns a connection's stream.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::{CorrelationId, Reader, Wire};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
    sync::{Notify, mpsc},
    time::{Instant, sleep_until, timeout},
};

use super::{CLASSIC, Disconnect, Fate, Outgoing, Stream, Waiting};
use crate::frame::{FrameReader, write_frame};

/// Drives the connection to its end, and tells everyone who waits on it.
pub(super) async fn run(
    stream: Stream,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    fate: Arc<Fate>,
    response_bytes_max: usize,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let in_flight = InFlight::default();
    let reason = select! {
        biased;
        reason = read(&mut reader, &in_flight, response_bytes_max) => Some(reason),
        reason = write(&mut writer, &mut outgoing, &in_flight) => reason,
        reason = watch(&in_flight) => Some(reason),
    };
    let Some(reason) = reason else { return };
    tracing::debug!(address = %fate.address, %reason, "connection ended");

    // In this order: whoever finds semaphore or queue closed must find the reason.
    let error = fate.disconnected(reason);
    let error = fate.ended.get_or_init(|| error);
    fate.permits.close();
    outgoing.close();
    let queued = std::iter::from_fn(|| outgoing.try_recv().ok()).map(|outgoing| outgoing.waiting);
    for waiting in in_flight.take_all().into_iter().chain(queued) {
        waiting.answer(Err(error.clone()));
    }
}

/// Pairs answers with requests until that goes wrong.
async fn read<S>(stream: &mut S, in_flight: &InFlight, response_bytes_max: usize) -> Disconnect
where
    S: AsyncRead + Unpin,
{
    let mut frames = FrameReader::new(response_bytes_max);
    loop {
        let frame = match frames.next(stream).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Disconnect::ByPeer,
            Err(error) => return error.into(),
        };
        let received = match CorrelationId::decode(&mut Reader::new(frame.clone()), CLASSIC) {
            Ok(received) => received,
            Err(error) => return Disconnect::Header(error),
        };
        match in_flight.answered(received) {
            Ok(waiting) => waiting.answer(Ok(frame)),
            Err(expected) => return Disconnect::OutOfOrder { expected, received },
        }
    }
}

/// Writes what is queued until that goes wrong, or until nobody is left who could queue: then
/// there is no reason, and nobody to tell it.
async fn write<S>(
    stream: &mut S,
    outgoing: &mut mpsc::UnboundedReceiver<Outgoing>,
    in_flight: &InFlight,
) -> Option<Disconnect>
where
    S: AsyncWrite + Unpin,
{
    while let Some(Outgoing { chunks, waiting }) = outgoing.recv().await {
        let (api, after, deadline) = (waiting.api, waiting.timeout, waiting.deadline);
        // Before the first byte leaves: the answer may come before the last one has.
        let _oneway = if waiting.answer.is_some() {
            in_flight.push(waiting);
            None
        } else {
            Some(waiting)
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match timeout(left, write_frame(stream, &chunks)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Some(error.into()),
            Err(_) => return Some(Disconnect::TimedOut { api, after }),
        }
    }
    None
}

/// Returns when a request in flight is past its deadline.
async fn watch(in_flight: &InFlight) -> Disconnect {
    loop {
        let Some((deadline, expired)) = in_flight.earliest() else {
            in_flight.earlier.notified().await;
            continue;
        };
        select! {
            biased;
            () = in_flight.earlier.notified() => {}
            () = sleep_until(deadline) => {
                // It may have been answered meanwhile.
                if in_flight.earliest().is_some_and(|(earliest, _)| earliest <= deadline) {
                    return expired;
                }
            }
        }
    }
}

/// The requests that wait for their answer, in the order they were sent.
#[derive(Default)]
struct InFlight {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Told when a deadline comes before all others.
    earlier: Notify,
}

impl InFlight {
    fn push(&self, request: Waiting) {
        let mut waiting = self.waiting();
        let is_earliest = waiting.iter().all(|other| request.deadline < other.deadline);
        waiting.push_back(request);
        if is_earliest {
            self.earlier.notify_one();
        }
    }

    /// Takes the request whose answer has come.
    ///
    /// # Errors
    /// The request whose answer should have come, if there is one.
    fn answered(&self, received: CorrelationId) -> Result<Waiting, Option<CorrelationId>> {
        let mut waiting = self.waiting();
        let expected = waiting.front().map(|request| request.correlation_id);
        if expected != Some(received) {
            return Err(expected);
        }
        waiting.pop_front().ok_or(None)
    }

    /// The earliest deadline, and what to say once it has passed.
    fn earliest(&self) -> Option<(Instant, Disconnect)> {
        let waiting = self.waiting();
        let request = waiting.iter().min_by_key(|request| request.deadline)?;
        let reason = Disconnect::TimedOut { api: request.api, after: request.timeout };
        Some((request.deadline, reason))
    }

    fn take_all(&self) -> VecDeque<Waiting> {
        std::mem::take(&mut *self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
