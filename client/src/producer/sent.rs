//! Records on their way, and the news of what became of them: one piece of news for all records of
//! a batch, or of each part that it was sent in.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::{Timestamp, TopicPartition};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::{
    Delivery,
    accumulator::{Appended, Outcome},
};
use crate::error::Error;

/// A record on its way. Dropping it doesn't call the record back.
#[derive(Debug)]
#[must_use = "a record whose delivery isn't awaited may have failed"]
pub struct Sent {
    news: Arc<News>,
    /// Its place in its batch.
    index: i32,
    timestamp: Timestamp,
}

impl Sent {
    /// Waits for the acknowledgement.
    ///
    /// # Errors
    /// Why the record was not sent; see [`Producer::send`](super::Producer::send).
    pub async fn delivery(self) -> Result<Delivery, Error> {
        loop {
            // What is told from here on isn't missed.
            let told = self.news.told.notified();
            if let Some(delivery) = self.told() {
                return delivery;
            }
            told.await;
        }
    }

    /// What its sender was told, once that has happened.
    fn told(&self) -> Option<Result<Delivery, Error>> {
        let state = self.news.state();
        let (part, outcome) = state.outcomes.iter().find(|(part, _)| part.contains(&self.index))?;
        let delivery = |appended: &Appended| Delivery {
            topic: self.news.of.topic.clone(),
            partition: self.news.of.partition,
            offset: appended.base_offset.map(|base| base.plus((self.index - part.start).into())),
            timestamp: appended.log_append_time.unwrap_or(self.timestamp),
        };
        Some(outcome.as_ref().map(delivery).map_err(Error::clone))
    }
}

/// What became of a batch.
#[derive(Debug)]
struct News {
    of: TopicPartition,
    state: Mutex<State>,
    /// Told when there is more to know.
    told: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Of records by their places, as it was told; what was told first counts.
    outcomes: Vec<(Range<i32>, Outcome)>,
    /// The room in the buffer that the records take.
    room: Option<OwnedSemaphorePermit>,
}

impl News {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the senders of a batch's records what became of them. Once it's dropped their room in the
/// buffer is free, and those who haven't been told by then know that they never will be.
#[derive(Debug)]
pub(super) struct Teller(Arc<News>);

impl Teller {
    /// For a batch of this partition.
    pub(super) fn new(of: TopicPartition) -> Self {
        Self(Arc::new(News { of, state: Mutex::default(), told: Notify::new() }))
    }

    /// Takes in a record of the batch, and its room.
    pub(super) fn sent(
        &self,
        index: i32,
        timestamp: Timestamp,
        room: OwnedSemaphorePermit,
    ) -> Sent {
        match &mut self.0.state().room {
            Some(others) => others.merge(room),
            first => *first = Some(room),
        }
        Sent { news: self.0.clone(), index, timestamp }
    }

    /// Tells what became of some of the records.
    pub(super) fn tell(&self, records: Range<i32>, outcome: Outcome) {
        self.0.state().outcomes.push((records, outcome));
        self.0.told.notify_waiters();
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        // Who has been told finds that before this.
        self.tell(0..i32::MAX, Err(Error::Closed));
        self.0.state().room = None;
    }
}
