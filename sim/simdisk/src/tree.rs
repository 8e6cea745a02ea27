//! The files and directories of a disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
    path::{Component, Path},
    sync::Arc,
};

use crate::{directory::Directory, image::Image, rng::Rng};

/// Names a file or directory, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InodeId(u64);

const ROOT: InodeId = InodeId(0);

#[derive(Debug)]
enum Inode {
    /// The counter's owners are the open handles, and this.
    File(Image, Arc<()>),
    Directory(Directory),
}

/// All inodes.
#[derive(Debug)]
pub(crate) struct Tree {
    inodes: BTreeMap<InodeId, Inode>,
    last: InodeId,
}

impl Default for Tree {
    fn default() -> Self {
        let root = Inode::Directory(Directory::default());
        Self { inodes: BTreeMap::from([(ROOT, root)]), last: ROOT }
    }
}

impl Tree {
    pub(crate) fn find(&self, path: &Path) -> io::Result<InodeId> {
        let mut at = ROOT;
        for name in names(path)? {
            at = self.directory(at)?.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    /// What would be found under a path if the power failed now.
    pub(crate) fn find_durable(&self, path: &Path) -> io::Result<InodeId> {
        let mut at = ROOT;
        for name in names(path)? {
            at = self.directory(at)?.get_durable(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    /// The directory that a path's last name is in, and that name.
    pub(crate) fn parent<'a>(&self, path: &'a Path) -> io::Result<(InodeId, &'a str)> {
        let mut names = names(path)?;
        let name = names.pop().ok_or(ErrorKind::InvalidInput)?;
        let mut at = ROOT;
        for name in names {
            at = self.directory(at)?.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok((at, name))
    }

    pub(crate) fn directory(&self, id: InodeId) -> io::Result<&Directory> {
        match self.inodes.get(&id) {
            Some(Inode::Directory(directory)) => Ok(directory),
            Some(Inode::File(..)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn directory_mut(&mut self, id: InodeId) -> io::Result<&mut Directory> {
        match self.inodes.get_mut(&id) {
            Some(Inode::Directory(directory)) => Ok(directory),
            Some(Inode::File(..)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn is_directory(&self, id: InodeId) -> bool {
        matches!(self.inodes.get(&id), Some(Inode::Directory(_)))
    }

    pub(crate) fn file(&self, id: InodeId) -> io::Result<(&Image, &Arc<()>)> {
        match self.inodes.get(&id) {
            Some(Inode::File(image, handles)) => Ok((image, handles)),
            Some(Inode::Directory(_)) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn file_mut(&mut self, id: InodeId) -> io::Result<&mut Image> {
        match self.inodes.get_mut(&id) {
            Some(Inode::File(image, _)) => Ok(image),
            Some(Inode::Directory(_)) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn create_file(&mut self, parent: InodeId, name: &str) -> io::Result<InodeId> {
        self.create(parent, name, Inode::File(Image::default(), Arc::default()))
    }

    /// Creates what is missing of a directory's path. Returns whether anything was.
    pub(crate) fn create_directories(&mut self, path: &Path) -> io::Result<bool> {
        let mut at = ROOT;
        let mut created = false;
        for name in names(path)? {
            at = match self.directory(at)?.get(name) {
                Some(found) => found,
                None => {
                    created = true;
                    self.create(at, name, Inode::Directory(Directory::default()))?
                }
            };
        }
        self.directory(at)?;
        Ok(created)
    }

    fn create(&mut self, parent: InodeId, name: &str, inode: Inode) -> io::Result<InodeId> {
        let id = InodeId(self.last.0 + 1);
        self.directory_mut(parent)?.insert(name, id);
        self.last = id;
        self.inodes.insert(id, inode);
        Ok(id)
    }

    /// Removes the names of a directory's content, deepest first, each a change of its own.
    pub(crate) fn remove_content(&mut self, id: InodeId) -> io::Result<()> {
        let content: Vec<(String, InodeId)> =
            self.directory(id)?.names().map(|(name, id)| (name.clone(), id)).collect();
        for (name, child) in content {
            if self.is_directory(child) {
                self.remove_content(child)?;
            }
            self.directory_mut(id)?.remove(&name);
        }
        Ok(())
    }

    /// The bytes of all files.
    pub(crate) fn used_bytes(&self) -> u64 {
        let files = self.inodes.values().map(|inode| match inode {
            Inode::File(image, _) => image.bytes().len() as u64,
            Inode::Directory(_) => 0,
        });
        files.sum()
    }

    pub(crate) fn lose_power(&mut self, rng: &mut Rng) {
        for inode in self.inodes.values_mut() {
            match inode {
                Inode::File(image, _) => image.lose_power(rng),
                Inode::Directory(directory) => directory.lose_power(rng),
            }
        }
    }

    /// Lets memory forget all files: they are read from the device.
    pub(crate) fn evict(&mut self) {
        for inode in self.inodes.values_mut() {
            if let Inode::File(image, _) = inode {
                image.is_resident = false;
            }
        }
    }

    /// Forgets inodes that have no name and can't get one back, and that nobody has open.
    pub(crate) fn collect_garbage(&mut self) {
        let mut reachable = BTreeSet::from([ROOT]);
        let mut found = vec![ROOT];
        while let Some(id) = found.pop() {
            if let Some(Inode::Directory(directory)) = self.inodes.get(&id) {
                found.extend(directory.reachable().filter(|id| reachable.insert(*id)));
            }
        }
        self.inodes.retain(|id, inode| {
            let open = matches!(inode, Inode::File(_, handles) if Arc::strong_count(handles) > 1);
            open || reachable.contains(id)
        });
    }
}

fn names(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name.to_str().ok_or(ErrorKind::InvalidInput)?),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(ErrorKind::InvalidInput.into());
            }
        }
    }
    Ok(names)
}
