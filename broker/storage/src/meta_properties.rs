//! Kafka's `meta.properties`: which cluster and node a directory belongs to (KIP-631, KIP-858).
//!
//! `ottla format` writes it; a node that finds another cluster's or node's refuses to start.

use std::{collections::BTreeMap, fmt::Write as _, io, path::Path};

use protocol::{BrokerId, DirectoryId};

use crate::{
    Error,
    disk::{Disk, read_file, replace_file},
};

/// The file's name, in every log directory and in the metadata directory.
pub(crate) const FILE_NAME: &str = "meta.properties";

/// The content of `meta.properties`, version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster's id.
    pub cluster_id: String,
    /// The node's id.
    pub node_id: BrokerId,
    /// This directory's id. Kafka before 3.7 wrote none.
    pub directory_id: Option<DirectoryId>,
}

impl MetaProperties {
    /// Reads the file of a directory; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Io`].
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE_NAME);
        let bytes =
            read_file(disk, &path).map_err(|source| Error::Io { path: path.clone(), source })?;
        bytes.map(|bytes| Self::parse(&path, &bytes)).transpose()
    }

    /// Writes the file of a directory, durably and atomically.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        replace_file(disk, &dir.join(FILE_NAME), self.format().as_bytes())
    }

    fn format(&self) -> String {
        let mut text = format!("cluster.id={}\n", self.cluster_id);
        if let Some(id) = self.directory_id {
            writeln!(text, "directory.id={id}").expect("a string takes any text");
        }
        write!(text, "node.id={}\nversion=1\n", self.node_id).expect("a string takes any text");
        text
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
        let text =
            std::str::from_utf8(bytes).map_err(|_| malformed("not a properties file".into()))?;
        let properties: BTreeMap<&str, &str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim()))
            .collect();
        let value = |key: &str| {
            properties.get(key).copied().ok_or_else(|| malformed(format!("{key} is missing")))
        };
        let version = value("version")?;
        if version != "1" {
            return Err(malformed(format!("version {version} is not supported, only 1")));
        }
        let node_id = value("node.id")?;
        let directory_id = match properties.get("directory.id") {
            None => None,
            Some(id) => Some(id.parse().map_err(|_| malformed(format!("{id:?} is not an id")))?),
        };
        Ok(Self {
            cluster_id: value("cluster.id")?.to_owned(),
            node_id: BrokerId(
                node_id.parse().map_err(|_| malformed(format!("{node_id:?} is not a node id")))?,
            ),
            directory_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use protocol::Uuid;

    use super::*;

    #[test]
    fn kafkas_file_is_read() {
        let text = b"#\n#Thu Nov 20 10:00:00 UTC 2025\nnode.id=1\n\
            directory.id=pdX3BCdLSPqRJyXLbHmYhQ\nversion=1\ncluster.id=4L6g3nShT-eMCtK--X86sw\n";
        let meta = MetaProperties::parse(Path::new("f"), text).unwrap();
        assert_eq!(meta.node_id, BrokerId(1));
        assert_eq!(meta.cluster_id, "4L6g3nShT-eMCtK--X86sw");
        assert_eq!(meta.directory_id.unwrap().to_string(), "pdX3BCdLSPqRJyXLbHmYhQ");
    }

    #[test]
    fn what_is_written_is_read() {
        for directory_id in [None, Some(Uuid([7; 16]))] {
            let meta =
                MetaProperties { cluster_id: "c".into(), node_id: BrokerId(3), directory_id };
            let read = MetaProperties::parse(Path::new("f"), meta.format().as_bytes()).unwrap();
            assert_eq!(read, meta);
        }
    }

    #[test]
    fn a_foreign_version_is_refused() {
        for text in ["version=0\nbroker.id=1\n", "node.id=1\n", "version=1\nnode.id=1\n"] {
            assert!(MetaProperties::parse(Path::new("f"), text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
