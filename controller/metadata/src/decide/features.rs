//! Features: which levels the cluster has agreed to use (KIP-584).

use std::collections::BTreeSet;

use protocol::{
    ErrorCode,
    api::update_features::{
        FeatureUpdateResult, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE, UPGRADE, UpdateFeaturesRequest,
        UpdateFeaturesResponse,
    },
};

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

/// The last version of the response that has a result for each feature.
const RESULTS_UNTIL: i16 = 1;

impl ClusterImage {
    /// What a new cluster starts with: the first records of its log.
    #[must_use]
    pub fn bootstrap_records() -> Vec<MetadataRecord> {
        let (name, level) = (MetadataVersion::FEATURE.to_owned(), MetadataVersion::LATEST.level());
        vec![FeatureLevelRecord { name, level }.into()]
    }

    /// Finalises features, as the request has it. `version` is its own: up to 1 it is answered for
    /// each feature, and in 0 it says otherwise which way a level may go.
    pub fn update_features(
        &self,
        request: &UpdateFeaturesRequest,
        version: i16,
    ) -> Decision<UpdateFeaturesResponse> {
        let Decision { records, response } = match wanted(request, version) {
            Ok(updates) => self.finalise_features(&updates, request.validate_only),
            Err(refusal) => Decision::unchanged(Err(refusal)),
        };
        let mut answer = UpdateFeaturesResponse::default();
        match response {
            Ok(()) if version > RESULTS_UNTIL => {}
            Ok(()) => {
                let names = request.feature_updates.iter().map(|update| update.feature.clone());
                let result = |feature| FeatureUpdateResult { feature, ..Default::default() };
                answer.results = names.map(result).collect();
            }
            Err(refusal) => {
                answer.error_code = refusal.error;
                answer.error_message = Some(refusal.message);
            }
        }
        Decision { records, response: answer }
    }

    /// Finalises features. All of them or none: the answer is the first refusal.
    pub fn finalise_features(
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

    /// Whether there is anything that the level can't express.
    fn loses_by(&self, update: &FeatureUpdate) -> bool {
        let FeatureUpdate { name, level, .. } = update.clone();
        if name != MetadataVersion::FEATURE || MetadataVersion::from_level(level).is_none() {
            return false;
        }
        let mut after = self.clone();
        after.replay(&FeatureLevelRecord { name, level }.into());
        after.brokers() != self.brokers()
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
        if *level < present && *upgrade_type == UpgradeType::SafeDowngrade && self.loses_by(update)
        {
            return refuse(
                "Refusing to perform the requested downgrade because it might delete metadata \
                 information.",
            );
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

/// What a request asks for.
fn wanted(request: &UpdateFeaturesRequest, version: i16) -> Result<Vec<FeatureUpdate>, Refusal> {
    let mut named = BTreeSet::new();
    let mut updates = Vec::with_capacity(request.feature_updates.len());
    for update in &request.feature_updates {
        if !named.insert(&update.feature) {
            let message = "Each feature must appear at most once.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        let upgrade_type = match (version, update.allow_downgrade, update.upgrade_type) {
            (0, true, _) | (1.., _, SAFE_DOWNGRADE) => UpgradeType::SafeDowngrade,
            (0, false, _) | (1.., _, UPGRADE) => UpgradeType::Upgrade,
            (1.., _, UNSAFE_DOWNGRADE) => UpgradeType::UnsafeDowngrade,
            _ => {
                let message = "The controller does not support the given upgrade type.";
                return Err(Refusal::new(ErrorCode::InvalidUpdateVersion, message));
            }
        };
        let (name, level) = (update.feature.clone(), update.max_version_level);
        updates.push(FeatureUpdate { name, level, upgrade_type });
    }
    Ok(updates)
}

#[cfg(test)]
mod tests;
