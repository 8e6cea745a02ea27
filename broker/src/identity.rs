//! Who this node is, and that all its directories agree on it.
//!
//! Every log directory says in `meta.properties` which cluster and node it belongs to; the store of
//! a controller says it again. A node whose directories say nothing was never formatted, and doesn't
//! start: two wiped disks must not elect an empty cluster. Only a quorum of one formats itself,
//! which can contradict nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use controller::{Format, VoterEndpoint, VoterKey, format};
use protocol::DirectoryId;
use storage::{LogDir, MetaProperties};
use tracing::info;

use crate::{Doors, Error, InitialController, InitialControllers, config::BrokerConfig};

/// The directory of the controller's store, within `metadata.log.dir`.
const STORE_DIRECTORY: &str = "controller";

/// Where a node's controller keeps its store.
pub(crate) fn store_path(config: &BrokerConfig) -> PathBuf {
    config.metadata_log_dir.join(STORE_DIRECTORY)
}

/// A node's directories, locked and known to belong to it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) cluster_id: String,
    /// The directories of `log.dirs`, in their order, with their ids.
    pub(crate) log_dirs: Vec<(Arc<LogDir>, DirectoryId)>,
    /// Keeps `metadata.log.dir` locked where it isn't one of them.
    _metadata_dir: Option<Arc<LogDir>>,
}

impl Identity {
    /// Opens and checks the directories. A quorum of one formats what isn't. Blocks.
    pub(crate) fn establish(config: &BrokerConfig, doors: &Doors) -> Result<Self, Error> {
        let mut directories = Directories::open(config, doors)?;
        if !directories.unformatted().is_empty() {
            if !config.is_quorum_of_one {
                let path = directories.unformatted().remove(0);
                return Err(Error::Unformatted { path });
            }
            // A formatting that got no further than the store has already named the cluster.
            let known = directories.cluster_id(config)?;
            // The store is formatted before any directory is.
            let store = format::formatted(&*doors.stores, &store_path(config))?;
            let cluster_id = match (known, store) {
                (Some(_), None) => return Err(Error::StoreLost { path: store_path(config) }),
                (Some(cluster_id), Some(_)) => cluster_id,
                (None, Some(store)) => store.format.cluster_id,
                (None, None) => doors.entropy.uuid().to_string(),
            };
            drop(directories);
            let alone = InitialControllers::Configured;
            format_node(config, doors, &cluster_id, &alone, FormatMode::MissingOnly)?;
            info!(cluster_id, "formatted");
            directories = Directories::open(config, doors)?;
        }
        let cluster_id = directories.cluster_id(config)?.expect("formatted, as checked above");
        if directories.give_ids(config, doors, &cluster_id)? {
            directories = Directories::open(config, doors)?;
        }
        let mut opened = directories.opened;
        let log_dirs = config.log_dirs.iter().map(|path| {
            let dir = opened.remove(path).expect("every directory was opened");
            let id = dir.meta_properties().and_then(|meta| meta.directory_id);
            (dir, id.unwrap_or(DirectoryId::ZERO))
        });
        let log_dirs = log_dirs.collect();
        Ok(Self { cluster_id, log_dirs, _metadata_dir: opened.into_values().next() })
    }
}

struct Directories {
    opened: BTreeMap<PathBuf, Arc<LogDir>>,
}

/// `log.dirs` and `metadata.log.dir`, each once.
fn paths(config: &BrokerConfig) -> BTreeSet<&Path> {
    let all = config.log_dirs.iter().chain([&config.metadata_log_dir]);
    all.map(PathBuf::as_path).collect()
}

impl Directories {
    fn open(config: &BrokerConfig, doors: &Doors) -> Result<Self, Error> {
        let mut opened = BTreeMap::new();
        for path in paths(config) {
            opened.insert(path.to_owned(), LogDir::open(Arc::clone(&doors.disk), path)?);
        }
        Ok(Self { opened })
    }

    fn unformatted(&self) -> Vec<PathBuf> {
        let unformatted = self.opened.iter().filter(|(_, dir)| dir.meta_properties().is_none());
        unformatted.map(|(path, _)| path.clone()).collect()
    }

    /// Gives an id to the directories of a Kafka that didn't give any (KIP-858). Returns whether
    /// there were such; they are closed then.
    fn give_ids(
        &mut self,
        config: &BrokerConfig,
        doors: &Doors,
        cluster_id: &str,
    ) -> Result<bool, Error> {
        let has_id = |dir: &LogDir| dir.meta_properties().is_some_and(|m| m.directory_id.is_some());
        let without: Vec<_> = self.opened.extract_if(.., |_, dir| !has_id(dir)).collect();
        for (path, _) in &without {
            write_meta(config, doors, cluster_id, path, doors.entropy.uuid())?;
        }
        if !without.is_empty() {
            self.opened.clear();
        }
        Ok(!without.is_empty())
    }

    /// The cluster that the formatted directories belong to, which must be one; none if none is.
    fn cluster_id(&self, config: &BrokerConfig) -> Result<Option<String>, Error> {
        let mut cluster_id: Option<String> = None;
        for (path, dir) in &self.opened {
            let Some(meta) = dir.meta_properties() else { continue };
            let foreign = |reason| Error::ForeignDirectory { path: path.clone(), reason };
            if meta.node_id != config.node_id {
                return Err(foreign(format!(
                    "belongs to node {}, but node.id is {}: set node.id={} or another log.dirs",
                    meta.node_id, config.node_id, meta.node_id
                )));
            }
            let expected = cluster_id.get_or_insert_with(|| meta.cluster_id.clone());
            if meta.cluster_id != *expected {
                return Err(foreign(format!(
                    "belongs to cluster {}, other directories to {expected}: remove one of them \
                     from log.dirs",
                    meta.cluster_id
                )));
            }
        }
        Ok(cluster_id)
    }
}

/// The cluster that a node was formatted for; none if it wasn't. Blocks.
///
/// # Errors
/// A directory that can't be used, is in use, or belongs to somebody else.
pub(crate) fn known_cluster(config: &BrokerConfig, doors: &Doors) -> Result<Option<String>, Error> {
    Directories::open(config, doors)?.cluster_id(config)
}

/// Which directories are to be formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatMode {
    /// All; it's an error if one of them is formatted already.
    All,
    /// Those that aren't formatted yet.
    MissingOnly,
}

/// What became of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryFormatted {
    /// It belongs to the node now.
    Formatted(PathBuf),
    /// It was formatted before, and is left as it was.
    AlreadyFormatted(PathBuf),
}

/// Formats a node's directories for a cluster: the store of the controller if the node has that
/// role, then `meta.properties` in each. In this order a crash between the two leaves nothing that
/// looks whole and isn't. Blocks. This is all that `ottla format` does.
///
/// # Errors
/// A directory that can't be used, is in use, belongs to somebody else, or, with
/// [`FormatMode::All`], is formatted already. Initial controllers that don't fit the configuration.
pub fn format_node(
    config: &BrokerConfig,
    doors: &Doors,
    cluster_id: &str,
    initial: &InitialControllers,
    mode: FormatMode,
) -> Result<Vec<DirectoryFormatted>, Error> {
    initial.check(config).map_err(Error::InitialControllers)?;
    let directories = Directories::open(config, doors)?;
    let known = directories.cluster_id(config)?;
    for (path, dir) in &directories.opened {
        let foreign = |reason| Err(Error::ForeignDirectory { path: path.clone(), reason });
        match &known {
            _ if dir.meta_properties().is_none() => {}
            Some(known) if known != cluster_id => {
                return foreign(format!("belongs to cluster {known}, not {cluster_id}"));
            }
            _ if mode == FormatMode::All => {
                let advice = "is formatted already: add --ignore-formatted to leave it as it is";
                return foreign(advice.to_owned());
            }
            _ => {}
        }
    }
    let metadata_meta = directories.opened[&config.metadata_log_dir].meta_properties();
    let metadata_id = match metadata_meta {
        // Its store was made with it. One that is gone isn't made again: what it held is lost, and
        // starting says so.
        Some(meta) => meta.directory_id.unwrap_or(DirectoryId::ZERO),
        None if config.roles.controller => format_store(config, doors, cluster_id, initial)?,
        None => doors.entropy.uuid(),
    };
    let mut done = Vec::new();
    for (path, dir) in &directories.opened {
        if dir.meta_properties().is_some() {
            done.push(DirectoryFormatted::AlreadyFormatted(path.clone()));
            continue;
        }
        let is_metadata_dir = *path == config.metadata_log_dir;
        let id = if is_metadata_dir { metadata_id } else { doors.entropy.uuid() };
        write_meta(config, doors, cluster_id, path, id)?;
        done.push(DirectoryFormatted::Formatted(path.clone()));
    }
    Ok(done)
}

fn write_meta(
    config: &BrokerConfig,
    doors: &Doors,
    cluster_id: &str,
    path: &Path,
    id: DirectoryId,
) -> Result<(), Error> {
    let meta = MetaProperties {
        cluster_id: cluster_id.to_owned(),
        node_id: config.node_id,
        directory_id: Some(id),
    };
    let written = meta.write(&*doors.disk, path);
    Ok(written.map_err(|source| storage::Error::Io { path: path.to_owned(), source })?)
}

/// Formats the controller's store, unless an earlier formatting got that far and no further.
/// Returns the id of the directory that it belongs to.
fn format_store(
    config: &BrokerConfig,
    doors: &Doors,
    cluster_id: &str,
    initial: &InitialControllers,
) -> Result<DirectoryId, Error> {
    let path = store_path(config);
    if let Some(found) = format::formatted(&*doors.stores, &path)?
        && found.format.cluster_id == cluster_id
        && found.format.key.node_id == config.node_id
    {
        return Ok(found.format.key.directory_id);
    }
    let (host, port) = config.own_controller_address().ok_or_else(|| Error::ForeignDirectory {
        path: path.clone(),
        reason: "a controller needs a listener of controller.listener.names".to_owned(),
    })?;
    let directory_id = initial.directory_of(config.node_id).unwrap_or_else(|| doors.entropy.uuid());
    let key = VoterKey { node_id: config.node_id, directory_id };
    let voters = match initial {
        InitialControllers::Known(all) => all.iter().map(InitialController::voter).collect(),
        InitialControllers::Configured if !config.is_quorum_of_one => BTreeMap::new(),
        InitialControllers::Configured | InitialControllers::Standalone => {
            BTreeMap::from([(key, VoterEndpoint { host, port })])
        }
        InitialControllers::Others => BTreeMap::new(),
    };
    let format = Format { cluster_id: cluster_id.to_owned(), key, voters };
    format::format(&*doors.stores, &path, &format)?;
    Ok(directory_id)
}
