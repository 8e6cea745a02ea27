//! The finalised features.

use std::collections::BTreeMap;

use crate::{MetadataVersion, record::FeatureLevelRecord};

/// The level of each finalised feature. A feature that isn't there is at level 0: off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    levels: BTreeMap<String, i16>,
}

impl Features {
    /// The finalised level; 0 = none.
    #[must_use]
    pub fn level(&self, feature: &str) -> i16 {
        self.levels.get(feature).copied().unwrap_or(0)
    }

    /// The finalised features with their levels, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, i16)> {
        self.levels.iter().map(|(name, level)| (name.as_str(), *level))
    }

    /// The level that records are written at.
    #[must_use]
    pub fn metadata_version(&self) -> MetadataVersion {
        MetadataVersion::from_level(self.level(MetadataVersion::FEATURE))
            .unwrap_or(MetadataVersion::MIN)
    }

    pub(super) fn set(&mut self, record: &FeatureLevelRecord) {
        let name = &record.name;
        assert!(record.level >= 0, "feature {name} finalised at {}", record.level);
        if name == MetadataVersion::FEATURE {
            // The log goes on with records that this build may not know: it must not go on here.
            let level = MetadataVersion::from_level(record.level);
            assert!(level.is_some(), "this build has no {name} {}", record.level);
        }
        if record.level == 0 {
            self.levels.remove(name);
        } else {
            self.levels.insert(name.clone(), record.level);
        }
    }

    pub(super) fn to_records(&self) -> impl Iterator<Item = FeatureLevelRecord> {
        let record =
            |(name, level): (&str, i16)| FeatureLevelRecord { name: name.to_owned(), level };
        self.iter().map(record)
    }
}
