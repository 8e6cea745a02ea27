//! What a broker does every now and then: retention, checkpoints, overdue syncs, space, producers
//! that nobody hears of any more.
//!
//! Each chore has its own interval and its own task, and does its work on the blocking pool.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tracing::error;

use crate::{blocking, broker::Broker, directory_assignments, replication};

/// How often `flush.ms` is looked at, at least: where `log.flush.scheduler.interval.ms` says more
/// rarely or never, topics may still set it for themselves.
const SYNC_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How often it's tried again to open what couldn't be opened.
const REOPEN_INTERVAL: Duration = Duration::from_secs(5);

/// How often the space on the disks is looked at.
const SPACE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Starts all chores. They end with the broker's shutdown, but for the syncs, which clients that
/// are still being answered wait for.
pub(crate) fn start(broker: &Arc<Broker>) -> Vec<JoinHandle<()>> {
    let config = &broker.config;
    let sync_interval = config.log_flush_scheduler_interval.unwrap_or(SYNC_CHECK_INTERVAL);
    let mut tasks = vec![
        every(broker, config.log_retention_check_interval, delete_old_segments),
        every(broker, REOPEN_INTERVAL, reopen),
        every(broker, config.recovery_point_checkpoint_interval, blocking(checkpoint)),
        every(
            broker,
            config.high_watermark_checkpoint_interval,
            blocking(checkpoint_high_watermarks),
        ),
        every(broker, sync_interval.min(SYNC_CHECK_INTERVAL), blocking(sync_overdue)),
        every(broker, SPACE_CHECK_INTERVAL, blocking(check_space)),
        every(broker, config.producer_id_expiration_check_interval, blocking(expire_producers)),
    ];
    tasks.extend(replication::start(broker));
    tasks.push(directory_assignments::start(broker));
    for dir in broker.log_dirs.all() {
        tasks.push(tokio::spawn(Arc::clone(dir).sync_loop(broker.closing.clone())));
    }
    tasks
}

/// Does a chore again and again, with a pause before each time.
fn every<Done>(
    broker: &Arc<Broker>,
    interval: Duration,
    chore: impl Fn(Arc<Broker>) -> Done + Send + 'static,
) -> JoinHandle<()>
where
    Done: Future<Output = ()> + Send,
{
    let broker = Arc::clone(broker);
    tokio::spawn(async move {
        let shutdown = broker.shutdown.clone();
        while timeout(interval, shutdown.requested()).await.is_err() {
            chore(Arc::clone(&broker)).await;
        }
    })
}

/// A chore that waits for the disk: it's done on the blocking pool, as one piece.
fn blocking(chore: fn(&Broker)) -> impl Fn(Arc<Broker>) -> BoxFuture<'static, ()> {
    move |broker| {
        Box::pin(async move {
            if blocking::begin(move || chore(&broker)).await.is_err() {
                error!("a bug in a chore: it's tried again");
            }
        })
    }
}

async fn delete_old_segments(broker: Arc<Broker>) {
    for partition in broker.partitions.all() {
        partition.retain(broker.doors.clock.now()).await;
    }
}

/// Tries again what couldn't be opened: a disk that was full may have space by now.
async fn reopen(broker: Arc<Broker>) {
    broker.partitions.reopen(&broker).await;
}

fn checkpoint(broker: &Broker) {
    for dir in broker.log_dirs.all() {
        dir.checkpoint();
    }
}

fn checkpoint_high_watermarks(broker: &Broker) {
    broker.log_dirs.checkpoint_high_watermarks(&broker.partitions.all());
}

fn sync_overdue(broker: &Broker) {
    let now = Instant::now();
    for partition in broker.partitions.all() {
        if partition.is_sync_overdue(now) {
            partition.log_dir().want_sync(Arc::clone(&partition));
        }
    }
}

fn check_space(broker: &Broker) {
    for dir in broker.log_dirs.all() {
        dir.check_space(broker.config.log_dir_free_bytes_min);
    }
}

fn expire_producers(broker: &Broker) {
    let expiration_ms = broker.config.producer_id_expiration.as_millis();
    let expiration_ms = i64::try_from(expiration_ms).unwrap_or(i64::MAX);
    for partition in broker.partitions.all() {
        partition.expire_producers(broker.doors.clock.now(), expiration_ms);
    }
}
