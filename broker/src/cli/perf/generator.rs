//! One producer under load: sends each record in its turn, and tells what became of it and when.

use client::{Error, Producer, ProducerRecord, producer::Sent};
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::{
    select,
    sync::mpsc::{self, Receiver},
    time::Instant,
};

use super::turns::Turns;

/// How many records may be sent and not be told of yet.
const UNTOLD_MAX: usize = 1 << 16;

/// How many records are waited for as one. Partitions answer in any order, and to wait for each
/// record by itself would cost more than to send it. Records are taken as they come, so at a rate
/// that a cluster bears with ease each is waited for alone; and those of a fast load have come in
/// one batch, or in two.
const WAITED_FOR_AS_ONE_MAX: usize = 32;

/// What became of a record.
#[derive(Debug)]
pub(super) struct Settled {
    /// Its number among the producer's.
    pub(super) number: u64,
    /// The size of its value.
    pub(super) value_bytes: usize,
    /// When it was to be sent, when the producer had taken it, and when it was acknowledged.
    /// Without a schedule, nobody asks how late it was sent.
    pub(super) due: Instant,
    pub(super) sent: Instant,
    pub(super) acknowledged: Instant,
    /// Whether it was.
    pub(super) result: Result<(), Error>,
}

/// A record on its way.
struct Underway {
    number: u64,
    value_bytes: usize,
    due: Instant,
    sent: Instant,
    answer: Sent,
}

/// Sends records until there are no more turns, and waits for all of them.
///
/// # Errors
/// What the producer refuses to send: then no more is sent, but what was is still waited for.
pub(super) async fn generate(
    producer: &Producer,
    mut turns: Turns,
    record: impl Fn(u64, Instant) -> ProducerRecord,
    tell: impl Fn(Vec<Settled>) + Send + 'static,
) -> Result<(), Error> {
    let (underway, records) = mpsc::channel(UNTOLD_MAX);
    let telling = tokio::spawn(tell_all(records, tell));
    let mut result = Ok(());
    'turns: while let Some(numbers) = turns.next().await {
        for number in numbers {
            let due = turns.due(number);
            let record = record(number, due);
            let value_bytes = record.value.as_ref().map_or(0, bytes::Bytes::len);
            let answer = match producer.queue(record).await {
                Ok(answer) => answer,
                Err(error) => {
                    result = Err(error);
                    break 'turns;
                }
            };
            let sent = if turns.are_scheduled() { Instant::now() } else { due };
            if underway.send(Underway { number, value_bytes, due, sent, answer }).await.is_err() {
                break 'turns;
            }
        }
    }
    drop(underway);
    producer.flush().await;
    telling.await.expect("it neither panics nor is it aborted");
    result
}

async fn tell_all(mut records: Receiver<Underway>, tell: impl Fn(Vec<Settled>)) {
    let mut waiting = FuturesUnordered::new();
    let mut is_over = false;
    while !is_over || !waiting.is_empty() {
        let mut together = Vec::new();
        select! {
            biased;
            Some(settled) = waiting.next() => tell(settled),
            count = records.recv_many(&mut together, WAITED_FOR_AS_ONE_MAX), if !is_over => {
                is_over = count == 0;
                if count > 0 {
                    waiting.push(settle(together));
                }
            }
        }
    }
}

async fn settle(records: Vec<Underway>) -> Vec<Settled> {
    let mut settled = Vec::with_capacity(records.len());
    let mut acknowledged = Instant::now();
    for Underway { number, value_bytes, due, sent, answer } in records {
        let mut delivery = std::pin::pin!(answer.delivery());
        // What needn't be waited for was there when the one before it was: to ask the clock for
        // each record would cost more than anything else here.
        let result = match delivery.as_mut().now_or_never() {
            Some(result) => result,
            None => {
                let result = delivery.await;
                acknowledged = Instant::now();
                result
            }
        };
        let result = result.map(drop);
        settled.push(Settled { number, value_bytes, due, sent, acknowledged, result });
    }
    settled
}
