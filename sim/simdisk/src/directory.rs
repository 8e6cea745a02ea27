//! The names in one directory: as processes see them, and as the device holds them.

use std::collections::BTreeMap;

use crate::{rng::Rng, tree::InodeId};

/// A directory's two images, and the changes between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    current: BTreeMap<String, InodeId>,
    durable: BTreeMap<String, InodeId>,
    /// Each a set of names that change together.
    pending: Vec<Vec<(String, Option<InodeId>)>>,
}

impl Directory {
    pub(crate) fn get(&self, name: &str) -> Option<InodeId> {
        self.current.get(name).copied()
    }

    /// What a name would stand for if the power failed now.
    pub(crate) fn get_durable(&self, name: &str) -> Option<InodeId> {
        self.durable.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (&String, InodeId)> {
        self.current.iter().map(|(name, inode)| (name, *inode))
    }

    /// All inodes that processes see, or may see after a power loss.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = InodeId> {
        let pending = self.pending.iter().flatten().filter_map(|(_, inode)| *inode);
        self.current.values().chain(self.durable.values()).copied().chain(pending)
    }

    pub(crate) fn insert(&mut self, name: &str, inode: InodeId) {
        self.change(vec![(name.to_owned(), Some(inode))]);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.change(vec![(name.to_owned(), None)]);
    }

    /// Moves an inode from one name to another, atomically.
    pub(crate) fn rename(&mut self, from: &str, to: &str, inode: InodeId) {
        self.change(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
    }

    fn change(&mut self, change: Vec<(String, Option<InodeId>)>) {
        apply(&mut self.current, &change);
        self.pending.push(change);
    }

    pub(crate) fn sync(&mut self) {
        self.durable.clone_from(&self.current);
        self.pending.clear();
    }

    /// A failed sync: nothing will make these changes durable any more.
    pub(crate) fn lose_pending(&mut self) {
        self.pending.clear();
    }

    /// Power is lost: of the changes that were not synced, the first few or just any survive.
    pub(crate) fn lose_power(&mut self, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        if rng.percent(50) {
            let count = rng.below(pending.len() as u64 + 1);
            for (_, change) in (0..count).zip(&pending) {
                apply(&mut self.durable, change);
            }
        } else {
            for change in &pending {
                if rng.percent(50) {
                    apply(&mut self.durable, change);
                }
            }
        }
        self.current.clone_from(&self.durable);
    }
}

fn apply(names: &mut BTreeMap<String, InodeId>, change: &[(String, Option<InodeId>)]) {
    for (name, inode) in change {
        match inode {
            Some(inode) => names.insert(name.clone(), *inode),
            None => names.remove(name),
        };
    }
}
