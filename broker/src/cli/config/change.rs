//! Changes of a configuration, and what may help where they're refused.

use std::collections::BTreeMap;

use client::{
    Admin, ConfigResource,
    admin::{ConfigChange, Operation},
};
use protocol::{ErrorCode, api::describe_configs::DescribeConfigsResourceResult};
use serde::Serialize;

use crate::cli::{Error, advice::on_refused_configs};

use super::resource::keys;

/// What a change does, in a few words.
pub(in crate::cli) fn in_words(ConfigChange { key, operation }: &ConfigChange) -> String {
    match operation {
        Operation::Set(value) => format!("{key} set to {value}"),
        Operation::Delete => format!("{key} unset"),
        Operation::Append(elements) => format!("{elements} added to {key}"),
        Operation::Subtract(elements) => format!("{elements} taken from {key}"),
    }
}

/// A change that was made, for programs.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Changed<'a> {
    key: &'a str,
    value: Option<&'a str>,
    /// One word.
    outcome: &'static str,
}

impl<'a> Changed<'a> {
    pub(in crate::cli) fn new(change: &'a ConfigChange, validate_only: bool) -> Self {
        let (key, value) = as_pair(change);
        let outcome = match value {
            _ if validate_only => "valid",
            Some(_) => "set",
            None => "unset",
        };
        Self { key, value, outcome }
    }
}

/// Makes all of some changes, or none.
pub(in crate::cli) async fn alter(
    admin: &Admin,
    resource: &ConfigResource,
    changes: &[ConfigChange],
    validate_only: bool,
) -> Result<(), Error> {
    refuse_unknown(admin, resource, changes).await?;
    let wanted = BTreeMap::from([(resource.clone(), changes.to_vec())]);
    let results = admin.incremental_alter_configs(&wanted, validate_only).await?;
    let result = results.into_values().collect::<Result<(), _>>();
    result.map_err(|error| explain(resource, changes, error))
}

/// Brokers let keys be unset that don't exist. Who does it has misspelt one.
async fn refuse_unknown(
    admin: &Admin,
    resource: &ConfigResource,
    changes: &[ConfigChange],
) -> Result<(), Error> {
    for ConfigChange { key, .. } in changes.iter().filter(|c| c.operation == Operation::Delete) {
        // What this build doesn't know may be a newer cluster's.
        let Some(tip) = keys(resource).instead_of(key) else { continue };
        let present = describe(admin, resource).await?;
        if !present.iter().any(|config| config.name == *key) {
            return Err(Error::NotFound(format!("{resource} has no key {key}")).with_tip(tip));
        }
    }
    Ok(())
}

/// All keys of a resource.
pub(super) async fn describe(
    admin: &Admin,
    resource: &ConfigResource,
) -> Result<Vec<DescribeConfigsResourceResult>, Error> {
    let described = admin.describe_configs(resource).await;
    described.map_err(|error| explain(resource, &[], error))
}

fn explain(resource: &ConfigResource, changes: &[ConfigChange], error: client::Error) -> Error {
    if let (ConfigResource::Broker(_), Some(ErrorCode::BrokerIdNotRegistered)) =
        (resource, error.code())
    {
        return Error::from(error).with_tip("`ottla cluster` shows the brokers there are");
    }
    on_refused_configs(keys(resource), changes.iter().map(as_pair), error)
}

fn as_pair(change: &ConfigChange) -> (&str, Option<&str>) {
    let value = match &change.operation {
        Operation::Set(value) => Some(value.as_str()),
        Operation::Delete | Operation::Append(_) | Operation::Subtract(_) => None,
    };
    (&change.key, value)
}
