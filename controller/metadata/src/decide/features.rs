//! Features: which levels the cluster has agreed to use (KIP-584).

use protocol::ErrorCode;

use super::{Decision, Refusal};
use crate::{ClusterImage, MetadataRecord, MetadataVersion, record::FeatureLevelRecord};

/// A wish to finalise a feature at a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// The feature's name.
    pub name: String,
    /// The level; 0 = off.
    pub level: i16,
    /// Whether the level may be lower than it is.
    pub upgrade_type: UpgradeType,
}

/// Which way a level may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeType {
    /// Up.
    Upgrade,
    /// Down, if nothing is lost by it.
    SafeDowngrade,
    /// Down, whatever is lost by it.
    UnsafeDowngrade,
}

impl ClusterImage {
    /// What a new cluster starts with: the first records of its log.
    #[must_use]
    pub fn bootstrap_records() -> Vec<MetadataRecord> {
        let (name, level) = (MetadataVersion::FEATURE.to_owned(), MetadataVersion::LATEST.level());
        vec![FeatureLevelRecord { name, level }.into()]
    }

    /// Finalises features. All of them or none: the answer is the first refusal.
    pub fn update_features(
        &self,
        updates: &[FeatureUpdate],
        validate_only: bool,
    ) -> Decision<Result<(), Refusal>> {
        let mut records = Vec::new();
        for update in updates {
            if let Err(refusal) = self.may_finalise(update) {
                return Decision::unchanged(Err(refusal));
            }
            if update.level != self.features().level(&update.name) {
                let record = FeatureLevelRecord { name: update.name.clone(), level: update.level };
                records.push(record.into());
            }
        }
        if validate_only {
            records.clear();
        }
        Decision { records, response: Ok(()) }
    }

    fn may_finalise(&self, update: &FeatureUpdate) -> Result<(), Refusal> {
        let FeatureUpdate { name, level, upgrade_type } = update;
        let refuse = |reason: &str| {
            let message = format!("Invalid update version {level} for feature {name}. {reason}");
            Err(Refusal::new(ErrorCode::InvalidUpdateVersion, message))
        };
        let present = self.features().level(name);
        if *level < 0 {
            return refuse("A feature version cannot be less than 0.");
        }
        if *level < present && *upgrade_type == UpgradeType::Upgrade {
            return refuse(
                "Can't downgrade the version of this feature without setting the upgrade type to \
                 either safe or unsafe downgrade.",
            );
        }
        if *level > present && *upgrade_type != UpgradeType::Upgrade {
            return refuse("Can't upgrade the version of this feature by a downgrade.");
        }
        // The records of the higher level are in the log and in snapshots already.
        if *level < present && name == MetadataVersion::FEATURE {
            return refuse("The metadata can't be written as an earlier version had it.");
        }
        if name == MetadataVersion::FEATURE && MetadataVersion::from_level(*level).is_none() {
            return refuse(&format!(
                "The controller only supports versions {}-{}",
                MetadataVersion::MIN,
                MetadataVersion::LATEST
            ));
        }
        for broker in self.brokers().iter() {
            let id = broker.id;
            match broker.features.iter().find(|feature| feature.name == *name) {
                _ if *level == 0 => {}
                None => return refuse(&format!("Broker {id} does not support this feature.")),
                Some(f) if !(f.min_level..=f.max_level).contains(level) => {
                    return refuse(&format!(
                        "Broker {id} only supports versions {}-{}",
                        f.min_level, f.max_level
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
