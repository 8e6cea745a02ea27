//! One partition's batches: those that fill, those that wait, those that are under way.
//!
//! With idempotence the broker takes a partition's batches of one epoch in the order of their
//! sequences or not at all. Two rules follow. A batch that the broker found out of order, behind
//! another that has yet to arrive, is simply sent again. And once a batch has failed for good, none
//! behind it can have been taken: they start over together in a new epoch.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::{ErrorCode, Sequence};
use tokio::time::Instant;

use super::{
    accumulator::{BatchId, Outcome, Settings, Settled},
    batch::{Batch, Identity, Stamp},
};
use crate::{door::Entropy, error::Error};

#[derive(Debug)]
pub(super) struct Lane<T> {
    /// Takes records.
    pub(super) filling: Option<(BatchId, Batch<T>)>,
    /// To be sent, or sent again.
    queued: BTreeMap<BatchId, Batch<T>>,
    in_flight: BTreeMap<BatchId, Batch<T>>,
    sequences: Option<Sequences>,
    /// A sequence was lost: nothing new is taken in this epoch.
    is_broken: bool,
    paused_until: Option<Instant>,
    failures: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sequences {
    identity: Identity,
    next: Sequence,
}

impl<T> Lane<T> {
    pub(super) fn new() -> Self {
        Self {
            filling: None,
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
        self.queued.extend(self.filling.take());
    }

    /// The oldest batch that is not settled.
    pub(super) fn oldest(&self) -> Option<BatchId> {
        let filling = self.filling.as_ref().map(|(id, _)| id);
        let oldest = [self.queued.keys().next(), self.in_flight.keys().next(), filling];
        oldest.into_iter().flatten().min().copied()
    }

    /// Whether a batch may be sent now. It may still lack an identity.
    pub(super) fn is_ready(&self, settings: &Settings, flush: BatchId, now: Instant) -> bool {
        if self.paused_until.is_some_and(|until| until > now) {
            return false;
        }
        let is_retry = self.queued.values().next().is_some_and(|batch| batch.is_retry);
        // What was sent in vain is sent again one by one, so that it isn't overtaken again.
        let limit = if is_retry { 1 } else { settings.in_flight_max() };
        self.in_flight.len() < limit
            && (!self.queued.is_empty() || self.is_due(settings, flush, now))
    }

    /// Whether the batch that fills has filled for long enough.
    fn is_due(&self, settings: &Settings, flush: BatchId, now: Instant) -> bool {
        self.filling
            .as_ref()
            .is_some_and(|(id, batch)| *id < flush || batch.created_at + settings.linger <= now)
    }

    /// Whether the next batch needs another identity than this one.
    pub(super) fn needs_identity(&self, current: Option<Identity>) -> bool {
        match self.sequences {
            None => current.is_none(),
            Some(Sequences { identity, .. }) => {
                let next = self.queued.values().next();
                let starts_over = next.is_none_or(|batch| batch.stamp.is_none());
                let is_first = self.in_flight.is_empty();
                self.is_broken && is_first && starts_over && current == Some(identity)
            }
        }
    }

    /// Takes the next batch to send, to be called when the lane is ready. None while it waits for
    /// an identity, or for what is under way in a broken epoch.
    pub(super) fn take(
        &mut self,
        settings: &Settings,
        current: Option<Identity>,
    ) -> Option<(BatchId, Bytes)> {
        if self.queued.is_empty() {
            self.close();
        }
        let (id, next) = self.queued.first_key_value()?;
        let id = *id;
        if settings.is_idempotent && next.stamp.is_none() {
            if self.is_broken {
                if !self.in_flight.is_empty() || self.needs_identity(current) {
                    return None;
                }
                self.start_over();
            }
            let identity = current?;
            let batch = self.queued.get_mut(&id).expect("found above");
            let sequences = self.sequences.get_or_insert(Sequences { identity, next: Sequence(0) });
            let base_sequence = sequences.next;
            sequences.next = base_sequence.plus(batch.record_count());
            batch.stamp = Some(Stamp { identity: sequences.identity, base_sequence });
        }
        let mut batch = self.queued.remove(&id).expect("found above");
        let bytes = batch.seal(settings.codec);
        self.in_flight.insert(id, batch);
        Some((id, bytes))
    }

    /// Gives up the epoch. What waits behind a batch that was never taken wasn't taken either.
    fn start_over(&mut self) {
        self.sequences = None;
        self.is_broken = false;
        for batch in self.queued.values_mut() {
            batch.stamp = None;
        }
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
                return Some(Settled { receipts: batch.receipts, result: Ok(appended) });
            }
            Err(error) => error,
        };
        match self.judge(settings, id, &batch, &error, now) {
            Verdict::Fail => return Some(self.fail(batch, error)),
            Verdict::Again => {}
            Verdict::StartOver => batch.stamp = None,
        }
        self.failures += 1;
        self.paused_until = Some(now + settings.backoff.after(self.failures, entropy));
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
        let is_late = batch.created_at + settings.delivery_timeout <= now;
        let is_out_of_order = error.code() == Some(ErrorCode::OutOfOrderSequenceNumber);
        if is_out_of_order && batch.stamp.is_some() {
            let mut under_way = self.in_flight.keys();
            let mut waiting = self.queued.iter().filter(|(_, batch)| batch.stamp.is_some());
            let is_behind = under_way.next().is_some_and(|other| *other < id)
                || waiting.next().is_some_and(|(other, _)| *other < id);
            return match (is_late, is_behind, self.is_broken) {
                (true, ..) => Verdict::Fail,
                (false, true, _) => Verdict::Again,
                (false, false, true) => Verdict::StartOver,
                // Nothing of ours is missing before it, so the broker lost what it had taken.
                (false, false, false) => Verdict::Fail,
            };
        }
        if error.is_retriable() && !is_late { Verdict::Again } else { Verdict::Fail }
    }

    fn fail(&mut self, batch: Batch<T>, error: Error) -> Settled<T> {
        // Its sequences are used up, whether the broker took it or not.
        self.is_broken |= batch.stamp.is_some();
        Settled { receipts: batch.receipts, result: Err(error) }
    }

    /// Fails what has waited for too long. What is under way is waited for.
    pub(super) fn expire(
        &mut self,
        settings: &Settings,
        now: Instant,
        error: impl Fn(Option<Error>) -> Error,
    ) -> Vec<Settled<T>> {
        let is_late = |batch: &Batch<T>| batch.created_at + settings.delivery_timeout <= now;
        if self.filling.as_ref().is_some_and(|(_, batch)| is_late(batch)) {
            self.close();
        }
        let late = self.queued.iter().filter(|(_, batch)| is_late(batch)).map(|(id, _)| *id);
        let late: Vec<_> = late.collect();
        let fail = |id| {
            let mut batch = self.queued.remove(&id).expect("found above");
            let error = error(batch.last_error.take());
            self.fail(batch, error)
        };
        late.into_iter().map(fail).collect()
    }

    /// Fails whatever isn't under way.
    pub(super) fn fail_all(&mut self, error: &Error) -> Vec<Settled<T>> {
        self.close();
        let all = std::mem::take(&mut self.queued);
        all.into_values().map(|batch| self.fail(batch, error.clone())).collect()
    }

    /// When something is due that is not due yet.
    pub(super) fn wake_at(&self, settings: &Settings, now: Instant) -> Option<Instant> {
        let filling = self.filling.as_ref().map(|(_, batch)| batch.created_at);
        let oldest = self.queued.values().map(|batch| batch.created_at).chain(filling).min()?;
        let due = [
            filling.map(|created_at| created_at + settings.linger),
            self.paused_until,
            Some(oldest + settings.delivery_timeout),
        ];
        due.into_iter().flatten().filter(|at| *at > now).min()
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
