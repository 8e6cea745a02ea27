//! Creates, changes and describes topics, configurations and the cluster.
//!
//! Any broker takes these requests and passes on to the controller what is the controller's. What
//! fails in passing is tried again, for as long as the cluster's `retry_for` says; so a topic may
//! turn out to exist because the first attempt created it. A function that takes several things
//! tells of each what became of it.

mod configs;
mod elections;
mod features;
mod offsets;
mod quorum;
mod topics;

use std::{collections::BTreeMap, time::Duration};

use protocol::{
    ErrorCode, Request,
    api::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse},
};

pub use self::{
    configs::{ConfigChange, ConfigResource, Operation},
    elections::{Election, ElectionResults},
    features::NewLevel,
    quorum::Quorum,
    topics::{NewPartitions, NewTopic, TopicResults},
};
use crate::{cluster::Cluster, error::Error};

/// How long the controller may take to do what it's asked.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Administers one cluster.
///
/// ```no_run
/// use client::{Admin, Cluster, ClusterOptions, Doors, Endpoint, NewTopic};
///
/// # async fn example() -> Result<(), client::Error> {
/// let bootstrap = Endpoint::parse_list("localhost:9092").expect("an endpoint");
/// let cluster = Cluster::connect(Doors::system(), bootstrap, ClusterOptions::default()).await?;
/// let admin = Admin::new(cluster);
///
/// let positions = NewTopic::new("positions").partitions(10);
/// for (name, result) in admin.create_topics(&[positions], false).await? {
///     if let Err(error) = result {
///         eprintln!("{name} was not created: {error}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// Shares the cluster's connection for questions.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// The cluster's id and its brokers.
    ///
    /// ```no_run
    /// # async fn example(admin: client::Admin) -> Result<(), client::Error> {
    /// let cluster = admin.describe_cluster().await?;
    /// println!("cluster {}, {} brokers", cluster.cluster_id, cluster.brokers.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No broker that answers.
    pub async fn describe_cluster(&self) -> Result<DescribeClusterResponse, Error> {
        let request = DescribeClusterRequest::default();
        self.cluster
            .retry(|| async {
                let response = self.call(&request).await?;
                let message = response.error_message.as_deref();
                Error::check(response.error_code, "DescribeCluster", message)?;
                Ok(response)
            })
            .await
    }

    async fn call<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        self.cluster.any().await?.call(request).await
    }

    /// Asks for each of some things, and again for those that fail in passing.
    async fn each<K, T, F>(
        &self,
        things: impl IntoIterator<Item = K>,
        subject: impl Fn(&K) -> String,
        ask: impl Fn(Vec<K>) -> F,
    ) -> Result<BTreeMap<K, Result<T, Error>>, Error>
    where
        K: Ord + Clone,
        F: Future<Output = Result<Vec<Answer<K, T>>, Error>>,
    {
        let unanswered = |thing: K| (thing.clone(), Err(left_out(subject(&thing))));
        let mut results: BTreeMap<K, Result<T, Error>> =
            things.into_iter().map(unanswered).collect();
        let mut remaining: Vec<_> = results.keys().cloned().collect();
        let mut attempts = self.cluster.attempts(self.cluster.options().retry_for);
        while !remaining.is_empty() {
            let answers = match ask(remaining.clone()).await {
                Ok(answers) => answers,
                Err(error) => {
                    attempts.after(error).await?;
                    continue;
                }
            };
            let mut passing = None;
            for Answer { thing, code, message, value } in answers {
                let result = Error::check(code, subject(&thing), message.as_deref());
                match &result {
                    Err(error) if is_worth_another_try(error) => passing = Some(error.clone()),
                    _ => remaining.retain(|other| *other != thing),
                }
                results.insert(thing, result.map(|()| value));
            }
            let Some(error) = passing else { break };
            if attempts.after(error).await.is_err() {
                break;
            }
        }
        Ok(results)
    }
}

/// What a broker says of one of several things.
struct Answer<K, T> {
    thing: K,
    code: ErrorCode,
    message: Option<String>,
    value: T,
}

/// A topic that isn't there won't come to be deleted or changed by waiting.
fn is_worth_another_try(error: &Error) -> bool {
    use ErrorCode::{UnknownTopicId, UnknownTopicOrPartition};
    let is_missing = matches!(error.code(), Some(UnknownTopicId | UnknownTopicOrPartition));
    error.is_retriable() && !is_missing
}

fn left_out(subject: impl std::fmt::Display) -> Error {
    let message = "the broker's answer leaves it out";
    Error::answer(ErrorCode::UnknownServerError, subject, Some(message))
}

fn operation_timeout_ms() -> i32 {
    i32::try_from(OPERATION_TIMEOUT.as_millis()).expect("half a minute")
}

#[cfg(test)]
mod tests;
