//! Features: the levels that the cluster has agreed to use (KIP-584).

use std::collections::BTreeMap;

use protocol::{
    Message,
    api::update_features::{
        FeatureUpdate, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE, UPGRADE, UpdateFeaturesRequest,
    },
};

use super::{Admin, operation_timeout_ms};
use crate::error::Error;

/// The first version of UpdateFeatures that can check without changing anything, and knows more than
/// one kind of downgrade.
const DRY_RUNS_FROM: i16 = 1;

/// Which level a feature shall have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewLevel {
    /// This one, unless it's lower than the present one.
    Upgrade(i16),
    /// This lower one, if nothing is lost by it. 0 = the feature isn't used any more.
    SafeDowngrade(i16),
    /// This lower one, though what it can't express is lost.
    UnsafeDowngrade(i16),
}

impl NewLevel {
    fn update(self, feature: &str) -> FeatureUpdate {
        let (upgrade_type, max_version_level) = match self {
            Self::Upgrade(level) => (UPGRADE, level),
            Self::SafeDowngrade(level) => (SAFE_DOWNGRADE, level),
            Self::UnsafeDowngrade(level) => (UNSAFE_DOWNGRADE, level),
        };
        FeatureUpdate {
            feature: feature.to_owned(),
            max_version_level,
            allow_downgrade: upgrade_type != UPGRADE,
            upgrade_type,
        }
    }
}

impl Admin {
    /// Raises or lowers the levels of features, all of them or none; or only checks whether it could.
    ///
    /// ```no_run
    /// use std::collections::BTreeMap;
    ///
    /// use client::admin::NewLevel;
    ///
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// // Every node runs the new version, so that its metadata may be written.
    /// let levels = BTreeMap::from([("metadata.version".to_owned(), NewLevel::Upgrade(2))]);
    /// admin.update_features(&levels, false).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A level that some node doesn't have, or that the feature can't go to so; no broker that
    /// answers.
    pub async fn update_features(
        &self,
        levels: &BTreeMap<String, NewLevel>,
        validate_only: bool,
    ) -> Result<(), Error> {
        let needs_kinds = validate_only
            || levels.values().any(|level| matches!(level, NewLevel::UnsafeDowngrade(_)));
        let since = if needs_kinds { DRY_RUNS_FROM } else { 0 };
        let request = UpdateFeaturesRequest {
            timeout_ms: operation_timeout_ms(),
            feature_updates: levels.iter().map(|(name, level)| level.update(name)).collect(),
            validate_only,
        };
        self.cluster.retry(|| self.ask_features(&request, since)).await
    }

    async fn ask_features(&self, request: &UpdateFeaturesRequest, since: i16) -> Result<(), Error> {
        let connection = self.cluster.any().await?;
        let versions = since..=*UpdateFeaturesRequest::VERSIONS.end();
        let version = connection.version_within::<UpdateFeaturesRequest>(versions)?;
        let response = connection.call_at(request, version).await?;
        Error::check(response.error_code, "UpdateFeatures", response.error_message.as_deref())?;
        response.results.iter().try_for_each(|result| {
            let subject = format!("feature {}", result.feature);
            Error::check(result.error_code, subject, result.error_message.as_deref())
        })
    }
}
