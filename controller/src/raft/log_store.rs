//! The raft log and the vote, in the store.
//!
//! Both are synced before they are reported (a vote or an entry that is forgotten after it was
//! answered lets two leaders win one term, or loses what was committed). What only saves work is
//! buffered: the committed position is learnt again from the next leader, and a purge that is
//! forgotten leaves entries that nobody asks for. The store has one write-ahead log, so a purge is
//! never durable before the snapshot that allows it.
//!
//! Calls block on the disk where they are made. The quorum has a runtime of its own in production,
//! and nothing on it could go on without the write that it waits for.

use std::{
    fmt::Debug,
    io,
    ops::{Bound, Range, RangeBounds},
    sync::Arc,
};

use bytes::Bytes;
use openraft::{
    OptionalSend, RaftLogReader,
    storage::{IOFlushed, LogState, RaftLogStorage},
};
use protocol::{BrokerId, DecodeError, Stored, bug};
use store::{Batch, Durability, Order, Store};

use super::{
    stored::{Ballot, Position, StoredPosition, StoredVote, decode_entry, encode_entry},
    type_config::{Entry, LogId, TypeConfig, Vote},
};
use crate::{Error, Vow, Witness, keys};

/// How many entries, and about how many bytes of them, go into one message to a follower.
const ENTRIES_PER_MESSAGE_MAX: u64 = 256;
const BYTES_PER_MESSAGE_MAX: usize = 1 << 20;

/// The log and the vote. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct LogStore {
    store: Arc<dyn Store>,
    node: BrokerId,
    witness: Arc<dyn Witness>,
}

impl LogStore {
    /// Those of a node, as its store remembers them.
    ///
    /// # Errors
    /// The store's; a vote or a last entry that can't be read.
    pub(crate) fn open(
        store: Arc<dyn Store>,
        node: BrokerId,
        witness: Arc<dyn Witness>,
    ) -> Result<Self, Error> {
        let this = Self { store, node, witness };
        let end = this.last()?.or(this.position(keys::PURGED)?);
        let vows = [this.vote()?.as_ref().map(vote_of), end.map(end_at)];
        let vows: Vec<Vow> = vows.into_iter().flatten().collect();
        this.witness.remembered(node, &vows);
        Ok(this)
    }

    /// The entries with these indexes that the log has, up to a number of bytes but at least one.
    ///
    /// # Errors
    /// The store's; an entry that can't be read; a hole.
    pub(crate) fn entries(
        &self,
        indexes: Range<u64>,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, Error> {
        let keys = keys::log_range(indexes);
        self.read(&keys, bytes_max)
    }

    /// All entries from an index on.
    ///
    /// # Errors
    /// As [`LogStore::entries`].
    pub(crate) fn entries_from(&self, index: u64) -> Result<Vec<Entry>, Error> {
        self.read(&keys::log_from(index), usize::MAX)
    }

    fn read(&self, keys: &Range<Vec<u8>>, bytes_max: usize) -> Result<Vec<Entry>, Error> {
        let found = self.store.scan(keys::borrowed(keys), Order::Ascending, usize::MAX)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(found.len());
        let mut bytes = 0;
        for (key, value) in found {
            bytes += value.len();
            if bytes > bytes_max && !entries.is_empty() {
                break;
            }
            let index = keys::log_index(&key);
            if let Some(before) = entries.last()
                && before.log_id.index + 1 != index
            {
                return Err(Error::Hole { index: before.log_id.index + 1 });
            }
            entries.push(decode(index, value)?);
        }
        Ok(entries)
    }

    fn last(&self) -> Result<Option<LogId>, Error> {
        let keys = keys::log_from(0);
        let found = self.store.scan(keys::borrowed(&keys), Order::Descending, 1)?;
        let Some((key, value)) = found.into_iter().next() else { return Ok(None) };
        Ok(Some(decode(keys::log_index(&key), value)?.log_id))
    }

    pub(crate) fn vote(&self) -> Result<Option<Vote>, Error> {
        let stored: Option<StoredVote> = self.value(keys::VOTE, "vote")?;
        Ok(stored.map(|stored| stored.ballot.into()))
    }

    pub(crate) fn committed(&self) -> Result<Option<LogId>, Error> {
        self.position(keys::COMMITTED)
    }

    fn position(&self, key: &[u8]) -> Result<Option<LogId>, Error> {
        let stored: Option<StoredPosition> = self.value(key, "position in the raft log")?;
        Ok(stored.map(|stored| stored.position.into()))
    }

    fn value<T: Stored>(&self, key: &[u8], what: &'static str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.store.get(key)? else { return Ok(None) };
        T::from_bytes(Bytes::from(bytes)).map(Some).map_err(|source| Error::Value { what, source })
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        Ok(self.store.write(batch, durability)?)
    }
}

fn decode(index: u64, value: Vec<u8>) -> Result<Entry, Error> {
    let entry =
        decode_entry(Bytes::from(value)).map_err(|source| Error::Entry { index, source })?;
    if entry.log_id.index != index {
        let source = DecodeError::Invalid("it is another entry, under this one's key");
        return Err(Error::Entry { index, source });
    }
    Ok(entry)
}

fn vote_of(vote: &Vote) -> Vow {
    let Ballot { term, voter, committed } = vote.into();
    Vow::Vote { term, candidate: voter.node_id, is_elected: committed }
}

fn end_at(id: LogId) -> Vow {
    let Position { term, index } = id.into();
    Vow::LogEnd { term, end: index + 1 }
}

fn position(id: LogId) -> Bytes {
    StoredPosition { position: id.into() }.to_bytes()
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry>, io::Error> {
        let start = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => index + 1,
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        Ok(self.entries(start..end, usize::MAX)?)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        let end = end.min(start + ENTRIES_PER_MESSAGE_MAX);
        Ok(self.entries(start..end, BYTES_PER_MESSAGE_MAX)?)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.vote()?)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let purged = self.position(keys::PURGED)?;
        let last = self.last()?;
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let mut batch = Batch::new();
        batch.put(keys::VOTE, StoredVote { ballot: vote.into() }.to_bytes());
        let durability = if bug!(Q1) { Durability::Buffered } else { Durability::Synced };
        self.write(batch, durability)?;
        self.witness.vowed(self.node, vote_of(vote));
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        let mut batch = Batch::new();
        match committed {
            Some(id) => batch.put(keys::COMMITTED, position(id)),
            None => batch.delete(keys::COMMITTED),
        };
        Ok(self.write(batch, Durability::Buffered)?)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.committed()?)
    }

    async fn append<I>(
        &mut self,
        entries: I,
        flushed: IOFlushed<TypeConfig>,
    ) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let (mut batch, mut end) = (Batch::new(), None);
        for entry in entries {
            batch.put(keys::log(entry.log_id.index), encode_entry(&entry));
            end = Some(end_at(entry.log_id));
        }
        let durability = if bug!(Q2) { Durability::Buffered } else { Durability::Synced };
        self.write(batch, durability)?;
        if let Some(end) = end {
            self.witness.vowed(self.node, end);
        }
        flushed.io_completed(Ok(()));
        Ok(())
    }

    /// Synced: an entry that comes back after others were appended in its place would be taken for
    /// one of the current leader's.
    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let gone = keys::log_from(last.map_or(0, |id| id.index + 1));
        let mut batch = Batch::new();
        batch.delete_range(gone.start, gone.end);
        self.write(batch, Durability::Synced)?;
        let end = last.map_or(Vow::LogEnd { term: 0, end: 0 }, end_at);
        self.witness.vowed(self.node, end);
        Ok(())
    }

    /// In one batch, so that the log never starts after what is said to be purged.
    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        let gone = keys::log_range(0..upto.index + 1);
        let mut batch = Batch::new();
        batch.put(keys::PURGED, position(upto));
        batch.delete_range(gone.start, gone.end);
        Ok(self.write(batch, Durability::Buffered)?)
    }
}
