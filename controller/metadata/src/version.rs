//! The finalised feature `metadata.version`: which records, at which versions, may be written.
//!
//! A cluster whose nodes run different builds writes what the oldest of them can read. The level is
//! raised when every node has been updated, by an administrator; until then each of them can go
//! back to the build that it came from.

/// A level of `metadata.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(i16);

impl MetadataVersion {
    /// The feature's name.
    pub const FEATURE: &'static str = "metadata.version";
    /// The first level: what a cluster has before any level is finalised.
    pub const MIN: Self = Self(1);
    /// The newest level that this build can write; also what a new cluster starts with.
    pub const LATEST: Self = Self(2);
    /// From this level on it's said why a broker is fenced.
    pub const FENCE_REASONS: Self = Self(2);

    /// A level by its number; `None` for one that this build doesn't know.
    #[must_use]
    pub fn from_level(level: i16) -> Option<Self> {
        (Self::MIN.0..=Self::LATEST.0).contains(&level).then_some(Self(level))
    }

    /// A level that this build need not know.
    #[cfg(test)]
    pub(crate) fn for_tests(level: i16) -> Self {
        Self(level)
    }

    /// The level's number.
    #[must_use]
    pub fn level(self) -> i16 {
        self.0
    }
}

impl std::fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
