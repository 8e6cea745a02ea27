//! The options that loads share.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use clap::Args;
use client::{Admin, Cluster, NewTopic, metadata_cache::Topic};
use protocol::{ErrorCode, TopicName};

use crate::cli::{Error, advice::on_unknown_topic, time::duration};

/// How long a load goes on that nobody limits.
pub(super) const DURATION_DEFAULT: Duration = Duration::from_secs(10);

/// How much: until one of the limits is reached.
#[derive(Debug, Args)]
pub(super) struct Amount {
    /// Stop after this many records.
    #[arg(
        long,
        short = 'n',
        visible_alias = "num-records",
        alias = "messages",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(super) count: Option<u64>,
    /// Stop after this long, such as 500ms, 30s or 5m.
    #[arg(long, short = 'd', value_name = "TIME", value_parser = duration)]
    pub(super) duration: Option<Duration>,
}

impl Amount {
    /// How long at most: a load without any limit ends all the same.
    pub(super) fn duration_or_default(&self) -> Option<Duration> {
        match self.count {
            Some(_) => self.duration,
            None => Some(self.duration.unwrap_or(DURATION_DEFAULT)),
        }
    }
}

/// Whether to create the topic.
#[derive(Debug, Args)]
pub(super) struct Creation {
    /// Create the topic, unless it exists.
    #[arg(long)]
    create: bool,
    /// With --create: how many partitions; the cluster's num.partitions unless given.
    #[arg(long, value_name = "N", requires = "create")]
    partitions: Option<i32>,
    /// With --create: how many copies; the cluster's default.replication.factor unless given.
    #[arg(long, value_name = "N", requires = "create")]
    replication_factor: Option<i16>,
}

impl Creation {
    /// The topic, as it is or is made.
    pub(super) async fn topic(&self, cluster: &Cluster, name: TopicName) -> Result<Topic, Error> {
        let admin = Admin::new(cluster.clone());
        if self.create {
            let topic = NewTopic::new(name.clone())
                .partitions(self.partitions)
                .replication_factor(self.replication_factor);
            for result in admin.create_topics(&[topic], false).await?.into_values() {
                match result {
                    Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
                    result => result?,
                }
            }
            cluster.wait_for_topic(&name).await?;
        }
        let topic = described(&admin, &name).await?;
        let count = topic.partitions.len();
        match self.partitions {
            Some(wanted) if usize::try_from(wanted) != Ok(count) => Err(Error::Usage(format!(
                "--partitions {wanted}: topic {name} exists and has {count}; write {count}, or name another topic"
            ))),
            _ => Ok(Topic::clone(&topic)),
        }
    }
}

/// A topic that exists.
pub(super) async fn described(admin: &Admin, name: &TopicName) -> Result<Arc<Topic>, Error> {
    match admin.describe_topic(name).await {
        Ok(topic) => Ok(topic),
        Err(error) => Err(on_unknown_topic(admin, name, error).await),
    }
}

/// Records per second. Kafka's tools have -1 for no limit.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    if ["-1", "max"].contains(&text) {
        return Ok(Rate(None));
    }
    let steady = steady_rate(text).map_err(|error| format!("{error}, or max"))?;
    Ok(Rate(Some(steady)))
}

/// Records per second.
pub(super) fn steady_rate(text: &str) -> Result<NonZeroU64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number.parse().map_err(|_| "write records per second, such as 500 or 500/s".to_owned())
}

/// How many records per second, or as many as can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate(pub(super) Option<NonZeroU64>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_positive_or_as_fast_as_can_be() {
        assert_eq!(rate("1000"), Ok(Rate(NonZeroU64::new(1000))));
        assert_eq!(rate("500/s"), Ok(Rate(NonZeroU64::new(500))));
        assert_eq!(rate("-1"), Ok(Rate(None)));
        assert_eq!(rate("max"), Ok(Rate(None)));
        for text in ["0", "-2", "1.5", "fast", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_load_without_limits_ends() {
        let amount = |count, duration| Amount { count, duration }.duration_or_default();
        assert_eq!(amount(None, None), Some(DURATION_DEFAULT));
        assert_eq!(amount(Some(5), None), None);
        let second = Some(Duration::from_secs(1));
        assert_eq!(amount(None, second), second);
        assert_eq!(amount(Some(5), second), second);
    }
}
