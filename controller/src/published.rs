//! What the quorum has applied, for everyone else: the image, and the changes that led to it.
//!
//! The state machine is the only writer. Readers take the whole image without a lock; whoever waits
//! for the next change is woken in the order of asking.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use metadata::{ClusterImage, RecordBatch};
use tokio::sync::Notify;

use crate::raft::Position;

/// How many changes are kept for those who lag behind, and about how many bytes of them. Whoever
/// lags further gets a snapshot.
const CHANGES_KEPT_MAX: usize = 4096;
const CHANGES_KEPT_BYTES_MAX: usize = 4 << 20;

/// The image at one entry of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppliedImage {
    /// The last entry applied.
    pub last: Option<Position>,
    /// The last entry that changed the image.
    pub changed: Option<Position>,
    /// What the cluster knows then.
    pub image: Arc<ClusterImage>,
}

impl AppliedImage {
    /// The last applied entry's index; -1 before the first.
    pub(crate) fn index(&self) -> i64 {
        self.last.map_or(-1, |position| signed(position.index))
    }
}

/// The records of one entry that changed the image.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub index: i64,
    pub batch: RecordBatch,
}

/// What somebody who knows the image at one index lacks.
#[derive(Debug)]
pub(crate) enum News {
    /// The changes since, and the index that they lead to.
    Changes { changes: Vec<Change>, index: i64 },
    /// The changes aren't kept any more: all of it.
    Snapshot(Arc<AppliedImage>),
}

#[derive(Debug, Default)]
pub(crate) struct Published {
    current: ArcSwap<AppliedImage>,
    recent: Mutex<Recent>,
    applied: Notify,
}

/// The last changes. `floor` is the index after which none is missing.
#[derive(Debug)]
struct Recent {
    changes: VecDeque<Change>,
    bytes: usize,
    floor: i64,
}

impl Default for Recent {
    fn default() -> Self {
        Self { changes: VecDeque::new(), bytes: 0, floor: -1 }
    }
}

impl Published {
    /// The image as it is now.
    pub(crate) fn current(&self) -> Arc<AppliedImage> {
        self.current.load_full()
    }

    /// Shows what entries led to.
    pub(crate) fn advance(&self, applied: AppliedImage, changes: Vec<Change>) {
        let mut recent = self.recent();
        changes.into_iter().for_each(|change| recent.keep(change));
        self.show(recent, applied);
    }

    /// Shows an image that a snapshot led to.
    pub(crate) fn restart(&self, applied: AppliedImage) {
        let mut recent = self.recent();
        *recent = Recent { floor: applied.index(), ..Recent::default() };
        self.show(recent, applied);
    }

    /// The image changes under the lock, so that [`Published::news`] sees changes and image agree.
    fn show(&self, recent: MutexGuard<'_, Recent>, applied: AppliedImage) {
        self.current.store(Arc::new(applied));
        drop(recent);
        self.applied.notify_waiters();
    }

    /// Waits until an entry after this index is applied.
    pub(crate) async fn applied_after(&self, index: i64) {
        loop {
            let mut applied = std::pin::pin!(self.applied.notified());
            applied.as_mut().enable();
            if self.current.load().index() > index {
                return;
            }
            applied.await;
        }
    }

    /// What was applied after an index; none if nothing was. Changes stop at about `bytes_max`
    /// bytes, but there is at least one.
    pub(crate) fn news(&self, index: i64, bytes_max: usize) -> Option<News> {
        let recent = self.recent();
        let current = self.current();
        if current.index() <= index {
            return None;
        }
        if index < recent.floor {
            return Some(News::Snapshot(current));
        }
        let (mut changes, mut bytes) = (Vec::new(), 0);
        for change in recent.changes.iter().filter(|change| change.index > index) {
            bytes += size(&change.batch);
            if bytes > bytes_max
                && let Some(last) = changes.last()
            {
                let Change { index, .. } = *last;
                return Some(News::Changes { changes, index });
            }
            changes.push(change.clone());
        }
        Some(News::Changes { changes, index: current.index() })
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn keep(&mut self, change: Change) {
        self.bytes += size(&change.batch);
        self.changes.push_back(change);
        while self.changes.len() > CHANGES_KEPT_MAX || self.bytes > CHANGES_KEPT_BYTES_MAX {
            let Some(forgotten) = self.changes.pop_front() else { break };
            self.bytes -= size(&forgotten.batch);
            self.floor = forgotten.index;
        }
    }
}

fn size(batch: &RecordBatch) -> usize {
    batch.records.iter().map(bytes::Bytes::len).sum()
}

/// An index as the wire has it.
pub(crate) fn signed(index: u64) -> i64 {
    i64::try_from(index).expect("a log has fewer than 2^63 entries")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn applied(index: u64) -> AppliedImage {
        AppliedImage { last: Some(Position { term: 1, index }), ..Default::default() }
    }

    fn change(index: i64, bytes: usize) -> Change {
        Change { index, batch: RecordBatch { records: vec![Bytes::from(vec![0; bytes])] } }
    }

    fn indexes(news: Option<News>) -> (Vec<i64>, i64) {
        match news {
            Some(News::Changes { changes, index }) => {
                (changes.iter().map(|change| change.index).collect(), index)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn news_are_the_changes_after_an_index() {
        let published = Published::default();
        assert!(published.news(-1, 100).is_none());
        published.advance(applied(3), vec![change(1, 1), change(3, 1)]);
        assert_eq!(indexes(published.news(-1, 100)), (vec![1, 3], 3));
        assert_eq!(indexes(published.news(1, 100)), (vec![3], 3));
        assert!(published.news(3, 100).is_none());
        assert!(published.news(7, 100).is_none());
    }

    #[test]
    fn an_entry_without_changes_is_news_too() {
        let published = Published::default();
        published.advance(applied(4), vec![]);
        assert_eq!(indexes(published.news(3, 100)), (vec![], 4));
    }

    #[test]
    fn news_stop_at_the_size_asked_for_but_there_is_always_one() {
        let published = Published::default();
        published.advance(applied(9), vec![change(1, 60), change(2, 60), change(5, 60)]);
        assert_eq!(indexes(published.news(-1, 130)), (vec![1, 2], 2));
        assert_eq!(indexes(published.news(2, 10)), (vec![5], 9));
    }

    #[test]
    fn who_lags_behind_what_is_kept_gets_a_snapshot() {
        let published = Published::default();
        let large = CHANGES_KEPT_BYTES_MAX / 2;
        published.advance(applied(3), vec![change(1, large), change(2, large), change(3, large)]);
        assert!(matches!(published.news(0, 100), Some(News::Snapshot(_))));
        assert_eq!(indexes(published.news(1, usize::MAX)), (vec![2, 3], 3));
    }

    #[test]
    fn after_a_snapshot_nothing_before_it_is_known() {
        let published = Published::default();
        published.advance(applied(3), vec![change(1, 1), change(3, 1)]);
        published.restart(applied(8));
        assert!(matches!(published.news(3, 100), Some(News::Snapshot(_))));
        published.advance(applied(9), vec![change(9, 1)]);
        assert_eq!(indexes(published.news(8, 100)), (vec![9], 9));
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_next_entry() {
        let published = Arc::new(Published::default());
        let waiting = tokio::spawn({
            let published = published.clone();
            async move { published.applied_after(1).await }
        });
        tokio::task::yield_now().await;
        published.advance(applied(1), vec![]);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        published.advance(applied(2), vec![]);
        waiting.await.unwrap();
    }
}
