//! One partition's batches: those that fill, those that wait, those that are under way.
//!
//! With idempotence the broker takes a partition's batches of one epoch in the order of their
//! sequences or not at all. Three rules follow. A batch that the broker found out of order, behind
//! another that has yet to arrive, is simply sent again. Once a batch has failed, none behind it
//! can be taken any more: they start over together in a new epoch. But that makes them new to the
//! broker, so it's done only with batches that every earlier attempt is known to have left out; a
//! batch in doubt fails instead, since a broker may have taken it and then forgotten that it did.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::{ErrorCode, Sequence};
use tokio::time::Instant;

use super::{
    accumulator::{BatchId, Outcome, Settings, Settled, later},
    batch::{Batch, Identity, Stamp},
};
use crate::{door::Entropy, error::Error};

#[derive(Debug)]
pub(super) struct Lane<T> {
    /// Takes records.
    pub(super) filling: Option<(BatchId, Batch<T>)>,
    /// The size of the batch that was filled last, in bytes.
    filled_bytes: usize,
    /// To be sent, or sent again.
    queued: BTreeMap<BatchId, Batch<T>>,
    in_flight: BTreeMap<BatchId, Batch<T>>,
    sequences: Option<Sequences>,
    /// A sequence was lost: nothing new is taken in this epoch.
    is_broken: bool,
    paused_until: Option<Instant>,
    /// In a row.
    failures: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sequences {
    identity: Identity,
    next: Sequence,
}

/// What a lane has for its broker.
#[derive(Debug)]
pub(super) enum Next {
    /// This batch, which is under way from now on.
    Batch(BatchId, Bytes),
    /// A batch that needs an identity other than the one that was offered.
    NeedsIdentity,
    /// Nothing at the moment.
    Nothing,
}

/// The batches whose senders are to be told.
pub(super) type Ended<T> = Vec<(BatchId, Settled<T>)>;

impl<T> Lane<T> {
    pub(super) fn new() -> Self {
        Self {
            filling: None,
            filled_bytes: 0,
            queued: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            sequences: None,
            is_broken: false,
            paused_until: None,
            failures: 0,
        }
    }

    /// Ends the batch that fills: the next record begins another.
    pub(super) fn close(&mut self) {
        if let Some((id, batch)) = self.filling.take() {
            self.filled_bytes = batch.size_in_bytes();
            self.queued.insert(id, batch);
        }
    }

    /// How much memory another batch takes at once, in bytes: what the last one needed and a bit
    /// more. Full batches are thus written without a copy, while among thousands of partitions
    /// those that get a record now and then don't take the room of full ones.
    pub(super) fn capacity(&self, batch_bytes: usize) -> usize {
        self.filled_bytes.next_power_of_two().min(batch_bytes)
    }

    /// The batch that is sent next.
    fn next(&self) -> Option<(BatchId, &Batch<T>)> {
        let queued = self.queued.first_key_value().map(|(id, batch)| (*id, batch));
        queued.or_else(|| self.filling.as_ref().map(|(id, batch)| (*id, batch)))
    }

    /// The size of the batch that is sent next, before compression, in bytes.
    pub(super) fn next_bytes(&self) -> usize {
        self.next().map_or(0, |(_, batch)| batch.size_in_bytes())
    }

    /// Since when, or from when on, a batch may be sent; it may still lack an identity. None where
    /// there is nothing to send before something else happens.
    pub(super) fn due_at(&self, settings: &Settings, flush: BatchId) -> Option<Instant> {
        let (id, next) = self.next()?;
        let is_alone = self.in_flight.is_empty();
        // What was sent in vain is sent again one by one, so that it isn't overtaken again.
        let limit = if next.is_retry { 1 } else { settings.in_flight_max };
        let starts_over = self.is_broken && next.stamp.is_none();
        if self.in_flight.len() >= limit || starts_over && !is_alone {
            return None;
        }
        let lingers = self.queued.is_empty() && id >= flush;
        let due_at =
            if lingers { later(next.created_at, settings.linger) } else { next.created_at };
        Some(self.paused_until.map_or(due_at, |until| until.max(due_at)))
    }

    /// Takes the next batch to send, to be called when the lane is due.
    pub(super) fn take(
        &mut self,
        settings: &Settings,
        identity: Option<Identity>,
        ended: &mut Ended<T>,
    ) -> Next {
        if self.queued.is_empty() {
            self.close();
        }
        let Some((&id, next)) = self.queued.first_key_value() else { return Next::Nothing };
        if settings.is_idempotent && next.stamp.is_none() {
            let lost = self.sequences.filter(|_| self.is_broken).map(|lost| lost.identity);
            let Some(identity) = identity.filter(|identity| Some(*identity) != lost) else {
                return Next::NeedsIdentity;
            };
            if self.is_broken {
                self.start_over(ended);
            }
            let batch = self.queued.get_mut(&id).expect("found above");
            let sequences = self.sequences.get_or_insert(Sequences { identity, next: Sequence(0) });
            let base_sequence = sequences.next;
            sequences.next = base_sequence.plus(batch.record_count());
            batch.stamp = Some(Stamp { identity: sequences.identity, base_sequence });
        }
        let mut batch = self.queued.remove(&id).expect("found above");
        let bytes = batch.seal(settings.codec);
        self.in_flight.insert(id, batch);
        Next::Batch(id, bytes)
    }

    /// Gives up the epoch: what waits gets new sequences.
    fn start_over(&mut self, ended: &mut Ended<T>) {
        assert!(self.in_flight.is_empty(), "an epoch ends when nothing of it is under way");
        self.sequences = None;
        self.is_broken = false;
        for (id, mut batch) in std::mem::take(&mut self.queued) {
            batch.stamp = None;
            match batch.in_doubt.take() {
                Some(error) => {
                    ended.push((id, Settled { receipt: batch.receipt, result: Err(error) }));
                }
                None => {
                    self.queued.insert(id, batch);
                }
            }
        }
    }

    /// Sends a batch that the broker found too large again, in halves. Returns the second one's id,
    /// or none where that can't be done.
    ///
    /// The halves have the sequences of the whole, so that those behind it fit. This takes that no
    /// earlier attempt can have brought the whole into the partition.
    pub(super) fn split(&mut self, id: BatchId, outcome: &Outcome) -> Option<BatchId> {
        let code = outcome.as_ref().err().and_then(Error::code);
        let batch = self.in_flight.get(&id).expect("only what was sent is settled");
        let is_known = batch.in_doubt.is_none();
        if code != Some(ErrorCode::MessageTooLarge) || batch.record_count() < 2 || !is_known {
            return None;
        }
        let mut batch = self.in_flight.remove(&id).expect("found above");
        batch.is_retry = true;
        let second = batch.split();
        let second_id = id.behind(batch.record_count());
        self.queued.insert(id, batch);
        self.queued.insert(second_id, second);
        Some(second_id)
    }

    /// Takes in how sending a batch went. Returns it unless it's sent again.
    pub(super) fn settle(
        &mut self,
        settings: &Settings,
        id: BatchId,
        outcome: Outcome,
        now: Instant,
        entropy: &dyn Entropy,
    ) -> Option<Settled<T>> {
        let mut batch = self.in_flight.remove(&id).expect("only what was sent is settled");
        let error = match outcome {
            Ok(appended) => {
                self.failures = 0;
                return Some(Settled { receipt: batch.receipt, result: Ok(appended) });
            }
            Err(error) => error,
        };
        if error.leaves_in_doubt() {
            batch.in_doubt = Some(error.clone());
        }
        match self.judge(settings, id, &batch, &error, now) {
            Verdict::Fail => return Some(self.fail(batch, error)),
            Verdict::Again => {}
            Verdict::StartOver => batch.stamp = None,
        }
        self.failures += 1;
        self.paused_until = Some(now + settings.backoff.after(self.failures, entropy));
        batch.failures += 1;
        batch.is_retry = true;
        batch.last_error = Some(error);
        self.queued.insert(id, batch);
        None
    }

    fn judge(
        &self,
        settings: &Settings,
        id: BatchId,
        batch: &Batch<T>,
        error: &Error,
        now: Instant,
    ) -> Verdict {
        let is_late = later(batch.created_at, settings.delivery_timeout) <= now;
        if is_late || batch.failures >= settings.retries {
            return Verdict::Fail;
        }
        let is_out_of_order = error.code() == Some(ErrorCode::OutOfOrderSequenceNumber);
        if is_out_of_order && batch.stamp.is_some() {
            let mut under_way = self.in_flight.keys();
            let mut waiting = self.queued.iter().filter(|(_, batch)| batch.stamp.is_some());
            let is_behind = under_way.next().is_some_and(|other| *other < id)
                || waiting.next().is_some_and(|(other, _)| *other < id);
            return match (is_behind, self.is_broken, &batch.in_doubt) {
                (true, ..) => Verdict::Again,
                (false, true, None) => Verdict::StartOver,
                (false, true, Some(_)) => Verdict::Fail,
                // Nothing of ours is missing before it, so the broker lost what it had taken.
                (false, false, _) => Verdict::Fail,
            };
        }
        if error.is_retriable() { Verdict::Again } else { Verdict::Fail }
    }

    /// A refusal means that the records are not there. Where that isn't so, the senders hear of the
    /// error that leaves it open.
    fn fail(&mut self, mut batch: Batch<T>, error: Error) -> Settled<T> {
        // Its sequences are used up, whether the broker took it or not.
        self.is_broken |= batch.stamp.is_some();
        let error = batch.in_doubt.take().unwrap_or(error);
        Settled { receipt: batch.receipt, result: Err(error) }
    }

    /// Fails a batch that has waited for too long. One that is under way goes on, for the sake of
    /// its sequences, but nobody waits for it any more.
    pub(super) fn expire(
        &mut self,
        id: BatchId,
        error: impl FnOnce(Option<Error>) -> Error,
    ) -> Settled<T> {
        if let Some(batch) = self.in_flight.get_mut(&id) {
            let result = Err(error(batch.last_error.take()));
            return Settled { receipt: batch.receipt.take(), result };
        }
        if self.filling.as_ref().is_some_and(|(filling, _)| *filling == id) {
            self.close();
        }
        let mut batch = self.queued.remove(&id).expect("it is somewhere until it is settled");
        self.is_broken |= batch.stamp.is_some();
        let result = Err(error(batch.last_error.take()));
        Settled { receipt: batch.receipt, result }
    }

    /// Fails whatever isn't under way.
    pub(super) fn fail_all(&mut self, error: &Error) -> Ended<T> {
        self.close();
        let all = std::mem::take(&mut self.queued).into_iter();
        all.map(|(id, batch)| (id, self.fail(batch, error.clone()))).collect()
    }
}

enum Verdict {
    /// Tell the sender of the records.
    Fail,
    /// Send the same again.
    Again,
    /// Send it under a stamp of a new epoch.
    StartOver,
}
